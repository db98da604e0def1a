/* SPDX-License-Identifier: MIT */
/* reclaim.h - grace periods: what was unpublished may be freed once every reader that could see it has left.
 *
 * liburcu, flavour memb (Desnoyers et al., IEEE TPDS 2012): a reader pays two plain stores, and a long task never delays a
 * grace period, since only read sections count. Workers are registered; other threads never enter a read section. The
 * registration is the same that users' read sections need, so liburcu's maps work inside tasks.
 * ThreadSanitizer does not see into the library: the two annotations stand for the edge
 *   R1 read_unlock -> synchronize: what a reader did is before what follows the grace period.
 */
#ifndef FILCH_RECLAIM_H
#define FILCH_RECLAIM_H

/* register returns the thread's reader word: not zero while the thread is in a section. */
unsigned long *filch__reclaim_register(void);
void filch__reclaim_unregister(void);

/* Sections may nest. Nothing waits inside one, and no strand is switched. */
void filch__reclaim_enter(void);
void filch__reclaim_leave(void);
int filch__reclaim_inside(void); /* is the calling thread in a read section? */

/* Wait until all sections that are open now have ended. Not from inside one. */
void filch__reclaim_synchronize(void);

/* Around fork(2), in this order: before, then parent or child. In the child, end the sections of each thread that is not
 * there any more, or the first grace period would wait for it for ever. */
void filch__reclaim_before_fork(void);
void filch__reclaim_after_fork_parent(void);
void filch__reclaim_after_fork_child(void);
void filch__reclaim_bury(unsigned long *reader);

#endif
