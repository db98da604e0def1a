/* SPDX-License-Identifier: MIT */
/* overflow.h - a stack overflow in a task names the task before the process dies of SIGSEGV.
 *
 * A handler on a stack of its own (each worker brings one) looks whether the fault lies just below the running strand.
 * Other faults go to the handler that was there before, or to the default action.
 */
#ifndef FILCH_OVERFLOW_H
#define FILCH_OVERFLOW_H

/* Once per process; left alone under sanitizers, which have handlers of their own. */
void filch__overflow_install(void);

/* Give the calling thread a signal stack; NULL when it has one, or there is no memory. */
void *filch__overflow_enter(void);
void filch__overflow_leave(void *signal_stack);

#endif
