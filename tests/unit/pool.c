/* SPDX-License-Identifier: MIT */
/* pool.c - a pool's life: opening, its figures and names, resizing, the default pool, closing and freeing. */
#include "support/tasks.h"
#include "support/test.h"

Test(pool, smoke, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = NULL;
    struct filch_future future = {0};
    int value = 42;
    cr_assert_eq(filch_pool_open(&pool, NULL), 0);
    cr_assert_not_null(pool);
    watchdog_pool(pool);
    cr_assert_eq(filch_submit(pool, &future, give, &value), 0);
    cr_assert_eq(filch_wait(&future), 42);
    pool_end(pool);
}

Test(pool, defaults_follow_the_processors, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_open(NULL);
    struct filch_pool_stats stats = stats_of(pool);
    cr_assert_eq(stats.max_concurrency, filch_cpu_count());
    cr_assert_eq(stats.min_workers, 1);
    cr_assert_eq(stats.workers, 1);
    cr_assert_eq(stats.submitted, 0);
    pool_end(pool);
}

Test(pool, limit_follows_a_larger_minimum, .timeout = TEST_TIMEOUT)
{
    unsigned minimum = filch_cpu_count() + 3;
    struct filch_pool *pool = pool_open(&(struct filch_pool_config){.min_workers = minimum});
    struct filch_pool_stats stats = stats_of(pool);
    cr_assert_eq(stats.max_concurrency, minimum);
    cr_assert_eq(stats.min_workers, minimum);
    cr_assert_eq(stats.workers, minimum);
    meet_all(pool, minimum);
    pool_end(pool);
}

Test(pool, minimum_runs_when_open_returns, .timeout = TEST_TIMEOUT)
{
    for (unsigned minimum = 1; minimum <= 9; minimum++) {
        struct filch_pool_config config = {.min_workers = minimum, .max_concurrency = minimum + 2};
        struct filch_pool *pool = pool_open(&config);
        cr_assert_eq(stats_of(pool).workers, minimum);
        cr_assert_eq(stats_of(pool).max_concurrency, minimum + 2);
        pool_end(pool);
    }
}

Test(pool, opens_and_ends_without_work_many_times, .timeout = TEST_TIMEOUT)
{
    for (int i = 0; i < TEST_SHARE(500); i++)
        pool_end(pool_of(1 + (unsigned)i % 4));
}

Test(pool, several_live_side_by_side, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pools[8];
    struct filch_future futures[8][50];
    atomic_int counts[8];
    memset(futures, 0, sizeof futures);
    for (unsigned i = 0; i < 8; i++) {
        atomic_init(&counts[i], 0);
        pools[i] = pool_of(1 + i % 3);
    }
    for (int k = 0; k < 50; k++)
        for (int i = 0; i < 8; i++)
            cr_assert_eq(filch_submit(pools[i], &futures[i][k], count_up, &counts[i]), 0);
    for (int i = 0; i < 8; i++) {
        for (int k = 0; k < 50; k++)
            cr_assert_eq(filch_wait(&futures[i][k]), 0);
        cr_assert_eq(atomic_load(&counts[i]), 50);
        cr_assert_eq(stats_of(pools[i]).submitted, 50);
        pool_end(pools[i]);
    }
}

Test(pool, available_counts_running_bodies, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(4);
    struct held held[4];
    wait_until(filch_pool_available(pool) == 4);
    for (unsigned i = 0; i < 4; i++) {
        held_begin(&held[i], pool);
        wait_until(filch_pool_available(pool) == 3 - i);
    }
    for (unsigned i = 0; i < 4; i++) {
        held_end(&held[i]);
        wait_until(filch_pool_available(pool) == i + 1);
    }
    pool_end(pool);
}

Test(pool, available_is_zero_while_shrinking, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(4);
    struct held held[4];
    for (int i = 0; i < 4; i++)
        held_begin(&held[i], pool);
    cr_assert_eq(filch_pool_resize(pool, 1, 2), 0);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(filch_pool_available(pool), 0, "4 - %d bodies run at limit 2", i);
        held_end(&held[i]);
    }
    cr_assert_leq(filch_pool_available(pool), 2);
    held_end(&held[2]);
    held_end(&held[3]);
    wait_until(filch_pool_available(pool) == 2);
    pool_end(pool);
}

