/* SPDX-License-Identifier: MIT */
/* parallel.c - filch_for: every index once, whatever the grain and wherever it is called; how it stops; what it
 * refuses. */
#include "support/tasks.h"
#include "support/test.h"

#include <filch/fork.h>
#include <filch/parallel.h>

/* ---- every index once ---- */

struct marks {
    size_t base, count, grain;
    atomic_uchar *mark;
    atomic_int calls;
};

static int mark_each(void *ctx, size_t begin, size_t end, unsigned slot)
{
    struct marks *marks = ctx;
    (void)slot;
    must(begin < end && begin >= marks->base && end - marks->base <= marks->count);
    if (marks->grain) { /* whole blocks, but for the last */
        must((begin - marks->base) % marks->grain == 0);
        must(end - begin == marks->grain || end - marks->base == marks->count);
        must(end - begin <= marks->grain);
    }
    for (size_t i = begin; i < end; i++)
        atomic_fetch_add(&marks->mark[i - marks->base], 1);
    atomic_fetch_add(&marks->calls, 1);
    return 0;
}

static void check_marks(struct filch_pool *pool, size_t base, size_t count, size_t grain)
{
    struct marks marks = {.base = base, .count = count, .grain = grain, .mark = calloc(count + 1, 1)};
    const struct filch_for_options options = {.grain = grain};
    must(marks.mark != NULL);
    cr_assert_eq(filch_for(pool, base, base + count, grain ? &options : NULL, mark_each, &marks), 0);
    for (size_t i = 0; i < count; i++)
        must(atomic_load(&marks.mark[i]) == 1);
    if (grain)
        cr_assert_eq((size_t)atomic_load(&marks.calls), count ? (count - 1) / grain + 1 : 0);
    free(marks.mark);
}

static const size_t sizes[] = {0, 1, 2, 3, 7, 16, 17, 31, 33, 1000, 4097, 100003};
static const size_t grains[] = {0, 1, 2, 3, 64, 1000, 1000000};

static void check_all_marks(struct filch_pool *pool)
{
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        for (size_t g = 0; g < sizeof grains / sizeof grains[0]; g++)
            if (!TEST_SANITIZED || sizes[s] < 5000)
                check_marks(pool, s, sizes[s], grains[g]);
}

Test(parallel, for_calls_every_index_once_from_outside, .timeout = TEST_TIMEOUT)
{
    for (unsigned workers = 1; workers <= 4; workers++) {
        struct filch_pool *pool = pool_of(workers);
        check_all_marks(pool);
        pool_end(pool);
    }
}

static int check_all_marks_here(void *unused)
{
    (void)unused;
    check_all_marks(NULL);
    return 0;
}

Test(parallel, for_calls_every_index_once_inside_tasks, .timeout = TEST_TIMEOUT)
{
    struct filch_task_options own_thread = {.flags = FILCH_TASK_OWN_THREAD};
    struct filch_pool *pool = pool_of(3);
    struct filch_future futures[4] = {{{0}}};
    for (int i = 0; i < 4; i++)
        cr_assert_eq(filch_submit_with(pool, &futures[i], check_all_marks_here, NULL, i == 3 ? &own_thread : NULL), 0);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(filch_wait(&futures[i]), 0);
    pool_end(pool);
}

FILCH_TASK(int, check_in_typed_task, (struct filch_pool *, pool), (int, depth))
{
    if (depth == 0) {
        check_marks(pool, 5, 3000, 0);
        check_marks(pool, 5, 300, 1);
        return 1;
    }
    FILCH_SPAWN(check_in_typed_task, pool, depth - 1);
    int here = FILCH_CALL(check_in_typed_task, pool, depth - 1);
    return here + FILCH_SYNC(check_in_typed_task);
}

Test(parallel, for_runs_inside_typed_tasks, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    cr_assert_eq(FILCH_RUN(pool, check_in_typed_task, pool, 5), 32);
    pool_end(pool);
}

static int add_length(void *ctx, size_t begin, size_t end, unsigned slot)
{
    (void)slot;
    must(begin < end);
    atomic_fetch_add((atomic_size_t *)ctx, end - begin);
    return 0;
}

