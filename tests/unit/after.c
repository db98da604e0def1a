/* SPDX-License-Identifier: MIT */
/* after.c - tasks that start when others have ended. */
#include "support/tasks.h"
#include "support/test.h"

/* A task notes the order in which it ran. */
static atomic_int turn;

struct step {
    struct filch_future future;
    int ran; /* 1 for the first */
    int status;
};

static int take_turn(void *data)
{
    struct step *step = data;
    step->ran = atomic_fetch_add(&turn, 1) + 1;
    return step->status;
}

static int submit_after(struct filch_pool *pool, struct step *step, struct filch_future *const after[], size_t count,
                        unsigned flags)
{
    struct filch_task_options options = {.after = after, .after_count = count, .flags = flags};
    return filch_submit_with(pool, &step->future, take_turn, step, &options);
}

static void note_drop(void *data, int status)
{
    struct step *step = data;
    step->ran = -1;
    step->status = status;
}

Test(after, a_chain_runs_in_order, .timeout = TEST_TIMEOUT)
{
    enum { LENGTH = 1000 };
    static struct step steps[LENGTH];
    struct filch_pool *pool = pool_of(2);
    struct filch_future begin = {{0}}, *before = &begin;
    filch_promise_init(&begin);
    atomic_store(&turn, 0);
    memset(steps, 0, sizeof steps);
    for (int i = 0; i < LENGTH; i++) {
        cr_assert_eq(submit_after(pool, &steps[i], &before, 1, 0), 0);
        before = &steps[i].future;
    }
    cr_assert_eq(stats_of(pool).held, LENGTH);
    cr_assert_eq(filch_complete(&begin, 0), 0);
    cr_assert_eq(filch_wait(before), 0);
    for (int i = 0; i < LENGTH; i++)
        cr_assert_eq(steps[i].ran, i + 1);
    pool_end(pool);
}

Test(after, then_is_a_chain_of_two, .timeout = TEST_TIMEOUT)
{
    struct step first = {.ran = 0}, second = {.ran = 0};
    atomic_store(&turn, 0);
    cr_assert_eq(filch_submit(NULL, &first.future, take_turn, &first), 0);
    cr_assert_eq(filch_then(&first.future, &second.future, take_turn, &second), 0);
    cr_assert_eq(filch_wait(&second.future), 0);
    cr_assert_eq(first.ran, 1);
    cr_assert_eq(second.ran, 2);
    struct filch_future idle = {{0}};
    cr_assert_eq(filch_then(&idle, &second.future, take_turn, &second), -EINVAL);
    cr_assert_eq(filch_then(NULL, &second.future, take_turn, &second), -EINVAL);
    cr_assert_eq(filch_then(&second.future, &second.future, take_turn, &second), -EINVAL, "after itself");
}

/* Many depend on one, and one on many. */
static void fan(size_t width)
{
    struct filch_pool *pool = pool_of(2);
    struct step *steps = calloc(width, sizeof *steps), last = {.ran = 0};
    struct filch_future begin = {{0}}, *const after[] = {&begin}, **all = calloc(width, sizeof(void *));
    cr_assert(steps && all);
    filch_promise_init(&begin);
    atomic_store(&turn, 0);
    for (size_t i = 0; i < width; i++) {
        cr_assert_eq(submit_after(pool, &steps[i], after, 1, 0), 0);
        all[i] = &steps[i].future;
    }
    cr_assert_eq(submit_after(pool, &last, all, width, 0), 0);
    cr_assert_eq(filch_complete(&begin, 0), 0);
    cr_assert_eq(filch_wait(&last.future), 0);
    cr_assert_eq((size_t)last.ran, width + 1);
    free(steps);
    free(all);
    pool_end(pool);
}

Test(after, fan_out_and_fan_in_of_a_hundred_thousand, .timeout = TEST_TIMEOUT)
{
    fan(TEST_TSAN ? 10000 : 100000);
}

Test(after, a_failure_goes_along_the_edges, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    struct step fails = {.status = -EIO}, good = {.status = 0}, both = {0}, next = {0}, always = {0}, then = {0};
    struct filch_future *pair[] = {&good.future, &fails.future}, *after_both[] = {&both.future},
                        *after_next[] = {&next.future}, *after_always[] = {&always.future};
    struct filch_task_options options = {.after = after_both, .after_count = 1, .dropped = note_drop};
    atomic_store(&turn, 0);
    cr_assert_eq(filch_submit(pool, &fails.future, take_turn, &fails), 0);
    cr_assert_eq(filch_submit(pool, &good.future, take_turn, &good), 0);
    cr_assert_eq(submit_after(pool, &both, pair, 2, 0), 0);
    cr_assert_eq(filch_submit_with(pool, &next.future, take_turn, &next, &options), 0);
    cr_assert_eq(submit_after(pool, &always, after_next, 1, FILCH_TASK_RUN_ALWAYS), 0);
    cr_assert_eq(submit_after(pool, &then, after_always, 1, 0), 0);
    cr_assert_eq(filch_wait(&then.future), 0);
    cr_assert_eq(filch_status(&both.future), -EIO);
    cr_assert_eq(both.ran, 0);
    cr_assert_eq(filch_status(&next.future), -EIO);
    cr_assert_eq(next.ran, -1);
    cr_assert_eq(next.status, -EIO, "dropped is told why");
    cr_assert_gt(always.ran, 0);
    cr_assert_gt(then.ran, always.ran);
    cr_assert_eq(submit_after(pool, &then, pair, 2, 0), 0, "after what has ended already");
    cr_assert_eq(filch_wait(&then.future), -EIO);
    pool_end(pool);
}

