/* SPDX-License-Identifier: MIT */
/* forkjoin_run.c - FILCH_RUN and FILCH_TRY_RUN from everywhere: threads, tasks, functions inside typed tasks, other
 * pools, the default pool, and pools that refuse.
 */
#include "support/tasks.h"
#include "support/test.h"

#include <filch/fork.h>

FILCH_TASK(long, fib, (int, n))
{
    if (n < 2)
        return n;
    FILCH_SPAWN(fib, n - 1);
    long below = FILCH_CALL(fib, n - 2);
    return FILCH_SYNC(fib) + below;
}

FILCH_TASK(struct filch_pool *, where)
{
    return filch_pool_current();
}

FILCH_TASK(long, which_thread)
{
    return thread_id();
}

Test(forkjoin_run, from_outside, .timeout = TEST_TIMEOUT)
{
    for (unsigned limit = 1; limit <= 4; limit++) {
        struct filch_pool *pool = pool_of(limit);
        for (int i = 0; i < 50; i++)
            cr_assert_eq(FILCH_RUN(pool, fib, 15), 610);
        cr_assert_eq(FILCH_RUN(pool, fib, 25), 75025);
        cr_assert_eq(FILCH_RUN(pool, where), pool);
        cr_assert_neq(FILCH_RUN(pool, which_thread), thread_id());
        cr_assert_eq(filch_pool_current(), NULL);
        cr_assert_eq(stats_of(pool).submitted, 53, "one task a root");
        pool_end(pool);
    }
}

static void *run_ten_times(void *data)
{
    for (int i = 0; i < 10; i++)
        must(FILCH_RUN(data, fib, 18) == 2584);
    return NULL;
}

Test(forkjoin_run, from_many_threads, .timeout = TEST_TIMEOUT)
{
    enum { threads = 8 };
    struct filch_pool *pool = pool_of(3);
    pthread_t thread[threads];
    for (int i = 0; i < threads; i++)
        thread[i] = thread_start(run_ten_times, pool);
    for (int i = 0; i < threads; i++)
        thread_join(thread[i]);
    pool_end(pool);
}

Test(forkjoin_run, on_the_default_pool, .timeout = TEST_TIMEOUT)
{
    cr_assert_eq(FILCH_RUN(NULL, fib, 20), 6765);
    cr_assert_eq(FILCH_RUN(NULL, where), filch_pool_default());
    int status = 1;
    cr_assert_eq(FILCH_TRY_RUN(&status, NULL, fib, 10), 55);
    cr_assert_eq(status, 0);
}

/* ---- inside tasks ---- */

static int run_fib(void *data)
{
    long thread = thread_id();
    must(FILCH_RUN(NULL, which_thread) == thread); /* a call */
    return (int)FILCH_RUN(NULL, fib, *(int *)data);
}

static int run_fib_by_name(void *data)
{
    return (int)FILCH_RUN(filch_pool_current(), fib, *(int *)data);
}

Test(forkjoin_run, inside_a_task, .timeout = TEST_TIMEOUT)
{
    for (unsigned limit = 1; limit <= 3; limit++) {
        enum { count = 40 };
        struct filch_pool *pool = pool_of(limit);
        struct filch_future futures[count] = {{{0}}};
        int n = 15;
        for (int i = 0; i < count; i++)
            cr_assert_eq(filch_submit(pool, &futures[i], i % 2 ? run_fib : run_fib_by_name, &n), 0);
        for (int i = 0; i < count; i++)
            cr_assert_eq(filch_wait(&futures[i]), 610);
        cr_assert_eq(stats_of(pool).submitted, count);
        pool_end(pool);
    }
}

Test(forkjoin_run, inside_a_task_with_its_own_thread, .timeout = TEST_TIMEOUT)
{
    const struct filch_task_options options = {.flags = FILCH_TASK_OWN_THREAD};
    for (unsigned limit = 1; limit <= 3; limit++) {
        enum { count = 20 };
        struct filch_pool *pool = pool_of(limit);
        struct filch_future futures[count] = {{{0}}};
        int n = 18;
        for (int i = 0; i < count; i++)
            cr_assert_eq(filch_submit_with(pool, &futures[i], run_fib, &n, i % 2 ? &options : NULL), 0);
        for (int i = 0; i < count; i++)
            cr_assert_eq(filch_wait(&futures[i]), 2584);
        pool_end(pool);
    }
}

/* A function that knows nothing of its caller's children: the head is where they end. */
static long plainly(int depth, int width);

