/* SPDX-License-Identifier: MIT */
/* parallel_slots.c - slots of filch_for: nobody else's while a body runs, few, passed on with what lies in them; and
 * bodies that wait. */
#include "support/tasks.h"
#include "support/test.h"

#include <filch/parallel.h>

enum { SLOTS_MOST = 8192 };

struct slots {
    atomic_bool taken[SLOTS_MOST];
    unsigned scratch[SLOTS_MOST]; /* plain memory: who gets a slot sees what the last one wrote */
    unsigned limit;               /* slots are below it */
    atomic_uint highest, in_progress, want;
    struct filch_future all_here;
};

static void slot_enter(struct slots *slots, unsigned slot)
{
    must(slot < slots->limit);
    must(!atomic_exchange_explicit(&slots->taken[slot], true, memory_order_relaxed));
    slots->scratch[slot]++;
    unsigned highest = atomic_load(&slots->highest);
    while (slot > highest && !atomic_compare_exchange_weak(&slots->highest, &highest, slot))
        ;
}

static void slot_leave(struct slots *slots, unsigned slot)
{
    atomic_store_explicit(&slots->taken[slot], false, memory_order_relaxed);
}

static unsigned scratch_sum(const struct slots *slots)
{
    unsigned sum = 0;
    for (size_t i = 0; i < SLOTS_MOST; i++)
        sum += slots->scratch[i];
    return sum;
}

static int use_slot(void *ctx, size_t begin, size_t end, unsigned slot)
{
    struct slots *slots = ctx;
    (void)end;
    slot_enter(slots, slot);
    dawdle(begin % 1024 == 7 ? 7 : (int)(begin % 7)); /* on a busy machine, where it yields it loses a time slice */
    slot_leave(slots, slot);
    return 0;
}

/* A loop of `count` such bodies in pools of 1 to `most` workers. limit: slots are below it; 0: below the workers. */
static void use_slots(unsigned most, size_t count, unsigned limit, int (*body)(void *, size_t, size_t, unsigned))
{
    struct slots *slots = calloc(1, sizeof *slots);
    must(slots != NULL);
    for (unsigned workers = 1; workers <= most; workers++) {
        struct filch_pool *pool = pool_of(workers);
        slots->limit = limit ? limit : workers;
        memset(slots->scratch, 0, sizeof slots->scratch);
        cr_assert_eq(filch_for(pool, 0, count, &(struct filch_for_options){.grain = 1}, body, slots), 0);
        cr_assert_eq(scratch_sum(slots), count);
        pool_end(pool);
    }
    free(slots);
}

Test(parallel_slots, are_below_the_limit_where_bodies_do_not_wait, .timeout = TEST_TIMEOUT)
{
    use_slots(5, (size_t)TEST_SHARE(20000), 0, use_slot);
}

/* Short loops one after another: here a part is stolen as late as can be. */
static int loop_often(void *data)
{
    uint64_t begun_ns = watchdog_now_ns();
    int i = 0;
    for (; i < TEST_SHARE(20000) && !watchdog_enough(begun_ns); i++)
        must(filch_for(NULL, 0, 20, &(struct filch_for_options){.grain = 1}, use_slot, data) == 0);
    return i;
}

Test(parallel_slots, are_below_the_limit_in_short_loops, .timeout = TEST_TIMEOUT)
{
    for (unsigned workers = 2; workers <= 4; workers++) {
        struct slots *slots = calloc(1, sizeof *slots);
        struct filch_pool *pool = pool_of(workers);
        struct filch_future future = {0};
        must(slots != NULL);
        slots->limit = workers;
        cr_assert_eq(filch_submit(pool, &future, loop_often, slots), 0);
        int loops = filch_wait(&future);
        cr_assert_gt(loops, 0);
        cr_assert_eq(scratch_sum(slots), 20u * (unsigned)loops);
        pool_end(pool);
        free(slots);
    }
}

static int use_slot_and_meet(void *ctx, size_t begin, size_t end, unsigned slot)
{
    struct slots *slots = ctx;
    (void)begin, (void)end;
    slot_enter(slots, slot);
    atomic_fetch_add(&slots->in_progress, 1);
    while (atomic_load(&slots->in_progress) < atomic_load(&slots->want))
        usleep(50);
    slot_leave(slots, slot);
    return 0;
}

/* As many bodies as workers run at once: what one worker has not begun is not hidden behind what it runs. */
Test(parallel_slots, all_are_in_use_when_all_workers_are, .timeout = TEST_TIMEOUT)
{
    enum { workers = 4 };
    struct slots *slots = calloc(1, sizeof *slots);
    struct filch_pool *pool = pool_of(workers);
    must(slots != NULL);
    slots->limit = workers;
    atomic_store(&slots->want, workers);
    cr_assert_eq(filch_for(pool, 0, workers, &(struct filch_for_options){.grain = 1}, use_slot_and_meet, slots), 0);
    cr_assert_eq(atomic_load(&slots->highest), workers - 1);
    pool_end(pool);
    free(slots);
}

/* ---- bodies that wait ---- */

static int use_slot_and_wait(void *ctx, size_t begin, size_t end, unsigned slot)
{
    struct slots *slots = ctx;
    struct filch_future future = {0};
    (void)begin, (void)end;
    slot_enter(slots, slot);
    must(filch_submit(NULL, &future, nothing, NULL) == 0);
    must(filch_wait(&future) == 0);
    slot_leave(slots, slot);
    return 0;
}

Test(parallel_slots, are_kept_while_a_body_waits, .timeout = TEST_TIMEOUT)
{
    use_slots(3, (size_t)TEST_SHARE(10000), SLOTS_MOST, use_slot_and_wait);
}

/* The last of `want` bodies lets all of them go on: each of them waits meanwhile. */
static int wait_for_all(void *ctx, size_t begin, size_t end, unsigned slot)
{
    struct slots *slots = ctx;
    (void)begin, (void)end;
    slot_enter(slots, slot);
    if (atomic_fetch_add(&slots->in_progress, 1) + 1 == atomic_load(&slots->want))
        must(filch_complete(&slots->all_here, 0) == 0);
    must(filch_wait(&slots->all_here) == 0);
    slot_leave(slots, slot);
    return 0;
}

static void check_all_in_progress(unsigned workers, unsigned count)
{
    struct slots *slots = calloc(1, sizeof *slots);
    struct filch_pool *pool = pool_of(workers);
    must(slots != NULL);
    slots->limit = count; /* each takes the lowest that is free, and none is given back before all are taken */
    atomic_store(&slots->want, count);
    filch_promise_init(&slots->all_here);
    cr_assert_eq(filch_for(pool, 0, count, &(struct filch_for_options){.grain = 1}, wait_for_all, slots), 0);
    cr_assert_eq(atomic_load(&slots->highest), count - 1);
    for (unsigned i = 0; i < count; i++)
        must(slots->scratch[i] == 1);
    pool_end(pool);
    free(slots);
}

Test(parallel_slots, are_dense_when_all_bodies_wait_at_once, .timeout = TEST_TIMEOUT)
{
    check_all_in_progress(1, 63);
    check_all_in_progress(1, 200);
    check_all_in_progress(2, 64);
    check_all_in_progress(2, 300);
}

Test(parallel_slots, go_on_beyond_those_that_are_given_back, .timeout = TEST_TIMEOUT)
{
    if (TEST_SANITIZED)
        test_skip("thousands of stacks are too many for a sanitizer");
    check_all_in_progress(2, 5000);
}
