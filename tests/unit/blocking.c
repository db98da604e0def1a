/* SPDX-License-Identifier: MIT */
/* blocking.c - filch_blocking: the permit serves others while a body blocks, the limit on bodies holds, nothing is lost. */
#include "support/tasks.h"
#include "support/test.h"

#include <filch/blocking.h>
#include <filch/fork.h>
#include <filch/parallel.h>

/* ---- all of them together ---- */

struct crowd {
    struct meter bodies;
    struct meeting meeting;
};

static int meet_crowd(void *data)
{
    struct crowd *crowd = data;
    must(meet(&crowd->meeting) == 0);
    return 5;
}

static int block_in_crowd(void *data)
{
    struct crowd *crowd = data;
    meter_enter(&crowd->bodies);
    dawdle(20);
    meter_leave(&crowd->bodies);
    int r = filch_blocking(meet_crowd, crowd);
    meter_enter(&crowd->bodies);
    dawdle(20);
    meter_leave(&crowd->bodies);
    return r;
}

Test(blocking, four_times_the_limit_block_and_the_limit_holds, .timeout = TEST_TIMEOUT)
{
    for (unsigned limit = 1; limit <= 3; limit++) {
        struct filch_pool *pool = pool_of(limit);
        for (int round = 0; round < TEST_SHARE(50); round++) {
            enum { most = 12 };
            struct crowd crowd = {.meeting = {.count = 4 * limit}};
            struct filch_future futures[most];
            memset(futures, 0, sizeof futures);
            for (unsigned i = 0; i < 4 * limit; i++) {
                struct filch_task_options options = {.flags = (i + (unsigned)round) % 5 ? 0 : FILCH_TASK_OWN_THREAD};
                cr_assert_eq(filch_submit_with(pool, &futures[i], block_in_crowd, &crowd, &options), 0);
            }
            for (unsigned i = 0; i < 4 * limit; i++)
                cr_assert_eq(filch_wait(&futures[i]), 5);
            cr_assert_leq(atomic_load(&crowd.bodies.high), (int)limit);
        }
        cr_assert_eq(stats_of(pool).blocked_waits, 4 * limit * TEST_SHARE(50));
        meet_all(pool, limit);
        pool_end(pool);
    }
}

/* ---- what fn may do ---- */

static _Thread_local int mine;

static __attribute__((noinline)) int *address_of_mine(void)
{
    return &mine;
}

static int set_mine(void *data)
{
    *address_of_mine() = *(int *)data;
    errno = EXDEV;
    return -ENODEV;
}

static int stays(void *data)
{
    long thread = thread_id();
    int r = filch_blocking(set_mine, data);
    must(thread_id() == thread && *address_of_mine() == *(int *)data);
    return r;
}

static int blocks_again(void *data)
{
    must(filch_blocking(NULL, data) == -EINVAL);
    return filch_blocking(set_mine, data) == -ENODEV ? 3 : -EIO;
}

static int nests(void *data)
{
    return filch_blocking(blocks_again, data);
}

Test(blocking, returns_what_it_called_and_stays_on_its_thread, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    int number = 7;
    for (int i = 0; i < 100; i++) {
        struct filch_future future = {0};
        cr_assert_eq(filch_submit(pool, &future, i % 2 ? stays : nests, &number), 0);
        cr_assert_eq(filch_wait(&future), i % 2 ? -ENODEV : 3);
    }
    cr_assert_eq(stats_of(pool).blocked_waits, 100, "a call inside a call is a call");
    pool_end(pool);
}

Test(blocking, outside_tasks_it_is_a_call, .timeout = TEST_TIMEOUT)
{
    int number = 9;
    cr_assert_eq(filch_blocking(set_mine, &number), -ENODEV);
    cr_assert_eq(*address_of_mine(), 9);
    cr_assert_eq(filch_blocking(NULL, &number), -EINVAL);
}

