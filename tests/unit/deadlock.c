/* SPDX-License-Identifier: MIT */
/* deadlock.c - tasks that wait for each other for ever are told of, and no others.
 *
 * Each circle is broken by the callback, or by the test when it has seen it: a cancel interrupts the wait of one task. That
 * nothing is told of is looked at when ticks rest: by then all that wait have been looked at.
 */
#include "support/gates.h"
#include "support/tasks.h"
#include "support/test.h"

#include "deadlock.h"

#include <filch/filch.h>
#include <filch/fork.h>

enum { WAITS = 8, TASKS = 6 };

struct circle;

struct player {
    struct circle *circle;
    filch_fn *wait;
    struct filch_future future;
};

struct circle {
    struct filch_pool *pool;
    struct filch_future *broken; /* what the callback cancels; or NULL */
    uint64_t others;
    atomic_int go, found, seen;
    struct player player[TASKS];
    struct filch_future promise;
    struct filch_scope scope;
    struct filch_graph *graph;
    struct filch_gate *gate;
    sem_t over;
    size_t count; /* of the last report */
    struct filch_deadlock_wait waits[WAITS];
};

static void note(void *ctx, const struct filch_deadlock *deadlock)
{
    struct circle *circle = ctx;
    circle->count = deadlock->count;
    for (size_t i = 0; i < deadlock->count && i < WAITS; i++)
        circle->waits[i] = deadlock->waits[i];
    atomic_fetch_add(&circle->found, 1);
    if (circle->broken)
        (void)filch_cancel(circle->broken);
}

static const struct filch_pool_config as_is;

static void circle_begin(struct circle *circle, struct filch_pool_config config)
{
    memset(circle, 0, sizeof *circle);
    config.stuck_after_ns = FILCH_MS(1);
    config.deadlock = note;
    config.ctx = circle;
    if (!config.max_concurrency)
        config.max_concurrency = 2;
    circle->pool = pool_open(&config);
    filch_promise_init(&circle->promise);
}

static const char *const names[TASKS] = {"a", "b", "c", "d", "e", "f"};

/* Waits as its player does, when all are there; the first one when the others wait, so that it closes the circle. */
static int play(void *data)
{
    struct player *player = data;
    struct circle *circle = player->circle;
    wait_until(atomic_load(&circle->go));
    if (player == &circle->player[0])
        wait_until(stats_of(circle->pool).suspended >= circle->others);
    return player->wait(player->circle);
}

static void add_with(struct circle *circle, int i, filch_fn *wait, struct filch_task_options options)
{
    circle->player[i] = (struct player){.circle = circle, .wait = wait};
    options.name = names[i];
    must(filch_submit_with(circle->pool, &circle->player[i].future, play, &circle->player[i], &options) == 0);
}

static void add(struct circle *circle, int i, filch_fn *wait)
{
    add_with(circle, i, wait, (struct filch_task_options){.flags = 0});
}

static struct filch_future *future_of(struct circle *circle, int i)
{
    return &circle->player[i].future;
}

static int wait_for_player(struct circle *circle, int i)
{
    return filch_wait_until(future_of(circle, i), FILCH_NO_DEADLINE);
}

static int wait_for_a(void *data)
{
    return wait_for_player(data, 0);
}

static int wait_for_b(void *data)
{
    return wait_for_player(data, 1);
}

static int wait_for_c(void *data)
{
    return wait_for_player(data, 2);
}

/* The entry of a task's wait. */
static size_t entry_of(const struct circle *circle, const char *name)
{
    for (size_t i = 0; i < circle->count; i++)
        if (strcmp(circle->waits[i].name, name) == 0)
            return i;
    return SIZE_MAX;
}

static void check_wait(const struct circle *circle, const char *name, enum filch_waits_for waits_for,
                       const char *target)
{
    size_t entry = entry_of(circle, name);
    cr_assert_lt(entry, circle->count);
    const struct filch_deadlock_wait *wait = &circle->waits[entry];
    cr_assert(wait->fn != NULL);
    cr_assert_eq(wait->waits_for, waits_for);
    if (target) {
        cr_assert_str_eq(wait->target_name, target);
        cr_assert(wait->target_fn != NULL);
    } else {
        cr_assert_null(wait->target_name);
        cr_assert_eq(wait->entry, SIZE_MAX);
    }
}

