/* SPDX-License-Identifier: MIT */
/* misuse.c - calls that are wrong, and the code that each gets; afterwards everything works as before.
 *
 * What concerns closing, freeing, forking, full queues, failing worker_inits and ends of threads is in the files of
 * those names.
 */
#include "support/tasks.h"
#include "support/test.h"

static void check_works(struct filch_pool *pool)
{
    struct filch_future future = {0};
    int value = 9;
    cr_assert_eq(filch_submit(pool, &future, give, &value), 0);
    cr_assert_eq(filch_wait(&future), 9);
}

Test(misuse, null_where_something_is_needed, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct filch_future future = {0}, *copied = NULL, *list[] = {&future, NULL};
    struct filch_pool_stats stats;
    size_t index;
    cr_assert_eq(filch_pool_open(NULL, NULL), -EINVAL);
    cr_assert_eq(filch_submit(pool, NULL, nothing, NULL), -EINVAL);
    cr_assert_eq(filch_submit(pool, &future, NULL, NULL), -EINVAL);
    cr_assert_eq(filch_status(&future), -EINVAL, "left as it was: never submitted");
    cr_assert_eq(filch_submit_with(pool, NULL, nothing, NULL, NULL), -EINVAL);
    cr_assert_eq(filch_submit_with(pool, &future, NULL, NULL, NULL), -EINVAL);
    cr_assert_eq(filch_submit_copy(pool, NULL, NULL, 0, NULL, &copied), -EINVAL);
    cr_assert_eq(filch_submit_copy(pool, nothing, NULL, 8, NULL, &copied), -EINVAL);
    cr_assert_null(copied);
    cr_assert_eq(filch_submit_many(pool, NULL, nothing, NULL), -EINVAL);
    cr_assert_eq(filch_submit_many(pool, &(struct filch_batch){NULL, 0, NULL, 0, 3}, nothing, NULL), -EINVAL);
    cr_assert_eq(filch_submit_many(pool, &(struct filch_batch){&future, 0, NULL, 0, 1}, NULL, NULL), -EINVAL);
    cr_assert_eq(filch_wait_many(NULL, FILCH_NO_DEADLINE), -EINVAL);
    cr_assert_eq(filch_wait_many(&(struct filch_batch){NULL, 0, NULL, 0, 3}, FILCH_NO_DEADLINE), -EINVAL);
    cr_assert_eq(filch_status(NULL), -EINVAL);
    cr_assert_eq(filch_wait(NULL), -EINVAL);
    cr_assert_eq(filch_wait_until(NULL, FILCH_NO_DEADLINE), -EINVAL);
    cr_assert_eq(filch_wait_all(NULL, 2, FILCH_NO_DEADLINE), -EINVAL);
    cr_assert_eq(filch_wait_any(NULL, 2, FILCH_NO_DEADLINE, &index), -EINVAL);
    cr_assert_eq(filch_wait_any(list, 0, FILCH_NO_DEADLINE, &index), -EINVAL);
    cr_assert_eq(filch_cancel(NULL), -EINVAL);
    cr_assert_eq(filch_complete(NULL, 0), -EINVAL);
    cr_assert_eq(filch_pool_get_stats(pool, NULL, sizeof stats), -EINVAL);
    cr_assert_eq(filch_pool_dump(pool, NULL), -EINVAL);
    cr_assert_eq(filch_completions_open(NULL), -EINVAL);
    cr_assert_eq(filch_completions_next(NULL, 0, &copied), -EINVAL);
    cr_assert_eq(filch_completions_fd(NULL), -EINVAL);
    filch_pool_free(NULL);
    filch_future_release(NULL);
    filch_completions_close(NULL);
    filch_promise_init(NULL);
    check_works(pool);
    pool_end(pool);
}

Test(misuse, null_inside_a_list, .timeout = TEST_TIMEOUT)
{
    struct filch_future promise = {0}, never = {0}, *with_null[] = {&promise, NULL}, *with_zero[] = {&promise, &never};
    struct filch_completions *queue = NULL;
    size_t index = 44;
    filch_promise_init(&promise);
    cr_assert_eq(filch_wait_all(with_null, 2, FILCH_NO_DEADLINE), -EINVAL);
    cr_assert_eq(filch_wait_any(with_null, 2, FILCH_NO_DEADLINE, &index), -EINVAL);
    cr_assert_eq(filch_wait_all(with_zero, 2, FILCH_NO_DEADLINE), -EINVAL);
    cr_assert_eq(filch_wait_any(with_zero, 2, FILCH_NO_DEADLINE, &index), -EINVAL);
    cr_assert_eq(index, 44);
    cr_assert_eq(filch_completions_open(&queue), 0);
    cr_assert_eq(filch_completions_next(queue, 0, NULL), -EINVAL);
    filch_completions_close(queue);
    cr_assert_eq(filch_complete(&promise, 1), 0, "no waiter was left in it");
}

