/* SPDX-License-Identifier: MIT */
/* tasks.h - the vocabulary of the tests: pools that the watchdog knows, bodies that run until they are told, meters.
 *
 * A test never sleeps in order to be right: it waits for a fact (a body has begun, a counter has a value), and only the
 * watchdog ends a wait for something that does not come.
 */
#ifndef TESTS_TASKS_H
#define TESTS_TASKS_H

#include "build.h"
#include "watchdog.h"

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>

/* Look again and again until it is so. */
#define wait_until(condition)                                                                                          \
    do {                                                                                                               \
        while (!(condition))                                                                                           \
            usleep(100);                                                                                               \
    } while (0)

/* Lose some time, more with n: shifts the threads of a race against one another from round to round. */
static inline void dawdle(int n)
{
    for (volatile int i = n * 50; i > 0; i--)
        ;
    if (n % 8 == 7)
        sched_yield();
}

/* ---- pools ---- */

static inline struct filch_pool *pool_open(const struct filch_pool_config *config)
{
    struct filch_pool *pool = NULL;
    int error = filch_pool_open(&pool, config);
    if (error != 0)
        fprintf(stderr, "filch_pool_open: %s\n", strerror(-error));
    must(error == 0 && pool != NULL);
    return watchdog_pool(pool);
}

static inline struct filch_pool *pool_of(unsigned max_concurrency)
{
    struct filch_pool_config config = {.max_concurrency = max_concurrency};
    return pool_open(&config);
}

static inline struct filch_pool_stats stats_of(const struct filch_pool *pool)
{
    struct filch_pool_stats stats = {0};
    must(filch_pool_get_stats(pool, &stats, sizeof stats) == 0);
    return stats;
}

/* What is dumped of the pool, to be freed. Inlined, gcc 12 takes what is found in it for a pointer to `text` itself. */
static __attribute__((noinline, unused)) char *dump_of(const struct filch_pool *pool)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    must(out != NULL && filch_pool_dump(pool, out) == 0 && fclose(out) == 0);
    return text;
}

/* Drain, close and free; afterwards the counters must add up: what was accepted has run or was dropped. */
static inline void pool_end(struct filch_pool *pool)
{
    must(filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE) == 0);
    struct filch_pool_stats stats = stats_of(pool);
    must(stats.submitted == stats.run + stats.dropped);
    must(stats.queue_depth == 0 && stats.suspended == 0 && stats.held == 0);
    must(stats.workers == 0 && stats.running == 0);
    watchdog_pool(NULL);
    filch_pool_free(pool);
}

/* ---- bodies ---- */

/* A body that says that it runs, and ends when it is told to; it blocks its worker meanwhile. */
struct held {
    sem_t began, go;
    struct filch_future future;
};

static inline void sem_take(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0)
        must(errno == EINTR);
}

static inline int hold(void *data)
{
    struct held *held = data;
    sem_post(&held->began);
    sem_take(&held->go);
    return 0;
}

static inline void held_init(struct held *held)
{
    memset(held, 0, sizeof *held);
    must(sem_init(&held->began, 0, 0) == 0 && sem_init(&held->go, 0, 0) == 0);
}

/* Occupy one worker of the pool; returns when it is occupied. */
static inline void held_begin(struct held *held, struct filch_pool *pool)
{
    held_init(held);
    must(filch_submit(pool, &held->future, hold, held) == 0);
    sem_take(&held->began);
}

static inline void held_end(struct held *held)
{
    sem_post(&held->go);
    must(filch_wait(&held->future) == 0);
    sem_destroy(&held->began);
    sem_destroy(&held->go);
}

static inline int nothing(void *data)
{
    (void)data;
    return 0;
}

/* Returns the int that data points to. */
static inline int give(void *data)
{
    return *(const int *)data;
}

/* Counts its runs in the atomic that data points to. */
static inline int count_up(void *data)
{
    atomic_fetch_add((atomic_int *)data, 1);
    return 0;
}

/* Waits for the future that data points to; its status is the task's. */
static inline int wait_for(void *data)
{
    return filch_wait(data);
}

/* Runs until it is asked to stop. */
static inline int until_cancelled(void *data)
{
    sem_t *began = data;
    if (began)
        sem_post(began);
    while (!filch_cancelled())
        usleep(100);
    return 7;
}

/* ---- meters ---- */

/* How many are inside, and how many were at most. */
struct meter {
    atomic_int now, high;
};

static inline void meter_enter(struct meter *meter)
{
    int now = atomic_fetch_add(&meter->now, 1) + 1, high = atomic_load(&meter->high);
    while (now > high && !atomic_compare_exchange_weak(&meter->high, &high, now))
        ;
}

static inline void meter_leave(struct meter *meter)
{
    atomic_fetch_sub(&meter->now, 1);
}

/* `count` bodies that all must run at once for any of them to end: shows that the pool has so many permits. */
struct meeting {
    unsigned count;
    atomic_uint present;
};

static inline int meet(void *data)
{
    struct meeting *meeting = data;
    atomic_fetch_add(&meeting->present, 1);
    while (atomic_load(&meeting->present) < meeting->count)
        usleep(50);
    return 0;
}

static inline void meet_all(struct filch_pool *pool, unsigned count)
{
    struct meeting meeting = {.count = count};
    struct filch_future *futures = calloc(count, sizeof *futures);
    must(futures != NULL);
    for (unsigned i = 0; i < count; i++)
        must(filch_submit(pool, &futures[i], meet, &meeting) == 0);
    for (unsigned i = 0; i < count; i++)
        must(filch_wait(&futures[i]) == 0);
    free(futures);
}

/* ---- texts ---- */

static inline unsigned occurrences(const char *text, const char *what)
{
    unsigned count = 0;
    for (const char *at = text; (at = strstr(at, what)); at++)
        count++;
    return count;
}

/* ---- threads ---- */

/* Not pthread_self(): compilers take that for a constant of the function, also across a wait. */
static inline long thread_id(void)
{
    return syscall(SYS_gettid);
}

static inline pthread_t thread_start(void *(*main_)(void *), void *data)
{
    pthread_t thread;
    must(pthread_create(&thread, NULL, main_, data) == 0);
    return thread;
}

static inline void thread_join(pthread_t thread)
{
    must(pthread_join(thread, NULL) == 0);
}

#endif
