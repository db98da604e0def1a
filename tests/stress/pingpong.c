/* SPDX-License-Identifier: MIT */
/* pingpong.c - no wake-up is lost: one or two tasks at a time between threads and pool, so that every exchange meets
 * workers, waiters and the last worker of all as they fall asleep, wake, start or retire.
 *
 * A lost wake-up hangs the round, and the watchdog shows it. There is nothing that would hide it: the idle time-outs
 * are either far longer than the watchdog's, or so short that the worker is gone.
 */
#include "support/stress.h"

enum { exchanges = 1000 };

struct game {
    struct filch_pool *pool;
    uint64_t random;
    int count;
    atomic_int runs;
};

/* Threads submit and wait, with pauses that end at every point of a worker's way to sleep. */
static void *submit_and_wait(void *data)
{
    struct game *game = data;
    uint64_t random = game->random;
    for (int i = 0; i < game->count; i++) {
        struct filch_future futures[2] = {{{0}}};
        unsigned tasks = 1 + random_below(&random, 2);
        for (unsigned k = 0; k < tasks; k++)
            claim(filch_submit(game->pool, &futures[k], count_up, &game->runs) == 0);
        if (random_below(&random, 2)) {
            for (unsigned k = 0; k < tasks; k++)
                claim(filch_wait(&futures[k]) == 0);
        } else {
            for (unsigned k = 0; k < tasks; k++)
                while (!filch_done(&futures[k]))
                    dawdle(9);
        }
        if (random_below(&random, 2))
            dawdle((int)random_below(&random, 3000));
    }
    return NULL;
}

static void threads_against_pool(const struct filch_pool_config *config, int threads_count, uint64_t random)
{
    struct filch_pool *pool = pool_open(config);
    struct game games[3];
    pthread_t threads[3];
    int runs = 0;
    for (int i = 0; i < threads_count; i++) {
        games[i] = (struct game){.pool = pool, .count = TEST_SHARE(exchanges), .random = random_next(&random)};
        threads[i] = thread_start(submit_and_wait, &games[i]);
    }
    for (int i = 0; i < threads_count; i++) {
        thread_join(threads[i]);
        runs += atomic_load(&games[i].runs);
    }
    wait_until(stats_of(pool).run == (uint64_t)runs);
    pool_end(pool);
}

/* A thread and a task, or two tasks, hand a ball to and fro: each waits for the other's promise. */
struct side {
    struct filch_future *mine, *theirs; /* arrays: one promise per exchange */
    int count;
    bool first, timed;
};

static int play(void *data)
{
    struct side *side = data;
    for (int i = 0; i < side->count; i++) {
        if (side->first)
            claim(filch_complete(&side->mine[i], i) == 0);
        if (side->timed)
            claim(filch_wait_until(&side->theirs[i], filch_in_ns(FILCH_S(3600))) == 0);
        claim(filch_wait(&side->theirs[i]) == i);
        if (!side->first)
            claim(filch_complete(&side->mine[i], i) == 0);
    }
    return 0;
}

static void play_rounds(unsigned limit, bool thread_plays, unsigned flags, uint64_t random)
{
    int count = TEST_SHARE(exchanges);
    struct filch_pool *pool = pool_of(limit);
    struct filch_future *promises = calloc((size_t)(2 * count), sizeof *promises), tasks[2] = {{{0}}};
    struct filch_task_options options = {.flags = flags};
    must(promises != NULL);
    for (int i = 0; i < 2 * count; i++)
        filch_promise_init(&promises[i]);
    struct side sides[2] = {{promises, promises + count, count, true, random_below(&random, 2)},
                            {promises + count, promises, count, false, random_below(&random, 2)}};
    claim(filch_submit_with(pool, &tasks[1], play, &sides[1], flags ? &options : NULL) == 0);
    if (thread_plays)
        (void)play(&sides[0]);
    else
        claim(filch_submit(pool, &tasks[0], play, &sides[0]) == 0);
    claim(filch_wait(&tasks[1]) == 0);
    if (!thread_plays)
        claim(filch_wait(&tasks[0]) == 0);
    pool_end(pool);
    free(promises);
}

/* A chain of submissions: each task submits the next and ends, so that work is never more than one task. */
struct relay {
    struct filch_future finish;
    int left;
};

static int pass_on(void *data)
{
    struct relay *relay = *(struct relay **)data;
    if (relay->left-- == 0)
        return filch_complete(&relay->finish, 0);
    claim(filch_submit_copy(NULL, pass_on, &relay, sizeof relay, NULL, NULL) == 0);
    return 0;
}

static void relay_rounds(unsigned limit)
{
    struct relay relay = {.left = TEST_SHARE(exchanges)}, *start = &relay;
    struct filch_pool *pool = pool_of(limit);
    filch_promise_init(&relay.finish);
    claim(filch_submit_copy(pool, pass_on, &start, sizeof start, NULL, NULL) == 0);
    claim(filch_wait(&relay.finish) == 0);
    pool_end(pool);
}

int main(int argc, char **argv)
{
    uint64_t total = 0;
    (void)argc;
    stress_begin(argv, "pingpong", 6000, 1000);
    while (stress_next()) {
        uint64_t random = stress.seed;
        const struct filch_pool_config shapes[] = {
            {.max_concurrency = 1, .idle_timeout_ns = FILCH_S(7200)},
            {.max_concurrency = 2, .idle_timeout_ns = FILCH_S(7200)},
            {.min_workers = 3, .max_concurrency = 3, .idle_timeout_ns = FILCH_S(7200)},
            {.max_concurrency = 1, .idle_timeout_ns = 1, .flags = FILCH_POOL_NO_IDLE_WORKERS},
            {.max_concurrency = 2, .idle_timeout_ns = 20000, .flags = FILCH_POOL_NO_IDLE_WORKERS},
        };
        for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
            threads_against_pool(&shapes[i], 1 + (int)random_below(&random, 3), random_next(&random));
        for (unsigned limit = 1; limit <= 2; limit++) {
            play_rounds(limit, true, 0, random_next(&random));
            play_rounds(limit, false, 0, random_next(&random));
            play_rounds(limit, true, FILCH_TASK_OWN_THREAD, random_next(&random));
            play_rounds(limit, false, FILCH_TASK_OWN_THREAD, random_next(&random));
            relay_rounds(limit);
        }
        total += 15 * (uint64_t)TEST_SHARE(exchanges);
    }
    printf("figure: P3 at least %" PRIu64 " exchanges: no wake-up lost\n", total);
    return 0;
}