Test(misuse, a_future_never_submitted, .timeout = TEST_TIMEOUT)
{
    struct filch_future never = {0};
    cr_assert_eq(filch_status(&never), -EINVAL);
    cr_assert_eq(filch_wait(&never), -EINVAL);
    cr_assert_eq(filch_wait_until(&never, FILCH_NO_DEADLINE), -EINVAL);
    cr_assert_eq(filch_cancel(&never), -EINVAL);
    cr_assert_eq(filch_complete(&never, 0), -EINVAL);
    cr_assert_eq(filch_wait_many(&(struct filch_batch){&never, 0, NULL, 0, 1}, FILCH_NO_DEADLINE), -EINVAL);
    cr_assert_not(filch_done(&never));
}

static int never_init(void *ctx, unsigned worker, void **ret_local)
{
    (void)ctx;
    (void)worker;
    (void)ret_local;
    abort(); /* a wrong configuration is refused before any worker starts */
}

Test(misuse, configurations_that_are_refused, .timeout = TEST_TIMEOUT)
{
    const struct filch_pool_config wrong[] = {
        {.min_workers = 3, .max_concurrency = 2},
        {.min_workers = FILCH_WORKERS_MAX + 1},
        {.max_concurrency = FILCH_WORKERS_MAX + 1},
        {.min_workers = UINT32_MAX, .max_concurrency = UINT32_MAX},
        {.flags = 1u << 31},
        {.flags = FILCH_POOL_NO_IDLE_WORKERS << 8},
        {.reserved = {1}},
        {.reserved = {0, 1}},
        {.stack_size = 1},
        {.stack_size = 16 * 1024 - 1},
        {.when_full = (enum filch_when_full)77},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct filch_pool_config config = wrong[i];
        struct filch_pool *untouched = (struct filch_pool *)&config, *pool = untouched;
        config.worker_init = never_init;
        cr_assert_eq(filch_pool_open(&pool, &config), -EINVAL, "configuration %d", (int)i);
        cr_assert_eq(pool, untouched, "configuration %d", (int)i);
    }
}

Test(misuse, resizes_that_are_refused_change_nothing, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_open(&(struct filch_pool_config){.min_workers = 2, .max_concurrency = 3});
    cr_assert_eq(filch_pool_resize(pool, 4, 3), -EINVAL);
    cr_assert_eq(filch_pool_resize(pool, FILCH_WORKERS_MAX + 1, 0), -EINVAL);
    cr_assert_eq(filch_pool_resize(pool, 0, FILCH_WORKERS_MAX + 1), -EINVAL);
    cr_assert_eq(filch_pool_resize(pool, UINT32_MAX, UINT32_MAX), -EINVAL);
    cr_assert_eq(stats_of(pool).min_workers, 2);
    cr_assert_eq(stats_of(pool).max_concurrency, 3);
    meet_all(pool, 3);
    pool_end(pool);
}

Test(misuse, options_that_are_refused, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct filch_future idle = {0}, *after[] = {&idle}, *nobody[] = {NULL};
    struct filch_scope closed = {{0}};
    atomic_int runs = 0;
    const struct {
        struct filch_task_options options;
        int error;
    } wrong[] = {
        {{.flags = 1u << 31}, -EINVAL},
        {{.flags = FILCH_TASK_OWN_THREAD << 12}, -EINVAL},
        {{.reserved = {1}}, -EINVAL},
        {{.reserved = {0, 0, 0, 1}}, -EINVAL},
        {{.priority = 2}, -EINVAL},
        {{.priority = -2}, -EINVAL},
        {{.scope = &closed}, -ESHUTDOWN},
        {{.after = NULL, .after_count = 1}, -EINVAL},
        {{.after = after, .after_count = 1}, -EINVAL}, /* never submitted */
        {{.after = after, .after_count = SIZE_MAX}, -EINVAL},
        {{.after = nobody, .after_count = 1}, -EINVAL},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct filch_future future = {0}, futures[2] = {{{0}}}, *copied = NULL;
        struct filch_batch batch = {futures, 0, &runs, 0, 2};
        const struct filch_task_options *options = &wrong[i].options;
        int error = wrong[i].error;
        cr_assert_eq(filch_submit_with(pool, &future, count_up, &runs, options), error, "options %d", (int)i);
        cr_assert(filch_done(&future), "options %d", (int)i);
        cr_assert_eq(filch_wait(&future), error, "waiting is safe");
        cr_assert_eq(filch_submit_many(pool, &batch, count_up, options), error, "options %d", (int)i);
        cr_assert_eq(filch_wait(&futures[0]), error);
        cr_assert_eq(filch_wait(&futures[1]), error);
        cr_assert_eq(filch_submit_copy(pool, count_up, &runs, sizeof runs, options, &copied), error);
        cr_assert_null(copied);
    }
    cr_assert_eq(atomic_load(&runs), 0);
    check_works(pool);
    pool_end(pool);
}

