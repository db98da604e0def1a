/* SPDX-License-Identifier: MIT */
#include "pool.h"

#include "live.h"
#include "overflow.h"
#include "traces.h"
#include "watchdog.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { STACK_SIZE_LEAST = 16 << 10, STACK_SIZE_DEFAULT = 1 << 20 };

/* Check what the caller gave, and put defaults in place of zeros. */
static int complete_config(struct filch_pool_config *config, struct filch_allocator *ret_allocator)
{
    bool no_idle = config->flags & FILCH_POOL_NO_IDLE_WORKERS, pumped = config->flags & FILCH_POOL_PUMPED;
    if (config->flags & ~(FILCH_POOL_NO_IDLE_WORKERS | FILCH_POOL_NO_OVERFLOW_MESSAGE | FILCH_POOL_PUMPED) ||
        filch__any_set(config->reserved, 2) || (unsigned)config->when_full > FILCH_FULL_RUN ||
        (no_idle && config->min_workers))
        return -EINVAL;
    if (config->min_workers > FILCH_WORKERS_MAX || config->max_concurrency > FILCH_WORKERS_MAX ||
        (config->max_concurrency && config->max_concurrency < config->min_workers))
        return -EINVAL;
    if (config->stack_size && (config->stack_size < STACK_SIZE_LEAST || config->stack_size > SIZE_MAX / 4))
        return -EINVAL;
    int r = filch__allocator_choose(config->allocator, ret_allocator);
    if (r)
        return r;
    config->allocator = NULL;
    if (!config->min_workers && !no_idle)
        config->min_workers = 1;
    if (!config->max_concurrency) {
        config->max_concurrency = filch_cpu_count() + pumped;
        if (config->max_concurrency < config->min_workers + pumped)
            config->max_concurrency = config->min_workers + pumped;
    }
    if (pumped && config->max_concurrency < config->min_workers + 1)
        return -EINVAL;
    if (config->max_concurrency > FILCH_WORKERS_MAX)
        config->max_concurrency = FILCH_WORKERS_MAX;
    if (!config->idle_timeout_ns)
        config->idle_timeout_ns = FILCH_S(10);
    size_t page = filch__os_page_size();
    config->stack_size = ((config->stack_size ? config->stack_size : STACK_SIZE_DEFAULT) + page - 1) / page * page;
    return 0;
}

static void destroy(struct filch_pool *pool)
{
    const struct filch_allocator allocator = pool->allocator;
    filch__crew_destroy(pool);
    filch__victims_destroy(pool);
    filch__strands_destroy(&pool->strands);
    while (pool->callers) {
        struct filch__caller *next = pool->callers->next;
        filch__forkstack_destroy(&pool->callers->strand.forks);
        filch__free_aligned(&allocator, pool->callers, sizeof *pool->callers);
        pool->callers = next;
    }
    filch__eventcount_destroy(&pool->room);
    filch__timekeeper_destroy(&pool->keeper);
    filch__lock_destroy(&pool->claim_lock);
    filch__lock_destroy(&pool->held_lock);
    filch__lock_destroy(&pool->lock);
    if (pool->worker)
        allocator.free(allocator.ctx, pool->worker, FILCH_WORKERS_MAX * sizeof *pool->worker);
    filch__free_aligned(&allocator, pool, sizeof *pool);
}

static struct filch_pool *create(const struct filch_pool_config *config, const struct filch_allocator *allocator)
{
    struct filch_pool *pool = filch__alloc_aligned(allocator, sizeof *pool);
    if (!pool)
        return NULL;
    *pool = (struct filch_pool){.allocator = *allocator, .config = *config, .min_workers = config->min_workers};
    pool->generation = filch__load_relaxed(&filch__generation);
    pool->watch = FILCH__WATCH_SAMPLE;
    snprintf(pool->name, sizeof pool->name, "%s", config->name ? config->name : "filch");
    filch__gate_init(&pool->gate, config->max_concurrency);
    if (config->flags & FILCH_POOL_PUMPED)
        pool->blocked = (uint32_t)-1; /* one thread fewer than there are permits: filch__pool_may_start */
    filch__entry_init(pool);
    filch__inject_init(&pool->ready);
    filch__inject_init(&pool->exposed);
    filch__inject_init(&pool->yielded);
    filch__eventcount_init(&pool->room);
    filch__lock_init(&pool->claim_lock);
    filch__lock_init(&pool->held_lock);
    filch__lock_init(&pool->lock);
    filch__timekeeper_init(&pool->keeper);
    filch__strands_init(&pool->strands, config->stack_size, &pool->allocator, pool, filch__worker_main);
    pool->worker = allocator->alloc(allocator->ctx, FILCH_WORKERS_MAX * sizeof *pool->worker);
    if (pool->worker)
        memset(pool->worker, 0, FILCH_WORKERS_MAX * sizeof *pool->worker);
    if (!pool->worker || filch__victims_init(pool)) {
        destroy(pool);
        return NULL;
    }
    return pool;
}

/* Start the workers that are kept, and wait until each has been initialised or has failed. */
static int start_workers(struct filch_pool *pool)
{
    int r = filch__watchdog_open(pool);
    if (r)
        return r;
    pool->init_pending = pool->config.min_workers;
    for (unsigned i = 0; i < pool->config.min_workers; i++) {
        r = filch__crew_start(pool, false, true);
        if (r) {
            filch__lock(&pool->lock);
            filch__store_relaxed(&pool->init_pending, pool->init_pending - (pool->config.min_workers - i));
            filch__unlock(&pool->lock);
            break;
        }
    }
    for (uint32_t pending; (pending = filch__load_acquire(&pool->init_pending));)
        filch__os_futex_wait(&pool->init_pending, pending, FILCH_NO_DEADLINE);
    filch__lock(&pool->lock); /* the last one to report has let go of it */
    if (!r)
        r = pool->init_status;
    filch__unlock(&pool->lock);
    return r;
}

