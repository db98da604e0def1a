/* SPDX-License-Identifier: MIT */
/* gate.c - W10: tasks that each block for a while, in a pool of a few threads; how well the limit is used, and held.
 *
 *     gate WORKERS TASKS BLOCK_US           TASKS a multiple of WORKERS, for the bare threads' sake
 *
 * The bodies count how many of them run at once; more than WORKERS is a failure of the run.
 */
#include "../harness/bench.h"
#include "../harness/pool.h"

static uint64_t block_ns;
static unsigned running, high_water;
static size_t bodies;

static int sleep_in_task(void *data)
{
    (void)data;
    unsigned now_running = __atomic_add_fetch(&running, 1, __ATOMIC_RELAXED);
    unsigned seen = __atomic_load_n(&high_water, __ATOMIC_RELAXED);
    while (seen < now_running &&
           !__atomic_compare_exchange_n(&high_water, &seen, now_running, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
    bench_sleep_ns(block_ns);
    __atomic_sub_fetch(&running, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&bodies, 1, __ATOMIC_RELAXED);
    return 0;
}

int main(int argc, char **argv)
{
    unsigned workers = (unsigned)bench_argument(argc, argv, 1, 5);
    size_t tasks = (size_t)bench_argument(argc, argv, 2, 2000);
    block_ns = (uint64_t)bench_argument(argc, argv, 3, 5000) * 1000;
    struct bench_lot lot;
    bench_pool_open(workers);
    bench_lot_open(&lot, tasks, sleep_in_task, NULL);
    uint64_t begin_ns = bench_now_ns();
    bench_lot_submit(&lot, tasks);
    bench_lot_wait(&lot);
    uint64_t elapsed_ns = bench_now_ns() - begin_ns;
    BENCH_CHECK(bench_lot_ended(&lot) == tasks && bodies == tasks);
    BENCH_CHECK(high_water <= workers);
    bench_sample("-", "total_ms", (double)elapsed_ns * 1e-6);
    bench_sample("-", "high_water", high_water);
    bench_lot_close(&lot);
    bench_pool_close();
}
