/* SPDX-License-Identifier: MIT */
/* batch.c - many at once (submit_many, wait_many, both layouts), and closures that the pool owns (submit_copy). */
#include "support/tasks.h"
#include "support/test.h"

/* An item with its future inside, at an odd place. */
struct item {
    uint32_t input;
    struct filch_future future;
    uint64_t square;
    char tail[24];
};

static int square(void *data)
{
    struct item *item = data;
    item->square = (uint64_t)item->input * item->input;
    return (int)(item->input % 100);
}

static struct item *items_make(size_t count)
{
    struct item *items = calloc(count ? count : 1, sizeof *items);
    must(items != NULL);
    for (size_t i = 0; i < count; i++)
        items[i].input = (uint32_t)i * 7 + 1;
    return items;
}

static void items_check(const struct item *items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        must(items[i].square == (uint64_t)items[i].input * items[i].input);
}

Test(batch, futures_inside_the_items, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(3);
    for (size_t count = 0; count <= 5000; count = count * 4 + 1) {
        struct item *items = items_make(count);
        struct filch_batch batch = {&items[0].future, sizeof *items, items, sizeof *items, count};
        cr_assert_eq(filch_submit_many(pool, &batch, square, NULL), 0);
        cr_assert_eq(filch_wait_many(&batch, FILCH_NO_DEADLINE), 0);
        items_check(items, count);
        for (size_t i = 0; i < count; i++)
            must(filch_status(&items[i].future) == (int)(items[i].input % 100));
        free(items);
    }
    pool_end(pool);
}

Test(batch, futures_in_an_array_of_their_own, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(3);
    for (size_t stride = 0; stride <= sizeof(struct filch_future); stride += sizeof(struct filch_future)) {
        enum { count = 1000 };
        struct item *items = items_make(count);
        struct filch_future *futures = calloc(count, sizeof *futures);
        struct filch_batch batch = {futures, stride, items, sizeof *items, count};
        cr_assert_not_null(futures);
        for (int round = 0; round < 3; round++) { /* the futures are done, and may be used again */
            cr_assert_eq(filch_submit_many(pool, &batch, square, NULL), 0);
            cr_assert_eq(filch_wait_many(&batch, FILCH_NO_DEADLINE), 0);
            items_check(items, count);
        }
        free(futures);
        free(items);
    }
    pool_end(pool);
}

Test(batch, one_item_for_all_with_stride_zero, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(3);
    static struct filch_future futures[300];
    atomic_int runs = 0;
    memset(futures, 0, sizeof futures);
    struct filch_batch batch = {futures, 0, &runs, 0, 300};
    struct filch_task_options options = {.name = "shared item"};
    cr_assert_eq(filch_submit_many(pool, &batch, count_up, &options), 0);
    cr_assert_eq(filch_wait_many(&batch, FILCH_NO_DEADLINE), 0);
    cr_assert_eq(atomic_load(&runs), 300);
    pool_end(pool);
}

static int submit_batch_inside(void *data)
{
    struct item *items = items_make(2000);
    struct filch_batch batch = {&items[0].future, sizeof *items, items, sizeof *items, 2000};
    (void)data;
    must(filch_submit_many(NULL, &batch, square, NULL) == 0);
    must(filch_wait_many(&batch, 0) == -ETIMEDOUT || filch_done(&items[1999].future));
    must(filch_wait_many(&batch, FILCH_NO_DEADLINE) == 0);
    items_check(items, 2000);
    free(items);
    return 0;
}

Test(batch, inside_tasks_under_every_limit, .timeout = TEST_TIMEOUT)
{
    for (unsigned limit = 1; limit <= 3; limit++) {
        struct filch_pool *pool = pool_of(limit);
        struct filch_future futures[4] = {{{0}}};
        for (int i = 0; i < 4; i++)
            cr_assert_eq(filch_submit(pool, &futures[i], submit_batch_inside, NULL), 0);
        for (int i = 0; i < 4; i++)
            cr_assert_eq(filch_wait(&futures[i]), 0);
        pool_end(pool);
    }
}

Test(batch, wait_many_ends_at_its_deadline, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct filch_future futures[3] = {{{0}}};
    atomic_int runs = 0;
    struct held held;
    held_begin(&held, pool);
    struct filch_batch batch = {futures, 0, &runs, 0, 3};
    cr_assert_eq(filch_submit_many(pool, &batch, count_up, NULL), 0);
    cr_assert_eq(filch_wait_many(&batch, 0), -ETIMEDOUT);
    cr_assert_eq(filch_wait_many(&batch, filch_in_ns(FILCH_MS(2))), -ETIMEDOUT);
    held_end(&held);
    cr_assert_eq(filch_wait_many(&batch, FILCH_NO_DEADLINE), 0);
    cr_assert_eq(atomic_load(&runs), 3);
    pool_end(pool);
}

