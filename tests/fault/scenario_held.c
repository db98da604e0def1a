/* SPDX-License-Identifier: MIT */
/* scenario_held.c - the run of scenario.h for all that may hold tasks back or keep something beside them: edges, gates,
 * scopes, graphs, worker-local data, sleep and blocking calls. */
#define TEST_FURTHER_SOURCE
#include "scenario.h"

enum { tasks = 24, graph_tasks = 6, permits = 2 };

struct task {
    struct filch_future future;
    atomic_int runs, drops;
    int accepted, dropped_with;
};

/* Static, so that the scenario itself obtains nothing. */
static struct {
    struct filch_pool *pool;
    struct task task[tasks];
    struct filch_future promise; /* kept at last, or never in time when the pool is closed by a cancel */
    struct filch_gate *gate;
    struct filch_local *local;
    struct filch_graph *graph;
    struct filch_scope scope;
    bool has_scope;
    bool cancels;
    atomic_int counted, graph_ran, errors;
} run;

static bool is_want(int result)
{
    return result == -ENOMEM || result == -EAGAIN;
}

static bool may_be(int result)
{
    return result == 0 || is_want(result) || (run.cancels && result == -ECANCELED);
}

/* ---- bodies ---- */

static void count_in_local(void)
{
    void *instance = NULL;
    int result = run.local ? filch_local_get(run.local, &instance) : -ENOMEM;
    must(result == 0 ? instance != NULL : result == -ENOMEM);
    if (result)
        return;
    ++*(int *)instance;
    atomic_fetch_add(&run.counted, 1);
}

static int run_task(void *data)
{
    struct task *task = data;
    must(atomic_fetch_add(&task->runs, 1) == 0);
    count_in_local();
    must(filch_blocking(nothing, NULL) == 0);
    must(may_be(filch_sleep_until(filch_in_ns(FILCH_US(20)))));
    count_in_local();
    return 0;
}

static void drop_task(void *data, int status)
{
    struct task *task = data;
    task->dropped_with = status;
    must(atomic_fetch_add(&task->drops, 1) == 0);
}

static void count_error(void *ctx, struct filch_future *future, int status)
{
    (void)ctx;
    must(future && (is_want(status) || status == -ECANCELED));
    atomic_fetch_add(&run.errors, 1);
}

static int add_instance(void *ctx, void *instance)
{
    *(int *)ctx += *(int *)instance;
    return 0;
}

/* ---- a graph: two chains that meet in a task that always runs ---- */

static int build_graph(void)
{
    int result = 0;
    for (size_t i = 0; i < graph_tasks && !result; i++) {
        struct filch_graph_task last = {.name = "last", .flags = FILCH_TASK_RUN_ALWAYS};
        result = filch_graph_add(run.graph, count_up, &run.graph_ran, i == graph_tasks - 1 ? &last : NULL, NULL);
    }
    for (size_t i = 2; i < graph_tasks && !result; i++)
        result = filch_graph_edge(run.graph, i - 2, i);
    if (!result)
        result = filch_graph_edge(run.graph, graph_tasks - 2, graph_tasks - 1);
    return result;
}

static void run_graph(const struct filch_allocator *allocator)
{
    struct filch_graph_config config = {.allocator = allocator};
    run.graph = NULL;
    int result = filch_graph_open(&run.graph, &config);
    must((result == 0 && run.graph) || (result == -ENOMEM && !run.graph));
    if (result == 0 && (result = build_graph()) == 0)
        for (int i = 0; i < 3; i++) {
            int before = atomic_load(&run.graph_ran);
            result = filch_graph_run(run.pool, run.graph);
            must(result == 0 ? atomic_load(&run.graph_ran) == before + graph_tasks : is_want(result));
        }
    must(result == 0 || is_want(result));
    must(filch_graph_close(run.graph) == 0);
}

/* ---- submits ---- */

