/* SPDX-License-Identifier: MIT */
/* ends.c - the ends that a task may bring about: of its thread, of the process, of its stack; freeing an open pool. */
#include "support/child.h"
#include "support/tasks.h"
#include "support/test.h"

/* ---- pthread_exit ---- */

static const char *const not_under_tsan = "ThreadSanitizer allows no pthread_exit on a strand";

static int exit_thread(void *data)
{
    if (data)
        must(filch_wait(data) == 0);
    pthread_exit(NULL);
}

static void note_cleanup(void *data)
{
    atomic_fetch_add((atomic_int *)data, 1);
}

static int exit_thread_with_cleanup(void *data)
{
    pthread_cleanup_push(note_cleanup, data);
    pthread_exit(NULL);
    pthread_cleanup_pop(0);
    return 0;
}

Test(ends, pthread_exit_ends_the_task_only, .timeout = TEST_TIMEOUT)
{
    for (unsigned limit = 1; limit <= 2; limit++) {
        struct filch_pool *pool = pool_of(limit);
        for (int i = 0; i < TEST_SHARE(100); i++) {
            struct filch_task_options options = {.flags = i % 2 || TEST_TSAN ? FILCH_TASK_OWN_THREAD : 0};
            struct filch_future future = {0};
            cr_assert_eq(filch_submit_with(pool, &future, exit_thread, NULL, &options), 0);
            cr_assert_eq(filch_wait(&future), -ECANCELED);
            meet_all(pool, limit); /* its permit came back, and its worker is replaced */
        }
        cr_assert_eq(filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE), 0);
        watchdog_pool(NULL);
        filch_pool_free(pool);
    }
}

Test(ends, pthread_exit_after_a_wait, .timeout = TEST_TIMEOUT)
{
    if (TEST_TSAN)
        test_skip("%s", not_under_tsan);
    struct filch_pool *pool = pool_of(2);
    for (int round = 0; round < TEST_SHARE(50); round++) {
        struct filch_future promise = {0}, futures[6] = {{{0}}};
        filch_promise_init(&promise);
        for (int i = 0; i < 6; i++)
            cr_assert_eq(filch_submit(pool, &futures[i], exit_thread, &promise), 0);
        wait_until(stats_of(pool).suspended == 6);
        cr_assert_eq(filch_complete(&promise, 0), 0);
        for (int i = 0; i < 6; i++)
            cr_assert_eq(filch_wait(&futures[i]), -ECANCELED);
        meet_all(pool, 2);
    }
    cr_assert_eq(filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE), 0);
    watchdog_pool(NULL);
    filch_pool_free(pool);
}

Test(ends, pthread_exit_runs_cleanup_handlers, .timeout = TEST_TIMEOUT)
{
    if (TEST_TSAN)
        test_skip("%s", not_under_tsan);
    struct filch_pool *pool = pool_of(1);
    atomic_int cleanups = 0;
    struct filch_future future = {0};
    cr_assert_eq(filch_submit(pool, &future, exit_thread_with_cleanup, &cleanups), 0);
    cr_assert_eq(filch_wait(&future), -ECANCELED);
    cr_assert_eq(atomic_load(&cleanups), 1);
    meet_all(pool, 1);
    cr_assert_eq(filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE), 0);
    watchdog_pool(NULL);
    filch_pool_free(pool);
}

static void count_fini(void *ctx, unsigned worker, void *local)
{
    (void)worker;
    (void)local;
    atomic_fetch_add((atomic_int *)ctx, 1);
}

static int count_init(void *ctx, unsigned worker, void **ret_local)
{
    (void)worker;
    *ret_local = ctx;
    atomic_fetch_add((atomic_int *)ctx + 1, 1);
    return 0;
}

