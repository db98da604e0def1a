/* SPDX-License-Identifier: MIT */
#include "pool.h"

#include <errno.h>
#include <string.h>

/* ---- refusing ---- */

/* A task of the pool may submit while the pool drains: that is part of what was accepted. */
int filch__pool_refuses(const struct filch_pool *pool)
{
    uint32_t phase = filch__load_acquire(&pool->phase);
    if (filch__likely(phase == FILCH__POOL_OPEN))
        return 0;
    return phase == FILCH__POOL_DRAINING && filch__pool_in_task(pool) ? 0 : -ESHUTDOWN;
}

/* May the pool take tasks now? */
int filch__pool_find(struct filch_pool **pool)
{
    if (!(*pool = filch__pool_resolve(*pool)))
        return -ENOMEM;
    if (filch__pool_stale(*pool))
        return -ESTALE;
    int r = filch__pool_refuses(*pool);
    if (!r && filch__unlikely(!filch__load_relaxed(&(*pool)->threads))) {
        r = filch__crew_start(*pool, false, false); /* with no worker at all, a failure must be told now */
        if (r && filch__load_relaxed(&(*pool)->threads))
            r = 0; /* another thread started one */
    }
    return r;
}

int filch__options_check(const struct filch_task_options *options)
{
    if (options->flags & ~(FILCH_TASK_OWN_THREAD | FILCH_TASK_KEEP_REPORTS) || filch__any_set(options->reserved, 4) ||
        options->priority < -1 ||
        options->priority > 1 || (options->after_count && !options->after))
        return -EINVAL;
    if (options->scope || options->gate || options->after_count)
        return -ENOTSUP;
    return 0;
}

/* ---- accepting ---- */

void filch__task_fill(struct filch_future *future, filch_fn *fn, void *data, struct filch__record *record,
                      uint32_t flags, struct filch_completions *completions)
{
    future->priv.fn = fn;
    future->priv.data = data;
    future->priv.record = record;
    future->priv.flags = flags;
    filch__future_begin(future, FILCH__QUEUED, completions ? filch__completions_sink(completions) : NULL);
}

/* A late one: the pool's workers may be gone, or all block where no further one can be started. */
void filch__pool_settle_late(struct filch_pool *pool)
{
    if (filch__unlikely(filch__load_seq_cst(&pool->phase) == FILCH__POOL_CLOSED))
        filch__pool_settle(pool);
    if (filch__unlikely(filch__load_relaxed(&pool->start_failed)))
        filch__crew_drop_stranded(pool, NULL);
}

static bool needs_record(const struct filch_task_options *options)
{
    return options->name || options->timeout_ns || options->dropped;
}

static void record_init(struct filch__record *record, const struct filch_pool *pool, struct filch_future *future,
                        const struct filch_task_options *options, size_t size, uint32_t refs)
{
    *record = (struct filch__record){.future = future, .allocator = pool->allocator, .size = size, .refs = refs};
    if (options) {
        record->name = options->name;
        record->timeout_ns = options->timeout_ns;
        record->dropped = options->dropped;
    }
}

int filch__record_new(struct filch_pool *pool, struct filch_future *future, const struct filch_task_options *options,
                      struct filch__record **ret_record)
{
    *ret_record = NULL;
    if (!needs_record(options))
        return 0;
    int r = options->timeout_ns ? filch__timekeeper_start(&pool->keeper) : 0;
    if (r)
        return r;
    *ret_record = pool->allocator.alloc(pool->allocator.ctx, sizeof **ret_record);
    if (!*ret_record)
        return -ENOMEM;
    record_init(*ret_record, pool, future, options, sizeof **ret_record, 1);
    return 0;
}

static int fail(struct filch_future *future, int status)
{
    filch__future_fail(future, status);
    return status;
}

/* Room, then into a queue. The future is filled by the caller's rules first. */
static int accept(struct filch_pool *pool, struct filch_future *future, filch_fn *fn, void *data,
                  struct filch__record *record, uint32_t flags, struct filch_completions *completions)
{
    size_t count;
    int r = filch__room_make(pool, 1, flags & FILCH__FUTURE_OWN_THREAD, &count);
    if (r < 0)
        return r;
    filch__task_fill(future, fn, data, record, flags, completions);
    if (r == FILCH__ROOM_RUN_HERE) {
        filch__run_here(pool, future);
        return 0;
    }
    filch__enqueue(pool, future);
    filch__pool_settle_late(pool);
    return 0;
}

