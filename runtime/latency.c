/* SPDX-License-Identifier: MIT */
#include "pool.h"

#include <filch/trace.h>

#include <errno.h>
#include <string.h>

int filch_pool_get_histogram(const struct filch_pool *pool, enum filch_latency latency,
                             struct filch_histogram *ret_histogram, size_t size)
{
    pool = filch__pool_resolve(pool);
    if (!pool || !ret_histogram || size < sizeof *ret_histogram || (unsigned)latency >= FILCH_LATENCIES)
        return -EINVAL;
    if (filch__pool_stale(pool))
        return -ESTALE;
    memset(ret_histogram, 0, size);
    const struct filch__worker *worker;
    for (size_t i = 0; (worker = filch__pool_worker(pool, i)) != NULL; i++)
        filch__histogram_merge(ret_histogram, &worker->meters->latency[latency]);
    return 0;
}
