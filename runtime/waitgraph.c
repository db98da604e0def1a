/* SPDX-License-Identifier: MIT */
#include "waitgraph.h"

#include <string.h>

#define NONE FILCH__WAITGRAPH_NONE

struct filch__waitnode {
    bool free, any;
    bool several;      /* nodes that last follow it */
    uint32_t edges;    /* from it */
    uint32_t need;     /* of these, how many have to lead to free nodes before it is free */
    uint32_t first_in; /* in the order of solve(): edges to it */
    uint32_t next;     /* one of them, or NONE */
};

struct filch__waitkey {
    const void *address; /* NULL: empty */
    uint32_t node;
};

struct filch__waitedge {
    uint32_t from, to;
};

static void *get(const struct filch__waitgraph *graph, size_t count, size_t size)
{
    return graph->allocator->alloc(graph->allocator->ctx, count * size);
}

static void put(const struct filch__waitgraph *graph, void *memory, size_t count, size_t size)
{
    if (memory)
        graph->allocator->free(graph->allocator->ctx, memory, count * size);
}

bool filch__waitgraph_open(struct filch__waitgraph *graph, const struct filch_allocator *allocator, size_t room)
{
    *graph = (struct filch__waitgraph){.allocator = allocator, .room = room ? room : 1, .key_room = 4};
    while (graph->key_room < 4 * graph->room)
        graph->key_room *= 2;
    graph->nodes = get(graph, graph->room, sizeof *graph->nodes);
    graph->keys = get(graph, graph->key_room, sizeof *graph->keys);
    if (!graph->nodes || !graph->keys) {
        filch__waitgraph_close(graph);
        return false;
    }
    memset(graph->keys, 0, graph->key_room * sizeof *graph->keys);
    return true;
}

void filch__waitgraph_close(struct filch__waitgraph *graph)
{
    put(graph, graph->nodes, graph->room, sizeof *graph->nodes);
    put(graph, graph->keys, graph->key_room, sizeof *graph->keys);
    put(graph, graph->edges, graph->edge_room, sizeof *graph->edges);
    *graph = (struct filch__waitgraph){0};
}

uint32_t filch__waitgraph_add(struct filch__waitgraph *graph)
{
    if (graph->count == graph->room || graph->count == NONE)
        return NONE;
    graph->nodes[graph->count] = (struct filch__waitnode){0};
    return (uint32_t)graph->count++;
}

/* Where the address is, or would be. Half of the table stays empty. */
static struct filch__waitkey *place_of(const struct filch__waitgraph *graph, const void *address)
{
    uint64_t hash = (uint64_t)(uintptr_t)address * 0x9e3779b97f4a7c15u;
    size_t i = (size_t)(hash >> 32) & (graph->key_room - 1);
    while (graph->keys[i].address && graph->keys[i].address != address)
        i = (i + 1) & (graph->key_room - 1);
    return &graph->keys[i];
}

void filch__waitgraph_name(struct filch__waitgraph *graph, uint32_t node, const void *address)
{
    *place_of(graph, address) = (struct filch__waitkey){address, node};
}

uint32_t filch__waitgraph_find(const struct filch__waitgraph *graph, const void *address)
{
    const struct filch__waitkey *key = place_of(graph, address);
    return key->address ? key->node : NONE;
}

/* ---- edges ---- */

bool filch__waitgraph_reserve(struct filch__waitgraph *graph, size_t edges)
{
    size_t room = graph->edge_count + edges;
    if (room <= graph->edge_room)
        return true;
    if (room < 2 * graph->edge_room)
        room = 2 * graph->edge_room;
    struct filch__waitedge *larger = room < NONE ? get(graph, room, sizeof *larger) : NULL;
    if (!larger)
        return false;
    if (graph->edge_count)
        memcpy(larger, graph->edges, graph->edge_count * sizeof *larger);
    put(graph, graph->edges, graph->edge_room, sizeof *larger);
    graph->edges = larger;
    graph->edge_room = room;
    return true;
}

void filch__waitgraph_edge(struct filch__waitgraph *graph, uint32_t from, uint32_t to)
{
    if (graph->edge_count == graph->edge_room) {
        filch__waitgraph_free(graph, from);
        return;
    }
    graph->edges[graph->edge_count++] = (struct filch__waitedge){from, to};
    graph->nodes[from].edges++;
}

void filch__waitgraph_free(struct filch__waitgraph *graph, uint32_t node)
{
    graph->nodes[node].free = true;
}

void filch__waitgraph_any(struct filch__waitgraph *graph, uint32_t node)
{
    graph->nodes[node].any = true;
}

/* ---- what lasts ---- */

/* Who waits for each node, node by node: the edges' beginnings, counted and put in order. */
static uint32_t *sort_edges(struct filch__waitgraph *graph)
{
    uint32_t *from = get(graph, graph->edge_count + 1, sizeof *from), first = 0;
    if (!from)
        return NULL;
    for (size_t e = 0; e < graph->edge_count; e++)
        graph->nodes[graph->edges[e].to].first_in++;
    for (size_t i = 0; i < graph->count; i++) {
        first += graph->nodes[i].first_in;
        graph->nodes[i].first_in = first;
    }
    for (size_t e = graph->edge_count; e-- > 0;)
        from[--graph->nodes[graph->edges[e].to].first_in] = graph->edges[e].from;
    return from;
}

static size_t end_of(const struct filch__waitgraph *graph, size_t node)
{
    return node + 1 < graph->count ? graph->nodes[node + 1].first_in : graph->edge_count;
}

/* `todo` has room for all nodes: each becomes free once. */
static void pass_on(struct filch__waitgraph *graph, const uint32_t *from, uint32_t *todo)
{
    size_t count = 0;
    for (size_t i = 0; i < graph->count; i++) {
        struct filch__waitnode *node = &graph->nodes[i];
        node->need = node->any && node->edges ? 1 : node->edges;
        node->free |= !node->need;
        if (node->free)
            todo[count++] = (uint32_t)i;
    }
    while (count) {
        uint32_t freed = todo[--count];
        for (size_t e = graph->nodes[freed].first_in; e < end_of(graph, freed); e++) {
            struct filch__waitnode *node = &graph->nodes[from[e]];
            if (node->free || --node->need)
                continue;
            node->free = true;
            todo[count++] = from[e];
        }
    }
}

/* Where those that last lead to. */
static void find_next(struct filch__waitgraph *graph)
{
    for (size_t i = 0; i < graph->count; i++)
        graph->nodes[i].next = NONE;
    for (size_t e = 0; e < graph->edge_count; e++) {
        struct filch__waitnode *node = &graph->nodes[graph->edges[e].from];
        uint32_t to = graph->edges[e].to;
        if (graph->nodes[to].free)
            continue;
        node->several |= node->next != NONE && node->next != to;
        node->next = to;
    }
}

bool filch__waitgraph_solve(struct filch__waitgraph *graph)
{
    uint32_t *from = sort_edges(graph), *todo = from ? get(graph, graph->count + 1, sizeof *todo) : NULL;
    bool solved = todo;
    if (solved)
        pass_on(graph, from, todo);
    find_next(graph);
    put(graph, todo, graph->count + 1, sizeof *todo);
    put(graph, from, graph->edge_count + 1, sizeof *from);
    return solved;
}

bool filch__waitgraph_lasts(const struct filch__waitgraph *graph, uint32_t node)
{
    return !graph->nodes[node].free;
}

uint32_t filch__waitgraph_next(const struct filch__waitgraph *graph, uint32_t node)
{
    return graph->nodes[node].several ? NONE : graph->nodes[node].next;
}
