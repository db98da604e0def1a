/* SPDX-License-Identifier: MIT */
/* composition.c - several pools in one process: their tasks wait for each other's, at any limit and depth, and what is
 * asked of one reaches what it waits for in another. composition_close.c closes one while another waits. */
#include "support/tasks.h"
#include "support/test.h"

enum { DEPTH = 10, POOLS_MOST = 3 };

/* Pools whose tasks call one another in a ring. */
struct ring {
    struct filch_pool *pools[POOLS_MOST];
    unsigned count;
    struct meter meters[POOLS_MOST]; /* bodies that run, per pool */
    sem_t leaf_began;
    bool leaf_stays; /* until it is cancelled */
    atomic_int cancelled;
};

static void ring_open(struct ring *ring, unsigned count, unsigned limit)
{
    memset(ring, 0, sizeof *ring);
    must(sem_init(&ring->leaf_began, 0, 0) == 0);
    for (; ring->count < count; ring->count++)
        ring->pools[ring->count] = pool_of(limit);
}

static void ring_end(struct ring *ring)
{
    for (unsigned i = 0; i < ring->count; i++)
        pool_end(ring->pools[i]);
    sem_destroy(&ring->leaf_began);
}

/* A task at level n runs in pool n modulo their count, and waits for one at level n - 1. */
struct level {
    struct ring *ring;
    unsigned number;
    unsigned flags; /* of every second level */
};

static int leaf(struct ring *ring)
{
    sem_post(&ring->leaf_began);
    return ring->leaf_stays ? until_cancelled(NULL) : 0;
}

static struct filch_pool *pool_at(const struct ring *ring, unsigned level)
{
    return ring->pools[level % ring->count];
}

static int descend(void *data);

static int below(const struct level *level, struct meter *meter)
{
    struct level next = {level->ring, level->number - 1, level->flags};
    struct filch_task_options options = {.flags = next.number % 2 ? next.flags : 0};
    struct filch_future future = {0};
    must(filch_submit_with(pool_at(next.ring, next.number), &future, descend, &next, &options) == 0);
    meter_leave(meter);
    int status = filch_wait(&future);
    meter_enter(meter);
    return status < 0 ? status : status + 1;
}

static int descend(void *data)
{
    const struct level *level = data;
    struct ring *ring = level->ring;
    struct filch_pool *pool = pool_at(ring, level->number);
    struct meter *meter = &ring->meters[level->number % ring->count];
    must(filch_pool_current() == pool);
    meter_enter(meter);
    int status = level->number == 0 ? leaf(ring) : below(level, meter);
    must(filch_pool_current() == pool);
    if (filch_cancelled())
        atomic_fetch_add(&ring->cancelled, 1);
    meter_leave(meter);
    return status;
}

static int run_level(struct ring *ring, unsigned number, unsigned flags)
{
    struct level level = {ring, number, flags};
    struct filch_future future = {0};
    must(filch_submit(pool_at(ring, number), &future, descend, &level) == 0);
    return filch_wait(&future);
}

struct caller {
    struct ring *ring;
    unsigned deepest, flags;
};

static void *call_from_thread(void *data)
{
    const struct caller *caller = data;
    for (int round = 0; round < TEST_SHARE(300); round++)
        for (unsigned number = caller->deepest - 1; number <= caller->deepest; number++)
            must(run_level(caller->ring, number, caller->flags) == (int)number);
    return NULL;
}

/* Half of the calls begin in each pool, so that both directions are under way at the same time. */
static void call_from_threads(unsigned pools, unsigned limit, unsigned flags)
{
    enum { threads = 4 };
    struct ring ring;
    pthread_t ids[threads];
    ring_open(&ring, pools, limit);
    struct caller caller = {&ring, DEPTH, flags};
    for (int i = 0; i < threads; i++)
        ids[i] = thread_start(call_from_thread, &caller);
    for (int i = 0; i < threads; i++)
        thread_join(ids[i]);
    for (unsigned i = 0; i < pools; i++)
        must(atomic_load(&ring.meters[i].high) <= (int)limit);
    ring_end(&ring);
}

Test(composition, tasks_of_two_pools_wait_for_each_other_at_limit_1, .timeout = TEST_TIMEOUT)
{
    call_from_threads(2, 1, 0);
}

Test(composition, and_in_a_ring_of_three_at_limit_2, .timeout = TEST_TIMEOUT)
{
    call_from_threads(3, 2, 0);
}

Test(composition, and_when_every_second_task_keeps_its_thread, .timeout = TEST_TIMEOUT)
{
    call_from_threads(2, 1, FILCH_TASK_OWN_THREAD);
}

Test(composition, cancel_passes_through_ten_levels_of_two_pools, .timeout = TEST_TIMEOUT)
{
    struct ring ring;
    ring_open(&ring, 2, 1);
    ring.leaf_stays = true;
    for (int round = 1; round <= TEST_SHARE(200); round++) {
        struct level level = {&ring, DEPTH, 0};
        struct filch_future future = {0};
        cr_assert_eq(filch_submit(pool_at(&ring, DEPTH), &future, descend, &level), 0);
        sem_take(&ring.leaf_began);
        cr_assert_eq(filch_cancel(&future), -EINPROGRESS);
        cr_assert_eq(filch_wait(&future), 7 + DEPTH, "each ends, with its own status");
        cr_assert_eq(atomic_load(&ring.cancelled), round * (DEPTH + 1));
    }
    ring_end(&ring);
}

