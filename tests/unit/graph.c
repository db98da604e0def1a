/* SPDX-License-Identifier: MIT */
/* graph.c - tasks after those that they follow: shapes small and large, and the same graph again and again. */
#include "support/graphs.h"
#include "support/tasks.h"
#include "support/test.h"

Test(graph, each_task_begins_when_those_before_it_have_ended, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(4);
    struct plan plan;
    plan_open(&plan, 4);
    plan_edge(&plan, 0, 1);
    plan_edge(&plan, 0, 2);
    plan_edge(&plan, 1, 3);
    plan_edge(&plan, 2, 3);
    for (int i = 0; i < 1000; i++) {
        cr_assert_eq(plan_run(&plan, pool), 0);
        plan_check_all_ran(&plan);
    }
    plan_close(&plan);
    pool_end(pool);
}

Test(graph, without_tasks_ends_at_once, .timeout = TEST_TIMEOUT)
{
    struct filch_graph *graph;
    cr_assert_eq(filch_graph_open(&graph, NULL), 0);
    cr_assert_eq(filch_graph_check(graph, NULL, 0), 0);
    cr_assert_eq(filch_graph_run(NULL, graph), 0);
    cr_assert_eq(filch_graph_close(graph), 0);
}

Test(graph, chain_of_a_million_uses_no_more_stack_than_one, .timeout = TEST_TIMEOUT)
{
    enum { COUNT = TEST_SHARE(1000000) };
    struct filch_pool *pool = pool_open(&(struct filch_pool_config){.max_concurrency = 2, .stack_size = 64 << 10});
    struct plan plan;
    plan_open(&plan, COUNT);
    for (size_t i = 1; i < COUNT; i++)
        plan_edge(&plan, i - 1, i);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(plan_run(&plan, pool), 0);
        plan_check_all_ran(&plan);
    }
    plan_close(&plan);
    pool_end(pool);
}

/* Added last to first, so that nothing follows from the order of the numbers. */
Test(graph, order_is_that_of_the_edges_not_of_the_numbers, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    struct plan plan;
    plan_open(&plan, 1000);
    for (size_t i = 1; i < 1000; i++)
        plan_edge(&plan, i, i - 1);
    cr_assert_eq(plan_run(&plan, pool), 0);
    plan_check_all_ran(&plan);
    plan_close(&plan);
    pool_end(pool);
}

/* One, then a hundred thousand, then one. */
Test(graph, fans_out_and_in_a_hundred_thousand_wide, .timeout = TEST_TIMEOUT)
{
    enum { WIDE = TEST_SHARE(100000) };
    struct filch_pool *pool = pool_of(3);
    struct plan plan;
    plan_open(&plan, WIDE + 2);
    for (size_t i = 1; i <= WIDE; i++) {
        plan_edge(&plan, 0, i);
        plan_edge(&plan, i, WIDE + 1);
    }
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(plan_run(&plan, pool), 0);
        plan_check_all_ran(&plan);
    }
    plan_close(&plan);
    pool_end(pool);
}

Test(graph, tasks_without_edges_all_run, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    struct plan plan;
    plan_open(&plan, 5000);
    cr_assert_eq(plan_run(&plan, pool), 0);
    plan_check_all_ran(&plan);
    plan_close(&plan);
    pool_end(pool);
}

Test(graph, random_ones_run_in_order_and_once, .timeout = TEST_TIMEOUT)
{
    enum { GRAPHS = TEST_SHARE(1000) };
    struct filch_pool *pool = pool_of(3);
    uint64_t random = 20251123;
    for (int g = 0; g < GRAPHS; g++) {
        struct plan plan;
        plan_random(&plan, &random, 1 + plan_draw(&random, 60));
        for (int i = 0; i < 3; i++) {
            cr_assert_eq(plan_run(&plan, pool), 0);
            plan_check_all_ran(&plan);
        }
        plan_close(&plan);
    }
    pool_end(pool);
}

/* ---- growing ---- */

Test(graph, grows_between_runs, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    struct filch_graph *graph;
    atomic_int runs = 0;
    cr_assert_eq(filch_graph_open(&graph, NULL), 0);
    for (size_t i = 0; i < 100; i++) {
        size_t task;
        cr_assert_eq(filch_graph_add(graph, count_up, &runs, NULL, &task), 0);
        cr_assert_eq(task, i);
        cr_assert_eq(filch_graph_status(graph, task), -EINVAL, "never ran");
        if (i > 0)
            cr_assert_eq(filch_graph_edge(graph, i / 2, i), 0);
        atomic_store(&runs, 0);
        cr_assert_eq(filch_graph_run(pool, graph), 0);
        cr_assert_eq((size_t)atomic_load(&runs), i + 1);
        cr_assert_eq(filch_graph_status(graph, task), 0);
    }
    cr_assert_eq(filch_graph_close(graph), 0);
    pool_end(pool);
}