static void check_entry(const struct circle *circle, const char *name, const char *other)
{
    cr_assert_eq(circle->waits[entry_of(circle, name)].entry, entry_of(circle, other));
}

static void circle_end(struct circle *circle, int tasks)
{
    for (int i = 0; i < tasks; i++)
        (void)filch_wait(future_of(circle, i));
    pool_end(circle->pool);
}

/* Found and broken by the callback: `a` is cancelled, the others go on. */
static void play_out(struct circle *circle, int tasks)
{
    circle->broken = future_of(circle, 0);
    circle->others = (uint64_t)tasks - 1;
    atomic_store(&circle->go, 1);
    for (int i = 0; i < tasks; i++)
        (void)filch_wait(future_of(circle, i));
    cr_assert_eq(filch_status(future_of(circle, 0)), -ECANCELED);
    cr_assert_eq(atomic_load(&circle->found), 1);
    cr_assert_eq(stats_of(circle->pool).deadlocks, 1);
    cr_assert_eq(circle->count, (size_t)tasks);
}

/* ---- circles ---- */

Test(deadlock, two_that_wait_for_each_other, .timeout = TEST_TIMEOUT)
{
    static struct circle circle;
    circle_begin(&circle, as_is);
    add(&circle, 0, wait_for_b);
    add(&circle, 1, wait_for_a);
    play_out(&circle, 2);
    check_wait(&circle, "a", FILCH_WAITS_FOR_TASK, "b");
    check_wait(&circle, "b", FILCH_WAITS_FOR_TASK, "a");
    check_entry(&circle, "a", "b");
    check_entry(&circle, "b", "a");
    circle_end(&circle, 2);
}

Test(deadlock, three_and_one_behind_them, .timeout = TEST_TIMEOUT)
{
    static struct circle circle;
    circle_begin(&circle, as_is);
    add(&circle, 0, wait_for_b);
    add(&circle, 1, wait_for_c);
    add(&circle, 2, wait_for_a);
    add(&circle, 3, wait_for_b);
    play_out(&circle, 4);
    check_entry(&circle, "a", "b");
    check_entry(&circle, "b", "c");
    check_entry(&circle, "c", "a");
    check_entry(&circle, "d", "b");
    circle_end(&circle, 4);
}

Test(deadlock, threads_of_their_own, .timeout = TEST_TIMEOUT)
{
    static struct circle circle;
    circle_begin(&circle, as_is);
    add_with(&circle, 0, wait_for_b, (struct filch_task_options){.flags = FILCH_TASK_OWN_THREAD});
    add_with(&circle, 1, wait_for_a, (struct filch_task_options){.flags = FILCH_TASK_OWN_THREAD});
    play_out(&circle, 2);
    check_entry(&circle, "a", "b");
    check_entry(&circle, "b", "a");
    circle_end(&circle, 2);
}

/* The last one ends, then the others are waited for together. */
static int wait_for_b_c_d(void *data)
{
    struct circle *circle = data;
    struct filch_future *const futures[] = {future_of(circle, 1), future_of(circle, 2), &circle->promise};
    return filch_wait_all(futures, 3, FILCH_NO_DEADLINE);
}

Test(deadlock, one_that_waits_for_all, .timeout = TEST_TIMEOUT)
{
    static struct circle circle;
    circle_begin(&circle, as_is);
    add(&circle, 0, wait_for_b_c_d);
    add(&circle, 1, wait_for_a);
    add(&circle, 2, wait_for_a);
    atomic_store(&circle.go, 1);
    wait_until(stats_of(circle.pool).suspended == 3);
    cr_assert_eq(filch_complete(&circle.promise, 0), 0);
    play_out(&circle, 3);
    check_wait(&circle, "a", FILCH_WAITS_FOR_ALL, NULL);
    check_entry(&circle, "b", "a");
    check_entry(&circle, "c", "a");
    circle_end(&circle, 3);
}

static int wait_for_b_or_c(void *data)
{
    struct circle *circle = data;
    struct filch_future *const futures[] = {future_of(circle, 1), future_of(circle, 2)};
    size_t first;
    return filch_wait_any(futures, 2, FILCH_NO_DEADLINE, &first);
}

