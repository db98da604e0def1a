/* SPDX-License-Identifier: MIT */
/* graph_memory.c - a graph's memory: from its allocator and back; none for a run; and whichever allocation fails, what
 * was built before stands. */
#include "support/ledger.h"
#include "support/tasks.h"
#include "support/test.h"

/* A ladder: each task after the two before it. Tries again what failed. How many calls failed. */
static int build(struct filch_graph *graph, size_t count, atomic_int *runs)
{
    int failed = 0;
    for (size_t i = 0; i < count; i++) {
        size_t task = SIZE_MAX;
        while (filch_graph_add(graph, count_up, runs, NULL, &task) == -ENOMEM)
            failed++;
        must(task == i);
        for (size_t back = 1; back <= 2 && back <= i; back++)
            while (filch_graph_edge(graph, i - back, i) == -ENOMEM)
                failed++;
    }
    return failed;
}

Test(graph_memory, gets_everything_back, .timeout = TEST_TIMEOUT)
{
    struct ledger ledger = {0};
    struct filch_allocator allocator = ledger_allocator(&ledger);
    struct filch_graph_config config = {.allocator = &allocator};
    struct filch_pool *pool = pool_of(2);
    struct filch_graph *graph;
    atomic_int runs = 0;
    cr_assert_eq(filch_graph_open(&graph, &config), 0);
    cr_assert_eq(build(graph, 1000, &runs), 0);
    cr_assert_eq(filch_graph_run(pool, graph), 0);
    cr_assert_eq(build(graph, 0, &runs), 0);
    cr_assert_eq(filch_graph_add(graph, count_up, &runs, NULL, NULL), 0);
    cr_assert_eq(filch_graph_run(pool, graph), 0);
    cr_assert_eq(atomic_load(&runs), 2001);
    cr_assert_eq(filch_graph_close(graph), 0);
    ledger_check(&ledger);
    pool_end(pool);
}

Test(graph_memory, a_run_allocates_nothing, .timeout = TEST_TIMEOUT)
{
    struct ledger ledger = {0};
    struct filch_allocator allocator = ledger_allocator(&ledger);
    struct filch_graph_config config = {.allocator = &allocator};
    struct filch_pool *pool = pool_open(&(struct filch_pool_config){.max_concurrency = 1, .allocator = &allocator});
    struct filch_graph *graph;
    atomic_int runs = 0;
    cr_assert_eq(filch_graph_open(&graph, &config), 0);
    build(graph, 1000, &runs);
    cr_assert_eq(filch_graph_run(pool, graph), 0);
    long before = atomic_load(&ledger.allocations);
    for (int i = 0; i < 100; i++)
        cr_assert_eq(filch_graph_run(pool, graph), 0);
    cr_assert_eq(atomic_load(&ledger.allocations), before);
    cr_assert_eq(atomic_load(&runs), 101000);
    cr_assert_eq(filch_graph_close(graph), 0);
    pool_end(pool);
    ledger_check(&ledger);
}

/* Open, build, order, run: the first attempt at each may fail, the next does not. */
static void exercise(struct filch_pool *pool, struct filch_allocator *allocator)
{
    struct filch_graph_config config = {.allocator = allocator};
    struct filch_graph *graph = NULL;
    atomic_int runs = 0;
    int r;
    while ((r = filch_graph_open(&graph, &config)))
        must(r == -ENOMEM && graph == NULL);
    build(graph, 100, &runs);
    while ((r = filch_graph_run(pool, graph)))
        must(r == -ENOMEM && atomic_load(&runs) == 0);
    must(atomic_load(&runs) == 100);
    must(filch_graph_close(graph) == 0);
}

Test(graph_memory, whichever_allocation_fails_nothing_is_lost, .timeout = TEST_TIMEOUT)
{
    struct ledger ledger = {0};
    struct filch_allocator allocator = ledger_allocator(&ledger);
    struct filch_pool *pool = pool_of(2);
    long k = 0;
    do {
        ledger_fail(&ledger, ++k, false);
        exercise(pool, &allocator);
        ledger_check(&ledger);
    } while (atomic_load(&ledger.failed));
    cr_assert_gt(k, 10, "only %ld allocations were seen", k);
    pool_end(pool);
}

/* The pool's memory: a deque that cannot grow sends carriers by the entry queue. */
Test(graph_memory, a_pool_without_memory_loses_no_task, .timeout = TEST_TIMEOUT)
{
    struct ledger ledger = {0};
    struct filch_allocator allocator = ledger_allocator(&ledger);
    struct filch_pool *pool = pool_open(&(struct filch_pool_config){.max_concurrency = 2, .allocator = &allocator});
    struct filch_graph *graph;
    atomic_int runs = 0;
    cr_assert_eq(filch_graph_open(&graph, NULL), 0);
    for (size_t i = 0; i < 5000; i++)
        cr_assert_eq(filch_graph_add(graph, count_up, &runs, NULL, NULL), 0);
    cr_assert_eq(filch_graph_check(graph, NULL, 0), 0);
    ledger_fail(&ledger, 1, true);
    for (int i = 1; i <= 5; i++) {
        cr_assert_eq(filch_graph_run(pool, graph), 0);
        cr_assert_eq(atomic_load(&runs), i * 5000);
    }
    cr_assert_gt(atomic_load(&ledger.failed), 0, "a deque tried to grow");
    ledger_fail(&ledger, 0, false);
    cr_assert_eq(filch_graph_close(graph), 0);
    pool_end(pool);
    ledger_check(&ledger);
}
