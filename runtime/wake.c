/* SPDX-License-Identifier: MIT */
#include "watch.h"
#include "watchdog.h"

enum { START_PAUSE_NS = 1000000 };

/* ---- the idle stack: parked workers, the last one first ----
 *
 * Treiber's stack of worker numbers; the upper half of the head counts changes, so that a number that was taken and put
 * back between a popper's two looks is noticed (ABA). Workers stay where they are while the pool lives, so idle_next
 * may be read at any time. Entries are pushed before they are counted in the gate (gate.h, I3).
 */

void filch__idle_push(struct filch__worker *worker)
{
    struct filch_pool *pool = worker->pool;
    uint64_t head = filch__load_relaxed(&pool->idle), next;
    do {
        filch__store_relaxed(&worker->idle_next, (uint32_t)head);
        next = ((head >> 32) + 1) << 32 | (worker->id + 1);
    } while (!filch__cas_acq_rel(&pool->idle, &head, next));
}

/* The caller has uncounted one parked worker, so there is one. */
static struct filch__worker *idle_pop(struct filch_pool *pool)
{
    uint64_t head = filch__load_acquire(&pool->idle), next;
    struct filch__worker *worker;
    do {
        if (!(uint32_t)head)
            filch__os_die("gate I3: a parked worker has an entry");
        worker = pool->worker[(uint32_t)head - 1];
        next = ((head >> 32) + 1) << 32 | filch__load_relaxed(&worker->idle_next);
    } while (!filch__cas_acq_rel(&pool->idle, &head, next));
    return worker;
}

static void tell(struct filch__worker *worker, enum filch__token token)
{
    FILCH__PROBE2(wake, worker->pool, worker);
    filch__store_release(&worker->token, token); /* the last access: the address alone is used below */
    filch__os_futex_wake(&worker->token, 1);
}

bool filch__idle_tell_one(struct filch_pool *pool, enum filch__token token)
{
    if (!filch__gate_unpark(&pool->gate))
        return false;
    tell(idle_pop(pool), token);
    return true;
}

void filch__idle_tell_all(struct filch_pool *pool, enum filch__token token)
{
    unsigned count = filch__gate_parked(filch__load_seq_cst(&pool->gate));
    while (count-- && filch__idle_tell_one(pool, token))
        ;
}

/* Where somebody runs under a permit, he comes to look in the end; a worker that parked meanwhile will do as well.
 * Otherwise nobody may come by again who would try, so this one does, for some milliseconds; then it ends what is
 * stranded, for others have relied on its search (G1), and have gone to sleep. From then on each one that makes work
 * visible, or blocks its thread, tries once. */
filch__cold void filch__pool_start_later(struct filch_pool *pool)
{
    uint32_t nobody_wakes = 0;
    for (;;) {
        filch__permit_pass(pool, filch__gate_leave_search(&pool->gate));
        bool gives_up = filch__pool_gives_up(pool);
        bool again = !gives_up && !filch__gate_admitted(filch__load_seq_cst(&pool->gate));
        enum filch__gate_notify how = filch__gate_notify(&pool->gate, again && filch__pool_may_start(pool));
        if (how == FILCH__NOTIFY_WAKE)
            tell(idle_pop(pool), FILCH__TOKEN_RUN);
        if (how == FILCH__NOTIFY_NONE && gives_up)
            filch__crew_drop_stranded(pool);
        if (how != FILCH__NOTIFY_START)
            return;
        (void)filch__os_futex_wait(&nobody_wakes, 0, filch_in_ns(START_PAUSE_NS));
        if (!filch__crew_start(pool, true, false))
            return;
    }
}

void filch__pool_notify(struct filch_pool *pool)
{
    if (filch__unlikely(filch__load_seq_cst(&pool->stopping))) /* pairs with stop() in close.c */
        return;
    switch (filch__gate_notify(&pool->gate, filch__pool_may_start(pool))) {
    case FILCH__NOTIFY_WAKE:
        filch__add_relaxed(&pool->wakes, 1);
        tell(idle_pop(pool), FILCH__TOKEN_RUN);
        break;
    case FILCH__NOTIFY_START:
        if (filch__crew_start(pool, true, false))
            filch__pool_start_later(pool);
        break;
    default:
        break;
    }
}