Test(after, a_failed_chain_of_a_hundred_thousand_does_not_recurse, .timeout = TEST_TIMEOUT)
{
    const size_t length = TEST_TSAN ? 10000 : 100000;
    struct filch_pool *pool = pool_of(1);
    struct step *steps = calloc(length, sizeof *steps);
    struct filch_future begin = {{0}}, *before = &begin;
    cr_assert_not_null(steps);
    filch_promise_init(&begin);
    for (size_t i = 0; i < length; i++) {
        cr_assert_eq(submit_after(pool, &steps[i], &before, 1, 0), 0);
        before = &steps[i].future;
    }
    cr_assert_eq(filch_complete(&begin, -ENOENT), 0);
    cr_assert_eq(filch_wait(before), -ENOENT);
    for (size_t i = 0; i < length; i++)
        cr_assert(steps[i].ran == 0 && filch_status(&steps[i].future) == -ENOENT);
    pool_end(pool);
    free(steps);
}

Test(after, what_is_held_back_can_be_cancelled, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct step step = {.ran = 0}, next = {.ran = 0};
    struct filch_future never = {{0}}, *after[] = {&never}, *after_step[] = {&step.future};
    filch_promise_init(&never);
    cr_assert_eq(submit_after(pool, &step, after, 1, 0), 0);
    cr_assert_eq(submit_after(pool, &next, after_step, 1, 0), 0);
    cr_assert_eq(filch_cancel(&step.future), 0);
    cr_assert_eq(filch_wait(&step.future), -ECANCELED, "although its predecessor never ends");
    cr_assert_eq(filch_wait(&next.future), -ECANCELED);
    cr_assert_eq(filch_cancel(&step.future), -EALREADY);
    cr_assert_eq(step.ran, 0);
    cr_assert_eq(filch_complete(&never, 0), 0);
    pool_end(pool);
}

Test(after, close_drains_what_can_end_and_cancels_the_rest, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct step step = {.ran = 0};
    struct filch_future never = {{0}}, *after[] = {&never};
    filch_promise_init(&never);
    cr_assert_eq(submit_after(pool, &step, after, 1, 0), 0);
    cr_assert_eq(filch_pool_close(pool, FILCH_CLOSE_DRAIN, filch_in_ns(FILCH_MS(1))), -ETIMEDOUT);
    cr_assert(!filch_done(&step.future));
    cr_assert_eq(filch_pool_close(pool, FILCH_CLOSE_CANCEL, FILCH_NO_DEADLINE), 0);
    cr_assert_eq(filch_status(&step.future), -ECANCELED);
    watchdog_pool(NULL);
    filch_pool_free(pool);
    cr_assert_eq(filch_complete(&never, 0), 0, "the pool that it was an edge to is gone");
}

Test(after, tasks_of_one_pool_follow_those_of_another, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *one = pool_of(1), *two = pool_of(1);
    struct step steps[50] = {{.ran = 0}};
    struct filch_future begin = {{0}}, *before = &begin;
    filch_promise_init(&begin);
    atomic_store(&turn, 0);
    for (int i = 0; i < 50; i++) {
        cr_assert_eq(submit_after(i % 2 ? one : two, &steps[i], &before, 1, 0), 0);
        before = &steps[i].future;
    }
    cr_assert_eq(filch_complete(&begin, 0), 0);
    cr_assert_eq(filch_pool_close(one, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE), 0);
    cr_assert_eq(filch_wait(before), 0);
    for (int i = 0; i < 50; i++)
        cr_assert_eq(steps[i].ran, i + 1);
    filch_pool_free(one);
    pool_end(two);
}

