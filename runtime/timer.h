/* SPDX-License-Identifier: MIT */
/* timer.h - deadlines: one thread that sleeps until the nearest one.
 *
 * The thread is started by the first timer; it holds no permit and runs no task code, so deadlines fire also when every
 * worker is in a long body. With no timers it never wakes. The timers are an intrusive pairing heap (Fredman,
 * Sedgewick, Sleator, Tarjan, Algorithmica 1986), so adding one allocates nothing; a lock guards it.
 *
 * `fire` is called with that lock held, once, unless the timer is removed first. filch__timer_remove takes the lock, so
 * when it has returned, fire is over: the timer's memory is the caller's. What fire returns is woken without the lock.
 *
 * Errands are what the thread is to do besides, soon and without the lock. Sending one is a CAS and a wake-up, so a signal
 * handler may.
 *   T1 send: push (sc), add to changes (sc), wake  ||  the thread: load changes (sc), look for errands (sc), sleep while
 *      changes is what it was. Either it sees the errand, or it does not sleep on it.
 * Checked: tests/model/scope.c.
 */
#ifndef FILCH_TIMER_H
#define FILCH_TIMER_H

#include "os.h"
#include "waiter.h"

struct filch__timer {
    uint64_t deadline_ns;
    struct filch__timer *child, *next, *previous; /* previous: the left sibling, or the parent of a first child */
    struct filch__wakeup (*fire)(struct filch__timer *timer);
    bool linked;
};

/* What the timekeeper is to do soon. Sending one takes no lock and no memory, so a signal handler may. */
struct filch__errand {
    struct filch__errand *next;
    void (*run)(struct filch__errand *errand); /* without the lock; the errand is the callee's */
};

struct filch__timekeeper {
    struct filch__lock lock;
    struct filch__errand *errands; /* the newest first; anybody pushes (CAS), the thread takes all (exchange) */
    struct filch__timer *first;
    pthread_t thread;
    bool started;
    bool stop;
    uint32_t changes; /* futex: counts what the thread must look at */
};

void filch__timekeeper_init(struct filch__timekeeper *keeper);
void filch__timekeeper_stop(struct filch__timekeeper *keeper); /* joins the thread; no timer is left, none will come */
void filch__timekeeper_destroy(struct filch__timekeeper *keeper); /* after stop */

/* Start the thread, if need be. 0 or a negative errno (-ESHUTDOWN: stopped); once it was 0, adding a timer cannot fail.
 * */
int filch__timekeeper_start(struct filch__timekeeper *keeper);
void filch__timer_add(struct filch__timekeeper *keeper, struct filch__timer *timer, uint64_t deadline_ns,
                      struct filch__wakeup (*fire)(struct filch__timer *timer));
/* False: it has fired. */
bool filch__timer_remove(struct filch__timekeeper *keeper, struct filch__timer *timer);
/* In `fire`, of the same timer: once more, later. */
void filch__timer_again_locked(struct filch__timekeeper *keeper, struct filch__timer *timer, uint64_t deadline_ns,
                               struct filch__wakeup (*fire)(struct filch__timer *timer));

/* T1. The thread must have been started, and runs the errand soon; after it was stopped it is whoever takes the errands.
 * The errand may be over before this returns: the caller keeps the timekeeper in place. */
void filch__timekeeper_send(struct filch__timekeeper *keeper, struct filch__errand *errand);
struct filch__errand *filch__timekeeper_take_errands(struct filch__timekeeper *keeper); /* NULL: there are none */
void filch__errands_run(struct filch__errand *first); /* which were taken; the timekeeper may be gone */

#endif
