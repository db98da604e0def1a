/* SPDX-License-Identifier: MIT */
/* usergate_many.c - gates of the user's under load: threads and tasks of two pools, one within the other, and ends. */
#include "support/gates.h"
#include "support/test.h"

enum { workers = 3, threads = 3, tasks = 12, doors = 2 };

/* Enters again and again, also through a wait, and counts what is guarded without any other lock. */
struct crowd {
    struct filch_gate *gate;
    struct filch_pool *pool[2];
    struct meter meter;
    long guarded; /* at limit 1 */
    bool alone;
    int each;
};

static int be_in_crowd(void *data)
{
    struct crowd *crowd = data;
    bool in_task = filch_pool_current() != NULL;
    for (int i = 0; i < crowd->each; i++) {
        must(filch_gate_enter(crowd->gate, i % 4 ? FILCH_NO_DEADLINE : filch_in_ns(FILCH_S(1000))) == 0);
        meter_enter(&crowd->meter);
        if (crowd->alone)
            crowd->guarded++;
        if (in_task && i % 16 == 0) { /* the permit is held across a wait */
            struct filch_future other = {0};
            must(filch_submit(crowd->pool[i / 16 % 2], &other, nothing, NULL) == 0);
            must(filch_wait(&other) == 0);
        }
        meter_leave(&crowd->meter);
        filch_gate_leave(crowd->gate);
    }
    return 0;
}

static void *be_in_crowd_thread(void *data)
{
    be_in_crowd(data);
    return NULL;
}

static void check_crowd(unsigned limit)
{
    struct crowd crowd = {.gate = gate_of(limit), .alone = limit == 1, .each = TEST_SHARE(2000)};
    struct filch_future future[tasks] = {{{0}}};
    pthread_t thread[threads];
    for (int i = 0; i < 2; i++)
        crowd.pool[i] = pool_of(workers);
    for (int i = 0; i < tasks; i++)
        cr_assert_eq(filch_submit(crowd.pool[i % 2], &future[i], be_in_crowd, &crowd), 0);
    for (int i = 0; i < threads; i++)
        thread[i] = thread_start(be_in_crowd_thread, &crowd);
    for (int i = 0; i < threads; i++)
        thread_join(thread[i]);
    for (int i = 0; i < tasks; i++)
        cr_assert_eq(filch_wait(&future[i]), 0);
    cr_assert_leq(atomic_load(&crowd.meter.high), (int)limit);
    if (crowd.alone)
        cr_assert_eq(crowd.guarded, (long)(tasks + threads) * crowd.each);
    cr_assert_eq(filch_gate_available(crowd.gate), limit);
    cr_assert_eq(filch_gate_close(crowd.gate), 0);
    for (int i = 0; i < 2; i++)
        pool_end(crowd.pool[i]);
}

Test(usergate_many, at_limit_1_it_is_a_lock_across_pools_and_waits, .timeout = TEST_TIMEOUT)
{
    check_crowd(1);
}

Test(usergate_many, never_more_than_the_limit, .timeout = TEST_TIMEOUT)
{
    check_crowd(2);
    check_crowd(5);
}

/* ---- in line a task holds no worker ---- */

struct line {
    struct filch_gate *gate;
    atomic_int entered;
};

static int enter_once(void *data)
{
    struct line *line = data;
    must(filch_gate_enter(line->gate, FILCH_NO_DEADLINE) == 0);
    atomic_fetch_add(&line->entered, 1);
    filch_gate_leave(line->gate);
    return 0;
}

Test(usergate_many, tasks_in_line_hold_no_worker, .timeout = TEST_TIMEOUT)
{
    enum { most = 1000 };
    static struct filch_future future[most];
    struct filch_pool *pool = pool_of(1);
    struct line line = {.gate = gate_of(0)};
    int count = TEST_SHARE(most), value = 6;
    memset(future, 0, sizeof future);
    for (int i = 0; i < count; i++)
        cr_assert_eq(filch_submit(pool, &future[i], enter_once, &line), 0);
    wait_until(gate_waiting(line.gate) == (size_t)count);
    struct filch_future other = {0};
    cr_assert_eq(filch_submit(pool, &other, give, &value), 0);
    cr_assert_eq(filch_wait(&other), 6);
    cr_assert_eq(atomic_load(&line.entered), 0);
    cr_assert_eq(filch_gate_resize(line.gate, 3), 0);
    for (int i = 0; i < count; i++)
        cr_assert_eq(filch_wait(&future[i]), 0);
    cr_assert_eq(atomic_load(&line.entered), count);
    cr_assert_eq(filch_gate_close(line.gate), 0);
    pool_end(pool);
}

