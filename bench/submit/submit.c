/* SPDX-License-Identifier: MIT */
/* submit.c - W3: many empty tasks from outside threads; nanoseconds per task until all are done.
 *
 *     submit WORKERS PRODUCERS TASKS        way "one": one by one; way "batch": in one call, where the system has one
 *
 * The producers share the tasks evenly; each submits its share, then waits for it. A first pass of the same size is not
 * counted: it brings in the pages of the handles and fills the allocators' free lists.
 */
#define _GNU_SOURCE
#include "../harness/bench.h"
#include "../harness/pool.h"

#include <pthread.h>
#include <stdlib.h>

enum { EMPTY_STATUS = 1 };

typedef void submit_way(struct bench_lot *lot, size_t count);

struct producer {
    pthread_t thread;
    struct bench_lot lot;
};

static struct producer *producers;
static size_t producer_count;
static size_t share;
static submit_way *submit;
static pthread_barrier_t start, end;

static int empty(void *data)
{
    (void)data;
    return EMPTY_STATUS;
}

static void *produce(void *arg)
{
    struct producer *producer = arg;
    pthread_barrier_wait(&start);
    submit(&producer->lot, share);
    bench_lot_wait(&producer->lot);
    pthread_barrier_wait(&end);
    return NULL;
}

/* Nanoseconds from the start barrier until the last producer has seen the end of its last task. */
static uint64_t pass(submit_way *way)
{
    submit = way;
    for (size_t i = 1; i < producer_count; i++)
        if (pthread_create(&producers[i].thread, NULL, produce, &producers[i]))
            bench_die("pthread_create failed");
    /* By then the other producers stand at the barrier, and the pool is idle. */
    bench_sleep_ns(2000000);
    uint64_t begin_ns = bench_now_ns();
    produce(&producers[0]);
    uint64_t elapsed_ns = bench_now_ns() - begin_ns;
    for (size_t i = 1; i < producer_count; i++)
        pthread_join(producers[i].thread, NULL);
    for (size_t i = 0; i < producer_count; i++)
        BENCH_CHECK(bench_lot_ended(&producers[i].lot) == share);
    return elapsed_ns;
}

static void measure(submit_way *way, const char *name)
{
    pass(way);
    bench_sample(name, "ns_per_task", (double)pass(way) / (double)(share * producer_count));
}

int main(int argc, char **argv)
{
    unsigned workers = (unsigned)bench_argument(argc, argv, 1, 1);
    producer_count = (size_t)bench_argument(argc, argv, 2, 1);
    share = (size_t)bench_argument(argc, argv, 3, 1000000) / producer_count;
    producers = calloc(producer_count, sizeof *producers);
    if (!producers)
        bench_die("no memory for %zu producers", producer_count);
    pthread_barrier_init(&start, NULL, (unsigned)producer_count);
    pthread_barrier_init(&end, NULL, (unsigned)producer_count);

    bench_pool_open(workers);
    for (size_t i = 0; i < producer_count; i++)
        bench_lot_open(&producers[i].lot, share, empty, NULL);
    measure(bench_lot_submit, "one");
    if (bench_pool_has_batch)
        measure(bench_lot_submit_batch, "batch");
    for (size_t i = 0; i < producer_count; i++)
        bench_lot_close(&producers[i].lot);
    bench_pool_close();
    free(producers);
}
