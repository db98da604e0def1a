/* SPDX-License-Identifier: MIT */
/* filch.c - nodes by four ways. "graph": a struct filch_graph, built before; only its run is timed. "after": a task
 * submits all nodes, each with the futures that it follows. The others have counters of what each node waits for.
 * "submit": whoever makes a node ready submits it, with a future of its own. "fork": a chain is a spawn and a sync per
 * node; in a square, whoever makes two nodes ready spawns one and goes on with the other.
 */
#include "../harness/with_filch.h"
#include "graph.h"

#include <filch/fork.h>
#include <filch/graph.h>

#include <semaphore.h>
#include <stdlib.h>

static struct node {
    struct filch_future future;
    struct graph *graph;
    uint32_t waiting; /* any worker: for how many others, counted down */
} * nodes;

static struct filch_graph *built;

void graph_free(void)
{
    free(nodes);
    filch_graph_close(built);
}

/* ---- graph ---- */

static int run_built(void *data)
{
    const struct node *node = data;
    struct graph *graph = node->graph;
    size_t index = (size_t)(node - nodes), side = graph->side;
    if (side)
        graph_cell(graph, index / side, index % side);
    else
        graph_link(graph, index);
    return 0;
}

static void must(int error, const char *what)
{
    if (error)
        bench_die("%s: %s", what, strerror(-error));
}

static void build(struct graph *graph)
{
    size_t side = graph->side, back = side ? side : 1;
    if (built)
        return;
    nodes = bench_allocate(graph->nodes, sizeof *nodes);
    must(filch_graph_open(&built, NULL), "filch_graph_open");
    for (size_t i = 0; i < graph->nodes; i++) {
        nodes[i].graph = graph;
        must(filch_graph_add(built, run_built, &nodes[i], NULL, NULL), "filch_graph_add");
    }
    for (size_t i = 0; i < graph->nodes; i++) {
        if (side && (i + 1) % side)
            must(filch_graph_edge(built, i, i + 1), "filch_graph_edge");
        if (i + back < graph->nodes)
            must(filch_graph_edge(built, i, i + back), "filch_graph_edge");
    }
    must(filch_graph_check(built, NULL, 0), "filch_graph_check");
}

static void run_by_graph(struct graph *graph)
{
    (void)graph;
    must(filch_graph_run(pool, built), "filch_graph_run");
}

/* ---- after ---- */

static int submit_all(void *data)
{
    struct graph *graph = data;
    size_t side = graph->side, back = side ? side : 1;
    for (size_t i = 0; i < graph->nodes; i++) {
        struct filch_future *before[2];
        struct filch_task_options options = {.after = before};
        if (side && i % side)
            before[options.after_count++] = &nodes[i - 1].future;
        if (i >= back)
            before[options.after_count++] = &nodes[i - back].future;
        must(filch_submit_with(NULL, &nodes[i].future, run_built, &nodes[i], &options), "filch_submit_with");
    }
    return filch_wait_many(
        &(struct filch_batch){.futures = &nodes[0].future, .future_stride = sizeof nodes[0], .count = graph->nodes},
        FILCH_NO_DEADLINE);
}

static void run_by_after(struct graph *graph)
{
    struct filch_future future = {0};
    must(filch_submit(pool, &future, submit_all, graph), "filch_submit");
    must(filch_wait(&future), "filch_wait_many");
}

/* ---- counters ---- */

static void prepare(struct graph *graph)
{
    size_t side = graph->side;
    if (!nodes)
        nodes = bench_allocate(graph->nodes, sizeof *nodes);
    for (size_t i = 0; i < graph->nodes; i++) {
        nodes[i].graph = graph;
        nodes[i].waiting = side ? (i >= side) + (i % side > 0) : i > 0;
    }
}

/* Whether the node has become ready by this. */
static bool finish_one(size_t node)
{
    return __atomic_sub_fetch(&nodes[node].waiting, 1, __ATOMIC_ACQ_REL) == 0;
}

/* ---- submit ---- */

static sem_t last_ended;

static int run_node(void *data);

static void submit(size_t index)
{
    int error = filch_submit(pool, &nodes[index].future, run_node, &nodes[index]);
    if (error)
        bench_die("filch_submit: %s", strerror(-error));
}

static int run_node(void *data)
{
    const struct node *node = data;
    struct graph *graph = node->graph;
    size_t index = (size_t)(node - nodes), side = graph->side, below = index + (side ? side : 1);
    if (side)
        graph_cell(graph, index / side, index % side);
    else
        graph_link(graph, index);
    if (below < graph->nodes && finish_one(below))
        submit(below);
    if (side && index % side + 1 < side && finish_one(index + 1))
        submit(index + 1);
    if (index + 1 == graph->nodes)
        sem_post(&last_ended);
    return 0;
}

static void run_by_submits(struct graph *graph)
{
    sem_init(&last_ended, 0, 0);
    submit(0);
    while (sem_wait(&last_ended))
        ;
    filch_wait(&nodes[graph->nodes - 1].future);
    sem_destroy(&last_ended);
}

/* ---- fork ---- */

FILCH_VOID_TASK(link_one, (struct graph *, graph), (size_t, index))
{
    graph_link(graph, index);
}

FILCH_VOID_TASK(run_chain, (struct graph *, graph))
{
    for (size_t i = 0; i < graph->nodes; i++) {
        FILCH_SPAWN(link_one, graph, i);
        FILCH_SYNC(link_one);
    }
}

FILCH_VOID_TASK(run_from, (struct graph *, graph), (size_t, index))
{
    size_t side = graph->side;
    for (bool more = true; more;) {
        size_t below = index + side;
        graph_cell(graph, index / side, index % side);
        bool down = below < graph->nodes && finish_one(below);
        bool right = index % side + 1 < side && finish_one(index + 1);
        if (down && right)
            FILCH_SPAWN(run_from, graph, below);
        more = down || right;
        index = right ? index + 1 : below;
    }
    FILCH_SYNC_ALL();
}

static void run_by_forks(struct graph *graph)
{
    if (graph->side)
        FILCH_RUN(pool, run_from, graph, (size_t)0);
    else
        FILCH_RUN(pool, run_chain, graph);
}

const struct graph_way graph_ways[] = {{"graph", build, run_by_graph},
                                       {"after", NULL, run_by_after},
                                       {"submit", prepare, run_by_submits},
                                       {"fork", prepare, run_by_forks},
                                       {NULL, NULL, NULL}};
