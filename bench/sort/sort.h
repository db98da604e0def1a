/* SPDX-License-Identifier: MIT */
/* sort.h - what lies between sort.c, which times and checks, and one system's sort. */
#ifndef FILCH_BENCH_SORT_H
#define FILCH_BENCH_SORT_H

#include "../harness/system.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A key in the upper half, and below it where the item stood in the input. */
typedef uint64_t sort_item;

/* By key alone, as qsort has it. Not in the systems' files, so that nobody can inline it: all pay for the same call. */
int sort_compare(const void *a, const void *b);

/* ---- the system, beside system.h ---- */

void sort_run(sort_item *items, size_t count, bool stable);

#ifdef __cplusplus
}
#endif

#endif
