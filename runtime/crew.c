/* SPDX-License-Identifier: MIT */
#include "watch.h"

#include "overflow.h"
#include "watchdog.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { DEQUE_CAPACITY = 256 };

/* ---- resting strands ---- */

bool filch__crew_reserve_strand(struct filch__worker *worker)
{
    if (filch__likely(worker->free != NULL))
        return true;
    struct filch__strand *strand = filch__strands_get(&worker->pool->strands);
    if (strand)
        filch__crew_cache_strand(worker, strand);
    return strand;
}

struct filch__strand *filch__crew_take_strand(struct filch__worker *worker)
{
    struct filch__strand *strand = worker->free;
    worker->free = strand->next_free;
    worker->free_count--;
    return strand;
}

void filch__crew_cache_strand(struct filch__worker *worker, struct filch__strand *strand)
{
    if (filch__unlikely(worker->free_count >= FILCH__CACHE_STRANDS)) {
        filch__strands_put(&worker->pool->strands, strand);
        return;
    }
    strand->next_free = worker->free;
    worker->free = strand;
    worker->free_count++;
}

/* ---- threads ---- */

/* A body that calls pthread_exit unwinds its strand; then the thread runs its keys' destructors on its own stack. */
static pthread_key_t thread_key;
static pthread_once_t thread_key_once = PTHREAD_ONCE_INIT;
static bool thread_key_made;

static void thread_ends(void *worker);

static void make_thread_key(void)
{
    thread_key_made = !pthread_key_create(&thread_key, thread_ends);
}

static void watch_thread(struct filch__worker *worker)
{
    pthread_once(&thread_key_once, make_thread_key);
    if (thread_key_made)
        pthread_setspecific(thread_key, worker);
}

void filch__crew_forget_thread(void)
{
    if (!filch__strand_current())
        return;
    watch_thread(NULL);
    filch__strand_set_current(NULL);
}

static void report(struct filch__worker *worker, int status)
{
    struct filch_pool *pool = worker->pool;
    if (!worker->reports)
        return;
    worker->reports = false;
    filch__lock(&pool->lock);
    if (status < 0 && !pool->init_status)
        pool->init_status = status;
    filch__store_release(&pool->init_pending, pool->init_pending - 1);
    filch__os_futex_wake(&pool->init_pending, 1); /* under the lock: open does not return before it is released */
    filch__unlock(&pool->lock);
}

static int enter(struct filch__worker *worker)
{
    struct filch_pool *pool = worker->pool;
    char name[32];
    snprintf(name, sizeof name, "%s/%u", pool->name, worker->id);
    filch__os_thread_name(name);
    filch__reclaim_register(&worker->reader);
    filch__strand_enter_thread(&worker->native);
    filch__strand_set_current(&worker->native);
    filch__watch_enter(worker);
    worker->signal_stack = filch__overflow_enter();
    watch_thread(worker);
    int status = filch__crew_reserve_strand(worker) ? 0 : -ENOMEM;
    if (!status && pool->config.worker_init) {
        status = pool->config.worker_init(pool->config.ctx, worker->id, &worker->local);
        worker->initialised = status >= 0;
    }
    return status < 0 ? status : 0;
}

/* The last thing that a worker's thread does; `retired`: it is out of the table and uncounted. */
static void leave(struct filch__worker *worker)
{
    struct filch_pool *pool = worker->pool;
    if (worker->initialised && pool->config.worker_fini)
        pool->config.worker_fini(pool->config.ctx, worker->id, worker->local);
    worker->initialised = false;
    worker->local = NULL;
    while (worker->free)
        filch__strands_put(&pool->strands, filch__crew_take_strand(worker));
    watch_thread(NULL);
    filch__overflow_leave(worker->signal_stack);
    filch__watch_leave(worker, false);
    filch__strand_set_current(NULL);
    filch__reclaim_unregister(&worker->reader);
    filch__worker_turn(worker, FILCH__SPELL_GONE);
    filch__lock(&pool->lock);
    /* Join those that ended before: they have nothing left to do but exit. The last ones are left to join_all. */
    for (size_t i = 0; i < FILCH_WORKERS_MAX && pool->worker[i] && !pool->stopping; i++)
        if (pool->worker[i]->thread_state == FILCH__THREAD_ENDED) {
            pthread_join(pool->worker[i]->thread, NULL);
            pool->worker[i]->thread_state = FILCH__THREAD_NONE;
        }
    worker->thread_state = FILCH__THREAD_ENDED;
    filch__unlock(&pool->lock);
}