/* Submits and waits in fn, at limit 1: what it waits for needs the permit that it has lent. */
static int submit_and_wait(void *data)
{
    atomic_int *runs = data;
    struct filch_future futures[12], copied = {0};
    struct filch_task_options high = {.priority = 1};
    struct filch_batch batch = {&futures[4], 0, runs, 0, 8};
    memset(futures, 0, sizeof futures);
    for (int i = 0; i < 4; i++)
        must(filch_submit_with(NULL, &futures[i], count_up, runs, i % 2 ? &high : NULL) == 0);
    must(filch_submit_many(NULL, &batch, count_up, NULL) == 0);
    for (int i = 0; i < 12; i++)
        must(filch_wait(&futures[i]) == 0);
    must(filch_submit(NULL, &copied, count_up, runs) == 0);
    must(filch_wait_until(&copied, FILCH_NO_DEADLINE) == 0);
    must(filch_wait_until(&copied, 0) == 0);
    filch_promise_init(&copied);
    must(filch_wait_until(&copied, filch_in_ns(1000)) == -ETIMEDOUT);
    must(filch_complete(&copied, 0) == 0);
    return 13;
}

static int waits_in_fn(void *data)
{
    return filch_blocking(submit_and_wait, data);
}

Test(blocking, fn_submits_and_waits_at_limit_1, .timeout = TEST_TIMEOUT)
{
    enum { count = 6 };
    struct filch_pool *pool = pool_of(1);
    for (int round = 0; round < TEST_SHARE(50); round++) {
        struct filch_future futures[count];
        atomic_int runs = 0;
        memset(futures, 0, sizeof futures);
        for (int i = 0; i < count; i++)
            cr_assert_eq(filch_submit(pool, &futures[i], waits_in_fn, &runs), 0);
        for (int i = 0; i < count; i++)
            cr_assert_eq(filch_wait(&futures[i]), 13);
        cr_assert_eq(atomic_load(&runs), 13 * count);
    }
    pool_end(pool);
}

/* ---- typed tasks ---- */

struct pair {
    sem_t ran;
    struct meter bodies;
};

static int wait_for_ran(void *data)
{
    sem_take(&((struct pair *)data)->ran);
    return 0;
}

FILCH_VOID_TASK(post, (struct pair *, pair))
{
    sem_post(&pair->ran);
}

/* The child is needed by the call that blocks: others must find it, also at limit 1. */
FILCH_VOID_TASK(blocks_for_its_child, (struct pair *, pair))
{
    FILCH_SPAWN(post, pair);
    must(filch_blocking(wait_for_ran, pair) == 0);
    FILCH_SYNC(post);
    FILCH_SPAWN(post, pair);
    FILCH_SYNC(post);
}

Test(blocking, unsynced_children_are_run_by_others, .timeout = TEST_TIMEOUT)
{
    for (unsigned limit = 1; limit <= 2; limit++) {
        struct filch_pool *pool = pool_of(limit);
        for (int i = 0; i < TEST_SHARE(100); i++) {
            struct pair pair;
            must(sem_init(&pair.ran, 0, 0) == 0);
            FILCH_RUN(pool, blocks_for_its_child, &pair);
            cr_assert_eq(sem_trywait(&pair.ran), 0);
            sem_destroy(&pair.ran);
        }
        pool_end(pool);
    }
}

FILCH_TASK(long, counted_fib, (int, n), (struct meter *, bodies))
{
    if (n < 2) {
        meter_enter(bodies);
        dawdle(1);
        meter_leave(bodies);
        return n;
    }
    FILCH_SPAWN(counted_fib, n - 1, bodies);
    long b = FILCH_CALL(counted_fib, n - 2, bodies);
    return FILCH_SYNC(counted_fib) + b;
}

static int count_range(void *ctx, size_t begin, size_t end, unsigned slot)
{
    (void)slot;
    meter_enter(ctx);
    dawdle((int)(end - begin));
    meter_leave(ctx);
    return 0;
}

