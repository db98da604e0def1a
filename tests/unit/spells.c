/* SPDX-License-Identifier: MIT */
/* spells.c - where the workers' time goes: each kind grows while it lasts, and all of them add up to the workers' lives. */
#include "support/tasks.h"
#include "support/test.h"

#include <filch/blocking.h>

enum { SOME_NS = 1000000 };

static uint64_t rest_of(const struct filch_pool_stats *stats)
{
    return stats->parked_ns + stats->search_ns + stats->permit_ns + stats->blocked_ns;
}

static struct filch_pool_stats spent_in(const struct filch_pool *pool)
{
    struct filch_pool_stats stats = stats_of(pool);
    must(rest_of(&stats) <= stats.lifetime_ns);
    return stats;
}

/* Comes back when some of the workers' life has passed. */
static struct filch_pool_stats some_later(const struct filch_pool *pool, const struct filch_pool_stats *before)
{
    wait_until(spent_in(pool).lifetime_ns > before->lifetime_ns + SOME_NS);
    return spent_in(pool);
}

#define wait_until_grows(pool_, field_)                                                                                \
    do {                                                                                                               \
        uint64_t before_ = spent_in(pool_).field_;                                                                     \
        wait_until(spent_in(pool_).field_ > before_ + SOME_NS);                                                        \
    } while (0)

/* ---- one kind after the other ---- */

Test(spells, a_worker_without_work_is_parked_up_to_now, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_open(&(struct filch_pool_config){.min_workers = 2, .max_concurrency = 2});
    wait_until(filch_pool_available(pool) == 2);
    wait_until_grows(pool, parked_ns);
    struct filch_pool_stats before = spent_in(pool), after = some_later(pool, &before);
    cr_assert_eq(after.permit_ns, 0);
    cr_assert_eq(after.blocked_ns, 0);
    pool_end(pool);
}

Test(spells, a_worker_in_a_body_is_busy_and_nothing_else, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct held held;
    held_begin(&held, pool);
    struct filch_pool_stats before = spent_in(pool), after = some_later(pool, &before);
    cr_assert_eq(rest_of(&after), rest_of(&before));
    held_end(&held);
    pool_end(pool);
}

static int block(void *data)
{
    return filch_blocking(hold, data);
}

Test(spells, a_body_that_blocks_is_blocked_and_not_busy, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct held held;
    held_init(&held);
    cr_assert_eq(filch_submit(pool, &held.future, block, &held), 0);
    sem_take(&held.began);
    wait_until_grows(pool, blocked_ns);
    held_end(&held);
    wait_until_grows(pool, parked_ns);
    struct filch_pool_stats before = spent_in(pool), after = some_later(pool, &before);
    cr_assert_eq(after.blocked_ns, before.blocked_ns);
    pool_end(pool);
}

Test(spells, a_body_on_a_thread_of_its_own_is_blocked_while_it_waits, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct filch_future promise = {0}, task = {0};
    const struct filch_task_options own_thread = {.flags = FILCH_TASK_OWN_THREAD};
    filch_promise_init(&promise);
    cr_assert_eq(filch_submit_with(pool, &task, wait_for, &promise, &own_thread), 0);
    wait_until_grows(pool, blocked_ns);
    cr_assert_eq(filch_complete(&promise, 3), 0);
    cr_assert_eq(filch_wait(&task), 3);
    pool_end(pool);
}

/* ---- short of permits ---- */

Test(spells, a_thread_that_comes_back_waits_for_a_permit, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct held blocked, busy;
    held_init(&blocked);
    cr_assert_eq(filch_submit(pool, &blocked.future, block, &blocked), 0);
    sem_take(&blocked.began);
    held_begin(&busy, pool); /* under the permit that the first has lent */
    cr_assert_eq(spent_in(pool).permit_ns, 0);
    sem_post(&blocked.go);
    wait_until_grows(pool, permit_ns);
    held_end(&busy);
    held_end(&blocked);
    pool_end(pool);
}

static bool permit_stands(const struct filch_pool *pool)
{
    struct filch_pool_stats before = spent_in(pool), after = some_later(pool, &before);
    return after.permit_ns == before.permit_ns && after.parked_ns > before.parked_ns;
}