/* On a thread's own stack it blocks the thread, and the pool's permit serves others. */
Test(usergate_many, a_body_with_its_own_thread_lays_its_permit_down, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct line line = {.gate = gate_of(0)};
    struct filch_task_options own = {.flags = FILCH_TASK_OWN_THREAD};
    struct filch_future waiting = {0}, other = {0};
    int value = 8;
    cr_assert_eq(filch_submit_with(pool, &waiting, enter_once, &line, &own), 0);
    wait_until(gate_waiting(line.gate) == 1);
    cr_assert_eq(filch_submit(pool, &other, give, &value), 0);
    cr_assert_eq(filch_wait(&other), 8);
    cr_assert_eq(filch_gate_resize(line.gate, 1), 0);
    cr_assert_eq(filch_wait(&waiting), 0);
    cr_assert_eq(filch_gate_close(line.gate), 0);
    pool_end(pool);
}

static int enter_in_blocking_call(void *data)
{
    return filch_blocking(enter_once, data);
}

Test(usergate_many, a_blocking_call_waits_at_a_gate, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct line line = {.gate = gate_of(0)};
    struct filch_future waiting = {0}, other = {0};
    int value = 3;
    cr_assert_eq(filch_submit(pool, &waiting, enter_in_blocking_call, &line), 0);
    wait_until(gate_waiting(line.gate) == 1);
    cr_assert_eq(filch_submit(pool, &other, give, &value), 0);
    cr_assert_eq(filch_wait(&other), 3);
    cr_assert_eq(filch_gate_resize(line.gate, 1), 0);
    cr_assert_eq(filch_wait(&waiting), 0);
    cr_assert_eq(filch_gate_close(line.gate), 0);
    pool_end(pool);
}

/* ---- one within another ---- */

struct nest {
    struct filch_gate *gate[doors];
    struct meter meter[doors];
};

static int go_in(void *data)
{
    struct nest *nest = data;
    for (int i = 0; i < doors; i++) {
        must(filch_gate_enter(nest->gate[i], FILCH_NO_DEADLINE) == 0);
        meter_enter(&nest->meter[i]);
    }
    for (int i = doors; i-- > 0;) {
        meter_leave(&nest->meter[i]);
        filch_gate_leave(nest->gate[i]);
    }
    return 0;
}

Test(usergate_many, one_within_another, .timeout = TEST_TIMEOUT)
{
    enum { count = 500 };
    static struct filch_future future[count];
    struct filch_pool *pool = pool_of(2);
    struct nest nest = {.gate = {gate_of(3), gate_of(1)}};
    for (int round = 0; round < TEST_SHARE(20); round++) {
        memset(future, 0, sizeof future);
        for (int i = 0; i < count; i++)
            cr_assert_eq(filch_submit(pool, &future[i], go_in, &nest), 0);
        for (int i = 0; i < count; i++)
            cr_assert_eq(filch_wait(&future[i]), 0);
    }
    cr_assert_leq(atomic_load(&nest.meter[0].high), 3);
    cr_assert_leq(atomic_load(&nest.meter[1].high), 1);
    for (int i = 0; i < doors; i++)
        cr_assert_eq(filch_gate_close(nest.gate[i]), 0);
    pool_end(pool);
}

/* ---- whoever was the last inside closes it ---- */

struct farewell {
    struct filch_gate *gate;
    atomic_int gone;
    int value;
};

static int enter_and_close(void *data)
{
    struct farewell *farewell = data;
    must(filch_gate_enter(farewell->gate, FILCH_NO_DEADLINE) == 0);
    farewell->value++;
    filch_gate_leave(farewell->gate);
    must(filch_gate_close(farewell->gate) == 0);
    return 0;
}

Test(usergate_many, who_was_served_may_close_at_once, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    for (int i = 0; i < TEST_SHARE(2000); i++) {
        struct farewell farewell = {.gate = gate_of(1)};
        struct filch_future future = {0};
        cr_assert_eq(filch_gate_enter(farewell.gate, 0), 0);
        cr_assert_eq(filch_submit(pool, &future, enter_and_close, &farewell), 0);
        dawdle(i % 40);
        if (i % 4 == 0)
            wait_until(gate_waiting(farewell.gate) == 1);
        farewell.value++;
        filch_gate_leave(farewell.gate);
        cr_assert_eq(filch_wait(&future), 0);
        cr_assert_eq(farewell.value, 2);
    }
    pool_end(pool);
}

/* Or who is told by it that all are gone, while the last are still on their way out. */
static void *enter_and_go(void *data)
{
    struct farewell *farewell = data;
    must(filch_gate_enter(farewell->gate, FILCH_NO_DEADLINE) == 0);
    farewell->value++;
    filch_gate_leave(farewell->gate);
    return NULL;
}

Test(usergate_many, close_follows_the_last_leaver_closely, .timeout = TEST_TIMEOUT)
{
    for (int i = 0; i < TEST_SHARE(1000); i++) {
        struct farewell farewell = {.gate = gate_of(1)};
        struct filch_gate *gate = farewell.gate;
        cr_assert_eq(filch_gate_enter(gate, 0), 0);
        pthread_t thread = thread_start(enter_and_go, &farewell);
        wait_until(gate_waiting(gate) == 1);
        filch_gate_leave(gate);
        while (filch_gate_close(gate) == -EBUSY)
            sched_yield();
        cr_assert_eq(farewell.value, 1);
        thread_join(thread);
    }
}
