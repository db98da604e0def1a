/* SPDX-License-Identifier: MIT */
/* reclaim.h - grace periods: what was unpublished may be freed once every reader that could see it has left.
 *
 * liburcu, flavour memb (Desnoyers et al., IEEE TPDS 2012): a reader pays two plain stores, and a long task never
 * delays a grace period, since only read sections count. Workers are registered; other threads never enter a read
 * section. The registration is the same that users' read sections need, so liburcu's maps work inside tasks.
 * ThreadSanitizer does not see into the library: the two annotations stand for the edge
 *   R1 read_unlock -> synchronize: what a reader did is before what follows the grace period.
 */
#ifndef FILCH_RECLAIM_H
#define FILCH_RECLAIM_H

/* *reader is the thread's record as a reader, for filch__reclaim_bury: there for as long as it is registered. No fork
 * comes in between. */
void filch__reclaim_register(void **reader);
void filch__reclaim_unregister(void **reader);

/* Sections may nest. Nothing waits inside one, and no strand is switched. */
void filch__reclaim_enter(void);
void filch__reclaim_leave(void);
int filch__reclaim_inside(void); /* is the calling thread in a read section? */

/* Wait until all sections that are open now have ended. Not from inside one. */
void filch__reclaim_synchronize(void);

/* Around fork(2), in this order: before, then parent or child. In the child, take the record of each thread that is not
 * there any more off liburcu's list: the first grace period would wait for its section for ever, and the C library
 * gives its memory to new threads. `before` waits until nobody registers or synchronizes, so that the list is whole. */
void filch__reclaim_before_fork(void);
void filch__reclaim_after_fork_parent(void);
void filch__reclaim_after_fork_child(void);
void filch__reclaim_bury(void *reader);

#endif
