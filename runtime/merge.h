/* SPDX-License-Identifier: MIT */
/* merge.h - sorting and merging in one thread, by a comparison that is only known at run time: the leaves of
 * filch_sort.
 *
 * A stable merge sort without a branch on the outcome of a comparison, since half of those would be mispredicted: the
 * outcome selects an address. Blocks of 4 by a network of 5 comparisons, then merges from both ends at once, so that
 * two chains of comparisons are in flight. (Peters' quadsort, 2021, and Peters and Bergdoll's glidesort, 2022, show
 * what that brings.)
 *
 * A comparison may contradict itself. No step counts on it: how many items a merge takes from either run follows from
 * their lengths alone or is checked afterwards, so nothing is read outside of the runs, and no item is lost.
 */
#ifndef FILCH_MERGE_H
#define FILCH_MERGE_H

#include "compiler.h"

#include <string.h>

enum { FILCH__MERGE_SIZE_MOST = 32 }; /* larger items are better sorted by pointers to them */

struct filch__order {
    int (*compare)(const void *a, const void *b, void *ctx);
    void *ctx;
    size_t size;
};

/* The code for one size of items. */
struct filch__merger {
    /* Sort `count` items at `from` into `to`, either of which may be `from`; `spare` has room for as many. */
    void (*sort)(const struct filch__order *order, char *from, size_t count, char *to, char *spare);
    /* Merge two sorted runs into `to`, which is apart from both. */
    void (*merge)(const struct filch__order *order, const char *left, size_t lefts, const char *right, size_t rights,
                  char *to);
    /* How many of the first `count` items of the merged run come from the left one. */
    size_t (*split)(const struct filch__order *order, const char *left, size_t lefts, const char *right, size_t rights,
                    size_t count);
};

static inline void filch__swap(char *a, char *b, size_t size)
{
    char part[64];
    for (size_t step; size > 0; size -= step, a += step, b += step) {
        step = size < sizeof part ? size : sizeof part;
        memcpy(part, a, step);
        memcpy(a, b, step);
        memcpy(b, part, step);
    }
}

/* `pointers`: the items are pointers to what is compared. */
const struct filch__merger *filch__merger_for(size_t size, bool pointers);

#endif
