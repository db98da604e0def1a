/* SPDX-License-Identifier: MIT */
/* watchdog.c - bodies that run for long are named, and nothing is paid where none runs. */
#include "support/tasks.h"
#include "support/test.h"

#include "work.h"

#include <filch/filch.h>

enum { REPORTS = 16 };

struct reports {
    atomic_int count;
    struct filch_stuck stuck[REPORTS];
};

static void note(void *ctx, const struct filch_stuck *stuck)
{
    struct reports *reports = ctx;
    int i = atomic_load(&reports->count);
    if (i < REPORTS)
        reports->stuck[i] = *stuck;
    atomic_fetch_add(&reports->count, 1);
}

static int count_of(const struct reports *reports, const char *name)
{
    int count = 0;
    for (int i = 0; i < atomic_load(&reports->count) && i < REPORTS; i++)
        count += reports->stuck[i].name && strcmp(reports->stuck[i].name, name) == 0;
    return count;
}

static struct filch_pool *watched(struct reports *reports, struct filch_pool_config config)
{
    config.stuck_after_ns = FILCH_MS(1);
    config.stuck = note;
    config.ctx = reports;
    return pool_open(&config);
}

static uint64_t ticks_of(const struct filch_pool *pool)
{
    return filch__load_relaxed(&pool->watchdog.ticks);
}

static void await_ticks(const struct filch_pool *pool, uint64_t count)
{
    uint64_t until = ticks_of(pool) + count;
    wait_until(ticks_of(pool) >= until);
}

static bool rests(const struct filch_pool *pool)
{
    return filch__load_seq_cst(&pool->watching) == FILCH__WATCHING_RESTS;
}

static void submit_named(struct filch_pool *pool, struct filch_future *future, filch_fn *fn, void *data,
                         const char *name)
{
    cr_assert_eq(filch_submit_with(pool, future, fn, data, &(struct filch_task_options){.name = name}), 0);
}

static int hang(void *data)
{
    wait_until(atomic_load((atomic_int *)data));
    return 7;
}

Test(watchdog, a_long_body_is_named_once, .timeout = TEST_TIMEOUT)
{
    struct reports reports = {.count = 0};
    struct filch_pool *pool = watched(&reports, (struct filch_pool_config){.max_concurrency = 1});
    struct filch_future slow = {{0}};
    atomic_int go = 0;
    submit_named(pool, &slow, hang, &go, "slow");
    wait_until(atomic_load(&reports.count) == 1);
    cr_assert_str_eq(reports.stuck[0].name, "slow");
    cr_assert(reports.stuck[0].fn == hang);
    cr_assert_not(reports.stuck[0].timed_out);
    cr_assert_geq(reports.stuck[0].running_ns, FILCH_MS(1));
    await_ticks(pool, 20);
    cr_assert_eq(atomic_load(&reports.count), 1);
    cr_assert_eq(stats_of(pool).long_running, 1);
    cr_assert_eq(stats_of(pool).stuck, 0);
    cr_assert_eq(filch_pool_available(pool), 0, "it keeps its permit");
    char *text = dump_of(pool);
    const char *line = strstr(text, "\"slow\"");
    cr_assert_not_null(line);
    cr_assert_not_null(strstr(line, ", for "));
    free(text);
    atomic_store(&go, 1);
    cr_assert_eq(filch_wait(&slow), 7);
    pool_end(pool);
}

Test(watchdog, no_name_is_null, .timeout = TEST_TIMEOUT)
{
    struct reports reports = {.count = 0};
    struct filch_pool *pool = watched(&reports, (struct filch_pool_config){.max_concurrency = 1});
    struct filch_future slow = {{0}};
    atomic_int go = 0;
    cr_assert_eq(filch_submit(pool, &slow, hang, &go), 0);
    wait_until(atomic_load(&reports.count) == 1);
    cr_assert_null(reports.stuck[0].name);
    atomic_store(&go, 1);
    cr_assert_eq(filch_wait(&slow), 7);
    pool_end(pool);
}

/* Waits with one slow body beside, so that ticks go on. */
struct beside {
    struct filch_pool *pool;
    struct reports reports;
    struct filch_future slow, waits;
    atomic_int go;
};

static void beside_begin(struct beside *beside)
{
    *beside = (struct beside){.go = 0};
    beside->pool = watched(&beside->reports, (struct filch_pool_config){.max_concurrency = 2});
    submit_named(beside->pool, &beside->slow, hang, &beside->go, "slow");
}

