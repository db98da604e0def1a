/* SPDX-License-Identifier: MIT */
#include "work.h"

#include <errno.h>

/* Tasks that nobody has taken yet, in one queue for each priority. Normal ones come here from outside threads; those
 * that are not normal always do, also out of tasks: a deque or a handful has no order by priority.
 *
 * `ranked` says whether there ever was one that is not normal, so that the others cost each worker one load per task:
 *   E1 push: ranked = 1 (sc), then the item (inject N2), then notify reads the gate's word (sc)  ||  a worker that parks:
 *      CAS on that word (sc), ranked (sc), then the queue. One of them sees the other: gate.h, G1. Who finds the flag set
 *      by another thread reads it sc as well, so that this store, too, is before its own look at the word.
 */

static struct filch__link *link_of(struct filch_future *future)
{
    return (struct filch__link *)(void *)&future->priv.link;
}

static struct filch__inject *queue_for(struct filch_pool *pool, uint32_t flags)
{
    if (filch__likely(!(flags & FILCH__FUTURE_RANKED)))
        return &pool->entry[FILCH__NORMAL];
    if (!filch__load_seq_cst(&pool->ranked)) /* E1 */
        filch__store_seq_cst(&pool->ranked, 1);
    return &pool->entry[flags & FILCH__FUTURE_HIGH ? FILCH__HIGH : FILCH__LOW];
}

static unsigned levels(const struct filch_pool *pool)
{
    return filch__load_seq_cst(&pool->ranked) ? FILCH__PRIORITIES : FILCH__NORMAL + 1; /* E1 */
}

void filch__entry_init(struct filch_pool *pool)
{
    for (unsigned level = 0; level < FILCH__PRIORITIES; level++)
        filch__inject_init(&pool->entry[level]);
}

void filch__entry_push(struct filch_pool *pool, struct filch_future *future)
{
    filch__inject_push(queue_for(pool, future->priv.flags), link_of(future));
}

void filch__entry_push_chain(struct filch_pool *pool, struct filch__chain *chain, uint32_t flags)
{
    filch__inject_push_chain(queue_for(pool, flags), chain);
}

bool filch__entry_has_items(const struct filch_pool *pool)
{
    unsigned level = levels(pool);
    while (level-- > 0)
        if (filch__inject_has_items(&pool->entry[level]))
            return true;
    return false;
}

size_t filch__entry_size(const struct filch_pool *pool)
{
    size_t size = 0;
    for (unsigned level = levels(pool); level-- > 0;)
        size += filch__inject_size(&pool->entry[level]);
    return size;
}

uint64_t filch__entry_pushed(const struct filch_pool *pool)
{
    uint64_t pushed = 0;
    for (unsigned level = levels(pool); level-- > 0;)
        pushed += filch__inject_pushed(&pool->entry[level]);
    return pushed;
}

struct filch_future *filch__entry_take(struct filch_pool *pool, enum filch__priority level)
{
    struct filch__inject *queue = &pool->entry[level];
    struct filch__link *link;
    if (!filch__inject_has_items(queue) || !filch__inject_take(queue, &link, 1))
        return NULL;
    return filch__container_of(link, struct filch_future, priv.link);
}

struct filch_future *filch__entry_take_any(struct filch_pool *pool)
{
    struct filch_future *future = NULL;
    for (unsigned level = 0; level < levels(pool) && !future; level++)
        future = filch__entry_take(pool, (enum filch__priority)level);
    return future;
}

void filch__pool_settle(struct filch_pool *pool)
{
    while (filch__entry_has_items(pool)) {
        struct filch_future *future = filch__entry_take_any(pool);
        if (!future) {
            filch__os_yield(); /* another one settles, or a producer is about to link */
            continue;
        }
        filch__task_make_room(pool, future);
        filch__task_drop(pool, future, -ECANCELED);
    }
}
