/* SPDX-License-Identifier: MIT */
/* pump.c - filch_pool_pump: a thread outside the pool runs queued tasks, wherever they lie, under a permit. */
#include "support/tasks.h"
#include "support/test.h"

#include <limits.h>

/* One worker, which is held, and one permit for the pump: so it is known what is left to it. */
static struct filch_pool *pumped_open(struct held *held)
{
    struct filch_pool_config config = {.max_concurrency = 2, .flags = FILCH_POOL_PUMPED};
    struct filch_pool *pool = pool_open(&config);
    held_begin(held, pool);
    return pool;
}

static int note_thread(void *data)
{
    *(long *)data = thread_id();
    must(filch_worker_local() == NULL && filch_pool_current() != NULL);
    return 3;
}

Test(pump, runs_at_most_so_many_on_the_calling_thread, .timeout = TEST_TIMEOUT)
{
    struct held held;
    struct filch_pool *pool = pumped_open(&held);
    struct filch_future futures[10];
    long threads[10] = {0};
    memset(futures, 0, sizeof futures);
    cr_assert_eq(filch_pool_pump(pool, 5), 0, "nothing is queued");
    for (int i = 0; i < 10; i++) {
        struct filch_task_options options = {.flags = i % 2 ? FILCH_TASK_OWN_THREAD : 0};
        cr_assert_eq(filch_submit_with(pool, &futures[i], note_thread, &threads[i], &options), 0);
    }
    cr_assert_eq(stats_of(pool).workers, 1);
    cr_assert_eq(filch_pool_pump(pool, 4), 4);
    cr_assert(filch_done(&futures[3]) && !filch_done(&futures[4]));
    cr_assert_eq(filch_pool_pump(pool, UINT_MAX), 6);
    cr_assert_eq(filch_pool_pump(pool, 1), 0);
    for (int i = 0; i < 10; i++) {
        cr_assert_eq(filch_status(&futures[i]), 3);
        cr_assert_eq(threads[i], thread_id());
    }
    held_end(&held);
    pool_end(pool);
}

static int pump_inside(void *data)
{
    return filch_pool_pump(data, 1);
}

Test(pump, says_why_it_cannot, .timeout = TEST_TIMEOUT)
{
    struct filch_pool_config too_few = {.max_concurrency = 1, .flags = FILCH_POOL_PUMPED};
    struct filch_pool *pool = NULL;
    struct filch_future inside[2] = {{{0}}}, queued = {0};
    struct held held;
    cr_assert_eq(filch_pool_open(&pool, &too_few), -EINVAL);
    pool = pool_of(1);
    cr_assert_eq(filch_pool_pump(pool, 0), -EINVAL);
    cr_assert_eq(filch_submit(pool, &inside[0], pump_inside, pool), 0);
    cr_assert_eq(filch_wait(&inside[0]), -EDEADLK);
    cr_assert_eq(filch_submit(pool, &inside[1], pump_inside, NULL), 0);
    cr_assert_eq(filch_wait(&inside[1]), -EDEADLK);
    held_begin(&held, pool);
    cr_assert_eq(filch_submit(pool, &queued, nothing, NULL), 0);
    cr_assert_eq(filch_pool_pump(pool, 1), 0, "no permit is free");
    held_end(&held);
    cr_assert_eq(filch_wait(&queued), 0);
    cr_assert_eq(filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE), 0);
    cr_assert_eq(filch_pool_pump(pool, 1), -ESHUTDOWN);
    watchdog_pool(NULL);
    filch_pool_free(pool);
}

/* ---- where the tasks lie ---- */

struct behind {
    atomic_int runs;
    struct filch_future futures[10], promise, waits;
    struct held held;
};

static int hold_after_submits(void *data)
{
    struct behind *behind = data;
    for (int i = 0; i < 10; i++)
        must(filch_submit(NULL, &behind->futures[i], count_up, &behind->runs) == 0);
    must(filch_complete(&behind->promise, 6) == 0); /* a strand is ready, on top of the deque */
    return hold(&behind->held);
}

