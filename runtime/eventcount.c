/* SPDX-License-Identifier: MIT */
#include "eventcount.h"

#include <filch/detail/atomic.h>

void filch__eventcount_init(struct filch__eventcount *event)
{
    event->waiters = 0;
    filch__lock_init(&event->lock);
    event->list = (struct filch__event_node){.next = &event->list, .previous = &event->list};
}

void filch__eventcount_destroy(struct filch__eventcount *event)
{
    filch__lock_destroy(&event->lock);
}

static void unlink_locked(struct filch__eventcount *event, struct filch__event_node *node)
{
    node->previous->next = node->next;
    node->next->previous = node->previous;
    node->linked = false;
    filch__sub_seq_cst(&event->waiters, 1);
}

void filch__eventcount_add(struct filch__eventcount *event, struct filch__event_node *node,
                           struct filch__waiter *waiter)
{
    filch__lock(&event->lock);
    *node = (struct filch__event_node){
        .next = &event->list, .previous = event->list.previous, .waiter = waiter, .linked = true};
    node->previous->next = node;
    event->list.previous = node;
    filch__add_seq_cst(&event->waiters, 1); /* E1: pairs with notify() */
    filch__unlock(&event->lock);
}

bool filch__eventcount_remove(struct filch__eventcount *event, struct filch__event_node *node)
{
    filch__lock(&event->lock);
    bool linked = node->linked;
    if (linked)
        unlink_locked(event, node);
    filch__unlock(&event->lock);
    return linked;
}

void filch__eventcount_notify(struct filch__eventcount *event)
{
    if (!filch__load_seq_cst(&event->waiters)) /* E1: pairs with add() */
        return;
    struct filch__waiter *waiter = NULL;
    filch__lock(&event->lock);
    if (event->list.next != &event->list) {
        struct filch__event_node *first = event->list.next;
        waiter = first->waiter;
        unlink_locked(event, first);
    }
    filch__unlock(&event->lock);
    if (waiter)
        filch__waiter_complete(waiter, event);
}
