/* SPDX-License-Identifier: MIT */
/* tally.h - how one waits for many tasks on a system that has no handles: a shared counter and a semaphore.
 *
 * `left` starts at a bias that no lot reaches. Each task takes one off; the waiter takes off the bias less what it
 * submitted, and whoever reaches zero knows that all have ended. So submitting touches nothing shared.
 * GCC's atomic builtins, since oneTBB's file is C++. tally.c holds the bench_lot_... functions over it, all but
 * bench_lot_submit.
 */
#ifndef FILCH_BENCH_TALLY_H
#define FILCH_BENCH_TALLY_H

#include "bench.h"
#include "pool.h"

#include <semaphore.h>

struct bench_tally {
    __attribute__((aligned(64))) int64_t left; /* tasks and the waiter */
    __attribute__((aligned(64))) sem_t all_ended;
};

/* What a task of the lot does: the body, then the count. The task does not touch the lot after it. */
static inline void bench_tally_run(struct bench_lot *lot)
{
    struct bench_tally *tally = lot->tally;
    lot->body(lot->data);
    if (__atomic_sub_fetch(&tally->left, 1, __ATOMIC_ACQ_REL) == 0)
        sem_post(&tally->all_ended);
}

#endif
