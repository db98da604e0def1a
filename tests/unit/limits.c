/* SPDX-License-Identifier: MIT */
/* limits.c - never more bodies at once than the limit, never fewer than it while work waits; also for bodies that keep
 * their own thread.
 *
 * Bodies enter a meter, and leave it around their waits, for a task that waits does not run. meet_all(pool, n) is the
 * other half: it ends only if n bodies run at once, so after a storm it shows that no permit was lost.
 */
#include "support/tasks.h"
#include "support/test.h"

static void spin(unsigned rounds)
{
    for (volatile unsigned i = 0; i < rounds; i++)
        ;
}

struct load {
    struct filch_pool *pool;
    struct meter meter;
    unsigned nested;     /* levels below the root */
    unsigned own_thread; /* one body in so many keeps its thread; 0: none */
};

struct step {
    struct load *load;
    unsigned level;
    struct filch_future future;
};

static int work(void *data);

static void submit_step(struct step *step)
{
    static atomic_uint counter;
    struct load *load = step->load;
    bool own = load->own_thread && atomic_fetch_add(&counter, 1) % load->own_thread == 0;
    struct filch_task_options options = {.flags = own ? FILCH_TASK_OWN_THREAD : 0};
    must(filch_submit_with(load->pool, &step->future, work, step, own ? &options : NULL) == 0);
}

/* Runs a little, waits for two below it, runs a little again. */
static int work(void *data)
{
    struct step *step = data;
    struct load *load = step->load;
    meter_enter(&load->meter);
    spin(200);
    if (step->level > 0) {
        struct step below[2] = {{load, step->level - 1, {{0}}}, {load, step->level - 1, {{0}}}};
        submit_step(&below[0]);
        submit_step(&below[1]);
        for (int i = 0; i < 2; i++) {
            meter_leave(&load->meter);
            must(filch_wait(&below[i].future) == 0);
            meter_enter(&load->meter);
        }
    }
    spin(200);
    meter_leave(&load->meter);
    return 0;
}

/* `count` roots, each a tree of waits; the highest number of bodies at once. */
static int high_water(struct filch_pool *pool, int count, unsigned nested, unsigned own_thread)
{
    struct load load = {pool, {0, 0}, nested, own_thread};
    struct step *steps = calloc((size_t)count, sizeof *steps);
    must(steps != NULL);
    for (int i = 0; i < count; i++) {
        steps[i] = (struct step){&load, nested, {{0}}};
        submit_step(&steps[i]);
    }
    for (int i = 0; i < count; i++)
        must(filch_wait(&steps[i].future) == 0);
    must(atomic_load(&load.meter.now) == 0);
    free(steps);
    return atomic_load(&load.meter.high);
}

Test(limits, hold_for_flat_work, .timeout = TEST_TIMEOUT)
{
    const unsigned limits[] = {1, 2, 3, 7, 16};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        struct filch_pool *pool = pool_of(limits[i]);
        cr_assert_leq(high_water(pool, TEST_SHARE(5000), 0, 0), (int)limits[i]);
        meet_all(pool, limits[i]);
        pool_end(pool);
    }
}

Test(limits, hold_for_work_nested_to_four_times_the_limit, .timeout = TEST_TIMEOUT)
{
    for (unsigned limit = 1; limit <= 3; limit++) {
        struct filch_pool *pool = pool_of(limit);
        int roots = TEST_SANITIZED ? 2 : 16 >> limit;
        unsigned nested = TEST_SANITIZED && limit == 3 ? 8 : 4 * limit;
        cr_assert_leq(high_water(pool, roots, nested, 0), (int)limit);
        meet_all(pool, limit);
        cr_assert_eq(stats_of(pool).suspended, 0);
        pool_end(pool);
    }
}

Test(limits, hold_when_some_keep_their_own_thread, .timeout = TEST_TIMEOUT)
{
    for (unsigned limit = 1; limit <= 3; limit++) {
        for (unsigned one_in = 1; one_in <= 3; one_in += 2) {
            struct filch_pool *pool = pool_of(limit);
            cr_assert_leq(high_water(pool, 4, 5, one_in), (int)limit);
            meet_all(pool, limit);
            pool_end(pool);
        }
    }
}

