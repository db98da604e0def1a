/* SPDX-License-Identifier: MIT */
/* waiting.c - waiting for one with a deadline, for all, for any: what is returned, and that nothing stays behind. */
#include "support/tasks.h"
#include "support/test.h"

/* Run body(data) as a task of the pool and wait for it: the same claims are checked inside and outside. */
static int in_task(struct filch_pool *pool, filch_fn *body, void *data)
{
    struct filch_future future = {0};
    must(filch_submit(pool, &future, body, data) == 0);
    return filch_wait(&future);
}

static int deadline_claims(void *data)
{
    struct filch_future *promise = data;
    must(filch_wait_until(promise, 0) == -ETIMEDOUT);
    must(filch_wait_until(promise, 1) == -ETIMEDOUT);
    must(filch_wait_until(promise, filch_now_ns()) == -ETIMEDOUT);
    uint64_t deadline_ns = filch_in_ns(FILCH_MS(3));
    must(filch_wait_until(promise, deadline_ns) == -ETIMEDOUT);
    must(filch_now_ns() >= deadline_ns); /* never early */
    must(filch_status(promise) == -EINPROGRESS);
    return 0;
}

Test(waiting, until_returns_at_the_deadline_and_not_before, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct filch_future promise = {0};
    filch_promise_init(&promise);
    deadline_claims(&promise);
    for (int i = 0; i < 10; i++)
        cr_assert_eq(in_task(pool, deadline_claims, &promise), 0);
    cr_assert_eq(filch_complete(&promise, 5), 0);
    cr_assert_eq(filch_wait_until(&promise, 0), 0, "done, whatever the deadline");
    cr_assert_eq(filch_wait_until(&promise, FILCH_NO_DEADLINE), 0);
    cr_assert_eq(filch_status(&promise), 5);
    pool_end(pool);
}

static int until_far(void *data)
{
    must(filch_wait_until(data, filch_in_ns(FILCH_S(3600))) == 0);
    return filch_status(data);
}

Test(waiting, until_returns_when_done_before_the_deadline, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    for (int i = 0; i < TEST_SHARE(2000); i++) {
        struct filch_future promise = {0}, task = {0};
        filch_promise_init(&promise);
        cr_assert_eq(filch_submit(pool, &task, until_far, &promise), 0);
        cr_assert_eq(filch_complete(&promise, i), 0);
        cr_assert_eq(filch_wait(&task), i);
    }
    pool_end(pool);
}

/* Deadlines that pass just as the future is completed: either outcome is right, and afterwards nobody may touch the
 * waiter's frame (AddressSanitizer) or wake it twice. */
static int race_the_deadline(void *data)
{
    struct filch_future *promise = data;
    for (int i = 0; !filch_done(promise); i++) {
        int result = filch_wait_until(promise, filch_in_ns((uint64_t)(i * 7 % 60) * 1000));
        must(result == 0 || result == -ETIMEDOUT);
    }
    return filch_status(promise);
}

Test(waiting, deadline_races_with_completion, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    for (int i = 0; i < TEST_SHARE(3000); i++) {
        struct filch_future promise = {0}, tasks[3] = {{{0}}};
        filch_promise_init(&promise);
        for (int k = 0; k < 3; k++)
            cr_assert_eq(filch_submit(pool, &tasks[k], race_the_deadline, &promise), 0);
        dawdle(i % 200);
        cr_assert_eq(filch_complete(&promise, i), 0);
        cr_assert_eq(race_the_deadline(&promise), i);
        for (int k = 0; k < 3; k++)
            cr_assert_eq(filch_wait(&tasks[k]), i);
    }
    pool_end(pool);
}

struct group {
    struct filch_future *futures;
    struct filch_future **list;
    size_t count;
};

static struct group group_make(size_t count)
{
    struct group group = {calloc(count, sizeof *group.futures), malloc(count * sizeof *group.list), count};
    must(group.futures && group.list);
    for (size_t i = 0; i < count; i++) {
        filch_promise_init(&group.futures[i]);
        group.list[i] = &group.futures[i];
    }
    return group;
}

