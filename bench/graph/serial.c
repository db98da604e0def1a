/* SPDX-License-Identifier: MIT */
/* serial.c - the floor: one thread that counts down what each node waits for, and takes ready nodes from a stack. */
#include "../harness/with_nothing.h"
#include "graph.h"

#include <stdlib.h>

static uint8_t *waiting; /* per node, for how many others */
static size_t *ready;
static size_t ready_count;

void graph_free(void)
{
    free(waiting);
    free(ready);
}

static void prepare(struct graph *graph)
{
    if (!waiting) {
        waiting = bench_allocate(graph->nodes, sizeof *waiting);
        ready = bench_allocate(graph->nodes, sizeof *ready);
    }
    for (size_t i = 0; i < graph->nodes; i++)
        waiting[i] = graph->side ? (i >= graph->side) + (i % graph->side > 0) : i > 0;
    ready[0] = 0;
    ready_count = 1;
}

static void finish_one(size_t node)
{
    if (--waiting[node] == 0)
        ready[ready_count++] = node;
}

static void run(struct graph *graph)
{
    while (ready_count > 0) {
        size_t node = ready[--ready_count], side = graph->side;
        if (side)
            graph_cell(graph, node / side, node % side);
        else
            graph_link(graph, node);
        size_t below = node + (side ? side : 1);
        if (below < graph->nodes)
            finish_one(below);
        if (side && node % side + 1 < side)
            finish_one(node + 1);
    }
}

const struct graph_way graph_ways[] = {{"-", prepare, run}, {NULL, NULL, NULL}};
