/* SPDX-License-Identifier: MIT */
/* composition_close.c - one of several pools is closed while the others' tasks wait for its tasks, or its tasks for theirs. */
#include "support/tasks.h"
#include "support/test.h"

static void *close_in_thread(void *pool)
{
    must(filch_pool_close(pool, FILCH_CLOSE_CANCEL, FILCH_NO_DEADLINE) == 0);
    return NULL;
}

Test(composition_close, who_waits_for_a_pool_that_is_cancelled_is_told, .timeout = TEST_TIMEOUT)
{
    enum { count = 20 };
    struct filch_pool *waiting = pool_of(1), *closed = pool_of(1);
    struct filch_future theirs[count] = {{{0}}}, ours[count] = {{{0}}};
    sem_t began;
    cr_assert_eq(sem_init(&began, 0, 0), 0);
    cr_assert_eq(filch_submit(closed, &theirs[0], until_cancelled, &began), 0);
    sem_take(&began);
    for (int i = 1; i < count; i++)
        cr_assert_eq(filch_submit(closed, &theirs[i], nothing, NULL), 0);
    for (int i = 0; i < count; i++)
        cr_assert_eq(filch_submit(waiting, &ours[i], wait_for, &theirs[i]), 0);
    wait_until(stats_of(waiting).suspended == count);
    pthread_t closer = thread_start(close_in_thread, closed);
    for (int i = 0; i < count; i++)
        cr_assert_eq(filch_wait(&ours[i]), i == 0 ? 7 : -ECANCELED);
    thread_join(closer);
    struct filch_future late = {0};
    cr_assert_eq(filch_submit(closed, &late, nothing, NULL), -ESHUTDOWN);
    filch_pool_free(closed);
    pool_end(waiting);
    sem_destroy(&began);
}

Test(composition_close, draining_one_waits_for_what_its_tasks_wait_for, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *drained = pool_of(1), *other = pool_of(1);
    struct held held;
    struct filch_future future = {0};
    held_begin(&held, other);
    cr_assert_eq(filch_submit(drained, &future, wait_for, &held.future), 0);
    cr_assert_eq(filch_pool_close(drained, FILCH_CLOSE_DRAIN, 0), -ETIMEDOUT);
    cr_assert_not(filch_done(&future));
    held_end(&held);
    pool_end(drained);
    cr_assert_eq(filch_status(&future), 0);
    pool_end(other);
}

Test(composition_close, cancelling_one_asks_what_its_tasks_wait_for, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *cancelled = pool_of(1), *other = pool_of(1);
    struct filch_future theirs = {0}, ours = {0};
    sem_t began;
    cr_assert_eq(sem_init(&began, 0, 0), 0);
    cr_assert_eq(filch_submit(other, &theirs, until_cancelled, &began), 0);
    sem_take(&began);
    cr_assert_eq(filch_submit(cancelled, &ours, wait_for, &theirs), 0);
    wait_until(stats_of(cancelled).suspended == 1);
    cr_assert_eq(filch_pool_close(cancelled, FILCH_CLOSE_CANCEL, FILCH_NO_DEADLINE), 0);
    cr_assert_eq(filch_wait(&theirs), 7);
    cr_assert_eq(filch_status(&ours), 7);
    filch_pool_free(cancelled);
    meet_all(other, 1); /* goes on as before */
    pool_end(other);
    sem_destroy(&began);
}

/* As a library does that brings a pool for one call. */
static int open_use_close(void *data)
{
    enum { count = 50 };
    struct filch_pool *host = filch_pool_current(), *own = NULL;
    struct filch_future futures[count] = {{{0}}};
    must(filch_pool_open(&own, &(struct filch_pool_config){.max_concurrency = 2}) == 0);
    for (int i = 0; i < count; i++)
        must(filch_submit(own, &futures[i], count_up, data) == 0);
    must(filch_wait(&futures[0]) == 0);
    must(filch_pool_current() == host);
    must(filch_pool_close(own, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE) == 0);
    for (int i = 0; i < count; i++)
        must(filch_done(&futures[i]));
    filch_pool_free(own);
    return count;
}

Test(composition_close, a_task_opens_uses_and_closes_a_pool_of_its_own, .timeout = TEST_TIMEOUT)
{
    enum { tasks = 3 };
    struct filch_pool *pool = pool_of(2);
    atomic_int runs = 0;
    int rounds = TEST_SHARE(100);
    for (int round = 0; round < rounds; round++) {
        struct filch_future futures[tasks] = {{{0}}};
        for (int i = 0; i < tasks; i++)
            cr_assert_eq(filch_submit(pool, &futures[i], open_use_close, &runs), 0);
        for (int i = 0; i < tasks; i++)
            cr_assert_eq(filch_wait(&futures[i]), 50);
    }
    cr_assert_eq(atomic_load(&runs), rounds * tasks * 50);
    pool_end(pool);
}

/* ---- by a task that the closed pool's tasks wait for ---- */

static int close_pool(void *pool)
{
    return filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE);
}

static int close_blocking(void *pool)
{
    return filch_blocking(close_pool, pool);
}

/* At a limit of one, what the closed pool waits for needs the place of the task that closes it. */
Test(composition_close, a_task_closes_a_pool_that_waits_for_its_own, .timeout = TEST_TIMEOUT)
{
    for (int round = 0; round < TEST_SHARE(200); round++) {
        struct filch_pool *closing = pool_of(1), *closed = pool_of(1);
        struct held held;
        struct filch_future theirs = {0}, needed = {0}, closer = {0};
        int seven = 7;
        held_begin(&held, closing); /* so that the task which is needed stands behind the one that closes */
        cr_assert_eq(filch_submit(closing, &closer, close_blocking, closed), 0);
        cr_assert_eq(filch_submit(closing, &needed, give, &seven), 0);
        cr_assert_eq(filch_submit(closed, &theirs, wait_for, &needed), 0);
        held_end(&held);
        cr_assert_eq(filch_wait(&closer), 0);
        cr_assert_eq(filch_status(&theirs), 7);
        filch_pool_free(closed);
        pool_end(closing);
    }
}
