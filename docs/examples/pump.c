/* SPDX-License-Identifier: MIT */
/* pump.c - a main loop that sleeps in poll() until an event comes, and runs some of the pool's tasks between two events. */
#define _POSIX_C_SOURCE 200809L

#include <filch/filch.h>

#include <poll.h>
#include <stdio.h>

enum { TASKS = 200 };

struct tile {
    unsigned seed;
    unsigned result;
    struct filch_future future;
};

static int render(void *data)
{
    struct tile *tile = data;
    unsigned x = tile->seed;
    for (int i = 0; i < 20000; i++)
        x = x * 1664525u + 1013904223u;
    tile->result = x;
    return 0;
}

int main(void)
{
    static struct tile tiles[TASKS];
    struct filch_pool_config config = {.max_concurrency = filch_cpu_count() + 1, .flags = FILCH_POOL_PUMPED};
    struct filch_completions *finished;
    struct filch_pool *pool;
    int shown = 0, pumped = 0, more = 1;
    if (filch_pool_open(&pool, &config) != 0 || filch_completions_open(&finished) != 0)
        return 1;
    struct filch_task_options options = {.completions = finished};
    for (unsigned i = 0; i < TASKS; i++) {
        tiles[i].seed = i;
        filch_submit_with(pool, &tiles[i].future, render, &tiles[i], &options);
    }
    struct pollfd events = {.fd = filch_completions_fd(finished), .events = POLLIN};
    while (shown < TASKS) {
        struct filch_future *future;
        if (poll(&events, 1, more ? 0 : -1) < 0) /* a window's events would be here too */
            break;
        while (filch_completions_next(finished, 0, &future) == 0)
            shown++; /* draw it */
        int ran = filch_pool_pump(pool, 4);
        more = ran == 4;
        pumped += ran > 0 ? ran : 0;
    }
    printf("%d tiles shown, %d of them rendered by the loop itself\n", shown, pumped);
    filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE);
    filch_completions_close(finished);
    filch_pool_free(pool);
    return shown == TASKS ? 0 : 1;
}