/* Typed tasks and loops in fn are the pool's, not this thread's: it has no permit. */
static int run_typed(void *data)
{
    must(FILCH_RUN(NULL, counted_fib, 10, data) == 55);
    return filch_for(NULL, 0, 100, NULL, count_range, data);
}

static int typed_in_fn(void *data)
{
    return filch_blocking(run_typed, data);
}

Test(blocking, typed_tasks_and_loops_in_fn_hold_the_limit, .timeout = TEST_TIMEOUT)
{
    for (unsigned limit = 1; limit <= 2; limit++) {
        struct filch_pool *pool = pool_of(limit);
        struct meter bodies = {0};
        struct filch_future futures[8];
        memset(futures, 0, sizeof futures);
        for (int i = 0; i < 8; i++)
            cr_assert_eq(filch_submit(pool, &futures[i], typed_in_fn, &bodies), 0);
        for (int i = 0; i < 8; i++)
            cr_assert_eq(filch_wait(&futures[i]), 0);
        cr_assert_leq(atomic_load(&bodies.high), (int)limit);
        pool_end(pool);
    }
}

/* ---- a full queue whose tasks run in the caller ---- */

static int enter_and_leave(void *data)
{
    meter_enter(data);
    dawdle(20);
    meter_leave(data);
    return 0;
}

static int submit_several(void *data)
{
    struct filch_future futures[6];
    memset(futures, 0, sizeof futures);
    for (int i = 0; i < 6; i++)
        must(filch_submit(NULL, &futures[i], enter_and_leave, data) == 0);
    for (int i = 0; i < 6; i++)
        must(filch_wait(&futures[i]) == 0);
    return 0;
}

static int submits_in_fn(void *data)
{
    return filch_blocking(submit_several, data);
}

Test(blocking, what_runs_in_the_caller_takes_a_permit, .timeout = TEST_TIMEOUT)
{
    struct filch_pool_config config = {.max_concurrency = 2, .queue_limit = 2, .when_full = FILCH_FULL_RUN};
    struct filch_pool *pool = pool_open(&config);
    struct meter bodies = {0};
    struct filch_future futures[10];
    memset(futures, 0, sizeof futures);
    for (int i = 0; i < 10; i++)
        cr_assert_eq(filch_submit(pool, &futures[i], submits_in_fn, &bodies), 0);
    for (int i = 0; i < 10; i++)
        cr_assert_eq(filch_wait(&futures[i]), 0);
    cr_assert_leq(atomic_load(&bodies.high), 2);
    pool_end(pool);
}

/* ---- being asked to stop, closing, ending the thread ---- */

static int wait_blocking(void *data)
{
    return filch_blocking(until_cancelled, data);
}

static int sleep_for_ever(void *data)
{
    struct filch_future never = {0};
    sem_post(data);
    filch_promise_init(&never);
    return filch_wait_until(&never, FILCH_NO_DEADLINE);
}

static int wait_in_fn(void *data)
{
    return filch_blocking(sleep_for_ever, data);
}

Test(blocking, a_cancel_reaches_fn_and_its_waits, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    for (int i = 0; i < 20; i++) {
        struct filch_future future = {0};
        sem_t began;
        must(sem_init(&began, 0, 0) == 0);
        cr_assert_eq(filch_submit(pool, &future, i % 2 ? wait_blocking : wait_in_fn, &began), 0);
        sem_take(&began);
        meet_all(pool, 1);
        cr_assert_eq(filch_cancel(&future), -EINPROGRESS);
        cr_assert_eq(filch_wait(&future), i % 2 ? 7 : -ECANCELED);
        sem_destroy(&began);
    }
    pool_end(pool);
}

