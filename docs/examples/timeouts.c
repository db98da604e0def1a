/* SPDX-License-Identifier: MIT */
/* timeouts.c - a time-out per item, counted from the item's start, however long it stood in the queue.
 *
 * Some of these hosts never answer. Each question has a patience of its own; when it is over the task is asked to stop, a
 * wait with a deadline in it returns, and its status is -ETIMEDOUT whatever its body returns. The others are not
 * disturbed: the silent ones are suspended and hold no worker.
 */
#include <filch/filch.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { HOSTS = 20 };

struct host {
    struct filch_future future, answer;
    char name[16];
    bool silent;
};

static int ask(void *data)
{
    struct host *host = data;
    int error = filch_wait_until(&host->answer, FILCH_NO_DEADLINE); /* -ECANCELED when the time is over */
    return error ? error : filch_status(&host->answer);
}

int main(void)
{
    static struct host hosts[HOSTS];
    int answered = 0, timed_out = 0;
    struct filch_pool *pool;
    int error = filch_pool_open(&pool, &(struct filch_pool_config){.max_concurrency = 2});
    if (error) {
        fprintf(stderr, "timeouts: no pool: %s\n", strerror(-error));
        return 1;
    }
    for (int i = 0; i < HOSTS; i++) {
        struct host *host = &hosts[i];
        snprintf(host->name, sizeof host->name, "host%d", i);
        host->silent = i % 4 == 0;
        filch_promise_init(&host->answer);
        struct filch_task_options options = {.name = "ask", .timeout_ns = host->silent ? FILCH_MS(20) : FILCH_S(3600)};
        filch_submit_with(pool, &host->future, ask, host, &options);
    }
    for (int i = 0; i < HOSTS; i++)
        if (!hosts[i].silent)
            filch_complete(&hosts[i].answer, i); /* the network's part */
    for (int i = 0; i < HOSTS; i++) {
        int status = filch_wait(&hosts[i].future);
        if (status == -ETIMEDOUT && hosts[i].silent)
            printf("%s: %s\n", hosts[i].name, strerror(-status));
        timed_out += status == -ETIMEDOUT;
        answered += status == i && !hosts[i].silent;
        filch_complete(&hosts[i].answer, -EPIPE); /* nobody waits for it any more; -EALREADY for the others */
    }
    filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE);
    filch_pool_free(pool);
    printf("%d answered, %d timed out\n", answered, timed_out);
    return answered == 15 && timed_out == 5 ? 0 : 1;
}
