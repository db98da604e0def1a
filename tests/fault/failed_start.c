/* SPDX-License-Identifier: MIT */
/* failed_start.c - a thread that could not be started leaves no task behind that waits for ever.
 *
 * In each test pthread_create fails, or a mapping, at a moment when whoever could try again is asleep or blocked.
 */
#include "faults.h"
#include "support/tasks.h"
#include "support/test.h"

static int submit_and_block(void *data)
{
    struct filch_future below = {0};
    must(filch_submit(NULL, &below, count_up, data) == 0);
    return filch_wait(&below); /* blocks this thread: what is below needs another */
}

/* A body that keeps its thread waits for its own child: that runs, or ends with the reason. */
static void block_without_help(long failures)
{
    struct filch_task_options own = {.flags = FILCH_TASK_OWN_THREAD};
    struct filch_pool *pool = pool_of(1);
    struct filch_future future = {0};
    atomic_int runs = 0;
    faults_arm(FAULT_THREAD, 1, failures, 0);
    cr_assert_eq(filch_submit_with(pool, &future, submit_and_block, &runs, &own), 0);
    int status = filch_wait(&future);
    cr_assert_geq(faults_disarm().failed, 1);
    cr_assert(atomic_load(&runs) == 1 ? status == 0 : status == -EAGAIN, "%d runs, status %d", atomic_load(&runs),
              status);
    atomic_store(&runs, 0);
    cr_assert_eq(filch_submit_with(pool, &future, submit_and_block, &runs, &own), 0);
    cr_assert_eq(filch_wait(&future), 0, "and then it is as if nothing had been");
    cr_assert_eq(atomic_load(&runs), 1);
    pool_end(pool);
}

Test(failed_start, under_a_body_that_blocks_its_thread, .timeout = TEST_TIMEOUT)
{
    for (int i = 0; i < 20; i++)
        block_without_help(i);
    block_without_help(1 << 30);
}

static atomic_bool has_begun;

static int block_while_another_tries(void *data)
{
    atomic_store(&has_begun, true);
    wait_until(faults_so_far().failed > 0);
    return submit_and_block(data);
}

/* A completer makes a strand ready, and tries to start a thread for it, while the only worker comes to block. */
static void try_while_another_blocks(void)
{
    struct filch_task_options own = {.flags = FILCH_TASK_OWN_THREAD};
    struct filch_pool *pool = pool_of(1);
    struct filch_future promise = {0}, waiting = {0}, future = {0};
    atomic_int runs = 0;
    filch_promise_init(&promise);
    cr_assert_eq(filch_submit(pool, &waiting, wait_for, &promise), 0);
    wait_until(stats_of(pool).suspended == 1);
    faults_arm(FAULT_THREAD, 1, 1 << 30, 0);
    cr_assert_eq(filch_pool_resize(pool, 0, 2), 0); /* a second worker is wanted from now on, and cannot be had */
    atomic_store(&has_begun, false);
    cr_assert_eq(filch_submit_with(pool, &future, block_while_another_tries, &runs, &own), 0);
    wait_until(atomic_load(&has_begun));
    faults_arm(FAULT_THREAD, 1, 1 << 30, 0);
    cr_assert_eq(filch_complete(&promise, 0), 0);
    int status = filch_wait(&future);
    (void)faults_disarm();
    cr_assert(atomic_load(&runs) == 1 ? status == 0 : status == -EAGAIN);
    cr_assert_eq(filch_wait(&waiting), 0);
    pool_end(pool);
}

Test(failed_start, while_another_thread_tries, .timeout = TEST_TIMEOUT)
{
    faults_slow_down(1000); /* the time to block in */
    for (int i = 0; i < TEST_SHARE(40); i++)
        try_while_another_blocks();
    faults_slow_down(0);
}

/* The task is suspended, and workers retire as soon as they may; then comes what it waits for. */
static void resume_without_help(long failures, bool close_first)
{
    struct filch_pool_config config = {.max_concurrency = 1, .idle_timeout_ns = 1, .flags = FILCH_POOL_NO_IDLE_WORKERS};
    struct filch_pool *pool = pool_open(&config);
    struct filch_future promise = {0}, waiting = {0};
    filch_promise_init(&promise);
    cr_assert_eq(filch_submit(pool, &waiting, wait_for, &promise), 0);
    wait_until(stats_of(pool).suspended == 1 && stats_of(pool).running == 0);
    usleep(200); /* for a worker to retire in, if one does */
    faults_arm(FAULT_THREAD, 1, failures, 0);
    cr_assert_eq(filch_complete(&promise, 3), 0);
    if (!close_first)
        cr_assert_eq(filch_wait(&waiting), 3);
    pool_end(pool);
    (void)faults_disarm();
    cr_assert_eq(filch_status(&waiting), 3);
}

Test(failed_start, when_a_strand_becomes_ready, .timeout = TEST_TIMEOUT)
{
    for (int i = 0; i < TEST_SHARE(50); i++)
        resume_without_help(i % 2 ? 1 << 30 : i, i % 3 == 0);
}

/* No memory for another strand, so a plain body blocks its thread, too; and the next worker has none at first. */
Test(failed_start, under_a_body_that_finds_no_strand, .timeout = TEST_TIMEOUT)
{
    for (int failures = 0; failures < 6; failures++) {
        struct filch_pool_config config = {.max_concurrency = 1, .stack_size = 64 << 20}; /* one strand a mapping */
        struct filch_pool *pool = pool_open(&config);
        struct filch_future future = {0};
        atomic_int runs = 0;
        faults_arm(FAULT_MAP, 1, failures, 0);
        cr_assert_eq(filch_submit(pool, &future, submit_and_block, &runs), 0);
        int status = filch_wait(&future);
        cr_assert_geq(faults_disarm().failed, 1);
        cr_assert(atomic_load(&runs) == 1 ? status == 0 : status == -EAGAIN || status == -ENOMEM);
        pool_end(pool);
    }
}
