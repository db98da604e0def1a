/* SPDX-License-Identifier: MIT */
/* openmp.c - a task per node with depend clauses. */
#include "../harness/with_openmp.h"
#include "graph.h"

void graph_free(void)
{
}

static void make_chain(struct graph *graph)
{
    uint64_t *value = &graph->value;
    for (size_t i = 0; i < graph->nodes; i++) {
#pragma omp task firstprivate(graph, i) depend(inout : *value)
        graph_link(graph, i);
    }
}

static void make_square(struct graph *graph)
{
    size_t stride = graph->side + 1;
    for (size_t row = 0; row < graph->side; row++)
        for (size_t column = 0; column < graph->side; column++) {
            uint64_t *cell = &graph->cells[(row + 1) * stride + column + 1];
            uint64_t *above = cell - stride, *left = cell - 1;
#pragma omp task firstprivate(graph, row, column) depend(in : *above, *left) depend(out : *cell)
            graph_cell(graph, row, column);
        }
}

static void run(struct graph *graph)
{
#pragma omp parallel num_threads(team)
#pragma omp single
    if (graph->side)
        make_square(graph);
    else
        make_chain(graph);
}

const struct graph_way graph_ways[] = {{"-", NULL, run}, {NULL, NULL, NULL}};
