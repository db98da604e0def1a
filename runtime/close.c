/* SPDX-License-Identifier: MIT */
#include "pool.h"

#include "hold.h"
#include "traces.h"

#include <errno.h>

enum { RETRY_NS = 10000000 }; /* while threads cannot be started */

/* Nothing is queued. Workers' structures stay, so their deques may be looked at. */
static bool queues_empty(struct filch_pool *pool)
{
    if (filch__inject_has_items(&pool->ready) || filch__inject_has_items(&pool->yielded) ||
        filch__entry_has_items(pool))
        return false;
    bool empty = true;
    filch__lock(&pool->lock);
    for (size_t i = 0; i < FILCH_WORKERS_MAX && pool->worker[i] && empty; i++)
        empty =
            !filch__deque_has_items(&pool->worker[i]->deque) && !filch__handful_has_items(&pool->worker[i]->handful);
    filch__unlock(&pool->lock);
    return empty;
}

static bool nobody_admitted(struct filch_pool *pool)
{
    return !filch__gate_admitted(filch__load_seq_cst(&pool->gate));
}

/* Has everything that was accepted ended? Without a permit nothing runs; a task in a queue, or a wait that ended,
 * becomes a body only under one. So if nobody is admitted before and after the queues are found empty, and no wait was
 * in progress or began in all that time, nothing is left. (A submit that races with close may still come:
 * filch__pool_settle.) The first look at the gate shows the counts of those who laid their permits down while the pool
 * was open, and tell nobody of it. */
static bool is_drained(struct filch_pool *pool)
{
    if (!nobody_admitted(pool) || filch__load_seq_cst(&pool->held)) /* what is held no more, is in a queue */
        return false;
    struct filch__waits before = filch__pool_waits(pool);
    if (before.begun != before.ended || !queues_empty(pool) || !nobody_admitted(pool))
        return false;
    struct filch__waits after = filch__pool_waits(pool);
    return after.begun == before.begun && after.ended == before.ended && !filch__load_seq_cst(&pool->held);
}

/* 0 and the caller is the one that closes, or an error. */
static int begin_close(struct filch_pool *pool, enum filch_close mode)
{
    int r = -EALREADY;
    filch__lock(&pool->lock);
    uint32_t phase = filch__load_relaxed(&pool->phase);
    if (phase != FILCH__POOL_CLOSED && !pool->closer) {
        pool->closer = true;
        if (mode == FILCH_CLOSE_CANCEL)
            filch__store_seq_cst(&pool->phase, FILCH__POOL_CANCELLING);
        else if (phase == FILCH__POOL_OPEN)
            filch__store_seq_cst(&pool->phase, FILCH__POOL_DRAINING);
        r = 0;
    }
    filch__unlock(&pool->lock);
    return r;
}

static int drain(struct filch_pool *pool, uint64_t deadline_ns)
{
    for (;;) {
        uint32_t seen = filch__load_seq_cst(&pool->quiet);
        if (is_drained(pool))
            return 0;
        uint64_t until = deadline_ns;
        if (!queues_empty(pool)) {
            filch__pool_notify(pool); /* what a failed start left there */
            if (filch__pool_gives_up(pool) && until > filch_in_ns(RETRY_NS))
                until = filch_in_ns(RETRY_NS);
        }
        if (filch__os_futex_wait(&pool->quiet, seen, until) && until == deadline_ns && !is_drained(pool))
            return -ETIMEDOUT;
    }
}

static void set_stopping(struct filch_pool *pool, bool stopping)
{
    filch__lock(&pool->lock);
    filch__store_seq_cst(&pool->stopping, stopping);
    filch__unlock(&pool->lock);
}

/* Drain, and stop: from then on nobody is woken for work (filch__pool_notify). A submit that came in between shows
 * either here, and is drained as well, or sees the stop, and is settled. */
static int stop(struct filch_pool *pool, uint64_t deadline_ns)
{
    for (;;) {
        int r = drain(pool, deadline_ns);
        if (r)
            return r;
        set_stopping(pool, true);
        if (is_drained(pool))
            return 0;
        set_stopping(pool, false);
    }
}

int filch_pool_close(struct filch_pool *pool, enum filch_close mode, uint64_t deadline_ns)
{
    if (!pool || (unsigned)mode > FILCH_CLOSE_CANCEL)
        return -EINVAL;
    if (filch__pool_stale(pool))
        return -ESTALE;
    if (filch__pool_in_task(pool))
        return -EDEADLK;
    int r = begin_close(pool, mode);
    if (r)
        return r;
    if (mode == FILCH_CLOSE_CANCEL) {
        filch__cancel_waits(pool, NULL); /* the phase is set: waits that begin from now on see it */
        filch__hold_pull_all(pool, NULL);
    }
    while (filch__load_seq_cst(&pool->room.waiters)) /* who waits for room is refused now */
        filch__eventcount_notify(&pool->room);
    r = stop(pool, deadline_ns);
    if (r) {
        filch__lock(&pool->lock);
        pool->closer = false;
        filch__unlock(&pool->lock);
        return r;
    }
    filch__idle_tell_all(pool, FILCH__TOKEN_RETIRE);
    filch__crew_join_all(pool);
    /* Before settling: a late submit settles itself from here on, and pulls what it has held back. */
    filch__store_seq_cst(&pool->phase, FILCH__POOL_CLOSED);
    filch__hold_pull_all(pool, NULL);
    while (filch__load_acquire(&pool->held) || filch__load_acquire(&pool->wakers))
        filch__os_yield(); /* they are a few instructions from letting go of the pool */
    filch__pool_settle(pool);
    if (!filch__load_seq_cst(&pool->scopes)) /* scope.h, P4 */
        filch__timekeeper_stop(&pool->keeper);
    filch__trace_pool_closes(pool);
    filch__process_remove(pool);
    return 0;
}
