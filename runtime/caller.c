/* SPDX-License-Identifier: MIT */
#include "pool.h"

#include "watchdog.h"

#include <filch/blocking.h>

#include <errno.h>
#include <limits.h>

/* Threads outside the pool that run its tasks on their own stacks, each under a permit: submitters under FILCH_FULL_RUN,
 * and whoever pumps. */

static struct filch__caller *caller_get(struct filch_pool *pool)
{
    filch__lock(&pool->lock);
    struct filch__caller *caller = pool->callers;
    while (caller && caller->busy)
        caller = caller->next;
    if (!caller && (caller = filch__alloc_aligned(&pool->allocator, sizeof *caller))) {
        *caller = (struct filch__caller){.busy = false};
        filch__strand_init_thread(&caller->strand, pool);
        caller->next = pool->callers;
        pool->callers = caller;
    }
    if (caller)
        caller->busy = true;
    filch__unlock(&pool->lock);
    return caller;
}

static void caller_put(struct filch_pool *pool, struct filch__caller *caller)
{
    filch__lock(&pool->lock);
    caller->busy = false;
    filch__unlock(&pool->lock);
}

/* A thread runs tasks of a pool that it does not work for, under a permit. */
struct visit {
    struct filch_pool *pool;
    struct filch__caller *caller;
    struct filch__strand *before;
};

static struct visit visit_begin(struct filch_pool *pool, struct filch__caller *caller)
{
    struct filch__strand *before = filch__strand_current();
    filch__strand_enter_thread(&caller->strand);
    filch__strand_set_current(&caller->strand);
    return (struct visit){pool, caller, before};
}

/* Runs when the scope is left: by unwinding, too, when a body ends the thread. */
static void visit_end(struct visit *visit)
{
    struct filch_pool *pool = visit->pool;
    if (filch__pool_stale(pool))
        return; /* the body has forked, and ends its thread in the child */
    filch__strand_set_current(visit->before);
    filch__permit_leave(pool);
    caller_put(pool, visit->caller);
    if (filch__load_seq_cst(&pool->phase) != FILCH__POOL_OPEN)
        filch__pool_tell_closer(pool);
}

/* Workers count the bodies that end; here the stretch tells the watchdog one from the next. */
static void run(struct filch__strand *strand, struct filch_future *future)
{
    filch__store_relaxed(&strand->stretch, strand->stretch + 2);
    filch__task_run(strand, future);
}

/* ---- running what was just submitted ---- */

struct guest {
    struct filch_pool *pool;
    struct filch__caller *caller;
    struct filch_future *future; /* that one, or when pumping: */
    unsigned max_tasks;
};

static int run_one(void *data)
{
    const struct guest *guest = data;
    filch__permit_claim(guest->pool, NULL); /* in a task, this is a call that blocks there */
    struct visit visit __attribute__((cleanup(visit_end))) = visit_begin(guest->pool, guest->caller);
    /* A closer that has found everything ended sees this permit, or this sees that it stops: then it comes too late. */
    if (filch__unlikely(filch__load_seq_cst(&guest->pool->stopping)))
        filch__future_drop(guest->future);
    run(&visit.caller->strand, guest->future);
    return 0;
}

/* Run an accepted task on the calling thread, under a permit of the pool. */
void filch__run_here(struct filch_pool *pool, struct filch_future *future)
{
    struct filch__strand *current = filch__strand_current();
    filch__add_relaxed(&pool->outside_submitted, 1);
    if (current && current->task && current->pool == pool && !current->blocking) { /* under this task's permit */
        const char *label = filch__load_relaxed(&current->label);
        filch_fn *fn = filch__load_relaxed(&current->fn);
        filch__task_run(current, future);
        filch__store_relaxed(&current->label, label);
        filch__store_relaxed(&current->fn, fn);
        return;
    }
    struct filch__caller *caller = caller_get(pool);
    if (!caller) {
        filch__sub_relaxed(&pool->outside_submitted, 1);
        filch__enqueue(pool, future); /* above the limit rather than lost */
        return;
    }
    /* A task of another pool waits here for a permit of this one: meanwhile its own serves others. */
    (void)filch_blocking(run_one, &(struct guest){.pool = pool, .caller = caller, .future = future});
}