Test(pump, steals_tasks_and_leaves_strands_to_workers, .timeout = TEST_TIMEOUT)
{
    for (int round = 0; round < TEST_SHARE(100); round++) {
        struct filch_pool_config config = {.max_concurrency = 2, .flags = FILCH_POOL_PUMPED};
        struct filch_pool *pool = pool_open(&config);
        struct behind behind = {.runs = 0};
        struct filch_future long_one = {0};
        held_init(&behind.held);
        filch_promise_init(&behind.promise);
        cr_assert_eq(filch_submit(pool, &behind.waits, wait_for, &behind.promise), 0);
        wait_until(stats_of(pool).suspended == 1);
        cr_assert_eq(filch_submit(pool, &long_one, hold_after_submits, &behind), 0);
        sem_take(&behind.held.began);
        cr_assert_eq(filch_pool_pump(pool, 100), 10);
        cr_assert_eq(atomic_load(&behind.runs), 10);
        cr_assert_not(filch_done(&behind.waits));
        sem_post(&behind.held.go);
        cr_assert_eq(filch_wait(&long_one), 0);
        cr_assert_eq(filch_wait(&behind.waits), 6);
        pool_end(pool);
    }
}

struct place {
    atomic_int *next;
    int mine;
};

static int take_place(void *data)
{
    struct place *place = data;
    place->mine = atomic_fetch_add(place->next, 1);
    return 0;
}

Test(pump, takes_high_priority_first_and_low_last, .timeout = TEST_TIMEOUT)
{
    struct held held;
    struct filch_pool *pool = pumped_open(&held);
    struct filch_future futures[9];
    struct place places[9];
    atomic_int next = 0;
    memset(futures, 0, sizeof futures);
    for (int i = 0; i < 9; i++) {
        struct filch_task_options options = {.priority = i / 3 - 1};
        places[i] = (struct place){&next, -1};
        cr_assert_eq(filch_submit_with(pool, &futures[i], take_place, &places[i], &options), 0);
    }
    cr_assert_eq(filch_pool_pump(pool, 9), 9);
    for (int i = 0; i < 9; i++)
        cr_assert_eq(places[i].mine, (2 - i / 3) * 3 + i % 3);
    held_end(&held);
    pool_end(pool);
}

/* ---- bodies that wait ---- */

static int complete(void *data)
{
    return filch_complete(data, 8);
}

Test(pump, a_body_that_waits_lends_its_permit, .timeout = TEST_TIMEOUT)
{
    for (int round = 0; round < TEST_SHARE(100); round++) {
        struct held held;
        struct filch_pool *pool = pumped_open(&held);
        struct filch_future promise = {0}, waits = {0}, completes = {0};
        filch_promise_init(&promise);
        cr_assert_eq(filch_submit(pool, &waits, wait_for, &promise), 0);
        cr_assert_eq(filch_submit(pool, &completes, complete, &promise), 0);
        cr_assert_geq(filch_pool_pump(pool, 1), 1); /* another thread is started for the second task */
        cr_assert_eq(filch_status(&waits), 8);
        cr_assert_eq(filch_wait(&completes), 0);
        held_end(&held);
        pool_end(pool);
    }
}

/* ---- beside workers, under the limit, and while the pool closes ---- */

struct load {
    struct filch_pool *pool;
    struct meter bodies;
    atomic_int runs, stop;
};

static int metered(void *data)
{
    struct load *load = data;
    meter_enter(&load->bodies);
    dawdle(atomic_fetch_add(&load->runs, 1) % 8);
    meter_leave(&load->bodies);
    return 0;
}

static void *pump_on(void *data)
{
    struct load *load = data;
    while (!atomic_load(&load->stop))
        must(filch_pool_pump(load->pool, 3) >= 0);
    return NULL;
}

Test(pump, several_threads_pump_and_the_limit_holds, .timeout = TEST_TIMEOUT)
{
    for (unsigned limit = 2; limit <= 3; limit++) {
        enum { count = 2000 };
        struct filch_pool_config config = {.max_concurrency = limit, .flags = FILCH_POOL_PUMPED};
        struct load load = {.pool = pool_open(&config)};
        struct filch_future *futures = calloc(count, sizeof *futures);
        pthread_t threads[2] = {thread_start(pump_on, &load), thread_start(pump_on, &load)};
        must(futures != NULL);
        for (int i = 0; i < count; i++) {
            struct filch_task_options options = {.priority = i % 5 ? 0 : i % 3 - 1};
            cr_assert_eq(filch_submit_with(load.pool, &futures[i], metered, &load, &options), 0);
        }
        for (int i = 0; i < count; i++)
            cr_assert_eq(filch_wait(&futures[i]), 0);
        cr_assert_eq(atomic_load(&load.runs), count);
        cr_assert_leq(atomic_load(&load.bodies.high), (int)limit);
        atomic_store(&load.stop, 1);
        for (int i = 0; i < 2; i++)
            thread_join(threads[i]);
        pool_end(load.pool);
        free(futures);
    }
}

