/* SPDX-License-Identifier: MIT */
/* forkjoin_far.h - tasks that are defined in another file than the one that uses them. */
#ifndef TESTS_FORKJOIN_FAR_H
#define TESTS_FORKJOIN_FAR_H

#include <filch/fork.h>

#include <stdatomic.h>

extern atomic_int far_noted; /* the sum of what far_note was given */

FILCH_TASK_DECL(long, far_fib, (int, n));
FILCH_VOID_TASK_DECL(far_note, (int, n));

#endif