Test(misuse, products_that_overflow, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct filch_future future = {0};
    struct filch_batch many = {&future, sizeof future, &future, 0, SIZE_MAX / 2};
    struct filch_batch far = {&future, SIZE_MAX / 2 & ~(size_t)7, &future, 0, 3};
    struct filch_batch items = {&future, sizeof future, &future, SIZE_MAX / 2, 3};
    struct filch_future *copied = NULL;
    cr_assert_eq(filch_submit_many(pool, &many, nothing, NULL), -EOVERFLOW);
    cr_assert_eq(filch_submit_many(pool, &far, nothing, NULL), -EOVERFLOW);
    cr_assert_eq(filch_submit_many(pool, &items, nothing, NULL), -EOVERFLOW);
    cr_assert_eq(filch_wait_many(&many, FILCH_NO_DEADLINE), -EOVERFLOW);
    cr_assert_eq(filch_wait_many(&far, FILCH_NO_DEADLINE), -EOVERFLOW);
    for (size_t size = SIZE_MAX; size >= SIZE_MAX - 256; size -= 16) /* size plus header wraps round */
        cr_assert_lt(filch_submit_copy(pool, nothing, &future, size, NULL, &copied), 0);
    cr_assert_null(copied);
    check_works(pool);
    pool_end(pool);
}

struct own {
    struct filch_future future, other;
};

static int wait_for_itself(void *data)
{
    struct own *own = data;
    struct filch_future *both[] = {&own->other, &own->future}, *twice[] = {&own->future, &own->future};
    size_t index = 33;
    must(filch_wait(&own->future) == -EDEADLK);
    must(filch_wait_until(&own->future, filch_in_ns(FILCH_S(60))) == -EDEADLK);
    must(filch_wait_until(&own->future, FILCH_NO_DEADLINE) == -EDEADLK);
    must(filch_wait_all(both, 2, FILCH_NO_DEADLINE) == -EDEADLK);
    must(filch_wait_all(twice, 2, FILCH_NO_DEADLINE) == -EDEADLK);
    must(filch_wait_any(twice, 2, FILCH_NO_DEADLINE, &index) == -EDEADLK);
    must(filch_wait_many(&(struct filch_batch){&own->future, 0, NULL, 0, 1}, FILCH_NO_DEADLINE) == -EDEADLK);
    must(index == 33);
    must(filch_submit(NULL, &own->future, nothing, NULL) == -EBUSY);
    must(filch_status(&own->future) == -EINPROGRESS);
    return 21;
}

Test(misuse, a_task_that_waits_for_itself, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct filch_task_options own_thread = {.flags = FILCH_TASK_OWN_THREAD};
    for (int i = 0; i < 2; i++) {
        struct own own;
        memset(&own, 0, sizeof own);
        filch_promise_init(&own.other);
        cr_assert_eq(filch_submit_with(pool, &own.future, wait_for_itself, &own, i ? &own_thread : NULL), 0);
        cr_assert_eq(filch_wait(&own.future), 21);
        cr_assert_eq(filch_complete(&own.other, 0), 0);
    }
    pool_end(pool);
}

Test(misuse, a_future_in_flight_is_left_alone, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct filch_task_options options = {.name = "again"};
    struct filch_future queued = {0}, promise = {0};
    int value = 3;
    atomic_int runs = 0;
    struct held held;
    held_begin(&held, pool);
    filch_promise_init(&promise);
    cr_assert_eq(filch_submit(pool, &queued, give, &value), 0);
    struct filch_future *in_flight[] = {&held.future, &queued, &promise};
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(filch_submit(pool, in_flight[i], count_up, &runs), -EBUSY);
        cr_assert_eq(filch_submit_with(pool, in_flight[i], count_up, &runs, &options), -EBUSY);
        cr_assert_eq(filch_status(in_flight[i]), -EINPROGRESS);
    }
    held_end(&held);
    cr_assert_eq(filch_wait(&queued), 3);
    cr_assert_eq(filch_complete(&promise, 4), 0);
    cr_assert_eq(filch_wait(&promise), 4);
    cr_assert_eq(atomic_load(&runs), 0);
    pool_end(pool);
}

Test(misuse, closing_in_an_unknown_way, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    cr_assert_eq(filch_pool_close(pool, (enum filch_close)42, FILCH_NO_DEADLINE), -EINVAL);
    check_works(pool); /* as open as before */
    pool_end(pool);
}
