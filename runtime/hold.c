/* SPDX-License-Identifier: MIT */
#include "hold.h"

#include "scope.h"
#include "watch.h"

#define PULLED ((uint32_t)1 << 31)

/* ---- the list ---- */

static void list(struct filch__hold *hold)
{
    struct filch_pool *pool = hold->pool;
    filch__add_seq_cst(&pool->held, 1); /* I3 */
    filch__lock(&pool->held_lock);
    hold->next = pool->held_first;
    hold->at = &pool->held_first;
    if (hold->next)
        hold->next->at = &hold->next;
    pool->held_first = hold;
    hold->listed = true;
    filch__unlock(&pool->held_lock);
}

static void unlist_locked(struct filch__hold *hold)
{
    *hold->at = hold->next;
    if (hold->next)
        hold->next->at = hold->at;
    hold->listed = false;
}

/* The caller owns the task: nobody else will queue it. It may end, and its pool with it, once it is in a queue. */
static void queue(struct filch_pool *pool, struct filch_future *future)
{
    filch__add_seq_cst(&pool->wakers, 1); /* I3 */
    filch__enqueue(pool, future);
    filch__sub_seq_cst(&pool->held, 1);
    uint32_t phase = filch__load_seq_cst(&pool->phase); /* K4, K5 */
    if (filch__unlikely(phase != FILCH__POOL_OPEN))
        filch__pool_tell_closer(pool);
    if (filch__unlikely(phase == FILCH__POOL_CLOSED))
        filch__pool_settle(pool);
    filch__sub_acq_rel(&pool->wakers, 1);
}

static void unlist_and_queue(struct filch__hold *hold)
{
    struct filch_pool *pool = hold->pool;
    struct filch_future *future = hold->record->future;
    filch__lock(&pool->held_lock);
    unlist_locked(hold);
    filch__unlock(&pool->held_lock);
    queue(pool, future);
}

/* ---- pulling ---- */

/* True: out of the list, and the caller's to queue. */
static bool pull_locked(struct filch__hold *hold)
{
    if (!hold->listed)
        return false;
    uint32_t word = filch__load_acquire(&hold->edges);
    bool pulled = false;
    while (word && !pulled)
        pulled = filch__cas_acq_rel(&hold->edges, &word, word | PULLED); /* I1 */
    if (!pulled && !(hold->gate && filch__permits_abandon(hold->gate, &hold->line)))
        return false;
    unlist_locked(hold);
    return true;
}

static bool must_end(const struct filch__hold *hold)
{
    return filch__load_seq_cst(&hold->pool->phase) >= FILCH__POOL_CANCELLING || filch__scope_stops(hold->record) ||
           filch__future_phase(hold->record->future) == FILCH__DROPPED;
}

/* K1: whoever marked it before may have come too early to pull it. */
static void recheck(struct filch__hold *hold)
{
    struct filch_pool *pool = hold->pool;
    struct filch_future *future = NULL;
    filch__lock(&pool->held_lock);
    if (hold->listed && must_end(hold) && pull_locked(hold))
        future = hold->record->future;
    filch__unlock(&pool->held_lock);
    if (future)
        queue(pool, future);
}

void filch__hold_pull(struct filch_future *future)
{
    struct filch__hold *hold = ((struct filch__record *)future->priv.record)->hold;
    struct filch_pool *pool = hold->pool;
    filch__lock(&pool->held_lock); /* K1 */
    bool pulled = pull_locked(hold);
    filch__unlock(&pool->held_lock);
    filch__future_passed(future); /* then it may end, when somebody else has queued it */
    if (pulled)
        queue(pool, future);
}

void filch__hold_pull_all(struct filch_pool *pool, const struct filch__scope *scope)
{
    struct filch__hold *pulled = NULL;
    filch__lock(&pool->held_lock); /* K1 */
    for (struct filch__hold *hold = pool->held_first, *next; hold; hold = next) {
        next = hold->next;
        if (scope && (hold->record->scope != scope || !filch__scope_stops(hold->record)))
            continue;
        if (pull_locked(hold)) {
            hold->next = pulled;
            pulled = hold;
        }
    }
    filch__unlock(&pool->held_lock);
    while (pulled) {
        struct filch__hold *next = pulled->next;
        queue(pool, pulled->record->future);
        pulled = next;
    }
}

