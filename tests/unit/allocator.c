/* SPDX-License-Identifier: MIT */
/* allocator.c - the pool's memory: all of it comes from the allocator given and goes back there; and whichever
 * allocation fails, a pool opens whole or not at all and no task is lost. */
#include "support/ledger.h"
#include "support/tasks.h"
#include "support/test.h"

struct tree {
    int depth;
    atomic_int *leaves;
};

/* Submits all its children before it waits for any: fills deques, and suspends. */
static int grow(void *data)
{
    struct tree *tree = data;
    if (tree->depth == 0)
        return count_up(tree->leaves);
    struct tree below = {tree->depth - 1, tree->leaves};
    struct filch_future futures[4] = {{{0}}};
    for (int i = 0; i < 4; i++)
        must(filch_submit(NULL, &futures[i], grow, &below) == 0);
    for (int i = 0; i < 4; i++)
        must(filch_wait(&futures[i]) == 0);
    return 0;
}

/* Everything that allocates: options, copies, waits of all kinds, many workers. Tolerates -ENOMEM where it is allowed,
 * and counts what must come out in any case. */
static void exercise(struct filch_pool *pool)
{
    atomic_int leaves = 0, runs = 0;
    struct tree root = {4, &leaves};
    struct filch_future future = {0}, with[20] = {{{0}}}, *copied = NULL, *list[20];
    struct filch_task_options options = {.name = "allocated", .timeout_ns = FILCH_S(3600)};
    int accepted = 0;
    must(filch_submit(pool, &future, grow, &root) == 0);
    must(filch_wait(&future) == 0);
    must(atomic_load(&leaves) == 256);
    for (int i = 0; i < 20; i++) {
        int result = filch_submit_with(pool, &with[i], count_up, &runs, &options);
        must(result == 0 || result == -ENOMEM);
        must(result == 0 || (filch_done(&with[i]) && filch_status(&with[i]) == result));
        accepted += result == 0;
        list[i] = &with[i];
    }
    int waited = filch_wait_all(list, 20, FILCH_NO_DEADLINE);
    must(waited == 0 || waited == -ENOMEM);
    for (int i = 0; i < 20; i++)
        (void)filch_wait(&with[i]);
    must(atomic_load(&runs) == accepted);
    int result = filch_submit_copy(pool, nothing, &runs, sizeof runs, &options, &copied);
    must(result == 0 || (result == -ENOMEM && copied == NULL));
    if (copied)
        must(filch_wait(copied) == 0);
    filch_future_release(copied);
}

Test(allocator, gets_everything_back, .timeout = TEST_TIMEOUT)
{
    struct ledger ledger = {0};
    struct filch_allocator allocator = ledger_allocator(&ledger);
    for (unsigned limit = 1; limit <= 4; limit++) {
        struct filch_pool_config config = {
            .max_concurrency = limit, .allocator = &allocator, .name = "counted", .idle_timeout_ns = FILCH_MS(1)};
        struct filch_pool *pool = pool_open(&config);
        cr_assert_gt(atomic_load(&ledger.blocks), 0, "the pool's memory comes from it");
        exercise(pool);
        meet_all(pool, limit);
        wait_until(stats_of(pool).workers == 1);
        exercise(pool);
        pool_end(pool);
        ledger_check(&ledger);
    }
}

Test(allocator, is_copied, .timeout = TEST_TIMEOUT)
{
    struct ledger ledger = {0};
    struct filch_allocator allocator = ledger_allocator(&ledger);
    struct filch_pool *pool = pool_open(&(struct filch_pool_config){.max_concurrency = 2, .allocator = &allocator});
    memset(&allocator, 0xff, sizeof allocator);
    exercise(pool);
    pool_end(pool);
    ledger_check(&ledger);
}

