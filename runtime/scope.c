/* SPDX-License-Identifier: MIT */
#include "scope.h"

#include "hold.h"

#include <errno.h>

static void lock(struct filch__scope *scope)
{
    while (filch__exchange_acquire(&scope->lock, 1))
        filch__os_yield();
}

static void unlock(struct filch__scope *scope)
{
    filch__store_release(&scope->lock, 0);
}

static struct filch__scope *scope_of_task(const struct filch_future *task)
{
    const struct filch__record *record = task ? task->priv.record : NULL;
    return record ? record->scope : NULL;
}

bool filch__scope_has(const struct filch__scope *scope, const struct filch__strand *strand)
{
    const struct filch__scope *at = strand ? scope_of_task(filch__load_relaxed(&strand->task)) : NULL;
    while (at && at != scope)
        at = at->parent;
    return at;
}

bool filch__scope_cancelled(const struct filch__scope *scope)
{
    return filch__load_acquire(&scope->word) & FILCH__SCOPE_CANCELLED;
}

/* ---- members ---- */

int filch__scope_join(struct filch__scope *scope, const struct filch__strand *from)
{
    uint64_t word = filch__load_acquire(&scope->word);
    do {
        if (!(word & FILCH__SCOPE_MEMBERS) || (word & FILCH__SCOPE_CLOSING && !filch__scope_has(scope, from)))
            return -ESHUTDOWN;
        if (word & FILCH__SCOPE_CANCELLED)
            return -ECANCELED;
    } while (!filch__cas_acq_rel(&scope->word, &word, word + 1));
    return 0;
}

void filch__scope_leave(struct filch__scope *scope)
{
    uint64_t word = filch__sub_acq_rel(&scope->word, 1); /* P2 */
    if ((word & FILCH__SCOPE_MEMBERS) == 1)
        filch__future_complete(&scope->ended, 0);
}

void filch__scope_note(struct filch__scope *scope, struct filch_future *task, int status)
{
    bool cancelled = filch__load_acquire(&scope->word) & FILCH__SCOPE_CANCELLED;
    int32_t none = 0;
    if (status >= 0) {
        if (scope->need && filch__add_relaxed(&scope->successes, 1) + 1 == scope->need)
            filch__scope_ask(scope, FILCH__SCOPE_SATISFIED);
        return;
    }
    if (cancelled && status == -ECANCELED)
        return; /* no failure of its own */
    if (!cancelled)
        filch__cas_relaxed(&scope->first, &none, status);
    if (scope->policy == FILCH_SCOPE_FAIL_FAST)
        filch__scope_ask(scope, 0);
    if (scope->on_error)
        scope->on_error(scope->ctx, task, status);
}

/* ---- cancelling ---- */

void filch__scope_ask(struct filch__scope *scope, uint64_t why)
{
    uint64_t word = filch__load_acquire(&scope->word);
    do {
        if (!(word & FILCH__SCOPE_MEMBERS) || word & FILCH__SCOPE_CANCELLED)
            return;
    } while (!filch__cas_seq_cst(&scope->word, &word, (word | FILCH__SCOPE_CANCELLED | why) + 1)); /* P1, I1 */
    struct filch_pool *pool = scope->pool;
    filch__add_seq_cst(&pool->wakers, 1); /* P5 */
    filch__timekeeper_send(&pool->keeper, &scope->errand);
    if (filch__unlikely(filch__load_seq_cst(&pool->phase) == FILCH__POOL_CLOSED)) /* P4 */
        filch__timekeeper_run_errands(&pool->keeper);
    filch__sub_acq_rel(&pool->wakers, 1); /* P5 */
}

static void carry_out(struct filch__errand *errand)
{
    struct filch__scope *scope = filch__container_of(errand, struct filch__scope, errand);
    lock(scope); /* P3 */
    for (struct filch__scope *inside = scope->inside; inside; inside = inside->next)
        filch__scope_ask(inside, 0);
    unlock(scope);
    if (filch__likely(filch__load_relaxed(&scope->pool->phase) != FILCH__POOL_CLOSED)) { /* else there is none */
        filch__cancel_waits(scope->pool, scope);                                         /* P1 */
        filch__hold_pull_all(scope->pool, scope);
    }
    filch__scope_leave(scope);
}

void filch__scope_init_errand(struct filch__scope *scope)
{
    scope->errand.run = carry_out;
}

/* ---- scopes in scopes ---- */

void filch__scope_enter_parent(struct filch__scope *scope)
{
    struct filch__scope *parent = scope->parent;
    lock(parent);
    scope->next = parent->inside;
    scope->at = &parent->inside;
    if (scope->next)
        scope->next->at = &scope->next;
    parent->inside = scope;
    unlock(parent);
    if (filch__load_seq_cst(&parent->word) & FILCH__SCOPE_CANCELLED) /* P3 */
        filch__scope_ask(scope, 0);
}

void filch__scope_leave_parent(struct filch__scope *scope)
{
    struct filch__scope *parent = scope->parent;
    lock(parent);
    *scope->at = scope->next;
    if (scope->next)
        scope->next->at = scope->at;
    unlock(parent);
    filch__scope_leave(parent);
}
