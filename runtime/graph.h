/* SPDX-License-Identifier: MIT */
/* graph.h - a graph's tasks ("nodes"), their order, and one run of them.
 *
 * A run needs no queue of its own: nodes that are ready travel as *carriers*, ordinary tasks of the pool whose
 * futures lie in the graph. A carrier runs its node, counts down what comes after it, goes on with the first that became
 * ready, and queues the others as further carriers. So a chain is one task, a node that waits keeps nothing back, and thieves
 * find ready nodes where they find every task.
 *
 * May run together?  carriers all; the runner (who called run, as a task) waits from the first carrier to the last.
 *   Whoever builds or frees is alone: `busy` is taken by run and check, and refuses them.
 *
 * State       written by
 *   waiting    counted down by the nodes before (A2). The one that brings it to 0 owns the node; it is set back when the
 *              node begins, so no pass over the graph is needed between runs
 *   inherited  any of the failed nodes before: the first by CAS, before its countdown
 *   result     the carrier: the run's number and the status
 *   futures    of a node: whoever queues it as a carrier, then the pool
 *   left       nodes whose carriers have not been told of; each carrier takes off, in one step, those that it ended
 *   error      the first that fails, by CAS
 * Invariants
 *   I1 each node is queued at most once in a run, as only one countdown brings it to 0: its future is not in flight.
 *   I2 a carrier ends at least one node. So `left` is 0 only when every carrier has been told of.
 * Orderings
 *   A1 the runner: parts + 1 (sc), carriers queued; a node that waits: asked to stop? (sc)
 *      ||  cancel: CAS CANCEL (sc), load parts (sc).
 *      Either the canceller visits the strands of the pool (block.c), or the node sees that it is to stop. As F7.
 *   A2 end: what the node wrote, countdown (acq_rel) -> the last to count down: (acquire). What came before is seen. A
 *      node that has a single one before it is not counted: its carrier goes on with it, or queues it (D1). Who finds
 *      1 left is the last (acquire), and need not write.
 *   A3 tell: left - n (acq_rel), the carrier's last access to the graph, after its future is done -> the one that
 *      brings it to 0 completes the runner's waiter (W1). So when run returns, nobody touches the graph.
 * A carrier goes on for a bounded number of nodes; then it queues the next one and has the worker look at the queues of
 * others first. It stops between nodes too when the limit falls.
 * A carrier that never ran (its pool is closed with FILCH_CLOSE_CANCEL, or no thread can be started) is seen by its
 * count: tell ends its node in its place, and queues what is ready.
 * Carriers are not counted for queue_limit: they are parts of what was accepted.
 * Checked: tests/model/graph.c.
 * Rejected: typed tasks as carriers (a join waits for what was stolen, nodes that end their thread end the process, and
 * ready nodes are hidden until somebody asks).
 */
#ifndef FILCH_GRAPH_INTERNAL_H
#define FILCH_GRAPH_INTERNAL_H

#include "pool.h"

#include <filch/graph.h>

/* One cache line. */
struct filch__node {
    /* immutable while the graph runs */
    filch_fn *fn;
    void *data;
    const char *name;
    struct filch_graph *graph;
    /* in a run */
    uint64_t result; /* 63..32 the run's number, 31..0 status */
    uint32_t waiting;
    int32_t inherited; /* 0, or the status of a failed node before */
    /* immutable again */
    uint32_t before; /* how many nodes come before */
    uint32_t after;  /* how many come after */
    uint32_t first;  /* of these, in the graph's `successors`; the successor itself if there is one */
    uint32_t flags;
};

struct filch__edge {
    uint32_t before, after;
};

struct filch_graph {
    struct filch_allocator allocator;
    /* the builder writes */
    struct filch__node *nodes;
    struct filch__edge *edges;
    size_t node_count, node_room, edge_count, edge_room;
    /* filch__graph_order writes */
    bool ordered;
    struct filch_future *futures; /* one per node */
    uint32_t *successors;         /* one per edge */
    uint32_t *order;              /* nodes, each after those before it; first those with none before */
    size_t ordered_nodes, ordered_edges, source_count;
    /* a run; immutable in it */
    uint32_t busy;
    uint32_t number;
    struct filch_pool *pool;
    struct filch_future *task;    /* what the nodes are parts of */
    struct filch__waiter *joiner; /* the runner's */
    struct filch__waiter sink;    /* what carriers tell */
    /* carriers write */
    _Alignas(FILCH_CACHELINE) uint64_t left;
    int32_t error;
};

static inline const uint32_t *filch__node_successors(const struct filch_graph *graph, const struct filch__node *node)
{
    return node->after == 1 ? &node->first : &graph->successors[node->first];
}

/* Is the graph taken by a run? */
bool filch__graph_take(struct filch_graph *graph);
void filch__graph_leave(struct filch_graph *graph);

/* graphorder.c. The graph is taken. 0, -ENOMEM, or -ELOOP with the cycle in words. */
int filch__graph_order(struct filch_graph *graph, char *ret_text, size_t size);
void filch__graph_forget_order(struct filch_graph *graph); /* frees what the order takes */

#endif