Test(allocator, steady_work_needs_no_more_and_more, .timeout = TEST_TIMEOUT)
{
    struct ledger ledger = {0};
    struct filch_allocator allocator = ledger_allocator(&ledger);
    struct filch_pool *pool = pool_open(&(struct filch_pool_config){.max_concurrency = 2, .allocator = &allocator});
    exercise(pool);
    meet_all(pool, 2);
    ledger_fail(&ledger, 0, false);
    for (int i = 0; i < 1000; i++) {
        struct filch_future future = {0};
        cr_assert_eq(filch_submit(pool, &future, nothing, NULL), 0);
        cr_assert_eq(filch_wait(&future), 0);
    }
    cr_assert_eq(atomic_load(&ledger.allocations), 0, "a plain submit and wait allocates nothing");
    pool_end(pool);
    ledger_check(&ledger);
}

Test(allocator, whichever_fails_the_pool_opens_whole_or_not_at_all, .timeout = TEST_TIMEOUT)
{
    for (int all = 0; all <= 1; all++) {
        int failures = 0;
        for (long nth = 1;; nth++) {
            struct ledger ledger = {0};
            struct filch_allocator allocator = ledger_allocator(&ledger);
            struct filch_pool_config config = {.min_workers = 3, .max_concurrency = 3, .allocator = &allocator};
            struct filch_pool *untouched = (struct filch_pool *)&ledger, *pool = untouched;
            ledger_fail(&ledger, nth, all);
            int result = filch_pool_open(&pool, &config);
            long failed = atomic_load(&ledger.failed);
            cr_assert(result == 0 || result == -ENOMEM, "allocation %ld: %d", nth, result);
            if (result != 0) {
                cr_assert_eq(pool, untouched);
                failures++;
            } else {
                watchdog_pool(pool);
                cr_assert_eq(stats_of(pool).workers, 3);
                ledger_fail(&ledger, 0, false);
                meet_all(pool, 3);
                pool_end(pool);
            }
            ledger_check(&ledger);
            if (failed == 0)
                break; /* the run needed fewer allocations than nth */
        }
        cr_assert_gt(failures, 0);
    }
}

Test(allocator, whichever_fails_no_task_is_lost, .timeout = TEST_TIMEOUT)
{
    for (int all = 0; all <= 1; all++) {
        for (long nth = 1; nth <= 60; nth++) {
            struct ledger ledger = {0};
            struct filch_allocator allocator = ledger_allocator(&ledger);
            struct filch_pool *pool =
                pool_open(&(struct filch_pool_config){.max_concurrency = 3, .allocator = &allocator});
            ledger_fail(&ledger, nth, all);
            exercise(pool);
            ledger_fail(&ledger, 0, false);
            exercise(pool);
            meet_all(pool, 3); /* and the pool grows as if nothing had been */
            pool_end(pool);
            ledger_check(&ledger);
        }
    }
}

static int flood(void *data)
{
    enum { count = 20000 };
    struct filch_future *futures = calloc(count, sizeof *futures);
    must(futures != NULL);
    for (int i = 0; i < count; i++)
        must(filch_submit(NULL, &futures[i], count_up, data) == 0);
    for (int i = 0; i < count; i++)
        must(filch_wait(&futures[i]) == 0);
    free(futures);
    return 0;
}

/* A deque that cannot grow must put its tasks elsewhere. */
Test(allocator, a_flood_inside_a_task_survives_without_memory, .timeout = TEST_TIMEOUT)
{
    for (unsigned limit = 1; limit <= 2; limit++) {
        struct ledger ledger = {0};
        struct filch_allocator allocator = ledger_allocator(&ledger);
        struct filch_pool_config config = {.max_concurrency = limit, .allocator = &allocator};
        struct filch_pool *pool = pool_open(&config);
        struct filch_future future = {0};
        atomic_int runs = 0;
        ledger_fail(&ledger, 1, true);
        cr_assert_eq(filch_submit(pool, &future, flood, &runs), 0);
        cr_assert_eq(filch_wait(&future), 0);
        cr_assert_eq(atomic_load(&runs), 20000);
        pool_end(pool);
        ledger_check(&ledger);
    }
}
