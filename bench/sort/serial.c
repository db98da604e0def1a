/* SPDX-License-Identifier: MIT */
/* serial.c - qsort. glibc's, given the memory, is a merge sort, and so is stable. */
#include "../harness/with_nothing.h"
#include "sort.h"

#include <stdlib.h>

void sort_run(sort_item *items, size_t count, bool stable)
{
    (void)stable;
    qsort(items, count, sizeof *items, sort_compare);
}
