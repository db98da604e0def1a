/* SPDX-License-Identifier: MIT */
#include "lend.h"

#include "watch.h"

enum { GRACE_MOST_NS = 1000000000 }; /* between being asked to stop and being stuck: the time-out once more, or so long */

static uint64_t grace_ns(const struct filch__record *record)
{
    return record->timeout_ns < GRACE_MOST_NS ? record->timeout_ns : GRACE_MOST_NS;
}

/* The timekeeper, without its lock; the task may have ended by now. */
static void give_back(void *target)
{
    struct filch_pool *pool = target;
    filch__add_relaxed(&pool->outside_waits, 1); /* close sees that something is left; the permit's way shows it */
    filch__add_seq_cst(&pool->blocked, 1);
    filch__permit_leave(pool);
    filch__pool_tell_closer(pool);
}

static void report_and_give_back(void *target)
{
    struct filch_pool *pool = target;
    filch__add_relaxed(&pool->stuck_tasks, 1);
    give_back(pool);
    filch__watch_stuck();
    if (pool->config.stuck)
        pool->config.stuck(pool->config.ctx, &pool->stuck);
}

static struct filch__wakeup look(struct filch__timer *timer)
{
    struct filch__record *record = filch__container_of(timer, struct filch__record, timer);
    struct filch__strand *strand = filch__load_acquire(&record->future->priv.runner);
    uint32_t lend = filch__load_relaxed(&record->lend), next;
    do {
        next = lend == FILCH__LEND_ON ? FILCH__LEND_LENT : FILCH__LEND_MISSED;
    } while (!filch__cas_acq_rel(&record->lend, &lend, next)); /* L1, L2 */
    if (next == FILCH__LEND_MISSED)
        return (struct filch__wakeup){0};
    struct filch_pool *pool = strand->pool;
    if (record->stuck)
        return (struct filch__wakeup){give_back, pool}; /* once more, after a wait: reported already */
    record->stuck = true;
    pool->stuck = (struct filch_stuck){.name = record->name,
                                       .fn = record->future->priv.fn,
                                       .running_ns = record->timeout_ns + grace_ns(record),
                                       .timed_out = true};
    return (struct filch__wakeup){report_and_give_back, pool};
}

static struct filch__wakeup time_out(struct filch__timer *timer)
{
    struct filch__record *record = filch__container_of(timer, struct filch__record, timer);
    const struct filch__strand *strand = filch__load_acquire(&record->future->priv.runner);
    filch__cancel(record->future, true);
    filch__timer_again_locked(&strand->pool->keeper, timer, filch_in_ns(grace_ns(record)), look);
    return (struct filch__wakeup){0};
}

void filch__lend_start(struct filch_pool *pool, struct filch__record *record)
{
    filch__store_relaxed(&record->lend, FILCH__LEND_ON);
    filch__timer_add(&pool->keeper, &record->timer, filch_in_ns(record->timeout_ns), time_out);
}

void filch__lend_off_slow(struct filch_pool *pool, struct filch__record *record)
{
    if (filch__exchange_acq_rel(&record->lend, FILCH__LEND_OFF) != FILCH__LEND_LENT) /* L1 */
        return;
    filch__store_relaxed(&record->lend, FILCH__LEND_MISSED); /* should it go on, the timekeeper comes by again */
    struct filch__worker *worker = filch__worker_current();
    filch__permit_claim(pool, worker);
    if (worker)
        filch__worker_turn(worker, FILCH__SPELL_BUSY);
    filch__sub_seq_cst(&pool->blocked, 1);
    filch__add_relaxed(&pool->outside_resumed, 1);
}

void filch__lend_on_slow(struct filch_pool *pool, struct filch__record *record)
{
    if (filch__exchange_acq_rel(&record->lend, FILCH__LEND_ON) == FILCH__LEND_MISSED) /* L1 */
        filch__timer_add(&pool->keeper, &record->timer, filch_in_ns(grace_ns(record)), look);
}

bool filch__lend_end(struct filch_pool *pool, struct filch__record *record)
{
    filch__timer_remove(&pool->keeper, &record->timer); /* L2 */
    filch__lend_off_slow(pool, record);
    return filch__future_timed_out(record->future);
}