Test(pool, resize_changes_what_it_is_given, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_open(&(struct filch_pool_config){.min_workers = 2, .max_concurrency = 6});
    const struct {
        unsigned minimum, maximum, then_minimum, then_maximum;
    } steps[] = {
        {0, 0, 2, 6}, {3, 0, 3, 6}, {0, 5, 3, 5},       {1, 2, 1, 2},
        {4, 0, 4, 4}, {0, 2, 2, 2}, {1, 4096, 1, 4096}, {1, 3, 1, 3},
    };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        cr_assert_eq(filch_pool_resize(pool, steps[i].minimum, steps[i].maximum), 0);
        struct filch_pool_stats stats = stats_of(pool);
        cr_assert_eq(stats.min_workers, steps[i].then_minimum, "step %d", (int)i);
        cr_assert_eq(stats.max_concurrency, steps[i].then_maximum, "step %d", (int)i);
    }
    meet_all(pool, 3);
    pool_end(pool);
}

Test(pool, raising_the_limit_starts_what_waits_for_it, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct meeting meeting = {.count = 3};
    struct filch_future futures[3] = {{{0}}};
    for (int i = 0; i < 3; i++)
        cr_assert_eq(filch_submit(pool, &futures[i], meet, &meeting), 0);
    wait_until(atomic_load(&meeting.present) == 1);
    /* Nothing else is submitted: the resize itself must wake or start. */
    cr_assert_eq(filch_pool_resize(pool, 0, 3), 0);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(filch_wait(&futures[i]), 0);
    pool_end(pool);
}

Test(pool, counters_are_exact_when_idle, .timeout = TEST_TIMEOUT)
{
    enum { count = 1000 };
    static struct filch_future futures[count];
    struct filch_pool *pool = pool_of(3);
    atomic_int runs = 0;
    memset(futures, 0, sizeof futures);
    for (int i = 0; i < count; i++)
        cr_assert_eq(filch_submit(pool, &futures[i], count_up, &runs), 0);
    for (int i = 0; i < count; i++)
        cr_assert_eq(filch_wait(&futures[i]), 0);
    wait_until(stats_of(pool).running == 0);
    struct filch_pool_stats stats = stats_of(pool);
    cr_assert_eq(stats.submitted, count);
    cr_assert_eq(stats.run, count);
    cr_assert_eq(stats.dropped, 0);
    cr_assert_eq(stats.queue_depth, 0);
    cr_assert_eq(stats.failed_starts, 0);
    pool_end(pool);
}

Test(pool, stats_fill_only_what_the_caller_knows, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    struct filch_pool_stats stats;
    memset(&stats, 0xa5, sizeof stats);
    size_t known = offsetof(struct filch_pool_stats, dropped);
    cr_assert_eq(filch_pool_get_stats(pool, &stats, known), 0);
    cr_assert_eq(stats.submitted, 0);
    for (size_t i = known; i < sizeof stats; i++)
        cr_assert_eq(((unsigned char *)&stats)[i], 0xa5, "byte %d was written", (int)i);
    pool_end(pool);
}

Test(pool, dump_names_the_pool_and_what_runs, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_open(&(struct filch_pool_config){.max_concurrency = 2, .name = "dumped"});
    struct held held;
    held_init(&held);
    struct filch_task_options options = {.name = "a_named_task"};
    cr_assert_eq(filch_submit_with(pool, &held.future, hold, &held, &options), 0);
    sem_take(&held.began);
    char *text = dump_of(pool);
    cr_assert_not_null(strstr(text, "dumped"), "%s", text);
    cr_assert_not_null(strstr(text, "a_named_task"), "%s", text);
    free(text);
    held_end(&held);
    wait_until(stats_of(pool).running == 0);
    text = dump_of(pool);
    cr_assert_null(strstr(text, "a_named_task"), "it has ended: %s", text);
    free(text);
    pool_end(pool);
}