FILCH_TASK(long, count_nodes, (int, depth), (int, width))
{
    return plainly(depth, width);
}

FILCH_TASK(long, spawn_around, (int, depth), (int, width))
{
    long sum = 1;
    for (int i = 0; i < width; i++)
        FILCH_SPAWN(count_nodes, depth - 1, i % 3);
    sum += plainly(depth - 1, width / 2); /* with `width` children below */
    for (int i = 0; i < width; i++)
        sum += FILCH_SYNC(count_nodes);
    return sum;
}

static long plainly(int depth, int width)
{
    return depth <= 0 ? 1 : FILCH_RUN(NULL, spawn_around, depth, width);
}

static long count_serially(int depth, int width)
{
    if (depth <= 0)
        return 1;
    long sum = 1 + count_serially(depth - 1, width / 2);
    for (int i = 0; i < width; i++)
        sum += count_serially(depth - 1, i % 3);
    return sum;
}

Test(forkjoin_run, from_a_plain_function_inside_a_typed_task, .timeout = TEST_TIMEOUT)
{
    for (unsigned limit = 1; limit <= 4; limit++) {
        struct filch_pool *pool = pool_of(limit);
        for (int width = 0; width <= 300; width += width < 5 ? 1 : 59)
            for (int depth = 1; depth <= 6; depth++)
                cr_assert_eq(FILCH_RUN(pool, spawn_around, depth, width), count_serially(depth, width));
        pool_end(pool);
    }
}

/* ---- typed task, function, FILCH_RUN, typed task, wait: children below and children above ---- */

static int give_later(void *data)
{
    return *(int *)data + 1;
}

FILCH_TASK(int, wait_inside, (int, value))
{
    struct filch_future future = {0};
    FILCH_SPAWN(fib, 10);
    FILCH_SPAWN(fib, 11);
    must(filch_submit(NULL, &future, give_later, &value) == 0);
    int status = filch_wait(&future);
    must(FILCH_SYNC(fib) == 89);
    must(FILCH_SYNC(fib) == 55);
    return status;
}

static int function_between(int value)
{
    return FILCH_RUN(NULL, wait_inside, value);
}

FILCH_TASK(int, wait_below, (int, value), (int, depth))
{
    FILCH_SPAWN(fib, 12);
    FILCH_SPAWN(wait_inside, value);
    int sum = function_between(value);
    if (depth)
        FILCH_SPAWN(wait_below, value, depth - 1);
    sum += function_between(value);
    if (depth)
        sum += FILCH_SYNC(wait_below);
    sum += FILCH_SYNC(wait_inside);
    must(FILCH_SYNC(fib) == 144);
    return sum;
}

Test(forkjoin_run, with_waits_above_unsynced_children, .timeout = TEST_TIMEOUT)
{
    for (unsigned limit = 1; limit <= 4; limit++) {
        struct filch_pool *pool = pool_of(limit);
        for (int i = 0; i < TEST_SHARE(100); i++)
            cr_assert_eq(FILCH_RUN(pool, wait_below, 4, 5), 6 * 15);
        cr_assert_gt(stats_of(pool).suspensions, 0);
        pool_end(pool);
    }
}

/* ---- several pools ---- */

FILCH_TASK(long, to_and_fro, (struct filch_pool *, here), (struct filch_pool *, there), (int, n))
{
    must(filch_pool_current() == here);
    if (n == 0)
        return 0;
    FILCH_SPAWN(fib, n);
    long far = FILCH_RUN(there, to_and_fro, there, here, n - 1);
    must(filch_pool_current() == here);
    return FILCH_SYNC(fib) + far;
}

Test(forkjoin_run, in_another_pool_and_back, .timeout = TEST_TIMEOUT)
{
    for (unsigned limit = 1; limit <= 3; limit++) {
        struct filch_pool *here = pool_of(limit), *there = pool_of(3 - limit / 2);
        for (int i = 0; i < TEST_SHARE(50); i++)
            cr_assert_eq(FILCH_RUN(here, to_and_fro, here, there, 15), 1596);
        pool_end(here);
        pool_end(there);
    }
}

Test(forkjoin_run, in_many_pools_at_once, .timeout = TEST_TIMEOUT)
{
    enum { pools = 12 };
    struct filch_pool *pool[pools];
    pthread_t thread[pools];
    for (int i = 0; i < pools; i++)
        pool[i] = pool_of((unsigned)i % 4 + 1);
    for (int i = 0; i < pools; i++)
        thread[i] = thread_start(run_ten_times, pool[i]);
    for (int i = 0; i < pools; i++)
        thread_join(thread[i]);
    for (int i = 0; i < pools; i++)
        pool_end(pool[i]);
}