static void uncount_locked(struct filch_pool *pool)
{
    filch__store_seq_cst(&pool->threads, pool->threads - 1); /* G1: then the worker looks for work */
}

/* Uncount the worker and take it out of the table. */
static void retire_locked(struct filch__worker *worker)
{
    uncount_locked(worker->pool);
    filch__victims_remove_locked(worker);
}

static void retire(struct filch__worker *worker)
{
    filch__lock(&worker->pool->lock);
    retire_locked(worker);
    filch__unlock(&worker->pool->lock);
}

/* While a strand waits one worker stays, so that it can go on without a thread having to be started for it. */
uint32_t filch__crew_least(const struct filch_pool *pool)
{
    uint32_t least = filch__load_relaxed(&pool->min_workers);
    if (least || filch__load_relaxed(&pool->stopping))
        return least;
    struct filch__waits waits = filch__workers_waits(pool);
    return waits.begun != waits.ended;
}

bool filch__crew_try_retire(struct filch__worker *worker)
{
    struct filch_pool *pool = worker->pool;
    if (filch__deque_size(&worker->deque) || filch__handful_size(&worker->handful))
        return false;
    filch__lock(&pool->lock);
    bool ends = pool->stopping || pool->threads > filch__crew_least(pool);
    if (ends)
        uncount_locked(pool);
    if (ends && !pool->threads && !pool->stopping && filch__pool_has_work(pool)) {
        filch__store_seq_cst(&pool->threads, 1); /* it was relied on: the last one stays, another might not start */
        ends = false;
    }
    if (ends)
        filch__victims_remove_locked(worker);
    filch__unlock(&pool->lock);
    return ends;
}

static void drop_entries(struct filch_pool *pool, bool (*while_)(struct filch_pool *pool), int status)
{
    struct filch_future *future;
    while (while_(pool) && (future = filch__entry_take_any(pool))) {
        filch__task_make_room(pool, future);
        filch__task_drop(pool, future, status);
    }
    filch__pool_tell_closer(pool);
}

static bool no_worker_is_left(struct filch_pool *pool)
{
    return !filch__load_relaxed(&pool->threads);
}

static bool all_workers_block(struct filch_pool *pool)
{
    uint32_t blocked = 0;
    filch__lock(&pool->lock);
    for (size_t i = 0; i < FILCH_WORKERS_MAX && pool->worker[i]; i++)
        blocked += filch__load_relaxed(&pool->worker[i]->blocked);
    bool all = blocked == pool->threads; /* one that ends blocks nowhere, and is not counted: it may be the caller's */
    filch__unlock(&pool->lock);
    return all;
}

/* All threads block in bodies, and no further one could be started: what is queued would wait for bodies that may be
 * waiting for it. It ends with -EAGAIN. What they left in their deques is gathered. */
void filch__crew_drop_stranded(struct filch_pool *pool)
{
    if (!all_workers_block(pool))
        return;
    filch__pool_gather(pool);
    /* What ends lets go of what follows it, which comes here again: it is left to the one that is here already, so that a
     * chain is no recursion. */
    do {
        if (filch__exchange_seq_cst(&pool->dropping, 1)) /* the one that is here sees the task, or this sees it gone */
            return;
        drop_entries(pool, all_workers_block, -EAGAIN);
        filch__store_seq_cst(&pool->dropping, 0);
    } while (filch__entry_has_items(pool) && all_workers_block(pool));
}

static void count_failure_locked(struct filch_pool *pool)
{
    filch__add_relaxed(&pool->failed_starts, 1);
    uint32_t failed = filch__load_relaxed(&pool->starts_failed);
    filch__store_relaxed(&pool->starts_failed, failed < FILCH__START_TRIES ? failed + 1 : failed);
}

static void *run_worker(void *arg)
{
    struct filch__worker *worker = arg;
    struct filch_pool *pool = worker->pool;
    filch__worker_turn(worker, FILCH__SPELL_BUSY);
    int status = enter(worker);
    if (status) {
        filch__lock(&pool->lock);
        if (!worker->reports)
            count_failure_locked(pool);
        retire_locked(worker);
        filch__unlock(&pool->lock);
        drop_entries(pool, no_worker_is_left, status); /* it would wait for ever */
        if (worker->permit)
            filch__pool_start_later(pool); /* G1: who published something may have relied on this search */
        worker->permit = false;
    }
    report(worker, status);
    if (!status) {
        filch__store_relaxed(&pool->starts_failed, 0);
        if (worker->permit)
            filch__watchdog_rouse(pool);
        else
            filch__worker_rest(worker);
        filch__worker_native(worker);
    }
    leave(worker);
    return NULL;
}

