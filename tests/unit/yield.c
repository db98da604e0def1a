/* SPDX-License-Identifier: MIT */
/* yield.c - filch_yield: what is queued goes first, wherever it lies; a lowered limit takes effect; nothing is lost.
 *
 * Most of these end only if a task that yields again and again lets in what it waits for.
 */
#include "support/tasks.h"
#include "support/test.h"

#include <filch/blocking.h>
#include <filch/fork.h>

static void yield_until(atomic_int *value, int least)
{
    while (atomic_load(value) < least)
        filch_yield();
}

static int yield_for_10(void *data)
{
    yield_until(data, 10);
    return 4;
}

Test(yield, outside_tasks_and_with_nothing_to_do_it_returns, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct filch_future future = {0};
    atomic_int ten = 10;
    filch_yield();
    cr_assert_eq(filch_submit(pool, &future, yield_for_10, &ten), 0);
    cr_assert_eq(filch_wait(&future), 4);
    pool_end(pool);
}

/* ---- what goes first ---- */

struct lets {
    atomic_int runs;
    int yields;
};

static int lets_its_own_go_first(void *data)
{
    struct lets *lets = data;
    struct filch_future futures[10];
    memset(futures, 0, sizeof futures);
    for (int i = 0; i < 10; i++)
        must(filch_submit(NULL, &futures[i], count_up, &lets->runs) == 0);
    for (; atomic_load(&lets->runs) < 10; lets->yields++)
        filch_yield();
    for (int i = 0; i < 10; i++)
        must(filch_wait(&futures[i]) == 0);
    return 0;
}

Test(yield, queued_work_goes_first, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    for (int i = 0; i < TEST_SHARE(300); i++) {
        struct lets lets = {.yields = 0};
        struct filch_future future = {0};
        cr_assert_eq(filch_submit(pool, &future, lets_its_own_go_first, &lets), 0);
        cr_assert_eq(filch_wait(&future), 0);
        cr_assert_leq(lets.yields, 2, "but for the turn that a strand which yields has now and then");
    }
    pool_end(pool);
}

Test(yield, what_comes_from_outside_goes_first_at_any_priority, .timeout = TEST_TIMEOUT)
{
    for (int priority = -1; priority <= 1; priority++) {
        struct filch_pool *pool = pool_of(1);
        struct filch_task_options options = {.priority = priority};
        struct filch_future future = {0}, others[10];
        atomic_int runs = 0;
        memset(others, 0, sizeof others);
        cr_assert_eq(filch_submit(pool, &future, yield_for_10, &runs), 0);
        for (int i = 0; i < 10; i++)
            cr_assert_eq(filch_submit_with(pool, &others[i], count_up, &runs, &options), 0);
        cr_assert_eq(filch_wait(&future), 4);
        for (int i = 0; i < 10; i++)
            cr_assert_eq(filch_wait(&others[i]), 0);
        pool_end(pool);
    }
}

/* A task that lies in the deque, or the handful, of a worker that is in a long body. */
struct behind {
    atomic_int runs;
    struct filch_future futures[10];
    struct held held;
};

static int hold_after_submits(void *data)
{
    struct behind *behind = data;
    for (int i = 0; i < 10; i++)
        must(filch_submit(NULL, &behind->futures[i], count_up, &behind->runs) == 0);
    return hold(&behind->held);
}

static int yield_and_let_go(void *data)
{
    struct behind *behind = data;
    yield_until(&behind->runs, 10);
    sem_post(&behind->held.go);
    return 0;
}

Test(yield, work_of_a_busy_worker_goes_first, .timeout = TEST_TIMEOUT)
{
    for (int round = 0; round < TEST_SHARE(100); round++) {
        struct filch_pool *pool = pool_of(1);
        struct behind behind = {.runs = 0};
        struct filch_future long_one = {0}, yields[2] = {{{0}}};
        held_init(&behind.held);
        cr_assert_eq(filch_submit(pool, &long_one, hold_after_submits, &behind), 0);
        sem_take(&behind.held.began);
        cr_assert_eq(filch_submit(pool, &yields[0], yield_and_let_go, &behind), 0);
        cr_assert_eq(filch_submit(pool, &yields[1], yield_and_let_go, &behind), 0);
        cr_assert_eq(filch_pool_resize(pool, 1, 2), 0); /* for those that yield, beside the long one */
        for (int i = 0; i < 2; i++)
            cr_assert_eq(filch_wait(&yields[i]), 0);
        cr_assert_eq(filch_wait(&long_one), 0);
        for (int i = 0; i < 10; i++)
            cr_assert_eq(filch_wait(&behind.futures[i]), 0);
        pool_end(pool);
    }
}

/* ---- typed tasks ---- */

FILCH_VOID_TASK(add_one, (atomic_int *, runs))
{
    atomic_fetch_add(runs, 1);
}

