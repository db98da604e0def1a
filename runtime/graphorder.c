/* SPDX-License-Identifier: MIT */
#include "graph.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* From edges as they were added to what a run needs: for each node its successors side by side and how many come before
 * it; and an order of all nodes, which exists if there is no cycle. */

static void *array_new(struct filch_graph *graph, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count ? count : 1, size, &bytes))
        return NULL;
    return filch__alloc_aligned(&graph->allocator, bytes);
}

static void array_free(struct filch_graph *graph, void *array, size_t count, size_t size)
{
    filch__free_aligned(&graph->allocator, array, (count ? count : 1) * size);
}

void filch__graph_forget_order(struct filch_graph *graph)
{
    array_free(graph, graph->futures, graph->ordered_nodes, sizeof *graph->futures);
    array_free(graph, graph->order, graph->ordered_nodes, sizeof *graph->order);
    array_free(graph, graph->successors, graph->ordered_edges, sizeof *graph->successors);
    graph->futures = NULL;
    graph->order = NULL;
    graph->successors = NULL;
}

static int reserve(struct filch_graph *graph)
{
    filch__graph_forget_order(graph);
    graph->ordered_nodes = graph->node_count;
    graph->ordered_edges = graph->edge_count;
    graph->futures = array_new(graph, graph->node_count, sizeof *graph->futures);
    graph->order = array_new(graph, graph->node_count, sizeof *graph->order);
    graph->successors = array_new(graph, graph->edge_count, sizeof *graph->successors);
    if (graph->futures && graph->order && graph->successors)
        return 0;
    filch__graph_forget_order(graph);
    return -ENOMEM;
}

/* The edges of each node side by side, in the order in which they were added. `waiting` serves as a cursor. */
static void sort_edges(struct filch_graph *graph)
{
    struct filch__node *nodes = graph->nodes;
    for (size_t i = 0; i < graph->node_count; i++)
        nodes[i].before = nodes[i].after = 0;
    for (size_t i = 0; i < graph->edge_count; i++) {
        nodes[graph->edges[i].before].after++;
        nodes[graph->edges[i].after].before++;
    }
    uint32_t first = 0;
    for (size_t i = 0; i < graph->node_count; i++) {
        nodes[i].first = nodes[i].waiting = first;
        first += nodes[i].after;
    }
    for (size_t i = 0; i < graph->edge_count; i++)
        graph->successors[nodes[graph->edges[i].before].waiting++] = graph->edges[i].after;
    for (size_t i = 0; i < graph->node_count; i++)
        if (nodes[i].after == 1)
            nodes[i].first = graph->successors[nodes[i].first];
}

/* Kahn's order (CACM 5, 1962): a node follows when all before it have. How many do; `waiting` is above 0 for the others:
 * those on a cycle, and those after one. */
static size_t sort_nodes(struct filch_graph *graph)
{
    size_t count = 0;
    for (size_t i = 0; i < graph->node_count; i++) {
        graph->nodes[i].waiting = graph->nodes[i].before;
        if (!graph->nodes[i].before)
            graph->order[count++] = (uint32_t)i;
    }
    graph->source_count = count;
    for (size_t i = 0; i < count; i++) {
        const struct filch__node *node = &graph->nodes[graph->order[i]];
        const uint32_t *successors = filch__node_successors(graph, node);
        for (uint32_t k = 0; k < node->after; k++)
            if (!--graph->nodes[successors[k]].waiting)
                graph->order[count++] = successors[k];
    }
    return count;
}

/* ---- cycles ---- */

struct text {
    char *at;
    size_t room; /* with the final zero */
};

static void append_name(struct text *text, const struct filch_graph *graph, uint32_t i, const char *before)
{
    if (text->room < 2)
        return;
    const char *name = graph->nodes[i].name;
    int length = name ? snprintf(text->at, text->room, "%s%s", before, name)
                      : snprintf(text->at, text->room, "%stask %lu", before, (unsigned long)i);
    size_t used = length < 0 ? 0 : (size_t)length < text->room ? (size_t)length : text->room - 1;
    text->at += used;
    text->room -= used;
}

/* A node on a cycle. Every node that is left over has one before it that is left over too, so going back from any of
 * them comes round. `order`, of no use now, says where back is. */
static uint32_t find_cycle(struct filch_graph *graph)
{
    struct filch__node *nodes = graph->nodes;
    uint32_t at = 0;
    for (size_t i = 0; i < graph->edge_count; i++)
        if (nodes[graph->edges[i].before].waiting && nodes[graph->edges[i].after].waiting)
            graph->order[graph->edges[i].after] = graph->edges[i].before;
    while (!nodes[at].waiting)
        at++;
    for (size_t i = 0; i < graph->node_count; i++)
        at = graph->order[at]; /* the way in is shorter than that */
    return at;
}

static void name_cycle(struct filch_graph *graph, char *ret_text, size_t size)
{
    struct text text = {ret_text, size};
    uint32_t at = find_cycle(graph), start = at, least = at;
    do { /* turned round, from its least node */
        uint32_t back = graph->order[at];
        graph->nodes[back].waiting = at;
        least = back < least ? back : least;
        at = back;
    } while (at != start);
    append_name(&text, graph, least, "");
    for (at = graph->nodes[least].waiting; at != least; at = graph->nodes[at].waiting)
        append_name(&text, graph, at, " -> ");
    append_name(&text, graph, least, " -> ");
}

int filch__graph_order(struct filch_graph *graph, char *ret_text, size_t size)
{
    if (size)
        ret_text[0] = '\0';
    if (graph->ordered)
        return 0;
    int r = reserve(graph);
    if (r)
        return r;
    sort_edges(graph);
    if (sort_nodes(graph) < graph->node_count) {
        if (size)
            name_cycle(graph, ret_text, size);
        filch__graph_forget_order(graph);
        return -ELOOP;
    }
    for (size_t i = 0; i < graph->node_count; i++) {
        graph->nodes[i].waiting = graph->nodes[i].before;
        graph->nodes[i].inherited = 0;
    }
    memset(graph->futures, 0, graph->node_count * sizeof *graph->futures);
    graph->ordered = true;
    return 0;
}