Test(batch, a_future_in_flight_is_left_alone_and_the_others_are_accepted, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    struct filch_future futures[5] = {{{0}}};
    atomic_int runs = 0;
    filch_promise_init(&futures[3]);
    struct filch_batch batch = {futures, 0, &runs, 0, 5};
    cr_assert_eq(filch_submit_many(pool, &batch, count_up, NULL), -EBUSY);
    for (int i = 0; i < 5; i++)
        if (i != 3)
            cr_assert_geq(filch_wait(&futures[i]), 0, "future %d", i);
    cr_assert_eq(filch_status(&futures[3]), -EINPROGRESS);
    cr_assert_eq(atomic_load(&runs), 4);
    cr_assert_eq(filch_complete(&futures[3], 0), 0);
    cr_assert_eq(filch_submit_many(pool, &batch, count_up, NULL), 0);
    cr_assert_eq(filch_wait_many(&batch, FILCH_NO_DEADLINE), 0);
    cr_assert_eq(atomic_load(&runs), 9);
    pool_end(pool);
}

/* ---- submit_copy ---- */

struct payload {
    uint64_t numbers[20];
    uint64_t sum;
    void *where;
    atomic_int *runs;
};

static int sum_payload(void *data)
{
    struct payload *payload = data;
    payload->where = data;
    for (int i = 0; i < 20; i++)
        payload->sum += payload->numbers[i];
    if (payload->runs)
        atomic_fetch_add(payload->runs, 1);
    return 9;
}

Test(copy, the_task_gets_a_copy_and_results_are_read_from_it, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct held held;
    held_begin(&held, pool); /* the task cannot run before the original is overwritten */
    struct payload payload = {{0}, 0, NULL, NULL};
    for (uint64_t i = 0; i < 20; i++)
        payload.numbers[i] = i;
    struct filch_future *future = NULL;
    cr_assert_eq(filch_submit_copy(pool, sum_payload, &payload, sizeof payload, NULL, &future), 0);
    memset(&payload, 0xee, sizeof payload);
    cr_assert_not_null(future);
    held_end(&held);
    cr_assert_eq(filch_wait(future), 9);
    struct payload *copy = filch_future_data(future);
    cr_assert_not_null(copy);
    cr_assert_eq(copy->where, copy);
    cr_assert_eq((uintptr_t)copy % 16, 0);
    cr_assert_eq(copy->sum, 190);
    filch_future_release(future);
    pool_end(pool);
}

Test(copy, any_size_is_aligned_and_whole, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    static unsigned char bytes[70000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 31);
    struct filch_task_options named = {.name = "copied"};
    for (size_t size = 0; size <= sizeof bytes; size = size * 2 + 1) {
        struct filch_future *future = NULL;
        cr_assert_eq(filch_submit_copy(pool, nothing, bytes, size, size % 3 ? &named : NULL, &future), 0);
        cr_assert_eq(filch_wait(future), 0);
        if (size != 0) {
            cr_assert_eq((uintptr_t)filch_future_data(future) % 16, 0);
            cr_assert_eq(memcmp(filch_future_data(future), bytes, size), 0);
        }
        filch_future_release(future);
    }
    pool_end(pool);
}

Test(copy, detached_tasks_run, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    struct payload payload = {{0}, 0, NULL, NULL};
    atomic_int runs = 0;
    payload.runs = &runs;
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(filch_submit_copy(pool, sum_payload, &payload, sizeof payload, NULL, NULL), 0);
    pool_end(pool); /* drains */
    cr_assert_eq(atomic_load(&runs), 1000);
}

Test(copy, released_at_any_time_the_task_still_runs, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    struct payload payload = {{0}, 0, NULL, NULL};
    atomic_int runs = 0;
    payload.runs = &runs;
    for (int i = 0; i < 3000; i++) {
        struct filch_future *future;
        cr_assert_eq(filch_submit_copy(pool, sum_payload, &payload, sizeof payload, NULL, &future), 0);
        dawdle(i % 40);
        if (i % 3 == 0)
            cr_assert_eq(filch_wait(future), 9);
        filch_future_release(future); /* queued, running, ending, done: the last of the two frees it */
    }
    struct held held;
    held_begin(&held, pool);
    struct filch_future *future;
    cr_assert_eq(filch_submit_copy(pool, sum_payload, &payload, sizeof payload, NULL, &future), 0);
    filch_future_release(future);
    held_end(&held);
    pool_end(pool);
    cr_assert_eq(atomic_load(&runs), 3001);
}

Test(copy, cancelled_and_released, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct payload payload = {{0}, 0, NULL, NULL};
    atomic_int runs = 0;
    payload.runs = &runs;
    struct held held;
    held_begin(&held, pool);
    for (int i = 0; i < 20; i++) {
        struct filch_future *future;
        cr_assert_eq(filch_submit_copy(pool, sum_payload, &payload, sizeof payload, NULL, &future), 0);
        cr_assert_eq(filch_cancel(future), 0);
        filch_future_release(future);
    }
    held_end(&held);
    pool_end(pool);
    cr_assert_eq(atomic_load(&runs), 0);
}

Test(copy, data_of_other_futures_is_null, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct filch_future zero = {0}, done = {0}, promise = {0};
    cr_assert_eq(filch_submit(pool, &done, nothing, NULL), 0);
    cr_assert_eq(filch_wait(&done), 0);
    filch_promise_init(&promise);
    cr_assert_null(filch_future_data(NULL));
    cr_assert_null(filch_future_data(&zero));
    cr_assert_null(filch_future_data(&done));
    cr_assert_null(filch_future_data(&promise));
    cr_assert_eq(filch_complete(&promise, 0), 0);
    filch_future_release(NULL);
    pool_end(pool);
}
