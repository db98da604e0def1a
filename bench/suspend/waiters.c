/* SPDX-License-Identifier: MIT */
/* waiters.c - W9: many tasks that wait at once, each for a promise of its own, at the default stack size.
 *
 *     waiters WORKERS TASKS
 *
 * resident_mib     VmRSS + VmPTE of the whole process while all of them wait, futures and promises included
 * suspend_us       per task: submitted, started, suspended
 * resume_us        per task: its promise completed, resumed, ended
 */
#include "../harness/bench.h"

#include <filch/filch.h>

#include <stdlib.h>
#include <string.h>

enum { STATUSES = 251 };
static const uint64_t patience_ns = FILCH_S(60);

static int wait_for_promise(void *data)
{
    return filch_wait(data);
}

/* Wait until `count` tasks are suspended; polls, since nothing announces it. */
static void await_suspended(const struct filch_pool *pool, uint64_t count)
{
    uint64_t deadline_ns = filch_in_ns(patience_ns);
    struct filch_pool_stats stats;
    for (;;) {
        BENCH_CHECK(filch_pool_get_stats(pool, &stats, sizeof stats) == 0);
        if (stats.suspended == count)
            return;
        if (bench_now_ns() > deadline_ns)
            bench_die("%llu of %llu tasks are suspended", (unsigned long long)stats.suspended,
                      (unsigned long long)count);
        bench_sleep_ns(FILCH_MS(1));
    }
}

int main(int argc, char **argv)
{
    unsigned workers = (unsigned)bench_argument(argc, argv, 1, 2);
    size_t tasks = (size_t)bench_argument(argc, argv, 2, 100000);
    struct filch_pool *pool;
    int error = filch_pool_open(&pool, &(struct filch_pool_config){.min_workers = workers, .max_concurrency = workers});
    if (error)
        bench_die("filch_pool_open: %s", strerror(-error));
    struct filch_future *promises = calloc(tasks, sizeof *promises);
    struct filch_future *futures = calloc(tasks, sizeof *futures);
    if (!promises || !futures)
        bench_die("no memory for %zu futures", tasks);
    for (size_t i = 0; i < tasks; i++)
        filch_promise_init(&promises[i]);

    struct filch_batch batch = {.futures = futures, .items = promises, .item_stride = sizeof *promises, .count = tasks};
    uint64_t begin_ns = bench_now_ns();
    error = filch_submit_many(pool, &batch, wait_for_promise, NULL);
    if (error)
        bench_die("filch_submit_many: %s", strerror(-error));
    await_suspended(pool, tasks);
    uint64_t suspended_ns = bench_now_ns();
    long kib = bench_proc_value("/proc/self/status", "VmRSS") + bench_proc_value("/proc/self/status", "VmPTE");

    uint64_t resume_begin_ns = bench_now_ns();
    for (size_t i = 0; i < tasks; i++)
        BENCH_CHECK(filch_complete(&promises[i], (int)(i % STATUSES)) == 0);
    BENCH_CHECK(filch_wait_many(&batch, filch_in_ns(patience_ns)) == 0);
    uint64_t resumed_ns = bench_now_ns();
    for (size_t i = 0; i < tasks; i++)
        BENCH_CHECK(filch_status(&futures[i]) == (int)(i % STATUSES));

    bench_sample("-", "resident_mib", (double)kib / 1024);
    bench_sample("-", "suspend_us", (double)(suspended_ns - begin_ns) * 1e-3 / (double)tasks);
    bench_sample("-", "resume_us", (double)(resumed_ns - resume_begin_ns) * 1e-3 / (double)tasks);
    BENCH_CHECK(filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE) == 0);
    filch_pool_free(pool);
    free(promises);
    free(futures);
}
