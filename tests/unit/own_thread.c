/* SPDX-License-Identifier: MIT */
/* own_thread.c - FILCH_TASK_OWN_THREAD: the body stays on one real thread across its waits, and its permit does not. */
#include "support/tasks.h"
#include "support/test.h"

static const struct filch_task_options own_thread = {.flags = FILCH_TASK_OWN_THREAD, .name = "own"};

static _Thread_local int mine;

struct stay {
    struct filch_future *promise;
    int number;
};

/* Not inlined: the address of a thread-local may be kept across calls within one function. */
static __attribute__((noinline)) int *address_of_mine(void)
{
    return &mine;
}

static int stays(void *data)
{
    struct stay *stay = data;
    pthread_mutex_t mutex;
    pthread_mutexattr_t checked;
    pthread_mutexattr_init(&checked);
    pthread_mutexattr_settype(&checked, PTHREAD_MUTEX_ERRORCHECK);
    must(pthread_mutex_init(&mutex, &checked) == 0);
    long thread = thread_id();
    int *where = address_of_mine();
    *where = stay->number;
    must(pthread_mutex_lock(&mutex) == 0);
    int status = filch_wait(stay->promise);
    must(pthread_mutex_unlock(&mutex) == 0); /* by its owner, or EPERM */
    must(thread_id() == thread && address_of_mine() == where && *where == stay->number);
    must(pthread_mutex_destroy(&mutex) == 0);
    pthread_mutexattr_destroy(&checked);
    return status;
}

Test(own_thread, keeps_thread_thread_locals_and_mutexes_across_waits, .timeout = TEST_TIMEOUT)
{
    for (unsigned limit = 1; limit <= 3; limit++) {
        enum { count = 12 };
        struct filch_pool *pool = pool_of(limit);
        struct filch_future promises[count], tasks[count];
        struct stay stays_[count];
        memset(promises, 0, sizeof promises);
        memset(tasks, 0, sizeof tasks);
        for (int i = 0; i < count; i++) {
            stays_[i] = (struct stay){&promises[i], i + 1};
            filch_promise_init(&promises[i]);
            cr_assert_eq(filch_submit_with(pool, &tasks[i], stays, &stays_[i], &own_thread), 0);
        }
        /* More bodies than the limit get as far as their wait only if each gives its permit to the next. */
        wait_until(stats_of(pool).blocked_waits == count);
        for (int i = count - 1; i >= 0; i--)
            cr_assert_eq(filch_complete(&promises[i], i), 0);
        for (int i = 0; i < count; i++)
            cr_assert_eq(filch_wait(&tasks[i]), i);
        pool_end(pool);
    }
}

Test(own_thread, the_permit_serves_others_meanwhile, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct filch_future promise = {0}, task = {0};
    struct stay stay = {&promise, 1};
    filch_promise_init(&promise);
    cr_assert_eq(filch_submit_with(pool, &task, stays, &stay, &own_thread), 0);
    wait_until(stats_of(pool).blocked_waits == 1);
    for (int i = 0; i < 100; i++) {
        atomic_int runs = 0;
        struct filch_future other = {0};
        cr_assert_eq(filch_submit(pool, &other, count_up, &runs), 0);
        cr_assert_eq(filch_wait(&other), 0);
    }
    wait_until(filch_pool_available(pool) == 1);
    cr_assert_not(filch_done(&task));
    cr_assert_eq(filch_complete(&promise, 4), 0);
    cr_assert_eq(filch_wait(&task), 4);
    pool_end(pool);
}

/* After its wait the body needs a permit again: with the only one taken it may not go on. */
Test(own_thread, goes_on_only_under_a_permit, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct filch_future promise = {0}, task = {0};
    struct stay stay = {&promise, 1};
    struct held held;
    filch_promise_init(&promise);
    cr_assert_eq(filch_submit_with(pool, &task, stays, &stay, &own_thread), 0);
    wait_until(stats_of(pool).blocked_waits == 1);
    held_begin(&held, pool);
    cr_assert_eq(filch_complete(&promise, 4), 0);
    usleep(20000); /* gives a wrong start its chance; a right pool cannot fail here */
    cr_assert_not(filch_done(&task));
    held_end(&held);
    cr_assert_eq(filch_wait(&task), 4);
    pool_end(pool);
}

