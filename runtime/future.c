/* SPDX-License-Identifier: MIT */
#include "pool.h"

#include "watch.h"

#include <errno.h>
#include <stdlib.h>

bool filch_done(const struct filch_future *future)
{
    return future && filch__future_phase(future) == FILCH__DONE;
}

int filch_status(const struct filch_future *future)
{
    if (!future)
        return -EINVAL;
    switch (filch__future_phase(future)) {
    case FILCH__IDLE:
        return -EINVAL;
    case FILCH__DONE:
        return filch__future_status(future);
    default:
        return -EINPROGRESS;
    }
}

const char *filch_future_name(const struct filch_future *future)
{
    if (!future || !filch__future_in_flight(future) || !future->priv.record)
        return NULL;
    return ((const struct filch__record *)future->priv.record)->name;
}

int filch_cancel(struct filch_future *future)
{
    return future ? filch__cancel(future, false) : -EINVAL;
}

bool filch_cancelled(void)
{
    struct filch__strand *strand = filch__strand_current();
    return strand && filch__strand_asked_stop(strand);
}

void filch_promise_init(struct filch_future *future)
{
    if (!future || filch__future_in_flight(future))
        return;
    future->priv.record = NULL;
    future->priv.flags = 0;
    filch__future_begin(future, FILCH__PROMISE, NULL);
}

int filch_complete(struct filch_future *future, int status)
{
    if (!future)
        return -EINVAL;
    filch__watch_complete(future);
    return filch__future_complete(future, status);
}

/* ---- waiting for one ---- */

/* 0: in flight, and somebody else's; 1: done; or an error. */
static int look(const struct filch_future *future)
{
    enum filch__phase phase = future ? filch__future_phase(future) : FILCH__IDLE;
    if (phase == FILCH__DONE)
        return 1;
    if (phase == FILCH__IDLE)
        return -EINVAL;
    struct filch__strand *strand = filch__strand_current();
    return strand && strand->task == future ? -EDEADLK : 0;
}

static int why_interrupted(uint32_t reasons)
{
    return reasons & FILCH__WAITER_CANCELLED ? -ECANCELED : -ETIMEDOUT;
}

/* The future was found in flight. pass_on: a cancel goes to it; otherwise it ends the wait. */
static int wait_for(struct filch_future *future, uint64_t deadline_ns, bool pass_on)
{
    struct filch__wait wait;
    struct filch__waiter_node node;
    wait.on = (struct filch__wait_on){.kind = FILCH__ON_FUTURE, .target = future, .count = 1};
    int r = filch__wait_begin(&wait, 1, 0, deadline_ns, pass_on ? future : NULL);
    if (r)
        return r;
    uint32_t undone = 1;
    if (filch__future_register(future, &wait.waiter, &node) == FILCH__REGISTERED) {
        filch__wait_block(&wait);
        undone = filch__waiter_reasons(&wait.waiter) && filch__future_unregister(future, &wait.waiter);
    }
    uint32_t reasons = filch__wait_end(&wait, undone);
    return !reasons || filch__future_phase(future) == FILCH__DONE ? 0 : why_interrupted(reasons);
}

int filch_wait(struct filch_future *future)
{
    int r = look(future);
    if (!r)
        r = wait_for(future, FILCH_NO_DEADLINE, true);
    if (r < 0)
        return r;
    filch__watch_awaited(future);
    return filch__future_status(future);
}

int filch_wait_until(struct filch_future *future, uint64_t deadline_ns)
{
    int r = look(future);
    if (!r)
        r = filch__deadline_past(deadline_ns) ? -ETIMEDOUT : wait_for(future, deadline_ns, false);
    if (r < 0)
        return r;
    filch__watch_awaited(future);
    return 0;
}

/* ---- waiting for several ---- */

/* An array of pointers, or futures at a stride. */
struct set {
    struct filch_future *const *pointers;
    char *first;
    size_t stride;
};

static struct filch_future *at(const struct set *set, size_t i)
{
    return set->pointers ? set->pointers[i] : (struct filch_future *)(void *)(set->first + i * set->stride);
}

/* One waiter for all of [0, count) that are in flight. Those that have another waiter already are left out; the caller
 * comes back for them. */
static int wait_for_group(const struct set *set, size_t count, uint64_t deadline_ns)
{
    struct filch__wait wait;
    uint32_t ended = 0, undone = 0;
    const void *target = set->pointers ? (const void *)set->pointers : set->first;
    wait.on = (struct filch__wait_on){.kind = FILCH__ON_ALL, .target = target, .count = count, .stride = set->stride};
    int r = filch__wait_begin(&wait, (uint32_t)count, FILCH__WAITER_ALL, deadline_ns, NULL);
    if (r)
        return r;
    size_t registered = 0;
    for (; registered < count && !filch__waiter_fired(&wait.waiter); registered++)
        if (filch__future_register(at(set, registered), &wait.waiter, NULL) != FILCH__REGISTERED)
            ended++;
    filch__waiter_discount(&wait.waiter, ended);
    filch__wait_block(&wait);
    uint32_t reasons = filch__waiter_reasons(&wait.waiter);
    if (reasons) {
        undone = (uint32_t)(count - registered);
        for (size_t i = 0; i < registered; i++)
            undone += filch__future_unregister(at(set, i), &wait.waiter);
    }
    filch__wait_end(&wait, undone);
    return reasons ? why_interrupted(reasons) : 0;
}