FILCH_VOID_TASK(yields_for_its_children, (atomic_int *, runs))
{
    for (int i = 0; i < 10; i++)
        FILCH_SPAWN(add_one, runs);
    yield_until(runs, 10);
    FILCH_SYNC_ALL();
    FILCH_SPAWN(add_one, runs);
    filch_yield();
    FILCH_SYNC(add_one);
}

Test(yield, unsynced_children_go_first, .timeout = TEST_TIMEOUT)
{
    for (unsigned limit = 1; limit <= 2; limit++) {
        struct filch_pool *pool = pool_of(limit);
        for (int i = 0; i < TEST_SHARE(200); i++) {
            atomic_int runs = 0;
            FILCH_RUN(pool, yields_for_its_children, &runs);
            cr_assert_eq(atomic_load(&runs), 11);
        }
        pool_end(pool);
    }
}

struct hidden {
    atomic_int runs, spawned;
};

FILCH_VOID_TASK(spins_beside_its_children, (struct hidden *, hidden))
{
    for (int i = 0; i < 10; i++)
        FILCH_SPAWN(add_one, &hidden->runs);
    atomic_store(&hidden->spawned, 1);
    wait_until(atomic_load(&hidden->runs) == 10); /* a long body, which comes by no spawn and no sync */
    FILCH_SYNC_ALL();
}

static int yield_for_hidden(void *data)
{
    struct hidden *hidden = data;
    yield_until(&hidden->spawned, 1);
    yield_until(&hidden->runs, 10);
    return 0;
}

/* Those that yield keep their worker from searching, which is when private children are opened. */
Test(yield, private_children_of_a_busy_task_go_first, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    for (int i = 0; i < TEST_SHARE(100); i++) {
        struct hidden hidden = {0};
        struct filch_future futures[2] = {{{0}}};
        cr_assert_eq(filch_submit(pool, &futures[0], yield_for_hidden, &hidden), 0);
        cr_assert_eq(filch_submit(pool, &futures[1], yield_for_hidden, &hidden), 0);
        FILCH_RUN(pool, spins_beside_its_children, &hidden);
        cr_assert_eq(filch_wait(&futures[0]), 0);
        cr_assert_eq(filch_wait(&futures[1]), 0);
    }
    pool_end(pool);
}

/* ---- among themselves ---- */

struct ring {
    atomic_int turn;
    int members;
};

struct member {
    struct ring *ring;
    int number;
    struct filch_future future;
};

static int pass_on(void *data)
{
    struct member *member = data;
    struct ring *ring = member->ring;
    for (int i = 0; i < TEST_SHARE(200); i++) {
        while (atomic_load(&ring->turn) % ring->members != member->number)
            filch_yield();
        atomic_fetch_add(&ring->turn, 1);
    }
    return 0;
}

Test(yield, those_that_yield_take_turns, .timeout = TEST_TIMEOUT)
{
    for (unsigned limit = 1; limit <= 3; limit++) {
        enum { count = 5 };
        struct filch_pool *pool = pool_of(limit);
        struct ring ring = {.members = count};
        struct member members[count];
        memset(members, 0, sizeof members);
        for (int i = 0; i < count; i++) {
            members[i].ring = &ring;
            members[i].number = i;
            cr_assert_eq(filch_submit(pool, &members[i].future, pass_on, &members[i]), 0);
        }
        for (int i = 0; i < count; i++)
            cr_assert_eq(filch_wait(&members[i].future), 0);
        cr_assert_eq(atomic_load(&ring.turn), count * TEST_SHARE(200));
        pool_end(pool);
    }
}

/* Tasks that submit their own successors: who yields beside them has his turn all the same. */
struct feeder {
    atomic_int stop, fed;
};

static int feed(void *data)
{
    struct feeder *feeder = *(struct feeder **)data;
    atomic_fetch_add(&feeder->fed, 1);
    if (!atomic_load(&feeder->stop))
        must(filch_submit_copy(NULL, feed, &feeder, sizeof feeder, NULL, NULL) == 0);
    return 0;
}

static int yield_beside_feeder(void *data)
{
    struct feeder *feeder = data;
    int most = 0;
    for (int i = 0, before = 0; i < 100; i++) {
        before = atomic_load(&feeder->fed);
        filch_yield();
        int between = atomic_load(&feeder->fed) - before;
        most = between > most ? between : most;
    }
    atomic_store(&feeder->stop, 1);
    return most;
}

Test(yield, who_yields_is_not_starved, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct feeder feeder = {0}, *fed = &feeder;
    struct filch_future future = {0};
    struct held held;
    held_begin(&held, pool);
    cr_assert_eq(filch_submit_copy(pool, feed, &fed, sizeof fed, NULL, NULL), 0);
    cr_assert_eq(filch_submit(pool, &future, yield_beside_feeder, &feeder), 0);
    held_end(&held);
    int most = filch_wait(&future);
    cr_assert_leq(most, 128, "%d", most);
    pool_end(pool);
}

