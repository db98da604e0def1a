/* SPDX-License-Identifier: MIT */
/* histogram.h - how often each duration occurred: log-linear, one writer, any readers.
 *
 * As HdrHistogram (Tene) and Circllhist (Hartmann & Schlossnagle, 2020): an octave is cut into equal parts, so that the error
 * relative to the value is bounded, and the bucket of a value is found without a search. Let S = 2^SUB = 32.
 *
 *   value                       bucket                                  width
 *   0 .. 2S-1                   v                                       1
 *   2^e .. 2^(e+1)-1, e > SUB   (e - SUB) * S + (v >> (e - SUB))        2^(e-SUB)       v >> (e - SUB) is in S .. 2S-1
 *   2^TOP and more              (TOP - SUB) * S + S, the last one       no end
 *
 *   bucket i < 2S   begins at   i
 *   i >= 2S                     (i % S + S) << (i / S - 1)
 * The second line of each holds for S .. 2S-1 as well, which leaves one case. A bucket from `low` on is at most low / S wide,
 * so two values in it differ by less than 1/S = 3.1 %, and its middle is at most 1/2S = 1.6 % away from each of them.
 *
 * May run together?  add  merge     (X = never: the owner's)
 *              add    X     -
 *              merge  -     -       (from it; into it: one at a time)
 *
 * State     written by
 *   sum, max, bucket   the owner: a load and a store each, relaxed.
 * Orderings: none. Each word is a count by itself: a reader finds what was there at some moment, and words that lag behind
 * each other by what is on its way. So the number of values is the sum of the buckets as read, and merge raises max to the
 * beginning of the highest bucket that it has read.
 * Progress: add is wait-free: some twenty instructions, no locked one. Memory: 9752 bytes.
 * Rejected: a count beside the buckets (one more store, and a second truth); 32-bit buckets (they overflow in minutes of
 * tracing); a lower bound and a scale to choose (histograms that cannot be added up).
 */
#ifndef FILCH_HISTOGRAM_H
#define FILCH_HISTOGRAM_H

#include "compiler.h"

#include <filch/detail/atomic.h>
#include <filch/trace.h>

enum {
    FILCH__HISTOGRAM_SUB = 5,  /* 2^5 buckets an octave */
    FILCH__HISTOGRAM_TOP = 42, /* what is 2^42 ns or more is in the last bucket */
};

struct filch__histogram {
    uint64_t sum;
    uint64_t max;
    uint64_t bucket[FILCH_HISTOGRAM_BUCKETS];
};

static inline size_t filch__histogram_index(uint64_t value)
{
    const uint64_t top = (uint64_t)1 << FILCH__HISTOGRAM_TOP;
    value = value < top ? value : top;
    int octave = 63 - __builtin_clzll(value | 1 << FILCH__HISTOGRAM_SUB) - FILCH__HISTOGRAM_SUB;
    return ((size_t)octave << FILCH__HISTOGRAM_SUB) + (size_t)(value >> octave);
}

/* The least value of a bucket. */
static inline uint64_t filch__histogram_low(size_t index)
{
    const size_t parts = (size_t)1 << FILCH__HISTOGRAM_SUB;
    if (index < parts)
        return index;
    return (uint64_t)(index % parts + parts) << (index / parts - 1);
}

/* Owner. */
static inline void filch__histogram_add(struct filch__histogram *histogram, uint64_t ns)
{
    filch__count(&histogram->bucket[filch__histogram_index(ns)]);
    filch__store_relaxed(&histogram->sum, histogram->sum + ns);
    if (ns > histogram->max)
        filch__store_relaxed(&histogram->max, ns);
}

/* Anybody: add what was counted so far to a copy of the caller's own. */
void filch__histogram_merge(struct filch_histogram *into, const struct filch__histogram *from);

#endif
