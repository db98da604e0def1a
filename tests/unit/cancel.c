/* SPDX-License-Identifier: MIT */
/* cancel.c - asking tasks to stop: queued, running, waiting, done; and what is told when one never runs. */
#include "support/tasks.h"
#include "support/test.h"

struct drop {
    atomic_int drops, runs;
    int status;
};

static void dropped(void *data, int status)
{
    struct drop *drop = data;
    drop->status = status;
    atomic_fetch_add(&drop->drops, 1);
}

static int run_drop(void *data)
{
    struct drop *drop = data;
    atomic_fetch_add(&drop->runs, 1);
    return 0;
}

Test(cancel, a_queued_task_never_runs, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct filch_future plain = {0}, with = {0};
    struct drop drop = {0};
    atomic_int runs = 0;
    struct filch_task_options options = {.dropped = dropped};
    struct held held;
    held_begin(&held, pool);
    cr_assert_eq(filch_submit(pool, &plain, count_up, &runs), 0);
    cr_assert_eq(filch_submit_with(pool, &with, run_drop, &drop, &options), 0);
    cr_assert_eq(filch_cancel(&plain), 0);
    cr_assert_eq(filch_cancel(&with), 0);
    cr_assert_eq(filch_cancel(&plain), 0, "asked twice: it still will never run");
    held_end(&held);
    cr_assert_eq(filch_wait(&plain), -ECANCELED);
    cr_assert_eq(filch_wait(&with), -ECANCELED);
    cr_assert_eq(atomic_load(&runs), 0);
    cr_assert_eq(atomic_load(&drop.runs), 0);
    cr_assert_eq(atomic_load(&drop.drops), 1);
    cr_assert_eq(drop.status, -ECANCELED);
    cr_assert_eq(filch_cancel(&plain), -EALREADY);
    wait_until(stats_of(pool).running == 0);
    cr_assert_eq(stats_of(pool).dropped, 2);
    pool_end(pool);
}

Test(cancel, dropped_is_not_called_for_a_task_that_runs, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    struct filch_task_options options = {.dropped = dropped};
    struct drop drop = {0};
    for (int i = 0; i < 100; i++) {
        struct filch_future future = {0};
        cr_assert_eq(filch_submit_with(pool, &future, run_drop, &drop, &options), 0);
        cr_assert_eq(filch_wait(&future), 0);
    }
    cr_assert_eq(atomic_load(&drop.runs), 100);
    cr_assert_eq(atomic_load(&drop.drops), 0);
    pool_end(pool);
}

Test(cancel, a_running_task_is_asked_and_its_own_status_stays, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct filch_future future = {0};
    sem_t began;
    sem_init(&began, 0, 0);
    cr_assert_not(filch_cancelled());
    cr_assert_eq(filch_submit(pool, &future, until_cancelled, &began), 0);
    sem_take(&began);
    cr_assert_eq(filch_cancel(&future), -EINPROGRESS);
    int again = filch_cancel(&future);
    cr_assert(again == -EINPROGRESS || again == -EALREADY);
    cr_assert_eq(filch_wait(&future), 7);
    cr_assert_eq(filch_cancel(&future), -EALREADY);
    pool_end(pool);
}

static int is_cancelled(void *data)
{
    (void)data;
    return filch_cancelled();
}

Test(cancel, the_request_does_not_outlive_the_task, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct filch_future future = {0};
    sem_t began;
    sem_init(&began, 0, 0);
    for (int i = 0; i < 50; i++) {
        cr_assert_eq(filch_submit(pool, &future, until_cancelled, &began), 0);
        sem_take(&began);
        cr_assert_eq(filch_cancel(&future), -EINPROGRESS);
        cr_assert_eq(filch_wait(&future), 7);
        cr_assert_eq(filch_submit(pool, &future, is_cancelled, NULL), 0); /* the same future, worker and strand */
        cr_assert_eq(filch_wait(&future), 0);
    }
    pool_end(pool);
}

Test(cancel, a_promise_is_done_at_once, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct filch_future promise = {0}, waiting = {0};
    filch_promise_init(&promise);
    cr_assert_eq(filch_submit(pool, &waiting, wait_for, &promise), 0);
    cr_assert_eq(filch_cancel(&promise), 0);
    cr_assert(filch_done(&promise));
    cr_assert_eq(filch_status(&promise), -ECANCELED);
    cr_assert_eq(filch_complete(&promise, 0), -EALREADY);
    cr_assert_eq(filch_cancel(&promise), -EALREADY);
    cr_assert_eq(filch_wait(&waiting), -ECANCELED);
    pool_end(pool);
}

