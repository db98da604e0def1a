/* SPDX-License-Identifier: MIT */
#include "graph.h"

#include "watch.h"

#include <errno.h>

/* Nodes that a carrier runs before the worker looks at what others wait for. As often as a worker does by itself. */
enum { GO_ON = 61 };

static int carry(void *data);

/* ---- nodes ---- */

/* Queue the node as a carrier. */
static void push(struct filch_graph *graph, struct filch__node *node)
{
    struct filch_future *future = &graph->futures[node - graph->nodes];
    future->priv.fn = carry;
    future->priv.data = node;
    future->priv.record = NULL;
    future->priv.flags = FILCH__FUTURE_UNCOUNTED;
    future->priv.reserved32 = 0; /* nodes that it has ended */
    filch__future_begin(future, FILCH__QUEUED, &graph->sink);
    filch__enqueue(graph->pool, future);
}

static void inherit(struct filch__node *node, int status)
{
    int32_t none = 0;
    filch__cas_relaxed(&node->inherited, &none, status); /* A2 publishes it */
}

/* One node before it has ended. True for the last: the node is the caller's. */
static inline bool count_down(struct filch__node *node)
{
    return node->before == 1 || filch__load_acquire(&node->waiting) == 1 ||
           filch__sub_acq_rel(&node->waiting, 1) == 1; /* A2 */
}

/* The node has ended. Returns one that is ready, or NULL; others that are ready are queued. */
static struct filch__node *end(struct filch_graph *graph, struct filch__node *node, int status)
{
    struct filch__node *next = NULL;
    const uint32_t *successors = filch__node_successors(graph, node);
    int32_t none = 0;
    filch__store_release(&node->result, (uint64_t)graph->number << 32 | (uint32_t)status);
    if (filch__unlikely(status < 0))
        filch__cas_relaxed(&graph->error, &none, status);
    for (uint32_t i = 0; i < node->after; i++) {
        struct filch__node *after = &graph->nodes[successors[i]];
        filch__watch_after(after, node);
        if (filch__unlikely(status < 0))
            inherit(after, status);
        if (!count_down(after))
            continue;
        if (next)
            push(graph, after);
        else
            next = after;
    }
    return next;
}

/* What the node ends with if it is not to run; 0: it is to run. Everything that comes before it has ended. */
static int begin(struct filch__node *node, bool stop)
{
    int status = filch__load_relaxed(&node->inherited);
    filch__store_relaxed(&node->waiting, node->before);
    if (filch__unlikely(status))
        filch__store_relaxed(&node->inherited, 0);
    if (filch__unlikely(stop))
        return -ECANCELED;
    return node->flags & FILCH_TASK_RUN_ALWAYS ? 0 : status;
}

/* ---- carriers ---- */

struct carrier {
    struct filch_graph *graph;
    struct filch__strand *strand;
    struct filch_future *future;
    struct filch__node *node;
    uint32_t ended; /* nodes */
    bool in_body;
    struct filch__watched watched;
};

/* Runs when the scope is left: by unwinding, too, when a node ends its thread. */
static void left(struct carrier *carrier)
{
    struct filch__node *next = NULL;
    if (filch__pool_stale(carrier->strand->pool))
        return; /* a node forked, and this is the child */
    if (filch__unlikely(carrier->in_body)) {
        filch__watch_end(carrier->strand, -ECANCELED, &carrier->watched);
        carrier->ended++;
        next = end(carrier->graph, carrier->node, -ECANCELED);
    }
    if (next)
        push(carrier->graph, next);
    if (filch__unlikely(carrier->strand->typed))
        filch__forks_end(carrier->strand);
    carrier->strand->graph = NULL;
    carrier->future->priv.reserved32 = carrier->ended;
}

static int run_node(struct carrier *carrier)
{
    struct filch__strand *strand = carrier->strand;
    struct filch__node *node = carrier->node;
    int status = begin(node, filch__strand_asked_stop(strand));
    carrier->watched.on = false;
    if (filch__unlikely(status))
        return status;
    filch__store_relaxed(&strand->fn, node->fn);
    filch__store_relaxed(&strand->label, node->name);
    filch__watch_begin_part(strand, node, &carrier->watched);
    filch__store_relaxed(&strand->stretch, strand->stretch + 2); /* each node is a body of its own to the watchdog */
    carrier->in_body = true;
    status = node->fn(node->data);
    carrier->in_body = false;
    return status;
}

/* Others may have waited for long, or the limit has fallen. */
static bool must_pause(const struct carrier *carrier)
{
    return filch__unlikely(carrier->ended % GO_ON == 0 ||
                           filch__gate_must_yield(filch__load_relaxed(&carrier->strand->pool->gate)));
}

