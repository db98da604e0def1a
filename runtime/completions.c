/* SPDX-License-Identifier: MIT */
#include "pool.h"
#include "watch.h"

#include <filch/completions.h>

#include <errno.h>
#include <stdlib.h>

/* Finished futures lie in an entry queue, linked through the field that queued them before they ran. Completers add, an
 * event count wakes who waits; the descriptor is signalled once until a reader has found the queue empty.
 *   C1 tell: push (sc), then signalled is exchanged, then perhaps the descriptor is written
 *      ||  next: the descriptor is read, then signalled is exchanged, then the queue is looked at (sc).
 *      Either the completer writes after the reader has read, or the reader sees the item.
 * One word counts references, and completers that are inside tell:
 *      63 CLOSED   62..32 inside   31..0 references: the user's, and one for each task in flight
 *   C2 tell: add to inside  ||  close: set CLOSED, then wait until nobody is inside. Either tell sees CLOSED and
 *   touches nothing
 *      more, or close waits for it: after close the futures are their owner's.
 * The last reference frees, and closes the descriptor, so that nobody writes to a number that means something else by
 * then.
 */
#define INSIDE ((uint64_t)1 << 32)
#define CLOSED ((uint64_t)1 << 63)

struct filch_completions {
    struct filch__inject queue;
    struct filch__eventcount event;
    struct filch__waiter sink;
    struct filch__lock lock; /* opening the descriptor */
    int32_t fd;              /* -1: none */
    uint32_t signalled;
    uint64_t users;
};

static void release(struct filch_completions *completions, uint64_t users)
{
    if ((uint32_t)filch__sub_acq_rel(&completions->users, users) > 1)
        return;
    if (completions->fd >= 0)
        filch__os_event_close(completions->fd);
    filch__eventcount_destroy(&completions->event);
    filch__lock_destroy(&completions->lock);
    free(completions);
}

static void signal_fd(struct filch_completions *completions)
{
    int fd = filch__load_acquire(&completions->fd);
    if (fd >= 0 && !filch__exchange_acq_rel(&completions->signalled, 1)) /* C1 */
        filch__os_event_signal(fd);
}

/* A future has ended. */
static void tell(void *target, void *source, int status)
{
    (void)status; /* it is in the future, which is the queue's until it is taken out */
    struct filch_completions *completions = target;
    struct filch_future *future = source;
    if (!(filch__add_seq_cst(&completions->users, INSIDE) & CLOSED)) { /* C2 */
        filch__inject_push(&completions->queue, (struct filch__link *)(void *)&future->priv.link);
        signal_fd(completions);
        filch__eventcount_notify(&completions->event); /* E1: the push is sequentially consistent */
    }
    release(completions, INSIDE + 1);
}

struct filch__waiter *filch__completions_sink(struct filch_completions *completions)
{
    filch__add_relaxed(&completions->users, 1);
    return &completions->sink;
}

int filch_completions_open(struct filch_completions **ret_completions)
{
    if (!ret_completions)
        return -EINVAL;
    struct filch_completions *completions = aligned_alloc(FILCH_CACHELINE, sizeof *completions);
    if (!completions)
        return -ENOMEM;
    *completions = (struct filch_completions){.fd = -1, .users = 1, .sink = {.tell = tell, .target = completions}};
    filch__inject_init(&completions->queue);
    filch__eventcount_init(&completions->event);
    filch__lock_init(&completions->lock);
    *ret_completions = completions;
    return 0;
}

void filch_completions_close(struct filch_completions *completions)
{
    if (!completions)
        return;
    filch__add_seq_cst(&completions->users, CLOSED); /* C2 */
    while (filch__load_acquire(&completions->users) / INSIDE % (CLOSED / INSIDE))
        filch__os_yield(); /* they do a few instructions */
    release(completions, 1);
}

int filch_completions_fd(struct filch_completions *completions)
{
    if (!completions)
        return -EINVAL;
    filch__lock(&completions->lock);
    int fd = completions->fd;
    if (fd < 0 && (fd = filch__os_event_open()) >= 0) {
        filch__store_release(&completions->fd, fd);
        signal_fd(completions); /* there may be something already; a reader finds out */
    }
    filch__unlock(&completions->lock);
    return fd;
}

static bool take(struct filch_completions *completions, struct filch_future **ret_future)
{
    struct filch__link *link;
    while (filch__inject_has_items(&completions->queue)) {
        if (filch__inject_take(&completions->queue, &link, 1)) {
            *ret_future = filch__container_of(link, struct filch_future, priv.link);
            filch__watch_awaited(*ret_future);
            return true;
        }
        filch__os_yield(); /* another reader is at it, or a completer is about to link */
    }
    return false;
}

/* The queue was found empty: so the descriptor says. Then look again. */
static bool take_after_clearing(struct filch_completions *completions, struct filch_future **ret_future)
{
    int fd = filch__load_acquire(&completions->fd);
    if (fd < 0)
        return false;
    filch__os_event_clear(fd); /* C1 */
    filch__exchange_acq_rel(&completions->signalled, 0);
    if (!take(completions, ret_future))
        return false;
    signal_fd(completions); /* more may have come */
    return true;
}

int filch_completions_next(struct filch_completions *completions, uint64_t deadline_ns,
                           struct filch_future **ret_future)
{
    if (!completions || !ret_future)
        return -EINVAL;
    for (;;) {
        if (take(completions, ret_future) || take_after_clearing(completions, ret_future))
            return 0;
        if (filch__deadline_past(deadline_ns))
            return -ETIMEDOUT;
        struct filch__wait wait;
        struct filch__event_node node;
        wait.on = (struct filch__wait_on){.kind = FILCH__ON_COMPLETIONS, .target = completions};
        int r = filch__wait_begin(&wait, 1, 0, deadline_ns, NULL);
        if (r)
            return r;
        filch__eventcount_add(&completions->event, &node, &wait.waiter);
        if (!filch__inject_has_items(&completions->queue)) /* E1 */
            filch__wait_block(&wait);
        bool undone = filch__eventcount_remove(&completions->event, &node);
        uint32_t reasons = filch__wait_end(&wait, undone);
        if (!reasons)
            continue;
        if (take(completions, ret_future))
            return 0;
        if (!undone)
            filch__eventcount_notify(&completions->event);
        return reasons & FILCH__WAITER_CANCELLED ? -ECANCELED : -ETIMEDOUT;
    }
}
