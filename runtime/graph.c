/* SPDX-License-Identifier: MIT */
#include "graph.h"

#include <errno.h>
#include <string.h>

enum { ROOM_LEAST = 16 };
#define COUNT_MAX ((size_t)UINT32_MAX)

bool filch__graph_take(struct filch_graph *graph)
{
    return !filch__exchange_acq_rel(&graph->busy, 1);
}

void filch__graph_leave(struct filch_graph *graph)
{
    filch__store_release(&graph->busy, 0);
}

static bool is_busy(const struct filch_graph *graph)
{
    return filch__load_acquire(&graph->busy);
}

int filch_graph_open(struct filch_graph **ret_graph, const struct filch_graph_config *config)
{
    struct filch_allocator allocator;
    if (!ret_graph || (config && filch__any_set(config->reserved, 4)) ||
        filch__allocator_choose(config ? config->allocator : NULL, &allocator))
        return -EINVAL;
    struct filch_graph *graph = filch__alloc_aligned(&allocator, sizeof *graph);
    if (!graph)
        return -ENOMEM;
    *graph = (struct filch_graph){.allocator = allocator};
    *ret_graph = graph;
    return 0;
}

int filch_graph_close(struct filch_graph *graph)
{
    if (!graph)
        return 0;
    if (!filch__graph_take(graph))
        return -EBUSY;
    const struct filch_allocator allocator = graph->allocator;
    filch__graph_forget_order(graph);
    filch__free_aligned(&allocator, graph->nodes, graph->node_room * sizeof *graph->nodes);
    filch__free_aligned(&allocator, graph->edges, graph->edge_room * sizeof *graph->edges);
    filch__free_aligned(&allocator, graph, sizeof *graph);
    return 0;
}

/* ---- building ---- */

/* Room for one more in an array of `*room` items, all of which are used. Moves it; on an error it stays. */
static int grow(const struct filch_allocator *allocator, void **array, size_t *room, size_t item_size)
{
    if (*room == COUNT_MAX)
        return -EOVERFLOW;
    size_t more = *room ? *room * 2 : ROOM_LEAST, bytes;
    if (more > COUNT_MAX)
        more = COUNT_MAX;
    if (__builtin_mul_overflow(more, item_size, &bytes))
        return -ENOMEM;
    void *moved = filch__alloc_aligned(allocator, bytes);
    if (!moved)
        return -ENOMEM;
    if (*array)
        memcpy(moved, *array, *room * item_size);
    filch__free_aligned(allocator, *array, *room * item_size);
    *array = moved;
    *room = more;
    return 0;
}

static int task_check(const struct filch_graph_task *options)
{
    return options->flags & ~FILCH_TASK_RUN_ALWAYS || options->reserved32 || filch__any_set(options->reserved, 4)
               ? -EINVAL
               : 0;
}

int filch_graph_add(struct filch_graph *graph, filch_fn *fn, void *data, const struct filch_graph_task *options,
                    size_t *ret_task)
{
    if (!graph || !fn || (options && task_check(options)))
        return -EINVAL;
    if (is_busy(graph))
        return -EBUSY;
    if (graph->node_count == graph->node_room) {
        void *nodes = graph->nodes;
        int r = grow(&graph->allocator, &nodes, &graph->node_room, sizeof *graph->nodes);
        if (r)
            return r;
        graph->nodes = nodes;
    }
    struct filch__node *node = &graph->nodes[graph->node_count];
    *node = (struct filch__node){.fn = fn, .data = data, .graph = graph};
    if (options) {
        node->name = options->name;
        node->flags = options->flags;
    }
    graph->ordered = false;
    if (ret_task)
        *ret_task = graph->node_count;
    graph->node_count++;
    return 0;
}

int filch_graph_edge(struct filch_graph *graph, size_t before, size_t after)
{
    if (!graph)
        return -EINVAL;
    if (is_busy(graph))
        return -EBUSY;
    if (before >= graph->node_count || after >= graph->node_count)
        return -EINVAL;
    if (before == after)
        return -ELOOP;
    if (graph->edge_count == graph->edge_room) {
        void *edges = graph->edges;
        int r = grow(&graph->allocator, &edges, &graph->edge_room, sizeof *graph->edges);
        if (r)
            return r;
        graph->edges = edges;
    }
    graph->edges[graph->edge_count++] = (struct filch__edge){(uint32_t)before, (uint32_t)after};
    graph->ordered = false;
    return 0;
}

int filch_graph_check(struct filch_graph *graph, char *ret_text, size_t size)
{
    if (!graph || (size && !ret_text))
        return -EINVAL;
    if (!filch__graph_take(graph))
        return -EBUSY;
    int r = filch__graph_order(graph, ret_text, size);
    filch__graph_leave(graph);
    return r;
}

int filch_graph_status(const struct filch_graph *graph, size_t task)
{
    if (!graph || task >= graph->node_count)
        return -EINVAL;
    bool busy = is_busy(graph);
    uint64_t result = filch__load_acquire(&graph->nodes[task].result);
    if (result && result >> 32 == filch__load_relaxed(&graph->number))
        return (int)(uint32_t)result;
    return busy ? -EINPROGRESS : -EINVAL;
}
