/* SPDX-License-Identifier: MIT */
#include "live.h"
#include "pool.h"
#include "traces.h"

#include <pthread.h>

/* What there is once per process: the version, the clock, the default pool, and what fork(2) needs to know.
 *
 * In a forked child only the forking thread exists. The count of forks goes up, which makes every pool opened before
 * stale; the list of pools serves to unregister the readers of workers that are no more (reclaim.h). A pool leaves the list
 * before it is freed, so whoever holds the lock may look at every pool in it.
 */
static struct filch__lock lock = {PTHREAD_MUTEX_INITIALIZER};
static struct filch_pool *pools; /* the newest first */
static uint64_t pool_count;      /* ever opened */
static struct filch_pool *default_pool;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

unsigned filch_version(void)
{
    return FILCH_VERSION;
}

uint64_t filch_now_ns(void)
{
    return filch__os_now_ns();
}

uint64_t filch_in_ns(uint64_t duration_ns)
{
    uint64_t now = filch__os_now_ns();
    return duration_ns > FILCH_NO_DEADLINE - now ? FILCH_NO_DEADLINE : now + duration_ns;
}

unsigned filch_cpu_count(void)
{
    return filch__os_cpu_count();
}

static void before_fork(void)
{
    filch__lock(&lock);
    filch__live_before_fork();
    filch__trace_before_fork();
    filch__reclaim_before_fork();
}

static void after_fork_parent(void)
{
    filch__reclaim_after_fork_parent();
    filch__live_after_fork_parent();
    filch__trace_after_fork_parent();
    filch__unlock(&lock);
}

static void after_fork_child(void)
{
    struct filch__worker *self = filch__worker_current();
    filch__store_relaxed(&filch__generation, filch__generation + 1);
    for (struct filch_pool *pool = pools; pool; pool = pool->next_open)
        for (size_t i = 0; i < FILCH_WORKERS_MAX && pool->worker[i]; i++)
            if (pool->worker[i] != self && pool->worker[i]->reader)
                filch__reclaim_bury(pool->worker[i]->reader);
    pools = NULL;
    filch__store_relaxed(&default_pool, NULL); /* opened again at its next use */
    filch__crew_forget_thread();               /* the task that forked goes on as an ordinary thread */
    filch__reclaim_after_fork_child();
    filch__live_after_fork_child();
    filch__trace_after_fork_child();
    filch__unlock(&lock);
}

static void watch_forks(void)
{
    pthread_atfork(before_fork, after_fork_parent, after_fork_child);
}

void filch__process_watch(void)
{
    pthread_once(&fork_once, watch_forks);
}

void filch__process_add(struct filch_pool *pool)
{
    filch__process_watch();
    filch__lock(&lock);
    pool->number = ++pool_count;
    pool->previous_open = NULL;
    pool->next_open = pools;
    if (pools)
        pools->previous_open = pool;
    pools = pool;
    pool->recorder = filch__trace_stuck;
    filch__trace_pool_opens(pool);
    filch__unlock(&lock);
}

void filch__process_remove(struct filch_pool *pool)
{
    filch__lock(&lock);
    if (pool->previous_open)
        pool->previous_open->next_open = pool->next_open;
    else
        pools = pool->next_open;
    if (pool->next_open)
        pool->next_open->previous_open = pool->previous_open;
    filch__unlock(&lock);
}

void filch__process_visit(void (*visit)(struct filch_pool *pool, void *ctx), void *ctx)
{
    filch__lock(&lock);
    struct filch_pool *pool = pools;
    while (pool && pool->next_open)
        pool = pool->next_open;
    for (; pool; pool = pool->previous_open)
        visit(pool, ctx);
    filch__unlock(&lock);
}

struct filch_pool *filch_pool_default(void)
{
    struct filch_pool *pool = filch__load_acquire(&default_pool);
    if (filch__likely(pool != NULL))
        return pool;
    struct filch_pool *opened = NULL, *none = NULL;
    if (filch_pool_open(&opened, NULL))
        return filch__load_acquire(&default_pool);
    if (filch__cas_acq_rel(&default_pool, &none, opened))
        return opened;
    filch_pool_close(opened, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE); /* another thread was faster */
    filch_pool_free(opened);
    return none;
}
