/* SPDX-License-Identifier: MIT */
/* gate.h - limits one class of work: at most so many inside at once, whichever threads and pools they come from.
 *
 * A pool's max_concurrency bounds bodies that run; a gate bounds what is in progress, across waits: a permit is kept
 * until it is given back, also while its holder is suspended. Who finds none free stands in line and is served in that
 * order; nobody overtakes. A task in line holds no worker.
 *
 * Every function may be called by any thread, in or outside tasks of any pool, together with any other but a close that
 * succeeds; not by a signal handler. What a holder wrote before it left is seen by who enters after it, and what was
 * written before a resize by who enters after that: at limit 1 the gate is a lock that may be held across waits.
 *
 * In a child made by fork(2) a gate opened before is of no use, since those who hold its permits or stand in line are
 * not there: enter and resize answer -ESTALE, available 0, leave does nothing, and close frees it.
 */
#ifndef FILCH_GATE_H
#define FILCH_GATE_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

struct filch_gate;

/* Most permits of one gate. */
#define FILCH_GATE_PERMITS_MAX 0x7fffffffu

/* Open a gate with so many permits; 0: paused, nobody enters until filch_gate_resize. Never blocks.
 * Errors: -EINVAL (above FILCH_GATE_PERMITS_MAX), -ENOMEM.
 */
FILCH_API int filch_gate_open(struct filch_gate **ret_gate, unsigned permits);

/* Close the gate and free it. -EBUSY while a permit is held or somebody stands in line: then nothing has happened. On
 * success nobody may be about to call anything on it any more, and no task may be about to come to it: one whose options name
 * it and that waits for its predecessors. Who has just left may close it. NULL is a no-op.
 */
FILCH_API int filch_gate_close(struct filch_gate *gate);

/* Change the number of permits of a live gate; 0 pauses it. Never blocks. When more are out than the new limit, they
 * come back as their holders leave; when there are more than before, those in line are served at once, in order.
 * Errors: -EINVAL (above FILCH_GATE_PERMITS_MAX), -ESTALE.
 */
FILCH_API int filch_gate_resize(struct filch_gate *gate, unsigned permits);

/* How many could enter right now; 0 while somebody stands in line or more are out than the limit. One load; out of date
 * as soon as it is read.
 */
FILCH_API unsigned filch_gate_available(const struct filch_gate *gate);

/* Take a permit. One compare-and-swap when one is free; else stands in line: suspends a task, blocks a thread. A
 * deadline in the past polls. 0: the caller holds a permit, also when it came together with the deadline or a cancel.
 * It may be given back by another task or thread. Entering twice takes two: at limit 1 the second waits for ever.
 * Errors: -ETIMEDOUT, -ECANCELED (the calling task was cancelled and would have to wait), -EINVAL, -ESTALE; in a task
 * with a deadline also -ENOMEM and -EAGAIN (its timer). After an error no permit is held.
 *
 *     if (filch_gate_enter(files, FILCH_NO_DEADLINE) == 0) {
 *         ...                          at most five here, if files was opened with 5
 *         filch_gate_leave(files);
 *     }
 */
FILCH_API int filch_gate_enter(struct filch_gate *gate, uint64_t deadline_ns);

/* Give a permit back; if somebody stands in line, the first one has it then. Never blocks. When none is out the program
 * is ended with a message. NULL is a no-op.
 */
FILCH_API void filch_gate_leave(struct filch_gate *gate);

#ifdef __cplusplus
}
#endif

#endif
