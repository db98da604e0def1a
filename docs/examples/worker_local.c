/* SPDX-License-Identifier: MIT */
/* worker_local.c - what every worker has for itself: a histogram, and scratch memory, without a lock and without one of
 * them per task.
 *
 * 400 tasks throw dice and count into the histogram of the worker that happens to run them; at the end the few
 * histograms are added up. A task asks for its worker's instance again after each wait: here after the pause in its
 * middle.
 */
#include <filch/filch.h>

#include <stdio.h>
#include <string.h>

enum { TASKS = 400, THROWS = 10000, FACES = 6, DICE = 2, SUMS = FACES * DICE + 1 };

struct histogram {
    uint64_t count[SUMS];
    uint64_t random; /* the worker's own generator */
};

struct game {
    struct filch_future future;
    struct filch_local *histograms;
};

/* Called on the worker that needs an instance, which is zero bytes so far. */
static int seed(void *ctx, void *instance)
{
    struct histogram *histogram = instance;
    histogram->random = filch_now_ns() | 1;
    (void)ctx;
    return 0;
}

static unsigned throw_die(struct histogram *histogram)
{
    histogram->random ^= histogram->random << 13;
    histogram->random ^= histogram->random >> 7;
    histogram->random ^= histogram->random << 17;
    return (unsigned)(histogram->random >> 33) % FACES + 1;
}

static int throw_often(struct filch_local *histograms, int times)
{
    void *instance;
    int error = filch_local_get(histograms, &instance);
    for (int i = 0; i < times && !error; i++) {
        struct histogram *histogram = instance;
        unsigned sum = throw_die(histogram);
        sum += throw_die(histogram);
        histogram->count[sum]++;
    }
    return error;
}

static int nothing(void *data)
{
    (void)data;
    return 0;
}

static int play(void *data)
{
    struct game *game = data;
    struct filch_future pause = {0};
    int error = throw_often(game->histograms, THROWS / 2);
    if (!error)
        error = filch_submit(NULL, &pause, nothing, NULL);
    if (!error)
        error = filch_wait(&pause); /* this task may go on on another worker, and another task use this histogram */
    return error ? error : throw_often(game->histograms, THROWS / 2);
}

static int add(void *ctx, void *instance)
{
    struct histogram *total = ctx, *histogram = instance;
    for (int i = 0; i < SUMS; i++)
        total->count[i] += histogram->count[i];
    total->random++; /* counts the instances */
    return 0;
}

int main(void)
{
    static struct game games[TASKS];
    struct histogram total = {.random = 0};
    struct filch_local *histograms;
    const struct filch_local_config config = {.size = sizeof(struct histogram), .init = seed};
    int error = filch_local_open(&histograms, NULL, &config);
    if (error) {
        fprintf(stderr, "worker_local: %s\n", strerror(-error));
        return 1;
    }
    const struct filch_batch batch = {&games[0].future, sizeof games[0], games, sizeof games[0], TASKS};
    for (int i = 0; i < TASKS; i++)
        games[i].histograms = histograms;
    error = filch_submit_many(NULL, &batch, play, NULL);
    if (!error)
        error = filch_wait_many(&batch, FILCH_NO_DEADLINE);
    for (int i = 0; i < TASKS && !error; i++)
        error = filch_status(&games[i].future);
    filch_local_each(histograms, add, &total);
    filch_local_close(histograms);
    uint64_t throws = 0, most = 0, instances = total.random;
    for (int i = 0; i < SUMS; i++) {
        throws += total.count[i];
        most = total.count[i] > total.count[most] ? (uint64_t)i : most;
    }
    printf("%llu throws of %d dice, %llu the most frequent\n", (unsigned long long)throws, DICE,
           (unsigned long long)most);
    printf("%llu histograms for %d tasks\n", (unsigned long long)instances, TASKS);
    return !error && throws == (uint64_t)TASKS * THROWS && most == 7 ? 0 : 1;
}
