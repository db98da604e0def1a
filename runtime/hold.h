/* SPDX-License-Identifier: MIT */
/* hold.h - tasks that were accepted and are held back: first by predecessors that have not ended, then by a user's gate.
 *
 * Such a task is in no queue. What holds it lies in one block with its record. Each predecessor has one registration of
 * the hold's sink and counts an edge down when it ends; the last one goes on to the gate; who hands on a permit of the gate
 * queues the task. A cancel (of the task, its scope, its pool) pulls it out earlier, and queues it to be dropped, so that
 * `dropped` is only ever called by workers, and a chain of a million tasks that fails does not recurse.
 *
 *   edges      31 PULLED   30..0 predecessors that have not ended; and 1 while submit registers
 *
 *   step       by                       how                                              then
 *   begin      submit                   in the pool's list, registers, looks whether     1 edge less
 *                                       it must end (recheck)
 *   edge       a predecessor's end      notes a failure (CAS from 0), then edges - 1     the last one opens, if not PULLED
 *   open       the last edge            without a gate, with a permit, or after a        queued
 *                                       failure
 *              ... no permit is free    joins the gate's line; recheck
 *   admitted   who gave its permit      out of the list                                  queued
 *   pull       cancel, recheck          under the list's lock, of one that is in the list: queued, to be dropped
 *                                       CAS PULLED into edges while some are left;
 *                                       or out of the gate's line
 *
 * May run together? all of it.
 * Invariants
 *   I1 a task is queued once: by open, admitted, or pull. Before the last edge only a pull can, whose CAS shows whether
 *      edges were left; afterwards open, until it has joined the line; then the gate says who has it, who gives a permit
 *      or who takes it out of the line.
 *   I2 a task in the list has not been queued, so its future, scope and pool are there. It is taken out before it is
 *      queued.
 *   I3 pool->held counts the tasks in the list, and those that are out of it and not yet queued. A pool with such is not
 *      drained. Who queues one, or joins the gate's line and rechecks, holds pool->wakers meanwhile: close waits for that
 *      as well.
 * Orderings
 *   K1 cancel: mark (the future DROPPED, scope, pool; sc), then the list's lock, then pull
 *      ||  begin, open: into the list, into the line, then recheck: the list's lock, then look for marks.
 *      Whoever has the lock later pulls. A pool is marked twice: when it is cancelled, and when it is closed, for tasks
 *      whose submit ran beside the close.
 *   K2 edge: status, edges - 1 (acq_rel) -> open: the first failure, and all that the predecessors wrote, is seen.
 *   K3 the record has two references: the task's, and one of the edges, given back by the last of them. So an edge may
 *      look at the hold after it has opened it, as far as the record goes; at the future only as I2 says.
 *   K4 queue: in a queue, held - 1 (sc), load phase (sc)  ||  close: phase, load quiet, load held (sc). The task may have run,
 *      and its worker have told the closer, before it is uncounted: then whoever uncounts it tells the closer again.
 *   K5 queue: in a queue (sc), load phase (sc)  ||  close: phase CLOSED (sc), looks at the queue (sc). Of a late submit it may
 *      be a canceller who queues the task, after the submit and close have looked: then the canceller settles it.
 * Lock order: the list's lock, then a gate's.
 * Checked: tests/model/hold.c.
 */
#ifndef FILCH_HOLD_H
#define FILCH_HOLD_H

#include "permits.h"
#include "work.h"

struct filch__hold {
    uint32_t edges;
    int32_t status; /* of the first predecessor that failed */
    bool listed;    /* under pool->held_lock, as are the links */
    bool permit;    /* of the gate: held by the task */
    struct filch__hold *next, **at;
    struct filch_pool *pool;
    struct filch__record *record;
    struct filch__permits *gate; /* or NULL */
    struct filch__permit_node line;
    struct filch__waiter granted; /* told by the gate */
    struct filch__waiter edge;    /* told by predecessors */
    struct filch__waiter_node node[];
};

/* Bytes for a task with so many predecessors; 0: too many. */
size_t filch__hold_size(size_t after_count);
/* Before the task is accepted. The record has two references from now on. */
void filch__hold_init(struct filch__hold *hold, struct filch_pool *pool, struct filch__record *record,
                      struct filch__permits *gate);
/* The future is QUEUED, and in no queue. The predecessors are in flight or done. */
void filch__hold_begin(struct filch__hold *hold, struct filch_future *const after[], size_t count);
/* The future was dropped by a cancel, and is PASSING: lets go of it. */
void filch__hold_pull(struct filch_future *future);
/* The tasks of a scope that was cancelled; NULL: all tasks. */
void filch__hold_pull_all(struct filch_pool *pool, const struct filch__scope *scope);
/* What waits there, if it is a task that waits for predecessors, and was not pulled; or NULL. The waiter is registered. */
const struct filch__hold *filch__hold_of(const struct filch__waiter *waiter);
/* The task ends: its permit goes back. */
void filch__hold_end(struct filch__hold *hold);

#endif