Test(parallel, for_reaches_the_last_indices_there_are, .timeout = TEST_TIMEOUT)
{
    const size_t few[] = {0, SIZE_MAX / 50, SIZE_MAX / 2, SIZE_MAX - 1, SIZE_MAX};
    struct filch_pool *pool = pool_of(2);
    for (size_t i = 0; i < sizeof few / sizeof few[0]; i++) {
        atomic_size_t length = 0;
        cr_assert_eq(filch_for(pool, 0, SIZE_MAX, &(struct filch_for_options){.grain = few[i]}, add_length, &length),
                     0);
        cr_assert_eq(atomic_load(&length), SIZE_MAX);
    }
    check_marks(pool, SIZE_MAX - 1000, 1000, 0);
    check_marks(pool, SIZE_MAX - 1000, 1000, 7);
    check_marks(pool, SIZE_MAX - 1000, 1000, SIZE_MAX);
    check_marks(NULL, 0, 1000, 0); /* the default pool */
    pool_end(pool);
}

/* ---- shared by all workers ---- */

struct shared {
    atomic_uint present;
    unsigned want;
    atomic_size_t indices;
};

/* Goes on when so many have begun: only other workers can begin them. */
static int meet_others(void *ctx, size_t begin, size_t end, unsigned slot)
{
    struct shared *shared = ctx;
    (void)slot;
    atomic_fetch_add(&shared->present, 1);
    while (atomic_load(&shared->present) < shared->want)
        usleep(50);
    atomic_fetch_add(&shared->indices, end - begin);
    return 0;
}

Test(parallel, for_lets_idle_workers_take_a_part, .timeout = TEST_TIMEOUT)
{
    for (unsigned workers = 2; workers <= 4; workers++) {
        struct filch_pool *pool = pool_of(workers);
        for (size_t grain = 0; grain <= 20; grain += 10) { /* 0: on demand */
            struct shared shared = {.want = grain ? workers : 2};
            cr_assert_eq(filch_for(pool, 0, 1000, &(struct filch_for_options){.grain = grain}, meet_others, &shared),
                         0);
            cr_assert_eq(atomic_load(&shared.indices), 1000);
        }
        pool_end(pool);
    }
}

/* ---- loops in loops ---- */

struct nest {
    int depth;
    size_t grain;
    atomic_int *leaves;
};

static int nest_deeper(void *ctx, size_t begin, size_t end, unsigned slot)
{
    const struct nest *nest = ctx;
    struct nest inner = {nest->depth - 1, nest->grain, nest->leaves};
    (void)slot;
    if (nest->depth == 0) {
        atomic_fetch_add(nest->leaves, (int)(end - begin));
        return 0;
    }
    for (size_t i = begin; i < end; i++)
        must(filch_for(NULL, 0, 7, &(struct filch_for_options){.grain = nest->grain}, nest_deeper, &inner) == 0);
    return 0;
}

Test(parallel, for_nests, .timeout = TEST_TIMEOUT)
{
    for (unsigned workers = 1; workers <= 4; workers++) {
        for (size_t grain = 0; grain <= 2; grain++) {
            struct filch_pool *pool = pool_of(workers);
            atomic_int leaves = 0;
            struct nest nest = {4, grain, &leaves};
            cr_assert_eq(filch_for(pool, 0, 7, &(struct filch_for_options){.grain = grain}, nest_deeper, &nest), 0);
            cr_assert_eq(atomic_load(&leaves), 7 * 7 * 7 * 7 * 7);
            pool_end(pool);
        }
    }
}

/* ---- stopping ---- */

struct stop {
    size_t at;
    int value;
    atomic_int calls, calls_after;
    atomic_bool stopped;
};

static int stop_at(void *ctx, size_t begin, size_t end, unsigned slot)
{
    struct stop *stop = ctx;
    (void)slot;
    atomic_fetch_add(&stop->calls, 1);
    if (atomic_load(&stop->stopped))
        atomic_fetch_add(&stop->calls_after, 1);
    if (begin > stop->at || end <= stop->at)
        return 0;
    atomic_store(&stop->stopped, true);
    return stop->value;
}

Test(parallel, for_returns_what_a_body_stopped_it_with, .timeout = TEST_TIMEOUT)
{
    const int values[] = {1, -1, -EIO, INT32_MAX, INT32_MIN};
    for (unsigned workers = 1; workers <= 3; workers++) {
        struct filch_pool *pool = pool_of(workers);
        for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
            for (size_t at = 0; at < 1000; at += 333) {
                struct stop stop = {.at = at, .value = values[i]};
                const struct filch_for_options options = {.grain = i};
                cr_assert_eq(filch_for(pool, 0, 1000, &options, stop_at, &stop), values[i]);
            }
        }
        pool_end(pool);
    }
}

