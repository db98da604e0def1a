/* SPDX-License-Identifier: MIT */
#include "histogram.h"

_Static_assert(FILCH_HISTOGRAM_BUCKETS ==
                   ((FILCH__HISTOGRAM_TOP - FILCH__HISTOGRAM_SUB + 1) << FILCH__HISTOGRAM_SUB) + 1,
               "the buckets of trace.h are those of histogram.h");

void filch__histogram_merge(struct filch_histogram *into, const struct filch__histogram *from)
{
    uint64_t highest = 0;
    for (size_t i = 0; i < FILCH_HISTOGRAM_BUCKETS; i++) {
        uint64_t count = filch__load_relaxed(&from->bucket[i]);
        into->bucket[i] += count;
        into->count += count;
        highest = count ? filch__histogram_low(i) : highest;
    }
    into->sum_ns += filch__load_relaxed(&from->sum);
    uint64_t max = filch__load_relaxed(&from->max);
    max = max > highest ? max : highest;
    into->max_ns = into->max_ns > max ? into->max_ns : max;
}

static uint64_t end_of(size_t index)
{
    return index + 1 < FILCH_HISTOGRAM_BUCKETS ? filch__histogram_low(index + 1) : UINT64_MAX;
}

static uint64_t middle(const struct filch_histogram *histogram, size_t index)
{
    uint64_t low = filch__histogram_low(index);
    uint64_t value = low + (end_of(index) - low - 1) / 2;
    return value < histogram->max_ns ? value : histogram->max_ns;
}

/* Its rank among all, from 1 on: the least with which the fraction q is reached. */
static uint64_t rank(uint64_t count, double q)
{
    if (!(q > 0)) /* not a number, as well */
        return 1;
    double exact = q * (double)count;
    uint64_t below = (uint64_t)exact;
    return below + ((double)below < exact || !below);
}

uint64_t filch_histogram_quantile(const struct filch_histogram *histogram, double q)
{
    if (!histogram || !histogram->count)
        return 0;
    if (q >= 1)
        return histogram->max_ns;
    uint64_t left = rank(histogram->count, q);
    for (size_t i = 0; i < FILCH_HISTOGRAM_BUCKETS; i++) {
        if (histogram->bucket[i] >= left)
            return middle(histogram, i);
        left -= histogram->bucket[i];
    }
    return histogram->max_ns;
}

bool filch_histogram_next(const struct filch_histogram *histogram, struct filch_bucket *bucket)
{
    if (!histogram || !bucket)
        return false;
    size_t i = bucket->high_ns ? filch__histogram_index(bucket->high_ns - 1) + 1 : 0;
    while (i < FILCH_HISTOGRAM_BUCKETS && !histogram->bucket[i])
        i++;
    if (i >= FILCH_HISTOGRAM_BUCKETS)
        return false;
    *bucket = (struct filch_bucket){filch__histogram_low(i), end_of(i), histogram->bucket[i]};
    return true;
}