int filch_submit(struct filch_pool *pool, struct filch_future *future, filch_fn *fn, void *data)
{
    if (!future || !fn)
        return -EINVAL;
    if (filch__unlikely(filch__future_in_flight(future)))
        return -EBUSY;
    int r = filch__pool_find(&pool);
    if (!r)
        r = accept(pool, future, fn, data, NULL, 0, NULL);
    return filch__unlikely(r) ? fail(future, r) : 0;
}

uint32_t filch__options_flags(const struct filch_task_options *options)
{
    uint32_t flags = options->flags & FILCH_TASK_OWN_THREAD ? FILCH__FUTURE_OWN_THREAD : 0;
    if (options->priority)
        flags |= options->priority > 0 ? FILCH__FUTURE_HIGH : FILCH__FUTURE_LOW;
    return flags | (options->flags & FILCH_TASK_KEEP_REPORTS ? FILCH__FUTURE_KEEP_REPORTS : 0);
}

int filch_submit_with(struct filch_pool *pool, struct filch_future *future, filch_fn *fn, void *data,
                      const struct filch_task_options *options)
{
    if (!options)
        return filch_submit(pool, future, fn, data);
    if (!future || !fn)
        return -EINVAL;
    if (filch__future_in_flight(future))
        return -EBUSY;
    struct filch__record *record = NULL;
    int r = filch__options_check(options);
    if (!r)
        r = filch__pool_find(&pool);
    if (!r)
        r = filch__record_new(pool, future, options, &record);
    if (!r && (r = accept(pool, future, fn, data, record, filch__options_flags(options), options->completions)) &&
        record)
        filch__record_release(record);
    return r ? fail(future, r) : 0;
}

/* ---- with a future and data of the pool's ---- */

struct copy {
    struct filch__record record;
    struct filch_future future;
    _Alignas(16) char data[];
};

int filch_submit_copy(struct filch_pool *pool, filch_fn *fn, const void *data, size_t size,
                      const struct filch_task_options *options, struct filch_future **ret_future)
{
    static const struct filch_task_options none;
    if (!fn || (size && !data))
        return -EINVAL;
    if (!options)
        options = &none;
    int r = filch__options_check(options);
    if (!r && !ret_future && (options->completions || options->flags & FILCH_TASK_KEEP_REPORTS))
        r = -EINVAL; /* what comes out of the queue would be gone already, or never be released; nobody could read */
    if (!r)
        r = filch__pool_find(&pool);
    if (!r && options->timeout_ns)
        r = filch__timekeeper_start(&pool->keeper);
    if (r)
        return r;
    size_t bytes;
    if (__builtin_add_overflow(sizeof(struct copy), size, &bytes))
        return -EOVERFLOW;
    struct copy *copy = pool->allocator.alloc(pool->allocator.ctx, bytes);
    if (!copy)
        return -ENOMEM;
    record_init(&copy->record, pool, &copy->future, options, bytes, ret_future ? 2 : 1);
    copy->record.copy = true;
    memset(&copy->future, 0, sizeof copy->future);
    if (size)
        memcpy(copy->data, data, size);
    r = accept(pool, &copy->future, fn, copy->data, &copy->record, filch__options_flags(options) | FILCH__FUTURE_COPY,
               options->completions);
    if (r)
        pool->allocator.free(pool->allocator.ctx, copy, bytes);
    else if (ret_future)
        *ret_future = &copy->future;
    return r;
}

void *filch_future_data(struct filch_future *future)
{
    return future && future->priv.flags & FILCH__FUTURE_COPY ? filch__container_of(future, struct copy, future)->data
                                                             : NULL;
}

void filch_future_release(struct filch_future *future)
{
    if (future && future->priv.flags & FILCH__FUTURE_COPY)
        filch__record_release(&filch__container_of(future, struct copy, future)->record);
}