/* ---- making work visible ---- */

void filch__ready_here(struct filch__worker *worker, struct filch__strand *strand)
{
    struct filch_pool *pool = worker->pool;
    if (filch__deque_push(&worker->deque, (uintptr_t)strand | 1, &pool->allocator))
        filch__inject_push(&pool->ready, &strand->link);
}

void filch__ready_next(struct filch__worker *worker, struct filch__strand *strand)
{
    if (worker->heir)
        filch__ready_here(worker, strand);
    else
        worker->heir = strand;
}

/* Only now: from here on others may resume it. */
void filch__strand_yielded(struct filch__strand *strand)
{
    struct filch_pool *pool = strand->pool;
    filch__inject_push(&pool->yielded, &strand->link);
    filch__pool_share(pool);
}

void filch__strand_ready(void *target)
{
    struct filch__strand *strand = target;
    struct filch_pool *pool = strand->pool;
    struct filch__worker *worker = filch__worker_current();
    filch__watch_ready(strand);
    if (worker && worker->pool == pool && worker->permit) {
        if (worker->ending) {
            filch__ready_next(worker, strand);
        } else {
            filch__ready_here(worker, strand);
            filch__pool_notify(pool);
        }
        return;
    }
    /* The pool is not the caller's: once the strand is in sight it may end, and the pool be closed. Close waits for the
     * count. */
    filch__add_seq_cst(&pool->wakers, 1);
    filch__inject_push(&pool->ready, &strand->link);
    filch__pool_notify(pool);
    filch__sub_acq_rel(&pool->wakers, 1);
}

void filch__enqueue(struct filch_pool *pool, struct filch_future *future)
{
    struct filch__worker *worker = filch__worker_current();
    if (worker && worker->pool == pool && worker->permit && !(future->priv.flags & FILCH__FUTURE_RANKED) &&
        !filch__deque_push(&worker->deque, (uintptr_t)future, &pool->allocator))
        filch__count(&worker->count.submitted);
    else
        filch__entry_push(pool, future);
    filch__pool_notify(pool);
}

/* ---- permits for threads ---- */

static void grant(struct filch_pool *pool)
{
    filch__lock(&pool->claim_lock);
    struct filch__claimant *first = pool->claim_first;
    pool->claim_first = first->next;
    filch__unlock(&pool->claim_lock);
    uint32_t *granted = &first->granted;
    filch__store_release(granted, 1); /* the claimant may be gone from here on */
    filch__os_futex_wake(granted, 1);
}

void filch__permit_pass(struct filch_pool *pool, enum filch__gate_park how)
{
    if (how == FILCH__PARK_SERVED)
        grant(pool);
}

static void claim(struct filch_pool *pool, struct filch__worker *worker)
{
    if (worker)
        filch__worker_turn(worker, FILCH__SPELL_PERMIT);
    struct filch__claimant me = {0};
    filch__lock(&pool->claim_lock);
    bool admitted = filch__gate_claim(&pool->gate);
    if (!admitted) { /* counted and in line in one step, as far as grant() can tell */
        if (pool->claim_first)
            pool->claim_last->next = &me;
        else
            pool->claim_first = &me;
        pool->claim_last = &me;
    }
    filch__unlock(&pool->claim_lock);
    while (!admitted && !filch__load_acquire(&me.granted))
        filch__os_futex_wait(&me.granted, 0, FILCH_NO_DEADLINE);
}

void filch__permit_claim(struct filch_pool *pool, struct filch__worker *worker)
{
    if (!filch__gate_try_admit(&pool->gate))
        claim(pool, worker);
    filch__watchdog_rouse(pool);
}

void filch__permit_leave(struct filch_pool *pool)
{
    filch__permit_pass(pool, filch__gate_leave(&pool->gate));
    filch__pool_notify(pool); /* there may be work: the permit is free for it */
}