Test(after, copies_and_batches_may_follow_too, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    struct step steps[20] = {{.ran = 0}};
    struct filch_future begin = {{0}}, *const after[] = {&begin}, *copy = NULL;
    struct filch_task_options options = {.after = after, .after_count = 1};
    struct filch_batch batch = {&steps[0].future, sizeof steps[0], steps, sizeof steps[0], 20};
    filch_promise_init(&begin);
    atomic_store(&turn, 0);
    cr_assert_eq(filch_submit_many(pool, &batch, take_turn, &options), 0);
    cr_assert_eq(filch_submit_copy(pool, take_turn, &steps[0], sizeof steps[0], &options, &copy), 0);
    cr_assert_eq(stats_of(pool).held, 21);
    cr_assert_eq(atomic_load(&turn), 0);
    cr_assert_eq(filch_complete(&begin, 0), 0);
    cr_assert_eq(filch_wait_many(&batch, FILCH_NO_DEADLINE), 0);
    cr_assert_eq(filch_wait(copy), 0);
    cr_assert_gt(((struct step *)filch_future_data(copy))->ran, 0);
    filch_future_release(copy);
    cr_assert_eq(atomic_load(&turn), 21);
    pool_end(pool);
}

static void *complete_it(void *promise)
{
    struct sched_param none = {.sched_priority = 0};
    (void)pthread_setschedparam(pthread_self(), SCHED_IDLE, &none); /* whom it wakes mostly runs first */
    must(filch_complete(promise, 0) == 0);
    return NULL;
}

/* Whoever ends the promise queues the task, and only then counts it as held no more: by then it may have run, and the
 * closer have looked in vain. */
Test(after, close_does_not_sleep_through_the_end_of_the_last_held_task, .timeout = TEST_TIMEOUT)
{
    uint64_t begun_ns = watchdog_now_ns();
    for (int round = 0; round < 1000 && !watchdog_enough(begun_ns); round++) { /* idle threads wait for all others */
        struct filch_pool *pool = pool_of(1);
        struct step step = {.ran = 0};
        struct filch_future begin = {{0}}, *after[] = {&begin};
        pthread_t thread;
        filch_promise_init(&begin);
        cr_assert_eq(submit_after(pool, &step, after, 1, 0), 0);
        cr_assert_eq(pthread_create(&thread, NULL, complete_it, &begin), 0);
        pool_end(pool);
        cr_assert_eq(pthread_join(thread, NULL), 0);
        cr_assert_eq(filch_status(&step.future), 0);
    }
}

static int cancel_it(void *future)
{
    return filch_cancel(future);
}

/* A cancel pulls the task out before its predecessors have ended; one of them fails while it is being dropped. */
Test(after, a_cancel_and_a_failure_may_come_at_once, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    for (int round = 0; round < TEST_SHARE(2000); round++) {
        struct filch_future first = {{0}}, task = {{0}}, canceller = {{0}}, *const after[] = {&first};
        struct filch_task_options options = {.after = after, .after_count = 1};
        filch_promise_init(&first);
        cr_assert_eq(filch_submit_with(pool, &task, nothing, NULL, &options), 0);
        cr_assert_eq(filch_submit(pool, &canceller, cancel_it, &task), 0);
        dawdle(round % 64);
        cr_assert_eq(filch_complete(&first, -EIO), 0);
        int status = filch_wait(&task);
        cr_assert(status == -EIO || status == -ECANCELED);
        (void)filch_wait(&canceller);
    }
    pool_end(pool);
}

/* An allocator that closes the pool while a submit asks it for a record: the last moment for a close to come. */
struct closing {
    struct filch_pool *pool;
    bool armed;
};

static void *close_it(void *pool)
{
    must(filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE) == 0);
    return NULL;
}

static void *alloc_closing(void *ctx, size_t size)
{
    struct closing *closing = ctx;
    if (closing->armed) {
        pthread_t thread;
        closing->armed = false;
        must(pthread_create(&thread, NULL, close_it, closing->pool) == 0);
        must(pthread_join(thread, NULL) == 0);
    }
    return malloc(size);
}

static void free_closing(void *ctx, void *memory, size_t size)
{
    (void)ctx, (void)size;
    free(memory);
}

Test(after, a_submit_that_comes_too_late_ends, .timeout = TEST_TIMEOUT)
{
    struct closing closing = {.pool = NULL};
    struct filch_allocator allocator = {.alloc = alloc_closing, .free = free_closing, .ctx = &closing};
    struct filch_pool *pool = pool_open(&(struct filch_pool_config){.allocator = &allocator});
    struct filch_future never = {{0}}, task = {{0}}, *const after[] = {&never};
    struct filch_task_options options = {.after = after, .after_count = 1};
    filch_promise_init(&never);
    closing = (struct closing){pool, true};
    cr_assert_eq(filch_submit_with(pool, &task, nothing, NULL, &options), 0);
    cr_assert_eq(filch_wait(&task), -ECANCELED, "though what it follows has not ended");
    cr_assert_eq(stats_of(pool).held, 0);
    watchdog_pool(NULL);
    filch_pool_free(pool);
    cr_assert_eq(filch_complete(&never, 0), 0);
}