Test(deadlock, one_that_waits_for_any, .timeout = TEST_TIMEOUT)
{
    static struct circle circle;
    circle_begin(&circle, as_is);
    add(&circle, 0, wait_for_b_or_c);
    add(&circle, 1, wait_for_a);
    add(&circle, 2, wait_for_a);
    play_out(&circle, 3);
    check_wait(&circle, "a", FILCH_WAITS_FOR_ANY, NULL);
    circle_end(&circle, 3);
}

static int close_scope(void *data)
{
    struct circle *circle = data;
    return filch_scope_close(&circle->scope);
}

Test(deadlock, a_scope_whose_member_waits_for_who_closes_it, .timeout = TEST_TIMEOUT)
{
    static struct circle circle;
    circle_begin(&circle, as_is);
    cr_assert_eq(filch_scope_open(&circle.scope, circle.pool, NULL), 0);
    add_with(&circle, 0, wait_for_b, (struct filch_task_options){.scope = &circle.scope});
    add(&circle, 1, close_scope);
    play_out(&circle, 2);
    check_wait(&circle, "a", FILCH_WAITS_FOR_TASK, "b");
    check_wait(&circle, "b", FILCH_WAITS_FOR_SCOPE, "a");
    check_entry(&circle, "b", "a");
    circle_end(&circle, 2);
}

Test(deadlock, a_scope_inside_it, .timeout = TEST_TIMEOUT)
{
    static struct circle circle;
    struct filch_scope inner;
    circle_begin(&circle, as_is);
    cr_assert_eq(filch_scope_open(&circle.scope, circle.pool, NULL), 0);
    cr_assert_eq(filch_scope_open(&inner, circle.pool, &(struct filch_scope_config){.parent = &circle.scope}), 0);
    add_with(&circle, 0, wait_for_b, (struct filch_task_options){.scope = &inner});
    add(&circle, 1, close_scope);
    circle.broken = future_of(&circle, 0);
    atomic_store(&circle.go, 1);
    wait_until(atomic_load(&circle.found) == 1);
    cr_assert_eq(filch_wait(future_of(&circle, 0)), -ECANCELED);
    cr_assert_eq(filch_scope_close(&inner), -ECANCELED);
    check_wait(&circle, "b", FILCH_WAITS_FOR_SCOPE, "a");
    circle_end(&circle, 2);
}

static int run_graph(void *data)
{
    struct circle *circle = data;
    return filch_graph_run(NULL, circle->graph);
}

Test(deadlock, a_graph_whose_node_waits_for_who_waits_for_it, .timeout = TEST_TIMEOUT)
{
    static struct circle circle;
    circle_begin(&circle, as_is);
    cr_assert_eq(filch_graph_open(&circle.graph, NULL), 0);
    cr_assert_eq(filch_graph_add(circle.graph, wait_for_b, &circle, &(struct filch_graph_task){.name = "node"}, NULL),
                 0);
    add(&circle, 0, run_graph);
    add(&circle, 1, wait_for_a);
    circle.broken = future_of(&circle, 0);
    atomic_store(&circle.go, 1);
    cr_assert_eq(filch_wait(future_of(&circle, 0)), -ECANCELED);
    cr_assert_eq(circle.count, 3);
    check_wait(&circle, "a", FILCH_WAITS_FOR_GRAPH, "node");
    check_wait(&circle, "node", FILCH_WAITS_FOR_TASK, "b");
    check_entry(&circle, "a", "node");
    check_entry(&circle, "node", "b");
    check_entry(&circle, "b", "a");
    circle_end(&circle, 2);
    cr_assert_eq(filch_graph_close(circle.graph), 0);
}

FILCH_TASK(int, child, (struct circle *, circle))
{
    atomic_store(&circle->seen, 1);
    return wait_for_player(circle, 1);
}

FILCH_TASK(int, parent, (struct circle *, circle))
{
    FILCH_SPAWN(child, circle);
    wait_until(atomic_load(&circle->seen)); /* it is stolen */
    return FILCH_SYNC(child);
}

static int run_parent(void *data)
{
    struct circle *circle = data;
    return FILCH_RUN(NULL, parent, circle);
}

