/* SPDX-License-Identifier: MIT */
/* graph_parts.c - tasks of a graph are tasks in full, and parts of the one that runs it: they wait, spawn, submit, run
 * other graphs, have names, and stop when they are asked to. */
#include "support/graphs.h"
#include "support/tasks.h"
#include "support/test.h"

static struct filch_graph *graph_new(void)
{
    struct filch_graph *graph = NULL;
    must(filch_graph_open(&graph, NULL) == 0 && graph != NULL);
    return graph;
}

static size_t add(struct filch_graph *graph, filch_fn *fn, void *data)
{
    size_t task = SIZE_MAX;
    must(filch_graph_add(graph, fn, data, NULL, &task) == 0);
    return task;
}

/* ---- waiting ---- */

static int keep_promise(void *data)
{
    return filch_complete(data, 3);
}

/* The waiting ones are ready first, and there is one permit. */
Test(graph_parts, a_task_that_waits_lets_the_others_go_on, .timeout = TEST_TIMEOUT)
{
    enum { WAITING = 50 };
    struct filch_pool *pool = pool_of(1);
    struct filch_graph *graph = graph_new();
    struct filch_future promise = {0};
    size_t source = add(graph, nothing, NULL);
    for (size_t i = 0; i < WAITING; i++)
        must(filch_graph_edge(graph, source, add(graph, wait_for, &promise)) == 0);
    size_t between = add(graph, nothing, NULL), keeper = add(graph, keep_promise, &promise);
    must(filch_graph_edge(graph, source, between) == 0 && filch_graph_edge(graph, between, keeper) == 0);
    for (int i = 0; i < 20; i++) {
        filch_promise_init(&promise);
        cr_assert_eq(filch_graph_run(pool, graph), 0);
        for (size_t k = 1; k <= WAITING; k++)
            cr_assert_eq(filch_graph_status(graph, k), 3);
    }
    cr_assert_eq(filch_graph_close(graph), 0);
    pool_end(pool);
}

FILCH_TASK(long, fib, (int, n))
{
    if (n < 2)
        return n;
    FILCH_SPAWN(fib, n - 1);
    long b = FILCH_CALL(fib, n - 2);
    return FILCH_SYNC(fib) + b;
}

static int spawn_many(void *data)
{
    long *sum = data;
    *sum = FILCH_RUN(NULL, fib, 15);
    return 0;
}

static int submit_one(void *data)
{
    struct filch_future future = {0};
    must(filch_submit(NULL, &future, count_up, data) == 0);
    return filch_wait(&future);
}

Test(graph_parts, tasks_spawn_and_submit, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(3);
    struct filch_graph *graph = graph_new();
    long sums[20] = {0};
    atomic_int runs = 0;
    size_t last = add(graph, nothing, NULL);
    for (int i = 0; i < 20; i++) {
        size_t spawns = add(graph, spawn_many, &sums[i]), submits = add(graph, submit_one, &runs);
        must(filch_graph_edge(graph, spawns, submits) == 0 && filch_graph_edge(graph, submits, last) == 0);
    }
    for (int k = 1; k <= 20; k++) {
        memset(sums, 0, sizeof sums);
        cr_assert_eq(filch_graph_run(pool, graph), 0);
        for (int i = 0; i < 20; i++)
            cr_assert_eq(sums[i], 610);
        cr_assert_eq(atomic_load(&runs), 20 * k);
    }
    cr_assert_eq(filch_graph_close(graph), 0);
    pool_end(pool);
}

/* ---- inside tasks ---- */

static int run_plan(void *data)
{
    struct plan *plan = data;
    for (int i = 0; i < 20; i++) {
        must(plan_run(plan, NULL) == 0);
        plan_check_all_ran(plan);
    }
    return 0;
}

Test(graph_parts, runs_inside_tasks_at_each_limit, .timeout = TEST_TIMEOUT)
{
    for (unsigned limit = 1; limit <= 3; limit++) {
        struct filch_pool *pool = pool_of(limit);
        struct plan plan;
        uint64_t random = limit;
        struct filch_future future = {0};
        struct filch_task_options own = {.flags = FILCH_TASK_OWN_THREAD};
        plan_random(&plan, &random, 30);
        cr_assert_eq(filch_submit(pool, &future, run_plan, &plan), 0);
        cr_assert_eq(filch_wait(&future), 0);
        cr_assert_eq(filch_submit_with(pool, &future, run_plan, &plan, &own), 0);
        cr_assert_eq(filch_wait(&future), 0);
        plan_close(&plan);
        pool_end(pool);
    }
}

