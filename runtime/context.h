/* SPDX-License-Identifier: MIT */
/* context.h - switch between stacks: what a function call preserves, and nothing else.
 *
 * Saved are the callee-saved registers of the System V x86-64 ABI (with MXCSR and the x87 control word) or of AAPCS64
 * (with FPCR). The signal mask is not: no system call.
 */
#ifndef FILCH_CONTEXT_H
#define FILCH_CONTEXT_H

/* Prepare a stack that ends at `top` (aligned to 16): the first switch to the returned value calls entry(argument of
 * the switch), which must not return. */
void *filch__context_make(void *top, void (*entry)(void *argument));

/* Leave this stack, storing in *ret_saved what a later switch back needs, and go on at `to`. Returns the argument of
 * the switch that comes back. */
void *filch__context_switch(void **ret_saved, void *to, void *argument);

#endif
