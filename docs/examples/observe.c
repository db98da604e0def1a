/* SPDX-License-Identifier: MIT */
/* observe.c - what is the pool doing? Counters, and a dump that names the task on each worker.
 *
 * Neither waits for a task, so both work where one is stuck: in a watchdog thread, in the handler of an operator's
 * request.
 */
#define _GNU_SOURCE
#include <filch/filch.h>

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THUMBNAILS = 8 };

static sem_t begun, go;

static int make_thumbnail(void *data)
{
    (void)data;
    sem_post(&begun);
    while (sem_wait(&go) != 0)
        ; /* a signal */
    return 0;
}

/* The dump as a string; free it. */
static char *dump(const struct filch_pool *pool)
{
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    if (stream) {
        filch_pool_dump(pool, stream);
        fclose(stream);
    }
    return text;
}

int main(void)
{
    static struct filch_future futures[THUMBNAILS];
    const struct filch_task_options options = {.name = "thumbnail"};
    struct filch_pool *pool;
    struct filch_pool_config config = {.max_concurrency = 2, .name = "photos"};
    int error = filch_pool_open(&pool, &config);
    if (error) {
        fprintf(stderr, "observe: no pool: %s\n", strerror(-error));
        return 1;
    }
    sem_init(&begun, 0, 0);
    sem_init(&go, 0, 0);
    for (int i = 0; i < THUMBNAILS; i++)
        filch_submit_with(pool, &futures[i], make_thumbnail, NULL, &options);
    for (int count = 0; count < 2;)
        count += sem_wait(&begun) == 0;

    struct filch_pool_stats now = {0}, after = {0};
    filch_pool_get_stats(pool, &now, sizeof now);
    char *text = dump(pool);
    fputs(text ? text : "", stdout);
    bool named = text && strstr(text, "thumbnail") && strstr(text, "photos");
    free(text);
    for (int i = 0; i < THUMBNAILS; i++)
        sem_post(&go);
    filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE);
    filch_pool_get_stats(pool, &after, sizeof after);
    filch_pool_free(pool);
    printf("busy: %u of %u run, %llu queued; at the end %llu have run\n", now.running, now.max_concurrency,
           (unsigned long long)now.queue_depth, (unsigned long long)after.run);
    return named && now.running == 2 && now.queue_depth == THUMBNAILS - 2 && after.run == THUMBNAILS ? 0 : 1;
}