Test(deadlock, a_stolen_child, .timeout = TEST_TIMEOUT)
{
    static struct circle circle;
    circle_begin(&circle, as_is);
    add(&circle, 0, run_parent);
    add(&circle, 1, wait_for_a);
    circle.broken = future_of(&circle, 0);
    atomic_store(&circle.go, 1);
    cr_assert_eq(filch_wait(future_of(&circle, 0)), -ECANCELED);
    cr_assert_eq(circle.count, 3);
    size_t joins = 0;
    for (size_t i = 0; i < 3; i++)
        if (circle.waits[i].waits_for == FILCH_WAITS_FOR_CHILD) { /* both are parts of "a" */
            joins++;
            cr_assert_eq(circle.waits[circle.waits[i].entry].entry, entry_of(&circle, "b"));
        }
    cr_assert_eq(joins, 1);
    circle_end(&circle, 2);
}

Test(deadlock, behind_a_task_that_is_held, .timeout = TEST_TIMEOUT)
{
    static struct circle circle;
    circle_begin(&circle, as_is);
    add(&circle, 0, wait_for_c);
    add(&circle, 1, wait_for_a);
    add_with(
        &circle, 3, wait_for_a,
        (struct filch_task_options){.after = (struct filch_future *const[]){future_of(&circle, 1)}, .after_count = 1});
    add_with(
        &circle, 2, wait_for_a,
        (struct filch_task_options){.after = (struct filch_future *const[]){future_of(&circle, 3)}, .after_count = 1});
    circle.broken = future_of(&circle, 0);
    atomic_store(&circle.go, 1);
    cr_assert_eq(filch_wait(future_of(&circle, 0)), -ECANCELED);
    cr_assert_eq(circle.count, 2);
    check_wait(&circle, "a", FILCH_WAITS_FOR_TASK, "c");
    check_entry(&circle, "a", "b");
    check_entry(&circle, "b", "a");
    circle_end(&circle, 4);
}

static int block_then_wait(void *data)
{
    struct circle *circle = data;
    wait_until(atomic_load(&circle->seen));
    return wait_for_player(circle, 1);
}

static int wait_in_blocking(void *data)
{
    return filch_blocking(block_then_wait, data);
}

static bool rests(const struct circle *circle)
{
    return filch__load_seq_cst(&circle->pool->watching) == FILCH__WATCHING_RESTS;
}

Test(deadlock, a_wait_in_a_blocking_call_that_begins_when_ticks_rest, .timeout = TEST_TIMEOUT)
{
    static struct circle circle;
    circle_begin(&circle, as_is);
    add(&circle, 0, wait_in_blocking);
    add(&circle, 1, wait_for_a);
    atomic_store(&circle.go, 1);
    wait_until(stats_of(circle.pool).suspended == 2 && rests(&circle));
    cr_assert_eq(atomic_load(&circle.found), 0);
    circle.broken = future_of(&circle, 0);
    atomic_store(&circle.seen, 1);
    cr_assert_eq(filch_wait(future_of(&circle, 0)), -ECANCELED);
    check_entry(&circle, "a", "b");
    circle_end(&circle, 2);
}

static int run_until_found(void *data)
{
    struct circle *circle = data;
    wait_until(atomic_load(&circle->found));
    return 0;
}

Test(deadlock, two_that_wait_while_another_runs, .timeout = TEST_TIMEOUT)
{
    static struct circle circle;
    circle_begin(&circle, as_is);
    circle.broken = future_of(&circle, 0);
    add(&circle, 0, wait_for_b);
    add(&circle, 1, wait_for_a);
    add(&circle, 2, run_until_found);
    atomic_store(&circle.go, 1);
    cr_assert_eq(filch_wait(future_of(&circle, 2)), 0);
    cr_assert_eq(circle.count, 2);
    check_entry(&circle, "a", "b");
    circle_end(&circle, 3);
}

/* ---- reports ---- */

static void await_rest(struct circle *circle)
{
    wait_until(rests(circle));
}

static void run_another(struct circle *circle)
{
    struct filch_future future = {{0}};
    must(filch_submit(circle->pool, &future, nothing, NULL) == 0);
    must(filch_wait(&future) == 0);
    await_rest(circle);
}

