/* SPDX-License-Identifier: MIT */
/* queue_limit.c - what a submit does when so many tasks are accepted and not started: block, fail, run them here. */
#include "support/tasks.h"
#include "support/test.h"

static struct filch_pool *pool_limited(unsigned max_concurrency, size_t queue_limit, enum filch_when_full when_full)
{
    struct filch_pool_config config = {
        .max_concurrency = max_concurrency, .queue_limit = queue_limit, .when_full = when_full};
    return pool_open(&config);
}

/* ---- FILCH_FULL_FAIL ---- */

Test(queue_limit, fail_refuses_what_does_not_fit, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_limited(1, 4, FILCH_FULL_FAIL);
    for (int round = 0; round < 50; round++) {
        struct filch_future futures[6] = {{{0}}}, *copied = NULL;
        atomic_int runs = 0;
        struct held held;
        held_begin(&held, pool); /* has started, so it does not count */
        for (int i = 0; i < 4; i++)
            cr_assert_eq(filch_submit(pool, &futures[i], count_up, &runs), 0);
        cr_assert_eq(stats_of(pool).queue_depth, 4);
        for (int i = 4; i < 6; i++) {
            cr_assert_eq(filch_submit(pool, &futures[i], count_up, &runs), -EAGAIN);
            cr_assert(filch_done(&futures[i]));
            cr_assert_eq(filch_wait(&futures[i]), -EAGAIN);
        }
        cr_assert_eq(filch_submit_copy(pool, count_up, &runs, sizeof runs, NULL, &copied), -EAGAIN);
        cr_assert_null(copied, "untouched");
        held_end(&held);
        for (int i = 0; i < 4; i++)
            cr_assert_eq(filch_wait(&futures[i]), 0);
        cr_assert_eq(atomic_load(&runs), 4);
        for (int i = 0; i < 4; i++) { /* there is room again */
            cr_assert_eq(filch_submit(pool, &futures[i], count_up, &runs), 0);
            cr_assert_eq(filch_wait(&futures[i]), 0);
        }
    }
    cr_assert_eq(stats_of(pool).submitted, 50 * 9);
    pool_end(pool);
}

Test(queue_limit, fail_accepts_the_front_of_a_batch, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_limited(1, 7, FILCH_FULL_FAIL);
    struct filch_future futures[10] = {{{0}}}, first = {0};
    atomic_int runs = 0;
    struct filch_batch batch = {futures, 0, &runs, 0, 10};
    struct held held;
    held_begin(&held, pool);
    cr_assert_eq(filch_submit(pool, &first, count_up, &runs), 0);
    cr_assert_eq(filch_submit_many(pool, &batch, count_up, NULL), -EAGAIN);
    for (int i = 0; i < 10; i++)
        cr_assert_eq(filch_status(&futures[i]), i < 6 ? -EINPROGRESS : -EAGAIN, "future %d", i);
    held_end(&held);
    cr_assert_eq(filch_wait_many(&batch, FILCH_NO_DEADLINE), 0);
    cr_assert_eq(filch_wait(&first), 0);
    cr_assert_eq(atomic_load(&runs), 7);
    pool_end(pool);
}

Test(queue_limit, a_cancelled_task_makes_room_in_the_end, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_limited(1, 3, FILCH_FULL_FAIL);
    for (int round = 0; round < 100; round++) { /* a slot lost each time would fill the queue */
        struct filch_future futures[3] = {{{0}}};
        struct held held;
        held_begin(&held, pool);
        for (int i = 0; i < 3; i++)
            cr_assert_eq(filch_submit(pool, &futures[i], nothing, NULL), 0);
        for (int i = 0; i < 3; i++)
            cr_assert_eq(filch_cancel(&futures[i]), 0);
        held_end(&held);
        for (int i = 0; i < 3; i++)
            cr_assert_eq(filch_wait(&futures[i]), -ECANCELED);
    }
    pool_end(pool);
}

/* ---- FILCH_FULL_BLOCK ---- */

struct blocked {
    struct filch_pool *pool;
    atomic_int runs, submitted;
    int count;
};

static void *submit_all(void *data)
{
    struct blocked *blocked = data;
    struct filch_future *futures = calloc((size_t)blocked->count, sizeof *futures);
    must(futures != NULL);
    for (int i = 0; i < blocked->count; i++) {
        must(filch_submit(blocked->pool, &futures[i], count_up, &blocked->runs) == 0);
        atomic_fetch_add(&blocked->submitted, 1);
    }
    for (int i = 0; i < blocked->count; i++)
        must(filch_wait(&futures[i]) == 0);
    free(futures);
    return NULL;
}