static void *close_by_draining(void *data)
{
    must(filch_pool_close(data, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE) == 0);
    return NULL;
}

Test(pump, helps_to_drain, .timeout = TEST_TIMEOUT)
{
    for (int round = 0; round < TEST_SHARE(50); round++) {
        struct held held;
        struct filch_pool *pool = pumped_open(&held);
        struct filch_future futures[20];
        atomic_int runs = 0;
        memset(futures, 0, sizeof futures);
        for (int i = 0; i < 20; i++)
            cr_assert_eq(filch_submit(pool, &futures[i], count_up, &runs), 0);
        pthread_t closer = thread_start(close_by_draining, pool);
        while (filch_submit_copy(pool, nothing, NULL, 0, NULL, NULL) == 0)
            usleep(50); /* until it is refused: the pool closes */
        while (atomic_load(&runs) < 20)
            cr_assert_geq(filch_pool_pump(pool, 7), 0);
        held_end(&held);
        thread_join(closer);
        cr_assert_eq(filch_pool_pump(pool, 1), -ESHUTDOWN);
        watchdog_pool(NULL);
        filch_pool_free(pool);
    }
}

static int end_the_thread(void *data)
{
    (void)data;
    pthread_exit(NULL);
}

static void *pump_one(void *pool)
{
    (void)filch_pool_pump(pool, 1);
    return pool;
}

Test(pump, gives_its_permit_back_when_a_body_ends_the_thread, .timeout = TEST_TIMEOUT)
{
    struct held held;
    struct filch_pool *pool = pumped_open(&held);
    for (int round = 0; round < 20; round++) {
        struct filch_future future = {0}, after = {0};
        void *result;
        cr_assert_eq(filch_submit(pool, &future, end_the_thread, NULL), 0);
        pthread_t thread = thread_start(pump_one, pool);
        cr_assert_eq(pthread_join(thread, &result), 0);
        cr_assert_null(result, "the thread did not come back");
        cr_assert_eq(filch_status(&future), -ECANCELED);
        cr_assert_eq(filch_submit(pool, &after, nothing, NULL), 0);
        cr_assert_eq(filch_pool_pump(pool, 1), 1, "the permit is there again");
    }
    held_end(&held);
    pool_end(pool);
}

/* A task of one pool pumps another, and a body there waits for a task that has to run in the first. */
struct across {
    struct filch_pool *first, *second;
    struct filch_future in_first, in_second;
};

static int wait_for_the_first(void *data)
{
    struct across *across = data;
    return filch_wait(&across->in_first);
}

static int pump_the_second(void *data)
{
    struct across *across = data;
    must(filch_submit(across->first, &across->in_first, nothing, NULL) == 0);
    must(filch_submit(across->second, &across->in_second, wait_for_the_first, across) == 0);
    must(filch_pool_pump(across->second, 1) == 1);
    must(filch_pool_current() == across->first);
    return filch_status(&across->in_second);
}

Test(pump, in_a_task_of_another_pool_holds_no_permit_of_that, .timeout = TEST_TIMEOUT)
{
    struct held held;
    struct across across = {.first = pool_of(1), .second = pumped_open(&held)};
    struct filch_future future = {0};
    cr_assert_eq(filch_submit(across.first, &future, pump_the_second, &across), 0);
    cr_assert_eq(filch_wait(&future), 0);
    held_end(&held);
    pool_end(across.second);
    pool_end(across.first);
}

Test(pump, keeps_its_permit_when_the_pool_is_resized, .timeout = TEST_TIMEOUT)
{
    struct filch_pool_config config = {.max_concurrency = 4, .flags = FILCH_POOL_PUMPED};
    struct filch_pool *pool = pool_open(&config);
    cr_assert_eq(filch_pool_resize(pool, 2, 2), -EINVAL);
    cr_assert_eq(filch_pool_resize(pool, 0, 1), -EINVAL);
    cr_assert_eq(filch_pool_resize(pool, FILCH_WORKERS_MAX, 0), -EINVAL);
    cr_assert_eq(filch_pool_resize(pool, 4, 0), 0);
    cr_assert_eq(stats_of(pool).max_concurrency, 5);
    cr_assert_eq(filch_pool_resize(pool, 0, 2), 0);
    cr_assert_eq(stats_of(pool).min_workers, 1);
    pool_end(pool);
}