/* Beyond this many the group is waited for in parts; it also bounds what one registration pass costs. */
enum { GROUP_MAX = 1 << 20 };

static int wait_for_all(const struct set *set, size_t count, uint64_t deadline_ns)
{
    bool slept = false;
    for (size_t i = count; i-- > 0;) {
        int r = look(at(set, i));
        if (r > 0)
            continue;
        if (!r && filch__deadline_past(deadline_ns))
            r = -ETIMEDOUT;
        if (!r && slept && i > 0) {
            /* Tasks mostly end in the order in which they were submitted, so the last one is waited for first, alone;
             * what is not done then is waited for together, with one wake-up. */
            size_t part = i + 1 < GROUP_MAX ? i + 1 : GROUP_MAX;
            struct set tail = *set;
            if (tail.pointers)
                tail.pointers += i + 1 - part;
            else
                tail.first += (i + 1 - part) * tail.stride;
            for (size_t k = 0; k < part && !r; k++)
                if ((r = look(at(&tail, k))) > 0)
                    r = 0;
            if (!r)
                r = wait_for_group(&tail, part, deadline_ns);
        }
        if (!r)
            r = wait_for(at(set, i), deadline_ns, false);
        if (r)
            return r;
        slept = true;
    }
    return 0;
}

/* All of them are done, if r is 0, which is what it returns. */
static int awaited(const struct set *set, size_t count, int r)
{
    if (filch__watches_trace() && !r)
        for (size_t i = 0; i < count; i++)
            filch__watch_awaited(at(set, i));
    return r;
}

int filch_wait_all(struct filch_future *const futures[], size_t count, uint64_t deadline_ns)
{
    if (!futures && count)
        return -EINVAL;
    const struct set set = {.pointers = futures};
    return awaited(&set, count, wait_for_all(&set, count, deadline_ns));
}

int filch_wait_many(const struct filch_batch *batch, uint64_t deadline_ns)
{
    int r = filch__batch_check(batch);
    if (r)
        return r;
    size_t stride = batch->future_stride ? batch->future_stride : sizeof(struct filch_future);
    const struct set set = {.first = (char *)batch->futures, .stride = stride};
    return awaited(&set, batch->count, wait_for_all(&set, batch->count, deadline_ns));
}

/* The first that is done: its index; else -EINPROGRESS or an error in *ret_error. */
static bool find_done(struct filch_future *const futures[], size_t count, size_t *ret_index, int *ret_error)
{
    *ret_error = 0;
    for (size_t i = 0; i < count; i++) {
        int r = look(futures[i]);
        if (r > 0) {
            *ret_index = i;
            filch__watch_awaited(futures[i]);
            return true;
        }
        if (r < 0 && !*ret_error)
            *ret_error = r;
    }
    return false;
}

/* Register the waiter everywhere, until one is found done. Futures that have a waiter already take a node: a few from
 * the caller's stack, then one block. */
struct nodes {
    struct filch__waiter_node few[4];
    struct filch__waiter_node *block;
    size_t used;
};

static struct filch__waiter_node *next_node(struct nodes *nodes, size_t most)
{
    size_t few = sizeof nodes->few / sizeof nodes->few[0];
    if (nodes->used < few)
        return &nodes->few[nodes->used];
    if (!nodes->block)
        nodes->block = malloc(most * sizeof *nodes->block);
    return nodes->block ? &nodes->block[nodes->used - few] : NULL;
}

static int register_any(struct filch_future *const futures[], size_t count, struct filch__waiter *waiter,
                        struct nodes *nodes, size_t *ret_registered)
{
    size_t i = 0;
    int r = 0;
    for (; i < count; i++) {
        enum filch__register how = filch__future_register(futures[i], waiter, NULL);
        if (how == FILCH__REGISTER_NEEDS_NODE) {
            struct filch__waiter_node *node = next_node(nodes, count - i);
            if (!node) {
                r = -ENOMEM;
                break;
            }
            how = filch__future_register(futures[i], waiter, node);
            nodes->used += how == FILCH__REGISTERED;
        }
        if (how == FILCH__REGISTER_DONE) {
            r = 1;
            break;
        }
    }
    *ret_registered = i;
    return r;
}

int filch_wait_any(struct filch_future *const futures[], size_t count, uint64_t deadline_ns, size_t *ret_index)
{
    int r;
    if (!futures || !count || !ret_index)
        return -EINVAL;
    if (count > FILCH__WAITER_REFS_MAX)
        return -EOVERFLOW;
    if (find_done(futures, count, ret_index, &r))
        return 0;
    if (r)
        return r;
    if (filch__deadline_past(deadline_ns))
        return -ETIMEDOUT;
    struct filch__wait wait;
    struct nodes nodes = {.used = 0};
    wait.on = (struct filch__wait_on){.kind = FILCH__ON_ANY, .target = futures, .count = count};
    r = filch__wait_begin(&wait, (uint32_t)count, 0, deadline_ns, NULL);
    if (r)
        return r;
    size_t registered;
    r = register_any(futures, count, &wait.waiter, &nodes, &registered);
    if (!r)
        filch__wait_block(&wait);
    uint32_t undone = (uint32_t)(count - registered);
    for (size_t i = 0; i < registered; i++)
        undone += filch__future_unregister(futures[i], &wait.waiter);
    uint32_t reasons = filch__wait_end(&wait, undone);
    free(nodes.block);
    int error;
    if (find_done(futures, count, ret_index, &error))
        return 0;
    return r < 0 ? r : why_interrupted(reasons);
}