/* It waits: once the tick that may be under way is over, it is not reported. */
static void beside_check(struct beside *beside)
{
    wait_until(stats_of(beside->pool).suspended == 1);
    await_ticks(beside->pool, 2);
    int before = count_of(&beside->reports, "waits");
    await_ticks(beside->pool, 20);
    cr_assert_eq(count_of(&beside->reports, "waits"), before);
    wait_until(count_of(&beside->reports, "slow") == 1);
    atomic_store(&beside->go, 1);
    cr_assert_eq(filch_wait(&beside->slow), 7);
}

Test(watchdog, a_task_that_waits_does_not_run, .timeout = TEST_TIMEOUT)
{
    static struct beside beside;
    struct filch_future promise = {{0}};
    filch_promise_init(&promise);
    beside_begin(&beside);
    submit_named(beside.pool, &beside.waits, wait_for, &promise, "waits");
    beside_check(&beside);
    cr_assert_eq(filch_complete(&promise, 3), 0);
    cr_assert_eq(filch_wait(&beside.waits), 3);
    pool_end(beside.pool);
}

static int hang_blocking(void *data)
{
    return filch_blocking(hang, data);
}

Test(watchdog, a_body_in_a_blocking_call_does_not_run, .timeout = TEST_TIMEOUT)
{
    static struct beside beside;
    atomic_int go = 0;
    beside_begin(&beside);
    submit_named(beside.pool, &beside.waits, hang_blocking, &go, "waits");
    beside_check(&beside);
    atomic_store(&go, 1);
    cr_assert_eq(filch_wait(&beside.waits), 7);
    pool_end(beside.pool);
}

struct twice {
    atomic_int first, second;
    struct filch_future promise;
};

static int hang_twice(void *data)
{
    struct twice *twice = data;
    hang(&twice->first);
    (void)filch_wait(&twice->promise);
    return hang(&twice->second);
}

static void check_stretches(unsigned flags)
{
    struct reports reports = {.count = 0};
    struct filch_pool *pool = watched(&reports, (struct filch_pool_config){.max_concurrency = 1});
    struct filch_future future = {{0}};
    struct twice twice = {.first = 0};
    const struct filch_task_options options = {.name = "twice", .flags = flags};
    filch_promise_init(&twice.promise);
    cr_assert_eq(filch_submit_with(pool, &future, hang_twice, &twice, &options), 0);
    wait_until(atomic_load(&reports.count) == 1);
    atomic_store(&twice.first, 1);
    wait_until(stats_of(pool).suspended == 1);
    cr_assert_eq(filch_complete(&twice.promise, 0), 0);
    wait_until(atomic_load(&reports.count) == 2);
    cr_assert_eq(count_of(&reports, "twice"), 2);
    atomic_store(&twice.second, 1);
    cr_assert_eq(filch_wait(&future), 7);
    pool_end(pool);
}

Test(watchdog, each_stretch_counts_for_itself, .timeout = TEST_TIMEOUT)
{
    check_stretches(0);
    check_stretches(FILCH_TASK_OWN_THREAD);
}

/* Sleeps until it has been suspended in that: a deadline may have passed before. */
static void rest_a_moment(void)
{
    const struct filch__strand *strand = filch__strand_current();
    uint32_t stretch = strand->stretch;
    while (strand->stretch == stretch)
        must(filch_sleep_until(filch_in_ns(20000)) == 0);
}

/* Ends when the watchdog has seen each of its stretches, between which nothing else runs. */
static int be_seen_anew(void *data)
{
    const struct filch__worker *worker = ((struct filch_pool *)data)->worker[0];
    for (int i = 0; i < 8; i++) {
        uint64_t before_ns = filch_now_ns();
        rest_a_moment();
        wait_until(filch__load_relaxed(&worker->sight.since_ns) > before_ns);
    }
    return 7;
}

Test(watchdog, stretches_of_a_task_are_told_apart, .timeout = TEST_TIMEOUT)
{
    struct reports reports = {.count = 0};
    struct filch_pool *pool = watched(&reports, (struct filch_pool_config){.max_concurrency = 1});
    struct filch_future future = {{0}};
    cr_assert_eq(filch_submit(pool, &future, be_seen_anew, pool), 0);
    cr_assert_eq(filch_wait(&future), 7);
    pool_end(pool);
}

struct node {
    struct filch_pool *pool;
    uint64_t before_ns; /* the end of the node before */
    int ran;
};

/* Ends when the watchdog has seen that it is not the node before. */
static int be_seen(void *data)
{
    struct node *node = data;
    wait_until(filch__load_relaxed(&node->pool->worker[0]->sight.since_ns) > node->before_ns);
    node->before_ns = filch_now_ns();
    node->ran++;
    return 0;
}