Test(pool, dump_reports_a_file_that_cannot_be_written, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    FILE *readable = fopen("/dev/null", "r");
    cr_assert_not_null(readable);
    cr_assert_eq(filch_pool_dump(pool, readable), -EIO);
    fclose(readable);
    pool_end(pool);
}

static int note_thread_name(void *data)
{
    return -pthread_getname_np(pthread_self(), data, 16);
}

Test(pool, its_name_is_copied_to_its_threads, .timeout = TEST_TIMEOUT)
{
    char name[] = "mill", seen[16] = "";
    struct filch_pool *pool = pool_open(&(struct filch_pool_config){.name = name, .max_concurrency = 1});
    strcpy(name, "????");
    struct filch_future future = {0};
    cr_assert_eq(filch_submit(pool, &future, note_thread_name, seen), 0);
    cr_assert_eq(filch_wait(&future), 0);
    cr_assert_eq(strncmp(seen, "mill", 4), 0, "%s", seen);
    pool_end(pool);
    pool = pool_of(1);
    cr_assert_eq(filch_submit(pool, &future, note_thread_name, seen), 0);
    cr_assert_eq(filch_wait(&future), 0);
    cr_assert_eq(strncmp(seen, "filch", 5), 0, "%s", seen);
    pool_end(pool);
}

struct pools_seen {
    struct filch_pool *current;
    struct filch_future inner;
    int pool_of_inner_is_the_same;
};

static int note_current(void *data)
{
    *(struct filch_pool **)data = filch_pool_current();
    return 0;
}

static int submit_to_null(void *data)
{
    struct pools_seen *seen = data;
    struct filch_pool *inner = NULL;
    seen->current = filch_pool_current();
    must(filch_submit(NULL, &seen->inner, note_current, &inner) == 0);
    must(filch_wait(&seen->inner) == 0);
    seen->pool_of_inner_is_the_same = inner == seen->current;
    return 0;
}

Test(pool, null_means_the_current_one_in_a_task, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    struct pools_seen seen = {0};
    struct filch_future future = {0};
    cr_assert_null(filch_pool_current());
    cr_assert_eq(filch_submit(pool, &future, submit_to_null, &seen), 0);
    cr_assert_eq(filch_wait(&future), 0);
    cr_assert_eq(seen.current, pool);
    cr_assert(seen.pool_of_inner_is_the_same);
    cr_assert_null(filch_pool_current());
    pool_end(pool);
}

static void *get_default(void *data)
{
    *(struct filch_pool **)data = filch_pool_default();
    return NULL;
}

Test(pool, default_is_opened_once_and_null_means_it, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *seen[8] = {0}, *used = NULL;
    pthread_t threads[8];
    for (int i = 0; i < 8; i++)
        threads[i] = thread_start(get_default, &seen[i]);
    for (int i = 0; i < 8; i++)
        thread_join(threads[i]);
    cr_assert_not_null(seen[0]);
    for (int i = 1; i < 8; i++)
        cr_assert_eq(seen[i], seen[0]);
    struct filch_future future = {0};
    cr_assert_eq(filch_submit(NULL, &future, note_current, &used), 0);
    cr_assert_eq(filch_wait(&future), 0);
    cr_assert_eq(used, seen[0]);
    cr_assert_eq(filch_pool_available(NULL) <= filch_cpu_count(), 1);
    cr_assert_eq(stats_of(NULL).max_concurrency, filch_cpu_count());
}

Test(pool, base_functions_answer, .timeout = TEST_TIMEOUT)
{
    cr_assert_eq(filch_version(), FILCH_VERSION);
    uint64_t before = filch_now_ns(), after = filch_now_ns();
    cr_assert(before > 0 && after >= before);
    cr_assert_eq(filch_in_ns(UINT64_MAX), FILCH_NO_DEADLINE);
    cr_assert_eq(filch_in_ns(FILCH_NO_DEADLINE - 1), FILCH_NO_DEADLINE);
    cr_assert(filch_in_ns(FILCH_S(1)) >= before + FILCH_S(1));
    cr_assert_eq(sizeof(struct filch_future), 64);
}