Test(composition, a_time_out_passes_as_well, .timeout = TEST_TIMEOUT)
{
    struct ring ring;
    ring_open(&ring, 2, 1);
    ring.leaf_stays = true;
    struct level level = {&ring, DEPTH, 0};
    struct filch_task_options options = {.timeout_ns = FILCH_MS(20)};
    struct filch_future future = {0};
    cr_assert_eq(filch_submit_with(pool_at(&ring, DEPTH), &future, descend, &level, &options), 0);
    cr_assert_eq(filch_wait(&future), -ETIMEDOUT);
    ring.leaf_stays = false;
    cr_assert_eq(run_level(&ring, DEPTH, 0), DEPTH, "the pools are as before");
    ring_end(&ring);
}

/* ---- waits over futures of several pools ---- */

/* Waits for all, then for any of promises, then takes from a queue: each over all pools of the ring. */
static int wait_over_all(void *data)
{
    enum { each = 20, count = POOLS_MOST * each };
    struct ring *ring = data;
    struct filch_completions *completions;
    struct filch_future futures[count] = {{{0}}}, *list[count], *next;
    atomic_int runs = 0;
    size_t index = count;
    must(filch_completions_open(&completions) == 0);
    const struct filch_task_options options = {.completions = completions};
    for (int i = 0; i < count; i++) {
        list[i] = &futures[i];
        must(filch_submit(ring->pools[i % POOLS_MOST], list[i], count_up, &runs) == 0);
    }
    must(filch_wait_all(list, count, FILCH_NO_DEADLINE) == 0 && atomic_load(&runs) == count);
    for (int i = 0; i < count; i++)
        must(filch_submit_with(ring->pools[i % POOLS_MOST], list[i], count_up, &runs, &options) == 0);
    for (int i = 0; i < count; i++)
        must(filch_completions_next(completions, FILCH_NO_DEADLINE, &next) == 0 && filch_done(next));
    must(atomic_load(&runs) == 2 * count);
    for (int i = 0; i < count; i++)
        filch_promise_init(list[i]);
    struct filch_future teller = {0};
    must(filch_submit(ring->pools[1], &teller, wait_for, list[7]) == 0);
    must(filch_complete(list[7], 5) == 0);
    must(filch_wait_any(list, count, FILCH_NO_DEADLINE, &index) == 0 && index == 7);
    must(filch_wait(&teller) == 5);
    filch_completions_close(completions);
    return 0;
}

Test(composition, one_wait_serves_futures_of_several_pools, .timeout = TEST_TIMEOUT)
{
    struct ring ring;
    ring_open(&ring, POOLS_MOST, 1);
    for (int round = 0; round < TEST_SHARE(100); round++) {
        cr_assert_eq(wait_over_all(&ring), 0, "outside");
        struct filch_future inside[POOLS_MOST] = {{{0}}};
        for (int i = 0; i < POOLS_MOST; i++)
            cr_assert_eq(filch_submit(ring.pools[i], &inside[i], wait_over_all, &ring), 0);
        for (int i = 0; i < POOLS_MOST; i++)
            cr_assert_eq(filch_wait(&inside[i]), 0);
    }
    ring_end(&ring);
}

/* ---- typed tasks and loops ---- */

FILCH_TASK(long, fib, (struct filch_pool *, home), (int, n))
{
    must(filch_pool_current() == home);
    if (n < 2)
        return n;
    FILCH_SPAWN(fib, home, n - 1);
    long b = FILCH_CALL(fib, home, n - 2);
    return FILCH_SYNC(fib) + b;
}

/* A body of the first pool's loop calls into the second, whose task calls back into the first. */
static int call_there(void *data)
{
    const struct ring *ring = data;
    must(filch_pool_current() == ring->pools[1]);
    long there = FILCH_RUN(NULL, fib, ring->pools[1], 10), back = FILCH_RUN(ring->pools[0], fib, ring->pools[0], 10);
    must(there == 55 && back == 55 && filch_pool_current() == ring->pools[1]);
    return 0;
}

static int loop_body(void *ctx, size_t begin, size_t end, unsigned slot)
{
    struct ring *ring = ctx;
    (void)slot;
    for (size_t i = begin; i < end; i++) {
        struct filch_future future = {0};
        must(filch_pool_current() == ring->pools[0]);
        must(filch_submit(ring->pools[1], &future, call_there, ring) == 0);
        must(filch_wait(&future) == 0);
    }
    return 0;
}

Test(composition, loops_and_typed_tasks_call_across, .timeout = TEST_TIMEOUT)
{
    for (unsigned limit = 1; limit <= 2; limit++) {
        struct ring ring;
        ring_open(&ring, 2, limit);
        cr_assert_eq(filch_for(ring.pools[0], 0, (size_t)TEST_SHARE(500), NULL, loop_body, &ring), 0);
        ring_end(&ring);
    }
}
