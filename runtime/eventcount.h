/* SPDX-License-Identifier: MIT */
/* eventcount.h - wait until a condition of somebody else's making may hold, without a lock around the condition.
 *
 * The waiting side:  add (prepare), look at the condition again, sleep on the waiter (commit), remove.
 * The other side:    make the condition true, notify.
 * After Vyukov's eventcount and Reed & Kanodia, CACM 1979; here the waiters are a FIFO list, since strands wait as
 * well.
 *
 * Sketch of why no wake-up is lost. Let MakeTrue, ReadWaiters be what the other side does, and IncWaiters,
 * ReadCondition what the waiting side does; each pair in that order, and the middle accesses sequentially consistent
 * (E1). If ReadWaiters misses IncWaiters, it precedes it in the order S, so MakeTrue precedes ReadCondition, which sees
 * it: nobody sleeps. Otherwise the list is looked at under the lock that add held, and the first waiter is completed.
 * A waiter that leaves for another reason after it was taken off the list owes its notification to the next: remove
 * says so.
 *
 *   E1 notify: [MakeTrue, an sc read-modify-write or store], load waiters (sc)  ||  add: add to waiters (sc), [ReadCondition, sc]
 * Progress: notify with no waiter is one load; otherwise a lock for a few instructions.
 * Checked: tests/model/eventcount.c.
 */
#ifndef FILCH_EVENTCOUNT_H
#define FILCH_EVENTCOUNT_H

#include "os.h"
#include "waiter.h"

struct filch__event_node {
    struct filch__event_node *next, *previous;
    struct filch__waiter *waiter;
    bool linked;
};

struct filch__eventcount {
    uint32_t waiters; /* written under the lock */
    struct filch__lock lock;
    struct filch__event_node list; /* a ring through this head */
};

void filch__eventcount_init(struct filch__eventcount *event);
void filch__eventcount_destroy(struct filch__eventcount *event);

/* Join the list; the waiter must hold one reference for it. */
void filch__eventcount_add(struct filch__eventcount *event, struct filch__event_node *node,
                           struct filch__waiter *waiter);
/* Leave it. True: the registration is undone here. False: a notification has it, and completes the waiter. */
bool filch__eventcount_remove(struct filch__eventcount *event, struct filch__event_node *node);

void filch__eventcount_notify(struct filch__eventcount *event);

#endif
