/* SPDX-License-Identifier: MIT */
/* library.c - a program with a pool of its own, and a library (textstats.c) that works in whatever pool it is given.
 *
 * The program allows one body at a time. The library is called with that pool from outside; with NULL from a task of that
 * pool, where it waits for tasks that need the place which the caller has; and with NULL from outside, where it works in
 * the default pool. The counters say which pool did the work.
 */
#include "textstats.h"

#include <filch/filch.h>

#include <stdio.h>
#include <string.h>

static const char *const texts[] = {
    "the quick brown fox\njumps over\nthe lazy dog\n", "one\ntwo\nthree\n", "", "   spaces   everywhere   \n", "last",
};
enum { TEXTS = sizeof texts / sizeof texts[0] };

/* A part of the program, which knows of no pool. */
static int report(void *data)
{
    return textstats_count(NULL, texts, TEXTS, data);
}

static unsigned long long tasks_of(const struct filch_pool *pool)
{
    struct filch_pool_stats stats = {0};
    filch_pool_get_stats(pool, &stats, sizeof stats);
    return stats.submitted;
}

static bool right(const struct textstats *stats)
{
    return stats->lines == 7 && stats->words == 15;
}

int main(void)
{
    struct textstats handed = {0, 0}, inside = {0, 0}, outside = {0, 0};
    struct filch_pool *pool;
    int error = filch_pool_open(&pool, &(struct filch_pool_config){.max_concurrency = 1, .name = "host"});
    if (error) {
        fprintf(stderr, "library: no pool: %s\n", strerror(-error));
        return 1;
    }
    error = textstats_count(pool, texts, TEXTS, &handed);
    if (!error) {
        struct filch_future future = {0};
        filch_submit(pool, &future, report, &inside);
        error = filch_wait(&future);
    }
    if (!error)
        error = textstats_count(NULL, texts, TEXTS, &outside);
    unsigned long long host = tasks_of(pool), defaults = tasks_of(filch_pool_default());
    filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE);
    filch_pool_free(pool);
    if (error)
        fprintf(stderr, "library: %s\n", strerror(-error));
    printf("%zu lines, %zu words; tasks in the host's pool: %llu, in the default pool: %llu\n", inside.lines,
           inside.words, host, defaults);
    return !error && right(&handed) && right(&inside) && right(&outside) && host == 2 * TEXTS + 1 && defaults == TEXTS
               ? 0
               : 1;
}
