/* SPDX-License-Identifier: MIT */
#include "work.h"

#include <errno.h>
#include <stdlib.h>

/* The table of victims, replaced whole when a worker comes or goes: thieves read it in a read section (reclaim.h), and
 * what was replaced is freed by a worker about to park. */

static void *default_alloc(void *ctx, size_t size)
{
    (void)ctx;
    return malloc(size);
}

static void default_free(void *ctx, void *memory, size_t size)
{
    (void)ctx, (void)size;
    free(memory);
}

int filch__allocator_choose(const struct filch_allocator *given, struct filch_allocator *ret_allocator)
{
    if (given && !given->alloc != !given->free)
        return -EINVAL;
    *ret_allocator = given && given->alloc ? *given : (struct filch_allocator){default_alloc, default_free, NULL};
    return 0;
}

void *filch__alloc_aligned(const struct filch_allocator *allocator, size_t size)
{
    char *raw = allocator->alloc(allocator->ctx, size + FILCH_CACHELINE);
    if (!raw)
        return NULL;
    uintptr_t at = ((uintptr_t)raw + FILCH_CACHELINE) / FILCH_CACHELINE * FILCH_CACHELINE;
    ((char **)at)[-1] = raw; /* alloc aligns to 16, so there are at least 16 bytes before `at` */
    return (void *)at;
}

void filch__free_aligned(const struct filch_allocator *allocator, void *memory, size_t size)
{
    if (memory)
        allocator->free(allocator->ctx, ((char **)memory)[-1], size + FILCH_CACHELINE);
}

static size_t table_bytes(size_t count)
{
    return sizeof(struct filch__table) + count * sizeof(struct filch__worker *);
}

static void table_free(const struct filch_allocator *allocator, struct filch__table *table)
{
    allocator->free(allocator->ctx, table, table_bytes(table->count));
}

static struct filch__table *table_alloc(struct filch_pool *pool, size_t count)
{
    struct filch__table *table = pool->allocator.alloc(pool->allocator.ctx, table_bytes(count));
    if (table)
        *table = (struct filch__table){.count = count};
    return table;
}

static void table_publish_locked(struct filch_pool *pool, struct filch__table *table)
{
    struct filch__table *old = pool->table;
    filch__store_release(&pool->table, table); /* pairs with the thieves' acquire load */
    old->next_retired = pool->retired;
    filch__store_relaxed(&pool->retired, old);
}

/* Fill `table` with the workers there are, less `without`, plus `with`. */
static void table_fill_locked(struct filch_pool *pool, struct filch__table *table, struct filch__worker *without,
                              struct filch__worker *with)
{
    size_t count = 0;
    for (size_t i = 0; i < pool->table->count; i++)
        if (pool->table->worker[i] != without)
            table->worker[count++] = pool->table->worker[i];
    if (with)
        table->worker[count++] = with;
    if (count != table->count)
        filch__os_die("the table of workers is out of step");
}

int filch__victims_init(struct filch_pool *pool)
{
    pool->table = table_alloc(pool, 0);
    return pool->table ? 0 : -ENOMEM;
}

int filch__victims_add_locked(struct filch__worker *worker)
{
    struct filch_pool *pool = worker->pool;
    if (worker->in_table)
        return 0;
    struct filch__table *table = table_alloc(pool, pool->table->count + 1);
    if (!table)
        return -ENOMEM;
    table_fill_locked(pool, table, NULL, worker);
    table_publish_locked(pool, table);
    worker->in_table = true;
    return 0;
}

void filch__victims_remove_locked(struct filch__worker *worker)
{
    struct filch_pool *pool = worker->pool;
    struct filch__table *table = table_alloc(pool, pool->table->count - 1);
    if (!table)
        return; /* no memory: it stays a victim, with an empty deque, until its number is used again */
    table_fill_locked(pool, table, worker, NULL);
    table_publish_locked(pool, table);
    worker->in_table = false;
}

static void free_tables(const struct filch_allocator *allocator, struct filch__table *tables)
{
    while (tables) {
        struct filch__table *next = tables->next_retired;
        table_free(allocator, tables);
        tables = next;
    }
}

void filch__victims_destroy(struct filch_pool *pool)
{
    free_tables(&pool->allocator, pool->retired);
    if (pool->table)
        table_free(&pool->allocator, pool->table);
}

/* ---- what waits for a grace period ---- */

bool filch__victims_has_retired(const struct filch__worker *worker)
{
    return worker->deque.retired || filch__load_relaxed(&worker->pool->retired);
}

void filch__victims_reclaim(struct filch__worker *worker)
{
    struct filch_pool *pool = worker->pool;
    struct filch__deque_ring *rings = filch__deque_take_retired(&worker->deque);
    filch__lock(&pool->lock);
    struct filch__table *tables = pool->retired;
    filch__store_relaxed(&pool->retired, NULL);
    filch__unlock(&pool->lock);
    filch__reclaim_synchronize();
    filch__lock(&pool->lock); /* for threads that steal without a read section (caller.c) */
    filch__unlock(&pool->lock);
    filch__deque_free_retired(rings, &pool->allocator);
    free_tables(&pool->allocator, tables);
}
