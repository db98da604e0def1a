/* SPDX-License-Identifier: MIT */
/* failfast.c - are these files UTF-8? The first that is not, or that takes too long, ends the whole batch; so does Ctrl-C.
 *
 *     failfast [-t SECONDS] FILE...
 *
 * The files are one scope. A failure in it cancels the rest, a time-out of one file is a failure like any other, and a
 * signal handler may cancel it as well. filch_scope_close returns when every task has ended, so nothing is left behind.
 * The exit status is 0, 1 (a file failed), or 130 (interrupted).
 */
#define _GNU_SOURCE
#include <filch/filch.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { AT_ONCE = 8 }; /* a file may be a pipe that blocks */

struct file {
    struct filch_future future;
    const char *path;
};

static struct filch_scope scope; /* the handler needs to find it */
static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
    (void)number;
    interrupted = 1;
    filch_scope_cancel(&scope); /* safe in a handler, and without effect when the scope is not open */
}

/* Bytes that must follow, after one more; -1: it cannot stand there. */
static int follow(int expected, unsigned char byte)
{
    if (expected > 0)
        return (byte & 0xc0) == 0x80 ? expected - 1 : -1;
    if (byte < 0x80)
        return 0;
    return byte < 0xc2 || byte > 0xf4 ? -1 : byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
}

/* The next bytes, waiting for them in turns, for reads are not interrupted by a cancel. */
static ssize_t read_some(int fd, unsigned char *buffer, size_t size)
{
    for (;;) {
        ssize_t got = read(fd, buffer, size);
        if (got >= 0)
            return got;
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
        if (filch_cancelled())
            return -ECANCELED;
        poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 20);
    }
}

static int check_file(void *data)
{
    const struct file *file = data;
    unsigned char buffer[16384];
    int fd = open(file->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC), expected = 0;
    ssize_t got = fd < 0 ? -errno : 0;
    while (got >= 0 && expected >= 0 && (got = read_some(fd, buffer, sizeof buffer)) > 0)
        for (ssize_t i = 0; i < got && expected >= 0; i++)
            expected = follow(expected, buffer[i]);
    if (fd >= 0)
        close(fd);
    return got < 0 ? (int)got : expected == 0 ? 0 : -EILSEQ;
}

/* Each failure, as it happens, from the thread on which it happened; not those that the cancel ended. */
static void tell(void *ctx, struct filch_future *future, int status)
{
    const struct file *file = (const struct file *)((char *)future - offsetof(struct file, future));
    (void)ctx;
    fprintf(stderr, "%s %s: %s\n", filch_future_name(future), file->path, strerror(-status));
}

static int check_all(struct filch_pool *pool, struct file files[], int count, uint64_t timeout_ns)
{
    const struct filch_scope_config config = {.policy = FILCH_SCOPE_FAIL_FAST, .on_error = tell};
    const struct filch_task_options options = {.name = "check", .timeout_ns = timeout_ns};
    int error = filch_scope_open(&scope, pool, &config);
    if (error)
        return error;
    sigaction(SIGINT, &(struct sigaction){.sa_handler = interrupt}, NULL);
    for (int i = 0; i < count; i++) /* when one has failed already, this one is done with -ECANCELED */
        filch_scope_submit(&scope, &files[i].future, check_file, &files[i], &options);
    puts("checking");
    fflush(stdout);
    return filch_scope_close(&scope);
}

int main(int argc, char **argv)
{
    uint64_t timeout_ns = 0; /* none */
    int option, right = 0, stopped = 0;
    while ((option = getopt(argc, argv, "t:")) != -1)
        if (option == 't')
            timeout_ns = (uint64_t)(strtod(optarg, NULL) * 1e9);
    int count = argc - optind;
    struct file *files = calloc((size_t)count + 1, sizeof *files);
    struct filch_pool *pool;
    int error = files ? filch_pool_open(&pool, &(struct filch_pool_config){.max_concurrency = AT_ONCE}) : -ENOMEM;
    if (!error) {
        for (int i = 0; i < count; i++)
            files[i].path = argv[optind + i];
        error = check_all(pool, files, count, timeout_ns);
        filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE);
        filch_pool_free(pool);
    }
    for (int i = 0; i < count && files; i++) {
        right += filch_status(&files[i].future) == 0;
        stopped += filch_status(&files[i].future) == -ECANCELED;
    }
    free(files);
    printf("%d right, %d stopped: %s\n", right, stopped, interrupted ? "interrupted" : strerror(-error));
    return interrupted ? 130 : error ? 1 : 0;
}
