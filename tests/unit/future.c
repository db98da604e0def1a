/* SPDX-License-Identifier: MIT */
/* future.c - a closure submitted and waited for: its status, what it wrote, who may wait, where it is submitted. */
#include "support/tasks.h"
#include "support/test.h"

Test(future, status_is_what_the_closure_returned, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    int values[] = {0, 1, 77, INT32_MAX, -EIO, -ENOENT, -EPERM};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct filch_future future = {0};
        cr_assert_eq(filch_submit(pool, &future, give, &values[i]), 0);
        cr_assert_eq(filch_wait(&future), values[i]);
        cr_assert(filch_done(&future));
        cr_assert_eq(filch_status(&future), values[i]);
        cr_assert_eq(filch_wait(&future), values[i], "a second wait gets it too");
    }
    pool_end(pool);
}

Test(future, is_in_progress_until_it_is_done, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct filch_future queued = {0};
    struct held held;
    held_begin(&held, pool);
    cr_assert_eq(filch_submit(pool, &queued, nothing, NULL), 0);
    cr_assert_not(filch_done(&held.future));
    cr_assert_eq(filch_status(&held.future), -EINPROGRESS);
    cr_assert_not(filch_done(&queued));
    cr_assert_eq(filch_status(&queued), -EINPROGRESS);
    held_end(&held);
    cr_assert_eq(filch_wait(&queued), 0);
    pool_end(pool);
}

struct sums {
    uint64_t in[64], out[64];
};

static int add_one(void *data)
{
    struct sums *sums = data;
    for (int i = 0; i < 64; i++)
        sums->out[i] = sums->in[i] + 1;
    return 0;
}

/* Plain memory both ways; ThreadSanitizer sees whether the submit and the wait order it. */
Test(future, what_was_written_is_seen_both_ways, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    for (uint64_t round = 0; round < (uint64_t)TEST_SHARE(20000); round++) {
        struct sums sums;
        struct filch_future future = {0};
        for (uint64_t i = 0; i < 64; i++)
            sums.in[i] = round * i;
        cr_assert_eq(filch_submit(pool, &future, add_one, &sums), 0);
        if (round % 2)
            cr_assert_eq(filch_wait(&future), 0);
        else
            while (!filch_done(&future))
                sched_yield();
        for (uint64_t i = 0; i < 64; i++)
            must(sums.out[i] == round * i + 1);
    }
    pool_end(pool);
}

Test(future, can_be_used_again_when_done, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    struct filch_future future = {0};
    atomic_int runs = 0;
    for (int i = 0; i < TEST_SHARE(20000); i++) {
        cr_assert_eq(filch_submit(pool, &future, count_up, &runs), 0);
        cr_assert_eq(filch_wait(&future), 0);
        cr_assert_eq(atomic_load(&runs), i + 1);
    }
    pool_end(pool);
}

Test(future, runs_every_one_of_a_flood, .timeout = TEST_TIMEOUT)
{
    int count = TEST_SHARE(200000);
    struct filch_future *futures = calloc((size_t)count, sizeof *futures);
    struct filch_pool *pool = pool_of(3);
    atomic_int runs = 0;
    cr_assert_not_null(futures);
    for (int i = 0; i < count; i++)
        must(filch_submit(pool, &futures[i], count_up, &runs) == 0);
    for (int i = 0; i < count; i++)
        must(filch_wait(&futures[i]) == 0);
    cr_assert_eq(atomic_load(&runs), count);
    pool_end(pool);
    free(futures);
}

struct tree {
    struct filch_pool *pool;
    int depth;
    atomic_int *leaves;
};

/* Submits two children, deeper by one, and waits for both: submitting and waiting inside tasks. */
static int grow(void *data)
{
    struct tree *tree = data;
    if (tree->depth == 0)
        return count_up(tree->leaves);
    struct tree child = {tree->pool, tree->depth - 1, tree->leaves};
    struct filch_future futures[2] = {{{0}}};
    for (int i = 0; i < 2; i++)
        must(filch_submit(tree->pool, &futures[i], grow, &child) == 0);
    for (int i = 0; i < 2; i++)
        must(filch_wait(&futures[i]) == 0);
    return 0;
}

Test(future, a_tree_of_tasks_ends_under_every_limit, .timeout = TEST_TIMEOUT)
{
    int depth = TEST_SANITIZED ? 8 : 13;
    for (unsigned limit = 1; limit <= 4; limit++) {
        struct filch_pool *pool = pool_of(limit);
        atomic_int leaves = 0;
        struct tree root = {limit % 2 ? pool : NULL, depth, &leaves}; /* NULL: the current one */
        struct filch_future future = {0};
        cr_assert_eq(filch_submit(pool, &future, grow, &root), 0);
        cr_assert_eq(filch_wait(&future), 0);
        cr_assert_eq(atomic_load(&leaves), 1 << depth);
        pool_end(pool);
    }
}

