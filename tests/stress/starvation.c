/* SPDX-License-Identifier: MIT */
/* starvation.c - everything starts: beside long tasks, behind tasks that wait, and beside workers that feed themselves.
 *
 * Each part ends only if what it waits for gets its turn; the watchdog tells when it does not.
 */
#include "support/stress.h"

/* N tasks wait on N workers, and N - 1 bodies are held: all that comes now shares one permit, and all of it starts. */
static void beside_long_and_waiting(unsigned limit, uint64_t *random)
{
    enum { most = 8, count = 200 };
    struct filch_pool *pool = pool_of(limit);
    struct filch_future promise = {0}, waiting[most], *futures = calloc(count, sizeof *futures);
    struct held held[most];
    atomic_int runs = 0;
    must(futures != NULL && limit <= most);
    memset(waiting, 0, sizeof waiting);
    filch_promise_init(&promise);
    for (unsigned i = 0; i < limit; i++)
        claim(filch_submit(pool, &waiting[i], wait_for, &promise) == 0);
    wait_until(stats_of(pool).suspended == limit);
    for (unsigned i = 0; i + 1 < limit; i++)
        held_begin(&held[i], pool);
    for (int i = 0; i < count; i++) {
        claim(filch_submit(pool, &futures[i], count_up, &runs) == 0);
        if (random_below(random, 16) == 0)
            dawdle((int)random_below(random, 500));
    }
    for (int i = 0; i < count; i++)
        claim(filch_wait(&futures[i]) == 0);
    claim(atomic_load(&runs) == count);
    claim(filch_complete(&promise, 2) == 0); /* the tasks that waited go on, on the one permit that is left */
    for (unsigned i = 0; i < limit; i++)
        claim(filch_wait(&waiting[i]) == 2);
    for (unsigned i = 0; i + 1 < limit; i++)
        held_end(&held[i]);
    pool_end(pool);
    free(futures);
}

/* Tasks that submit their own successors keep a worker's deque filled for ever; each feeder ends when told. */
struct feeder {
    struct filch_pool *pool;
    atomic_int stop, fed;
};

static int feed(void *data)
{
    struct feeder *feeder = *(struct feeder **)data;
    atomic_fetch_add(&feeder->fed, 1);
    if (!atomic_load(&feeder->stop))
        claim(filch_submit_copy(NULL, feed, &feeder, sizeof feeder, NULL, NULL) == 0);
    return 0;
}

static int feed_two(void *data)
{
    struct feeder *feeder = *(struct feeder **)data;
    atomic_fetch_add(&feeder->fed, 1);
    for (int i = 0; i < 2 && !atomic_load(&feeder->stop); i++) {
        filch_fn *fn = i ? nothing : feed_two; /* with a leaf on top each time */
        claim(filch_submit_copy(NULL, fn, &feeder, sizeof feeder, NULL, NULL) == 0);
    }
    return 0;
}

static int yield_to_promise(void *data)
{
    struct filch_future *promises = data;
    claim(filch_complete(&promises[0], 0) == 0);
    claim(filch_wait(&promises[1]) == 0);
    return 0;
}

static void feeders_start(struct feeder *feeder, unsigned limit, filch_fn *fn)
{
    for (unsigned i = 0; i < limit; i++)
        claim(filch_submit_copy(feeder->pool, fn, &feeder, sizeof feeder, NULL, NULL) == 0);
    wait_until(atomic_load(&feeder->fed) > 1000);
}

/* From outside, while every worker feeds itself: new tasks start, and strands made ready go on. */
static void beside_feeders(unsigned limit, filch_fn *fn, uint64_t *random)
{
    struct feeder feeder = {.pool = pool_of(limit)};
    struct filch_future waiting = {0}, promises[2] = {{{0}}};
    atomic_int runs = 0;
    filch_promise_init(&promises[0]);
    filch_promise_init(&promises[1]);
    claim(filch_submit(feeder.pool, &waiting, yield_to_promise, promises) == 0);
    claim(filch_wait(&promises[0]) == 0);
    feeders_start(&feeder, limit, fn);
    for (int i = 0; i < 50; i++) {
        struct filch_future future = {0};
        claim(filch_submit(feeder.pool, &future, count_up, &runs) == 0);
        claim(filch_wait(&future) == 0);
        dawdle((int)random_below(random, 200));
    }
    claim(filch_complete(&promises[1], 0) == 0);
    claim(filch_wait(&waiting) == 0);
    atomic_store(&feeder.stop, 1);
    pool_end(feeder.pool);
}

/* The oldest entry of a deque whose owner feeds itself at the other end, at limit 1 where nobody steals. */
struct buried {
    struct filch_future future;
    struct feeder *feeder;
};

static int stop_feeder(void *data)
{
    struct buried *buried = data;
    atomic_store(&buried->feeder->stop, 1);
    return 0;
}

static int bury_and_feed(void *data)
{
    struct buried *buried = data;
    claim(filch_submit(NULL, &buried->future, stop_feeder, buried) == 0);
    return feed(&buried->feeder);
}

static void under_a_feeder(unsigned limit)
{
    struct feeder feeder = {.pool = pool_of(limit)};
    struct buried buried = {.feeder = &feeder};
    struct filch_future start = {0};
    claim(filch_submit(feeder.pool, &start, bury_and_feed, &buried) == 0);
    claim(filch_wait(&start) == 0);
    claim(filch_wait(&buried.future) == 0);
    pool_end(feeder.pool);
}

/* A body on a thread of its own must get its permit back beside workers that never rest. */
static int wait_own(void *data)
{
    struct filch_future *promises = data;
    for (int i = 0; i < 20; i++)
        claim(filch_wait(&promises[i]) == 0);
    return 0;
}

static void own_thread_beside_feeders(unsigned limit)
{
    struct feeder feeder = {.pool = pool_of(limit)};
    struct filch_future promises[20], task = {0};
    struct filch_task_options options = {.flags = FILCH_TASK_OWN_THREAD};
    memset(promises, 0, sizeof promises);
    for (int i = 0; i < 20; i++)
        filch_promise_init(&promises[i]);
    claim(filch_submit_with(feeder.pool, &task, wait_own, promises, &options) == 0);
    feeders_start(&feeder, limit, feed);
    for (int i = 0; i < 20; i++)
        claim(filch_complete(&promises[i], 0) == 0);
    claim(filch_wait(&task) == 0);
    atomic_store(&feeder.stop, 1);
    pool_end(feeder.pool);
}

int main(int argc, char **argv)
{
    (void)argc;
    stress_begin(argv, "starvation", 5000, 2000);
    while (stress_next()) {
        uint64_t random = stress.seed;
        for (unsigned limit = 1; limit <= 3; limit++) {
            beside_long_and_waiting(limit + random_below(&random, 5), &random);
            beside_feeders(limit, feed, &random);
            beside_feeders(limit, feed_two, &random);
            under_a_feeder(limit);
            own_thread_beside_feeders(limit);
        }
    }
    printf("figure: P17 %" PRIu64 " rounds beside long, waiting and feeding tasks: everything started\n", stress.done);
    return 0;
}
