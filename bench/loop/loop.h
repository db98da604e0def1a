/* SPDX-License-Identifier: MIT */
/* loop.h - what lies between loop.c, which times and checks, and one system's parallel loop. */
#ifndef FILCH_BENCH_LOOP_H
#define FILCH_BENCH_LOOP_H

#include "../harness/system.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { LOOP_WORKERS_MAX = 64, LOOP_LINE = 128 };

/* On a line of its own: a worker notes what it did without disturbing the others. */
struct loop_worker {
    uint64_t items;
    char rest[LOOP_LINE - sizeof(uint64_t)];
};

struct loop_data {
    uint32_t *cells;
    struct loop_worker workers[LOOP_WORKERS_MAX];
};

/* ---- the system, beside system.h ---- */

/* Call measure(data) where a parallel loop costs least: inside a task. */
void loop_inside(void (*measure)(void *data), void *data);

/* One parallel loop: loop_part() for all of [0, count). */
void loop_run(struct loop_data *data, size_t count);

/* The body: one increment per index. */
static inline void loop_part(struct loop_data *data, size_t begin, size_t end, unsigned worker)
{
    uint32_t *cells = data->cells;
    for (size_t i = begin; i < end; i++)
        cells[i]++;
    data->workers[worker].items += end - begin;
}

#ifdef __cplusplus
}
#endif

#endif