/* A third each: after the one before and the promise, with the gate, in the scope; some with all of that. */
static void submit_task(int i, bool own_thread)
{
    struct task *task = &run.task[i];
    struct filch_future *const after[] = {i ? &run.task[i - 1].future : &run.promise, &run.promise};
    struct filch_task_options options = {
        .name = "held",
        .flags = (i % 5 == 0 ? FILCH_TASK_RUN_ALWAYS : 0) | (own_thread && i % 4 == 0 ? FILCH_TASK_OWN_THREAD : 0),
        .priority = i % 7 == 0,
        .timeout_ns = i % 8 == 0 ? FILCH_S(3600) : 0,
        .scope = run.has_scope && (i % 3 == 0 || i % 7 == 0) ? &run.scope : NULL,
        .gate = i % 3 == 1 || i % 7 == 0 ? run.gate : NULL,
        .after = after,
        .after_count = i % 3 == 2 || i % 7 == 0 ? 2 : 0,
        .dropped = drop_task,
    };
    int result = options.scope && i % 2 ? filch_scope_submit(&run.scope, &task->future, run_task, task, &options)
                                        : filch_submit_with(run.pool, &task->future, run_task, task, &options);
    must(result == 0 || is_want(result));
    must(result == 0 || (filch_done(&task->future) && filch_status(&task->future) == result));
    task->accepted = result == 0;
}

static void open_all(const struct filch_allocator *allocator)
{
    struct filch_local_config local = {.size = sizeof(int)};
    struct filch_scope_config scope = {.timeout_ns = FILCH_S(3600), .on_error = count_error};
    run.gate = NULL;
    run.local = NULL;
    int result = filch_gate_open(&run.gate, permits);
    must((result == 0 && run.gate) || (result == -ENOMEM && !run.gate));
    result = filch_local_open(&run.local, run.pool, &local);
    must((result == 0 && run.local) || (result == -ENOMEM && !run.local));
    result = filch_scope_open(&run.scope, run.pool, &scope);
    must(result == 0 || is_want(result));
    run.has_scope = result == 0;
    run_graph(allocator);
}

/* ---- the end ---- */

static struct outcome judge(void)
{
    struct outcome outcome = {0};
    for (int i = 0; i < tasks; i++) {
        struct task *task = &run.task[i];
        int runs = atomic_load(&task->runs), drops = atomic_load(&task->drops), status = filch_wait(&task->future);
        must(runs + drops == task->accepted);
        must(runs ? status == 0 : is_want(status) || (run.cancels && status == -ECANCELED));
        must(!drops || task->dropped_with == status);
        outcome.accepted += task->accepted;
        outcome.refused += !task->accepted;
        outcome.ran += runs;
        outcome.dropped += drops;
    }
    return outcome;
}

static void close_all(void)
{
    int sum = 0;
    if (run.has_scope) {
        int result = filch_scope_close(&run.scope);
        must(may_be(result) && (result == 0) == (atomic_load(&run.errors) == 0));
    }
    if (run.gate)
        must(filch_gate_available(run.gate) == permits && filch_gate_close(run.gate) == 0);
    if (run.local)
        must(filch_local_each(run.local, add_instance, &sum) == 0 && sum == atomic_load(&run.counted));
    filch_local_close(run.local);
}

struct outcome scenario_held_run(const struct scenario *scenario)
{
    memset(&run, 0, sizeof run);
    run.cancels = scenario->mode == FILCH_CLOSE_CANCEL;
    filch_promise_init(&run.promise);
    int opened = filch_pool_open(&run.pool, &scenario->config);
    must(opened == 0 || is_want(opened));
    if (opened != 0) {
        (void)filch_complete(&run.promise, 0);
        return (struct outcome){.open = opened};
    }
    watchdog_pool(run.pool);
    open_all(scenario->config.allocator);
    for (int i = 0; i < tasks; i++)
        submit_task(i, scenario->keep_threads);
    if (!run.cancels)
        must(filch_complete(&run.promise, 0) == 0);
    must(filch_pool_close(run.pool, scenario->mode, FILCH_NO_DEADLINE) == 0);
    (void)filch_complete(&run.promise, 0);
    struct outcome outcome = judge();
    close_all();
    struct filch_pool_stats stats = stats_of(run.pool);
    must(stats.submitted == stats.run + stats.dropped && stats.held == 0);
    watchdog_pool(NULL);
    filch_pool_free(run.pool);
    return outcome;
}
