/* SPDX-License-Identifier: MIT */
/* user.c - W10: a user gate with a permit free: enter + leave, by a thread and inside a task, beside a semaphore's wait +
 * post.
 *
 *     user PAIRS                            of each, ten times
 */
#include "../harness/bench.h"

#include <filch/filch.h>

#include <semaphore.h>

enum { PERMITS = 5, TIMES = 10 };

static struct filch_gate *gate;
static sem_t semaphore;
static long pairs;

static double gate_ns(void)
{
    uint64_t begin_ns = bench_now_ns();
    for (long i = 0; i < pairs; i++) {
        BENCH_CHECK(filch_gate_enter(gate, FILCH_NO_DEADLINE) == 0);
        filch_gate_leave(gate);
    }
    return (double)(bench_now_ns() - begin_ns) / (double)pairs;
}

static double semaphore_ns(void)
{
    uint64_t begin_ns = bench_now_ns();
    for (long i = 0; i < pairs; i++) {
        BENCH_CHECK(sem_wait(&semaphore) == 0);
        sem_post(&semaphore);
    }
    return (double)(bench_now_ns() - begin_ns) / (double)pairs;
}

static int gate_in_task(void *data)
{
    *(double *)data = gate_ns();
    return 0;
}

int main(int argc, char **argv)
{
    pairs = bench_argument(argc, argv, 1, 2000000);
    struct filch_pool *pool;
    BENCH_CHECK(filch_pool_open(&pool, &(struct filch_pool_config){.min_workers = 1, .max_concurrency = 1}) == 0);
    BENCH_CHECK(filch_gate_open(&gate, PERMITS) == 0);
    BENCH_CHECK(sem_init(&semaphore, 0, PERMITS) == 0);
    for (int i = 0; i < TIMES; i++) {
        double in_task_ns;
        struct filch_future future = {0};
        bench_sample("-", "pair_ns", gate_ns());
        bench_sample("-", "semaphore_ns", semaphore_ns());
        BENCH_CHECK(filch_submit(pool, &future, gate_in_task, &in_task_ns) == 0);
        BENCH_CHECK(filch_wait(&future) == 0);
        bench_sample("-", "pair_in_task_ns", in_task_ns);
    }
    BENCH_CHECK(filch_gate_available(gate) == PERMITS);
    BENCH_CHECK(filch_gate_close(gate) == 0);
    BENCH_CHECK(filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE) == 0);
    filch_pool_free(pool);
}