Test(queue_limit, block_holds_threads_back_until_there_is_room, .timeout = TEST_TIMEOUT)
{
    enum { threads = 4 };
    struct filch_pool *pool = pool_limited(1, 5, FILCH_FULL_BLOCK);
    struct blocked blocked = {pool, 0, 0, TEST_SHARE(2000)};
    pthread_t ids[threads];
    struct held held;
    held_begin(&held, pool);
    for (int i = 0; i < threads; i++)
        ids[i] = thread_start(submit_all, &blocked);
    wait_until(atomic_load(&blocked.submitted) == 5);
    usleep(20000); /* gives a wrong submit its chance; a right pool cannot fail here */
    cr_assert_eq(atomic_load(&blocked.submitted), 5);
    cr_assert_eq(stats_of(pool).queue_depth, 5);
    held_end(&held);
    for (int i = 0; i < threads; i++)
        thread_join(ids[i]);
    cr_assert_eq(atomic_load(&blocked.runs), threads * blocked.count);
    pool_end(pool);
}

static int submit_all_inside(void *data)
{
    return submit_all(data) ? -EINVAL : 0;
}

/* At limit 1 the task that blocks is the only one that could make room: it must be suspended. */
Test(queue_limit, block_suspends_tasks, .timeout = TEST_TIMEOUT)
{
    for (unsigned limit = 1; limit <= 3; limit++) {
        struct filch_pool *pool = pool_limited(limit, 2, FILCH_FULL_BLOCK);
        struct blocked blocked = {pool, 0, 0, TEST_SHARE(500)};
        struct filch_future tasks[5] = {{{0}}};
        struct filch_task_options own = {.flags = FILCH_TASK_OWN_THREAD};
        for (int i = 0; i < 5; i++)
            cr_assert_eq(filch_submit_with(pool, &tasks[i], submit_all_inside, &blocked, i == 4 ? &own : NULL), 0);
        for (int i = 0; i < 5; i++)
            cr_assert_eq(filch_wait(&tasks[i]), 0);
        cr_assert_eq(atomic_load(&blocked.runs), 5 * blocked.count);
        pool_end(pool);
    }
}

Test(queue_limit, block_feeds_a_batch_through, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_limited(2, 3, FILCH_FULL_BLOCK);
    int count = TEST_SHARE(2000);
    struct filch_future *futures = calloc((size_t)count, sizeof *futures);
    atomic_int runs = 0;
    cr_assert_not_null(futures);
    struct filch_batch batch = {futures, 0, &runs, 0, (size_t)count};
    cr_assert_eq(filch_submit_many(pool, &batch, count_up, NULL), 0);
    cr_assert_eq(filch_wait_many(&batch, FILCH_NO_DEADLINE), 0);
    cr_assert_eq(atomic_load(&runs), count);
    pool_end(pool);
    free(futures);
}

struct late {
    struct filch_pool *pool;
    struct filch_future future;
    atomic_int started, runs;
    int result;
};

static void *submit_late(void *data)
{
    struct late *late = data;
    atomic_store(&late->started, 1);
    late->result = filch_submit(late->pool, &late->future, nothing, NULL);
    must(filch_wait(&late->future) == (late->result ? late->result : filch_status(&late->future)));
    return NULL;
}

Test(queue_limit, block_ends_when_the_pool_closes, .timeout = TEST_TIMEOUT)
{
    for (int round = 0; round < TEST_SHARE(100); round++) {
        struct filch_pool *pool = pool_limited(1, 1, FILCH_FULL_BLOCK);
        struct filch_future queued = {0};
        struct late late[3];
        pthread_t threads[3];
        struct held held;
        held_begin(&held, pool);
        cr_assert_eq(filch_submit(pool, &queued, nothing, NULL), 0);
        memset(late, 0, sizeof late);
        for (int i = 0; i < 3; i++) {
            late[i].pool = pool;
            threads[i] = thread_start(submit_late, &late[i]);
        }
        for (int i = 0; i < 3; i++)
            wait_until(atomic_load(&late[i].started));
        if (round % 2)
            usleep(500);
        enum filch_close mode = round % 3 ? FILCH_CLOSE_DRAIN : FILCH_CLOSE_CANCEL;
        cr_assert_eq(filch_pool_close(pool, mode, 0), -ETIMEDOUT);
        for (int i = 0; i < 3; i++) { /* room never comes while the body is held: only the close can end these */
            thread_join(threads[i]);
            cr_assert_eq(late[i].result, -ESHUTDOWN);
        }
        held_end(&held);
        cr_assert_eq(filch_pool_close(pool, mode, FILCH_NO_DEADLINE), 0);
        cr_assert_eq(filch_wait(&queued), mode == FILCH_CLOSE_DRAIN ? 0 : -ECANCELED);
        watchdog_pool(NULL);
        filch_pool_free(pool);
    }
}

