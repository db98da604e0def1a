/* SPDX-License-Identifier: MIT */
/* completions.c - the queue of finished tasks: order, one descriptor for poll, several takers, closing early. */
#include "support/tasks.h"
#include "support/test.h"

#include <poll.h>

static struct filch_completions *queue_open(void)
{
    struct filch_completions *queue = NULL;
    must(filch_completions_open(&queue) == 0 && queue != NULL);
    return queue;
}

static struct filch_future *next(struct filch_completions *queue)
{
    struct filch_future *future = NULL;
    must(filch_completions_next(queue, FILCH_NO_DEADLINE, &future) == 0);
    must(future != NULL && filch_done(future));
    return future;
}

static bool is_empty(struct filch_completions *queue)
{
    struct filch_future *future = NULL;
    int result = filch_completions_next(queue, 0, &future);
    must((result == 0) == (future != NULL) && (result == 0 || result == -ETIMEDOUT));
    return result != 0;
}

Test(completions, smoke, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    struct filch_completions *queue = queue_open();
    struct filch_task_options options = {.completions = queue};
    struct filch_future future = {0};
    int value = 8;
    cr_assert(is_empty(queue));
    for (int i = 0; i < 100; i++) {
        cr_assert_eq(filch_submit_with(pool, &future, give, &value, &options), 0);
        cr_assert_eq(next(queue), &future);
        cr_assert_eq(filch_status(&future), 8);
        cr_assert(is_empty(queue));
    }
    filch_completions_close(queue);
    pool_end(pool);
}

/* The tasks end when told, in an order of the test's choice. */
Test(completions, come_in_the_order_of_finishing, .timeout = TEST_TIMEOUT)
{
    enum { count = 10 };
    struct filch_pool *pool = pool_of(count);
    struct filch_completions *queue = queue_open();
    struct filch_task_options options = {.completions = queue, .name = "held"};
    struct held held[count];
    for (int i = 0; i < count; i++) {
        held_init(&held[i]);
        cr_assert_eq(filch_submit_with(pool, &held[i].future, hold, &held[i], &options), 0);
    }
    for (int i = 0; i < count; i++)
        sem_take(&held[i].began);
    for (int i = 0; i < count; i++) {
        struct held *told = &held[i * 7 % count];
        cr_assert(is_empty(queue));
        sem_post(&told->go);
        cr_assert_eq(next(queue), &told->future);
    }
    filch_completions_close(queue);
    pool_end(pool);
}

struct ordered {
    struct filch_future future;
    int order;
    int *clock;
};

static int note_order(void *data)
{
    struct ordered *ordered = data;
    ordered->order = (*ordered->clock)++;
    return 0;
}

/* One worker ends them one after another, and nobody takes until all have ended: the queue keeps the order. */
Test(completions, a_backlog_keeps_its_order, .timeout = TEST_TIMEOUT)
{
    enum { count = 2000 };
    static struct ordered tasks[count];
    struct filch_pool *pool = pool_of(1);
    struct filch_completions *queue = queue_open();
    struct filch_task_options options = {.completions = queue};
    int clock = 0;
    memset(tasks, 0, sizeof tasks);
    for (int i = 0; i < count; i++) {
        tasks[i].clock = &clock;
        cr_assert_eq(filch_submit_with(pool, &tasks[i].future, note_order, &tasks[i], &options), 0);
    }
    wait_until(stats_of(pool).run == count);
    wait_until(stats_of(pool).running == 0);
    for (int i = 0; i < count; i++) {
        struct ordered *ended = (struct ordered *)next(queue);
        cr_assert_eq(ended->order, i);
    }
    cr_assert(is_empty(queue));
    filch_completions_close(queue);
    pool_end(pool);
}

static bool readable(int fd, int timeout_ms)
{
    struct pollfd poller = {.fd = fd, .events = POLLIN};
    int ready;
    while ((ready = poll(&poller, 1, timeout_ms)) < 0)
        must(errno == EINTR);
    return ready == 1;
}

Test(completions, the_descriptor_is_readable_while_some_wait_to_be_taken, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    struct filch_completions *queue = queue_open();
    struct filch_task_options options = {.completions = queue};
    struct filch_future futures[5] = {{{0}}};
    int fd = filch_completions_fd(queue);
    cr_assert_geq(fd, 0);
    cr_assert_eq(filch_completions_fd(queue), fd, "one for all");
    for (int round = 0; round < TEST_SHARE(500); round++) {
        int count = 1 + round % 5, taken = 0;
        for (int i = 0; i < count; i++)
            cr_assert_eq(filch_submit_with(pool, &futures[i], nothing, NULL, &options), 0);
        while (taken < count) { /* the loop that completions.h asks for */
            must(readable(fd, -1));
            while (!is_empty(queue))
                taken++;
        }
        cr_assert_eq(taken, count);
        while (readable(fd, 0)) /* it may have been told just after the last was taken; then once more */
            must(is_empty(queue));
    }
    filch_completions_close(queue);
    pool_end(pool);
}