/* ---- pools that refuse ---- */

/* The calling thread runs it, with all that is below it. */
FILCH_TASK(int, all_here, (long, thread), (int, depth))
{
    must(thread_id() == thread);
    if (depth == 0)
        return 1;
    for (int i = 0; i < 3; i++)
        FILCH_SPAWN(all_here, thread, depth - 1);
    int sum = 1 + FILCH_CALL(all_here, thread, depth - 1);
    for (int i = 0; i < 3; i++)
        sum += FILCH_SYNC(all_here);
    return sum;
}

static void check_refusal(struct filch_pool *pool, int error)
{
    int status = 1;
    cr_assert_eq(FILCH_TRY_RUN(&status, pool, all_here, thread_id(), 3), 0);
    cr_assert_eq(status, error);
    cr_assert_eq(FILCH_RUN(pool, all_here, thread_id(), 3), 85);
}

Test(forkjoin_run, on_a_closed_pool_there_is_a_value_all_the_same, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    cr_assert_eq(filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE), 0);
    check_refusal(pool, -ESHUTDOWN);
    filch_pool_free(pool);
    watchdog_pool(NULL);
}

Test(forkjoin_run, on_a_full_pool_there_is_a_value_all_the_same, .timeout = TEST_TIMEOUT)
{
    struct filch_pool_config config = {.max_concurrency = 1, .queue_limit = 1, .when_full = FILCH_FULL_FAIL};
    struct filch_pool *pool = pool_open(&config);
    struct filch_future queued = {0};
    struct held held;
    held_begin(&held, pool);
    cr_assert_eq(filch_submit(pool, &queued, nothing, NULL), 0);
    check_refusal(pool, -EAGAIN);
    held_end(&held);
    cr_assert_eq(filch_wait(&queued), 0);
    int status = 1;
    cr_assert_eq(FILCH_TRY_RUN(&status, pool, fib, 10), 55);
    cr_assert_eq(status, 0);
    pool_end(pool);
}

/* What a void task is told by its status only. */
FILCH_VOID_TASK(mark, (atomic_int *, marked))
{
    atomic_store(marked, 1);
}

Test(forkjoin_run, a_void_task_has_a_status_as_well, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    atomic_int marked = 0;
    int status = 1;
    FILCH_TRY_RUN(&status, pool, mark, &marked);
    cr_assert(status == 0 && atomic_load(&marked) == 1);
    cr_assert_eq(filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE), 0);
    atomic_store(&marked, 0);
    FILCH_TRY_RUN(&status, pool, mark, &marked);
    cr_assert(status == -ESHUTDOWN && atomic_load(&marked) == 0);
    FILCH_RUN(pool, mark, &marked);
    cr_assert_eq(atomic_load(&marked), 1);
    filch_pool_free(pool);
    watchdog_pool(NULL);
}

/* ---- a pool whose queue is full runs tasks inside tasks ---- */

struct crowd {
    struct filch_future futures[30];
    int n;
};

FILCH_TASK(long, crowded, (int, depth))
{
    struct crowd *crowd = calloc(1, sizeof *crowd);
    must(crowd != NULL);
    crowd->n = 10;
    FILCH_SPAWN(fib, 10);
    if (depth)
        FILCH_SPAWN(crowded, depth - 1);
    for (int i = 0; i < 30; i++) /* most of them run at once, on top of this task and its children */
        must(filch_submit(NULL, &crowd->futures[i], run_fib, &crowd->n) == 0);
    long sum = depth ? FILCH_SYNC(crowded) : 0;
    sum += FILCH_SYNC(fib);
    for (int i = 0; i < 30; i++)
        must(filch_wait(&crowd->futures[i]) == 55);
    free(crowd);
    return sum;
}

Test(forkjoin_run, inside_tasks_that_run_inside_others, .timeout = TEST_TIMEOUT)
{
    for (unsigned limit = 1; limit <= 3; limit++) {
        struct filch_pool_config config = {.max_concurrency = limit, .queue_limit = 2, .when_full = FILCH_FULL_RUN};
        struct filch_pool *pool = pool_open(&config);
        for (int i = 0; i < TEST_SHARE(50); i++)
            cr_assert_eq(FILCH_RUN(pool, crowded, 5), 6 * 55);
        pool_end(pool);
    }
}
