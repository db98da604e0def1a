/* SPDX-License-Identifier: MIT */
/* watchdog.h - bodies that run for long, and tasks that wait for each other (deadlock.h): seen by the pool's timekeeper,
 * which looks at times (ticks), and only while something runs.
 *
 * A tick compares what each worker and each caller runs with the tick before. Nothing is measured where bodies begin and
 * end: what changes there anyway (the strand that runs, its task, how many bodies have ended) tells one body from the
 * next, and a number on the strand, which waits count up, tells its stretches apart.
 * When nobody has a permit at two ticks, and no wait has begun or ended in between, who waits is looked at once; it stays as
 * it is until somebody gets a permit, or (poke) a body begins to wait that blocks its thread without one. While bodies
 * run, those who wait are looked at now and then.
 *
 *   watching   NONE    the pool has no stuck_after_ns
 *              RESTS   no tick will come
 *              TICKS   one will come, or is at work
 *              AGAIN   as TICKS; and it is not the last one
 *
 *   step       by                              how
 *   rouse      who runs bodies again: a        RESTS -> TICKS: CAS; who did it adds the timer
 *              worker that leaves its parking
 *              place or begins, a thread that
 *              has got a permit
 *   poke       who changes what a tick looks   -> AGAIN: exchange; RESTS before: adds the timer
 *              at, without a permit
 *   tick       the timekeeper                  AGAIN -> TICKS: CAS, before it looks
 *   rest       a tick that has found nobody    TICKS -> RESTS: CAS; then looks for permits, and rouses as above
 *              with a permit, and nobody who
 *              waits, or as the tick before
 *
 * Invariants
 *   I1 the timer is linked, or a tick is at work, exactly while watching is TICKS or AGAIN. So it is added once.
 * Orderings
 *   T1 rest: RESTS (sc), load the gate (sc)  ||  a permit is taken: CAS the gate (sc), load watching (sc). Either the tick
 *      sees the permit, or who has it sees that the ticks rest.
 *   T2 poke: what it changes, AGAIN (exchange)  ||  tick: AGAIN -> TICKS (CAS), looks. It sees the change, or does not rest.
 * Checked: tests/model/watchdog.c.
 */
#ifndef FILCH_WATCHDOG_H
#define FILCH_WATCHDOG_H

#include "work.h"

/* Before the pool's workers start. 0, or a negative errno of a thread's start. */
int filch__watchdog_open(struct filch_pool *pool);

void filch__watchdog_rouse_slow(struct filch_pool *pool);
/* A wait has begun, of a body that has no permit. */
void filch__watchdog_poke(struct filch_pool *pool);

/* The caller runs bodies from here on, under a permit that it has got just now. */
static inline void filch__watchdog_rouse(struct filch_pool *pool)
{
    if (filch__unlikely(filch__load_seq_cst(&pool->watching) == FILCH__WATCHING_RESTS)) /* T1 */
        filch__watchdog_rouse_slow(pool);
}

/* What runs there at the moment, as far as somebody beside it can see: it may be of two bodies, one after the other. The strand
 * is NULL where nothing has run yet. */
struct filch__seen_body filch__worker_body(const struct filch__worker *worker);
bool filch__body_is_same(const struct filch__seen_body *a, const struct filch__seen_body *b);

/* For dumps: how long, at least, what is seen there has been running, if that is too long; else 0. */
uint64_t filch__sight_running_ns(const struct filch__sight *sight);

#endif
