/* SPDX-License-Identifier: MIT */
#include "pool.h"

#include "scope.h"

#include <errno.h>
#include <string.h>

_Static_assert(sizeof(struct filch__scope) <= sizeof(struct filch_scope), "a scope fits its public frame");
_Static_assert(_Alignof(struct filch__scope) <= _Alignof(struct filch_scope), "a scope lies where its frame may");

static int check_config(const struct filch_scope_config *config)
{
    if ((unsigned)config->policy > FILCH_SCOPE_COUNT || filch__any_set(config->reserved, 4))
        return -EINVAL;
    return (config->policy == FILCH_SCOPE_COUNT) == (config->need > 0) ? 0 : -EINVAL;
}

static struct filch__wakeup time_out(struct filch__timer *timer)
{
    filch__scope_ask(filch__container_of(timer, struct filch__scope, timer), FILCH__SCOPE_TIMED_OUT);
    return (struct filch__wakeup){0};
}

/* Open, and this is a child of fork(2)? Asked of the scope, as the pool of one that is closed may be gone. */
static bool is_stale(const struct filch__scope *scope)
{
    return filch__load_acquire(&scope->word) && scope->generation != filch__load_relaxed(&filch__generation);
}

int filch_scope_open(struct filch_scope *scope, struct filch_pool *pool, const struct filch_scope_config *config)
{
    static const struct filch_scope_config none;
    if (!config)
        config = &none;
    int r = scope ? check_config(config) : -EINVAL;
    if (!r)
        r = filch__pool_find(&pool);
    if (!r)
        r = filch__timekeeper_start(&pool->keeper); /* so that a cancel cannot fail */
    if (!r && config->parent && is_stale(filch__scope_in(config->parent)))
        r = -ESTALE;
    if (!r && config->parent)
        r = filch__scope_join(filch__scope_in(config->parent), filch__strand_current());
    if (r)
        return r;
    struct filch__scope *it = filch__scope_in(scope);
    struct filch__scope fresh = {.pool = pool,
                                 .parent = config->parent ? filch__scope_in(config->parent) : NULL,
                                 .policy = config->policy,
                                 .generation = filch__load_relaxed(&filch__generation),
                                 .need = config->policy == FILCH_SCOPE_FIRST_SUCCESS ? 1 : config->need,
                                 .timed = config->timeout_ns,
                                 .on_error = config->on_error,
                                 .ctx = config->ctx};
    /* All but the word, which somebody may look at who wants to cancel the scope. */
    memcpy((char *)it + sizeof it->word, (char *)&fresh + sizeof it->word, sizeof fresh - sizeof it->word);
    filch__scope_init_errand(it);
    filch_promise_init(&it->ended);
    it->ended.priv.flags = FILCH__FUTURE_SCOPE;
    filch__store_release(&it->word, 1);
    if (it->parent)
        filch__scope_enter_parent(it);
    if (it->timed)
        filch__timer_add(&pool->keeper, &it->timer, filch_in_ns(config->timeout_ns), time_out);
    return 0;
}

int filch_scope_submit(struct filch_scope *scope, struct filch_future *future, filch_fn *fn, void *data,
                       const struct filch_task_options *options)
{
    struct filch_task_options mine = options ? *options : (struct filch_task_options){0};
    if (!scope)
        return -EINVAL;
    if (mine.scope && mine.scope != scope) {
        if (future && fn && !filch__future_in_flight(future))
            filch__future_fail(future, -EINVAL);
        return -EINVAL;
    }
    mine.scope = scope;
    return future ? filch_submit_with(NULL, future, fn, data, &mine) : filch__submit_own(fn, data, &mine);
}

void filch_scope_cancel(struct filch_scope *scope)
{
    int error = errno; /* a signal handler's caller keeps its own */
    struct filch__scope *it = filch__scope_in(scope);
    if (it && !is_stale(it))
        filch__scope_ask(it, 0);
    errno = error;
}

/* 0, and the caller is the one that closes. */
static int begin_close(struct filch__scope *scope)
{
    uint64_t word = filch__load_acquire(&scope->word);
    do {
        if (word & FILCH__SCOPE_CLOSING)
            return -EALREADY;
        if (!(word & FILCH__SCOPE_MEMBERS))
            return -EINVAL;
    } while (!filch__cas_acq_rel(&scope->word, &word, word | FILCH__SCOPE_CLOSING));
    return 0;
}

static int outcome(const struct filch__scope *scope)
{
    uint64_t word = filch__load_acquire(&scope->word);
    if (scope->need && filch__load_relaxed(&scope->successes) >= scope->need)
        return 0;
    if (filch__load_relaxed(&scope->first))
        return filch__load_relaxed(&scope->first);
    if (word & FILCH__SCOPE_CANCELLED)
        return word & FILCH__SCOPE_TIMED_OUT ? -ETIMEDOUT : -ECANCELED;
    return scope->need ? -ENODATA : 0;
}

int filch_scope_close(struct filch_scope *scope)
{
    struct filch__scope *it = filch__scope_in(scope);
    if (!scope || !filch__load_acquire(&it->word))
        return -EINVAL;
    if (is_stale(it))
        return -ESTALE;
    if (filch__scope_has(it, filch__strand_current()))
        return -EDEADLK;
    int r = begin_close(it);
    if (r)
        return r;
    filch__scope_leave(it);
    (void)filch_wait(&it->ended);
    if (it->timed)
        filch__timer_remove(&it->pool->keeper, &it->timer);
    r = outcome(it);
    if (it->parent)
        filch__scope_leave_parent(it);
    filch__store_release(&it->word, 0);
    return r;
}
