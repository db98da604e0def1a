/* SPDX-License-Identifier: MIT */
/* throttled.c - W10 by a user gate: tasks that each block for a while, five at a time, in a pool that would run more.
 *
 *     throttled WORKERS TASKS BLOCK_US      a gate of so many permits in a pool of ten times as many workers
 *
 * As gate.c, but that the tasks in line hold no worker of the pool's, which is free for other work.
 */
#include "../harness/bench.h"

#include <filch/filch.h>

#include <stdlib.h>

enum { TIMES_WORKERS = 10 };

static struct filch_gate *gate;
static uint64_t block_ns;
static unsigned running, high_water;

static int sleep_inside(void *data)
{
    (void)data;
    BENCH_CHECK(filch_gate_enter(gate, FILCH_NO_DEADLINE) == 0);
    unsigned now_running = __atomic_add_fetch(&running, 1, __ATOMIC_RELAXED);
    unsigned seen = __atomic_load_n(&high_water, __ATOMIC_RELAXED);
    while (seen < now_running &&
           !__atomic_compare_exchange_n(&high_water, &seen, now_running, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
    bench_sleep_ns(block_ns);
    __atomic_sub_fetch(&running, 1, __ATOMIC_RELAXED);
    filch_gate_leave(gate);
    return 0;
}

int main(int argc, char **argv)
{
    unsigned permits = (unsigned)bench_argument(argc, argv, 1, 5);
    size_t tasks = (size_t)bench_argument(argc, argv, 2, 2000);
    block_ns = (uint64_t)bench_argument(argc, argv, 3, 5000) * 1000;
    struct filch_pool *pool;
    struct filch_future *futures = calloc(tasks, sizeof *futures);
    BENCH_CHECK(futures != NULL);
    BENCH_CHECK(filch_pool_open(&pool, &(struct filch_pool_config){.max_concurrency = permits * TIMES_WORKERS}) == 0);
    BENCH_CHECK(filch_gate_open(&gate, permits) == 0);
    uint64_t begin_ns = bench_now_ns();
    for (size_t i = 0; i < tasks; i++)
        BENCH_CHECK(filch_submit(pool, &futures[i], sleep_inside, NULL) == 0);
    for (size_t i = 0; i < tasks; i++)
        BENCH_CHECK(filch_wait(&futures[i]) == 0);
    uint64_t elapsed_ns = bench_now_ns() - begin_ns;
    BENCH_CHECK(high_water <= permits);
    bench_sample("-", "total_ms", (double)elapsed_ns * 1e-6);
    bench_sample("-", "high_water", high_water);
    BENCH_CHECK(filch_gate_close(gate) == 0);
    BENCH_CHECK(filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE) == 0);
    filch_pool_free(pool);
    free(futures);
}
