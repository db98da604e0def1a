/* SPDX-License-Identifier: MIT */
/* suspension.c - tasks that wait: the worker goes on, the task comes back whole, at every limit and on any thread. */
#include "support/tasks.h"
#include "support/test.h"

#include <fenv.h>

struct nested {
    int depth;
    struct filch_future future;
};

static int descend(void *data)
{
    struct nested *nested = data;
    struct nested child = {.depth = nested->depth - 1};
    char weight[256]; /* something on the stack that must still be there afterwards */
    memset(weight, nested->depth, sizeof weight);
    if (nested->depth == 0)
        return 0;
    must(filch_submit(NULL, &child.future, descend, &child) == 0);
    int below = filch_wait(&child.future);
    for (size_t i = 0; i < sizeof weight; i++)
        must(weight[i] == (char)nested->depth);
    return below + 1;
}

Test(suspension, nested_waits_at_limit_1, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    for (int depth = 1; depth <= 200; depth += depth < 10 ? 1 : 19) {
        struct nested root = {.depth = depth};
        cr_assert_eq(filch_submit(pool, &root.future, descend, &root), 0);
        cr_assert_eq(filch_wait(&root.future), depth);
    }
    cr_assert_gt(stats_of(pool).suspensions, 0);
    pool_end(pool);
}

Test(suspension, many_deep_chains_side_by_side, .timeout = TEST_TIMEOUT)
{
    enum { chains = 20 };
    for (unsigned limit = 1; limit <= 3; limit++) {
        struct filch_pool *pool = pool_of(limit);
        struct nested roots[chains];
        int depth = TEST_SHARE(100);
        memset(roots, 0, sizeof roots);
        for (int i = 0; i < chains; i++) {
            roots[i].depth = depth + i;
            cr_assert_eq(filch_submit(pool, &roots[i].future, descend, &roots[i]), 0);
        }
        for (int i = 0; i < chains; i++)
            cr_assert_eq(filch_wait(&roots[i].future), depth + i);
        pool_end(pool);
    }
}

Test(suspension, the_worker_goes_on_while_a_task_waits, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct filch_future promise = {0}, waiting = {0};
    atomic_int runs = 0;
    filch_promise_init(&promise);
    cr_assert_eq(filch_submit(pool, &waiting, wait_for, &promise), 0);
    wait_until(stats_of(pool).suspended == 1);
    for (int i = 0; i < 100; i++) {
        struct filch_future future = {0};
        cr_assert_eq(filch_submit(pool, &future, count_up, &runs), 0);
        cr_assert_eq(filch_wait(&future), 0);
    }
    cr_assert_eq(atomic_load(&runs), 100);
    cr_assert_not(filch_done(&waiting));
    wait_until(filch_pool_available(pool) == 1); /* a task that waits holds no permit */
    cr_assert_eq(stats_of(pool).suspended, 1);
    cr_assert_eq(filch_complete(&promise, 6), 0);
    cr_assert_eq(filch_wait(&waiting), 6);
    pool_end(pool);
}

struct promises {
    struct filch_future *futures;
    int count;
};

static int complete_backwards(void *data)
{
    struct promises *promises = data;
    for (int i = promises->count - 1; i >= 0; i--)
        must(filch_complete(&promises->futures[i], i % 1000) == 0);
    return 0;
}

/* 10,000 tasks wait at once; this thread or a task wakes them. */
static void wait_at_once(struct filch_pool *pool, bool by_a_task)
{
    int count = TEST_TSAN ? 1000 : 10000;
    struct filch_future *waiting = calloc((size_t)count, sizeof *waiting), waker = {0};
    struct promises promises = {calloc((size_t)count, sizeof *promises.futures), count};
    must(waiting && promises.futures);
    for (int i = 0; i < count; i++) {
        filch_promise_init(&promises.futures[i]);
        must(filch_submit(pool, &waiting[i], wait_for, &promises.futures[i]) == 0);
    }
    wait_until(stats_of(pool).suspended == (uint64_t)count);
    cr_assert_eq(stats_of(pool).queue_depth, 0);
    if (by_a_task)
        must(filch_submit(pool, &waker, complete_backwards, &promises) == 0);
    else
        (void)complete_backwards(&promises);
    for (int i = 0; i < count; i++)
        must(filch_wait(&waiting[i]) == i % 1000);
    if (by_a_task)
        must(filch_wait(&waker) == 0);
    cr_assert_eq(stats_of(pool).suspended, 0);
    free(promises.futures);
    free(waiting);
}