static int carry(void *data)
{
    struct filch__strand *strand = filch__strand_current();
    struct carrier carrier __attribute__((cleanup(left))) = {.strand = strand, .future = strand->task, .node = data};
    struct filch_graph *graph = carrier.graph = carrier.node->graph;
    strand->graph = graph;
    filch__store_relaxed(&strand->task, graph->task); /* what cancels it cancels the nodes */
    while (carrier.node) {
        int status = run_node(&carrier);
        if (filch__pool_stale(strand->pool))
            return 0; /* a node forked, and this is the child */
        filch__watch_end(strand, status, &carrier.watched);
        carrier.ended++;
        carrier.node = end(graph, carrier.node, status);
        if (carrier.node && must_pause(&carrier)) {
            push(graph, carrier.node);
            if (strand->worker)
                filch__worker_look_around(strand->worker);
            break;
        }
    }
    return 0;
}

/* A carrier's future is done. */
static void tell(void *target, void *source, int status)
{
    struct filch_graph *graph = target;
    struct filch_future *future = source;
    uint32_t ended = future->priv.reserved32;
    if (filch__unlikely(!ended)) { /* it never ran */
        struct filch__node *node = future->priv.data, *next;
        (void)begin(node, true);
        next = end(graph, node, status);
        if (next)
            push(graph, next);
        ended = 1;
    }
    if (filch__sub_acq_rel(&graph->left, ended) == ended) /* A3 */
        filch__waiter_complete(graph->joiner, NULL);
}

/* ---- the runner ---- */

/* For a trace: the runner goes on when those have ended that nothing comes after. */
static filch__cold void tell_awaited(const struct filch_graph *graph)
{
    for (size_t i = 0; i < graph->node_count; i++)
        if (!graph->nodes[i].after)
            filch__watch_event_slow(FILCH__EVENT_AWAITED, (uintptr_t)&graph->nodes[i]);
}

/* In a task of the pool. */
static int run_here(struct filch_graph *graph)
{
    struct filch__strand *strand = filch__strand_current();
    struct filch__wait wait;
    graph->pool = strand->pool;
    graph->task = strand->task;
    graph->sink = (struct filch__waiter){.tell = tell, .target = graph};
    if (!++graph->number)
        graph->number++;
    graph->left = graph->node_count;
    graph->error = 0;
    struct filch__strand *runner = filch__load_relaxed(&strand->task->priv.runner);
    filch__add_seq_cst(&runner->parts, 1);                         /* A1 */
    wait.on = (struct filch__wait_on){.kind = FILCH__ON_GRAPH, .target = graph};
    (void)filch__wait_begin(&wait, 1, 0, FILCH_NO_DEADLINE, NULL); /* only a deadline can make it fail */
    graph->joiner = &wait.waiter;
    for (size_t i = 0; i < graph->source_count; i++) {
        struct filch__node *source = &graph->nodes[graph->order[i]];
        if (filch__traces(graph->pool))
            filch__watch_event_slow(FILCH__EVENT_SUBMIT, (uintptr_t)source);
        push(graph, source);
    }
    filch__pool_settle_late(graph->pool);
    filch__wait_block(&wait);
    (void)filch__wait_end(&wait, 0); /* when a cancel came first: until the nodes have ended all the same */
    filch__sub_seq_cst(&runner->parts, 1); /* A1 */
    if (filch__traces(graph->pool))
        tell_awaited(graph);
    return graph->error;
}

static int run_root(void *data)
{
    struct filch__strand *strand = filch__strand_current();
    filch__store_relaxed(&strand->label, "filch_graph_run");
    filch__watch_label(strand);
    return run_here(data);
}

static int run(struct filch_pool *pool, struct filch_graph *graph)
{
    if (!(pool = filch__pool_resolve(pool)))
        return -ENOMEM;
    if (filch__pool_stale(pool))
        return -ESTALE;
    if (filch__pool_in_task(pool))
        return graph->node_count ? run_here(graph) : 0;
    struct filch_future root = {{0}};
    int r = graph->node_count ? filch_submit(pool, &root, run_root, graph) : 0;
    return r || !graph->node_count ? r : filch_wait(&root);
}

int filch_graph_run(struct filch_pool *pool, struct filch_graph *graph)
{
    if (!graph)
        return -EINVAL;
    if (!filch__graph_take(graph))
        return -EBUSY;
    int r = filch__graph_order(graph, NULL, 0);
    if (!r)
        r = run(pool, graph);
    filch__graph_leave(graph);
    return r;
}
