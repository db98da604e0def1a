/* SPDX-License-Identifier: MIT */
#include "work.h"

/* Where the time of a pool's workers goes (meters.h). A worker that lays its permit down because the limit fell, or for a
 * thread that comes back from a blocking call, rests like one that has nothing to do; but it had. It counts as kept from work
 * until another worker of the pool finds none and parks: from then on it would have found none either. */

static void unkeep(struct filch__worker *worker)
{
    if (filch__meters_forget(worker->meters))
        filch__sub_relaxed(&worker->pool->kept, 1);
}

void filch__worker_turn_slow(struct filch__worker *worker, enum filch__spell spell)
{
    bool rested = worker->meters->spell == FILCH__SPELL_PERMIT;
    filch__meters_turn(worker->meters, spell);
    if (rested)
        unkeep(worker);
}

void filch__worker_turn_to_rest(struct filch__worker *worker)
{
    if (worker->meters->spell != FILCH__SPELL_PERMIT)
        filch__worker_turn(worker, FILCH__SPELL_PARKED);
}

void filch__worker_turn_kept(struct filch__worker *worker)
{
    filch__worker_turn(worker, FILCH__SPELL_PERMIT);
    filch__add_relaxed(&worker->pool->kept, 1); /* first: who marks it takes it off again */
    filch__meters_keep(worker->meters);
}

static filch__cold void mark_all(struct filch_pool *pool)
{
    struct filch__worker *worker;
    for (size_t i = 0; (worker = filch__pool_worker(pool, i)) != NULL; i++)
        if (filch__meters_ran_out(worker->meters))
            filch__sub_relaxed(&pool->kept, 1);
}

void filch__pool_ran_out(struct filch_pool *pool)
{
    if (filch__unlikely(filch__load_relaxed(&pool->kept)))
        mark_all(pool);
}
