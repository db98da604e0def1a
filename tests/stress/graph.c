/* SPDX-License-Identifier: MIT */
/* graph.c - random graphs, run again and again while the limits change: each node begins after those before it, and runs
 * exactly once a run; what fails is what the edges say; a cancel of the runner, or a close of the pool, ends every node
 * with a status, and leaves the graph fit for the next run.
 *
 * What a node does follows from its number and the round's seed: nothing, failing, waiting for a promise that a task
 * keeps, a loop, typed tasks, a graph inside the graph. A plain walk in the order of the edges says what each must end
 * with; after a cancel a node may have -ECANCELED instead, and so may what follows it.
 */
#include "support/stress.h"

#include <filch/graph.h>
#include <filch/parallel.h>

enum { runners = 3, most_nodes = 80, most_before = 6, most_runs = 12 };
enum kind { PLAIN, FAILS, ALWAYS, WAITS, LOOPS, SPAWNS, NESTS, KINDS };

struct forest_node {
    struct grove *grove;
    enum kind kind;
    unsigned before[most_before], before_count;
    atomic_uint ended_in;
    int expected;
};

struct grove {
    struct filch_pool *pool;
    struct filch_graph *graph, *inner;
    struct filch_future runner;
    struct forest_node node[most_nodes];
    unsigned nodes, run, runs;
    bool inside, cancels;
    uint64_t random;
    atomic_long ran, inner_ran;
};

/* ---- what nodes do ---- */

static int keep(void *data)
{
    return filch_complete(data, 0);
}

static int wait_for_promise(void)
{
    struct filch_future promise = {0}, keeper = {0};
    filch_promise_init(&promise);
    int r = filch_submit(NULL, &keeper, keep, &promise);
    if (r)
        (void)filch_complete(&promise, r);
    (void)filch_wait(&promise);
    (void)filch_wait(&keeper);
    return 0;
}

static int count_range(void *ctx, size_t begin, size_t end, unsigned slot)
{
    (void)slot;
    atomic_fetch_add((atomic_long *)ctx, (long)(end - begin));
    return 0;
}

FILCH_TASK(int, ways, (int, n))
{
    if (n < 2)
        return 1;
    FILCH_SPAWN(ways, n - 1);
    int b = FILCH_CALL(ways, n - 2);
    return FILCH_SYNC(ways) + b;
}

static int do_kind(struct grove *grove, enum kind kind)
{
    atomic_long sum = 0;
    int r;
    switch (kind) {
    case FAILS:
        return -EIO;
    case WAITS:
        return wait_for_promise();
    case LOOPS:
        r = filch_for(NULL, 0, 300, NULL, count_range, &sum);
        claim(grove->cancels ? r == 0 || r == -ECANCELED : r == 0 && sum == 300);
        return 0;
    case SPAWNS:
        claim(FILCH_RUN(NULL, ways, 10) == 89);
        return 0;
    case NESTS:
        r = filch_graph_run(NULL, grove->inner);
        claim(r == 0 || r == -EBUSY || (r == -ECANCELED && grove->cancels));
        return 0;
    default:
        return 0;
    }
}

static int run_node(void *data)
{
    struct forest_node *node = data;
    struct grove *grove = node->grove;
    claim(atomic_load_explicit(&node->ended_in, memory_order_relaxed) != grove->run);
    for (unsigned i = 0; i < node->before_count; i++) {
        struct forest_node *before = &grove->node[node->before[i]];
        claim(filch_graph_status(grove->graph, node->before[i]) != -EINPROGRESS);
        claim(node->kind == ALWAYS || atomic_load_explicit(&before->ended_in, memory_order_relaxed) == grove->run);
    }
    int status = do_kind(grove, node->kind);
    atomic_store_explicit(&node->ended_in, grove->run, memory_order_relaxed);
    atomic_fetch_add_explicit(&grove->ran, 1, memory_order_relaxed);
    return status;
}

static int run_inner(void *data)
{
    atomic_fetch_add_explicit((atomic_long *)data, 1, memory_order_relaxed);
    return 0;
}

/* ---- making them ---- */

/* Numbers are in the order of the edges, so one pass says what each ends with. */
static void expect_statuses(struct grove *grove)
{
    for (unsigned i = 0; i < grove->nodes; i++) {
        struct forest_node *node = &grove->node[i];
        node->expected = node->kind == FAILS ? -EIO : 0;
        for (unsigned k = 0; k < node->before_count; k++)
            if (grove->node[node->before[k]].expected < 0 && node->kind != ALWAYS)
                node->expected = -EIO;
    }
}

