/* SPDX-License-Identifier: MIT */
/* Priorities: what is high goes first, what is low goes last, nothing starves. All bounds are counts of tasks. */
#include "support/tasks.h"
#include "support/test.h"

/* A busy worker gives each level one of so many looks; a test allows one look more at either end. */
enum { share = 64, most = 2000 };

static const struct filch_task_options high = {.priority = 1}, low = {.priority = -1};

/* Who ran when: each body takes the next place. */
struct race {
    atomic_int places;
    struct filch_future futures[most];
    struct runner {
        struct race *race;
        int place;
    } runners[most];
};

static int take_place(void *data)
{
    struct runner *runner = data;
    runner->place = atomic_fetch_add(&runner->race->places, 1);
    return 0;
}

static struct race *race_new(void)
{
    struct race *race = calloc(1, sizeof *race);
    must(race != NULL);
    for (int i = 0; i < most; i++)
        race->runners[i].race = race;
    return race;
}

/* Runners [from, to), one by one. */
static void race_submit(struct race *race, struct filch_pool *pool, int from, int to,
                        const struct filch_task_options *options)
{
    for (int i = from; i < to; i++)
        must(filch_submit_with(pool, &race->futures[i], take_place, &race->runners[i], options) == 0);
}

/* The same as a batch. */
static void race_submit_many(struct race *race, struct filch_pool *pool, int from, int to,
                             const struct filch_task_options *options)
{
    struct filch_batch batch = {&race->futures[from], 0, &race->runners[from], sizeof race->runners[0],
                                (size_t)(to - from)};
    must(filch_submit_many(pool, &batch, take_place, options) == 0);
}

static void race_end(struct race *race, int count)
{
    for (int i = 0; i < count; i++)
        must(filch_wait(&race->futures[i]) == 0);
    must(atomic_load(&race->places) == count);
}

static int last_place(const struct race *race, int from, int to)
{
    int last = 0;
    for (int i = from; i < to; i++)
        last = race->runners[i].place > last ? race->runners[i].place : last;
    return last;
}

Test(priority, high_overtakes_what_is_queued, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct race *race = race_new();
    struct held held;
    held_begin(&held, pool);
    race_submit(race, pool, 0, 1000, NULL);
    race_submit(race, pool, 1000, 1040, &high);
    cr_assert_eq(stats_of(pool).queue_depth, 1040);
    held_end(&held);
    race_end(race, 1040);
    cr_assert_leq(last_place(race, 1000, 1040), 40 + 1);
    for (int i = 1001; i < 1040; i++)
        cr_assert_gt(race->runners[i].place, race->runners[i - 1].place, "in order among themselves");
    pool_end(pool);
    free(race);
}

Test(priority, low_waits_for_what_comes_later, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct race *race = race_new();
    struct held held;
    held_begin(&held, pool);
    race_submit_many(race, pool, 0, 600, &low);
    race_submit_many(race, pool, 600, 1200, NULL);
    race_submit_many(race, pool, 1200, 1300, &high);
    held_end(&held);
    race_end(race, 1300);
    cr_assert_leq(last_place(race, 1200, 1300), 100 + 2 * (100 / (share - 4) + 1));
    cr_assert_leq(last_place(race, 600, 1200), 700 + 700 / (share - 4) + 1);
    pool_end(pool);
    free(race);
}

/* Submitted inside a task: they lie in the pool's queues, not in the deque, which is taken the newest first. */
struct inside {
    struct filch_pool *pool;
    struct race *race;
    bool many;
};

static int submit_inside(void *data)
{
    struct inside *inside = data;
    void (*submit)(struct race *, struct filch_pool *, int, int, const struct filch_task_options *) =
        inside->many ? race_submit_many : race_submit;
    submit(inside->race, NULL, 0, 100, &low);
    submit(inside->race, NULL, 100, 140, &high);
    submit(inside->race, NULL, 140, 240, NULL);
    return 0;
}

Test(priority, tasks_submit_by_priority_too, .timeout = TEST_TIMEOUT)
{
    for (int many = 0; many < 2; many++) {
        struct inside inside = {pool_of(1), race_new(), many};
        struct filch_future future = {0};
        cr_assert_eq(filch_submit(inside.pool, &future, submit_inside, &inside), 0);
        cr_assert_eq(filch_wait(&future), 0);
        race_end(inside.race, 240);
        cr_assert_leq(last_place(inside.race, 100, 140), 40 + 2);
        cr_assert_leq(last_place(inside.race, 140, 240), 140 + 140 / (share - 4) + 1);
        pool_end(inside.pool);
        free(inside.race);
    }
}

/* Tasks that submit their own successors, until told. */
struct flood {
    struct filch_pool *pool;
    const struct filch_task_options *options;
    atomic_int stop, run;
};

static int flow(void *data)
{
    struct flood *flood = *(struct flood **)data;
    atomic_fetch_add(&flood->run, 1);
    for (int i = 0; i < 2 && !atomic_load(&flood->stop);
         i++) /* the second one only keeps the queues from running dry */
        if (i == 0 || stats_of(flood->pool).queue_depth < 100)
            must(filch_submit_copy(NULL, flow, &flood, sizeof flood, flood->options, NULL) == 0);
    return 0;
}

/* How many tasks of the flood began before each of these did. */
struct swimmer {
    struct flood *flood;
    int after;
};

static int look_at_flood(void *data)
{
    struct swimmer *swimmer = data;
    swimmer->after = atomic_load(&swimmer->flood->run);
    return 0;
}

