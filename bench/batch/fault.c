/* SPDX-License-Identifier: MIT */
/* fault.c - faults planted on request, for docs/profiling.md: what a trace says of each is known beforehand.
 *
 *   lock   each file is hashed and compressed under one mutex of the process
 *   tail   a file much longer than the others comes last; it is made for that, and deleted afterwards
 *
 * A limit that is too low needs no code: -j 1.
 */
#define _GNU_SOURCE
#include "batch.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool locked; /* set before any thread exists */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char *tail; /* path of the long file, or NULL */

bool fault_parse(const char *name, enum fault *ret_fault)
{
    if (!strcmp(name, "none"))
        *ret_fault = FAULT_NONE;
    else if (!strcmp(name, "lock"))
        *ret_fault = FAULT_LOCK;
    else if (!strcmp(name, "tail"))
        *ret_fault = FAULT_TAIL;
    else
        return false;
    return true;
}

void fault_enter(void)
{
    if (locked)
        pthread_mutex_lock(&lock);
}

void fault_leave(void)
{
    if (locked)
        pthread_mutex_unlock(&lock);
}

/* Numbered records with one random field: they compress to about a fifth, at the speed of real text. */
static int write_records(FILE *out)
{
    uint64_t random = 88172645463325252u;
    for (unsigned record = 0; record < TAIL_RECORDS; record++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        fprintf(out, "%09u request path=/%u/%u status=%u bytes=%llu\n", record, (unsigned)(random >> 60),
                (unsigned)(random >> 40 & 1023), random & 7 ? 200u : 404u, (unsigned long long)(random & 0xffffff));
    }
    return ferror(out) ? -EIO : 0;
}

static int make_tail(void)
{
    const char *directory = getenv("TMPDIR");
    if (asprintf(&tail, "%s/batch-tail.XXXXXX", directory ? directory : "/tmp") < 0) {
        tail = NULL;
        return -ENOMEM;
    }
    int fd = mkstemp(tail);
    if (fd < 0) {
        int error = -errno;
        free(tail);
        tail = NULL;
        return error;
    }
    FILE *out = fdopen(fd, "w");
    if (!out) {
        close(fd);
        return -ENOMEM;
    }
    int error = write_records(out);
    return fclose(out) ? -EIO : error;
}

static char **with_tail(struct options *options)
{
    char **roots = calloc(options->root_count + 1, sizeof *roots);
    if (!roots)
        return NULL;
    memcpy(roots, options->roots, options->root_count * sizeof *roots);
    roots[options->root_count] = tail;
    return roots;
}

int fault_open(struct options *options)
{
    locked = options->fault == FAULT_LOCK;
    if (options->fault != FAULT_TAIL)
        return 0;
    int error = make_tail();
    char **roots = error ? NULL : with_tail(options);
    if (!roots) {
        fault_close(options);
        return error ? error : -ENOMEM;
    }
    options->roots = roots;
    options->root_count++;
    return 0;
}

void fault_close(struct options *options)
{
    if (!tail)
        return;
    if (options->root_count > 0 && options->roots[options->root_count - 1] == tail)
        free(options->roots);
    unlink(tail);
    free(tail);
    tail = NULL;
}
