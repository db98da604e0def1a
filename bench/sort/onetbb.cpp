// SPDX-License-Identifier: MIT
// onetbb.cpp - parallel_sort, a quicksort, within an arena whose first slot is the caller's.
#include "../harness/with_onetbb.h"
#include "sort.h"

#include <oneapi/tbb/parallel_sort.h>

void sort_run(sort_item *items, size_t count, bool stable)
{
    if (stable)
        bench_die("parallel_sort is not stable");
    arena->execute([=] {
        tbb::parallel_sort(items, items + count,
                           [](const sort_item &a, const sort_item &b) { return sort_compare(&a, &b) < 0; });
    });
}
