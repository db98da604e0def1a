/* SPDX-License-Identifier: MIT */
/* graph_failures.c - tasks of a graph that fail, what follows them, cycles, and wrong calls. */
#include "support/tasks.h"
#include "support/test.h"

static struct filch_graph *graph_new(void)
{
    struct filch_graph *graph = NULL;
    must(filch_graph_open(&graph, NULL) == 0 && graph != NULL);
    return graph;
}

static size_t add(struct filch_graph *graph, filch_fn *fn, void *data, const char *name, unsigned flags)
{
    struct filch_graph_task options = {.name = name, .flags = flags};
    size_t task = SIZE_MAX;
    must(filch_graph_add(graph, fn, data, &options, &task) == 0);
    return task;
}

static void edge(struct filch_graph *graph, size_t before, size_t after)
{
    must(filch_graph_edge(graph, before, after) == 0);
}

/* ---- failures ---- */

static int eio = -EIO, enoent = -ENOENT, seven = 7;

Test(graph_failures, what_follows_a_failed_task_ends_with_its_status, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    struct filch_graph *graph = graph_new();
    atomic_int ran_after = 0, ran_beside = 0;
    size_t failing = add(graph, give, &eio, "failing", 0);
    size_t after = add(graph, count_up, &ran_after, "after", 0);
    size_t last = add(graph, count_up, &ran_after, "last", 0);
    size_t beside = add(graph, count_up, &ran_beside, "beside", 0);
    size_t more = add(graph, count_up, &ran_beside, "more", 0);
    edge(graph, failing, after);
    edge(graph, after, last);
    edge(graph, more, last);
    edge(graph, beside, more);
    for (int i = 1; i <= 100; i++) {
        cr_assert_eq(filch_graph_run(pool, graph), -EIO);
        cr_assert_eq(filch_graph_status(graph, failing), -EIO);
        cr_assert_eq(filch_graph_status(graph, after), -EIO);
        cr_assert_eq(filch_graph_status(graph, last), -EIO);
        cr_assert_eq(filch_graph_status(graph, more), 0);
        cr_assert_eq(atomic_load(&ran_after), 0);
        cr_assert_eq(atomic_load(&ran_beside), 2 * i, "an independent branch runs to its end");
    }
    cr_assert_eq(filch_graph_close(graph), 0);
    pool_end(pool);
}

Test(graph_failures, a_graph_that_failed_once_can_succeed, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    struct filch_graph *graph = graph_new();
    atomic_int runs = 0;
    int status = 0;
    size_t first = add(graph, give, &status, "first", 0);
    for (size_t i = 0; i < 20; i++)
        edge(graph, first, add(graph, count_up, &runs, NULL, 0));
    for (int i = 0; i < 50; i++) {
        atomic_store(&runs, 0);
        status = i % 2 ? -EPIPE : 0;
        cr_assert_eq(filch_graph_run(pool, graph), status);
        cr_assert_eq(atomic_load(&runs), i % 2 ? 0 : 20);
    }
    cr_assert_eq(filch_graph_close(graph), 0);
    pool_end(pool);
}

struct witness {
    const struct filch_graph *graph;
    size_t of;
    int seen;
};

static int look_back(void *data)
{
    struct witness *witness = data;
    witness->seen = filch_graph_status(witness->graph, witness->of);
    return 0;
}

Test(graph_failures, who_always_runs_sees_what_failed_and_ends_the_failure, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    struct filch_graph *graph = graph_new();
    atomic_int runs = 0;
    size_t failing = add(graph, give, &eio, "failing", 0);
    struct witness witness = {.graph = graph, .of = failing};
    size_t skipped = add(graph, count_up, &runs, "skipped", 0);
    size_t always = add(graph, look_back, &witness, "always", FILCH_TASK_RUN_ALWAYS);
    size_t after = add(graph, count_up, &runs, "after", 0);
    edge(graph, failing, skipped);
    edge(graph, failing, always);
    edge(graph, skipped, always);
    edge(graph, always, after);
    for (int i = 1; i <= 50; i++) {
        witness.seen = 0;
        cr_assert_eq(filch_graph_run(pool, graph), -EIO);
        cr_assert_eq(witness.seen, -EIO);
        cr_assert_eq(filch_graph_status(graph, skipped), -EIO);
        cr_assert_eq(filch_graph_status(graph, after), 0);
        cr_assert_eq(atomic_load(&runs), i);
    }
    cr_assert_eq(filch_graph_close(graph), 0);
    pool_end(pool);
}

/* Two fail, one after the other or at once. */
static int fail_later(void *data)
{
    must(filch_wait(data) == 0);
    return -ENOENT;
}

static int fail_and_tell(void *data)
{
    must(filch_complete(data, 0) == 0);
    return -EIO;
}