/* A graph of four tasks, each of which runs a graph of the next level. */
struct level {
    struct filch_graph *graph; /* NULL: a leaf */
    struct level *below;
    atomic_int *leaves;
};

static int run_level(void *data)
{
    struct level *level = data;
    return level->graph ? filch_graph_run(NULL, level->graph) : count_up(level->leaves);
}

static void level_open(struct level *level, int depth, atomic_int *leaves)
{
    *level = (struct level){.leaves = leaves};
    if (depth == 0)
        return;
    level->graph = graph_new();
    level->below = calloc(4, sizeof *level->below);
    must(level->below != NULL);
    for (int i = 0; i < 4; i++) {
        level_open(&level->below[i], depth - 1, leaves);
        add(level->graph, run_level, &level->below[i]);
    }
    must(filch_graph_edge(level->graph, 0, 3) == 0 && filch_graph_edge(level->graph, 1, 3) == 0);
}

static void level_close(struct level *level)
{
    if (!level->graph)
        return;
    for (int i = 0; i < 4; i++)
        level_close(&level->below[i]);
    free(level->below);
    must(filch_graph_close(level->graph) == 0);
}

Test(graph_parts, graphs_run_graphs, .timeout = TEST_TIMEOUT)
{
    for (unsigned limit = 1; limit <= 3; limit += 2) {
        struct filch_pool *pool = pool_of(limit);
        atomic_int leaves = 0;
        struct level level;
        level_open(&level, 4, &leaves);
        for (int i = 1; i <= 5; i++) {
            cr_assert_eq(filch_graph_run(pool, level.graph), 0);
            cr_assert_eq(atomic_load(&leaves), i * 256);
        }
        level_close(&level);
        pool_end(pool);
    }
}

static int runner_waits_for_itself(void *data)
{
    must(filch_wait(data) == -EDEADLK);
    return 0;
}

static int run_graph(void *data)
{
    return filch_graph_run(NULL, data);
}

Test(graph_parts, a_task_may_not_wait_for_the_one_that_runs_it, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    struct filch_graph *graph = graph_new();
    struct filch_future future = {0};
    add(graph, runner_waits_for_itself, &future);
    cr_assert_eq(filch_submit(pool, &future, run_graph, graph), 0);
    cr_assert_eq(filch_wait(&future), 0);
    cr_assert_eq(filch_graph_close(graph), 0);
    pool_end(pool);
}

/* ---- stopping ---- */

struct stopping {
    struct filch_pool *pool;
    struct filch_graph *graph;
    struct filch_future runner, promise;
    sem_t began;
    atomic_int not_begun;
};

static int wait_until_stopped(void *data)
{
    struct stopping *stopping = data;
    sem_post(&stopping->began);
    return filch_wait_until(&stopping->promise, FILCH_NO_DEADLINE);
}

static int wait_for_promise(void *data)
{
    struct stopping *stopping = data;
    sem_post(&stopping->began);
    return filch_wait(&stopping->promise);
}

/* One that looks, one that waits, and many that come after both. RUN_ALWAYS is for failures, not for this. */
static void stopping_open(struct stopping *stopping, filch_fn *waits)
{
    struct filch_graph_task always = {.flags = FILCH_TASK_RUN_ALWAYS};
    memset(stopping, 0, sizeof *stopping);
    stopping->pool = pool_of(2);
    stopping->graph = graph_new();
    must(sem_init(&stopping->began, 0, 0) == 0);
    add(stopping->graph, until_cancelled, &stopping->began);
    add(stopping->graph, waits, stopping);
    for (size_t i = 2; i < 100; i++) {
        must(filch_graph_add(stopping->graph, count_up, &stopping->not_begun, i % 3 ? NULL : &always, NULL) == 0);
        must(filch_graph_edge(stopping->graph, i == 2 ? 0 : i - 1, i) == 0);
        must(filch_graph_edge(stopping->graph, 1, i) == 0);
    }
    filch_promise_init(&stopping->promise);
}

