/* SPDX-License-Identifier: MIT */
#include "pool.h"

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

/* The thread has a permit. */
static void run_as(struct filch__caller *caller, struct filch_future *future)
{
    struct filch__strand *current = filch__strand_current();
    filch__strand_enter_thread(&caller->strand);
    filch__strand_set_current(&caller->strand);
    filch__task_run(&caller->strand, future);
    filch__strand_set_current(current);
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
    filch__permit_claim(pool);
    run_as(caller, future);
    filch__permit_leave(pool);
    caller_put(pool, caller);
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
            filch__inject_push(&pool->ready, &((struct filch__strand *)(item - 1))->link);
            strands = true;
        }
        if (how != FILCH__STEAL_OK)
            item = 0;
    }
    for (size_t i = 0; i < FILCH_WORKERS_MAX && pool->worker[i] && !item; i++) {
        size_t count = filch__handful_open(&pool->worker[i]->handful, items);
        item = count ? items[0] : 0;
        for (size_t k = 1; k < count; k++) {
            filch__add_relaxed(&pool->requeued, 1); /* the queue counts it as submitted once more */
            filch__entry_push(pool, (struct filch_future *)items[k]);
        }
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

static int pump(struct filch_pool *pool, struct filch__caller *caller, unsigned max_tasks)
{
    unsigned count = 0;
    struct filch_future *future;
    while (count < max_tasks && !filch__gate_must_yield(filch__load_relaxed(&pool->gate)) &&
           (future = find_task(pool))) {
        run_as(caller, future);
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
    if (!filch__gate_try_admit(&pool->gate))
        return 0;
    /* A closer that has found everything ended sees this permit, or this sees that it stops. */
    bool stopping = filch__load_seq_cst(&pool->stopping);
    struct filch__caller *caller = stopping ? NULL : caller_get(pool);
    int r = stopping ? 0 : caller ? pump(pool, caller, max_tasks < INT_MAX ? max_tasks : INT_MAX) : -ENOMEM;
    if (caller)
        caller_put(pool, caller);
    filch__permit_leave(pool);
    if (filch__load_seq_cst(&pool->phase) != FILCH__POOL_OPEN)
        filch__pool_tell_closer(pool);
    return r;
}