Test(deadlock, a_set_is_told_once_and_a_larger_one_again, .timeout = TEST_TIMEOUT)
{
    static struct circle circle;
    circle_begin(&circle, as_is);
    add(&circle, 0, wait_for_b);
    add(&circle, 1, wait_for_a);
    atomic_store(&circle.go, 1);
    wait_until(atomic_load(&circle.found) == 1);
    for (int i = 0; i < 5; i++)
        run_another(&circle);
    cr_assert_eq(atomic_load(&circle.found), 1);
    add(&circle, 2, wait_for_a);
    wait_until(atomic_load(&circle.found) == 2);
    cr_assert_eq(circle.count, 3);
    run_another(&circle);
    cr_assert_eq(atomic_load(&circle.found), 2);
    cr_assert_eq(stats_of(circle.pool).deadlocks, 2);
    cr_assert_eq(filch_cancel(future_of(&circle, 0)), -EINPROGRESS);
    circle_end(&circle, 3);
}

Test(deadlock, without_a_callback_it_is_counted_and_dumped, .timeout = TEST_TIMEOUT)
{
    static struct circle circle;
    circle_begin(&circle, as_is);
    pool_end(circle.pool);
    circle.pool = pool_open(&(struct filch_pool_config){.max_concurrency = 2, .stuck_after_ns = 1});
    add(&circle, 0, wait_for_b);
    add(&circle, 1, wait_for_a);
    atomic_store(&circle.go, 1);
    wait_until(stats_of(circle.pool).deadlocks == 1);
    char text[8192];
    FILE *out = fmemopen(text, sizeof text, "w");
    must(out != NULL && filch_pool_dump(circle.pool, out) == 0 && fclose(out) == 0);
    cr_assert_not_null(strstr(text, "1 deadlocks"));
    const char *line = strstr(text, "task \"a\" (");
    cr_assert_not_null(line);
    cr_assert_not_null(strstr(line, ", for a task \"b\" ("));
    cr_assert_eq(filch_cancel(future_of(&circle, 0)), -EINPROGRESS);
    circle_end(&circle, 2);
}

/* ---- no circles ---- */

/* All of them wait, and were looked at. */
static void check_nothing(struct circle *circle, uint64_t waiting)
{
    atomic_store(&circle->go, 1);
    wait_until(stats_of(circle->pool).suspended == waiting && rests(circle));
    cr_assert_eq(atomic_load(&circle->found), 0);
    cr_assert_eq(stats_of(circle->pool).deadlocks, 0);
}

static int wait_for_promise(void *data)
{
    struct circle *circle = data;
    return filch_wait(&circle->promise);
}

Test(deadlock, a_promise_may_be_kept, .timeout = TEST_TIMEOUT)
{
    static struct circle circle;
    circle_begin(&circle, as_is);
    add(&circle, 0, wait_for_b);
    add(&circle, 1, wait_for_promise);
    check_nothing(&circle, 2);
    cr_assert_eq(filch_complete(&circle.promise, 0), 0);
    circle_end(&circle, 2);
    cr_assert_eq(filch_status(future_of(&circle, 0)), 0);
}

static int wait_for_b_or_promise(void *data)
{
    struct circle *circle = data;
    struct filch_future *const futures[] = {future_of(circle, 1), &circle->promise};
    size_t first;
    return filch_wait_any(futures, 2, FILCH_NO_DEADLINE, &first);
}

Test(deadlock, one_of_several_may_be_kept, .timeout = TEST_TIMEOUT)
{
    static struct circle circle;
    circle_begin(&circle, as_is);
    add(&circle, 0, wait_for_b_or_promise);
    add(&circle, 1, wait_for_a);
    check_nothing(&circle, 2);
    cr_assert_eq(filch_complete(&circle.promise, 0), 0);
    circle_end(&circle, 2);
}

static int wait_for_b_late(void *data)
{
    struct circle *circle = data;
    return filch_wait_until(future_of(circle, 1), filch_in_ns(FILCH_S(3600)));
}

Test(deadlock, a_deadline_may_come, .timeout = TEST_TIMEOUT)
{
    static struct circle circle;
    circle_begin(&circle, as_is);
    add(&circle, 0, wait_for_b_late);
    add(&circle, 1, wait_for_a);
    check_nothing(&circle, 2);
    cr_assert_eq(filch_cancel(future_of(&circle, 0)), -EINPROGRESS);
    circle_end(&circle, 2);
}

Test(deadlock, a_time_out_may_come, .timeout = TEST_TIMEOUT)
{
    static struct circle circle;
    circle_begin(&circle, as_is);
    add_with(&circle, 0, wait_for_b, (struct filch_task_options){.timeout_ns = FILCH_S(3600)});
    add(&circle, 1, wait_for_a);
    check_nothing(&circle, 2);
    cr_assert_eq(filch_cancel(future_of(&circle, 0)), -EINPROGRESS);
    circle_end(&circle, 2);
}

