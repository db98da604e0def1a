/* SPDX-License-Identifier: MIT */
/* graph.c - models of a graph's run in a whole pool: each node begins when those before it have ended, and sees what
 * they wrote; when run returns, nobody touches the graph any more: it is freed at once; a run leaves the counters as the
 * next one needs them; a cancel of the runner reaches a node that waits, and carriers that are dropped end their nodes.
 *
 * A whole pool takes hundreds of steps, so each declares the largest bounds that are exhausted in some seconds; random
 * schedules (models --random SEED) go beyond.
 */
#include "model.h"

#include <filch/graph.h>

#include <errno.h>

enum { NODES = 4 };

/* What is before node i, as bits. */
static const unsigned diamond[NODES] = {0, 1, 1, 2 | 4}, pair[NODES] = {0, 0, 1 | 2, 4}, apart[NODES] = {0};
static const unsigned *shape;
static uint64_t *run_number;

/* Plain accesses: the edges alone order them. */
static int node(void *arg)
{
    uintptr_t i = (uintptr_t)arg;
    for (unsigned k = 0; k < NODES; k++)
        mc_assert(!(shape[i] >> k & 1) || written[k] == *run_number);
    mc_assert(written[i] == *run_number - 1);
    written[i] = *run_number;
    return 0;
}

static struct filch_graph *build(int count, filch_fn *const fns[])
{
    struct filch_graph *graph;
    mc_assert(!filch_graph_open(&graph, NULL));
    for (int i = 0; i < count; i++)
        mc_assert(!filch_graph_add(graph, fns ? fns[i] : node, MODEL_ARG(i), NULL, NULL));
    for (int i = 0; i < count; i++)
        for (int k = 0; k < count; k++)
            if (shape[i] >> k & 1)
                mc_assert(!filch_graph_edge(graph, (size_t)k, (size_t)i));
    mc_assert(!filch_graph_check(graph, NULL, 0));
    return graph;
}

struct runner {
    int nodes, runs;
};

/* The graph is gone when the runs have returned: a carrier that looks at it afterwards is seen by the checker. */
static int runs_graph(void *arg)
{
    const struct runner *runner = arg;
    struct filch_graph *graph = build(runner->nodes, NULL);
    for (int i = 0; i < NODES; i++)
        written[i] = 0;
    mc_quiet(false);
    for (*run_number = 1; *run_number <= (uint64_t)runner->runs; ++*run_number) {
        mc_assert(!filch_graph_run(NULL, graph));
        for (int i = 0; i < runner->nodes; i++)
            mc_assert(written[i] == *run_number);
    }
    mc_assert(!filch_graph_close(graph));
    mc_quiet(true);
    return 7;
}

static void run_shape(unsigned workers, const unsigned *which, int nodes, int runs)
{
    model_begin(1, FILCH__IDLE);
    model_open(workers, workers, 0);
    mc_quiet(true);
    struct runner runner = {nodes, runs};
    shape = which;
    run_number = mc_zalloc(sizeof *run_number);
    mc_assert(!filch_submit(model_pool, future[0], runs_graph, &runner));
    mc_assert(filch_wait(future[0]) == 7);
    mc_free(run_number);
    model_close();
}

MC_MODEL(graph_diamond, "a diamond, two workers: the last carrier || run returns, and the graph is freed (A2, A3)",
         .preemptions = 2, .stale = 0)
{
    run_shape(2, diamond, 4, 1);
}

MC_MODEL(graph_stale, "the same, with loads that return older values", .preemptions = 1, .stale = 1)
{
    run_shape(2, diamond, 4, 1);
}

MC_MODEL(graph_pair, "two workers || two nodes before a third, which one of them brings up (A2)", .preemptions = 2,
         .stale = 0)
{
    run_shape(2, pair, 3, 1);
}

MC_MODEL(graph_apart, "two workers || two nodes, whose carriers both tell: the last one wakes the runner (A3)",
         .preemptions = 2, .stale = 0)
{
    run_shape(2, apart, 2, 1);
}

MC_MODEL(graph_again, "a pair and what follows it, run twice: the counters are as they were", .preemptions = 1,
         .stale = 0)
{
    run_shape(2, pair, 3, 2);
}

/* ---- stopping ---- */

static int waits_in_vain(void *arg)
{
    filch__store_relaxed(&signals[0], 1); /* no more than that: what else comes before is not to order the cancel */
    mc_futex_wake(&signals[0], 1);
    mc_quiet(false);
    mc_assert(filch_wait_until(future[1], FILCH_NO_DEADLINE) == -ECANCELED);
    mc_quiet(true);
    return arg ? 1 : 0;
}

static int never(void *arg)
{
    mc_assert(!arg && false);
    return 0;
}

static int runs_stopped(void *arg)
{
    filch_fn *const fns[] = {waits_in_vain, never};
    static const unsigned chain[NODES] = {0, 1};
    shape = chain;
    struct filch_graph *graph = build(2, fns);
    mc_assert(filch_graph_run(NULL, graph) == -ECANCELED);
    mc_assert(filch_graph_status(graph, 0) == 0 && filch_graph_status(graph, 1) == -ECANCELED);
    mc_assert(!filch_graph_close(graph));
    return arg ? 1 : 7;
}

static void *cancels_runner(void *arg)
{
    mc_futex_wait(&signals[0], 0, false);
    filch_cancel(future[0]);
    return arg;
}

static void cancel_runner(unsigned workers)
{
    model_begin(2, FILCH__IDLE);
    model_open(workers, workers, 0);
    mc_quiet(true);
    filch_promise_init(future[1]);
    mc_assert(!filch_submit(model_pool, future[0], runs_stopped, NULL));
    int a = mc_spawn(cancels_runner, NULL);
    mc_assert(filch_wait(future[0]) == 7);
    mc_quiet(true);
    mc_join(a);
    model_close();
}

MC_MODEL(graph_cancel, "a node waits for what never comes || its runner is cancelled: never missed (A1)",
         .preemptions = 2, .stale = 1)
{
    cancel_runner(1);
}

MC_MODEL(graph_cancel_2, "the same, with two workers", .preemptions = 1, .stale = 1)
{
    cancel_runner(2);
}

/* Node 0 holds the only permit until the pool is cancelled; node 1 and what follows it are in the queue. */
static int waits_for_close(void *arg)
{
    model_start_race();
    while (!filch_cancelled())
        mc_yield();
    (void)arg;
    return 0;
}

static int runs_dropped(void *arg)
{
    static const unsigned halves[NODES] = {0, 0, 1, 2};
    filch_fn *const fns[] = {never, waits_for_close, never, never};
    shape = halves;
    struct filch_graph *graph = build(3, fns);
    mc_assert(filch_graph_run(NULL, graph) == -ECANCELED);
    mc_assert(filch_graph_status(graph, 0) == -ECANCELED && filch_graph_status(graph, 2) == -ECANCELED);
    mc_assert(filch_graph_status(graph, 1) == 0);
    mc_assert(!filch_graph_close(graph));
    return arg ? 1 : 7;
}

MC_MODEL(graph_dropped, "a node runs, others are queued || the pool is closed by cancelling: they end, and so does run",
         .preemptions = 2, .stale = 1)
{
    model_begin(1, FILCH__IDLE);
    model_open(1, 1, 0);
    mc_quiet(true);
    mc_assert(!filch_submit(model_pool, future[0], runs_dropped, NULL));
    model_await_race();
    mc_assert(!filch_pool_close(model_pool, FILCH_CLOSE_CANCEL, FILCH_NO_DEADLINE));
    mc_assert(filch_status(future[0]) == 7);
    filch_pool_free(model_pool);
}