Test(graph_failures, run_returns_one_of_the_failures, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct filch_graph *graph = graph_new();
    struct filch_future promise = {0};
    size_t later = add(graph, fail_later, &promise, "later", 0);
    size_t first = add(graph, fail_and_tell, &promise, "first", 0);
    for (int i = 0; i < 50; i++) {
        filch_promise_init(&promise);
        int status = filch_graph_run(pool, graph);
        cr_assert(status == -EIO || status == -ENOENT);
        cr_assert_eq(filch_graph_status(graph, later), -ENOENT);
        cr_assert_eq(filch_graph_status(graph, first), -EIO);
    }
    cr_assert_eq(filch_graph_close(graph), 0);
    pool_end(pool);
}

Test(graph_failures, the_first_failure_of_a_chain_is_what_run_returns, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    struct filch_graph *graph = graph_new();
    size_t a = add(graph, give, &seven, "a", 0), b = add(graph, give, &enoent, "b", 0);
    size_t c = add(graph, give, &eio, "c", FILCH_TASK_RUN_ALWAYS);
    edge(graph, a, b);
    edge(graph, b, c);
    cr_assert_eq(filch_graph_run(pool, graph), -ENOENT);
    cr_assert_eq(filch_graph_status(graph, a), 7);
    cr_assert_eq(filch_graph_status(graph, c), -EIO, "it ran");
    cr_assert_eq(filch_graph_close(graph), 0);
    pool_end(pool);
}

/* ---- a task that ends its thread ---- */

static int end_thread(void *data)
{
    (void)data;
    pthread_exit(NULL);
}

Test(graph_failures, a_task_that_ends_its_thread_has_failed, .timeout = TEST_TIMEOUT)
{
    if (TEST_TSAN)
        test_skip("ThreadSanitizer allows no pthread_exit on a strand");
    struct filch_pool *pool = pool_of(2);
    struct filch_graph *graph = graph_new();
    atomic_int after = 0, beside = 0;
    size_t ends = add(graph, end_thread, NULL, "ends", 0);
    size_t follows = add(graph, count_up, &after, "follows", 0);
    size_t always = add(graph, count_up, &beside, "always", FILCH_TASK_RUN_ALWAYS);
    edge(graph, ends, follows);
    edge(graph, ends, always);
    edge(graph, always, add(graph, count_up, &beside, "more", 0));
    for (int i = 1; i <= 10; i++) {
        cr_assert_eq(filch_graph_run(pool, graph), -ECANCELED);
        cr_assert_eq(filch_graph_status(graph, ends), -ECANCELED);
        cr_assert_eq(filch_graph_status(graph, follows), -ECANCELED);
        cr_assert_eq(atomic_load(&after), 0);
        cr_assert_eq(atomic_load(&beside), 2 * i);
    }
    cr_assert_eq(filch_graph_close(graph), 0);
    pool_end(pool);
}

/* ---- cycles ---- */

Test(graph_failures, a_cycle_is_refused_by_name, .timeout = TEST_TIMEOUT)
{
    struct filch_graph *graph = graph_new();
    atomic_int runs = 0;
    char text[200] = "untouched";
    size_t read = add(graph, count_up, &runs, "read", 0), parse = add(graph, count_up, &runs, "parse", 0);
    size_t check = add(graph, count_up, &runs, "check", 0), emit = add(graph, count_up, &runs, "emit", 0);
    size_t after = add(graph, count_up, &runs, "after", 0), unnamed = add(graph, count_up, &runs, NULL, 0);
    edge(graph, read, parse);
    edge(graph, parse, check);
    edge(graph, check, emit);
    cr_assert_eq(filch_graph_check(graph, text, sizeof text), 0);
    cr_assert_str_eq(text, "");
    edge(graph, emit, unnamed);
    edge(graph, unnamed, parse);
    edge(graph, emit, after);
    cr_assert_eq(filch_graph_check(graph, text, sizeof text), -ELOOP);
    cr_assert_str_eq(text, "parse -> check -> emit -> task 5 -> parse");
    cr_assert_eq(filch_graph_check(graph, text, 12), -ELOOP);
    cr_assert_str_eq(text, "parse -> ch");
    cr_assert_eq(filch_graph_check(graph, text, 1), -ELOOP);
    cr_assert_str_eq(text, "");
    cr_assert_eq(filch_graph_check(graph, NULL, 0), -ELOOP);
    cr_assert_eq(filch_graph_run(NULL, graph), -ELOOP);
    cr_assert_eq(atomic_load(&runs), 0);
    cr_assert_eq(filch_graph_close(graph), 0);
}

