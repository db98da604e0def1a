/* SPDX-License-Identifier: MIT */
#include "pool.h"

#include <errno.h>

/* ---- room in the queue ---- */

/* Count up to `want` tasks as accepted; how many. */
static size_t reserve(struct filch_pool *pool, size_t want)
{
    uint64_t accepted = filch__load_seq_cst(&pool->accepted), count;
    do {
        if (accepted >= pool->config.queue_limit)
            return 0;
        count = pool->config.queue_limit - accepted;
        if (count > want)
            count = want;
    } while (!filch__cas_seq_cst(&pool->accepted, &accepted, accepted + count));
    return (size_t)count;
}

static bool may_have_room(const struct filch_pool *pool)
{
    return filch__load_seq_cst(&pool->accepted) < pool->config.queue_limit || filch__pool_refuses(pool);
}

static int wait_for_room(struct filch_pool *pool)
{
    struct filch__wait wait;
    struct filch__event_node node;
    int r = filch__wait_begin(&wait, 1, 0, FILCH_NO_DEADLINE, NULL);
    if (r)
        return r;
    filch__eventcount_add(&pool->room, &node, &wait.waiter);
    if (!may_have_room(pool))
        filch__wait_block(&wait);
    bool undone = filch__eventcount_remove(&pool->room, &node);
    uint32_t reasons = filch__wait_end(&wait, undone);
    if (!reasons)
        return 0;
    if (!undone)
        filch__eventcount_notify(&pool->room); /* this notification was another's */
    return -ECANCELED;
}

/* As the pool's policy says. *ret_count of `want` tasks may be enqueued; 0 only with FILCH__ROOM_RUN_HERE or an error.
 * */
int filch__room_make(struct filch_pool *pool, size_t want, bool own_thread, size_t *ret_count)
{
    if (filch__likely(!pool->config.queue_limit)) {
        *ret_count = want;
        return FILCH__ROOM_OK;
    }
    for (;;) {
        int r = filch__pool_refuses(pool);
        if (r)
            return r;
        if ((*ret_count = reserve(pool, want)))
            return FILCH__ROOM_OK;
        if (pool->config.when_full == FILCH_FULL_FAIL)
            return -EAGAIN;
        if (pool->config.when_full == FILCH_FULL_RUN && !own_thread) {
            filch__add_seq_cst(&pool->accepted, 1); /* taken off again when it starts */
            return FILCH__ROOM_RUN_HERE;
        }
        r = wait_for_room(pool);
        if (r)
            return r;
    }
}

/* ---- running in the caller ---- */

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
    filch__strand_enter_thread(&caller->strand);
    filch__strand_set_current(&caller->strand);
    filch__task_run(&caller->strand, future);
    filch__strand_set_current(current);
    filch__permit_leave(pool);
    filch__lock(&pool->lock);
    caller->busy = false;
    filch__unlock(&pool->lock);
}
