/* SPDX-License-Identifier: MIT */
/* traced.c - a program to be traced by FILCH_TRACE: does what its argument says, and prints what a trace of it must show. */
#include "support/tasks.h"

#include <filch/filch.h>

#include <inttypes.h>

static struct filch_pool *open_pool(const char *name)
{
    const struct filch_pool_config config = {.name = name, .max_concurrency = 2};
    struct filch_pool *pool = NULL;
    must(filch_pool_open(&pool, &config) == 0);
    return pool;
}

static void close_pool(struct filch_pool *pool)
{
    must(filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE) == 0);
    const struct filch_pool_stats stats = stats_of(pool);
    printf("{\"run\": %" PRIu64 ", \"dropped\": %" PRIu64 ", \"suspensions\": %" PRIu64
           ", \"stolen_children\": %" PRIu64 "}\n",
           stats.run, stats.dropped, stats.suspensions, stats.stolen_children);
    filch_pool_free(pool);
}

/* ---- tasks that wait for tasks ---- */

static int leaf(void *data)
{
    (void)data;
    filch_trace_note("a \"leaf\" \xff");
    return 0;
}

static int branch(void *data)
{
    struct filch_future leaves[4] = {{{0}}};
    for (int i = 0; i < 4; i++)
        must(filch_submit(NULL, &leaves[i], leaf, data) == 0);
    for (int i = 0; i < 4; i++)
        must(filch_wait(&leaves[i]) == 0);
    return 0;
}

static void run_branches(struct filch_pool *pool, int count)
{
    struct filch_future *futures = calloc((size_t)count, sizeof *futures);
    must(futures != NULL);
    for (int i = 0; i < count; i++)
        must(filch_submit(pool, &futures[i], branch, NULL) == 0);
    for (int i = 0; i < count; i++)
        must(filch_wait(&futures[i]) == 0);
    free(futures);
}

static void do_tasks(void)
{
    struct filch_pool *pool = open_pool("tasks");
    run_branches(pool, 200);
    close_pool(pool);
}

/* ---- all that there is ---- */

FILCH_TASK(long, fib, (int, n))
{
    if (n < 2)
        return n;
    FILCH_SPAWN(fib, n - 1);
    long other = FILCH_CALL(fib, n - 2);
    return FILCH_SYNC(fib) + other;
}

static int complete(void *data)
{
    return filch_complete(data, 0);
}

static int block(void *data)
{
    return filch_blocking(leaf, data);
}

static void do_waits(struct filch_pool *pool)
{
    struct filch_future promise = {{0}}, waits = {{0}}, completes = {{0}}, after = {{0}}, blocks = {{0}}, owns = {{0}};
    struct filch_future *before[] = {&waits, &completes};
    const struct filch_task_options late = {.name = "after", .after = before, .after_count = 2};
    const struct filch_task_options own = {.name = "own thread", .flags = FILCH_TASK_OWN_THREAD};
    filch_promise_init(&promise);
    must(filch_submit(pool, &waits, wait_for, &promise) == 0);
    must(filch_submit_with(pool, &owns, wait_for, &promise, &own) == 0);
    must(filch_submit(pool, &blocks, block, NULL) == 0);
    must(filch_submit(pool, &completes, complete, &promise) == 0);
    must(filch_submit_with(pool, &after, leaf, NULL, &late) == 0);
    must(filch_wait(&after) == 0 && filch_wait(&blocks) == 0 && filch_wait(&owns) == 0);
}

static void do_scope(struct filch_pool *pool)
{
    struct filch_scope scope;
    must(filch_scope_open(&scope, pool, NULL) == 0);
    for (int i = 0; i < 10; i++)
        must(filch_scope_submit(&scope, NULL, leaf, NULL, NULL) == 0);
    must(filch_scope_close(&scope) == 0);
}

static void do_gate(struct filch_pool *pool)
{
    struct filch_gate *gate;
    struct filch_future futures[10] = {{{0}}};
    must(filch_gate_open(&gate, 1) == 0);
    const struct filch_task_options gated = {.name = "gated", .gate = gate};
    for (int i = 0; i < 10; i++)
        must(filch_submit_with(pool, &futures[i], branch, NULL, &gated) == 0);
    for (int i = 0; i < 10; i++)
        must(filch_wait(&futures[i]) == 0);
    while (filch_gate_close(gate) == -EBUSY)
        sched_yield();
}