Test(suspension, ten_thousand_wait_at_once, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    wait_at_once(pool, false);
    wait_at_once(pool, true); /* on the stacks of the first time */
    wait_at_once(pool, false);
    pool_end(pool);
}

/* All wait for one and the same future, which wakes them in one go. */
Test(suspension, thousands_wait_for_one, .timeout = TEST_TIMEOUT)
{
    enum { most = 5000 };
    static struct filch_future waiting[most];
    int count = TEST_SHARE(most);
    struct filch_pool *pool = pool_of(2);
    for (int round = 0; round < 5; round++) {
        struct filch_future promise = {0};
        memset(waiting, 0, sizeof waiting);
        filch_promise_init(&promise);
        for (int i = 0; i < count; i++)
            cr_assert_eq(filch_submit(pool, &waiting[i], wait_for, &promise), 0);
        if (round % 2)
            wait_until(stats_of(pool).suspended == (uint64_t)count);
        cr_assert_eq(filch_complete(&promise, round), 0);
        for (int i = 0; i < count; i++)
            must(filch_wait(&waiting[i]) == round);
    }
    pool_end(pool);
}

/* ---- on another thread ---- */

struct moving {
    struct filch_future promise;
    long before, after;
};

static int note_threads(void *data)
{
    struct moving *moving = data;
    moving->before = thread_id();
    must(filch_wait(&moving->promise) == 0);
    moving->after = thread_id();
    return 0;
}

struct occupier {
    struct held held;
    long thread;
};

static int occupy(void *data)
{
    struct occupier *occupier = data;
    occupier->thread = thread_id();
    return hold(&occupier->held);
}

/* Both workers are held; the one that the task did not start on is freed first, and must take the task over. */
Test(suspension, a_task_comes_back_on_another_thread, .timeout = TEST_TIMEOUT)
{
    for (int round = 0; round < TEST_SHARE(100); round++) {
        struct filch_pool *pool = pool_of(2);
        struct moving moving = {0};
        struct filch_future task = {0};
        struct occupier occupiers[2];
        filch_promise_init(&moving.promise);
        cr_assert_eq(filch_submit(pool, &task, note_threads, &moving), 0);
        wait_until(stats_of(pool).suspended == 1);
        for (int i = 0; i < 2; i++) {
            held_init(&occupiers[i].held);
            cr_assert_eq(filch_submit(pool, &occupiers[i].held.future, occupy, &occupiers[i]), 0);
        }
        for (int i = 0; i < 2; i++)
            sem_take(&occupiers[i].held.began);
        cr_assert_neq(occupiers[0].thread, occupiers[1].thread);
        int other = occupiers[0].thread == moving.before;
        cr_assert_eq(filch_complete(&moving.promise, 0), 0);
        sem_post(&occupiers[other].held.go);
        cr_assert_eq(filch_wait(&task), 0);
        cr_assert_eq(moving.after, occupiers[other].thread);
        cr_assert_neq(moving.after, moving.before);
        sem_post(&occupiers[1 - other].held.go);
        for (int i = 0; i < 2; i++)
            cr_assert_eq(filch_wait(&occupiers[i].held.future), 0);
        pool_end(pool);
    }
}

/* ---- what a wait must not disturb ---- */

struct floats {
    struct filch_future promise;
    int seed;
};

static int rounds_to_nearest(void *data)
{
    (void)data;
    return fegetround() == FE_TONEAREST ? 0 : -EDOM;
}

/* Not inlined, so that it is computed where it stands, in the rounding mode of the place. */
static __attribute__((noinline)) double quotient(volatile double *dividend, volatile double *divisor)
{
    return *dividend / *divisor;
}