static void check_scope(const struct filch_scope_config *config)
{
    static struct circle circle;
    circle_begin(&circle, as_is);
    cr_assert_eq(filch_scope_open(&circle.scope, circle.pool, config), 0);
    add_with(&circle, 0, wait_for_b, (struct filch_task_options){.scope = &circle.scope});
    add(&circle, 1, wait_for_a);
    check_nothing(&circle, 2);
    filch_scope_cancel(&circle.scope);
    cr_assert_eq(filch_scope_close(&circle.scope), -ECANCELED);
    circle_end(&circle, 2);
}

Test(deadlock, a_scope_may_stop_its_tasks, .timeout = TEST_TIMEOUT)
{
    check_scope(&(struct filch_scope_config){.timeout_ns = FILCH_S(3600)});
    check_scope(&(struct filch_scope_config){.policy = FILCH_SCOPE_FAIL_FAST});
}

Test(deadlock, a_task_of_another_pool_may_end, .timeout = TEST_TIMEOUT)
{
    static struct circle circle, other;
    circle_begin(&circle, as_is);
    circle_begin(&other, as_is);
    struct filch_pool *own = circle.pool;
    add(&circle, 0, wait_for_b);
    circle.pool = other.pool;
    add(&circle, 1, wait_for_promise);
    circle.pool = own;
    check_nothing(&circle, 1);
    cr_assert_eq(filch_complete(&circle.promise, 0), 0);
    (void)filch_wait(future_of(&circle, 1));
    watchdog_pool(NULL);
    pool_end(other.pool);
    circle_end(&circle, 1);
}

static int enter_gate(void *data)
{
    struct circle *circle = data;
    int r = filch_gate_enter(circle->gate, FILCH_NO_DEADLINE);
    if (!r)
        filch_gate_leave(circle->gate);
    return r;
}

Test(deadlock, a_gate_may_be_left, .timeout = TEST_TIMEOUT)
{
    static struct circle circle;
    circle_begin(&circle, as_is);
    circle.gate = gate_of(1);
    cr_assert_eq(filch_gate_enter(circle.gate, 0), 0);
    add(&circle, 0, wait_for_b);
    add(&circle, 1, enter_gate);
    check_nothing(&circle, 2);
    filch_gate_leave(circle.gate);
    circle_end(&circle, 2);
    cr_assert_eq(filch_gate_close(circle.gate), 0);
}

static int complete_when_seen(void *data)
{
    struct circle *circle = data;
    wait_until(atomic_load(&circle->seen));
    return 0;
}

static int blocking_call(void *data)
{
    return filch_blocking(complete_when_seen, data);
}

Test(deadlock, a_blocking_call_may_return, .timeout = TEST_TIMEOUT)
{
    static struct circle circle;
    circle_begin(&circle, as_is);
    add(&circle, 0, wait_for_b);
    add(&circle, 1, blocking_call);
    check_nothing(&circle, 2);
    atomic_store(&circle.seen, 1);
    circle_end(&circle, 2);
}

Test(deadlock, a_held_task_may_begin, .timeout = TEST_TIMEOUT)
{
    static struct circle circle;
    circle_begin(&circle, as_is);
    add(&circle, 0, wait_for_c);
    add_with(&circle, 2, wait_for_promise,
             (struct filch_task_options){.after = (struct filch_future *const[]){&circle.promise}, .after_count = 1});
    check_nothing(&circle, 1);
    cr_assert_eq(filch_complete(&circle.promise, 0), 0);
    (void)filch_wait(future_of(&circle, 2));
    circle_end(&circle, 1);
}

/* ---- a search that is stopped, while everything changes ---- */

/* The searching thread stops at one of the allocations that it makes between its passes. */
static struct stop {
    atomic_long thread;
    atomic_int calls, at;
    sem_t stopped, go_on;
} stop;

static void *get(void *ctx, size_t size)
{
    (void)ctx;
    if (atomic_load(&stop.thread) == thread_id() && atomic_fetch_add(&stop.calls, 1) + 1 == atomic_load(&stop.at)) {
        sem_post(&stop.stopped);
        sem_take(&stop.go_on);
    }
    return malloc(size);
}

