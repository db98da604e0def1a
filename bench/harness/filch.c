/* SPDX-License-Identifier: MIT */
/* filch.c - filch as a pool of the benches: a future per task in an array of the caller's, waits on the futures. */
#include "pool.h"
#include "with_filch.h"

#include <stdlib.h>

static uint64_t accepted;

void bench_pool_open(unsigned workers)
{
    bench_system_open(workers);
    bench_system_describe();
}

void bench_pool_close(void)
{
    close_pool();
    struct filch_pool_stats stats;
    BENCH_CHECK(filch_pool_get_stats(pool, &stats, sizeof stats) == 0);
    BENCH_CHECK(stats.submitted == accepted && stats.run == accepted && stats.dropped == 0);
    filch_pool_free(pool);
}

void bench_lot_open(struct bench_lot *lot, size_t capacity, bench_body *body, void *data)
{
    *lot = (struct bench_lot){.body = body, .data = data, .capacity = capacity};
    lot->handles = calloc(capacity, sizeof(struct filch_future));
    if (!lot->handles)
        bench_die("no memory for %zu futures", capacity);
}

void bench_lot_close(struct bench_lot *lot)
{
    free(lot->handles);
}

void bench_lot_submit(struct bench_lot *lot, size_t count)
{
    BENCH_CHECK(count <= lot->capacity - lot->submitted);
    struct filch_future *futures = (struct filch_future *)lot->handles + lot->submitted;
    for (size_t i = 0; i < count; i++) {
        int error = filch_submit(pool, &futures[i], lot->body, lot->data);
        if (error)
            bench_die("filch_submit: %s", strerror(-error));
    }
    lot->submitted += count;
}

const bool bench_pool_has_batch = true;

void bench_lot_submit_batch(struct bench_lot *lot, size_t count)
{
    BENCH_CHECK(count <= lot->capacity - lot->submitted);
    struct filch_batch batch = {
        .futures = (struct filch_future *)lot->handles + lot->submitted, .items = lot->data, .count = count};
    int error = filch_submit_many(pool, &batch, lot->body, NULL);
    if (error)
        bench_die("filch_submit_many: %s", strerror(-error));
    lot->submitted += count;
}

void bench_lot_wait(struct bench_lot *lot)
{
    struct filch_future *futures = lot->handles;
    struct filch_batch batch = {.futures = futures, .count = lot->submitted};
    int error = lot->submitted == 1 ? filch_wait(&futures[0]) : filch_wait_many(&batch, FILCH_NO_DEADLINE);
    if (error < 0)
        bench_die("waiting: %s", strerror(-error));
    lot->ended = lot->submitted;
    lot->submitted = 0;
}

size_t bench_lot_ended(struct bench_lot *lot)
{
    const struct filch_future *futures = lot->handles;
    size_t ended = 0;
    for (size_t i = 0; i < lot->ended; i++)
        ended += filch_done(&futures[i]) && filch_status(&futures[i]) >= 0;
    __atomic_fetch_add(&accepted, lot->ended, __ATOMIC_RELAXED);
    return ended;
}