/* A limit that falls keeps a worker from work, but only as long as there is some. */
Test(spells, a_worker_above_the_limit_waits_for_a_permit_until_work_runs_out, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_open(&(struct filch_pool_config){
        .min_workers = 2, .max_concurrency = 2, .idle_timeout_ns = FILCH_S(3600)}); /* nobody retires meanwhile */
    struct held first, second, queued;
    held_begin(&first, pool);
    held_begin(&second, pool);
    held_init(&queued);
    cr_assert_eq(filch_submit(pool, &queued.future, hold, &queued), 0);
    cr_assert_eq(filch_pool_resize(pool, 0, 1), 0);
    cr_assert_eq(spent_in(pool).permit_ns, 0);
    held_end(&first);
    wait_until_grows(pool, permit_ns);
    held_end(&second);
    sem_take(&queued.began);
    wait_until_grows(pool, permit_ns);
    held_end(&queued);
    wait_until(permit_stands(pool));
    meet_all(pool, 1);
    pool_end(pool);
}

/* ---- beginning and end ---- */

Test(spells, a_pool_that_is_closed_keeps_what_it_has_measured, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    meet_all(pool, 2);
    wait_until_grows(pool, parked_ns);
    must(filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE) == 0);
    struct filch_pool_stats before = spent_in(pool);
    cr_assert_gt(before.lifetime_ns, SOME_NS);
    usleep(SOME_NS / 1000);
    struct filch_pool_stats after = spent_in(pool);
    cr_assert_eq(memcmp(&before, &after, sizeof before), 0);
    watchdog_pool(NULL);
    filch_pool_free(pool);
}

Test(spells, a_worker_that_retires_stops_to_live, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_open(&(struct filch_pool_config){
        .max_concurrency = 1, .idle_timeout_ns = FILCH_MS(1), .flags = FILCH_POOL_NO_IDLE_WORKERS});
    for (int i = 0; i < 3; i++) {
        uint64_t before = spent_in(pool).lifetime_ns, then;
        meet_all(pool, 1);
        wait_until(spent_in(pool).workers == 0);
        do { /* its thread has yet to leave */
            then = spent_in(pool).lifetime_ns;
            usleep(SOME_NS / 1000);
        } while (spent_in(pool).lifetime_ns != then);
        cr_assert_gt(then, before);
    }
    pool_end(pool);
}

/* ---- readers meanwhile ---- */

static int wait_a_little(void *data)
{
    dawdle(*(const int *)data);
    return 0;
}

static int change_often(void *data)
{
    const atomic_bool *stop = data;
    for (int i = 0; !atomic_load(stop); i = (i + 1) % 16) {
        must(filch_blocking(wait_a_little, &i) == 0);
        must(filch_sleep_until(filch_in_ns(FILCH_US(20))) == 0);
        dawdle(i);
    }
    return 0;
}

/* With permits for all, so that nobody is kept from work. */
Test(spells, whoever_reads_meanwhile_finds_no_less_than_before, .timeout = TEST_TIMEOUT)
{
    enum { count = 3 };
    struct filch_pool *pool = pool_of(2 * count);
    struct filch_future futures[count] = {{{0}}};
    atomic_bool stop = false;
    for (int i = 0; i < count; i++)
        cr_assert_eq(filch_submit(pool, &futures[i], change_often, &stop), 0);
    struct filch_pool_stats before = {0};
    for (int i = 0; i < TEST_SHARE(20000) || !before.blocked_ns || !before.parked_ns; i++) {
        struct filch_pool_stats now = spent_in(pool);
        cr_assert_geq(now.parked_ns, before.parked_ns);
        cr_assert_geq(now.search_ns, before.search_ns);
        cr_assert_geq(now.permit_ns, before.permit_ns);
        cr_assert_geq(now.blocked_ns, before.blocked_ns);
        cr_assert_geq(now.lifetime_ns, before.lifetime_ns);
        before = now;
    }
    atomic_store(&stop, true);
    for (int i = 0; i < count; i++)
        cr_assert_eq(filch_wait(&futures[i]), 0);
    pool_end(pool);
}
