/* SPDX-License-Identifier: MIT */
/* waiting.c - very many tasks that wait at once: they all get there, at every limit, they all come back, and each costs
 * a bounded piece of memory.
 */
#include "support/stress.h"

enum { count_ci = 100000, count_full = 1000000, bytes_most = 24 * 1024 };

static size_t resident_bytes(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    must(file != NULL && fscanf(file, "%*s %ld", &pages) == 1);
    fclose(file);
    return (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* As many as a quarter of the free memory allows; ThreadSanitizer bounds its fibers. */
static size_t how_many(void)
{
    size_t want = stress.full ? count_full : count_ci;
    size_t room = (size_t)sysconf(_SC_AVPHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE) / 4 / bytes_most;
    if (TEST_TSAN)
        want = 2000;
    else if (TEST_ASAN)
        want = 5000;
    return want < room ? want : room;
}

struct crowd {
    struct filch_future *waiting, *promises;
    size_t count;
};

static struct crowd crowd_make(size_t count)
{
    struct crowd crowd = {calloc(count, sizeof *crowd.waiting), calloc(count, sizeof *crowd.promises), count};
    must(crowd.waiting && crowd.promises);
    for (size_t i = 0; i < count; i++)
        filch_promise_init(&crowd.promises[i]);
    return crowd;
}

static void crowd_free(struct crowd *crowd)
{
    free(crowd->waiting);
    free(crowd->promises);
}

/* Each waits for a promise of its own; they are completed in an order of chance. */
static void each_for_its_own(unsigned limit, size_t count, uint64_t *random)
{
    struct filch_pool *pool = pool_of(limit);
    struct crowd crowd = crowd_make(count);
    size_t before = resident_bytes();
    for (size_t i = 0; i < count; i++)
        claim(filch_submit(pool, &crowd.waiting[i], wait_for, &crowd.promises[i]) == 0);
    wait_until(stats_of(pool).suspended == count);
    struct filch_pool_stats stats = stats_of(pool);
    size_t after = resident_bytes(), each = after > before ? (after - before) / count : 0;
    printf("figure: P9 %zu tasks wait at a limit of %u: %zu bytes each, %" PRIu64 " stacks, %" PRIu64
           " without a guard page\n",
           count, limit, each, stats.strands, stats.unguarded_stacks);
    if (!TEST_SANITIZED)
        claim(each <= bytes_most);
    claim(stats.strands <= count + 32 * (limit + 1)); /* a resting one or two per worker, and its cache */
    size_t step = random_below(random, 1000) * 2 + 1;
    while (count % step == 0 && step > 1)
        step += 2;
    for (size_t i = 0, at = 0; i < count; i++, at = (at + step) % count)
        (void)filch_complete(&crowd.promises[at], (int)(at % 1000));
    for (size_t i = 0; i < count; i++) /* whatever the step, all of them */
        (void)filch_complete(&crowd.promises[i], (int)(i % 1000));
    for (size_t i = 0; i < count; i++)
        claim(filch_wait(&crowd.waiting[i]) == (int)(i % 1000));
    pool_end(pool);
    crowd_free(&crowd);
}

/* A chain: each waits for the next, and the last one's end runs all the way up. */
struct link {
    struct filch_future future;
    struct link *next;
};

static int run_link(void *data)
{
    struct link *link = data;
    if (!link->next)
        return 0;
    must(filch_submit(NULL, &link->next->future, run_link, link->next) == 0);
    return filch_wait(&link->next->future) + 1;
}

static void one_for_the_next(unsigned limit, size_t count)
{
    struct filch_pool *pool = pool_of(limit);
    struct link *links = calloc(count, sizeof *links);
    must(links != NULL);
    for (size_t i = 0; i + 1 < count; i++)
        links[i].next = &links[i + 1];
    claim(filch_submit(pool, &links[0].future, run_link, &links[0]) == 0);
    claim(filch_wait(&links[0].future) == (int)count - 1);
    pool_end(pool);
    free(links);
}

int main(int argc, char **argv)
{
    (void)argc;
    stress_begin(argv, "waiting", 3000, 4);
    while (stress_next()) {
        uint64_t random = stress.seed;
        size_t count = how_many();
        each_for_its_own(1 + random_below(&random, 3), count, &random);
        one_for_the_next(1 + random_below(&random, 3), count / 2);
    }
    return 0;
}
