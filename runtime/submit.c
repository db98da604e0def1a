/* SPDX-License-Identifier: MIT */
#include "pool.h"

#include "hold.h"
#include "scope.h"
#include "watch.h"

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

static bool is_held(const struct filch_task_options *options)
{
    return options->gate || options->after_count;
}

/* Each was submitted, and none is the task itself. */
static int check_after(const struct filch_task_options *options, const struct filch_future *future)
{
    for (size_t i = 0; i < options->after_count; i++)
        if (!options->after[i] || options->after[i] == future || filch__future_phase(options->after[i]) == FILCH__IDLE)
            return -EINVAL;
    return 0;
}

int filch__options_check(const struct filch_task_options *options)
{
    const unsigned flags = FILCH_TASK_OWN_THREAD | FILCH_TASK_RUN_ALWAYS | FILCH_TASK_KEEP_REPORTS;
    if (options->flags & ~flags || filch__any_set(options->reserved, 4) || options->priority < -1 ||
        options->priority > 1 || (options->after_count && !options->after))
        return -EINVAL;
    return options->gate && filch__gate_stale(options->gate) ? -ESTALE : 0;
}

int filch__options_find_pool(const struct filch_task_options *options, struct filch_pool **pool)
{
    struct filch__scope *scope = filch__scope_in(options->scope);
    if (scope && !filch__load_acquire(&scope->word))
        return -ESHUTDOWN;
    if (scope && !*pool)
        *pool = scope->pool;
    int r = filch__pool_find(pool);
    return !r && scope && scope->pool != *pool ? -EINVAL : r;
}

/* ---- accepting ---- */

static inline void fill_unwatched(struct filch_future *future, filch_fn *fn, void *data, struct filch__record *record,
                                  uint32_t flags, struct filch_completions *completions)
{
    future->priv.fn = fn;
    future->priv.data = data;
    future->priv.record = record;
    future->priv.flags = flags;
    filch__future_begin(future, FILCH__QUEUED, completions ? filch__completions_sink(completions) : NULL);
}

static filch__cold void fill_watched(struct filch_pool *pool, struct filch_future *future, filch_fn *fn, void *data,
                                     struct filch__record *record, uint32_t flags,
                                     struct filch_completions *completions)
{
    fill_unwatched(future, fn, data, record, flags, completions);
    filch__watch_submit_slow(pool, future);
}

static inline void fill(struct filch_pool *pool, struct filch_future *future, filch_fn *fn, void *data,
                        struct filch__record *record, uint32_t flags, struct filch_completions *completions)
{
    FILCH__PROBE3(submit, pool, future, fn);
    if (filch__watches_submit(pool))
        fill_watched(pool, future, fn, data, record, flags, completions);
    else
        fill_unwatched(future, fn, data, record, flags, completions);
}

void filch__task_fill(struct filch_pool *pool, struct filch_future *future, filch_fn *fn, void *data,
                      struct filch__record *record, uint32_t flags, struct filch_completions *completions)
{
    fill(pool, future, fn, data, record, flags, completions);
}

/* A late one: the pool's workers may be gone. */
void filch__pool_settle_late(struct filch_pool *pool)
{
    if (filch__unlikely(filch__load_seq_cst(&pool->phase) == FILCH__POOL_CLOSED))
        filch__pool_settle(pool);
}

static bool needs_record(const struct filch_task_options *options)
{
    return options->name || options->timeout_ns || options->dropped || options->scope || is_held(options);
}

/* A block: `front` bytes that begin with the record, and behind them what holds the task back. Initialises it all. */
static int block_new(struct filch_pool *pool, const struct filch_task_options *options, size_t front,
                     struct filch__record **ret_record)
{
    size_t hold = is_held(options) ? filch__hold_size(options->after_count) : 0, size;
    int r = options->timeout_ns ? filch__timekeeper_start(&pool->keeper) : 0;
    if (r)
        return r;
    if ((is_held(options) && !hold) || __builtin_add_overflow(front, _Alignof(struct filch__hold) - 1, &front) ||
        __builtin_add_overflow(front - front % _Alignof(struct filch__hold), hold, &size))
        return -EOVERFLOW;
    struct filch__record *record = pool->allocator.alloc(pool->allocator.ctx, size);
    if (!record)
        return -ENOMEM;
    *record = (struct filch__record){.name = options->name,
                                     .timeout_ns = options->timeout_ns,
                                     .dropped = options->dropped,
                                     .scope = filch__scope_in(options->scope),
                                     .always = options->flags & FILCH_TASK_RUN_ALWAYS,
                                     .allocator = pool->allocator,
                                     .size = size,
                                     .refs = 1};
    if (hold)
        filch__hold_init((struct filch__hold *)(void *)((char *)record + size - hold), pool, record,
                         options->gate ? &options->gate->permits : NULL);
    *ret_record = record;
    return 0;
}

