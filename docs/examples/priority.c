/* SPDX-License-Identifier: MIT */
/* priority.c - the picture that somebody looks at first, thumbnails next, the search index when nothing else is queued.
 *
 * They are submitted the other way round while the pool is busy. Priorities order what is queued, and stop nothing that
 * runs; and of 64 tasks that a worker begins each level gets one, so that the index does not stand still for ever.
 */
#define _GNU_SOURCE
#include <filch/filch.h>

#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { INDEXED = 100, THUMBNAILS = 200, JOBS = INDEXED + THUMBNAILS + 1, PICTURE = JOBS - 1 };

struct job {
    struct filch_future future;
    int place; /* in the order in which they began */
};

static sem_t begun, go;
static atomic_int places;

static int keep_busy(void *data)
{
    (void)data;
    sem_post(&begun);
    while (sem_wait(&go) != 0)
        ; /* a signal */
    return 0;
}

static int work(void *data)
{
    struct job *job = data;
    job->place = atomic_fetch_add(&places, 1) + 1;
    return 0;
}

static void submit(struct filch_pool *pool, struct job jobs[], int count, int priority)
{
    const struct filch_task_options options = {.priority = priority};
    for (int i = 0; i < count; i++)
        filch_submit_with(pool, &jobs[i].future, work, &jobs[i], &options);
}

static int mean_place(const struct job jobs[], int count)
{
    int sum = 0;
    for (int i = 0; i < count; i++)
        sum += jobs[i].place;
    return sum / count;
}

int main(void)
{
    static struct job jobs[JOBS];
    struct filch_future busy = {0};
    struct filch_pool *pool;
    int error = filch_pool_open(&pool, &(struct filch_pool_config){.max_concurrency = 1});
    if (error) {
        fprintf(stderr, "priority: no pool: %s\n", strerror(-error));
        return 1;
    }
    sem_init(&begun, 0, 0);
    sem_init(&go, 0, 0);
    filch_submit(pool, &busy, keep_busy, NULL);
    while (sem_wait(&begun) != 0)
        ; /* a signal */
    submit(pool, &jobs[0], INDEXED, -1);
    submit(pool, &jobs[INDEXED], THUMBNAILS, 0);
    submit(pool, &jobs[PICTURE], 1, 1);
    sem_post(&go);
    for (int i = 0; i < JOBS; i++)
        error = error ? error : filch_wait(&jobs[i].future);
    filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE);
    filch_pool_free(pool);

    int thumbnails = mean_place(&jobs[INDEXED], THUMBNAILS), index = mean_place(&jobs[0], INDEXED);
    bool in_order = jobs[PICTURE].place <= 64 && thumbnails < index;
    printf("the picture was number %d, thumbnails %d on average, the index %d\n", jobs[PICTURE].place, thumbnails,
           index);
    printf("what is urgent came first: %s\n", in_order ? "yes" : "no");
    return !error && in_order ? 0 : 1;
}
