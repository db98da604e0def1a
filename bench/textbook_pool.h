/* SPDX-License-Identifier: MIT */
/* textbook_pool.h - the peer that most C programs have today: a list under a mutex, a condition variable, N threads.
 *
 * Written as a careful C programmer would: one malloc per task, no polling, close drains. Any thread may submit, a task
 * too. Nothing here waits for a single task; callers count or signal on their own.
 */
#ifndef FILCH_BENCH_TEXTBOOK_POOL_H
#define FILCH_BENCH_TEXTBOOK_POOL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

typedef void textbook_fn(void *data);

struct textbook_task {
    struct textbook_task *next;
    textbook_fn *fn;
    void *data;
};

struct textbook_pool {
    pthread_mutex_t lock;
    pthread_cond_t nonempty;
    struct textbook_task *first;
    struct textbook_task **last;
    bool closing;
    unsigned workers;
    pthread_t threads[];
};

static void *textbook_work(void *arg)
{
    struct textbook_pool *pool = arg;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (!pool->first && !pool->closing)
            pthread_cond_wait(&pool->nonempty, &pool->lock);
        struct textbook_task *task = pool->first;
        if (!task)
            break;
        pool->first = task->next;
        if (!pool->first)
            pool->last = &pool->first;
        pthread_mutex_unlock(&pool->lock);
        task->fn(task->data);
        free(task);
        pthread_mutex_lock(&pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* Run what was submitted, then stop and free the pool. */
static inline void textbook_close(struct textbook_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->closing = true;
    pthread_cond_broadcast(&pool->nonempty);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->workers; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->nonempty);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

/* NULL when memory or threads are short. */
static inline struct textbook_pool *textbook_open(unsigned workers)
{
    struct textbook_pool *pool = calloc(1, sizeof *pool + workers * sizeof pool->threads[0]);
    if (!pool)
        return NULL;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->nonempty, NULL);
    pool->last = &pool->first;
    for (; pool->workers < workers; pool->workers++) {
        if (pthread_create(&pool->threads[pool->workers], NULL, textbook_work, pool)) {
            textbook_close(pool);
            return NULL;
        }
    }
    return pool;
}

/* Makes a task and queues it; the pool stays locked. -1 and unlocked when memory is short. */
static inline int textbook_push_and_lock(struct textbook_pool *pool, textbook_fn *fn, void *data)
{
    struct textbook_task *task = malloc(sizeof *task);
    if (!task)
        return -1;
    *task = (struct textbook_task){.fn = fn, .data = data};
    pthread_mutex_lock(&pool->lock);
    *pool->last = task;
    pool->last = &task->next;
    return 0;
}

/* 0, or -1 when memory is short. The signal is given under the lock: after the unlock, two workers and a producer of
 * many small tasks fall into step now and then, and then each task costs a wake-up (2 us instead of 0.2). */
static inline int textbook_submit(struct textbook_pool *pool, textbook_fn *fn, void *data)
{
    if (textbook_push_and_lock(pool, fn, data))
        return -1;
    pthread_cond_signal(&pool->nonempty);
    pthread_mutex_unlock(&pool->lock);
    return 0;
}

/* The same for a task that comes alone: the signal after the unlock, so that the worker does not wake up only to wait
 * for the lock (5 us sooner here). */
static inline int textbook_submit_alone(struct textbook_pool *pool, textbook_fn *fn, void *data)
{
    if (textbook_push_and_lock(pool, fn, data))
        return -1;
    pthread_mutex_unlock(&pool->lock);
    pthread_cond_signal(&pool->nonempty);
    return 0;
}

#endif
