/* SPDX-License-Identifier: MIT */
/* deadlock.c - tasks that wait for each other for ever are told of, once, with who waits for whom. */
#include "support/circles.h"
#include "support/test.h"

#include <filch/fork.h>

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

/* Found and broken by the callback: `a` is cancelled, the others go on. */
static void await_break(struct circle *circle)
{
    circle->broken = future_of(circle, 0);
    atomic_store(&circle->go, 1);
    cr_assert_eq(filch_wait(future_of(circle, 0)), -ECANCELED);
}

static void play_out(struct circle *circle, int tasks)
{
    circle->others = (uint64_t)tasks - 1;
    await_break(circle);
    for (int i = 1; i < tasks; i++)
        (void)filch_wait(future_of(circle, i));
    cr_assert_eq(atomic_load(&circle->found), 1);
    cr_assert_eq(stats_of(circle->pool).deadlocks, 1);
    cr_assert_eq(circle->count, (size_t)tasks);
}

/* ---- circles ---- */

Test(deadlock, two_that_wait_for_each_other, .timeout = TEST_TIMEOUT)
{
    static struct circle circle;
    circle_of(&circle, wait_for_b, wait_for_a);
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
    circle_of(&circle, wait_for_b, wait_for_c);
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
    circle_begin(&circle);
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
    circle_of(&circle, wait_for_b_c_d, wait_for_a);
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
    circle_of(&circle, wait_for_b_or_c, wait_for_a);
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
    circle_begin(&circle);
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
    circle_begin(&circle);
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
    circle_begin(&circle);
    cr_assert_eq(filch_graph_open(&circle.graph, NULL), 0);
    cr_assert_eq(filch_graph_add(circle.graph, wait_for_b, &circle, &(struct filch_graph_task){.name = "node"}, NULL),
                 0);
    add(&circle, 0, run_graph);
    add(&circle, 1, wait_for_a);
    await_break(&circle);
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
    circle_of(&circle, run_parent, wait_for_a);
    await_break(&circle);
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
    circle_of(&circle, wait_for_c, wait_for_a);
    add_after(&circle, 3, wait_for_a, future_of(&circle, 1));
    add_after(&circle, 2, wait_for_a, future_of(&circle, 3));
    await_break(&circle);
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

Test(deadlock, a_wait_in_a_blocking_call_that_begins_when_ticks_rest, .timeout = TEST_TIMEOUT)
{
    static struct circle circle;
    circle_of(&circle, wait_in_blocking, wait_for_a);
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
    circle_begin(&circle);
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
    circle_of(&circle, wait_for_b, wait_for_a);
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
    circle_begin(&circle);
    pool_end(circle.pool);
    circle.pool = pool_open(&(struct filch_pool_config){.max_concurrency = 2, .stuck_after_ns = 1});
    add(&circle, 0, wait_for_b);
    add(&circle, 1, wait_for_a);
    atomic_store(&circle.go, 1);
    wait_until(stats_of(circle.pool).deadlocks == 1);
    char *text = dump_of(circle.pool);
    cr_assert_not_null(strstr(text, "1 deadlocks"));
    const char *line = strstr(text, "task \"a\" (");
    cr_assert_not_null(line);
    cr_assert_not_null(strstr(line, ", for a task \"b\" ("));
    free(text);
    cr_assert_eq(filch_cancel(future_of(&circle, 0)), -EINPROGRESS);
    circle_end(&circle, 2);
}
