/* SPDX-License-Identifier: MIT */
/* idle.c - W6: what a pool costs that has nothing to do, and a thread that waits for a long task.
 *
 *     idle WORKERS IDLE_MS WAIT_MS
 *
 * idle_cpu_ms    CPU time of the process from the end of the last task on: a search that does not end shows here
 * idle_switches  times per second that the pool's threads went to sleep again, after the first 50 ms: each was woken
 * wait_cpu_ms    CPU time of the process while its main thread waits for a task that sleeps
 */
#include "../harness/bench.h"
#include "../harness/pool.h"

enum { WARM_UP_TASKS = 1000 };
static const uint64_t settle_ns = 50000000;

static uint64_t task_sleep_ns;

static int empty(void *data)
{
    (void)data;
    return 0;
}

static int sleep_in_task(void *data)
{
    bench_sleep_ns(*(const uint64_t *)data);
    return 0;
}

static void run_lot(struct bench_lot *lot, size_t count)
{
    bench_lot_submit(lot, count);
    bench_lot_wait(lot);
    BENCH_CHECK(bench_lot_ended(lot) == count);
}

static void measure_idle(uint64_t idle_ns)
{
    uint64_t begin_cpu_ns = bench_process_cpu_ns();
    bench_sleep_ns(settle_ns);
    /* Reading /proc is this program's doing, not the pool's. */
    uint64_t reading_cpu_ns = bench_thread_cpu_ns();
    long switches = bench_other_threads_switches();
    reading_cpu_ns = bench_thread_cpu_ns() - reading_cpu_ns;
    uint64_t begin_ns = bench_now_ns();
    bench_sleep_ns(idle_ns > settle_ns ? idle_ns - settle_ns : 0);
    double seconds = (double)(bench_now_ns() - begin_ns) * 1e-9;
    uint64_t cpu_ns = bench_process_cpu_ns() - begin_cpu_ns - reading_cpu_ns;
    switches = bench_other_threads_switches() - switches;
    bench_sample("-", "idle_cpu_ms", (double)cpu_ns * 1e-6);
    bench_sample("-", "idle_switches", (double)switches / seconds);
}

int main(int argc, char **argv)
{
    unsigned workers = (unsigned)bench_argument(argc, argv, 1, 2);
    uint64_t idle_ns = (uint64_t)bench_argument(argc, argv, 2, 2000) * 1000000;
    task_sleep_ns = (uint64_t)bench_argument(argc, argv, 3, 500) * 1000000;
    struct bench_lot lot, sleeper;
    bench_pool_open(workers);
    bench_lot_open(&lot, WARM_UP_TASKS, empty, NULL);
    bench_lot_open(&sleeper, 1, sleep_in_task, &task_sleep_ns);

    run_lot(&lot, WARM_UP_TASKS);
    measure_idle(idle_ns);

    uint64_t begin_cpu_ns = bench_process_cpu_ns();
    uint64_t begin_ns = bench_now_ns();
    run_lot(&sleeper, 1);
    uint64_t cpu_ns = bench_process_cpu_ns() - begin_cpu_ns;
    BENCH_CHECK(bench_now_ns() - begin_ns >= task_sleep_ns);
    bench_sample("-", "wait_cpu_ms", (double)cpu_ns * 1e-6);

    bench_lot_close(&sleeper);
    bench_lot_close(&lot);
    bench_pool_close();
}
