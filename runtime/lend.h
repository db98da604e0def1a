/* SPDX-License-Identifier: MIT */
/* lend.h - the permit of a body that does not come back after its time-out serves others.
 *
 * A task past its timeout_ns is asked to stop. When its body runs on regardless, nothing can be done to it; but its pool
 * need not be short of a worker for that: the timekeeper reports it as stuck and gives its permit away on its behalf, as if
 * it had blocked its thread, and the pool wakes or starts a worker in its place. When the body ends, or waits, its thread
 * takes a permit again.
 *
 *   lend       OFF     the body is not running: before its start, in a wait, after its end
 *              ON      it runs under a permit
 *              LENT    it runs, and its permit is the pool's
 *              MISSED  as OFF, and the timekeeper has come by, in it or before
 *
 *   step       by                      how
 *   on         the body's thread       OFF, MISSED -> ON: exchange, at its start, after a wait; MISSED: the timekeeper
 *                                      is to come by once more
 *   off        the body's thread       ON, LENT -> OFF: exchange, before a wait, at its end; LENT: MISSED, and claims a permit
 *   lend       the timekeeper          ON -> LENT: CAS; then pool->blocked + 1, and the permit goes back
 *              ... in a wait           OFF -> MISSED: CAS
 *
 * Only tasks with a time-out have it, and only the strand that their body began on: what was stolen of it runs under its
 * thief's permit.
 * Invariants
 *   I1 each LENT is followed by one claim. pool->blocked and the gate's admitted are off by one between the timekeeper's
 *   CAS and its giving back, if the body's thread claims in between: admitted is then too high, never too low.
 * Orderings
 *   L1 off: exchange (acq_rel)  ||  lend: CAS (acq_rel). One of them is first, so a body that waits or has ended is not
 *      taken for one that runs.
 *   L2 lend, end: the timekeeper looks at the record under its lock, which the body's end takes to remove the timer.
 * Checked: tests/model/lend.c.
 */
#ifndef FILCH_LEND_H
#define FILCH_LEND_H

#include "work.h"

enum { FILCH__LEND_OFF, FILCH__LEND_ON, FILCH__LEND_LENT, FILCH__LEND_MISSED };

/* A task with a time-out is about to run; cannot fail, as submit has started the timekeeper. */
void filch__lend_start(struct filch_pool *pool, struct filch__record *record);
/* Its body has returned. True: it was timed out. */
bool filch__lend_end(struct filch_pool *pool, struct filch__record *record);

void filch__lend_off_slow(struct filch_pool *pool, struct filch__record *record);
void filch__lend_on_slow(struct filch_pool *pool, struct filch__record *record);

static inline struct filch__record *filch__lent_record(const struct filch__strand *strand,
                                                       const struct filch_future *task)
{
    struct filch__record *record = task ? task->priv.record : NULL;
    bool lends = filch__unlikely(record && record->timeout_ns) && filch__load_relaxed(&task->priv.runner) == strand;
    return lends ? record : NULL;
}

/* Around a wait of the strand's task, or another task that runs inside it. */
static inline void filch__lend_off(const struct filch__strand *strand, const struct filch_future *task)
{
    struct filch__record *record = filch__lent_record(strand, task);
    if (filch__unlikely(record != NULL))
        filch__lend_off_slow(strand->pool, record);
}

static inline void filch__lend_on(const struct filch__strand *strand, const struct filch_future *task)
{
    struct filch__record *record = filch__lent_record(strand, task);
    if (filch__unlikely(record != NULL))
        filch__lend_on_slow(strand->pool, record);
}

/* The strand's task is about to wait, or to block its thread; then, when it goes on. */
static inline void filch__body_pause(struct filch__strand *strand)
{
    if (filch__unlikely(strand->typed))
        filch__forks_suspend(strand);
    filch__count(&strand->stretch);
    filch__lend_off(strand, strand->task);
}

static inline void filch__body_resume(struct filch__strand *strand)
{
    filch__lend_on(strand, strand->task);
    filch__count(&strand->stretch);
    if (filch__unlikely(strand->typed))
        filch__forks_resume(strand);
}

#endif