Test(ends, pthread_exit_still_runs_the_workers_fini, .timeout = TEST_TIMEOUT)
{
    if (TEST_TSAN)
        test_skip("%s", not_under_tsan);
    atomic_int counts[2] = {0, 0}; /* finis, inits */
    struct filch_pool_config config = {
        .max_concurrency = 2, .worker_init = count_init, .worker_fini = count_fini, .ctx = counts};
    struct filch_pool *pool = pool_open(&config);
    for (int i = 0; i < 10; i++) {
        struct filch_future future = {0};
        cr_assert_eq(filch_submit(pool, &future, exit_thread, NULL), 0);
        cr_assert_eq(filch_wait(&future), -ECANCELED);
    }
    cr_assert_eq(filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE), 0);
    watchdog_pool(NULL);
    filch_pool_free(pool);
    cr_assert_eq(atomic_load(&counts[0]), atomic_load(&counts[1]));
    cr_assert_gt(atomic_load(&counts[0]), 0);
}

/* ---- the process ---- */

Test(ends, exit_in_a_task_does_not_hang, .timeout = TEST_TIMEOUT)
{
    const char *scenarios[] = {"exit", "exit_after_wait", "exit_own_thread", "leave_everything"};
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 4; i++) {
            struct child child;
            child_run(&child, FILCH_VICTIM, scenarios[i], TEST_ASAN ? "ASAN_OPTIONS=detect_leaks=0" : NULL);
            cr_assert(child_exited(&child, 23), "%s", scenarios[i]);
        }
    }
}

static const char *const emulators_take_guards_lightly = "the emulator says yes to madvise's guard pages and makes none";

Test(ends, a_stack_overflow_names_the_task, .timeout = TEST_TIMEOUT)
{
    if (TEST_SANITIZED)
        test_skip("sanitizers have handlers and frames of their own");
    if (child_emulator())
        test_skip("%s", emulators_take_guards_lightly);
    const char *scenarios[] = {"overflow", "overflow_after_wait"};
    for (int i = 0; i < 2; i++) {
        struct child child;
        child_run(&child, FILCH_VICTIM, scenarios[i], NULL);
        cr_assert(child_died_of(&child, SIGSEGV), "%s", scenarios[i]);
        cr_assert_not_null(strstr(child.output, "the_victim"), "%s: %s", scenarios[i], child.output);
    }
}

Test(ends, no_message_where_none_is_wanted_or_due, .timeout = TEST_TIMEOUT)
{
    if (TEST_SANITIZED)
        test_skip("sanitizers have handlers and frames of their own");
    if (child_emulator())
        test_skip("%s", emulators_take_guards_lightly);
    struct child child;
    child_run(&child, FILCH_VICTIM, "overflow_silently", NULL);
    cr_assert(child_died_of(&child, SIGSEGV));
    cr_assert_str_eq(child.output, "");
    child_run(&child, FILCH_VICTIM, "wild_write", NULL);
    cr_assert(child_died_of(&child, SIGSEGV));
    cr_assert_null(strstr(child.output, "the_victim"), "no overflow: %s", child.output);
}

Test(ends, freeing_an_open_pool_aborts_with_a_message, .timeout = TEST_TIMEOUT)
{
    const char *scenarios[] = {"free_open_pool", "free_after_failed_close"};
    for (int i = 0; i < 2; i++) {
        struct child child;
        child_run(&child, FILCH_VICTIM, scenarios[i], NULL);
        cr_assert(child_died_of(&child, SIGABRT), "%s", scenarios[i]);
        cr_assert_not_null(strstr(child.output, "filch"), "%s: %s", scenarios[i], child.output);
    }
}

#ifdef FILCH_VICTIM_THROW
Test(ends, an_exception_out_of_a_task_terminates, .timeout = TEST_TIMEOUT)
{
    struct child child;
    child_run(&child, FILCH_VICTIM_THROW, "escape", NULL);
    cr_assert(child_died_of(&child, SIGABRT));
    cr_assert_not_null(strstr(child.output, "terminate was called"), "%s", child.output);
}

Test(ends, an_exception_within_a_task_is_its_own_affair, .timeout = TEST_TIMEOUT)
{
    struct child child;
    child_run(&child, FILCH_VICTIM_THROW, "catch", NULL);
    cr_assert(child_exited(&child, 0));
}
#endif
