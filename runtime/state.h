/* SPDX-License-Identifier: MIT */
/* state.h - a future's word: from queued to done, with the list of who waits.
 *
 *   word, not done      52 PASSING  who asked it to stop first looks at its strand, or at what holds it
 *                   51..50 TIMED_OUT, CANCEL   asked to stop, and why
 *                        49 LOCK     a waiter is unlinking itself, or somebody looks at the list
 *                        48 DIRECT   the pointer is the one waiter itself; else the first node of a list
 *                     47..3 pointer  0: nobody waits
 *                      2..0 phase    IDLE (all zero), QUEUED, RUNNING, DROPPED, PROMISE
 *   word, done       63..32 status,  2..0 DONE, everything else 0
 * (User addresses have 48 bits on both processors unless a program asks for more.)
 *
 *   step                         by                       how
 *   IDLE, DONE -> QUEUED         submit                   store, runner = NULL (the caller owns the future)
 *   IDLE, DONE -> PROMISE        promise_init             store
 *   runner = strand              the worker that took it  store, light barrier, load: without CANCEL it runs, the phase stays
 *   QUEUED: + CANCEL             cancel                   CAS; then a barrier, and a look at runner
 *   QUEUED + CANCEL -> DROPPED   cancel that saw no       CAS: fn never runs; + PASSING by the cancel, if the task is held
 *                                runner; the worker
 *   QUEUED + CANCEL -> RUNNING   cancel that saw one      CAS: fn runs, and is asked to stop; + PASSING
 *   RUNNING: + CANCEL            cancel                   CAS; + PASSING for the first
 *   PASSING                      the first to ask         subtraction, when it has let go of the runner, or the hold
 *   QUEUED.. DROPPED -> DONE     the worker               CAS, while PASSING is clear: its last access to the future
 *   PROMISE -> DONE              complete, cancel         CAS: one of them; its last access
 *   pointer                      register                 CAS, while LOCK is clear
 *   LOCK, unlock                 unregister, visit        CAS, CAS
 *
 * May run together?  all of them. The caller keeps the future in place: for the worker until DONE; for register,
 * unregister and cancel because who calls them owns or waits for it.
 * Orderings
 *   F1 finish: CAS (release) -> done, register, unregister: load (acquire). What the task wrote is seen.
 *   F2 register: CAS (release) -> finish: CAS (acquire). The node is seen.
 *   F3 unlock: CAS (release) -> finish, lock (acquire). The list as it was left is seen.
 *   F4 start: store runner (release) -> cancel: load runner (acquire). The strand is seen as it was made.
 *   F5 start: store runner, light barrier, load word  ||  cancel: CAS CANCEL into the word, barrier (membarrier(2)), load runner.
 *      Either start sees CANCEL, or cancel sees the runner, or both: then a CAS between the two decides. A started task
 *      costs no locked instruction for the cancel that mostly does not come. Where membarrier is refused, start is a
 *      CAS.
 *   F6 PASSING is cleared (release) -> finish (acquire). A task does not end while the one who asked it to stop looks
 *      at its strand: when it has ended, its pool may be closed, and the strand unmapped.
 *   F7 a strand begins with typed tasks (sc), a stolen child of it looks whether its task is asked to stop (sc) || cancel:
 *      CAS CANCEL (sc), load whether the runner has typed tasks (sc). Either the child sees CANCEL before it waits, or the
 *      canceller visits its strand (block.c).
 * The list belongs to whoever made it unreachable: finish, when LOCK was clear in the value that it replaced; else the
 * holder of LOCK, which finds DONE when it wants to unlock, and then completes the waiters that are left.
 * Progress: finish and cancel are wait-free but for retries against one another, and finish for a canceller that is
 * PASSING; register and unregister wait (yielding) for a holder of LOCK, who does a few instructions.
 * Checked: tests/model/future.c, several.c.
 */
#ifndef FILCH_STATE_H
#define FILCH_STATE_H

#include "waiter.h"

#include <filch/future.h>

enum filch__phase {
    FILCH__IDLE = 0,
    FILCH__QUEUED = 1,
    FILCH__RUNNING = 2,
    FILCH__DROPPED = 3,
    FILCH__DONE = 4,
    FILCH__PROMISE = 5,
};

/* priv.flags: the task was accepted and may not be queued yet (hold.h). */
enum { FILCH__FUTURE_HELD = 64 };

enum filch__phase filch__future_phase(const struct filch_future *future);
bool filch__future_in_flight(const struct filch_future *future);
int filch__future_status(const struct filch_future *future); /* once done */

/* Owner: put a future that is not in flight into QUEUED or PROMISE; `sink` (or NULL) is told when it ends. */
void filch__future_begin(struct filch_future *future, enum filch__phase phase, struct filch__waiter *sink);
/* Owner: a future that is not in flight is done with `status`. */
void filch__future_fail(struct filch_future *future, int status);

/* Worker: fn is to run, on the strand `runner`; false: it never will. */
bool filch__future_start(struct filch_future *future, void *runner);
/* Worker, before start: it shall not run. */
void filch__future_drop(struct filch_future *future);
/* Worker: done; completes who waits. The future is not touched afterwards. */
void filch__future_finish(struct filch_future *future, int status);
/* A promise: 0, or -EALREADY, or -EINVAL when it is none. */
int filch__future_complete(struct filch_future *future, int status);

/* Mark for stopping. 0: DROPPED; -EINPROGRESS: RUNNING; -EALREADY; -EINVAL: idle; -ENOENT: a promise (the caller
 * completes it). *ret_first when this call was the first to ask a running task, or has dropped a held one: then the
 * caller may look at the runner, or the record, and must call filch__future_passed. */
int filch__future_ask_stop(struct filch_future *future, bool timed_out, bool *ret_first);
void filch__future_passed(struct filch_future *future);
bool filch__future_asked_stop(const struct filch_future *future);
bool filch__future_timed_out(const struct filch_future *future);

enum filch__register { FILCH__REGISTERED, FILCH__REGISTER_DONE, FILCH__REGISTER_NEEDS_NODE };
/* `node` may be NULL: it is needed when somebody waits already. */
enum filch__register filch__future_register(struct filch_future *future, struct filch__waiter *waiter,
                                            struct filch__waiter_node *node);
/* True: one registration of the waiter is undone. False: there is none, or the future's end has it and completes the
 * waiter. */
bool filch__future_unregister(struct filch_future *future, struct filch__waiter *waiter);

/* Who keeps it in place: on what it runs; NULL: it does not, or is done. */
void *filch__future_runner(const struct filch_future *future);
/* Look at each waiter that is registered, while none can come or go. Done futures have none. */
void filch__future_visit(struct filch_future *future, void (*visit)(struct filch__waiter *waiter, void *ctx), void *ctx);

#endif