Test(graph_failures, a_cycle_of_a_hundred_thousand_is_found, .timeout = TEST_TIMEOUT)
{
    enum { COUNT = 100000 };
    struct filch_graph *graph = graph_new();
    char text[64];
    for (size_t i = 0; i < COUNT; i++)
        add(graph, nothing, NULL, NULL, 0);
    for (size_t i = 0; i < COUNT; i++)
        edge(graph, i, (i + 1) % COUNT);
    cr_assert_eq(filch_graph_check(graph, text, sizeof text), -ELOOP);
    cr_assert_str_eq(text, "task 0 -> task 1 -> task 2 -> task 3 -> task 4 -> task 5 -> tas");
    cr_assert_eq(filch_graph_close(graph), 0);
}

/* ---- wrong calls ---- */

Test(graph_failures, wrong_calls_are_told, .timeout = TEST_TIMEOUT)
{
    struct filch_graph *graph = (struct filch_graph *)8, *untouched = graph;
    struct filch_allocator half = {.alloc = NULL, .free = (void (*)(void *, void *, size_t))abort};
    cr_assert_eq(filch_graph_open(NULL, NULL), -EINVAL);
    cr_assert_eq(filch_graph_open(&graph, &(struct filch_graph_config){.reserved = {0, 0, 0, 1}}), -EINVAL);
    cr_assert_eq(filch_graph_open(&graph, &(struct filch_graph_config){.allocator = &half}), -EINVAL);
    cr_assert_eq(graph, untouched);
    graph = graph_new();
    size_t task = 77;
    cr_assert_eq(filch_graph_add(NULL, nothing, NULL, NULL, NULL), -EINVAL);
    cr_assert_eq(filch_graph_add(graph, NULL, NULL, NULL, &task), -EINVAL);
    cr_assert_eq(filch_graph_add(graph, nothing, NULL, &(struct filch_graph_task){.flags = 64}, &task), -EINVAL);
    cr_assert_eq(filch_graph_add(graph, nothing, NULL, &(struct filch_graph_task){.reserved = {1}}, &task), -EINVAL);
    cr_assert_eq(filch_graph_add(graph, nothing, NULL, &(struct filch_graph_task){.reserved32 = 1}, &task), -EINVAL);
    cr_assert_eq(task, 77);
    cr_assert_eq(filch_graph_add(graph, nothing, NULL, NULL, &task), 0);
    cr_assert_eq(task, 0);
    cr_assert_eq(filch_graph_edge(NULL, 0, 0), -EINVAL);
    cr_assert_eq(filch_graph_edge(graph, 0, 1), -EINVAL);
    cr_assert_eq(filch_graph_edge(graph, SIZE_MAX, 0), -EINVAL);
    cr_assert_eq(filch_graph_edge(graph, 0, 0), -ELOOP);
    cr_assert_eq(filch_graph_status(NULL, 0), -EINVAL);
    cr_assert_eq(filch_graph_status(graph, 0), -EINVAL, "it never ran");
    cr_assert_eq(filch_graph_status(graph, 1), -EINVAL);
    cr_assert_eq(filch_graph_check(NULL, NULL, 0), -EINVAL);
    cr_assert_eq(filch_graph_check(graph, NULL, 1), -EINVAL);
    cr_assert_eq(filch_graph_run(NULL, NULL), -EINVAL);
    cr_assert_eq(filch_graph_close(NULL), 0);
    cr_assert_eq(filch_graph_close(graph), 0);
}

static int change_while_it_runs(void *data)
{
    struct filch_graph *graph = data;
    must(filch_graph_add(graph, nothing, NULL, NULL, NULL) == -EBUSY);
    must(filch_graph_edge(graph, 0, 1) == -EBUSY);
    must(filch_graph_check(graph, NULL, 0) == -EBUSY);
    must(filch_graph_run(NULL, graph) == -EBUSY);
    must(filch_graph_close(graph) == -EBUSY);
    must(filch_graph_status(graph, 0) == -EINPROGRESS);
    must(filch_graph_status(graph, 1) == -EINPROGRESS);
    return 0;
}

Test(graph_failures, a_graph_that_runs_is_left_alone, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    struct filch_graph *graph = graph_new();
    size_t first = add(graph, change_while_it_runs, graph, "first", 0);
    edge(graph, first, add(graph, nothing, NULL, "second", 0));
    for (int i = 0; i < 20; i++)
        cr_assert_eq(filch_graph_run(pool, graph), 0);
    cr_assert_eq(filch_graph_close(graph), 0);
    pool_end(pool);
}

Test(graph_failures, a_closed_pool_runs_nothing, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct filch_graph *graph = graph_new();
    atomic_int runs = 0;
    add(graph, count_up, &runs, NULL, 0);
    cr_assert_eq(filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE), 0);
    cr_assert_eq(filch_graph_run(pool, graph), -ESHUTDOWN);
    cr_assert_eq(atomic_load(&runs), 0);
    cr_assert_eq(filch_graph_status(graph, 0), -EINVAL);
    watchdog_pool(NULL);
    filch_pool_free(pool);
    cr_assert_eq(filch_graph_close(graph), 0);
}