Test(completions, a_descriptor_opened_late_tells_of_what_is_there, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct filch_completions *queue = queue_open();
    struct filch_task_options options = {.completions = queue};
    struct filch_future futures[2] = {{{0}}};
    for (int i = 0; i < 2; i++)
        cr_assert_eq(filch_submit_with(pool, &futures[i], nothing, NULL, &options), 0);
    wait_until(stats_of(pool).run == 2);
    wait_until(stats_of(pool).running == 0);
    int fd = filch_completions_fd(queue);
    cr_assert_geq(fd, 0);
    cr_assert(readable(fd, -1));
    (void)next(queue);
    cr_assert(readable(fd, 0), "one is left");
    (void)next(queue);
    cr_assert(is_empty(queue));
    while (readable(fd, 0))
        must(is_empty(queue));
    filch_completions_close(queue);
    pool_end(pool);
}

/* ---- several takers ---- */

struct takers {
    struct filch_completions *queue;
    struct filch_future *futures;
    atomic_uchar *taken;
    atomic_int left, timeouts;
};

/* Take until none is left; each future counts down once, with short deadlines mixed in. */
static int take(void *data)
{
    struct takers *takers = data;
    for (uint64_t i = 0; atomic_load(&takers->left) > 0; i++) {
        struct filch_future *future = NULL;
        int result = filch_completions_next(takers->queue, filch_in_ns(i % 20 * 5000), &future);
        if (result == -ETIMEDOUT) {
            atomic_fetch_add(&takers->timeouts, 1);
            continue;
        }
        must(result == 0 && filch_done(future));
        must(atomic_fetch_add(&takers->taken[future - takers->futures], 1) == 0);
        atomic_fetch_sub(&takers->left, 1);
    }
    return 0;
}

static void *take_in_thread(void *data)
{
    (void)take(data);
    return NULL;
}

Test(completions, each_is_taken_once_by_threads_and_tasks, .timeout = TEST_TIMEOUT)
{
    enum { threads = 3, tasks = 3 };
    int count = TEST_SHARE(20000);
    struct filch_pool *pool = pool_of(2), *takers_pool = pool_of(2);
    struct takers takers = {queue_open(), calloc((size_t)count, sizeof(struct filch_future)), NULL, 0, 0};
    struct filch_task_options options = {.completions = takers.queue};
    struct filch_future taking[tasks] = {{{0}}};
    pthread_t ids[threads];
    takers.taken = calloc((size_t)count, sizeof *takers.taken);
    cr_assert(takers.futures && takers.taken);
    atomic_store(&takers.left, count);
    for (int i = 0; i < tasks; i++)
        cr_assert_eq(filch_submit(takers_pool, &taking[i], take, &takers), 0);
    for (int i = 0; i < threads; i++)
        ids[i] = thread_start(take_in_thread, &takers);
    for (int i = 0; i < count; i++)
        must(filch_submit_with(pool, &takers.futures[i], nothing, NULL, &options) == 0);
    for (int i = 0; i < threads; i++)
        thread_join(ids[i]);
    for (int i = 0; i < tasks; i++)
        cr_assert_eq(filch_wait(&taking[i]), 0);
    for (int i = 0; i < count; i++)
        cr_assert_eq(atomic_load(&takers.taken[i]), 1);
    cr_assert(is_empty(takers.queue));
    filch_completions_close(takers.queue);
    pool_end(takers_pool);
    pool_end(pool);
    free(takers.taken);
    free(takers.futures);
}

/* At limit 1 the tasks that finish can run only while the task that takes them is suspended. */
static int submit_and_take(void *data)
{
    struct filch_completions *queue = queue_open();
    struct filch_task_options options = {.completions = queue};
    struct filch_future futures[20] = {{{0}}};
    for (int i = 0; i < 20; i++)
        must(filch_submit_with(NULL, &futures[i], nothing, NULL, &options) == 0);
    for (int i = 0; i < 20; i++)
        (void)next(queue);
    must(is_empty(queue));
    filch_completions_close(queue);
    (void)data;
    return 0;
}