/* A chain of tasks, each waiting for the next; the last waits for a promise. */
struct chain {
    struct filch_future future, *next;
    struct chain *child;
    struct filch_pool *pool;
};

static int link_and_wait(void *data)
{
    struct chain *chain = data;
    if (chain->child)
        must(filch_submit(chain->pool, &chain->child->future, link_and_wait, chain->child) == 0);
    return filch_wait(chain->next);
}

Test(cancel, passes_through_waits_to_what_is_waited_for, .timeout = TEST_TIMEOUT)
{
    enum { length = 5 };
    for (unsigned limit = 1; limit <= 2; limit++) {
        struct filch_pool *pool = pool_of(limit);
        for (int round = 0; round < TEST_SHARE(200); round++) {
            struct filch_future promise = {0};
            struct chain chain[length];
            memset(chain, 0, sizeof chain);
            filch_promise_init(&promise);
            for (int i = 0; i < length; i++) {
                chain[i].pool = pool;
                chain[i].child = i + 1 < length ? &chain[i + 1] : NULL;
                chain[i].next = chain[i].child ? &chain[i].child->future : &promise;
            }
            cr_assert_eq(filch_submit(pool, &chain[0].future, link_and_wait, &chain[0]), 0);
            wait_until(stats_of(pool).suspended == length);
            cr_assert_eq(filch_cancel(&chain[0].future), -EINPROGRESS);
            cr_assert_eq(filch_wait(&chain[0].future), -ECANCELED);
            cr_assert_eq(filch_status(&promise), -ECANCELED);
        }
        pool_end(pool);
    }
}

struct early {
    struct filch_future promise;
    sem_t began;
};

static int wait_once_cancelled(void *data)
{
    struct early *early = data;
    until_cancelled(&early->began);
    return filch_wait(&early->promise);
}

/* The request may come just before the wait as well as during it: the outcome is the same. */
Test(cancel, passes_on_when_the_wait_begins_after_it, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct early early = {0};
    struct filch_future task = {0};
    sem_init(&early.began, 0, 0);
    filch_promise_init(&early.promise);
    cr_assert_eq(filch_submit(pool, &task, wait_once_cancelled, &early), 0);
    sem_take(&early.began);
    cr_assert_eq(filch_cancel(&task), -EINPROGRESS);
    cr_assert_eq(filch_wait(&task), -ECANCELED);
    cr_assert_eq(filch_status(&early.promise), -ECANCELED);
    pool_end(pool);
}

Test(cancel, races_with_the_wait_it_passes_through, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    for (int i = 0; i < TEST_SHARE(5000); i++) {
        struct filch_future promise = {0}, task = {0};
        filch_promise_init(&promise);
        cr_assert_eq(filch_submit(pool, &task, wait_for, &promise), 0);
        dawdle(i % 100);
        int asked = filch_cancel(&task);
        cr_assert(asked == 0 || asked == -EINPROGRESS);
        cr_assert_eq(filch_wait(&task), -ECANCELED);
        if (asked == 0)
            cr_assert_eq(filch_complete(&promise, 0), 0, "the task never ran");
        else
            cr_assert_eq(filch_status(&promise), -ECANCELED);
    }
    pool_end(pool);
}

static int leave_when_cancelled(void *data)
{
    struct filch_future *futures[] = {data, data};
    size_t index = 5;
    must(filch_wait_until(data, FILCH_NO_DEADLINE) == -ECANCELED);
    must(filch_cancelled());
    must(filch_status(data) == -EINPROGRESS); /* left, not cancelled */
    must(filch_wait_any(futures, 2, filch_in_ns(FILCH_S(3600)), &index) == -ECANCELED);
    must(filch_wait_all(futures, 2, FILCH_NO_DEADLINE) == -ECANCELED);
    must(index == 5);
    return -ECANCELED;
}

Test(cancel, waits_with_a_deadline_return, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    for (int round = 0; round < TEST_SHARE(500); round++) {
        struct filch_future promise = {0}, task = {0};
        filch_promise_init(&promise);
        cr_assert_eq(filch_submit(pool, &task, leave_when_cancelled, &promise), 0);
        if (round % 2)
            wait_until(stats_of(pool).suspended == 1);
        int asked = filch_cancel(&task);
        cr_assert(asked == -EINPROGRESS || (asked == 0 && round % 2 == 0));
        cr_assert_eq(filch_wait(&task), -ECANCELED);
        cr_assert_eq(filch_complete(&promise, 1), 0, "nobody cancelled it");
    }
    pool_end(pool);
}

