/* SPDX-License-Identifier: MIT */
/* tally.c - lots on systems without handles; see tally.h. */
#include "tally.h"

#include <errno.h>
#include <stdlib.h>

#define BIAS (INT64_C(1) << 40)

void bench_lot_open(struct bench_lot *lot, size_t capacity, bench_body *body, void *data)
{
    *lot = (struct bench_lot){.body = body, .data = data, .capacity = capacity};
    lot->tally = aligned_alloc(64, sizeof *lot->tally);
    if (!lot->tally)
        bench_die("no memory for a tally");
    lot->tally->left = BIAS;
    sem_init(&lot->tally->all_ended, 0, 0);
}

void bench_lot_close(struct bench_lot *lot)
{
    sem_destroy(&lot->tally->all_ended);
    free(lot->tally);
}

const bool bench_pool_has_batch = false;

void bench_lot_submit_batch(struct bench_lot *lot, size_t count)
{
    bench_lot_submit(lot, count);
}

void bench_lot_wait(struct bench_lot *lot)
{
    struct bench_tally *tally = lot->tally;
    int64_t submitted = (int64_t)lot->submitted;
    if (__atomic_sub_fetch(&tally->left, BIAS - submitted, __ATOMIC_ACQ_REL) != 0)
        while (sem_wait(&tally->all_ended) && errno == EINTR)
            ;
    /* A task that ran twice has taken one off too many. */
    lot->ended = (size_t)(submitted - __atomic_load_n(&tally->left, __ATOMIC_RELAXED));
    __atomic_store_n(&tally->left, BIAS, __ATOMIC_RELAXED);
    lot->submitted = 0;
}

size_t bench_lot_ended(struct bench_lot *lot)
{
    return lot->ended;
}
