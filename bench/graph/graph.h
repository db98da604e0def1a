/* SPDX-License-Identifier: MIT */
/* graph.h - what lies between graph.c, which times and checks, and one system's way to run nodes after those that they
 * depend on.
 */
#ifndef FILCH_BENCH_GRAPH_H
#define FILCH_BENCH_GRAPH_H

#include "../harness/system.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A chain, whose node i follows node i - 1, if side is 0; else a square, whose node (row, column) follows those above
 * and to the left. */
struct graph {
    size_t nodes;
    size_t side;
    uint64_t value;  /* of a chain, after its last node so far */
    uint64_t *cells; /* of a square: its values, with a row of ones above and a column of ones to the left */
};

static inline void graph_link(struct graph *graph, size_t node)
{
    graph->value = graph->value * 0x5851f42d4c957f2du + node;
}

/* row and column count from 0. */
static inline void graph_cell(struct graph *graph, size_t row, size_t column)
{
    size_t stride = graph->side + 1;
    uint64_t *cell = &graph->cells[(row + 1) * stride + column + 1];
    *cell = cell[-1] + *(cell - stride);
}

/* ---- the system, beside system.h ---- */

/* One of the ways to run a graph; the last of graph_ways has no name. */
struct graph_way {
    const char *name;
    void (*prepare)(struct graph *graph); /* not timed; may be NULL */
    void (*run)(struct graph *graph);
};

extern const struct graph_way graph_ways[];

/* Free what prepare() made. The system is still open. */
void graph_free(void);

#ifdef __cplusplus
}
#endif

#endif
