/* SPDX-License-Identifier: MIT */
/* close.c - stopping a pool: drain or cancel, by a deadline, twice, from several sides; what is answered afterwards. */
#include "support/tasks.h"
#include "support/test.h"

static void pool_free_closed(struct filch_pool *pool)
{
    watchdog_pool(NULL);
    filch_pool_free(pool);
}

Test(close, drain_runs_everything_accepted, .timeout = TEST_TIMEOUT)
{
    for (int round = 0; round < TEST_SHARE(200); round++) {
        enum { count = 100 };
        struct filch_future futures[count];
        struct filch_pool *pool = pool_of(1 + (unsigned)round % 3);
        atomic_int runs = 0;
        memset(futures, 0, sizeof futures);
        for (int i = 0; i < count; i++)
            cr_assert_eq(filch_submit(pool, &futures[i], count_up, &runs), 0);
        cr_assert_eq(filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE), 0);
        for (int i = 0; i < count; i++)
            cr_assert(filch_done(&futures[i]), "done when close returns");
        cr_assert_eq(atomic_load(&runs), count);
        pool_free_closed(pool);
    }
}

struct spawner {
    struct filch_pool *pool;
    atomic_int *runs;
    int depth;
    struct filch_future children[2];
    struct spawner *below;
};

/* Submits two below it without waiting for them: the pool's drain has to. */
static int spawn_and_leave(void *data)
{
    struct spawner *spawner = data;
    atomic_fetch_add(spawner->runs, 1);
    for (int i = 0; spawner->depth > 0 && i < 2; i++) {
        spawner->below[i] = (struct spawner){spawner->pool, spawner->runs, spawner->depth - 1, {{{0}}}, NULL};
        spawner->below[i].below = calloc(2, sizeof *spawner->below);
        must(spawner->below[i].below != NULL);
        must(filch_submit(spawner->pool, &spawner->children[i], spawn_and_leave, &spawner->below[i]) == 0);
    }
    return 0;
}

static void spawner_free(struct spawner *spawner)
{
    for (int i = 0; spawner->depth > 0 && i < 2; i++)
        spawner_free(&spawner->below[i]);
    free(spawner->below);
}

Test(close, drain_takes_what_running_tasks_still_submit, .timeout = TEST_TIMEOUT)
{
    for (unsigned limit = 1; limit <= 3; limit++) {
        struct filch_pool *pool = pool_of(limit);
        atomic_int runs = 0;
        struct spawner root = {pool, &runs, 8, {{{0}}}, calloc(2, sizeof root)};
        struct filch_future future = {0};
        cr_assert_not_null(root.below);
        cr_assert_eq(filch_submit(pool, &future, spawn_and_leave, &root), 0);
        cr_assert_eq(filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE), 0);
        cr_assert_eq(atomic_load(&runs), (1 << 9) - 1);
        pool_free_closed(pool);
        spawner_free(&root);
    }
}

Test(close, cancel_drops_what_has_not_started, .timeout = TEST_TIMEOUT)
{
    enum { count = 200 };
    static struct filch_future futures[count];
    struct filch_pool *pool = pool_of(1);
    atomic_int runs = 0;
    struct held held;
    memset(futures, 0, sizeof futures);
    held_begin(&held, pool);
    for (int i = 0; i < count; i++)
        cr_assert_eq(filch_submit(pool, &futures[i], count_up, &runs), 0);
    cr_assert_eq(filch_pool_close(pool, FILCH_CLOSE_CANCEL, 0), -ETIMEDOUT);
    held_end(&held);
    cr_assert_eq(filch_pool_close(pool, FILCH_CLOSE_CANCEL, FILCH_NO_DEADLINE), 0);
    for (int i = 0; i < count; i++)
        cr_assert_eq(filch_wait(&futures[i]), -ECANCELED);
    cr_assert_eq(atomic_load(&runs), 0);
    struct filch_pool_stats stats = stats_of(pool);
    cr_assert_eq(stats.run, 1);
    cr_assert_eq(stats.dropped, count);
    pool_free_closed(pool);
}

Test(close, cancel_asks_running_tasks_to_stop, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(3);
    struct filch_task_options own = {.flags = FILCH_TASK_OWN_THREAD};
    struct filch_future futures[3] = {{{0}}};
    sem_t began;
    sem_init(&began, 0, 0);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(filch_submit_with(pool, &futures[i], until_cancelled, &began, i ? NULL : &own), 0);
    for (int i = 0; i < 3; i++)
        sem_take(&began);
    cr_assert_eq(filch_pool_close(pool, FILCH_CLOSE_CANCEL, FILCH_NO_DEADLINE), 0);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(filch_wait(&futures[i]), 7);
    pool_free_closed(pool);
}