Test(graph, runs_in_one_pool_after_another, .timeout = TEST_TIMEOUT)
{
    struct plan plan;
    uint64_t random = 7;
    plan_random(&plan, &random, 50);
    for (unsigned i = 1; i < 6; i++) {
        struct filch_pool *pool = pool_of(i);
        cr_assert_eq(plan_run(&plan, pool), 0);
        plan_check_all_ran(&plan);
        pool_end(pool);
    }
    cr_assert_eq(plan_run(&plan, NULL), 0);
    plan_close(&plan);
}

struct alone {
    struct filch_pool *pool;
    uint64_t seed;
};

static void *run_alone(void *data)
{
    struct alone *alone = data;
    struct plan plan;
    plan_random(&plan, &alone->seed, 40);
    for (int i = 0; i < 200; i++) {
        must(plan_run(&plan, alone->pool) == 0);
        plan_check_all_ran(&plan);
    }
    plan_close(&plan);
    return NULL;
}

Test(graph, several_run_at_once_in_several_pools, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pools[2] = {pool_of(2), pool_of(3)};
    pthread_t threads[4];
    struct alone alone[4];
    for (size_t i = 0; i < 4; i++) {
        alone[i] = (struct alone){pools[i % 2], i + 1};
        threads[i] = thread_start(run_alone, &alone[i]);
    }
    for (size_t i = 0; i < 4; i++)
        thread_join(threads[i]);
    pool_end(pools[0]);
    pool_end(pools[1]);
}

/* ---- what is left of a run ---- */

Test(graph, status_is_what_each_task_returned, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    struct filch_graph *graph;
    int values[50];
    cr_assert_eq(filch_graph_open(&graph, NULL), 0);
    for (int i = 0; i < 50; i++) {
        values[i] = i * 7;
        cr_assert_eq(filch_graph_add(graph, give, &values[i], NULL, NULL), 0);
    }
    cr_assert_eq(filch_graph_run(pool, graph), 0);
    for (int i = 0; i < 50; i++)
        cr_assert_eq(filch_graph_status(graph, (size_t)i), i * 7);
    cr_assert_eq(filch_graph_close(graph), 0);
    pool_end(pool);
}

Test(graph, an_edge_twice_means_the_same, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    struct plan plan;
    plan_open(&plan, 3);
    for (int i = 0; i < 5; i++) {
        plan_edge(&plan, 0, 1);
        plan_edge(&plan, 1, 2);
        plan_edge(&plan, 0, 2);
    }
    for (int i = 0; i < 100; i++) {
        cr_assert_eq(plan_run(&plan, pool), 0);
        plan_check_all_ran(&plan);
    }
    plan_close(&plan);
    pool_end(pool);
}

/* A chain at limit 1 is one carrier after another; a task from outside is not kept waiting until its end. */
struct patient {
    atomic_bool came;
    atomic_int before; /* links of the chain that ran before */
};

static int come(void *data)
{
    atomic_store(&((struct patient *)data)->came, true);
    return 0;
}

static int link_of_chain(void *data)
{
    struct patient *patient = data;
    if (!atomic_load(&patient->came))
        atomic_fetch_add(&patient->before, 1);
    return 0;
}

struct patience {
    struct patient patient;
    struct filch_future future;
    struct filch_pool *pool;
};

static void *submit_from_outside(void *data)
{
    struct patience *patience = data;
    must(filch_submit(patience->pool, &patience->future, come, &patience->patient) == 0);
    return NULL;
}

static int submit_patient(void *data)
{
    thread_join(thread_start(submit_from_outside, data));
    return 0;
}

Test(graph, a_long_chain_lets_others_pass, .timeout = TEST_TIMEOUT)
{
    enum { COUNT = 100000 };
    struct patience patience = {.pool = pool_of(1)};
    struct filch_graph *graph;
    cr_assert_eq(filch_graph_open(&graph, NULL), 0);
    cr_assert_eq(filch_graph_add(graph, submit_patient, &patience, NULL, NULL), 0);
    for (size_t i = 1; i < COUNT; i++) {
        cr_assert_eq(filch_graph_add(graph, link_of_chain, &patience.patient, NULL, NULL), 0);
        cr_assert_eq(filch_graph_edge(graph, i - 1, i), 0);
    }
    cr_assert_eq(filch_graph_run(patience.pool, graph), 0);
    cr_assert_eq(filch_wait(&patience.future), 0);
    cr_assert_leq(atomic_load(&patience.patient.before), 200, "%d links ran first", patience.patient.before);
    cr_assert_eq(filch_graph_close(graph), 0);
    pool_end(patience.pool);
}