Test(watchdog, nodes_of_a_graph_are_told_apart, .timeout = TEST_TIMEOUT)
{
    struct reports reports = {.count = 0};
    struct node node = {.pool = watched(&reports, (struct filch_pool_config){.max_concurrency = 1})};
    struct filch_graph *graph;
    size_t nodes[8];
    cr_assert_eq(filch_graph_open(&graph, NULL), 0);
    for (int i = 0; i < 8; i++) {
        cr_assert_eq(filch_graph_add(graph, be_seen, &node, NULL, &nodes[i]), 0);
        if (i > 0)
            cr_assert_eq(filch_graph_edge(graph, nodes[i - 1], nodes[i]), 0);
    }
    cr_assert_eq(filch_graph_run(node.pool, graph), 0);
    cr_assert_eq(node.ran, 8);
    cr_assert_eq(filch_graph_close(graph), 0);
    pool_end(node.pool);
}

/* ---- callers ---- */

static int end_when_reported(void *data)
{
    struct reports *reports = data;
    wait_until(atomic_load(&reports->count) == 1);
    return 7;
}

Test(watchdog, a_body_that_is_pumped_is_seen, .timeout = TEST_TIMEOUT)
{
    struct reports reports = {.count = 0};
    struct filch_pool *pool =
        watched(&reports, (struct filch_pool_config){.max_concurrency = 2, .flags = FILCH_POOL_PUMPED});
    struct filch_future slow = {{0}};
    struct held held;
    held_begin(&held, pool); /* the worker's; it may be reported as well */
    wait_until(atomic_load(&reports.count) == 1);
    atomic_store(&reports.count, 0);
    submit_named(pool, &slow, end_when_reported, &reports, "pumped");
    cr_assert_eq(filch_pool_pump(pool, 1), 1);
    cr_assert_str_eq(reports.stuck[0].name, "pumped");
    held_end(&held);
    cr_assert_eq(filch_wait(&slow), 7);
    pool_end(pool);
}

struct submitter {
    struct filch_pool *pool;
    struct reports *reports;
    struct filch_future future;
};

static int end_when_named(void *data)
{
    wait_until(count_of(data, "caller") == 1);
    return 7;
}

static void *submit_and_run(void *data)
{
    struct submitter *submitter = data;
    const struct filch_task_options options = {.name = "caller"};
    must(filch_submit_with(submitter->pool, &submitter->future, end_when_named, submitter->reports, &options) == 0);
    must(filch_done(&submitter->future));
    return NULL;
}

Test(watchdog, a_body_that_its_submitter_runs_is_seen, .timeout = TEST_TIMEOUT)
{
    struct reports reports = {.count = 0};
    struct filch_pool *pool = watched(
        &reports, (struct filch_pool_config){.max_concurrency = 1, .queue_limit = 1, .when_full = FILCH_FULL_RUN});
    struct submitter submitter = {.pool = pool, .reports = &reports};
    struct filch_future queued = {{0}};
    struct held held;
    held_begin(&held, pool);
    cr_assert_eq(filch_submit(pool, &queued, nothing, NULL), 0); /* fills the queue */
    pthread_t thread = thread_start(submit_and_run, &submitter);
    wait_until(filch__load_relaxed(&pool->gate) / FILCH__GATE_CLAIM & FILCH__GATE_FIELD);
    held_end(&held);
    thread_join(thread);
    cr_assert_eq(filch_status(&submitter.future), 7);
    cr_assert_eq(filch_wait(&queued), 0);
    pool_end(pool);
}

/* ---- ticks ---- */

Test(watchdog, ticks_come_only_while_something_runs, .timeout = TEST_TIMEOUT)
{
    struct reports reports = {.count = 0};
    struct filch_pool *pool = watched(&reports, (struct filch_pool_config){.max_concurrency = 2});
    cr_assert_eq(ticks_of(pool), 0);
    for (int i = 0; i < 20; i++) {
        struct filch_future future = {{0}};
        atomic_int go = 0;
        uint64_t before = ticks_of(pool);
        cr_assert_eq(filch_submit(pool, &future, hang, &go), 0);
        wait_until(ticks_of(pool) > before + 2);
        atomic_store(&go, 1);
        cr_assert_eq(filch_wait(&future), 7);
        wait_until(rests(pool));
        before = ticks_of(pool);
        usleep(5000); /* nothing depends on how long it is */
        cr_assert_eq(ticks_of(pool), before);
    }
    pool_end(pool);
}

Test(watchdog, a_pool_without_it_has_no_ticks, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct filch_future future = {{0}};
    cr_assert_eq(filch_submit(pool, &future, nothing, NULL), 0);
    cr_assert_eq(filch_wait(&future), 0);
    cr_assert_eq(ticks_of(pool), 0);
    cr_assert_not(pool->keeper.started);
    pool_end(pool);
}