/* Tasks that wait, in all the ways, are asked too: the request ends their waits. */
static int wait_with_deadline(void *data)
{
    return filch_wait_until(data, FILCH_NO_DEADLINE);
}

Test(close, cancel_reaches_tasks_that_wait, .timeout = TEST_TIMEOUT)
{
    for (int round = 0; round < TEST_SHARE(200); round++) {
        struct filch_pool *pool = pool_of(2);
        struct filch_task_options own = {.flags = FILCH_TASK_OWN_THREAD};
        struct filch_future promises[4] = {{{0}}}, tasks[4] = {{{0}}};
        for (int i = 0; i < 4; i++) {
            filch_promise_init(&promises[i]);
            filch_fn *fn = i % 2 ? wait_with_deadline : wait_for;
            cr_assert_eq(filch_submit_with(pool, &tasks[i], fn, &promises[i], i / 2 ? &own : NULL), 0);
        }
        if (round % 2)
            wait_until(stats_of(pool).suspensions + stats_of(pool).blocked_waits == 4);
        cr_assert_eq(filch_pool_close(pool, FILCH_CLOSE_CANCEL, FILCH_NO_DEADLINE), 0);
        for (int i = 0; i < 4; i++) {
            cr_assert_eq(filch_wait(&tasks[i]), -ECANCELED);
            if (i % 2)
                cr_assert_eq(filch_complete(&promises[i], 0), 0, "left in flight");
            else if (round % 2)
                cr_assert_eq(filch_status(&promises[i]), -ECANCELED, "the request was passed on");
        }
        pool_free_closed(pool);
    }
}

Test(close, drain_waits_for_tasks_that_wait, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct filch_future promise = {0}, tasks[20] = {{{0}}};
    filch_promise_init(&promise);
    for (int i = 0; i < 20; i++)
        cr_assert_eq(filch_submit(pool, &tasks[i], wait_for, &promise), 0);
    wait_until(stats_of(pool).suspended == 20);
    cr_assert_eq(filch_pool_close(pool, FILCH_CLOSE_DRAIN, filch_in_ns(FILCH_MS(5))), -ETIMEDOUT);
    cr_assert_eq(filch_complete(&promise, 3), 0);
    cr_assert_eq(filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE), 0);
    for (int i = 0; i < 20; i++)
        cr_assert_eq(filch_wait(&tasks[i]), 3);
    pool_free_closed(pool);
}

/* A drain that ran into its deadline may be followed by a cancel. */
Test(close, a_drain_in_vain_may_become_a_cancel, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct filch_future running = {0}, queued[5] = {{{0}}};
    atomic_int runs = 0;
    sem_t began;
    sem_init(&began, 0, 0);
    cr_assert_eq(filch_submit(pool, &running, until_cancelled, &began), 0);
    sem_take(&began);
    for (int i = 0; i < 5; i++)
        cr_assert_eq(filch_submit(pool, &queued[i], count_up, &runs), 0);
    cr_assert_eq(filch_pool_close(pool, FILCH_CLOSE_DRAIN, filch_in_ns(FILCH_MS(5))), -ETIMEDOUT);
    cr_assert_eq(filch_pool_close(pool, FILCH_CLOSE_CANCEL, FILCH_NO_DEADLINE), 0);
    cr_assert_eq(filch_wait(&running), 7);
    for (int i = 0; i < 5; i++)
        cr_assert_eq(filch_wait(&queued[i]), -ECANCELED);
    cr_assert_eq(atomic_load(&runs), 0);
    pool_free_closed(pool);
}

Test(close, afterwards_every_call_is_answered, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    struct filch_future future = {0}, futures[3] = {{{0}}}, *copied = NULL;
    atomic_int runs = 0;
    struct filch_batch batch = {futures, 0, &runs, 0, 3};
    struct filch_task_options options = {.name = "late", .timeout_ns = 1};
    cr_assert_eq(filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE), 0);
    cr_assert_eq(filch_submit(pool, &future, count_up, &runs), -ESHUTDOWN);
    cr_assert_eq(filch_wait(&future), -ESHUTDOWN);
    cr_assert_eq(filch_submit_with(pool, &future, count_up, &runs, &options), -ESHUTDOWN);
    cr_assert_eq(filch_submit_copy(pool, count_up, &runs, sizeof runs, NULL, &copied), -ESHUTDOWN);
    cr_assert_null(copied);
    cr_assert_eq(filch_submit_many(pool, &batch, count_up, NULL), -ESHUTDOWN);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(filch_status(&futures[i]), -ESHUTDOWN);
    cr_assert_eq(filch_pool_resize(pool, 1, 1), -ESHUTDOWN);
    cr_assert_eq(filch_pool_available(pool), 0);
    cr_assert_eq(filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE), -EALREADY);
    cr_assert_eq(filch_pool_close(pool, FILCH_CLOSE_CANCEL, 0), -EALREADY);
    cr_assert_eq(stats_of(pool).submitted, 0);
    free(dump_of(pool));
    cr_assert_eq(atomic_load(&runs), 0);
    pool_free_closed(pool);
}