Test(limits, follow_each_resize, .timeout = TEST_TIMEOUT)
{
    const unsigned limits[] = {2, 5, 1, 3, 8, 1, 1, 4, 2, 6};
    struct filch_pool *pool = pool_of(4);
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        /* Bodies of the round before have ended, so the new limit holds from here on. */
        cr_assert_eq(filch_pool_resize(pool, 0, limits[i]), 0);
        cr_assert_leq(high_water(pool, TEST_SHARE(1000), 0, 0), (int)limits[i]);
        cr_assert_leq(high_water(pool, 8, 3, 4), (int)limits[i]);
        meet_all(pool, limits[i]);
    }
    pool_end(pool);
}

struct resizer {
    struct filch_pool *pool;
    atomic_int stop;
};

static void *resize_at_random(void *data)
{
    struct resizer *resizer = data;
    for (unsigned seed = 1; !atomic_load(&resizer->stop); seed = seed * 1103515245 + 12345) {
        must(filch_pool_resize(resizer->pool, 0, 1 + (seed >> 16) % 6) == 0);
        must(filch_pool_available(resizer->pool) <= 6);
        usleep(50);
    }
    return NULL;
}

Test(limits, never_exceed_the_highest_while_resized_at_random, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(6);
    struct resizer resizer = {pool, 0};
    pthread_t thread = thread_start(resize_at_random, &resizer);
    for (int round = 0; round < TEST_SHARE(50); round++)
        cr_assert_leq(high_water(pool, 20, 4, round % 2 ? 5 : 0), 6);
    atomic_store(&resizer.stop, 1);
    thread_join(thread);
    cr_assert_eq(filch_pool_resize(pool, 0, 3), 0);
    cr_assert_leq(high_water(pool, 300, 1, 0), 3);
    meet_all(pool, 3);
    pool_end(pool);
}

Test(limits, lowering_does_not_stop_what_runs, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(3);
    struct held held[3];
    struct filch_future next = {0};
    atomic_int runs = 0;
    for (int i = 0; i < 3; i++)
        held_begin(&held[i], pool);
    cr_assert_eq(filch_pool_resize(pool, 1, 1), 0);
    cr_assert_eq(filch_submit(pool, &next, count_up, &runs), 0);
    held_end(&held[0]);
    held_end(&held[1]);
    usleep(20000); /* gives a wrong start its chance; a right pool cannot fail here */
    cr_assert_eq(atomic_load(&runs), 0, "one body runs, and the limit is 1");
    held_end(&held[2]);
    cr_assert_eq(filch_wait(&next), 0);
    pool_end(pool);
}

Test(limits, above_the_processors_are_honoured, .timeout = TEST_TIMEOUT)
{
    unsigned limit = TEST_SANITIZED ? 20 : 100;
    struct filch_pool *pool = pool_of(limit);
    meet_all(pool, limit);
    cr_assert_leq(stats_of(pool).workers, limit);
    meet_all(pool, limit);
    pool_end(pool);
}

/* One finished task wakes the next worker, which wakes the next: all permits are used whatever the order of events. */
Test(limits, no_permit_idles_while_work_waits, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(3);
    for (int round = 0; round < TEST_SHARE(2000); round++) {
        meet_all(pool, 3);
        dawdle(round % 64);
    }
    pool_end(pool);
}

struct inside {
    struct filch_pool *pool;
    unsigned count;
};

static int meet_inside(void *data)
{
    struct inside *inside = data;
    meet_all(inside->pool, inside->count); /* submits from the task, and waits: its own permit serves one of them */
    return 0;
}

Test(limits, a_task_that_waits_gives_its_permit_to_others, .timeout = TEST_TIMEOUT)
{
    for (unsigned limit = 1; limit <= 4; limit++) {
        struct filch_pool *pool = pool_of(limit);
        for (int round = 0; round < TEST_SHARE(300); round++) {
            struct filch_future future = {0};
            struct inside inside = {pool, limit};
            struct filch_task_options options = {.flags = round % 3 == 0 ? FILCH_TASK_OWN_THREAD : 0};
            cr_assert_eq(filch_submit_with(pool, &future, meet_inside, &inside, &options), 0);
            cr_assert_eq(filch_wait(&future), 0);
        }
        pool_end(pool);
    }
}