static int compute_across_waits(void *data)
{
    struct floats *floats = data;
    volatile double one = 1, start = floats->seed + 3;
    double a = start + 0.25, b = start * 3, c = -start, d = start / 4, e = start * start, f = start * 0.5; /* exact */
    int mode = floats->seed % 2 ? FE_UPWARD : FE_TOWARDZERO;
    must(fesetround(mode) == 0);
    double directed = quotient(&one, &start);
    struct filch_future checks = {0};
    must(filch_submit(NULL, &checks, rounds_to_nearest, NULL) == 0);
    int nearest = filch_wait(&checks); /* runs meanwhile, on this worker or another, with the mode of a fresh task */
    must(filch_wait(&floats->promise) == 0);
    bool same = fegetround() == mode && directed == quotient(&one, &start);
    fesetround(FE_TONEAREST);
    same = same && a == start + 0.25 && b == start * 3 && c == -start && d == start / 4 && e == start * start;
    must(nearest == 0);
    return same && f == start * 0.5 ? 0 : -EDOM;
}

Test(suspension, floating_point_state_survives_waits, .timeout = TEST_TIMEOUT)
{
    enum { count = 200 };
    static struct floats floats[count];
    static struct filch_future futures[count];
    for (unsigned limit = 1; limit <= 2; limit++) {
        struct filch_pool *pool = pool_of(limit);
        memset(floats, 0, sizeof floats);
        memset(futures, 0, sizeof futures);
        for (int i = 0; i < count; i++) {
            filch_promise_init(&floats[i].promise);
            floats[i].seed = i;
            cr_assert_eq(filch_submit(pool, &futures[i], compute_across_waits, &floats[i]), 0);
        }
        for (int i = 0; i < count; i++)
            cr_assert_eq(filch_complete(&floats[i].promise, 0), 0);
        for (int i = 0; i < count; i++)
            cr_assert_eq(filch_wait(&futures[i]), 0);
        pool_end(pool);
    }
    cr_assert_eq(fegetround(), FE_TONEAREST);
}

/* Values that a compiler keeps in callee-saved registers across the call. */
static int keep_registers(void *data)
{
    struct filch_future **promises = data;
    uintptr_t a = (uintptr_t)promises, b = a * 3, c = a * 5, d = a * 7, e = a * 11, f = a * 13, g = a * 17;
    for (int i = 0; promises[i]; i++) {
        must(filch_wait(promises[i]) == 0);
        a += 1, b += 3, c += 5, d += 7, e += 11, f += 13, g += 17;
        must(b == a * 3 && c == a * 5 && d == a * 7 && e == a * 11 && f == a * 13 && g == a * 17);
    }
    return 0;
}

Test(suspension, registers_survive_waits, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    for (int round = 0; round < TEST_SHARE(500); round++) {
        struct filch_future promises[8], *list[9] = {NULL}, tasks[4] = {{{0}}};
        memset(promises, 0, sizeof promises);
        for (int i = 0; i < 8; i++) {
            filch_promise_init(&promises[i]);
            list[i] = &promises[i];
        }
        for (int i = 0; i < 4; i++)
            cr_assert_eq(filch_submit(pool, &tasks[i], keep_registers, list), 0);
        for (int i = 0; i < 8; i++)
            cr_assert_eq(filch_complete(&promises[i], 0), 0);
        for (int i = 0; i < 4; i++)
            cr_assert_eq(filch_wait(&tasks[i]), 0);
    }
    pool_end(pool);
}

static int use_much_stack(void *data)
{
    struct filch_future *promise = data;
    volatile char big[600 * 1024]; /* of the default 1 MiB */
    for (size_t i = 0; i < sizeof big; i += 512)
        big[i] = (char)(i / 512);
    must(filch_wait(promise) == 0);
    for (size_t i = 0; i < sizeof big; i += 512)
        must(big[i] == (char)(i / 512));
    return 0;
}

Test(suspension, a_task_may_use_most_of_its_stack_across_a_wait, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    struct filch_future promise = {0}, tasks[30] = {{{0}}};
    filch_promise_init(&promise);
    for (int i = 0; i < 30; i++)
        cr_assert_eq(filch_submit(pool, &tasks[i], use_much_stack, &promise), 0);
    wait_until(stats_of(pool).suspended == 30);
    cr_assert_eq(filch_complete(&promise, 0), 0);
    for (int i = 0; i < 30; i++)
        cr_assert_eq(filch_wait(&tasks[i]), 0);
    pool_end(pool);
}
