/* SPDX-License-Identifier: MIT */
/* memory.c - W7: resident bytes per queued task, the caller's handle included.
 *
 *     memory WORKERS TASKS
 *
 * The workers are blocked, then the tasks are queued behind them, then everything runs. Huge pages are off for the
 * process: they would round the figure up by up to 2 MiB. smaps_rollup counts exactly; VmRSS lags by some pages per
 * processor.
 */
#include "../harness/bench.h"
#include "../harness/pool.h"

#include <errno.h>
#include <semaphore.h>
#include <sys/prctl.h>

static sem_t blocked, release;

static int block(void *data)
{
    (void)data;
    sem_post(&blocked);
    while (sem_wait(&release) && errno == EINTR)
        ;
    return 0;
}

static int empty(void *data)
{
    (void)data;
    return 0;
}

static long resident_kib(void)
{
    return bench_proc_value("/proc/self/smaps_rollup", "Rss");
}

int main(int argc, char **argv)
{
    unsigned workers = (unsigned)bench_argument(argc, argv, 1, 2);
    size_t tasks = (size_t)bench_argument(argc, argv, 2, 1000000);
    BENCH_CHECK(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0);
    sem_init(&blocked, 0, 0);
    sem_init(&release, 0, 0);
    struct bench_lot blockers, lot;
    bench_pool_open(workers);
    bench_lot_open(&blockers, workers, block, NULL);
    bench_lot_open(&lot, tasks, empty, NULL);

    bench_lot_submit(&blockers, workers);
    for (unsigned i = 0; i < workers; i++)
        while (sem_wait(&blocked) && errno == EINTR)
            ;
    resident_kib();
    long before_kib = resident_kib();
    bench_lot_submit(&lot, tasks);
    long queued_kib = resident_kib();
    bench_sample("-", "bytes_per_task", (double)(queued_kib - before_kib) * 1024 / (double)tasks);

    for (unsigned i = 0; i < workers; i++)
        sem_post(&release);
    bench_lot_wait(&lot);
    bench_lot_wait(&blockers);
    BENCH_CHECK(bench_lot_ended(&lot) == tasks && bench_lot_ended(&blockers) == workers);
    bench_lot_close(&lot);
    bench_lot_close(&blockers);
    bench_pool_close();
}