/* ---- pumping ---- */

/* A task out of some worker's deque or handful. The lock stands for the read section that an outside thread cannot have:
 * what is retired is freed under it. Strands that come up on the way go to the ready queue, where workers look first. */
static struct filch_future *steal_task(struct filch_pool *pool)
{
    uintptr_t items[FILCH__HANDFUL], item = 0;
    bool strands = false;
    filch__lock(&pool->lock);
    for (size_t i = 0; i < FILCH_WORKERS_MAX && pool->worker[i] && !item; i++) {
        enum filch__steal how;
        while ((how = filch__deque_steal(&pool->worker[i]->deque, &item)) == FILCH__STEAL_OK && item & 1) {
            filch__requeue(pool, item);
            strands = true;
        }
        if (how != FILCH__STEAL_OK)
            item = 0;
    }
    for (size_t i = 0; i < FILCH_WORKERS_MAX && pool->worker[i] && !item; i++) {
        size_t count = filch__handful_open(&pool->worker[i]->handful, items);
        item = count ? items[0] : 0;
        for (size_t k = 1; k < count; k++)
            filch__requeue(pool, items[k]);
    }
    filch__unlock(&pool->lock);
    if (strands || item)
        filch__pool_share(pool);
    return (struct filch_future *)item;
}

static struct filch_future *find_task(struct filch_pool *pool)
{
    static const enum filch__priority order[] = {FILCH__HIGH, FILCH__NORMAL};
    struct filch_future *future = NULL;
    for (int i = 0; i < 2 && !future; i++)
        future = filch__entry_take(pool, order[i]);
    if (!future)
        future = steal_task(pool);
    if (!future)
        future = filch__entry_take(pool, FILCH__LOW);
    if (future && filch__entry_has_items(pool))
        filch__pool_share(pool);
    return future;
}

static int pump(void *data)
{
    const struct guest *guest = data;
    struct filch_pool *pool = guest->pool;
    if (!filch__gate_try_admit(&pool->gate)) {
        caller_put(pool, guest->caller);
        return 0;
    }
    struct visit visit __attribute__((cleanup(visit_end))) = visit_begin(pool, guest->caller);
    filch__watchdog_rouse(pool);
    /* A closer that has found everything ended sees this permit, or this sees that it stops. */
    if (filch__load_seq_cst(&pool->stopping))
        return 0;
    unsigned count = 0;
    struct filch_future *future;
    while (count < guest->max_tasks && !filch__gate_must_yield(filch__load_relaxed(&pool->gate)) &&
           (future = find_task(pool))) {
        run(&visit.caller->strand, future);
        count++;
    }
    return (int)count;
}

int filch_pool_pump(struct filch_pool *pool, unsigned max_tasks)
{
    if (!max_tasks)
        return -EINVAL;
    if (!(pool = filch__pool_resolve(pool)))
        return -ENOMEM;
    if (filch__pool_stale(pool))
        return -ESTALE;
    if (filch__pool_in_task(pool))
        return -EDEADLK;
    if (filch__load_acquire(&pool->phase) == FILCH__POOL_CLOSED)
        return -ESHUTDOWN;
    struct filch__caller *caller = caller_get(pool);
    if (!caller)
        return -ENOMEM;
    unsigned most = max_tasks < INT_MAX ? max_tasks : INT_MAX;
    /* In a task of another pool the bodies run under a permit of this one: meanwhile that one's serves others. */
    return filch_blocking(pump, &(struct guest){.pool = pool, .caller = caller, .max_tasks = most});
}