/* At limit 1, so that the looks of one worker are counted. */
static void swims(const struct filch_task_options *flood_options, const struct filch_task_options *options)
{
    enum { count = 40 };
    struct flood flood = {.pool = pool_of(1), .options = flood_options}, *flowing = &flood;
    struct swimmer swimmers[count];
    struct filch_future futures[count];
    struct held held;
    memset(futures, 0, sizeof futures);
    held_begin(&held, flood.pool);
    must(filch_submit_copy(flood.pool, flow, &flowing, sizeof flowing, flood_options, NULL) == 0);
    for (int i = 0; i < count; i++) {
        swimmers[i].flood = &flood;
        must(filch_submit_with(flood.pool, &futures[i], look_at_flood, &swimmers[i], options) == 0);
    }
    held_end(&held);
    for (int i = 0; i < count; i++)
        cr_assert_eq(filch_wait(&futures[i]), 0);
    atomic_store(&flood.stop, 1);
    cr_assert_leq(swimmers[0].after, share);
    for (int i = 1; i < count; i++)
        cr_assert_leq(swimmers[i].after - swimmers[i - 1].after, share, "task %d", i);
    pool_end(flood.pool);
}

Test(priority, low_gets_its_share_beside_normal, .timeout = TEST_TIMEOUT)
{
    swims(NULL, &low);
}

Test(priority, low_gets_its_share_beside_high, .timeout = TEST_TIMEOUT)
{
    swims(&high, &low);
}

Test(priority, normal_gets_its_share_beside_high, .timeout = TEST_TIMEOUT)
{
    swims(&high, NULL);
}

Test(priority, idle_workers_wake_for_each_level, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    atomic_int runs = 0;
    for (int i = 0; i < 200; i++) {
        struct filch_task_options options = {.priority = i % 3 - 1};
        struct filch_future future = {0};
        cr_assert_eq(filch_submit_with(pool, &future, count_up, &runs, &options), 0);
        cr_assert_eq(filch_wait(&future), 0);
        if (i % 20 == 0)
            wait_until(stats_of(pool).running == 0);
    }
    cr_assert_eq(atomic_load(&runs), 200);
    pool_end(pool);
}

static void count_dropped(void *data, int status)
{
    must(status == -ECANCELED);
    atomic_fetch_add((atomic_int *)data, 1);
}

Test(priority, closing_drops_or_drains_each_level, .timeout = TEST_TIMEOUT)
{
    for (int mode = FILCH_CLOSE_DRAIN; mode <= FILCH_CLOSE_CANCEL; mode++) {
        struct filch_pool *pool = pool_of(1);
        atomic_int runs = 0, *both[2] = {&runs, &runs};
        struct filch_future futures[30], until = {0};
        sem_t began;
        memset(futures, 0, sizeof futures);
        must(sem_init(&began, 0, 0) == 0);
        cr_assert_eq(filch_submit(pool, &until, until_cancelled, &began), 0);
        sem_take(&began);
        for (int i = 0; i < 30; i++) {
            struct filch_task_options options = {.priority = i % 3 - 1, .dropped = count_dropped};
            cr_assert_eq(filch_submit_with(pool, &futures[i], count_up, both[i % 2], &options), 0);
        }
        if (mode == FILCH_CLOSE_DRAIN)
            cr_assert_eq(filch_cancel(&until), -EINPROGRESS);
        cr_assert_eq(filch_pool_close(pool, (enum filch_close)mode, FILCH_NO_DEADLINE), 0);
        cr_assert_eq(atomic_load(&runs), 30, "run or dropped, once each");
        for (int i = 0; i < 30; i++)
            cr_assert_eq(filch_status(&futures[i]), mode == FILCH_CLOSE_DRAIN ? 0 : -ECANCELED);
        struct filch_pool_stats stats = stats_of(pool);
        cr_assert_eq(stats.submitted, 31);
        cr_assert_eq(stats.dropped, mode == FILCH_CLOSE_DRAIN ? 0 : 30);
        cr_assert_eq(stats.queue_depth, 0);
        watchdog_pool(NULL);
        filch_pool_free(pool);
        sem_destroy(&began);
    }
}

Test(priority, a_full_queue_counts_each_level, .timeout = TEST_TIMEOUT)
{
    struct filch_pool_config config = {.max_concurrency = 1, .queue_limit = 6, .when_full = FILCH_FULL_FAIL};
    struct filch_pool *pool = pool_open(&config);
    struct race *race = race_new();
    struct held held;
    struct filch_future refused = {0};
    held_begin(&held, pool);
    race_submit(race, pool, 0, 2, &low);
    race_submit(race, pool, 2, 4, NULL);
    race_submit(race, pool, 4, 6, &high);
    cr_assert_eq(filch_submit_with(pool, &refused, nothing, NULL, &high), -EAGAIN);
    held_end(&held);
    race_end(race, 6);
    race_submit(race, pool, 6, 12, &high);
    for (int i = 6; i < 12; i++)
        cr_assert_eq(filch_wait(&race->futures[i]), 0);
    pool_end(pool);
    free(race);
}

/* Each worker runs high, normal and low; a task that is cancelled while it is queued does not. */
Test(priority, several_workers_share_each_level, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(3);
    enum { count = 600 };
    struct filch_future futures[count];
    atomic_int runs = 0;
    int never = 0;
    memset(futures, 0, sizeof futures);
    for (int i = 0; i < count; i++) {
        struct filch_task_options options = {.priority = i % 3 - 1};
        cr_assert_eq(filch_submit_with(pool, &futures[i], count_up, &runs, &options), 0);
        if (i % 7 == 0)
            never += filch_cancel(&futures[i]) == 0;
    }
    for (int i = 0; i < count; i++)
        (void)filch_wait(&futures[i]);
    cr_assert_eq(atomic_load(&runs), count - never);
    pool_end(pool);
}