int filch__record_new(struct filch_pool *pool, struct filch_future *future, const struct filch_task_options *options,
                      struct filch__record **ret_record)
{
    *ret_record = NULL;
    int r = check_after(options, future);
    if (r || !needs_record(options))
        return r;
    r = block_new(pool, options, sizeof **ret_record, ret_record);
    if (!r)
        (*ret_record)->future = future;
    return r;
}

void filch__record_drop(struct filch__record *record)
{
    if (record->hold)
        filch__record_release(record); /* hold.h, K3 */
    filch__record_release(record);
}

static int fail(struct filch_future *future, int status)
{
    filch__future_fail(future, status);
    return status;
}

int filch__task_admit(struct filch_pool *pool, struct filch__record *record, uint32_t flags)
{
    struct filch__scope *scope = record ? record->scope : NULL;
    size_t count;
    int r = scope ? filch__scope_join(scope, filch__strand_current()) : 0;
    if (r)
        return r;
    r = filch__room_make(pool, 1, flags & (FILCH__FUTURE_OWN_THREAD | FILCH__FUTURE_HELD), &count);
    if (r < 0 && scope)
        filch__scope_leave(scope);
    return r;
}

/* Into its scope, room, then into a queue, or held back. The future is filled by the caller's rules first. */
static int accept(struct filch_pool *pool, struct filch_future *future, filch_fn *fn, void *data,
                  struct filch__record *record, uint32_t flags, const struct filch_task_options *options)
{
    int r = filch__task_admit(pool, record, flags);
    if (r < 0)
        return r;
    fill(pool, future, fn, data, record, flags, options ? options->completions : NULL);
    if (r == FILCH__ROOM_RUN_HERE) {
        filch__run_here(pool, future);
        return 0;
    }
    if (filch__unlikely(flags & FILCH__FUTURE_HELD))
        filch__hold_begin(record->hold, options->after, options->after_count);
    else
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
    if (options->flags & FILCH_TASK_KEEP_REPORTS)
        flags |= FILCH__FUTURE_KEEP_REPORTS;
    return is_held(options) ? flags | FILCH__FUTURE_HELD : flags;
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
        r = filch__options_find_pool(options, &pool);
    if (!r)
        r = filch__record_new(pool, future, options, &record);
    if (!r && (r = accept(pool, future, fn, data, record, filch__options_flags(options), options)) && record)
        filch__record_drop(record);
    return r ? fail(future, r) : 0;
}

int filch_then(struct filch_future *first, struct filch_future *next, filch_fn *fn, void *data)
{
    struct filch_future *const after[] = {first};
    return filch_submit_with(NULL, next, fn, data, &(struct filch_task_options){.after = after, .after_count = 1});
}

/* ---- with a future and data of the pool's ---- */

struct copy {
    struct filch__record record;
    struct filch_future future;
    _Alignas(16) char data[];
};

/* `fn` gets `data` itself, or, with `copies`, a copy of `size` bytes. */
static int submit_block(struct filch_pool *pool, filch_fn *fn, const void *data, size_t size, bool copies,
                        const struct filch_task_options *options, struct filch_future **ret_future)
{
    struct filch__record *record;
    size_t front;
    int r = filch__options_check(options);
    if (!r && !ret_future && (options->completions || options->flags & FILCH_TASK_KEEP_REPORTS))
        r = -EINVAL; /* what comes out of the queue would be gone already, or never be released; nobody could read */
    if (!r)
        r = check_after(options, NULL);
    if (!r)
        r = filch__options_find_pool(options, &pool);
    if (!r && __builtin_add_overflow(sizeof(struct copy), size, &front))
        r = -EOVERFLOW;
    if (!r)
        r = block_new(pool, options, front, &record);
    if (r)
        return r;
    struct copy *copy = filch__container_of(record, struct copy, record);
    record->future = &copy->future;
    record->refs += ret_future != NULL;
    record->copy = true;
    memset(&copy->future, 0, sizeof copy->future);
    if (size)
        memcpy(copy->data, data, size);
    r = accept(pool, &copy->future, fn, copies ? copy->data : (void *)(uintptr_t)data, record,
               filch__options_flags(options) | FILCH__FUTURE_COPY, options);
    if (r)
        pool->allocator.free(pool->allocator.ctx, copy, record->size);
    else if (ret_future)
        *ret_future = &copy->future;
    return r;
}

int filch_submit_copy(struct filch_pool *pool, filch_fn *fn, const void *data, size_t size,
                      const struct filch_task_options *options, struct filch_future **ret_future)
{
    static const struct filch_task_options none;
    if (!fn || (size && !data))
        return -EINVAL;
    return submit_block(pool, fn, data, size, true, options ? options : &none, ret_future);
}

int filch__submit_own(filch_fn *fn, void *data, const struct filch_task_options *options)
{
    return fn ? submit_block(NULL, fn, data, 0, false, options, NULL) : -EINVAL;
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
