/* SPDX-License-Identifier: MIT */
/* stop.c - stopping one task: before it starts, while it runs, and when it is too late.
 *
 * Nothing is killed. A task that has not started never will, and its `dropped` is called instead, to free what came with
 * it. A task that runs is asked: filch_cancelled() is true in it, and waits with a deadline return -ECANCELED.
 */
#define _GNU_SOURCE
#include <filch/filch.h>

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct render {
    struct filch_future future;
    sem_t begun;
    long frames;
};

static atomic_int dropped_buffers;

/* Goes on until it is asked to stop, and keeps what it has. */
static int render(void *data)
{
    struct render *render = data;
    sem_post(&render->begun);
    for (; !filch_cancelled(); render->frames++)
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    return -ECANCELED; /* its own choice: a task that is asked late may have succeeded */
}

static void drop_buffer(void *data, int status)
{
    (void)data;
    atomic_fetch_add(&dropped_buffers, status == -ECANCELED);
}

int main(void)
{
    struct render first = {.frames = 0}, second = {.frames = 0};
    const struct filch_task_options options = {.name = "render", .dropped = drop_buffer};
    struct filch_pool *pool;
    int error = filch_pool_open(&pool, &(struct filch_pool_config){.max_concurrency = 1});
    if (error) {
        fprintf(stderr, "stop: no pool: %s\n", strerror(-error));
        return 1;
    }
    sem_init(&first.begun, 0, 0);
    sem_init(&second.begun, 0, 0);
    filch_submit_with(pool, &first.future, render, &first, &options);
    filch_submit_with(pool, &second.future, render, &second, &options);
    while (sem_wait(&first.begun) != 0)
        ; /* a signal */

    int queued = filch_cancel(&second.future); /* 0: it will never run */
    int running = filch_cancel(&first.future); /* -EINPROGRESS: it was asked */
    int first_status = filch_wait(&first.future), second_status = filch_wait(&second.future);
    int late = filch_cancel(&first.future); /* -EALREADY: it is done */
    filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE);
    filch_pool_free(pool);
    printf("queued: %d (%s), dropped: %d\n", queued, strerror(-second_status), atomic_load(&dropped_buffers));
    printf("running: %s (%s); done: %s\n", strerror(-running), strerror(-first_status), strerror(-late));
    bool right = queued == 0 && running == -EINPROGRESS && late == -EALREADY;
    return right && first_status == -ECANCELED && second_status == -ECANCELED && second.frames == 0 &&
                   atomic_load(&dropped_buffers) == 1
               ? 0
               : 1;
}
