/* SPDX-License-Identifier: MIT */
/* timeouts.c - a time-out per item, counted from the item's start, however long it stood in the queue.
 *
 * Some of these hosts never answer. Each question has a patience of its own; when it is over the task is asked to stop, a
 * wait with a deadline in it returns, and its status is -ETIMEDOUT whatever its body returns. The others are not
 * disturbed: the silent ones are suspended and hold no worker. One task does not listen when it is asked to stop. It is
 * reported as stuck, and its place serves the others meanwhile, in a pool that runs one body at a time.
 */
#define _GNU_SOURCE
#include <filch/filch.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { HOSTS = 20, DEAF = 0 };

struct host {
    struct filch_future future, answer;
    char name[16];
    bool silent;
};

static atomic_int stuck;
static atomic_bool let_go;

static int ask(void *data)
{
    struct host *host = data;
    int error = filch_wait_until(&host->answer, FILCH_NO_DEADLINE); /* -ECANCELED when the time is over */
    return error ? error : filch_status(&host->answer);
}

/* As a library does that knows nothing of stopping. */
static int ask_deaf(void *data)
{
    (void)data;
    while (!atomic_load(&let_go))
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    return 0;
}

static void note_stuck(void *ctx, const struct filch_stuck *task)
{
    (void)ctx;
    printf("stuck: %s\n", task->name);
    atomic_fetch_add(&stuck, 1);
}

static void begin(struct filch_pool *pool, struct host *host, int number)
{
    const bool deaf = number == DEAF;
    snprintf(host->name, sizeof host->name, "host%d", number);
    host->silent = number % 4 == 0;
    filch_promise_init(&host->answer);
    const struct filch_task_options options = {.name = deaf ? "ask a deaf one" : "ask",
                                               .timeout_ns = host->silent ? FILCH_MS(200) : FILCH_S(3600)};
    filch_submit_with(pool, &host->future, deaf ? ask_deaf : ask, host, &options);
    if (!host->silent)
        filch_complete(&host->answer, number); /* the network's part */
}

int main(void)
{
    static struct host hosts[HOSTS];
    int answered = 0, timed_out = 0;
    struct filch_pool *pool;
    int error = filch_pool_open(&pool, &(struct filch_pool_config){.max_concurrency = 1, .stuck = note_stuck});
    if (error) {
        fprintf(stderr, "timeouts: no pool: %s\n", strerror(-error));
        return 1;
    }
    for (int i = 0; i < HOSTS; i++)
        begin(pool, &hosts[i], i);
    for (int i = HOSTS - 1; i >= 0; i--) {
        atomic_store(&let_go, i == DEAF); /* when all others have ended */
        int status = filch_wait(&hosts[i].future);
        if (status == -ETIMEDOUT && hosts[i].silent)
            printf("%s: %s\n", hosts[i].name, strerror(-status));
        timed_out += status == -ETIMEDOUT;
        answered += status == i && !hosts[i].silent;
        filch_complete(&hosts[i].answer, -EPIPE); /* nobody waits for it any more; -EALREADY for the others */
    }
    filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE);
    filch_pool_free(pool);
    printf("%d answered, %d timed out, %d of them stuck\n", answered, timed_out, atomic_load(&stuck));
    return answered == 15 && timed_out == 5 && atomic_load(&stuck) == 1 ? 0 : 1;
}