struct nested {
    int depth;
    struct filch_future future;
};

static int descend(void *data)
{
    struct nested *nested = data;
    struct nested child = {.depth = nested->depth - 1};
    if (nested->depth == 0)
        return 0;
    long thread = thread_id();
    must(filch_submit_with(NULL, &child.future, descend, &child, nested->depth % 2 ? &own_thread : NULL) == 0);
    int below = filch_wait(&child.future);
    if (nested->depth % 2 == 0) /* this one was submitted with the option, by its parent of odd depth */
        must(thread_id() == thread);
    return below + 1;
}

Test(own_thread, nested_waits_at_limit_1, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    for (int depth = 1; depth <= 41; depth += 10) {
        struct nested root = {.depth = depth};
        cr_assert_eq(filch_submit(pool, &root.future, descend, &root), 0);
        cr_assert_eq(filch_wait(&root.future), depth);
    }
    pool_end(pool);
}

static int where_am_i(void *data)
{
    *(struct filch_pool **)data = filch_pool_current();
    must(filch_wait_until(NULL, 0) == -EINVAL);
    return filch_cancelled();
}

Test(own_thread, is_a_task_like_any_other, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2), *seen = NULL;
    struct filch_future task = {0}, promise = {0};
    struct filch_task_options timed = own_thread;
    sem_t began;
    sem_init(&began, 0, 0);
    cr_assert_eq(filch_submit_with(pool, &task, where_am_i, &seen, &own_thread), 0);
    cr_assert_eq(filch_wait(&task), 0);
    cr_assert_eq(seen, pool);
    cr_assert_eq(filch_submit_with(pool, &task, until_cancelled, &began, &own_thread), 0);
    sem_take(&began);
    cr_assert_eq(filch_cancel(&task), -EINPROGRESS);
    cr_assert_eq(filch_wait(&task), 7);
    timed.timeout_ns = FILCH_MS(2);
    cr_assert_eq(filch_submit_with(pool, &task, until_cancelled, NULL, &timed), 0);
    cr_assert_eq(filch_wait(&task), -ETIMEDOUT);
    filch_promise_init(&promise);
    cr_assert_eq(filch_submit_with(pool, &task, wait_for, &promise, &timed), 0); /* a blocked wait passes it on */
    cr_assert_eq(filch_wait(&task), -ETIMEDOUT);
    cr_assert_eq(filch_status(&promise), -ECANCELED);
    pool_end(pool);
}

/* The stack is a thread's own: far more than a strand's smallest. */
static int use_a_thread_stack(void *data)
{
    volatile char big[256 * 1024];
    for (size_t i = 0; i < sizeof big; i += 512)
        big[i] = (char)i;
    (void)data;
    return big[512] == 0 ? 0 : big[512];
}

Test(own_thread, has_a_thread_stack, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_open(&(struct filch_pool_config){.max_concurrency = 2, .stack_size = 64 * 1024});
    struct filch_future task = {0};
    cr_assert_eq(filch_submit_with(pool, &task, use_a_thread_stack, NULL, &own_thread), 0);
    cr_assert_eq(filch_wait(&task), 0);
    pool_end(pool);
}

Test(own_thread, batches_and_copies_take_the_option, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    static struct filch_future futures[200];
    struct filch_future *copied;
    atomic_int runs = 0;
    int copy_of = 1;
    memset(futures, 0, sizeof futures);
    struct filch_batch batch = {futures, 0, &runs, 0, 200};
    cr_assert_eq(filch_submit_many(pool, &batch, count_up, &own_thread), 0);
    cr_assert_eq(filch_submit_copy(pool, give, &copy_of, sizeof copy_of, &own_thread, &copied), 0);
    cr_assert_eq(filch_wait_many(&batch, FILCH_NO_DEADLINE), 0);
    cr_assert_eq(filch_wait(copied), 1);
    filch_future_release(copied);
    cr_assert_eq(atomic_load(&runs), 200);
    pool_end(pool);
}
