/* SPDX-License-Identifier: MIT */
#include "pool.h"

#include <errno.h>
#include <string.h>

/* ---- refusing ---- */

/* A task of the pool may submit while the pool drains: that is part of what was accepted. */
static int refused(const struct filch_pool *pool)
{
    uint32_t phase = filch__load_acquire(&pool->phase);
    if (filch__likely(phase == FILCH__POOL_OPEN))
        return 0;
    return phase == FILCH__POOL_DRAINING && filch__pool_in_task(pool) ? 0 : -ESHUTDOWN;
}

/* May the pool take tasks now? */
static int find_pool(struct filch_pool **pool)
{
    if (!(*pool = filch__pool_resolve(*pool)))
        return -ENOMEM;
    if (filch__pool_stale(*pool))
        return -ESTALE;
    int r = refused(*pool);
    if (!r && filch__unlikely(!filch__load_relaxed(&(*pool)->threads))) {
        r = filch__crew_start(*pool, false, false); /* with no worker at all, a failure must be told now */
        if (r && filch__load_relaxed(&(*pool)->threads))
            r = 0; /* another thread started one */
    }
    return r;
}

static int check_options(const struct filch_task_options *options)
{
    uint64_t reserved = 0;
    for (size_t i = 0; i < 4; i++)
        reserved |= options->reserved[i];
    if (options->flags & ~FILCH_TASK_OWN_THREAD || reserved || options->priority < -1 || options->priority > 1 ||
        (options->after_count && !options->after))
        return -EINVAL;
    if (options->priority || options->scope || options->gate || options->after_count)
        return -ENOTSUP;
    return 0;
}

/* ---- room in the queue ---- */

enum room { ROOM_OK, ROOM_RUN_HERE };

/* Count up to `want` tasks as accepted; how many. */
static size_t reserve(struct filch_pool *pool, size_t want)
{
    uint64_t accepted = filch__load_seq_cst(&pool->accepted), count;
    do {
        if (accepted >= pool->config.queue_limit)
            return 0;
        count = pool->config.queue_limit - accepted;
        if (count > want)
            count = want;
    } while (!filch__cas_seq_cst(&pool->accepted, &accepted, accepted + count));
    return (size_t)count;
}

static bool may_have_room(const struct filch_pool *pool)
{
    return filch__load_seq_cst(&pool->accepted) < pool->config.queue_limit || refused(pool);
}

static int wait_for_room(struct filch_pool *pool)
{
    struct filch__wait wait;
    struct filch__event_node node;
    int r = filch__wait_begin(&wait, 1, 0, FILCH_NO_DEADLINE, NULL);
    if (r)
        return r;
    filch__eventcount_add(&pool->room, &node, &wait.waiter);
    if (!may_have_room(pool))
        filch__wait_block(&wait);
    bool undone = filch__eventcount_remove(&pool->room, &node);
    uint32_t reasons = filch__wait_end(&wait, undone);
    if (!reasons)
        return 0;
    if (!undone)
        filch__eventcount_notify(&pool->room); /* this notification was another's */
    return -ECANCELED;
}

/* As the pool's policy says. *ret_count of `want` tasks may be enqueued; 0 only with ROOM_RUN_HERE or an error. */
static int make_room_for(struct filch_pool *pool, size_t want, bool own_thread, size_t *ret_count)
{
    if (filch__likely(!pool->config.queue_limit)) {
        *ret_count = want;
        return ROOM_OK;
    }
    for (;;) {
        int r = refused(pool);
        if (r)
            return r;
        if ((*ret_count = reserve(pool, want)))
            return ROOM_OK;
        if (pool->config.when_full == FILCH_FULL_FAIL)
            return -EAGAIN;
        if (pool->config.when_full == FILCH_FULL_RUN && !own_thread) {
            filch__add_seq_cst(&pool->accepted, 1); /* taken off again when it starts */
            return ROOM_RUN_HERE;
        }
        r = wait_for_room(pool);
        if (r)
            return r;
    }
}

