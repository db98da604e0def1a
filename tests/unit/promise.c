/* SPDX-License-Identifier: MIT */
/* promise.c - futures completed by hand: by threads, by tasks, once. */
#include "support/tasks.h"
#include "support/test.h"

Test(promise, is_in_flight_until_completed, .timeout = TEST_TIMEOUT)
{
    struct filch_future promise = {0};
    cr_assert_eq(filch_status(&promise), -EINVAL, "never submitted");
    cr_assert_not(filch_done(&promise));
    filch_promise_init(&promise);
    cr_assert_eq(filch_status(&promise), -EINPROGRESS);
    cr_assert_not(filch_done(&promise));
    cr_assert_eq(filch_wait_until(&promise, 0), -ETIMEDOUT);
    cr_assert_eq(filch_complete(&promise, 12), 0);
    cr_assert(filch_done(&promise));
    cr_assert_eq(filch_status(&promise), 12);
    cr_assert_eq(filch_wait(&promise), 12);
    cr_assert_eq(filch_complete(&promise, 13), -EALREADY);
    cr_assert_eq(filch_status(&promise), 12);
}

Test(promise, can_be_made_again_when_done, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct filch_future future = {0};
    for (int i = 0; i < 100; i++) {
        filch_promise_init(&future);
        filch_promise_init(&future); /* in flight: a no-op */
        cr_assert_eq(filch_complete(&future, i), 0);
        cr_assert_eq(filch_wait(&future), i);
        cr_assert_eq(filch_submit(pool, &future, give, &i), 0); /* a task's future now */
        cr_assert_eq(filch_wait(&future), i);
    }
    pool_end(pool);
}

Test(promise, init_leaves_a_future_in_flight_alone, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct held held;
    held_begin(&held, pool);
    filch_promise_init(&held.future);
    cr_assert_eq(filch_complete(&held.future, 5), -EINVAL, "still a task's");
    held_end(&held);
    filch_promise_init(NULL);
    pool_end(pool);
}

Test(promise, only_promises_are_completed, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct filch_future zero = {0}, queued = {0};
    struct held held;
    held_begin(&held, pool);
    cr_assert_eq(filch_submit(pool, &queued, nothing, NULL), 0);
    cr_assert_eq(filch_complete(NULL, 0), -EINVAL);
    cr_assert_eq(filch_complete(&zero, 0), -EINVAL);
    cr_assert_eq(filch_complete(&queued, 0), -EINVAL);
    cr_assert_eq(filch_complete(&held.future, 0), -EINVAL);
    held_end(&held);
    cr_assert_eq(filch_wait(&queued), 0);
    pool_end(pool);
}

struct race {
    struct filch_future promise;
    atomic_int wins, start;
};

static void *complete_in_thread(void *data)
{
    struct race *race = data;
    atomic_fetch_add(&race->start, 1);
    while (atomic_load(&race->start) < 4)
        sched_yield();
    int result = filch_complete(&race->promise, 1);
    must(result == 0 || result == -EALREADY);
    atomic_fetch_add(&race->wins, result == 0);
    return NULL;
}

Test(promise, of_many_completions_one_wins, .timeout = TEST_TIMEOUT)
{
    for (int round = 0; round < TEST_SHARE(300); round++) {
        struct race *race = calloc(1, sizeof *race);
        pthread_t threads[4];
        cr_assert_not_null(race);
        filch_promise_init(&race->promise);
        for (int i = 0; i < 4; i++)
            threads[i] = thread_start(complete_in_thread, race);
        cr_assert_eq(filch_wait(&race->promise), 1);
        for (int i = 0; i < 4; i++)
            thread_join(threads[i]);
        cr_assert_eq(atomic_load(&race->wins), 1);
        free(race);
    }
}

struct exchange {
    struct filch_future request, answer;
    int sent, received;
};

static int answer(void *data)
{
    struct exchange *exchange = data;
    must(filch_wait(&exchange->request) == 0);
    exchange->received = exchange->sent * 2;
    must(filch_complete(&exchange->answer, 0) == 0);
    return 0;
}

static int ask(void *data)
{
    struct exchange *exchange = data;
    exchange->sent = 21;
    must(filch_complete(&exchange->request, 0) == 0);
    must(filch_wait(&exchange->answer) == 0);
    return exchange->received;
}

/* Two tasks that wait for each other's promises, at limit 1 and above. */
Test(promise, carries_data_between_tasks, .timeout = TEST_TIMEOUT)
{
    for (unsigned limit = 1; limit <= 2; limit++) {
        struct filch_pool *pool = pool_of(limit);
        for (int i = 0; i < TEST_SHARE(3000); i++) {
            struct exchange exchange = {0};
            struct filch_future asking = {0}, answering = {0};
            filch_promise_init(&exchange.request);
            filch_promise_init(&exchange.answer);
            cr_assert_eq(filch_submit(pool, &answering, answer, &exchange), 0);
            cr_assert_eq(filch_submit(pool, &asking, ask, &exchange), 0);
            cr_assert_eq(filch_wait(&asking), 42);
            cr_assert_eq(filch_wait(&answering), 0);
        }
        pool_end(pool);
    }
}

/* The completer's last access must be the one that wakes: the promise's memory goes at once. */
static void *complete_and_forget(void *data)
{
    must(filch_complete(data, 3) == 0);
    return NULL;
}

Test(promise, its_memory_is_free_when_wait_returns, .timeout = TEST_TIMEOUT)
{
    for (int i = 0; i < TEST_SHARE(3000); i++) {
        struct filch_future *promise = calloc(1, sizeof *promise);
        cr_assert_not_null(promise);
        filch_promise_init(promise);
        pthread_t thread = thread_start(complete_and_forget, promise);
        if (i % 2)
            cr_assert_eq(filch_wait(promise), 3);
        else
            while (!filch_done(promise))
                sched_yield();
        memset(promise, 0xdd, sizeof *promise);
        free(promise);
        thread_join(thread);
    }
}
