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
    wait.on = (struct filch__wait_on){.kind = FILCH__ON_ROOM, .target = pool};
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
