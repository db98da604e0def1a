/* SPDX-License-Identifier: MIT */
/* graph.c - W8: nodes that follow others, nanoseconds per node.
 *
 *     graph WORKERS 0 NODES        a chain
 *     graph WORKERS SIDE           a wavefront over SIDE x SIDE nodes
 *
 * Every value depends on the order, and is compared with that of a plain loop.
 */
#include "graph.h"

#include <stdlib.h>
#include <string.h>

static void reset(struct graph *graph)
{
    size_t stride = graph->side + 1;
    graph->value = 1;
    for (size_t i = 0; i < stride * stride; i++)
        graph->cells[i] = i < stride || i % stride == 0;
}

static void run_plainly(struct graph *graph)
{
    if (!graph->side)
        for (size_t i = 0; i < graph->nodes; i++)
            graph_link(graph, i);
    for (size_t row = 0; row < graph->side; row++)
        for (size_t column = 0; column < graph->side; column++)
            graph_cell(graph, row, column);
}

static void measure(const struct graph_way *way, struct graph *graph, const struct graph *expected)
{
    /* The first pass brings in the pages. */
    uint64_t elapsed_ns = 0;
    for (int pass = 0; pass < 2; pass++) {
        reset(graph);
        if (way->prepare)
            way->prepare(graph);
        uint64_t begin_ns = bench_now_ns();
        way->run(graph);
        elapsed_ns = bench_now_ns() - begin_ns;
        size_t stride = graph->side + 1;
        BENCH_CHECK(graph->value == expected->value);
        BENCH_CHECK(!memcmp(graph->cells, expected->cells, stride * stride * sizeof *graph->cells));
    }
    bench_sample(way->name, "ns_per_node", (double)elapsed_ns / (double)graph->nodes);
}

int main(int argc, char **argv)
{
    unsigned workers = (unsigned)bench_argument(argc, argv, 1, 2);
    struct graph graph = {.side = (size_t)bench_argument(argc, argv, 2, 512)};
    graph.nodes = graph.side ? graph.side * graph.side : (size_t)bench_argument(argc, argv, 3, 1000000);
    graph.cells = bench_allocate((graph.side + 1) * (graph.side + 1), sizeof *graph.cells);
    struct graph expected = graph;
    expected.cells = bench_allocate((graph.side + 1) * (graph.side + 1), sizeof *graph.cells);
    reset(&expected);
    run_plainly(&expected);

    bench_system_describe();
    bench_system_open(workers);
    for (const struct graph_way *way = graph_ways; way->name; way++)
        measure(way, &graph, &expected);
    graph_free();
    bench_system_close();
    free(graph.cells);
    free(expected.cells);
}
