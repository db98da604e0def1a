/* SPDX-License-Identifier: MIT */
/* sessions.c - what each worker brings along: a regular expression, compiled once per worker.
 *
 * One compiled expression shared by all would be a lock that all meet at: the C library takes one in each match. So
 * worker_init prepares one per worker, worker_fini frees it, and a task asks for that of the worker it runs on. The same
 * goes for connections, scratch memory, handles of libraries that are not thread-safe.
 */
#define _GNU_SOURCE
#include <filch/filch.h>

#include <errno.h>
#include <regex.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINES = 2000, PER_TASK = 50, TASKS = LINES / PER_TASK };

/* worker_init's `ctx`: what all sessions have in common. */
struct setup {
    const char *pattern;
    atomic_int opened, closed;
};

static int open_session(void *ctx, unsigned worker, void **ret_local)
{
    struct setup *setup = ctx;
    regex_t *expression = malloc(sizeof *expression);
    (void)worker;
    if (!expression)
        return -ENOMEM;
    if (regcomp(expression, setup->pattern, REG_EXTENDED | REG_NOSUB) != 0) {
        free(expression);
        return -EINVAL; /* filch_pool_open fails with it */
    }
    atomic_fetch_add(&setup->opened, 1);
    *ret_local = expression;
    return 0;
}

static void close_session(void *ctx, unsigned worker, void *local)
{
    struct setup *setup = ctx;
    (void)worker;
    regfree(local);
    free(local);
    atomic_fetch_add(&setup->closed, 1);
}

struct part {
    struct filch_future future;
    char (*lines)[48];
    int matches;
};

static int search(void *data)
{
    struct part *part = data;
    const regex_t *expression = filch_worker_local(); /* after a wait: ask again, it may be another worker */
    for (int i = 0; i < PER_TASK; i++)
        part->matches += regexec(expression, part->lines[i], 0, NULL, 0) == 0;
    return 0;
}

int main(void)
{
    static char lines[LINES][48];
    static struct part parts[TASKS];
    struct setup setup = {.pattern = "^user[0-9]+5@example\\.(org|net)$"};
    struct filch_pool *pool;
    struct filch_pool_config config = {.min_workers = 2,
                                       .max_concurrency = 4,
                                       .worker_init = open_session,
                                       .worker_fini = close_session,
                                       .ctx = &setup};
    int error = filch_pool_open(&pool, &config), matches = 0;
    if (error) {
        fprintf(stderr, "sessions: no pool: %s\n", strerror(-error));
        return 1;
    }
    for (int i = 0; i < LINES; i++)
        snprintf(lines[i], sizeof lines[i], "user%d@example.%s", i, i % 2 ? "org" : "com");
    for (int i = 0; i < TASKS; i++) {
        parts[i].lines = &lines[i * PER_TASK];
        filch_submit(pool, &parts[i].future, search, &parts[i]);
    }
    for (int i = 0; i < TASKS; i++) {
        error = error ? error : filch_wait(&parts[i].future);
        matches += parts[i].matches;
    }
    filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE);
    filch_pool_free(pool);
    int opened = atomic_load(&setup.opened);
    bool once = opened >= 2 && opened <= 4 && opened == atomic_load(&setup.closed);
    printf("%d of %d lines match; one expression per worker, none left: %s\n", matches, LINES, once ? "yes" : "no");
    return !error && matches == 199 && once ? 0 : 1;
}
