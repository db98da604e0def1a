/* SPDX-License-Identifier: MIT */
/* filch.c - filch_sort, called from outside the pool. */
#include "../harness/with_filch.h"
#include "sort.h"

#include <filch/parallel.h>

static int compare(const void *a, const void *b, void *ctx)
{
    (void)ctx;
    return sort_compare(a, b);
}

void sort_run(sort_item *items, size_t count, bool stable)
{
    struct filch_sort_options options = {.flags = stable ? FILCH_SORT_STABLE : 0};
    int error = filch_sort(pool, items, count, sizeof *items, &options, compare, NULL);
    if (error)
        bench_die("filch_sort: %s", strerror(-error));
}
