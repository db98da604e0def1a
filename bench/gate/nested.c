/* SPDX-License-Identifier: MIT */
/* nested.c - W10: tasks that wait for tasks, DEPTH deep, in a pool whose limit is one: each wait gives the permit back.
 *
 *     nested DEPTH
 *
 * Prints the time per level; a pool that holds the permit across a wait never ends, and bench/run says so.
 */
#include "../harness/bench.h"

#include <filch/filch.h>

#include <string.h>

static unsigned running, high_water;

/* Returns how many levels lie below this one, counted by the tasks themselves. */
static int descend(void *data)
{
    const int *levels = data;
    unsigned now_running = __atomic_add_fetch(&running, 1, __ATOMIC_RELAXED);
    if (now_running > high_water)
        high_water = now_running;
    int below = 0;
    if (*levels > 1) {
        int fewer = *levels - 1;
        struct filch_future future = {0};
        int error = filch_submit(NULL, &future, descend, &fewer);
        if (error)
            bench_die("filch_submit: %s", strerror(-error));
        /* A task that waits does not run. */
        __atomic_sub_fetch(&running, 1, __ATOMIC_RELAXED);
        below = filch_wait(&future);
        __atomic_add_fetch(&running, 1, __ATOMIC_RELAXED);
    }
    __atomic_sub_fetch(&running, 1, __ATOMIC_RELAXED);
    return below < 0 ? below : below + 1;
}

int main(int argc, char **argv)
{
    int depth = (int)bench_argument(argc, argv, 1, 50);
    struct filch_pool *pool;
    int error = filch_pool_open(&pool, &(struct filch_pool_config){.min_workers = 1, .max_concurrency = 1});
    if (error)
        bench_die("filch_pool_open: %s", strerror(-error));
    uint64_t begin_ns = bench_now_ns();
    struct filch_future future = {0};
    error = filch_submit(pool, &future, descend, &depth);
    if (error)
        bench_die("filch_submit: %s", strerror(-error));
    int levels = filch_wait(&future);
    uint64_t elapsed_ns = bench_now_ns() - begin_ns;
    BENCH_CHECK(levels == depth);
    BENCH_CHECK(high_water == 1);
    bench_sample("-", "us_per_level", (double)elapsed_ns * 1e-3 / depth);
    bench_sample("-", "levels", levels);
    BENCH_CHECK(filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE) == 0);
    filch_pool_free(pool);
}