static void grove_open(struct grove *grove, struct filch_pool *pool, uint64_t seed)
{
    static const struct filch_graph_task always = {.name = "always", .flags = FILCH_TASK_RUN_ALWAYS};
    memset(grove, 0, sizeof *grove);
    grove->pool = pool;
    grove->random = seed;
    grove->nodes = 1 + random_below(&grove->random, most_nodes);
    grove->inside = random_below(&grove->random, 2);
    grove->cancels = random_below(&grove->random, 2);
    grove->runs = 1 + random_below(&grove->random, most_runs);
    must(filch_graph_open(&grove->graph, NULL) == 0 && filch_graph_open(&grove->inner, NULL) == 0);
    for (unsigned i = 0; i < 5; i++) {
        must(filch_graph_add(grove->inner, run_inner, &grove->inner_ran, NULL, NULL) == 0);
        must(i == 0 || filch_graph_edge(grove->inner, random_below(&grove->random, i), i) == 0);
    }
    for (unsigned i = 0; i < grove->nodes; i++) {
        struct forest_node *node = &grove->node[i];
        unsigned die = random_below(&grove->random, 20);
        node->grove = grove;
        node->kind = die < KINDS && (die != FAILS || random_below(&grove->random, 3) == 0) ? (enum kind)die : PLAIN;
        must(filch_graph_add(grove->graph, run_node, node, node->kind == ALWAYS ? &always : NULL, NULL) == 0);
        node->before_count = i ? random_below(&grove->random, most_before) : 0;
        for (unsigned k = 0; k < node->before_count; k++) {
            node->before[k] = random_below(&grove->random, i);
            must(filch_graph_edge(grove->graph, node->before[k], i) == 0);
        }
    }
    expect_statuses(grove);
}

static void grove_close(struct grove *grove)
{
    must(filch_graph_close(grove->graph) == 0 && filch_graph_close(grove->inner) == 0);
}

/* ---- running them ---- */

static long total;

static void check_run(struct grove *grove, int status)
{
    bool stopped = false;
    int error = 0;
    long ran = 0;
    for (unsigned i = 0; i < grove->nodes; i++) {
        struct forest_node *node = &grove->node[i];
        int is = filch_graph_status(grove->graph, i);
        bool ended = atomic_load(&node->ended_in) == grove->run;
        claim(is == node->expected || (grove->cancels && is == -ECANCELED));
        claim(!ended || is == (node->kind == FAILS ? -EIO : 0));
        stopped |= is == -ECANCELED;
        error = is < 0 ? is : error;
        ran += ended;
    }
    claim(atomic_load(&grove->ran) == ran);
    claim(status == 0 ? !error : status == -EIO || (status == -ECANCELED && stopped));
}

static int run_once(void *data)
{
    struct grove *grove = data;
    return filch_graph_run(grove->pool, grove->graph);
}

static void *run_grove(void *data)
{
    struct grove *grove = data;
    for (grove->run = 1; grove->run <= grove->runs; grove->run++) {
        atomic_store(&grove->ran, 0);
        int status;
        if (grove->inside || grove->cancels) {
            must(filch_submit(grove->pool, &grove->runner, run_once, grove) == 0);
            for (unsigned i = random_below(&grove->random, 400); i > 0 && grove->cancels; i--)
                dawdle(1);
            int asked = grove->cancels ? filch_cancel(&grove->runner) : -EALREADY;
            status = filch_wait(&grove->runner);
            if (asked == 0) /* it never began, and the graph has not been touched */
                continue;
        } else {
            status = run_once(grove);
        }
        check_run(grove, status);
    }
    return NULL;
}

static void run_round(void)
{
    static struct grove groves[runners];
    uint64_t random = stress.seed;
    struct filch_pool *pool = pool_of(1 + random_below(&random, 4));
    pthread_t threads[runners];
    for (unsigned i = 0; i < runners; i++) {
        grove_open(&groves[i], pool, random_next(&random));
        threads[i] = thread_start(run_grove, &groves[i]);
    }
    for (unsigned i = 0; i < 8; i++) {
        (void)filch_pool_resize(pool, 1, 1 + random_below(&random, 5));
        dawdle(200);
    }
    for (unsigned i = 0; i < runners; i++)
        thread_join(threads[i]);
    /* Once more, against a close: every node has a status, whatever came of it. */
    struct grove *last = &groves[0];
    last->cancels = true;
    last->run++;
    atomic_store(&last->ran, 0);
    must(filch_submit(pool, &last->runner, run_once, last) == 0);
    dawdle((int)random_below(&random, 100));
    claim(filch_pool_close(pool, random_below(&random, 2) ? FILCH_CLOSE_CANCEL : FILCH_CLOSE_DRAIN,
                           FILCH_NO_DEADLINE) == 0);
    claim(filch_done(&last->runner));
    if (stats_of(pool).run > 0 && filch_status(&last->runner) != -ECANCELED)
        check_run(last, filch_status(&last->runner));
    struct filch_pool_stats stats = stats_of(pool);
    claim(stats.submitted == stats.run + stats.dropped);
    watchdog_pool(NULL);
    filch_pool_free(pool);
    for (unsigned i = 0; i < runners; i++) {
        total += (long)groves[i].nodes * groves[i].runs;
        grove_close(&groves[i]);
    }
}

int main(int argc, char **argv)
{
    (void)argc;
    stress_begin(argv, "graph", 3000, 20000);
    while (stress_next())
        run_round();
    printf("figure: P1 %ld nodes of graphs, none twice, none too early\n", total);
    return 0;
}