/* In a pool of its own: what carries the nodes counts as run there, and is in no trace. */
static void do_graph(void)
{
    struct filch_pool *pool = open_pool("graph");
    struct filch_graph *graph;
    const struct filch_graph_task node = {.name = "node"};
    size_t nodes[3];
    must(filch_graph_open(&graph, NULL) == 0);
    for (int i = 0; i < 3; i++)
        must(filch_graph_add(graph, leaf, NULL, &node, &nodes[i]) == 0);
    must(filch_graph_edge(graph, nodes[0], nodes[1]) == 0 && filch_graph_edge(graph, nodes[1], nodes[2]) == 0);
    for (int i = 0; i < 5; i++)
        must(filch_graph_run(pool, graph) == 0);
    must(filch_graph_close(graph) == 0);
    close_pool(pool);
}

static int sum(void *ctx, size_t begin, size_t end, unsigned slot)
{
    (void)slot;
    atomic_fetch_add((atomic_size_t *)ctx, end - begin);
    return 0;
}

static void do_all(void)
{
    struct filch_pool *pool = open_pool("all");
    atomic_size_t counted = 0;
    run_branches(pool, 20);
    do_waits(pool);
    do_scope(pool);
    do_gate(pool);
    do_graph();
    must(FILCH_RUN(pool, fib, 16) == 987);
    must(filch_for(pool, 0, 10000, NULL, sum, &counted) == 0 && atomic_load(&counted) == 10000);
    close_pool(pool);
}

/* ---- ends, and other processes ---- */

static int leave(void *data)
{
    (void)data;
    exit(3);
}

static void do_exit(void)
{
    struct filch_future future = {{0}};
    struct filch_pool *pool = open_pool("exit");
    run_branches(pool, 5);
    must(filch_submit_with(pool, &future, leave, NULL, &(struct filch_task_options){.name = "leave"}) == 0);
    filch_wait(&future);
}

static void do_fork(void)
{
    /* ThreadSanitizer lets no thread start after a fork, and AddressSanitizer's allocator may be locked in the child. */
    if (TEST_SANITIZED)
        exit(77);
    struct filch_pool *pool = open_pool("parent");
    int status;
    run_branches(pool, 5);
    fflush(NULL);
    pid_t child = fork();
    must(child >= 0);
    if (!child) {
        filch_pool_free(pool);
        pool = open_pool("child");
        run_branches(pool, 3);
        filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE);
        filch_pool_free(pool);
        exit(0);
    }
    must(waitpid(child, &status, 0) == child && status == 0);
    run_branches(pool, 5);
    printf("{\"child\": %d}\n", (int)child);
    close_pool(pool);
}

/* More than a megabyte of events for each thread, and then one task that is known. */
static void do_much(void)
{
    struct filch_future last = {{0}};
    struct filch_pool *pool = open_pool("much");
    for (int i = 0; i < 20; i++)
        run_branches(pool, 1000);
    must(filch_submit_with(pool, &last, leaf, NULL, &(struct filch_task_options){.name = "the last"}) == 0);
    must(filch_wait(&last) == 0);
    close_pool(pool);
}

static void do_signal(void)
{
    struct filch_pool *pool = open_pool("signal");
    char path[256];
    snprintf(path, sizeof path, "%s.1", getenv("FILCH_TRACE"));
    run_branches(pool, 5);
    must(raise(SIGUSR1) == 0);
    wait_until(access(path, F_OK) == 0);
    close_pool(pool); /* at exit the file that is being written is finished */
}

/* Two pools of one name, and a directory that is not the one it began in. */
static void do_twins(void)
{
    struct filch_pool *first = open_pool("twin"), *second = open_pool("twin");
    must(chdir("/") == 0);
    run_branches(first, 2);
    run_branches(second, 3);
    close_pool(first);
    close_pool(second);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } modes[] = {{"tasks", do_tasks}, {"all", do_all},       {"exit", do_exit},  {"fork", do_fork},
                 {"much", do_much},   {"signal", do_signal}, {"twins", do_twins}};
    for (size_t i = 0; argc > 1 && i < sizeof modes / sizeof modes[0]; i++) {
        if (strcmp(argv[1], modes[i].name))
            continue;
        modes[i].run();
        return 0;
    }
    return 2;
}