static void thread_ends(void *arg)
{
    struct filch__worker *worker = arg;
    struct filch_pool *pool = worker->pool;
    struct filch__strand *strand = filch__load_relaxed(&worker->running);
    if (strand->forks.active)
        filch__os_die("the body of a typed task has ended its thread");
    filch__strand_abandon(strand, &worker->native);
    if (!strand->thread) {
        filch__strand_reset(&pool->strands, strand);
        filch__strands_put(&pool->strands, strand);
    }
    filch__worker_flush(worker);
    retire(worker);
    worker->permit = false;
    filch__store_release(&worker->running, &worker->native); /* the strand will be another worker's */
    filch__permit_leave(pool);
    filch__pool_tell_closer(pool);
    leave(worker);
}

static void free_worker(struct filch__worker *worker)
{
    const struct filch_allocator *allocator = &worker->pool->allocator;
    filch__free_aligned(allocator, worker->meters, sizeof *worker->meters);
    filch__free_aligned(allocator, worker, sizeof *worker);
}

/* A worker with a number that no thread uses: the lowest, so that numbers are dense. */
static struct filch__worker *worker_get_locked(struct filch_pool *pool)
{
    unsigned id = 0;
    while (id < FILCH_WORKERS_MAX && pool->worker[id] && pool->worker[id]->thread_state == FILCH__THREAD_LIVE)
        id++;
    if (id == FILCH_WORKERS_MAX)
        return NULL;
    struct filch__worker *worker = pool->worker[id];
    if (worker) {
        if (worker->thread_state == FILCH__THREAD_ENDED)
            pthread_join(worker->thread, NULL);
        worker->thread_state = FILCH__THREAD_NONE;
        return worker;
    }
    worker = filch__alloc_aligned(&pool->allocator, sizeof *worker);
    if (!worker)
        return NULL;
    *worker = (struct filch__worker){.pool = pool, .id = id, .random = (id + 1) * 0x9e3779b97f4a7c15u};
    worker->meters = filch__alloc_aligned(&pool->allocator, sizeof *worker->meters);
    if (!worker->meters || filch__deque_init(&worker->deque, DEQUE_CAPACITY, &pool->allocator)) {
        free_worker(worker);
        return NULL;
    }
    filch__meters_init(worker->meters);
    filch__strand_init_thread(&worker->native, pool);
    worker->native.worker = worker;
    filch__store_release(&pool->worker[id], worker);
    return worker;
}

static int start_locked(struct filch_pool *pool, bool admitted, bool reports)
{
    if (pool->stopping)
        return -ESHUTDOWN;
    struct filch__worker *worker = worker_get_locked(pool);
    if (!worker || filch__victims_add_locked(worker)) /* before the thread runs: it may retire at once */
        return -ENOMEM;
    worker->permit = worker->searching = admitted;
    worker->reports = reports;
    worker->token = FILCH__TOKEN_NONE;
    worker->thread_state = FILCH__THREAD_LIVE;
    filch__store_relaxed(&pool->threads, pool->threads + 1);
    int r = filch__os_thread_start(&worker->thread, run_worker, worker);
    if (r) {
        retire_locked(worker);
        worker->thread_state = FILCH__THREAD_NONE;
    }
    return r;
}

int filch__crew_start(struct filch_pool *pool, bool admitted, bool reports)
{
    filch__lock(&pool->lock);
    int r = start_locked(pool, admitted, reports);
    if (r && r != -ESHUTDOWN)
        count_failure_locked(pool);
    filch__unlock(&pool->lock);
    return r;
}

void filch__crew_join_all(struct filch_pool *pool)
{
    /* The pool is stopping: no thread starts any more, and none joins another. */
    for (size_t i = 0; i < FILCH_WORKERS_MAX && pool->worker[i]; i++) {
        struct filch__worker *worker = pool->worker[i];
        filch__lock(&pool->lock);
        bool join = worker->thread_state != FILCH__THREAD_NONE;
        filch__unlock(&pool->lock);
        if (join)
            pthread_join(worker->thread, NULL);
        worker->thread_state = FILCH__THREAD_NONE;
    }
}

void filch__crew_destroy(struct filch_pool *pool)
{
    if (!pool->worker)
        return;
    for (size_t i = 0; i < FILCH_WORKERS_MAX && pool->worker[i]; i++) {
        filch__deque_destroy(&pool->worker[i]->deque, &pool->allocator);
        filch__forkstack_destroy(&pool->worker[i]->native.forks);
        filch__watch_leave(pool->worker[i], true);
        free_worker(pool->worker[i]);
    }
}
