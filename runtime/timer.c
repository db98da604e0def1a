/* SPDX-License-Identifier: MIT */
#include "timer.h"

#include <filch/detail/atomic.h>

#include <errno.h>

/* Make the later of two heaps the first child of the earlier. Either may be NULL. */
static struct filch__timer *meld(struct filch__timer *a, struct filch__timer *b)
{
    if (!a || !b)
        return a ? a : b;
    if (b->deadline_ns < a->deadline_ns) {
        struct filch__timer *swap = a;
        a = b;
        b = swap;
    }
    b->previous = a;
    b->next = a->child;
    if (a->child)
        a->child->previous = b;
    a->child = b;
    a->next = a->previous = NULL;
    return a;
}

/* Meld a list of siblings: in pairs from the left, then all pairs from the right. */
static struct filch__timer *meld_siblings(struct filch__timer *timer)
{
    struct filch__timer *pairs = NULL, *heap = NULL;
    while (timer) {
        struct filch__timer *second = timer->next, *rest = second ? second->next : NULL;
        struct filch__timer *pair = meld(timer, second);
        pair->next = pairs;
        pairs = pair;
        timer = rest;
    }
    while (pairs) {
        struct filch__timer *rest = pairs->next;
        heap = meld(heap, pairs);
        pairs = rest;
    }
    if (heap)
        heap->next = heap->previous = NULL;
    return heap;
}

static void unlink_timer(struct filch__timekeeper *keeper, struct filch__timer *timer)
{
    struct filch__timer *children = meld_siblings(timer->child);
    if (timer == keeper->first) {
        keeper->first = children;
    } else {
        if (timer->previous->child == timer)
            timer->previous->child = timer->next;
        else
            timer->previous->next = timer->next;
        if (timer->next)
            timer->next->previous = timer->previous;
        keeper->first = meld(keeper->first, children);
    }
    timer->linked = false;
}

static void *keep_time(void *arg)
{
    struct filch__timekeeper *keeper = arg;
    filch__os_thread_name("filch-timer");
    filch__lock(&keeper->lock);
    while (!keeper->stop) {
        uint32_t seen = filch__load_seq_cst(&keeper->changes); /* T1 */
        if (filch__load_seq_cst(&keeper->errands)) {
            filch__unlock(&keeper->lock);
            filch__errands_run(filch__timekeeper_take_errands(keeper));
            filch__lock(&keeper->lock);
            continue;
        }
        struct filch__timer *timer = keeper->first;
        if (timer && timer->deadline_ns <= filch__os_now_ns()) {
            unlink_timer(keeper, timer);
            struct filch__wakeup wakeup = timer->fire(timer);
            if (wakeup.wake) {
                filch__unlock(&keeper->lock);
                filch__wake(wakeup);
                filch__lock(&keeper->lock);
            }
            continue;
        }
        uint64_t deadline_ns = timer ? timer->deadline_ns : UINT64_MAX;
        filch__unlock(&keeper->lock);
        filch__os_futex_wait(&keeper->changes, seen, deadline_ns);
        filch__lock(&keeper->lock);
    }
    filch__unlock(&keeper->lock);
    return NULL;
}

static void tell(struct filch__timekeeper *keeper)
{
    filch__add_seq_cst(&keeper->changes, 1); /* T1 */
    filch__os_futex_wake(&keeper->changes, 1);
}

void filch__timekeeper_send(struct filch__timekeeper *keeper, struct filch__errand *errand)
{
    struct filch__errand *first = filch__load_relaxed(&keeper->errands);
    do {
        errand->next = first;
    } while (!filch__cas_seq_cst(&keeper->errands, &first, errand)); /* T1 */
    tell(keeper);
}

struct filch__errand *filch__timekeeper_take_errands(struct filch__timekeeper *keeper)
{
    return filch__exchange_seq_cst(&keeper->errands, NULL); /* T1; scope.h, P4 */
}

void filch__errands_run(struct filch__errand *errand)
{
    while (errand) {
        struct filch__errand *next = errand->next; /* before: it may be sent again, or its memory be gone */
        errand->run(errand);
        errand = next;
    }
}

void filch__timekeeper_init(struct filch__timekeeper *keeper)
{
    *keeper = (struct filch__timekeeper){0};
    filch__lock_init(&keeper->lock);
}

void filch__timekeeper_stop(struct filch__timekeeper *keeper)
{
    filch__lock(&keeper->lock);
    keeper->stop = true;
    bool started = keeper->started;
    filch__store_relaxed(&keeper->started, false);
    tell(keeper);
    filch__unlock(&keeper->lock);
    if (started)
        pthread_join(keeper->thread, NULL);
}

void filch__timekeeper_destroy(struct filch__timekeeper *keeper)
{
    filch__lock_destroy(&keeper->lock);
}

int filch__timekeeper_start(struct filch__timekeeper *keeper)
{
    if (filch__load_acquire(&keeper->started))
        return 0;
    filch__lock(&keeper->lock);
    int r = keeper->stop ? -ESHUTDOWN : 0;
    if (!r && !keeper->started && !(r = filch__os_thread_start(&keeper->thread, keep_time, keeper)))
        filch__store_release(&keeper->started, true);
    filch__unlock(&keeper->lock);
    return r;
}

void filch__timer_again_locked(struct filch__timekeeper *keeper, struct filch__timer *timer, uint64_t deadline_ns,
                               struct filch__wakeup (*fire)(struct filch__timer *timer))
{
    *timer = (struct filch__timer){.deadline_ns = deadline_ns, .fire = fire, .linked = true};
    keeper->first = meld(keeper->first, timer);
}

void filch__timer_add(struct filch__timekeeper *keeper, struct filch__timer *timer, uint64_t deadline_ns,
                      struct filch__wakeup (*fire)(struct filch__timer *timer))
{
    filch__lock(&keeper->lock);
    filch__timer_again_locked(keeper, timer, deadline_ns, fire);
    if (keeper->first == timer)
        tell(keeper);
    filch__unlock(&keeper->lock);
}

bool filch__timer_remove(struct filch__timekeeper *keeper, struct filch__timer *timer)
{
    filch__lock(&keeper->lock);
    bool pending = timer->linked;
    if (pending)
        unlink_timer(keeper, timer);
    filch__unlock(&keeper->lock);
    return pending;
}