static void stopping_begin(struct stopping *stopping)
{
    must(filch_submit(stopping->pool, &stopping->runner, run_graph, stopping->graph) == 0);
    sem_take(&stopping->began);
    sem_take(&stopping->began);
}

static void stopping_check(struct stopping *stopping)
{
    cr_assert_eq(filch_graph_status(stopping->graph, 0), 7, "it saw that it was to stop");
    cr_assert_eq(filch_graph_status(stopping->graph, 1), -ECANCELED, "its wait was ended");
    for (size_t i = 2; i < 100; i++)
        cr_assert_eq(filch_graph_status(stopping->graph, i), -ECANCELED);
    cr_assert_eq(atomic_load(&stopping->not_begun), 0);
}

static void stopping_close(struct stopping *stopping)
{
    must(filch_graph_close(stopping->graph) == 0);
    sem_destroy(&stopping->began);
}

static void cancel_runner(filch_fn *waits)
{
    struct stopping stopping;
    stopping_open(&stopping, waits);
    for (int i = 0; i < 50; i++) {
        if (filch_done(&stopping.promise))
            filch_promise_init(&stopping.promise);
        stopping_begin(&stopping);
        cr_assert_eq(filch_cancel(&stopping.runner), -EINPROGRESS);
        cr_assert_eq(filch_wait(&stopping.runner), -ECANCELED);
        stopping_check(&stopping);
    }
    (void)filch_complete(&stopping.promise, 0);
    stopping_close(&stopping);
    pool_end(stopping.pool);
}

Test(graph_parts, cancelling_the_runner_stops_its_tasks, .timeout = TEST_TIMEOUT)
{
    cancel_runner(wait_until_stopped);
}

Test(graph_parts, a_cancel_passes_through_their_waits, .timeout = TEST_TIMEOUT)
{
    cancel_runner(wait_for_promise);
}

Test(graph_parts, closing_by_cancel_stops_its_tasks, .timeout = TEST_TIMEOUT)
{
    for (int i = 0; i < 20; i++) {
        struct stopping stopping;
        stopping_open(&stopping, wait_until_stopped);
        stopping_begin(&stopping);
        cr_assert_eq(filch_pool_close(stopping.pool, FILCH_CLOSE_CANCEL, FILCH_NO_DEADLINE), 0);
        cr_assert_eq(filch_status(&stopping.runner), -ECANCELED);
        stopping_check(&stopping);
        struct filch_pool_stats stats = stats_of(stopping.pool);
        cr_assert_eq(stats.submitted, stats.run + stats.dropped);
        watchdog_pool(NULL);
        filch_pool_free(stopping.pool);
        (void)filch_complete(&stopping.promise, 0);
        stopping_close(&stopping);
    }
}

/* Ready tasks are in a queue when the pool is closed: the one permit is held by a task of the graph. */
Test(graph_parts, closing_by_cancel_drops_what_is_queued, .timeout = TEST_TIMEOUT)
{
    for (int i = 0; i < 20; i++) {
        struct filch_pool *pool = pool_of(1);
        struct filch_graph *graph = graph_new();
        struct filch_future runner = {0};
        atomic_int runs = 0;
        sem_t began;
        must(sem_init(&began, 0, 0) == 0);
        for (size_t k = 0; k < 30; k++)
            add(graph, count_up, &runs);
        size_t last = add(graph, until_cancelled, &began); /* the newest is taken first */
        for (size_t k = 0; k < 30; k++) {
            size_t after = add(graph, count_up, &runs);
            must(filch_graph_edge(graph, k, after) == 0);
        }
        cr_assert_eq(filch_submit(pool, &runner, run_graph, graph), 0);
        sem_take(&began);
        int begun = atomic_load(&runs);
        cr_assert_eq(filch_pool_close(pool, FILCH_CLOSE_CANCEL, FILCH_NO_DEADLINE), 0);
        cr_assert_eq(filch_status(&runner), -ECANCELED);
        cr_assert_eq(filch_graph_status(graph, last), 7);
        int ran = 0;
        for (size_t k = 0; k < 61; k++)
            ran += k != last && filch_graph_status(graph, k) != -ECANCELED;
        cr_assert_eq(ran, begun);
        cr_assert_eq(atomic_load(&runs), begun);
        watchdog_pool(NULL);
        filch_pool_free(pool);
        cr_assert_eq(filch_graph_close(graph), 0);
        sem_destroy(&began);
    }
}