static void group_free(struct group *group)
{
    free(group->list);
    free(group->futures);
}

static int wait_all_claims(void *data)
{
    struct group *group = data;
    must(filch_wait_all(group->list, group->count, 0) == -ETIMEDOUT);
    must(filch_wait_all(group->list, group->count, FILCH_NO_DEADLINE) == 0);
    for (size_t i = 0; i < group->count; i++)
        must(filch_status(group->list[i]) == (int)i);
    return 0;
}

Test(waiting, all_returns_when_the_last_is_done, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    for (size_t count = 1; count <= 3000; count = count * 3 + 1) {
        struct group group = group_make(count);
        struct filch_future tasks[2] = {{{0}}};
        for (int i = 0; i < 2; i++)
            cr_assert_eq(filch_submit(pool, &tasks[i], wait_all_claims, &group), 0);
        wait_until(stats_of(pool).suspended == 2);
        for (size_t i = count; i-- > 0;)
            cr_assert_eq(filch_complete(&group.futures[i], (int)i), 0);
        for (int i = 0; i < 2; i++)
            cr_assert_eq(filch_wait(&tasks[i]), 0);
        cr_assert_eq(filch_wait_all(group.list, count, FILCH_NO_DEADLINE), 0);
        group_free(&group);
    }
    cr_assert_eq(filch_wait_all(NULL, 0, FILCH_NO_DEADLINE), 0, "none to wait for");
    pool_end(pool);
}

Test(waiting, all_takes_tasks_done_running_and_queued, .timeout = TEST_TIMEOUT)
{
    enum { count = 500 };
    static struct filch_future futures[count];
    struct filch_future *list[count];
    struct filch_pool *pool = pool_of(2);
    atomic_int runs = 0;
    memset(futures, 0, sizeof futures);
    for (int i = 0; i < count; i++) {
        list[i] = &futures[i];
        cr_assert_eq(filch_submit(pool, &futures[i], count_up, &runs), 0);
    }
    cr_assert_eq(filch_wait_all(list, count, FILCH_NO_DEADLINE), 0);
    cr_assert_eq(atomic_load(&runs), count);
    pool_end(pool);
}

Test(waiting, any_finds_the_first_that_is_done, .timeout = TEST_TIMEOUT)
{
    struct group group = group_make(10);
    size_t index = 77;
    cr_assert_eq(filch_wait_any(group.list, 10, 0, &index), -ETIMEDOUT);
    cr_assert_eq(index, 77, "untouched on failure");
    cr_assert_eq(filch_complete(&group.futures[6], 0), 0);
    cr_assert_eq(filch_wait_any(group.list, 10, 0, &index), 0);
    cr_assert_eq(index, 6);
    cr_assert_eq(filch_complete(&group.futures[3], -EIO), 0);
    cr_assert_eq(filch_wait_any(group.list, 10, FILCH_NO_DEADLINE, &index), 0);
    cr_assert_eq(index, 3);
    for (size_t i = 0; i < 10; i++)
        (void)filch_complete(&group.futures[i], 0);
    group_free(&group);
}

static int wait_any_of(void *data)
{
    struct group *group = data;
    size_t index = group->count;
    int result = filch_wait_any(group->list, group->count, FILCH_NO_DEADLINE, &index);
    must(result == 0 && index < group->count && filch_done(group->list[index]));
    return (int)index;
}

static void *wait_any_in_thread(void *data)
{
    return (void *)(intptr_t)wait_any_of(data);
}