/* ---- running in the caller ---- */

static struct filch__caller *caller_get(struct filch_pool *pool)
{
    filch__lock(&pool->lock);
    struct filch__caller *caller = pool->callers;
    while (caller && caller->busy)
        caller = caller->next;
    if (!caller && (caller = pool->allocator.alloc(pool->allocator.ctx, sizeof *caller))) {
        filch__strand_init_thread(&caller->strand, pool);
        caller->next = pool->callers;
        pool->callers = caller;
    }
    if (caller)
        caller->busy = true;
    filch__unlock(&pool->lock);
    return caller;
}

/* Run an accepted task on the calling thread, under a permit of the pool. */
static int run_here(struct filch_pool *pool, struct filch_future *future)
{
    struct filch__strand *current = filch__strand_current();
    if (current && current->task && current->pool == pool) { /* under this task's permit */
        const char *label = filch__load_relaxed(&current->label);
        filch_fn *fn = filch__load_relaxed(&current->fn);
        filch__task_run(current, future);
        filch__store_relaxed(&current->label, label);
        filch__store_relaxed(&current->fn, fn);
        return 0;
    }
    struct filch__caller *caller = caller_get(pool);
    if (!caller) {
        filch__enqueue(pool, future); /* above the limit rather than lost */
        return 0;
    }
    filch__permit_claim(pool);
    filch__strand_enter_thread(&caller->strand);
    filch__strand_set_current(&caller->strand);
    filch__task_run(&caller->strand, future);
    filch__strand_set_current(current);
    filch__permit_leave(pool);
    filch__lock(&pool->lock);
    caller->busy = false;
    filch__unlock(&pool->lock);
    return 0;
}

/* ---- accepting ---- */

static void fill(struct filch_future *future, filch_fn *fn, void *data, struct filch__record *record, uint32_t flags,
                 struct filch_completions *completions)
{
    future->priv.fn = fn;
    future->priv.data = data;
    future->priv.record = record;
    future->priv.flags = flags;
    filch__future_begin(future, FILCH__QUEUED, completions ? filch__completions_sink(completions) : NULL);
}