Test(parallel, for_begins_no_body_after_it_was_stopped, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1); /* so the body has returned when the next one could begin */
    for (size_t at = 0; at < 1000; at += 111) {
        struct stop stop = {.at = at, .value = 1};
        cr_assert_eq(filch_for(pool, 0, 1000, &(struct filch_for_options){.grain = 1}, stop_at, &stop), 1);
        cr_assert_eq(atomic_load(&stop.calls_after), 0);
    }
    pool_end(pool);
}

struct held_loop {
    struct meeting meeting;
    atomic_int calls;
    int result;
};

/* All workers are in a body; then all of them run until the task is cancelled. */
static int until_loop_cancelled(void *ctx, size_t begin, size_t end, unsigned slot)
{
    struct held_loop *loop = ctx;
    (void)begin, (void)end, (void)slot;
    atomic_fetch_add(&loop->calls, 1);
    meet(&loop->meeting);
    while (!filch_cancelled())
        usleep(100);
    return 0;
}

static int run_held_loop(void *data)
{
    struct held_loop *loop = data;
    loop->result = filch_for(NULL, 0, 1000, &(struct filch_for_options){.grain = 1}, until_loop_cancelled, loop);
    return loop->result;
}

Test(parallel, for_stops_in_all_workers_when_its_task_is_cancelled, .timeout = TEST_TIMEOUT)
{
    enum { workers = 3 };
    struct filch_pool *pool = pool_of(workers);
    struct held_loop loop = {.meeting = {.count = workers}};
    struct filch_future future = {0};
    cr_assert_eq(filch_submit(pool, &future, run_held_loop, &loop), 0);
    wait_until(atomic_load(&loop.meeting.present) == workers);
    cr_assert_eq(filch_cancel(&future), -EINPROGRESS);
    filch_wait(&future);
    cr_assert_eq(loop.result, -ECANCELED);
    cr_assert_eq(atomic_load(&loop.calls), workers, "one body each had begun");
    pool_end(pool);
}

static int loop_when_cancelled(void *data)
{
    struct held_loop *loop = data;
    atomic_store(&loop->meeting.present, 1);
    while (!filch_cancelled())
        usleep(100);
    return run_held_loop(data);
}

Test(parallel, for_calls_nothing_in_a_cancelled_task, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    struct held_loop loop = {.meeting = {.count = 1}};
    struct filch_future future = {0};
    cr_assert_eq(filch_submit(pool, &future, loop_when_cancelled, &loop), 0);
    wait_until(atomic_load(&loop.meeting.present) == 1);
    cr_assert_eq(filch_cancel(&future), -EINPROGRESS);
    filch_wait(&future);
    cr_assert_eq(loop.result, -ECANCELED);
    cr_assert_eq(atomic_load(&loop.calls), 0);
    pool_end(pool);
}

/* ---- refusing ---- */

Test(parallel, for_refuses_wrong_arguments, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct stop stop = {.at = 5};
    cr_assert_eq(filch_for(pool, 0, 10, NULL, NULL, NULL), -EINVAL);
    cr_assert_eq(filch_for(pool, 10, 0, NULL, stop_at, &stop), -EINVAL);
    const struct filch_for_options wrong[] = {
        {.flags = FILCH_FOR_FIXED}, {.flags = 1u << 31},     {.reserved32 = 1},          {.reserved = {1}},
        {.reserved = {0, 1}},       {.reserved = {0, 0, 1}}, {.reserved = {0, 0, 0, 1}}, {.grain_columns = 1},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        cr_assert_eq(filch_for(pool, 0, 10, &wrong[i], stop_at, &stop), -EINVAL);
    cr_assert_eq(atomic_load(&stop.calls), 0);
    pool_end(pool);
}

Test(parallel, for_tells_why_the_pool_does_not_run_it, .timeout = TEST_TIMEOUT)
{
    struct filch_pool_config config = {.max_concurrency = 1, .queue_limit = 1, .when_full = FILCH_FULL_FAIL};
    struct filch_pool *pool = pool_open(&config);
    struct stop stop = {.at = 5};
    struct filch_future queued = {0};
    struct held held;
    held_begin(&held, pool);
    cr_assert_eq(filch_submit(pool, &queued, nothing, NULL), 0);
    cr_assert_eq(filch_for(pool, 0, 10, NULL, stop_at, &stop), -EAGAIN);
    held_end(&held);
    cr_assert_eq(filch_wait(&queued), 0);
    cr_assert_eq(filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE), 0);
    cr_assert_eq(filch_for(pool, 0, 10, NULL, stop_at, &stop), -ESHUTDOWN);
    cr_assert_eq(atomic_load(&stop.calls), 0);
    watchdog_pool(NULL);
    filch_pool_free(pool);
}
