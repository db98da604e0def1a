/* SPDX-License-Identifier: MIT */
/* waiter.h - the one thing that can wait: a thread, a suspended strand, or a sink that is told and never waits.
 *
 * A waiter is registered with one or more sources (futures, an event count), and may be interrupted (deadline, cancel).
 * All of them meet in one word, so that exactly one of them wakes it, and so that its memory, which lies on the stack
 * of who waits, is left by everybody before the wait returns.
 *
 *   word   31..8  refs   registrations whose source may still touch the waiter
 *              4  CANCELLED, 3 TIMED_OUT   why it was interrupted
 *              2  ALL    fires when refs reaches 0; otherwise each completion fires
 *           1..0  state  PREPARING -> WAITING -> FIRED, or PREPARING -> FIRED
 *
 *   operation   by                       does, in one CAS
 *   complete    a source that ends       refs - 1; if it fires: state = FIRED, and wakes when the state was WAITING
 *   interrupt   timer, canceller         reason bit; state = FIRED, and wakes when the state was WAITING
 *   commit      the waiting side, last   PREPARING -> WAITING; fails when it has fired: nothing sleeps then
 *   release     who waited, woken        refs - the registrations that it undid itself; if some are left: back to
 *                                        PREPARING | ALL, to wait until their sources have left as well
 *
 * May run together? all of them, except commit and release, which the waiting side does in turn.
 * Orderings
 *   W1 complete, interrupt (acq_rel) -> the waiter reads the word (acquire): what the source did is seen.
 *   W2 complete's CAS is the source's last access to the waiter: `wake` and `target` are read before it. What it does
 *      afterwards concerns the target: an address for the futex, or a strand, which stays where it is.
 *   W3 commit (release) -> complete, interrupt (acquire): the strand's registers are saved before anybody resumes it.
 * No wake-up is lost: who fires finds WAITING and wakes, or finds PREPARING, and then commit fails. Nobody is woken
 * twice: only the step to FIRED wakes.
 * An interrupt is made under a lock (of the timer, of the strand) that the waiting side takes before it returns, so it
 * needs no reference.
 * Checked: tests/model/future.c, several.c, strand.c.
 */
#ifndef FILCH_WAITER_H
#define FILCH_WAITER_H

#include "compiler.h"

enum {
    FILCH__WAITER_PREPARING = 0,
    FILCH__WAITER_WAITING = 1,
    FILCH__WAITER_FIRED = 2,
    FILCH__WAITER_STATE = 3,
    FILCH__WAITER_ALL = 4,
    FILCH__WAITER_TIMED_OUT = 8,
    FILCH__WAITER_CANCELLED = 16,
    FILCH__WAITER_REF = 256,
};
#define FILCH__WAITER_REFS_MAX (UINT32_MAX / FILCH__WAITER_REF)

/* What to do for a waiter that has fired, when its memory may be gone. */
struct filch__wakeup {
    void (*wake)(void *target); /* NULL: nothing */
    void *target;
};
static inline void filch__wake(struct filch__wakeup wakeup)
{
    if (wakeup.wake)
        wakeup.wake(wakeup.target);
}

struct filch__waiter {
    uint32_t word;
    /* immutable while registered */
    void (*wake)(void *target);
    /* a sink: called by each source that ends, instead of all the above; status: how a future ended, else 0 */
    void (*tell)(void *target, void *source, int status);
    void *target;
};

/* A registration in a list, where the source's own word has no room. `next` is an entry: 0, a node, or, with bit 0 set,
 * a waiter that needs no node because it is the last. */
struct filch__waiter_node {
    uintptr_t next;
    struct filch__waiter *waiter;
};

/* A waiter for the calling thread, which then sleeps in filch__waiter_sleep; or for a strand (wake and target given).
 * */
void filch__waiter_init_thread(struct filch__waiter *waiter, uint32_t refs, uint32_t mode);
void filch__waiter_init(struct filch__waiter *waiter, uint32_t refs, uint32_t mode, void (*wake)(void *), void *target);

void filch__waiter_complete_with(struct filch__waiter *waiter, void *source, int status);
static inline void filch__waiter_complete(struct filch__waiter *waiter, void *source)
{
    filch__waiter_complete_with(waiter, source, 0);
}
/* The waiting side, while it prepares: `count` sources had ended before it could register. */
void filch__waiter_discount(struct filch__waiter *waiter, uint32_t count);
struct filch__wakeup filch__waiter_interrupt(struct filch__waiter *waiter, uint32_t reason);
bool filch__waiter_commit(struct filch__waiter *waiter); /* false: it has fired */
bool filch__waiter_fired(const struct filch__waiter *waiter);
uint32_t filch__waiter_reasons(const struct filch__waiter *waiter);

/* After it fired: `undone` registrations are gone by the waiting side's own hand. True: nobody will touch it any more.
 * False: it is preparing again and will fire when the last one has left. */
bool filch__waiter_release(struct filch__waiter *waiter, uint32_t undone);

/* Commit, and block the thread until the waiter has fired; TIMED_OUT is set at the deadline. */
void filch__waiter_sleep(struct filch__waiter *waiter, uint64_t deadline_ns);

#endif