/* ---- cancel against start: exactly one of the two happens ---- */

Test(cancel, races_with_the_start_and_one_wins, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    struct filch_task_options options = {.dropped = dropped};
    int never = 0, ran = 0;
    for (int i = 0; i < TEST_SHARE(20000); i++) {
        struct filch_future future = {0};
        struct drop drop = {0};
        cr_assert_eq(filch_submit_with(pool, &future, run_drop, &drop, &options), 0);
        dawdle(i % 30);
        int asked = filch_cancel(&future);
        int status = filch_wait(&future);
        must(atomic_load(&drop.runs) + atomic_load(&drop.drops) == 1);
        must((asked == 0) == (atomic_load(&drop.drops) == 1));
        must(status == (asked == 0 ? -ECANCELED : 0));
        *(asked == 0 ? &never : &ran) += 1;
    }
    cr_assert_eq(never + ran, TEST_SHARE(20000));
    pool_end(pool);
}

/* ---- time-outs ---- */

Test(timeout, asks_the_task_to_stop_and_is_its_status, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct filch_task_options options = {.timeout_ns = FILCH_MS(2)};
    for (int i = 0; i < 20; i++) {
        struct filch_future future = {0};
        cr_assert_eq(filch_submit_with(pool, &future, until_cancelled, NULL, &options), 0);
        cr_assert_eq(filch_wait(&future), -ETIMEDOUT, "whatever the body returned");
    }
    pool_end(pool);
}

Test(timeout, passes_through_the_wait_of_a_suspended_task, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct filch_task_options options = {.timeout_ns = FILCH_MS(2)};
    for (int i = 0; i < 20; i++) {
        struct filch_future future = {0}, promise = {0};
        filch_promise_init(&promise);
        cr_assert_eq(filch_submit_with(pool, &future, wait_for, &promise, &options), 0);
        cr_assert_eq(filch_wait(&future), -ETIMEDOUT);
        cr_assert_eq(filch_status(&promise), -ECANCELED);
    }
    pool_end(pool);
}

Test(timeout, a_task_in_time_keeps_its_status, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    struct filch_task_options options = {.timeout_ns = FILCH_S(7200)};
    int value = 31;
    for (int i = 0; i < TEST_SHARE(3000); i++) { /* timers are taken down as the tasks end, or they would pile up */
        struct filch_future future = {0};
        cr_assert_eq(filch_submit_with(pool, &future, give, &value, &options), 0);
        cr_assert_eq(filch_wait(&future), 31);
    }
    pool_end(pool);
}

/* Queued for twice its time-out, the task still has all of it. A machine that stops between the start and the end of so
 * short a body for 100 ms is possible, so one success in many tries is asked for. */
Test(timeout, counts_from_the_start_not_from_the_submit, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct filch_task_options options = {.timeout_ns = FILCH_MS(100)};
    int value = 31, status = 0;
    for (int tries = 0; tries < 50 && status != 31; tries++) {
        struct filch_future future = {0};
        struct held held;
        held_begin(&held, pool);
        cr_assert_eq(filch_submit_with(pool, &future, give, &value, &options), 0);
        usleep(200000);
        held_end(&held);
        status = filch_wait(&future);
        cr_assert(status == 31 || status == -ETIMEDOUT);
    }
    cr_assert_eq(status, 31);
    pool_end(pool);
}

/* A timer that fires as its task ends touches a future that is about to be freed. */
Test(timeout, races_with_the_end_of_the_task, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    for (int i = 0; i < TEST_SHARE(5000); i++) {
        struct filch_future *future = calloc(1, sizeof *future);
        struct filch_task_options options = {.timeout_ns = 1 + (uint64_t)i % 60 * 1000};
        int value = 31;
        cr_assert_not_null(future);
        cr_assert_eq(filch_submit_with(pool, future, give, &value, &options), 0);
        int status = filch_wait(future);
        cr_assert(status == 31 || status == -ETIMEDOUT);
        memset(future, 0xdd, sizeof *future);
        free(future);
    }
    pool_end(pool);
}
