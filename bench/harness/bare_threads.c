/* SPDX-License-Identifier: MIT */
/* bare_threads.c - no pool at all, as a floor for the benches: each thread runs its share of the lot in a loop. */
#include "tally.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct share {
    pthread_t thread;
    struct bench_lot *lot;
    size_t count;
};

static unsigned thread_count;
static struct share *shares;

void bench_pool_open(unsigned workers)
{
    thread_count = workers;
    shares = calloc(workers, sizeof *shares);
    if (!shares)
        bench_die("no memory for %u threads", workers);
    puts("version -");
}

void bench_pool_close(void)
{
    for (unsigned i = 0; i < thread_count && shares[i].lot; i++)
        pthread_join(shares[i].thread, NULL);
    free(shares);
}

static void *work(void *arg)
{
    const struct share *share = arg;
    for (size_t i = 0; i < share->count; i++)
        bench_tally_run(share->lot);
    return NULL;
}

/* Once per pool. */
void bench_lot_submit(struct bench_lot *lot, size_t count)
{
    BENCH_CHECK(!shares[0].lot && count % thread_count == 0);
    lot->submitted = count;
    for (unsigned i = 0; i < thread_count; i++) {
        shares[i].lot = lot;
        shares[i].count = count / thread_count;
        if (pthread_create(&shares[i].thread, NULL, work, &shares[i]))
            bench_die("pthread_create failed");
    }
}