/* From a task of another pool the request goes by the root task. */
struct across {
    struct filch_pool *pool;
    struct filch_graph *graph;
};

static int run_across(void *data)
{
    struct across *across = data;
    return filch_graph_run(across->pool, across->graph);
}

Test(graph_parts, a_cancel_reaches_tasks_in_another_pool, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *callers = pool_of(1);
    struct stopping stopping;
    stopping_open(&stopping, wait_until_stopped);
    struct across across = {stopping.pool, stopping.graph};
    for (int i = 0; i < 50; i++) {
        struct filch_future caller = {0};
        cr_assert_eq(filch_submit(callers, &caller, run_across, &across), 0);
        sem_take(&stopping.began);
        sem_take(&stopping.began);
        cr_assert_eq(filch_cancel(&caller), -EINPROGRESS);
        cr_assert_eq(filch_wait(&caller), -ECANCELED);
        stopping_check(&stopping);
    }
    (void)filch_complete(&stopping.promise, 0);
    stopping_close(&stopping);
    pool_end(stopping.pool);
    pool_end(callers);
}

Test(graph_parts, a_task_cancelled_before_it_runs_its_graph_runs_nothing_of_it, .timeout = TEST_TIMEOUT)
{
    struct stopping stopping;
    stopping_open(&stopping, wait_until_stopped);
    struct filch_future outer = {0};
    struct held held;
    struct filch_pool *pool = pool_of(1);
    held_begin(&held, pool);
    cr_assert_eq(filch_submit(pool, &outer, run_graph, stopping.graph), 0);
    cr_assert_eq(filch_cancel(&outer), 0);
    held_end(&held);
    cr_assert_eq(filch_wait(&outer), -ECANCELED);
    cr_assert_eq(filch_graph_status(stopping.graph, 0), -EINVAL);
    (void)filch_complete(&stopping.promise, 0);
    stopping_close(&stopping);
    pool_end(pool);
    pool_end(stopping.pool);
}

/* ---- the queue's limit, and dumps ---- */

Test(graph_parts, queue_limit_counts_the_run_not_its_tasks, .timeout = TEST_TIMEOUT)
{
    for (enum filch_when_full full = FILCH_FULL_BLOCK; full <= FILCH_FULL_RUN; full++) {
        struct filch_pool_config config = {.max_concurrency = 2, .queue_limit = 1, .when_full = full};
        struct filch_pool *pool = pool_open(&config);
        struct plan plan;
        uint64_t random = 5;
        atomic_int runs = 0;
        plan_random(&plan, &random, 200);
        for (int i = 0; i < 20; i++) {
            struct filch_future future = {0};
            cr_assert_eq(plan_run(&plan, pool), 0);
            plan_check_all_ran(&plan);
            cr_assert_eq(filch_submit(pool, &future, count_up, &runs), 0, "there is room as before");
            cr_assert_eq(filch_wait(&future), 0);
        }
        plan_close(&plan);
        pool_end(pool);
    }
}

static int dump_self(void *data)
{
    char *text = dump_of(filch_pool_current());
    must(strstr(text, data) != NULL);
    free(text);
    return 0;
}

Test(graph_parts, a_dump_shows_their_names, .timeout = TEST_TIMEOUT)
{
    static char names[3][8] = {"\"left\"", "\"right\"", "\"join\""};
    struct filch_pool *pool = pool_of(2);
    struct filch_graph *graph = graph_new();
    for (size_t i = 0; i < 3; i++) {
        struct filch_graph_task options = {.name = i == 0 ? "left" : i == 1 ? "right" : "join"};
        must(filch_graph_add(graph, dump_self, names[i], &options, NULL) == 0);
    }
    must(filch_graph_edge(graph, 0, 2) == 0 && filch_graph_edge(graph, 1, 2) == 0);
    cr_assert_eq(filch_graph_run(pool, graph), 0);
    cr_assert_eq(filch_graph_close(graph), 0);
    pool_end(pool);
}