/* ---- from submit to a queue ---- */

/* True: it holds a permit, or will be told of one. Who is told may queue the task, which may end, and its pool with it. */
static bool enter_gate(struct filch__hold *hold)
{
    struct filch_pool *pool = hold->pool;
    filch__add_seq_cst(&pool->wakers, 1); /* I3 */
    bool entered = filch__permits_join(hold->gate, &hold->line, &hold->granted);
    if (entered)
        hold->permit = true;
    else
        recheck(hold); /* from here on the task may be another's */
    filch__sub_acq_rel(&pool->wakers, 1);
    return entered;
}

static void open_hold(struct filch__hold *hold)
{
    bool runs = !filch__load_relaxed(&hold->status) || hold->record->always;
    if (!runs || !hold->gate || enter_gate(hold))
        unlist_and_queue(hold);
}

static void note_failure(struct filch__hold *hold, int status)
{
    int32_t none = 0;
    if (status < 0)
        filch__cas_relaxed(&hold->status, &none, status); /* K2 */
}

static void drop_edges(struct filch__hold *hold, uint32_t count)
{
    uint32_t word = filch__sub_acq_rel(&hold->edges, count) - count; /* K2 */
    if (word & ~PULLED)
        return;
    if (!word)
        open_hold(hold);
    filch__record_release(hold->record); /* K3 */
}

static void predecessor_ended(void *target, void *source, int status)
{
    struct filch__hold *hold = target;
    /* Pulled: its task does not wait for it any more, and has ended perhaps, and with it the pool. */
    if (filch__watches_trace() && !(filch__load_relaxed(&hold->edges) & PULLED))
        filch__watch_after(hold->record->future, source);
    note_failure(hold, status);
    drop_edges(hold, 1);
}

static void admitted(void *target, void *source, int status)
{
    struct filch__hold *hold = target;
    (void)source, (void)status;
    hold->permit = true;
    unlist_and_queue(hold);
}

size_t filch__hold_size(size_t after_count)
{
    size_t bytes;
    if (after_count >= PULLED / 2 ||
        __builtin_mul_overflow(after_count, sizeof(struct filch__waiter_node), &bytes))
        return 0;
    return sizeof(struct filch__hold) + bytes;
}

void filch__hold_init(struct filch__hold *hold, struct filch_pool *pool, struct filch__record *record,
                      struct filch__permits *gate)
{
    *hold = (struct filch__hold){.pool = pool, .record = record, .gate = gate};
    hold->granted = (struct filch__waiter){.tell = admitted, .target = hold};
    hold->edge = (struct filch__waiter){.tell = predecessor_ended, .target = hold};
    record->hold = hold;
    record->refs++; /* K3 */
}

void filch__hold_begin(struct filch__hold *hold, struct filch_future *const after[], size_t count)
{
    uint32_t ended = 1; /* this call's own */
    hold->edges = (uint32_t)count + 1;
    list(hold);
    for (size_t i = 0; i < count; i++)
        if (filch__future_register(after[i], &hold->edge, &hold->node[i]) != FILCH__REGISTERED) {
            filch__watch_after(hold->record->future, after[i]);
            note_failure(hold, filch__future_status(after[i]));
            ended++;
        }
    recheck(hold);
    drop_edges(hold, ended);
}

const struct filch__hold *filch__hold_of(const struct filch__waiter *waiter)
{
    const struct filch__hold *hold = waiter->tell == predecessor_ended ? waiter->target : NULL;
    return hold && !(filch__load_acquire(&hold->edges) & PULLED) ? hold : NULL; /* I1 */
}

void filch__hold_end(struct filch__hold *hold)
{
    if (hold->permit)
        filch__permits_leave(hold->gate);
}