/* ---- FILCH_FULL_RUN ---- */

struct where {
    long thread;
    struct filch_pool *current;
    struct meter *meter;
};

static int note_where(void *data)
{
    struct where *where = data;
    if (where->meter)
        meter_enter(where->meter);
    where->thread = thread_id();
    where->current = filch_pool_current();
    if (where->meter)
        meter_leave(where->meter);
    return 11;
}

static void *submit_one(void *data)
{
    struct late *late = data;
    atomic_store(&late->started, 1);
    late->result = filch_submit(late->pool, &late->future, count_up, &late->runs);
    return NULL;
}

Test(queue_limit, run_waits_for_a_permit_in_an_outside_thread, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_limited(1, 1, FILCH_FULL_RUN);
    for (int round = 0; round < 50; round++) {
        struct filch_future queued = {0};
        struct late late = {.pool = pool};
        struct held held;
        held_begin(&held, pool);
        cr_assert_eq(filch_submit(pool, &queued, nothing, NULL), 0);
        pthread_t thread = thread_start(submit_one, &late);
        wait_until(atomic_load(&late.started));
        usleep(2000); /* gives a wrong start its chance; a right pool cannot fail here */
        cr_assert_eq(atomic_load(&late.runs), 0, "the only permit is taken");
        held_end(&held);
        thread_join(thread);
        cr_assert_eq(late.result, 0);
        cr_assert_eq(filch_wait(&late.future), 0);
        cr_assert_eq(atomic_load(&late.runs), 1);
        cr_assert_eq(filch_wait(&queued), 0);
        cr_assert_null(filch_pool_current(), "outside again");
    }
    pool_end(pool);
}

static int wait_in_caller(void *data)
{
    return filch_wait(data);
}

struct storm {
    struct filch_pool *pool;
    struct meter meter;
    atomic_int in_caller;
    int count;
};

static void *submit_storm(void *data)
{
    struct storm *storm = data;
    long self = thread_id();
    for (int i = 0; i < storm->count; i++) {
        struct where where[8];
        struct filch_future futures[8] = {{{0}}};
        for (int k = 0; k < 8; k++) {
            where[k] = (struct where){.meter = &storm->meter};
            must(filch_submit(storm->pool, &futures[k], note_where, &where[k]) == 0);
        }
        for (int k = 0; k < 8; k++) {
            must(filch_wait(&futures[k]) == 11 && where[k].current == storm->pool);
            atomic_fetch_add(&storm->in_caller, where[k].thread == self);
        }
    }
    return NULL;
}

Test(queue_limit, run_holds_the_limit_and_happens, .timeout = TEST_TIMEOUT)
{
    for (unsigned limit = 1; limit <= 3; limit++) {
        struct filch_pool *pool = pool_limited(limit, 1, FILCH_FULL_RUN);
        struct storm storm = {.pool = pool, .count = TEST_SHARE(1000)};
        pthread_t threads[4];
        for (int i = 0; i < 4; i++)
            threads[i] = thread_start(submit_storm, &storm);
        for (int i = 0; i < 4; i++)
            thread_join(threads[i]);
        cr_assert_leq(atomic_load(&storm.meter.high), (int)limit);
        cr_assert_gt(atomic_load(&storm.in_caller), 0);
        cr_assert_eq(stats_of(pool).submitted, (uint64_t)(32 * storm.count));
        meet_all(pool, 1);
        pool_end(pool);
    }
}

struct filler {
    struct filch_pool *pool;
    struct filch_future queued, run_here;
};

/* Inside a task at limit 1: the first fills the queue, the second runs here. A wait in it, for the first, ends only if
 * it gives the permit up. */
static int fill_and_run(void *data)
{
    struct filler *filler = data;
    struct where where = {0};
    int value = 15;
    must(filch_submit(filler->pool, &filler->queued, give, &value) == 0);
    must(filch_submit(filler->pool, &filler->run_here, note_where, &where) == 0);
    must(filch_done(&filler->run_here) && filch_status(&filler->run_here) == 11);
    must(where.thread == thread_id() && where.current == filler->pool);
    must(filch_submit(filler->pool, &filler->run_here, wait_in_caller, &filler->queued) == 0);
    must(filch_wait(&filler->run_here) == 15);
    must(filch_wait(&filler->queued) == 15);
    must(filch_pool_current() == filler->pool);
    return 0;
}