struct waiter_thread {
    pthread_t thread;
    struct filch_future *future;
    int status;
};

static void *wait_in_thread(void *data)
{
    struct waiter_thread *waiter = data;
    waiter->status = filch_wait(waiter->future);
    return NULL;
}

Test(future, serves_waiters_in_threads_and_in_tasks_at_once, .timeout = TEST_TIMEOUT)
{
    enum { threads = 6, tasks = 12 };
    struct filch_pool *pool = pool_of(2);
    for (int round = 0; round < TEST_SHARE(200); round++) {
        struct filch_future target = {0}, in_tasks[tasks];
        struct waiter_thread waiters[threads];
        struct held held;
        int value = round;
        memset(in_tasks, 0, sizeof in_tasks);
        held_begin(&held, pool);
        if (round % 2) /* what they wait for is queued behind a body that runs, or is that body */
            cr_assert_eq(filch_submit(pool, &target, give, &value), 0);
        struct filch_future *waited = round % 2 ? &target : &held.future;
        for (int i = 0; i < tasks; i++)
            cr_assert_eq(filch_submit(pool, &in_tasks[i], wait_for, waited), 0);
        for (int i = 0; i < threads; i++) {
            waiters[i].future = waited;
            waiters[i].thread = thread_start(wait_in_thread, &waiters[i]);
        }
        sem_post(&held.go);
        int expected = round % 2 ? round : 0;
        for (int i = 0; i < threads; i++) {
            thread_join(waiters[i].thread);
            cr_assert_eq(waiters[i].status, expected);
        }
        for (int i = 0; i < tasks; i++)
            cr_assert_eq(filch_wait(&in_tasks[i]), expected);
        held_end(&held);
    }
    pool_end(pool);
}

static int with_pool(void *data)
{
    return filch_pool_current() == data ? 0 : -EXDEV;
}

/* A pool's task that submits to another pool and waits for it there, both ways. */
static int cross(void *data)
{
    struct filch_pool **pools = data; /* where to go from here */
    struct filch_future future = {0};
    must(filch_submit(pools[0], &future, with_pool, pools[0]) == 0);
    int status = filch_wait(&future);
    must(filch_pool_current() == pools[1]);
    return status;
}

Test(future, tasks_wait_across_pools, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *a = pool_of(1), *b = pool_of(1);
    struct filch_pool *from_a[] = {b, a}, *from_b[] = {a, b};
    for (int round = 0; round < TEST_SHARE(2000); round++) {
        struct filch_future futures[2] = {{{0}}};
        cr_assert_eq(filch_submit(a, &futures[0], cross, from_a), 0);
        cr_assert_eq(filch_submit(b, &futures[1], cross, from_b), 0);
        cr_assert_eq(filch_wait(&futures[0]), 0);
        cr_assert_eq(filch_wait(&futures[1]), 0);
    }
    pool_end(a);
    pool_end(b);
}

struct submitter {
    struct filch_pool *pool;
    struct filch_future *futures;
    int count;
    atomic_int *runs;
};

static void *submit_from_thread(void *data)
{
    struct submitter *submitter = data;
    for (int i = 0; i < submitter->count; i++)
        must(filch_submit(submitter->pool, &submitter->futures[i], count_up, submitter->runs) == 0);
    return NULL;
}

Test(future, stampede_of_submitting_threads, .timeout = TEST_TIMEOUT)
{
    enum { threads = 8 };
    int each = TEST_SHARE(20000);
    struct filch_pool *pool = pool_of(2);
    struct filch_future *futures = calloc((size_t)(threads * each), sizeof *futures);
    struct submitter submitters[threads];
    pthread_t ids[threads];
    atomic_int runs = 0;
    cr_assert_not_null(futures);
    for (int i = 0; i < threads; i++) {
        submitters[i] = (struct submitter){pool, futures + i * each, each, &runs};
        ids[i] = thread_start(submit_from_thread, &submitters[i]);
    }
    for (int i = 0; i < threads; i++)
        thread_join(ids[i]);
    for (int i = 0; i < threads * each; i++)
        must(filch_wait(&futures[i]) == 0);
    cr_assert_eq(atomic_load(&runs), threads * each);
    pool_end(pool);
    free(futures);
}

static int run_options(void *data)
{
    (void)data;
    return 3;
}

Test(future, options_without_effect_change_nothing, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    struct filch_task_options empty = {0}, named = {.name = "named"};
    const struct filch_task_options *all[] = {NULL, &empty, &named};
    for (int i = 0; i < 3; i++) {
        struct filch_future future = {0};
        cr_assert_eq(filch_submit_with(pool, &future, run_options, NULL, all[i]), 0);
        cr_assert_eq(filch_wait(&future), 3);
    }
    pool_end(pool);
}
