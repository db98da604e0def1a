/* SPDX-License-Identifier: MIT */
/* metrics.h - the figures of a pool's statistics, as a table: what each is called, and where it lies. */
#ifndef FILCH_METRICS_INTERNAL_H
#define FILCH_METRICS_INTERNAL_H

#include "compiler.h"

#include <filch/pool.h>

struct filch__figure {
    const char *name; /* its field */
    size_t offset, size;
    bool grows;         /* a count since open, else as it is now */
    const char *metric; /* its name for Prometheus, without the ending of counters */
    const char *help;
};

/* Every field of struct filch_pool_stats but the reserved ones; the last entry's name is NULL. */
extern const struct filch__figure filch__figures[];
uint64_t filch__figure_value(const struct filch__figure *figure, const struct filch_pool_stats *stats);

#endif
