/* SPDX-License-Identifier: MIT */
/* sleeping.c - filch_sleep_until: a task that sleeps holds no worker, wakes at its deadline or when it is asked to stop. */
#include "support/tasks.h"
#include "support/test.h"

#include <filch/blocking.h>

static int sleep_until(void *data)
{
    uint64_t until = *(const uint64_t *)data;
    int r = filch_sleep_until(until);
    must(r || filch_now_ns() >= until);
    return r;
}

Test(sleeping, a_deadline_in_the_past_does_not_sleep, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct filch_future future = {0};
    uint64_t past = 1;
    cr_assert_eq(filch_sleep_until(0), 0);
    cr_assert_eq(filch_sleep_until(filch_now_ns()), 0);
    cr_assert_eq(filch_submit(pool, &future, sleep_until, &past), 0);
    cr_assert_eq(filch_wait(&future), 0);
    cr_assert_eq(stats_of(pool).suspensions, 0);
    pool_end(pool);
}

Test(sleeping, wakes_no_sooner_than_its_deadline, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    for (int i = 0; i < 50; i++) {
        struct filch_task_options options = {.flags = i % 5 ? 0 : FILCH_TASK_OWN_THREAD};
        struct filch_future future = {0};
        uint64_t until = filch_in_ns((uint64_t)i * 20000), outside = filch_in_ns((uint64_t)i * 5000);
        cr_assert_eq(filch_submit_with(pool, &future, sleep_until, &until, &options), 0);
        cr_assert_eq(filch_sleep_until(outside), 0);
        cr_assert_geq(filch_now_ns(), outside);
        cr_assert_eq(filch_wait(&future), 0);
    }
    pool_end(pool);
}

/* They all sleep at the same time, or the last ones to come would not find the first ones still there. */
struct dormitory {
    atomic_int asleep, awake;
    uint64_t until;
};

static int sleep_with_others(void *data)
{
    struct dormitory *dormitory = data;
    atomic_fetch_add(&dormitory->asleep, 1);
    int r = filch_sleep_until(dormitory->until);
    atomic_fetch_add(&dormitory->awake, 1);
    return r;
}

Test(sleeping, many_sleep_on_two_workers, .timeout = TEST_TIMEOUT)
{
    int count = TEST_SANITIZED ? 1000 : 20000;
    struct filch_pool *pool = pool_of(2);
    struct filch_future *futures = calloc((size_t)count, sizeof *futures);
    struct dormitory dormitory = {.until = FILCH_NO_DEADLINE};
    must(futures != NULL);
    for (int i = 0; i < count; i++)
        cr_assert_eq(filch_submit(pool, &futures[i], sleep_with_others, &dormitory), 0);
    wait_until(stats_of(pool).suspended == (uint64_t)count);
    cr_assert_leq(stats_of(pool).workers, 2);
    cr_assert_eq(atomic_load(&dormitory.awake), 0);
    for (int i = 0; i < count; i++)
        cr_assert_eq(filch_cancel(&futures[i]), -EINPROGRESS);
    for (int i = 0; i < count; i++)
        cr_assert_eq(filch_wait(&futures[i]), -ECANCELED);
    dormitory.until = filch_in_ns(FILCH_MS(20));
    for (int i = 0; i < count; i++)
        cr_assert_eq(filch_submit(pool, &futures[i], sleep_with_others, &dormitory), 0);
    for (int i = 0; i < count; i++)
        cr_assert_eq(filch_wait(&futures[i]), 0);
    cr_assert_eq(atomic_load(&dormitory.awake), 2 * count);
    pool_end(pool);
    free(futures);
}

static int sleep_for_ever(void *data)
{
    sem_post(data);
    return filch_sleep_until(FILCH_NO_DEADLINE);
}

static int sleep_blocking(void *data)
{
    return filch_blocking(sleep_for_ever, data);
}

Test(sleeping, a_cancel_wakes, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    for (int i = 0; i < 60; i++) {
        struct filch_task_options options = {.flags = i % 3 ? 0 : FILCH_TASK_OWN_THREAD,
                                             .timeout_ns = i % 5 ? 0 : FILCH_MS(1)};
        struct filch_future future = {0};
        sem_t began;
        must(sem_init(&began, 0, 0) == 0);
        cr_assert_eq(filch_submit_with(pool, &future, i % 2 ? sleep_for_ever : sleep_blocking, &began, &options), 0);
        sem_take(&began);
        if (i % 5) {
            cr_assert_eq(filch_cancel(&future), -EINPROGRESS);
            cr_assert_eq(filch_wait(&future), -ECANCELED);
        } else {
            cr_assert_eq(filch_wait(&future), -ETIMEDOUT);
        }
        sem_destroy(&began);
    }
    pool_end(pool);
}

Test(sleeping, closing_wakes_or_waits, .timeout = TEST_TIMEOUT)
{
    for (int mode = FILCH_CLOSE_DRAIN; mode <= FILCH_CLOSE_CANCEL; mode++) {
        struct filch_pool *pool = pool_of(2);
        struct filch_future futures[20];
        uint64_t until = mode == FILCH_CLOSE_DRAIN ? filch_in_ns(FILCH_MS(5)) : FILCH_NO_DEADLINE;
        memset(futures, 0, sizeof futures);
        for (int i = 0; i < 20; i++)
            cr_assert_eq(filch_submit(pool, &futures[i], sleep_until, &until), 0);
        if (mode == FILCH_CLOSE_CANCEL)
            wait_until(stats_of(pool).suspended == 20);
        cr_assert_eq(filch_pool_close(pool, (enum filch_close)mode, FILCH_NO_DEADLINE), 0);
        for (int i = 0; i < 20; i++)
            cr_assert_eq(filch_status(&futures[i]), mode == FILCH_CLOSE_DRAIN ? 0 : -ECANCELED);
        watchdog_pool(NULL);
        filch_pool_free(pool);
    }
}