Test(waiting, any_waits_for_thousands, .timeout = TEST_TIMEOUT)
{
    enum { count = 5000 };
    struct filch_pool *pool = pool_of(1);
    for (size_t round = 0; round < 12; round++) {
        size_t hit = round * 450;
        struct group group = group_make(count);
        struct filch_future tasks[4] = {{{0}}};
        for (int i = 0; i < 4; i++)
            cr_assert_eq(filch_submit(pool, &tasks[i], wait_any_of, &group), 0);
        wait_until(stats_of(pool).suspended == 4);
        pthread_t thread = thread_start(wait_any_in_thread, &group);
        cr_assert_eq(filch_complete(&group.futures[hit], 0), 0);
        for (int i = 0; i < 4; i++)
            cr_assert_eq((size_t)filch_wait(&tasks[i]), hit);
        void *index;
        cr_assert_eq(pthread_join(thread, &index), 0);
        cr_assert_eq((size_t)(uintptr_t)index, hit);
        /* The others are still in flight, and no waiter may be left in them. */
        for (size_t i = 0; i < count; i++)
            cr_assert_eq(filch_complete(&group.futures[i], 1), i == hit ? -EALREADY : 0);
        group_free(&group);
    }
    pool_end(pool);
}

static int wait_all_of(void *data)
{
    struct group *group = data;
    return filch_wait_all(group->list, group->count, FILCH_NO_DEADLINE);
}

Test(waiting, any_and_all_of_a_million, .timeout = TEST_TIMEOUT)
{
    const size_t count = TEST_TSAN ? 50000 : TEST_SHARE(1000000), hit = count / 3;
    struct filch_pool *pool = pool_of(2);
    struct group group = group_make(count);
    struct filch_future any = {{0}}, all = {{0}};
    cr_assert_eq(filch_submit(pool, &any, wait_any_of, &group), 0);
    wait_until(stats_of(pool).suspended == 1);
    cr_assert_eq(filch_complete(&group.futures[hit], 0), 0);
    cr_assert_eq((size_t)filch_wait(&any), hit);
    cr_assert_eq(filch_submit(pool, &all, wait_all_of, &group), 0);
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(filch_complete(&group.futures[i], 0), i == hit ? -EALREADY : 0);
    cr_assert_eq(filch_wait(&all), 0);
    group_free(&group);
    pool_end(pool);
}

Test(waiting, any_takes_the_same_future_twice, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    for (int round = 0; round < TEST_SHARE(1000); round++) {
        struct filch_future futures[2] = {{{0}}}, task = {0};
        struct filch_future *list[] = {&futures[0], &futures[1], &futures[0], &futures[1], &futures[0]};
        struct group group = {futures, list, 5};
        filch_promise_init(&futures[0]);
        filch_promise_init(&futures[1]);
        cr_assert_eq(filch_submit(pool, &task, wait_any_of, &group), 0);
        if (round % 2)
            wait_until(stats_of(pool).suspended == 1);
        cr_assert_eq(filch_complete(&futures[round / 2 % 2], 0), 0);
        int index = filch_wait(&task);
        cr_assert_eq(index % 2, round / 2 % 2);
        cr_assert_eq(filch_wait_all(list, 5, 0), -ETIMEDOUT);
        cr_assert_eq(filch_complete(&futures[1 - round / 2 % 2], 0), 0);
        cr_assert_eq(filch_wait_all(list, 5, FILCH_NO_DEADLINE), 0);
    }
    pool_end(pool);
}

/* Futures with many waiters of which some leave early: each stays registered no longer than its call. */
static int any_with_deadlines(void *data)
{
    struct group *group = data;
    size_t index;
    for (uint64_t i = 0;; i++) {
        int result = filch_wait_any(group->list, group->count, filch_in_ns(i % 40 * 2000), &index);
        if (result == 0)
            return (int)index;
        must(result == -ETIMEDOUT);
    }
}

Test(waiting, any_with_deadlines_leaves_nothing_behind, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    for (int round = 0; round < TEST_SHARE(500); round++) {
        struct group group = group_make(8);
        struct filch_future tasks[4] = {{{0}}};
        for (int i = 0; i < 4; i++)
            cr_assert_eq(filch_submit(pool, &tasks[i], i ? any_with_deadlines : wait_any_of, &group), 0);
        dawdle(round % 100);
        for (int i = 0; i < 8; i++)
            cr_assert_eq(filch_complete(&group.futures[(round + i) % 8], 0), 0);
        for (int i = 0; i < 4; i++)
            cr_assert_geq(filch_wait(&tasks[i]), 0);
        group_free(&group); /* a node left behind would be walked after this */
    }
    pool_end(pool);
}
