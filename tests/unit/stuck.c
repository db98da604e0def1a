/* SPDX-License-Identifier: MIT */
/* stuck.c - tasks that run on after their time-out: reported, and replaced. */
#include "support/tasks.h"
#include "support/test.h"

struct report {
    atomic_int count;
    const char *name;
    filch_fn *fn;
};

static void note_stuck(void *ctx, const struct filch_stuck *stuck)
{
    struct report *report = ctx;
    report->name = stuck->name;
    report->fn = stuck->fn;
    atomic_fetch_add(&report->count, 1);
}

static struct filch_pool *reporting_pool(struct report *report, unsigned max_concurrency)
{
    struct filch_pool_config config = {.max_concurrency = max_concurrency, .stuck = note_stuck, .ctx = report};
    return pool_open(&config);
}

static const struct filch_task_options hanging = {.name = "hanging", .timeout_ns = FILCH_MS(1)};

/* Takes no notice of anything until it is told to end. */
static int hang(void *data)
{
    while (!atomic_load((atomic_int *)data))
        usleep(100);
    return 7;
}

Test(stuck, the_others_go_on_at_limit_one, .timeout = TEST_TIMEOUT)
{
    struct report report = {.name = NULL};
    struct filch_pool *pool = reporting_pool(&report, 1);
    struct filch_future hangs = {{0}}, others[50] = {{{0}}};
    atomic_int go = 0, runs = 0;
    cr_assert_eq(filch_submit_with(pool, &hangs, hang, &go, &hanging), 0);
    for (int i = 0; i < 50; i++)
        cr_assert_eq(filch_submit(pool, &others[i], count_up, &runs), 0);
    for (int i = 0; i < 50; i++)
        cr_assert_eq(filch_wait(&others[i]), 0);
    cr_assert(!filch_done(&hangs));
    wait_until(atomic_load(&report.count) == 1);
    cr_assert_str_eq(report.name, "hanging");
    cr_assert(report.fn == hang);
    cr_assert_eq(stats_of(pool).stuck, 1);
    atomic_store(&go, 1);
    cr_assert_eq(filch_wait(&hangs), -ETIMEDOUT);
    cr_assert_eq(atomic_load(&runs), 50);
    pool_end(pool);
}

Test(stuck, permits_come_back_to_the_limit, .timeout = TEST_TIMEOUT)
{
    struct report report = {.name = NULL};
    struct filch_pool *pool = reporting_pool(&report, 2);
    struct filch_future hangs[6] = {{{0}}};
    atomic_int go = 0;
    for (int i = 0; i < 6; i++)
        cr_assert_eq(filch_submit_with(pool, &hangs[i], hang, &go, &hanging), 0);
    wait_until(atomic_load(&report.count) == 6); /* each in the place of the one before */
    atomic_store(&go, 1);
    for (int i = 0; i < 6; i++)
        cr_assert_eq(filch_wait(&hangs[i]), -ETIMEDOUT);
    struct held held[2];
    held_begin(&held[0], pool);
    held_begin(&held[1], pool);
    cr_assert_eq(filch_pool_available(pool), 0);
    held_end(&held[0]);
    held_end(&held[1]);
    wait_until(filch_pool_available(pool) == 2);
    pool_end(pool);
}

/* Waits, and hangs after the wait, which its time-out has passed in. */
struct waits_first {
    struct filch_future *promise;
    atomic_int go;
};

static int wait_then_hang(void *data)
{
    struct waits_first *body = data;
    (void)filch_wait(body->promise);
    return hang(&body->go);
}

/* The time-out is long beside what may hold up the task before it waits. */
Test(stuck, a_task_that_waits_is_not_stuck_before_it_goes_on, .timeout = TEST_TIMEOUT)
{
    const struct filch_task_options slowly = {.name = "hanging", .timeout_ns = FILCH_MS(500)};
    struct report report = {.name = NULL};
    struct filch_pool *pool = reporting_pool(&report, 1), *other = pool_of(1);
    struct filch_future slow = {{0}}, future = {{0}}, next = {{0}};
    atomic_int slow_go = 0, runs = 0;
    struct waits_first body = {.promise = &slow};
    cr_assert_eq(filch_submit(other, &slow, hang, &slow_go), 0);
    cr_assert_eq(filch_submit_with(pool, &future, wait_then_hang, &body, &slowly), 0);
    wait_until(stats_of(pool).suspended == 1);
    usleep(1200000); /* most likely its time-out has passed twice; nothing depends on it */
    cr_assert_eq(atomic_load(&report.count), 0);
    atomic_store(&slow_go, 1);
    cr_assert_eq(filch_submit(pool, &next, count_up, &runs), 0);
    cr_assert_eq(filch_wait(&next), 0, "in the place of the stuck one");
    wait_until(atomic_load(&report.count) == 1);
    atomic_store(&body.go, 1);
    cr_assert_eq(filch_wait(&future), -ETIMEDOUT);
    pool_end(pool);
    pool_end(other);
}

Test(stuck, close_waits_for_it, .timeout = TEST_TIMEOUT)
{
    struct report report = {.name = NULL};
    struct filch_pool *pool = reporting_pool(&report, 1);
    struct filch_future hangs = {{0}};
    atomic_int go = 0;
    cr_assert_eq(filch_submit_with(pool, &hangs, hang, &go, &hanging), 0);
    wait_until(atomic_load(&report.count) == 1);
    cr_assert_eq(filch_pool_close(pool, FILCH_CLOSE_DRAIN, filch_in_ns(FILCH_MS(1))), -ETIMEDOUT);
    atomic_store(&go, 1);
    pool_end(pool);
    cr_assert_eq(filch_status(&hangs), -ETIMEDOUT);
}

struct yielding {
    struct report report;
    struct meter meter;
    atomic_int go;
};

static int hang_and_yield(void *data)
{
    struct yielding *yielding = data;
    wait_until(atomic_load(&yielding->report.count) == 1);
    while (!atomic_load(&yielding->go))
        filch_yield();
    return 0;
}

static int be_metered(void *data)
{
    struct yielding *yielding = data;
    meter_enter(&yielding->meter);
    usleep(500);
    meter_leave(&yielding->meter);
    return 0;
}

/* Its permit is somebody else's by then, and its worker goes on with others. */
static void check_yielding(unsigned flags)
{
    struct yielding yielding = {.go = 0};
    struct filch_pool *pool = reporting_pool(&yielding.report, 1);
    struct filch_future hangs = {{0}}, others[100] = {{{0}}};
    struct filch_task_options options = hanging;
    options.flags = flags;
    cr_assert_eq(filch_submit_with(pool, &hangs, hang_and_yield, &yielding, &options), 0);
    for (int i = 0; i < 100; i++)
        cr_assert_eq(filch_submit(pool, &others[i], be_metered, &yielding), 0);
    for (int i = 0; i < 100; i++)
        cr_assert_eq(filch_wait(&others[i]), 0);
    atomic_store(&yielding.go, 1);
    cr_assert_eq(filch_wait(&hangs), -ETIMEDOUT);
    cr_assert_eq(atomic_load(&yielding.meter.high), 1);
    pool_end(pool);
}

Test(stuck, one_that_yields_keeps_to_the_limit, .timeout = TEST_TIMEOUT)
{
    check_yielding(0);
    check_yielding(FILCH_TASK_OWN_THREAD);
}