/* ---- the limit ---- */

struct shift {
    struct meter bodies;
    atomic_int yields[3], stop;
};

struct worker_of_shift {
    struct shift *shift;
    int number;
};

static int work_in_shifts(void *data)
{
    struct worker_of_shift *it = data;
    while (!atomic_load(&it->shift->stop)) {
        meter_enter(&it->shift->bodies);
        dawdle(10);
        meter_leave(&it->shift->bodies);
        filch_yield();
        atomic_fetch_add(&it->shift->yields[it->number], 1);
    }
    return 0;
}

static int yields_of(struct shift *shift)
{
    return atomic_load(&shift->yields[0]) + atomic_load(&shift->yields[1]) + atomic_load(&shift->yields[2]);
}

static void await_yields(struct shift *shift, int count)
{
    for (int i = 0; i < 3; i++) {
        int least = atomic_load(&shift->yields[i]) + count;
        wait_until(atomic_load(&shift->yields[i]) >= least);
    }
}

Test(yield, a_lowered_limit_takes_effect, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(3);
    struct shift shift = {.stop = 0};
    struct worker_of_shift workers[3];
    struct filch_future futures[3];
    memset(futures, 0, sizeof futures);
    for (int i = 0; i < 3; i++) {
        struct filch_task_options options = {.flags = i ? 0 : FILCH_TASK_OWN_THREAD};
        workers[i] = (struct worker_of_shift){&shift, i};
        cr_assert_eq(filch_submit_with(pool, &futures[i], work_in_shifts, &workers[i], &options), 0);
    }
    for (unsigned limit = 3; limit-- > 1;) {
        await_yields(&shift, 10);
        cr_assert_eq(filch_pool_resize(pool, 1, limit), 0);
        do { /* one that looked at the limit before may be about to go on, however late */
            int least = yields_of(&shift) + 30; /* whose, that is their own affair */
            atomic_store(&shift.bodies.high, 0);
            wait_until(yields_of(&shift) >= least);
        } while (atomic_load(&shift.bodies.high) > (int)limit);
    }
    atomic_store(&shift.stop, 1);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(filch_wait(&futures[i]), 0);
    pool_end(pool);
}

/* A body on a thread's own stack, at limit 1, whose permit another body wants back. */
static int yield_in_fn(void *data)
{
    filch_yield();
    return count_up(data);
}

static int blocks_and_returns(void *data)
{
    must(filch_blocking(yield_in_fn, data) == 0);
    for (int i = 0; i < 8; i++)
        count_up(data);
    return filch_blocking(count_up, data);
}

Test(yield, on_its_own_thread_a_body_gives_its_permit_to_who_is_in_line, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    for (int i = 0; i < TEST_SHARE(100); i++) {
        struct filch_task_options own = {.flags = FILCH_TASK_OWN_THREAD};
        struct filch_future blocks = {0}, yields = {0};
        atomic_int runs = 0;
        cr_assert_eq(filch_submit_with(pool, &blocks, blocks_and_returns, &runs, &own), 0);
        wait_until(atomic_load(&runs) > 0);
        cr_assert_eq(filch_submit_with(pool, &yields, yield_for_10, &runs, &own), 0);
        cr_assert_eq(filch_wait(&yields), 4);
        cr_assert_eq(filch_wait(&blocks), 0);
    }
    pool_end(pool);
}

/* ---- closing ---- */

static int yield_until_cancelled(void *data)
{
    sem_post(data);
    while (!filch_cancelled())
        filch_yield();
    return 7;
}

Test(yield, closing_ends_those_that_yield, .timeout = TEST_TIMEOUT)
{
    for (unsigned limit = 1; limit <= 2; limit++) {
        struct filch_pool *pool = pool_of(limit);
        struct filch_future futures[8];
        sem_t began;
        memset(futures, 0, sizeof futures);
        must(sem_init(&began, 0, 0) == 0);
        for (int i = 0; i < 8; i++)
            cr_assert_eq(filch_submit(pool, &futures[i], yield_until_cancelled, &began), 0);
        for (int i = 0; i < 8; i++)
            sem_take(&began); /* each lets the next one begin */
        for (int i = 0; i < 4; i++)
            cr_assert_eq(filch_cancel(&futures[i]), -EINPROGRESS);
        for (int i = 0; i < 4; i++)
            cr_assert_eq(filch_wait(&futures[i]), 7);
        cr_assert_eq(filch_pool_close(pool, FILCH_CLOSE_CANCEL, FILCH_NO_DEADLINE), 0);
        for (int i = 0; i < 8; i++)
            cr_assert_eq(filch_status(&futures[i]), 7);
        struct filch_pool_stats stats = stats_of(pool);
        cr_assert(stats.submitted == stats.run && stats.queue_depth == 0);
        watchdog_pool(NULL);
        filch_pool_free(pool);
        sem_destroy(&began);
    }
}
