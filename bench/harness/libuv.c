/* SPDX-License-Identifier: MIT */
/* libuv.c - uv_queue_work as a pool of the benches: an array of requests, a loop per producer.
 *
 * A request is libuv's handle: its after-work callback tells the loop's thread that the task has ended. The waiter runs
 * its loop, as a libuv program does.
 */
#define _GNU_SOURCE
#include "bench.h"
#include "pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

struct requests {
    uv_loop_t loop;
    size_t ended;
    uv_work_t items[];
};

void bench_pool_open(unsigned workers)
{
    /* Read once, when the first request is queued; the threads start then. */
    char size[16];
    snprintf(size, sizeof size, "%u", workers);
    setenv("UV_THREADPOOL_SIZE", size, 1);
    printf("version %s\n", uv_version_string());
}

void bench_pool_close(void)
{
}

void bench_lot_open(struct bench_lot *lot, size_t capacity, bench_body *body, void *data)
{
    *lot = (struct bench_lot){.body = body, .data = data, .capacity = capacity};
    struct requests *requests = calloc(1, sizeof *requests + capacity * sizeof requests->items[0]);
    if (!requests || uv_loop_init(&requests->loop))
        bench_die("no memory for %zu requests", capacity);
    lot->handles = requests;
}

void bench_lot_close(struct bench_lot *lot)
{
    struct requests *requests = lot->handles;
    BENCH_CHECK(uv_loop_close(&requests->loop) == 0);
    free(requests);
}

static void work(uv_work_t *request)
{
    const struct bench_lot *lot = request->data;
    lot->body(lot->data);
}

static void after_work(uv_work_t *request, int status)
{
    struct bench_lot *lot = request->data;
    struct requests *requests = lot->handles;
    requests->ended += status == 0;
}

void bench_lot_submit(struct bench_lot *lot, size_t count)
{
    BENCH_CHECK(count <= lot->capacity - lot->submitted);
    struct requests *requests = lot->handles;
    uv_work_t *items = requests->items + lot->submitted;
    for (size_t i = 0; i < count; i++) {
        items[i].data = lot;
        if (uv_queue_work(&requests->loop, &items[i], work, after_work))
            bench_die("uv_queue_work failed");
    }
    lot->submitted += count;
}

const bool bench_pool_has_batch = false;

void bench_lot_submit_batch(struct bench_lot *lot, size_t count)
{
    bench_lot_submit(lot, count);
}

void bench_lot_wait(struct bench_lot *lot)
{
    struct requests *requests = lot->handles;
    requests->ended = 0;
    BENCH_CHECK(uv_run(&requests->loop, UV_RUN_DEFAULT) == 0);
    lot->ended = requests->ended;
    lot->submitted = 0;
}

size_t bench_lot_ended(struct bench_lot *lot)
{
    return lot->ended;
}