struct closer {
    struct filch_pool *pool;
    int result;
};

static void *close_in_thread(void *data)
{
    struct closer *closer = data;
    closer->result = filch_pool_close(closer->pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE);
    return NULL;
}

Test(close, of_concurrent_calls_one_closes, .timeout = TEST_TIMEOUT)
{
    for (int round = 0; round < TEST_SHARE(200); round++) {
        struct filch_pool *pool = pool_of(2);
        struct closer closers[4];
        pthread_t threads[4];
        struct filch_future futures[20] = {{{0}}};
        atomic_int runs = 0, closed = 0;
        for (int i = 0; i < 20; i++)
            cr_assert_eq(filch_submit(pool, &futures[i], count_up, &runs), 0);
        for (int i = 0; i < 4; i++) {
            closers[i].pool = pool;
            threads[i] = thread_start(close_in_thread, &closers[i]);
        }
        for (int i = 0; i < 4; i++) {
            thread_join(threads[i]);
            cr_assert(closers[i].result == 0 || closers[i].result == -EALREADY);
            closed += closers[i].result == 0;
        }
        cr_assert_eq(atomic_load(&closed), 1);
        cr_assert_eq(atomic_load(&runs), 20);
        pool_free_closed(pool);
    }
}

static int close_it(void *data)
{
    return filch_pool_close(data, FILCH_CLOSE_CANCEL, FILCH_NO_DEADLINE);
}

Test(close, inside_a_task_of_the_pool_is_a_deadlock, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2), *other = pool_of(1);
    struct filch_task_options own = {.flags = FILCH_TASK_OWN_THREAD};
    struct filch_future future = {0};
    cr_assert_eq(filch_submit(pool, &future, close_it, pool), 0);
    cr_assert_eq(filch_wait(&future), -EDEADLK);
    cr_assert_eq(filch_submit_with(pool, &future, close_it, pool, &own), 0);
    cr_assert_eq(filch_wait(&future), -EDEADLK);
    cr_assert_eq(filch_submit(pool, &future, nothing, NULL), 0); /* it is as open as before */
    cr_assert_eq(filch_wait(&future), 0);
    cr_assert_eq(filch_submit(pool, &future, close_it, other), 0); /* another pool may be closed in a task */
    cr_assert_eq(filch_wait(&future), 0);
    filch_pool_free(other);
    pool_end(pool);
}

struct racer {
    struct filch_pool *pool;
    atomic_int go, runs;
    atomic_int accepted, refused;
};

static void *submit_until_refused(void *data)
{
    struct racer *racer = data;
    while (!atomic_load(&racer->go))
        sched_yield();
    for (;;) {
        struct filch_future future = {0};
        int result = filch_submit(racer->pool, &future, count_up, &racer->runs);
        int status = filch_wait(&future);
        if (result == 0) {
            must(status == 0 || status == -ECANCELED);
            atomic_fetch_add(&racer->accepted, status == 0);
        } else {
            must(result == -ESHUTDOWN && status == -ESHUTDOWN);
            return NULL;
        }
    }
}

Test(close, races_with_submit_and_nothing_hangs, .timeout = TEST_TIMEOUT)
{
    for (int round = 0; round < TEST_SHARE(300); round++) {
        struct racer racer = {.pool = pool_of(2)};
        pthread_t threads[3];
        for (int i = 0; i < 3; i++)
            threads[i] = thread_start(submit_until_refused, &racer);
        atomic_store(&racer.go, 1);
        dawdle(round % 50);
        enum filch_close mode = round % 2 ? FILCH_CLOSE_DRAIN : FILCH_CLOSE_CANCEL;
        cr_assert_eq(filch_pool_close(racer.pool, mode, FILCH_NO_DEADLINE), 0);
        for (int i = 0; i < 3; i++)
            thread_join(threads[i]);
        cr_assert_eq(atomic_load(&racer.runs), atomic_load(&racer.accepted));
        pool_free_closed(racer.pool);
    }
}
