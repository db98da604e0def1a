/* SPDX-License-Identifier: MIT */
#include "pool.h"

#include "hold.h"
#include "watch.h"

#include <errno.h>

enum { CHUNK = 256 }; /* tasks published at a time: workers begin while the rest is prepared */

struct many {
    struct filch_pool *pool;
    const struct filch_batch *batch;
    filch_fn *fn;
    const struct filch_task_options *options;
    struct filch__worker *worker; /* when the caller is a task of the pool, and priority is normal: into its deque */
    uint32_t flags;
    struct filch__chain chain;
    uintptr_t item[CHUNK];
    size_t items;
};

static struct filch_future *future_at(const struct filch_batch *batch, size_t i)
{
    size_t stride = batch->future_stride ? batch->future_stride : sizeof(struct filch_future);
    return (struct filch_future *)(void *)((char *)batch->futures + i * stride);
}

/* Looked at again after each wait, which may have moved the task. */
static struct filch__worker *deque_owner(const struct many *many)
{
    struct filch__worker *worker = filch__pool_in_task(many->pool) ? filch__worker_current() : NULL;
    return worker && worker->permit && !(many->flags & FILCH__FUTURE_RANKED) ? worker : NULL;
}

static void flush_many(struct many *many)
{
    struct filch_pool *pool = many->pool;
    struct filch__worker *worker = many->worker;
    if (worker && many->items) {
        uintptr_t *first = many->item, *last = many->item + many->items - 1;
        for (; first < last; first++, last--) { /* the owner takes the newest first: so the first task is pushed last */
            uintptr_t swap = *first;
            *first = *last;
            *last = swap;
        }
        if (!filch__deque_push_all(&worker->deque, many->item, many->items, &pool->allocator))
            filch__store_relaxed(&worker->count.submitted, worker->count.submitted + many->items);
        else
            for (size_t i = many->items; i-- > 0;)
                filch__entry_push(pool, (struct filch_future *)many->item[i]);
    }
    filch__entry_push_chain(pool, &many->chain, many->flags);
    many->items = 0;
    filch__pool_notify(pool);
}

static int submit_one_of_many(struct many *many, struct filch_future *future, void *data)
{
    const struct filch_task_options *options = many->options;
    struct filch__record *record = NULL;
    int r = options ? filch__record_new(many->pool, future, options, &record) : 0;
    if (!r && many->pool->config.queue_limit) {
        flush_many(many); /* what was prepared must be able to make room */
        r = filch__task_admit(many->pool, record, many->flags);
        many->worker = deque_owner(many);
    } else if (!r && record) {
        r = filch__task_admit(many->pool, record, many->flags);
    }
    if (r < 0) {
        if (record)
            filch__record_drop(record);
        return r;
    }
    filch__task_fill(many->pool, future, many->fn, data, record, many->flags, options ? options->completions : NULL);
    if (r == FILCH__ROOM_RUN_HERE) {
        filch__run_here(many->pool, future);
        many->worker = deque_owner(many);
    } else if (many->flags & FILCH__FUTURE_HELD) {
        filch__hold_begin(record->hold, options->after, options->after_count);
    } else if (many->worker) {
        many->item[many->items++] = (uintptr_t)future;
    } else {
        filch__chain_add(&many->chain, (struct filch__link *)(void *)&future->priv.link);
    }
    return 0;
}

/* What concerns the call as a whole. */
static int check_many(struct filch_pool **pool, filch_fn *fn, const struct filch_task_options *options)
{
    int r = fn ? 0 : -EINVAL;
    if (!r && options)
        r = filch__options_check(options);
    if (r)
        return r;
    return options ? filch__options_find_pool(options, pool) : filch__pool_find(pool);
}

int filch__batch_check(const struct filch_batch *batch)
{
    size_t stride = batch && batch->future_stride ? batch->future_stride : sizeof(struct filch_future), bytes;
    if (!batch || (!batch->futures && batch->count))
        return -EINVAL;
    if (__builtin_mul_overflow(stride, batch->count, &bytes) ||
        __builtin_mul_overflow(batch->item_stride, batch->count, &bytes))
        return -EOVERFLOW;
    if (stride < sizeof(struct filch_future) || stride % _Alignof(struct filch_future))
        return -EINVAL;
    return 0;
}

int filch_submit_many(struct filch_pool *pool, const struct filch_batch *batch, filch_fn *fn,
                      const struct filch_task_options *options)
{
    int r = filch__batch_check(batch);
    if (r)
        return r;
    struct many many = {.batch = batch, .fn = fn, .options = options};
    int error = check_many(&pool, fn, options), result = error; /* error: for this future and all after it */
    if (!error) {
        many.pool = pool;
        many.flags = options ? filch__options_flags(options) : 0;
        many.worker = deque_owner(&many);
    }
    filch__chain_init(&many.chain);
    for (size_t i = 0; i < batch->count; i++) {
        struct filch_future *future = future_at(batch, i);
        if (filch__unlikely(filch__future_in_flight(future))) {
            result = result ? result : -EBUSY;
            continue;
        }
        if (!error)
            error =
                submit_one_of_many(&many, future, batch->items ? (char *)batch->items + i * batch->item_stride : NULL);
        if (filch__unlikely(error)) {
            filch__future_fail(future, error);
            result = error;
        }
        if (many.items + many.chain.count >= CHUNK)
            flush_many(&many);
    }
    if (many.items + many.chain.count)
        flush_many(&many);
    if (many.pool)
        filch__pool_settle_late(many.pool);
    return result;
}
