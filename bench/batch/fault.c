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

/* The block is longer than the window in which zstd looks for repetitions at its default level. */
enum { TAIL_BLOCK = 4 << 20, TAIL_BLOCKS = 64 };

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

/* Records with a random field or two: they compress to about a fifth, at the speed of real text. */
static void fill(char block[TAIL_BLOCK])
{
    uint64_t random = 88172645463325252u;
    for (size_t at = 0; at < TAIL_BLOCK;) {
        char record[80];
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        int length =
            snprintf(record, sizeof record, "request path=/%u/%u status=%u bytes=%u\n", (unsigned)(random >> 60),
                     (unsigned)(random >> 40 & 1023), random & 7 ? 200u : 404u, (unsigned)random & 0xffffff);
        size_t left = TAIL_BLOCK - at, size = (size_t)length < left ? (size_t)length : left;
        memcpy(block + at, record, size);
        at += size;
    }
}

static int write_blocks(int fd)
{
    char *block = malloc(TAIL_BLOCK);
    int error = block ? 0 : -ENOMEM;
    if (block)
        fill(block);
    for (size_t left = (size_t)TAIL_BLOCKS * TAIL_BLOCK; left > 0 && !error;) {
        size_t rest = left % TAIL_BLOCK ? left % TAIL_BLOCK : TAIL_BLOCK;
        ssize_t n = write(fd, block + TAIL_BLOCK - rest, rest);
        if (n > 0)
            left -= (size_t)n;
        else if (n == 0 || errno != EINTR)
            error = n ? -errno : -EIO;
    }
    free(block);
    return error;
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
    int error = write_blocks(fd);
    return close(fd) && !error ? -errno : error;
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