Test(queue_limit, run_may_wait_for_what_fills_the_queue, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_limited(1, 1, FILCH_FULL_RUN);
    for (int i = 0; i < TEST_SHARE(300); i++) {
        struct filler filler = {.pool = pool};
        struct filch_future future = {0};
        cr_assert_eq(filch_submit(pool, &future, fill_and_run, &filler), 0);
        cr_assert_eq(filch_wait(&future), 0);
    }
    pool_end(pool);
}

Test(queue_limit, run_in_an_outside_thread_may_wait_too, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_limited(1, 1, FILCH_FULL_RUN);
    for (int i = 0; i < TEST_SHARE(1000); i++) {
        struct filch_future queued = {0}, here = {0};
        int value = 16;
        cr_assert_eq(filch_submit(pool, &queued, give, &value), 0);
        cr_assert_eq(filch_submit(pool, &here, wait_in_caller, &queued), 0); /* queued or run here, as it comes */
        cr_assert_eq(filch_wait(&here), 16);
        cr_assert_eq(filch_wait(&queued), 16);
    }
    pool_end(pool);
}

/* Two pools at limit 1 whose tasks fill each other's queue, and then run each other's tasks. */
struct neighbour {
    struct filch_pool *pool;
    struct meter *meter;
    struct filch_future self, queued, run_here;
    struct neighbour *other;
    atomic_int steps;
};

/* Both have come so far. */
static void keep_step(struct neighbour *me, int step)
{
    atomic_store(&me->steps, step);
    wait_until(atomic_load(&me->other->steps) >= step);
}

static int stay(void *data)
{
    meter_enter(data);
    usleep(200);
    meter_leave(data);
    return 0;
}

static int fill_the_other(void *data)
{
    struct neighbour *me = data;
    keep_step(me, 1);
    must(filch_submit(me->other->pool, &me->queued, nothing, NULL) == 0);
    keep_step(me, 2);
    must(filch_submit(me->other->pool, &me->run_here, stay, me->other->meter) == 0);
    must(filch_pool_current() == me->pool);
    return filch_wait(&me->run_here);
}

Test(queue_limit, run_in_a_task_of_another_pool_holds_no_permit_of_that, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pools[2] = {pool_limited(1, 1, FILCH_FULL_RUN), pool_limited(1, 1, FILCH_FULL_RUN)};
    for (int round = 0; round < 50; round++) {
        struct meter meters[2] = {{.now = 0}, {.now = 0}};
        struct neighbour one = {.pool = pools[0], .meter = &meters[0]}, two = {.pool = pools[1], .meter = &meters[1]};
        one.other = &two;
        two.other = &one;
        cr_assert_eq(filch_submit(one.pool, &one.self, fill_the_other, &one), 0);
        cr_assert_eq(filch_submit(two.pool, &two.self, fill_the_other, &two), 0);
        cr_assert_eq(filch_wait(&one.self), 0);
        cr_assert_eq(filch_wait(&two.self), 0);
        cr_assert_eq(filch_wait(&one.queued), 0);
        cr_assert_eq(filch_wait(&two.queued), 0);
        cr_assert_leq(atomic_load(&meters[0].high), 1);
        cr_assert_leq(atomic_load(&meters[1].high), 1);
    }
    pool_end(pools[0]);
    pool_end(pools[1]);
}

static int end_the_thread(void *data)
{
    (void)data;
    pthread_exit(NULL);
}

static void *submit_the_end(void *data)
{
    struct late *late = data;
    late->result = filch_submit(late->pool, &late->future, end_the_thread, NULL);
    return NULL;
}

Test(queue_limit, run_gives_its_permit_back_when_the_body_ends_the_thread, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_limited(1, 1, FILCH_FULL_RUN);
    for (int round = 0; round < 20; round++) {
        struct filch_future queued = {0};
        struct late late = {.pool = pool, .result = -1};
        struct held held;
        held_begin(&held, pool);
        cr_assert_eq(filch_submit(pool, &queued, nothing, NULL), 0);
        pthread_t thread = thread_start(submit_the_end, &late);
        wait_until(stats_of(pool).submitted == (uint64_t)(3 * round + 3));
        held_end(&held);
        thread_join(thread);
        cr_assert_eq(late.result, -1, "the thread did not come back from submit");
        cr_assert_eq(filch_status(&late.future), -ECANCELED);
        cr_assert_eq(filch_wait(&queued), 0);
    }
    pool_end(pool);
}
