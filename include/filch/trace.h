/* SPDX-License-Identifier: MIT */
/* trace.h - where the time of a pool's tasks goes.
 *
 * Latencies are kept in histograms, always; of each 256 tasks one is measured, so that the others cost nothing.
 *
 *     static struct filch_histogram queue;
 *     filch_pool_get_histogram(pool, FILCH_LATENCY_QUEUE, &queue, sizeof queue);
 *     printf("99 of 100 tasks started within %llu ns\n", (unsigned long long)filch_histogram_quantile(&queue, 0.99));
 *     for (struct filch_bucket bucket = {0}; filch_histogram_next(&queue, &bucket);)
 *         printf("%llu tasks: %llu ns or more\n", (unsigned long long)bucket.count, (unsigned long long)bucket.low_ns);
 */
#ifndef FILCH_TRACE_H
#define FILCH_TRACE_H

#include "base.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

struct filch_pool;

enum filch_latency {
    FILCH_LATENCY_QUEUE,      /* submitted -> started */
    FILCH_LATENCY_RUN,        /* started -> returned, less its waits */
    FILCH_LATENCY_GATE,       /* waited for a permit of the pool, or of a gate */
    FILCH_LATENCY_SUSPENSION, /* suspended -> goes on */
    FILCH_LATENCY_WAKE,       /* made ready -> goes on */
    FILCH_LATENCIES,          /* how many there are */
};

/* Below 64 ns a bucket for each nanosecond, above 32 for each doubling, up to 2^42 ns (73 minutes); the last one is for
 * all that took longer. */
#define FILCH_HISTOGRAM_BUCKETS 1217

/* 10 KB: not for the stack of a task, if its pool's stacks are small. All zero: empty. */
struct filch_histogram {
    uint64_t count;
    uint64_t sum_ns;
    uint64_t max_ns;
    uint64_t bucket[FILCH_HISTOGRAM_BUCKETS];
};

/* What the pool's workers have measured since it was opened. Never stops anyone; exact when the pool is idle, else near.
 * size: sizeof *ret_histogram as the caller was built. Errors: -EINVAL (size, latency), -ESTALE. Works on a closed pool.
 */
FILCH_API int filch_pool_get_histogram(const struct filch_pool *pool, enum filch_latency latency,
                                       struct filch_histogram *ret_histogram, size_t size);

/* The value below or at which the fraction q of all lies: 0.5 is the median, 0 the least, 1 max_ns. At most 1.6 % away from
 * it, the middle of its bucket. 0 when the histogram is empty. q is cut to 0..1. Any thread, any copy of a histogram.
 */
FILCH_API uint64_t filch_histogram_quantile(const struct filch_histogram *histogram, double q);

struct filch_bucket {
    uint64_t low_ns, high_ns; /* the values from low_ns up to, not including, high_ns; UINT64_MAX: no end */
    uint64_t count;
};

/* The next bucket that is not empty, in order of value, behind *bucket; all zero: the first. False: there is none, and
 * *bucket is as before.
 */
FILCH_API bool filch_histogram_next(const struct filch_histogram *histogram, struct filch_bucket *bucket);

#ifdef __cplusplus
}
#endif

#endif