/* A late one: the pool's workers may be gone. */
static void after_enqueue(struct filch_pool *pool)
{
    if (filch__unlikely(filch__load_seq_cst(&pool->phase) == FILCH__POOL_CLOSED))
        filch__pool_settle(pool);
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

static int new_record(struct filch_pool *pool, struct filch_future *future, const struct filch_task_options *options,
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
static int accept(struct filch_pool *pool, struct filch_future *future, filch_fn *fn, void *data, struct filch__record *record,
                  uint32_t flags, struct filch_completions *completions)
{
    size_t count;
    int r = make_room_for(pool, 1, flags & FILCH__FUTURE_OWN_THREAD, &count);
    if (r < 0)
        return r;
    fill(future, fn, data, record, flags, completions);
    if (r == ROOM_RUN_HERE)
        return run_here(pool, future);
    filch__enqueue(pool, future);
    after_enqueue(pool);
    return 0;
}

int filch_submit(struct filch_pool *pool, struct filch_future *future, filch_fn *fn, void *data)
{
    if (!future || !fn)
        return -EINVAL;
    if (filch__unlikely(filch__future_in_flight(future)))
        return -EBUSY;
    int r = find_pool(&pool);
    if (!r)
        r = accept(pool, future, fn, data, NULL, 0, NULL);
    return filch__unlikely(r) ? fail(future, r) : 0;
}

static uint32_t flags_of(const struct filch_task_options *options)
{
    return options->flags & FILCH_TASK_OWN_THREAD ? FILCH__FUTURE_OWN_THREAD : 0;
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
    int r = check_options(options);
    if (!r)
        r = find_pool(&pool);
    if (!r)
        r = new_record(pool, future, options, &record);
    if (!r && (r = accept(pool, future, fn, data, record, flags_of(options), options->completions)) && record)
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
    int r = check_options(options);
    if (!r)
        r = find_pool(&pool);
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
    memset(&copy->future, 0, sizeof copy->future);
    if (size)
        memcpy(copy->data, data, size);
    r = accept(pool, &copy->future, fn, copy->data, &copy->record, flags_of(options) | FILCH__FUTURE_COPY, options->completions);
    if (r)
        pool->allocator.free(pool->allocator.ctx, copy, bytes);
    else if (ret_future)
        *ret_future = &copy->future;
    return r;
}

void *filch_future_data(struct filch_future *future)
{
    return future && future->priv.flags & FILCH__FUTURE_COPY ? filch__container_of(future, struct copy, future)->data : NULL;
}

void filch_future_release(struct filch_future *future)
{
    if (future && future->priv.flags & FILCH__FUTURE_COPY)
        filch__record_release(&filch__container_of(future, struct copy, future)->record);
}

/* ---- many ---- */

enum { CHUNK = 256 }; /* tasks published at a time: workers begin while the rest is prepared */

struct many {
    struct filch_pool *pool;
    const struct filch_batch *batch;
    filch_fn *fn;
    const struct filch_task_options *options;
    struct filch__worker *worker; /* when the caller is a task of the pool: into its deque */
    struct filch__chain chain;
    uintptr_t item[CHUNK];
    size_t items;
};

static struct filch_future *future_at(const struct filch_batch *batch, size_t i)
{
    size_t stride = batch->future_stride ? batch->future_stride : sizeof(struct filch_future);
    return (struct filch_future *)(void *)((char *)batch->futures + i * stride);
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
                filch__inject_push(&pool->entry, (struct filch__link *)(void *)&((struct filch_future *)many->item[i])->priv.link);
    }
    filch__inject_push_chain(&pool->entry, &many->chain);
    many->items = 0;
    filch__pool_notify(pool);
}

static int submit_one_of_many(struct many *many, struct filch_future *future, void *data)
{
    struct filch__record *record = NULL;
    int r = many->options ? new_record(many->pool, future, many->options, &record) : 0;
    size_t count;
    uint32_t flags = many->options ? flags_of(many->options) : 0;
    if (!r && many->pool->config.queue_limit) {
        flush_many(many); /* what was prepared must be able to make room */
        r = make_room_for(many->pool, 1, flags & FILCH__FUTURE_OWN_THREAD, &count);
        many->worker = filch__pool_in_task(many->pool) ? filch__worker_current() : NULL; /* the wait may have moved the task */
    }
    if (r < 0) {
        if (record)
            filch__record_release(record);
        return r;
    }
    fill(future, many->fn, data, record, flags, many->options ? many->options->completions : NULL);
    if (r == ROOM_RUN_HERE) {
        run_here(many->pool, future);
        many->worker = filch__pool_in_task(many->pool) ? filch__worker_current() : NULL;
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
        r = check_options(options);
    return r ? r : find_pool(pool);
}

int filch__batch_check(const struct filch_batch *batch)
{
    size_t stride = batch && batch->future_stride ? batch->future_stride : sizeof(struct filch_future), bytes;
    if (!batch || (!batch->futures && batch->count) || stride < sizeof(struct filch_future) || stride % 8)
        return -EINVAL;
    if (__builtin_mul_overflow(stride, batch->count, &bytes) || __builtin_mul_overflow(batch->item_stride, batch->count, &bytes))
        return -EOVERFLOW;
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
    many.pool = error ? NULL : pool;
    many.worker = !error && filch__pool_in_task(pool) ? filch__worker_current() : NULL;
    filch__chain_init(&many.chain);
    for (size_t i = 0; i < batch->count; i++) {
        struct filch_future *future = future_at(batch, i);
        if (filch__unlikely(filch__future_in_flight(future))) {
            result = result ? result : -EBUSY;
            continue;
        }
        if (!error)
            error = submit_one_of_many(&many, future, batch->items ? (char *)batch->items + i * batch->item_stride : NULL);
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
        after_enqueue(many.pool);
    return result;
}
