/* SPDX-License-Identifier: MIT */
/* gate_option.c - tasks whose options name a gate: its permit is theirs from start to end. */
#include "support/tasks.h"
#include "support/test.h"

static struct filch_gate *gate_of(unsigned permits)
{
    struct filch_gate *gate = NULL;
    cr_assert_eq(filch_gate_open(&gate, permits), 0);
    return gate;
}

static void gate_end(struct filch_gate *gate)
{
    cr_assert_eq(filch_gate_close(gate), 0);
}

/* What runs under the gate counts itself, and waits in the middle. */
struct class {
    struct meter meter;
    struct filch_pool *pool;
    atomic_int order;
};

static int meets_others(void *data)
{
    struct class *class = data;
    struct filch_future inner = {{0}};
    meter_enter(&class->meter);
    cr_assert_eq(filch_submit(class->pool, &inner, nothing, NULL), 0);
    cr_assert_eq(filch_wait(&inner), 0); /* the permit is held meanwhile */
    meter_leave(&class->meter);
    return 0;
}

Test(gate_option, it_bounds_tasks_in_progress_across_their_waits, .timeout = TEST_TIMEOUT)
{
    enum { TASKS = 2000 };
    struct filch_pool *one = pool_of(2), *two = pool_of(2);
    struct filch_gate *gate = gate_of(3);
    struct class class = {.pool = one};
    struct filch_future *futures = calloc(TASKS, sizeof *futures);
    struct filch_task_options options = {.gate = gate};
    for (int i = 0; i < TASKS; i++)
        cr_assert_eq(filch_submit_with(i % 3 ? one : two, &futures[i], meets_others, &class, &options), 0);
    for (int i = 0; i < TASKS; i++)
        cr_assert_eq(filch_wait(&futures[i]), 0);
    cr_assert_leq(atomic_load(&class.meter.high), 3);
    cr_assert_eq(filch_gate_available(gate), 3, "they come back before the futures are done");
    gate_end(gate);
    pool_end(one);
    pool_end(two);
    free(futures);
}

Test(gate_option, without_a_permit_a_task_occupies_no_worker, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct filch_gate *gate = gate_of(0);
    struct filch_future gated[10] = {{{0}}}, free_one = {{0}};
    struct filch_task_options options = {.gate = gate};
    atomic_int runs = 0, others = 0;
    for (int i = 0; i < 10; i++)
        cr_assert_eq(filch_submit_with(pool, &gated[i], count_up, &runs, &options), 0);
    cr_assert_eq(filch_submit(pool, &free_one, count_up, &others), 0);
    cr_assert_eq(filch_wait(&free_one), 0);
    cr_assert_eq(atomic_load(&runs), 0);
    cr_assert_eq(stats_of(pool).held, 10);
    cr_assert_eq(filch_gate_close(gate), -EBUSY);
    cr_assert_eq(filch_gate_resize(gate, 2), 0);
    for (int i = 0; i < 10; i++)
        cr_assert_eq(filch_wait(&gated[i]), 0);
    cr_assert_eq(atomic_load(&runs), 10);
    gate_end(gate);
    pool_end(pool);
}

Test(gate_option, a_paused_gate_keeps_nobody_from_being_cancelled, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct filch_gate *gate = gate_of(0);
    struct filch_scope scope;
    struct filch_future one = {{0}}, in_scope = {{0}}, at_close = {{0}};
    struct filch_task_options options = {.gate = gate};
    atomic_int runs = 0;
    cr_assert_eq(filch_submit_with(pool, &one, count_up, &runs, &options), 0);
    cr_assert_eq(filch_cancel(&one), 0);
    cr_assert_eq(filch_wait(&one), -ECANCELED);

    cr_assert_eq(filch_scope_open(&scope, pool, NULL), 0);
    cr_assert_eq(filch_scope_submit(&scope, &in_scope, count_up, &runs, &options), 0);
    filch_scope_cancel(&scope);
    cr_assert_eq(filch_scope_close(&scope), -ECANCELED);
    cr_assert_eq(filch_status(&in_scope), -ECANCELED);

    cr_assert_eq(filch_submit_with(pool, &at_close, count_up, &runs, &options), 0);
    cr_assert_eq(filch_pool_close(pool, FILCH_CLOSE_CANCEL, FILCH_NO_DEADLINE), 0);
    cr_assert_eq(filch_status(&at_close), -ECANCELED);
    cr_assert_eq(atomic_load(&runs), 0);
    gate_end(gate);
    watchdog_pool(NULL);
    filch_pool_free(pool);
}

static int note_order(void *data)
{
    struct class *class = ((void **)data)[0];
    *(int *)((void **)data)[1] = atomic_fetch_add(&class->order, 1);
    return 0;
}

Test(gate_option, first_come_first_served, .timeout = TEST_TIMEOUT)
{
    enum { TASKS = 100 };
    struct filch_pool *pool = pool_of(1);
    struct filch_gate *gate = gate_of(0);
    struct class class = {.pool = pool};
    static struct filch_future futures[TASKS];
    static int order[TASKS];
    static void *data[TASKS][2];
    struct filch_task_options options = {.gate = gate};
    memset(futures, 0, sizeof futures);
    for (int i = 0; i < TASKS; i++) {
        data[i][0] = &class;
        data[i][1] = &order[i];
        cr_assert_eq(filch_submit_with(pool, &futures[i], note_order, data[i], &options), 0);
    }
    cr_assert_eq(filch_gate_resize(gate, 1), 0);
    for (int i = 0; i < TASKS; i++)
        cr_assert_eq(filch_wait(&futures[i]), 0);
    for (int i = 0; i < TASKS; i++)
        cr_assert_eq(order[i], i);
    gate_end(gate);
    pool_end(pool);
}

Test(gate_option, predecessors_first_then_the_gate, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct filch_gate *gate = gate_of(1);
    struct filch_future begin = {{0}}, task = {{0}}, dropped = {{0}}, *after[] = {&begin};
    struct filch_task_options options = {.gate = gate, .after = after, .after_count = 1};
    atomic_int runs = 0;
    filch_promise_init(&begin);
    cr_assert_eq(filch_submit_with(pool, &task, count_up, &runs, &options), 0);
    cr_assert_eq(filch_gate_available(gate), 1, "none is held while it waits for others");
    cr_assert_eq(filch_complete(&begin, 0), 0);
    cr_assert_eq(filch_wait(&task), 0);

    filch_promise_init(&begin);
    cr_assert_eq(filch_gate_resize(gate, 0), 0);
    cr_assert_eq(filch_submit_with(pool, &dropped, count_up, &runs, &options), 0);
    cr_assert_eq(filch_complete(&begin, -EIO), 0);
    cr_assert_eq(filch_wait(&dropped), -EIO, "needs no permit in order not to run");
    cr_assert_eq(atomic_load(&runs), 1);
    gate_end(gate);
    pool_end(pool);
}
