/* SPDX-License-Identifier: MIT */
/* deadlock.h - tasks of a pool that wait for each other, so that none of them ever goes on (waitgraph.h).
 *
 * A node is a strand that waits, or a task that predecessors hold back. It waits for the strand on which a future runs, for
 * those of the members of a scope, of the nodes of a graph, for the one that works on its stolen child, for a predecessor.
 * Whatever else could end a wait makes it free: so do a deadline, a promise, a gate, a task of another pool.
 *
 * Nobody is stopped for it. It is right all the same, by three passes:
 *   1 nodes   which strands wait, and in which stretch: each wait has one of its own (strand.h)
 *   2 edges   each looked at under the lock of its strand, if that is in the same stretch still
 *   3 check   each strand that is left, once more: it is in the same stretch, and nothing has ended its wait
 * So each wait that is left has lasted from before the second pass until after it. An edge that was seen in between holds as
 * long as these waits last: who waits for a future keeps it in place, and what runs on a strand that waits can't end before
 * that wait does. So at the end of the second pass all of it was so at a time. Held tasks are known by their futures: where
 * there are such, no task may have ended meanwhile, or all is looked at again.
 *
 * Locks: a strand's lock, then LOCK in a future's word (state.h); or held_lock, then the same.
 */
#ifndef FILCH_DEADLOCK_H
#define FILCH_DEADLOCK_H

#include "work.h"

enum filch__deadlock {
    FILCH__DEADLOCK_NONE,    /* or only what was found before */
    FILCH__DEADLOCK_FOUND,   /* *ret_found is the caller's */
    FILCH__DEADLOCK_UNCLEAR, /* something went on meanwhile, or there is no memory: to be looked at again */
};

/* The timekeeper. */
enum filch__deadlock filch__deadlock_find(struct filch_pool *pool, struct filch_deadlock *ret_found);
void filch__deadlock_free(struct filch_pool *pool, struct filch_deadlock *found);

#endif
