/* SPDX-License-Identifier: MIT */
/* textbook.c - the mutex and condition variable pool as a pool of the benches. */
#include "../textbook_pool.h"
#include "tally.h"

#include <stdio.h>

static struct textbook_pool *pool;

void bench_pool_open(unsigned workers)
{
    pool = textbook_open(workers);
    if (!pool)
        bench_die("textbook_open failed");
    puts("version own");
}

void bench_pool_close(void)
{
    textbook_close(pool);
}

static void run(void *lot)
{
    bench_tally_run(lot);
}

void bench_lot_submit(struct bench_lot *lot, size_t count)
{
    lot->submitted += count;
    if (count == 1 && textbook_submit_alone(pool, run, lot))
        bench_die("textbook_submit_alone: no memory");
    for (size_t i = 0; count > 1 && i < count; i++)
        if (textbook_submit(pool, run, lot))
            bench_die("textbook_submit: no memory");
}
