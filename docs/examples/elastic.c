/* SPDX-License-Identifier: MIT */
/* elastic.c - a pool whose limit changes while it works: two jobs at a time, then four, then one.
 *
 * Lowering the limit stops nobody: the jobs above it finish, and no other begins before there is room below the new one.
 * Workers above the minimum leave when they have been idle for idle_timeout_ns.
 */
#define _GNU_SOURCE
#include <filch/filch.h>

#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { JOBS = 12, FIRST = 4 };

struct job {
    struct filch_future future;
    int place;   /* in the order in which they begin, which is not quite that of the submits */
    int company; /* jobs that ran when it began, itself included */
};

static atomic_int started, running;
static sem_t begun, go;

/* A job of the kind that blocks: here until main lets it go. */
static int work(void *data)
{
    struct job *job = data;
    job->place = atomic_fetch_add(&started, 1);
    job->company = atomic_fetch_add(&running, 1) + 1;
    sem_post(&begun);
    while (sem_wait(&go) != 0)
        ; /* a signal */
    atomic_fetch_sub(&running, 1);
    return 0;
}

static void wait_for_begun(int count)
{
    while (count > 0)
        count -= sem_wait(&begun) == 0;
}

/* Waits until the pool is down to its minimum of workers again. */
static unsigned idle_workers(struct filch_pool *pool)
{
    struct filch_pool_stats stats = {0};
    do {
        nanosleep(&(struct timespec){0, 1000000}, NULL);
        filch_pool_get_stats(pool, &stats, sizeof stats);
    } while (stats.workers > 1);
    return stats.workers;
}

int main(void)
{
    struct job jobs[JOBS] = {0};
    struct filch_pool *pool;
    struct filch_pool_config config = {.min_workers = 1, .max_concurrency = 2, .idle_timeout_ns = FILCH_MS(10)};
    int error = filch_pool_open(&pool, &config);
    if (error) {
        fprintf(stderr, "elastic: no pool: %s\n", strerror(-error));
        return 1;
    }
    sem_init(&begun, 0, 0);
    sem_init(&go, 0, 0);
    unsigned free_at_first = filch_pool_available(pool), free_later = 0;
    int together = 1;
    for (int i = 0; i < JOBS; i++)
        filch_submit(pool, &jobs[i].future, work, &jobs[i]);
    wait_for_begun(2);
    free_later += filch_pool_available(pool);
    filch_pool_resize(pool, 0, FIRST); /* 0: the minimum stays */
    wait_for_begun(FIRST - 2);
    free_later += filch_pool_available(pool);
    filch_pool_resize(pool, 0, 1);
    free_later += filch_pool_available(pool); /* four run, one may: 0, not -3 */

    for (int i = 0; i < JOBS; i++)
        sem_post(&go);
    for (int i = 0; i < JOBS; i++) {
        error = error ? error : filch_wait(&jobs[i].future);
        if (jobs[i].place >= FIRST && jobs[i].company > together)
            together = jobs[i].company;
    }
    unsigned left = idle_workers(pool);
    filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE);
    filch_pool_free(pool);
    printf("%d jobs; free places: %u at first, %u while busy; after the limit fell to 1, %d at once; %u worker stays\n",
           JOBS, free_at_first, free_later, together, left);
    return !error && free_at_first == 2 && free_later == 0 && together == 1 ? 0 : 1;
}