int filch_pool_open(struct filch_pool **ret_pool, const struct filch_pool_config *config)
{
    if (!ret_pool)
        return -EINVAL;
    struct filch_pool_config complete = config ? *config : (struct filch_pool_config){0};
    struct filch_allocator allocator;
    int r = complete_config(&complete, &allocator);
    if (r)
        return r;
    if (!(complete.flags & FILCH_POOL_NO_OVERFLOW_MESSAGE))
        filch__overflow_install();
    filch__os_barrier_init();
    filch__process_watch();
    filch__trace_environment();
    struct filch_pool *pool = create(&complete, &allocator);
    if (!pool)
        return -ENOMEM;
    filch__process_add(pool);
    r = start_workers(pool);
    if (r) {
        filch__lock(&pool->lock);
        filch__store_seq_cst(&pool->stopping, 1);
        filch__store_seq_cst(&pool->phase, FILCH__POOL_DRAINING);
        filch__unlock(&pool->lock);
        filch__idle_tell_all(pool, FILCH__TOKEN_RETIRE);
        filch__crew_join_all(pool);
        filch__timekeeper_stop(&pool->keeper);
        filch__process_remove(pool);
        destroy(pool);
        return r;
    }
    filch__live_begin();
    *ret_pool = pool;
    return 0;
}

void filch_pool_free(struct filch_pool *pool)
{
    if (!pool)
        return;
    if (filch__pool_stale(pool)) { /* its threads are the parent's */
        destroy(pool);
        return;
    }
    if (filch__load_acquire(&pool->phase) != FILCH__POOL_CLOSED)
        filch__os_die("filch_pool_free: the pool is not closed (filch_pool_close has not returned 0)");
    if (filch__load_acquire(&pool->scopes))
        filch__os_die("filch_pool_free: a scope of the pool is open");
    filch__timekeeper_stop(&pool->keeper); /* if scopes were open when the pool was closed */
    while (filch__load_acquire(&pool->wakers)) /* hold.h, I3: who queued the task of a late submit */
        filch__os_yield();
    destroy(pool);
}

int filch_pool_resize(struct filch_pool *pool, unsigned min_workers, unsigned max_concurrency)
{
    if (!(pool = filch__pool_resolve(pool)))
        return -ENOMEM;
    if (filch__pool_stale(pool))
        return -ESTALE;
    unsigned spare = pool->config.flags & FILCH_POOL_PUMPED ? 1 : 0; /* permits that no thread is kept for */
    if (min_workers > FILCH_WORKERS_MAX - spare || max_concurrency > FILCH_WORKERS_MAX ||
        (max_concurrency && max_concurrency < (min_workers ? min_workers : 1) + spare))
        return -EINVAL;
    if (filch__load_acquire(&pool->phase) != FILCH__POOL_OPEN)
        return -ESHUTDOWN;
    filch__lock(&pool->lock);
    unsigned limit = max_concurrency ? max_concurrency : filch__gate_limit(filch__load_relaxed(&pool->gate));
    unsigned least = min_workers ? min_workers : pool->min_workers;
    if (least + spare > limit) {
        if (max_concurrency)
            least = limit - spare;
        else
            limit = least + spare;
    }
    bool fewer = least < pool->min_workers;
    filch__store_relaxed(&pool->min_workers, least);
    filch__gate_resize(&pool->gate, limit);
    filch__unlock(&pool->lock);
    while (filch__gate_serve(&pool->gate))
        filch__permit_pass(pool, FILCH__PARK_SERVED);
    while (filch__load_relaxed(&pool->threads) < least && !filch__crew_start(pool, false, false))
        ;
    if (fewer)
        filch__idle_tell_one(pool, FILCH__TOKEN_LOOK); /* it finds a surplus, and sleeps with a time-out */
    filch__pool_notify(pool); /* there may be work for new permits; who is woken and finds some wakes the next */
    return 0;
}

unsigned filch_pool_available(const struct filch_pool *pool)
{
    pool = filch__pool_resolve(pool);
    if (!pool || filch__pool_stale(pool) || filch__load_acquire(&pool->phase) == FILCH__POOL_CLOSED)
        return 0;
    uint64_t gate = filch__load_relaxed(&pool->gate);
    unsigned limit = filch__gate_limit(gate), running = filch__gate_running(gate);
    return running < limit ? limit - running : 0;
}

bool filch__pool_in_task(const struct filch_pool *pool)
{
    struct filch__strand *strand = filch__strand_current();
    return strand && strand->task && strand->pool == pool;
}

struct filch_pool *filch_pool_current(void)
{
    struct filch__strand *strand = filch__strand_current();
    return strand && strand->task && !filch__pool_stale(strand->pool) ? strand->pool : NULL;
}

struct filch_pool *filch__pool_resolve(const struct filch_pool *pool)
{
    if (pool)
        return (struct filch_pool *)pool;
    struct filch_pool *current = filch_pool_current();
    return current ? current : filch_pool_default();
}

void *filch_worker_local(void)
{
    struct filch__worker *worker = filch__worker_current();
    return worker ? worker->local : NULL;
}