static void put(void *ctx, void *memory, size_t size)
{
    (void)ctx, (void)size;
    free(memory);
}

static const struct filch_allocator stopping = {.alloc = get, .free = put};

static void *search(void *data)
{
    struct circle *circle = data;
    struct filch_deadlock deadlock;
    atomic_store(&stop.thread, thread_id());
    enum filch__deadlock found = filch__deadlock_find(circle->pool, &deadlock);
    atomic_store(&stop.thread, 0);
    if (found == FILCH__DEADLOCK_FOUND)
        filch__deadlock_free(circle->pool, &deadlock);
    atomic_store(&circle->found, found);
    sem_post(&stop.stopped);
    return NULL;
}

/* When it is cancelled, it waits on, on the same strand: for a task of another pool, which does not listen. */
static int wait_for_b_then_for_c(void *data)
{
    int status = wait_for_b(data);
    (void)filch_wait(future_of(data, 2));
    return status;
}

static int be_awaited(void *data)
{
    struct circle *circle = data;
    sem_take(&circle->over);
    return 0;
}

static void begin_waits(struct circle *circle, filch_fn *a, filch_fn *b)
{
    atomic_store(&circle->go, 0);
    add(circle, 0, a);
    add(circle, 1, b);
    atomic_store(&circle->go, 1);
    wait_until(stats_of(circle->pool).suspended == 2);
}

/* Nobody ends for it. */
static void go_on_waiting(struct circle *circle)
{
    uint64_t suspensions = stats_of(circle->pool).suspensions;
    cr_assert_eq(filch_cancel(future_of(circle, 0)), -EINPROGRESS);
    wait_until(stats_of(circle->pool).suspensions == suspensions + 1);
}

/* Both end, and others wait on their strands, by the same calls, in a chain. */
static void become_a_chain(struct circle *circle)
{
    cr_assert_eq(filch_cancel(future_of(circle, 0)), -EINPROGRESS);
    sem_post(&circle->over);
    for (int i = 0; i < 3; i++)
        (void)filch_wait(future_of(circle, i));
    circle->player[2].future = (struct filch_future){{0}};
    filch_promise_init(future_of(circle, 2));
    begin_waits(circle, wait_for_b, wait_for_c);
}

/* Stopped at allocation `at`, the circle is broken, in one of two ways. Not broken, it is found. False: there are not so
 * many allocations. */
static bool check_search(int at, void (*break_it)(struct circle *circle))
{
    static struct circle circle;
    struct filch_pool *other = pool_of(1);
    memset(&circle, 0, sizeof circle);
    must(sem_init(&stop.stopped, 0, 0) == 0 && sem_init(&stop.go_on, 0, 0) == 0 && sem_init(&circle.over, 0, 0) == 0);
    atomic_store(&stop.calls, 0);
    atomic_store(&stop.at, at);
    circle.pool = other;
    atomic_store(&circle.go, 1);
    add(&circle, 2, be_awaited);
    circle.pool = pool_open(&(struct filch_pool_config){.max_concurrency = 1, .allocator = &stopping});
    begin_waits(&circle, wait_for_b_then_for_c, wait_for_a);
    pthread_t thread = thread_start(search, &circle);
    sem_take(&stop.stopped);
    bool stopped = atomic_load(&stop.thread);
    if (break_it)
        break_it(&circle);
    sem_post(&stop.go_on);
    thread_join(thread);
    if (stopped)
        cr_assert_eq(atomic_load(&circle.found) == FILCH__DEADLOCK_FOUND, !break_it, "at %d", at);
    (void)filch_complete(future_of(&circle, 2), 0);
    (void)filch_cancel(future_of(&circle, 0));
    sem_post(&circle.over);
    for (int i = 0; i < 3; i++)
        (void)filch_wait(future_of(&circle, i));
    pool_end(circle.pool);
    pool_end(other);
    return stopped;
}

Test(deadlock, what_changes_during_a_search_is_not_found, .timeout = TEST_TIMEOUT)
{
    int at = 1;
    while (check_search(at, NULL))
        at++;
    cr_assert_gt(at, 6);
    for (int i = 1; i < at - 1; i++) { /* the last one is for the report */
        (void)check_search(i, go_on_waiting);
        (void)check_search(i, become_a_chain);
    }
}