Test(blocking, closing_drains_or_cancels_fn, .timeout = TEST_TIMEOUT)
{
    for (int mode = FILCH_CLOSE_DRAIN; mode <= FILCH_CLOSE_CANCEL; mode++) {
        struct filch_pool *pool = pool_of(1);
        struct filch_future futures[6];
        sem_t began;
        memset(futures, 0, sizeof futures);
        must(sem_init(&began, 0, 0) == 0);
        for (int i = 0; i < 6; i++)
            cr_assert_eq(filch_submit(pool, &futures[i], i % 2 ? wait_blocking : wait_in_fn, &began), 0);
        for (int i = 0; i < 6; i++)
            sem_take(&began);
        if (mode == FILCH_CLOSE_DRAIN) {
            cr_assert_eq(filch_pool_close(pool, FILCH_CLOSE_DRAIN, filch_in_ns(FILCH_MS(5))), -ETIMEDOUT);
            for (int i = 0; i < 6; i++)
                cr_assert_eq(filch_cancel(&futures[i]), -EINPROGRESS);
        }
        cr_assert_eq(filch_pool_close(pool, (enum filch_close)mode, FILCH_NO_DEADLINE), 0);
        for (int i = 0; i < 6; i++)
            cr_assert_eq(filch_status(&futures[i]), i % 2 ? 7 : -ECANCELED);
        watchdog_pool(NULL);
        filch_pool_free(pool);
        sem_destroy(&began);
    }
}

static int close_inside(void *data)
{
    return filch_pool_close(data, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE);
}

static int close_in_fn(void *data)
{
    return filch_blocking(close_inside, data);
}

Test(blocking, closing_the_pool_in_fn_is_a_deadlock, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct filch_future future = {0};
    cr_assert_eq(filch_submit(pool, &future, close_in_fn, pool), 0);
    cr_assert_eq(filch_wait(&future), -EDEADLK);
    pool_end(pool);
}

static int exit_thread(void *data)
{
    (void)data;
    pthread_exit(NULL);
}

static int exit_in_fn(void *data)
{
    return filch_blocking(exit_thread, data);
}

Test(blocking, a_thread_that_ends_in_fn_neither_keeps_nor_doubles_its_permit, .timeout = TEST_TIMEOUT)
{
    for (unsigned limit = 1; limit <= 2; limit++) {
        struct filch_pool *pool = pool_of(limit);
        for (int i = 0; i < TEST_SHARE(50); i++) {
            struct filch_task_options options = {.flags = i % 2 || TEST_TSAN ? FILCH_TASK_OWN_THREAD : 0};
            struct filch_future future = {0}, others[4] = {{{0}}};
            struct meter bodies = {0};
            cr_assert_eq(filch_submit_with(pool, &future, exit_in_fn, NULL, &options), 0);
            for (int k = 0; k < 4; k++)
                cr_assert_eq(filch_submit(pool, &others[k], enter_and_leave, &bodies), 0);
            cr_assert_eq(filch_wait(&future), -ECANCELED);
            for (int k = 0; k < 4; k++)
                cr_assert_eq(filch_wait(&others[k]), 0);
            cr_assert_leq(atomic_load(&bodies.high), (int)limit);
            meet_all(pool, limit);
        }
        pool_end(pool);
    }
}

/* ---- the limit falls while bodies block ---- */

static int meet_outside(void *data)
{
    struct held *held = data;
    return filch_blocking(hold, held);
}

Test(blocking, a_limit_lowered_meanwhile_holds_for_those_that_go_on, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(4);
    struct held held[4];
    for (int i = 0; i < 4; i++) {
        held_init(&held[i]);
        cr_assert_eq(filch_submit(pool, &held[i].future, meet_outside, &held[i]), 0);
    }
    for (int i = 0; i < 4; i++)
        sem_take(&held[i].began);
    wait_until(filch_pool_available(pool) == 4); /* a worker that was started beside them may be on its way to rest */
    cr_assert_eq(filch_pool_resize(pool, 1, 1), 0);
    meet_all(pool, 1);
    for (int i = 0; i < 4; i++)
        held_end(&held[i]);
    meet_all(pool, 1);
    cr_assert_eq(filch_pool_resize(pool, 1, 3), 0);
    meet_all(pool, 3);
    pool_end(pool);
}