Test(completions, taken_inside_a_task_at_limit_1, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    for (int i = 0; i < TEST_SHARE(300); i++) {
        struct filch_future futures[2] = {{{0}}};
        for (int k = 0; k < 2; k++)
            cr_assert_eq(filch_submit(pool, &futures[k], submit_and_take, NULL), 0);
        for (int k = 0; k < 2; k++)
            cr_assert_eq(filch_wait(&futures[k]), 0);
    }
    pool_end(pool);
}

static int take_until_cancelled(void *data)
{
    struct filch_future *future = NULL;
    int result = filch_completions_next(data, FILCH_NO_DEADLINE, &future);
    must(result == -ECANCELED && future == NULL);
    return result;
}

Test(completions, a_cancelled_taker_leaves, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct filch_completions *queue = queue_open();
    for (int i = 0; i < TEST_SHARE(200); i++) {
        struct filch_future task = {0};
        cr_assert_eq(filch_submit(pool, &task, take_until_cancelled, queue), 0);
        if (i % 2)
            wait_until(stats_of(pool).suspended == 1);
        (void)filch_cancel(&task);
        cr_assert_eq(filch_wait(&task), -ECANCELED);
    }
    filch_completions_close(queue);
    pool_end(pool);
}

/* ---- what else ends ---- */

Test(completions, tell_of_cancelled_and_dropped_tasks, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct filch_completions *queue = queue_open();
    struct filch_task_options options = {.completions = queue};
    struct filch_future cancelled = {0}, closed = {0}, refused = {0};
    struct held held;
    held_begin(&held, pool);
    cr_assert_eq(filch_submit_with(pool, &cancelled, nothing, NULL, &options), 0);
    cr_assert_eq(filch_submit_with(pool, &closed, nothing, NULL, &options), 0);
    cr_assert_eq(filch_cancel(&cancelled), 0);
    cr_assert_eq(filch_pool_close(pool, FILCH_CLOSE_CANCEL, filch_in_ns(FILCH_MS(1))), -ETIMEDOUT);
    held_end(&held);
    struct filch_future *a = next(queue), *b = next(queue);
    cr_assert((a == &cancelled && b == &closed) || (a == &closed && b == &cancelled));
    cr_assert_eq(filch_status(a), -ECANCELED);
    cr_assert_eq(filch_status(b), -ECANCELED);
    cr_assert_eq(filch_submit_with(pool, &refused, nothing, NULL, &options), -ESHUTDOWN);
    cr_assert(is_empty(queue), "what was not accepted does not report");
    cr_assert_eq(filch_pool_close(pool, FILCH_CLOSE_CANCEL, FILCH_NO_DEADLINE), 0);
    filch_completions_close(queue);
    watchdog_pool(NULL);
    filch_pool_free(pool);
}

Test(completions, closed_early_the_tasks_end_as_if_there_were_none, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    for (int round = 0; round < TEST_SHARE(500); round++) {
        enum { count = 8 };
        struct filch_future futures[count] = {{{0}}};
        struct filch_completions *queue = queue_open();
        struct filch_task_options options = {.completions = queue};
        atomic_int runs = 0;
        if (round % 2)
            cr_assert_geq(filch_completions_fd(queue), 0);
        for (int i = 0; i < count; i++)
            cr_assert_eq(filch_submit_with(pool, &futures[i], count_up, &runs, &options), 0);
        dawdle(round % 50);
        if (round % 3 == 0)
            (void)next(queue);
        filch_completions_close(queue); /* some have reported, some run, some are queued */
        for (int i = 0; i < count; i++)
            cr_assert_eq(filch_wait(&futures[i]), 0);
        cr_assert_eq(atomic_load(&runs), count);
    }
    filch_completions_close(NULL);
    pool_end(pool);
}

Test(completions, batches_and_copies_report_too, .timeout = TEST_TIMEOUT)
{
    enum { count = 300 };
    static struct filch_future futures[count];
    struct filch_pool *pool = pool_of(2);
    struct filch_completions *queue = queue_open();
    struct filch_task_options options = {.completions = queue};
    struct filch_future *copied = NULL;
    int value = 4, seen[2] = {0, 0};
    memset(futures, 0, sizeof futures);
    struct filch_batch batch = {futures, 0, &value, 0, count};
    cr_assert_eq(filch_submit_many(pool, &batch, give, &options), 0);
    cr_assert_eq(filch_submit_copy(pool, give, &value, sizeof value, &options, &copied), 0);
    for (int i = 0; i <= count; i++) {
        struct filch_future *future = next(queue);
        cr_assert_eq(filch_status(future), 4);
        seen[future == copied]++;
    }
    cr_assert_eq(seen[0], count);
    cr_assert_eq(seen[1], 1);
    cr_assert(is_empty(queue));
    filch_future_release(copied);
    filch_completions_close(queue);
    pool_end(pool);
}
