/* SPDX-License-Identifier: MIT */
/* allocator.c - a pool that lives in an arena of the program's, which keeps accounts.
 *
 * All that a pool allocates comes from the allocator it was opened with, except its stacks, which are mapped. The accounts
 * show what that is: workers when it opens, one block per filch_submit_copy, nothing for a hundred thousand plain submits;
 * and that all of it is back when the pool is freed.
 */
#include <filch/filch.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA = 8 << 20, ORDERS = 24, TASKS = 100000, COPIES = 1000 };

struct block {
    struct block *next;
};

/* Blocks are powers of two, cut off the front of the arena; those that come back are kept by size. */
struct arena {
    pthread_mutex_t lock;
    _Alignas(16) char memory[ARENA];
    size_t used;
    struct block *returned[ORDERS];
    long calls, blocks; /* how often it was asked; blocks that are out */
};

static unsigned order_of(size_t size)
{
    unsigned order = 4; /* 16 bytes: the alignment that filch asks for */
    while (((size_t)1 << order) < size)
        order++;
    return order;
}

static void *arena_alloc(void *ctx, size_t size)
{
    struct arena *arena = ctx;
    void *memory = NULL;
    unsigned order = order_of(size);
    if (order >= ORDERS)
        return NULL;
    pthread_mutex_lock(&arena->lock);
    if (arena->returned[order]) {
        memory = arena->returned[order];
        arena->returned[order] = arena->returned[order]->next;
    } else if (((size_t)1 << order) <= sizeof arena->memory - arena->used) {
        memory = &arena->memory[arena->used];
        arena->used += (size_t)1 << order;
    }
    arena->calls++;
    arena->blocks += memory != NULL;
    pthread_mutex_unlock(&arena->lock);
    return memory; /* NULL: the call that needed it fails with -ENOMEM, and nothing is lost */
}

static void arena_free(void *ctx, void *memory, size_t size)
{
    struct arena *arena = ctx;
    struct block *block = memory;
    unsigned order = order_of(size); /* the size is told, so a block needs no header */
    pthread_mutex_lock(&arena->lock);
    block->next = arena->returned[order];
    arena->returned[order] = block;
    arena->blocks--;
    pthread_mutex_unlock(&arena->lock);
}

static long calls_of(struct arena *arena)
{
    pthread_mutex_lock(&arena->lock);
    long calls = arena->calls;
    pthread_mutex_unlock(&arena->lock);
    return calls;
}

static int count(void *data)
{
    atomic_fetch_add(*(atomic_int *const *)data, 1);
    return 0;
}

static int submit_plainly(struct filch_pool *pool, struct filch_future futures[], atomic_int **counter)
{
    int error = 0;
    for (int i = 0; i < TASKS; i++)
        filch_submit(pool, &futures[i], count, counter);
    for (int i = 0; i < TASKS; i++) {
        int status = filch_wait(&futures[i]);
        error = error ? error : status;
    }
    return error;
}

static int submit_copies(struct filch_pool *pool, atomic_int **counter)
{
    int error = 0;
    for (int i = 0; i < COPIES && !error; i++)
        error = filch_submit_copy(pool, count, counter, sizeof *counter, NULL, NULL);
    return error;
}

int main(void)
{
    static struct arena arena = {.lock = PTHREAD_MUTEX_INITIALIZER};
    static struct filch_future futures[TASKS];
    const struct filch_allocator allocator = {arena_alloc, arena_free, &arena};
    struct filch_pool_config config = {.min_workers = 2, .max_concurrency = 2, .allocator = &allocator};
    struct filch_pool *pool;
    atomic_int ran = 0, *counter = &ran;
    int error = filch_pool_open(&pool, &config);
    if (error) {
        fprintf(stderr, "allocator: no pool: %s\n", strerror(-error));
        return 1;
    }
    long opened = calls_of(&arena);
    error = submit_plainly(pool, futures, &counter);
    long plain = calls_of(&arena) - opened;
    error = error ? error : submit_copies(pool, &counter);
    long copies = calls_of(&arena) - opened - plain;
    filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE);
    filch_pool_free(pool);
    printf("opening took blocks: %s; %d submits took %ld, %d copies %ld; not given back: %ld\n",
           opened > 0 ? "yes" : "no", TASKS, plain, COPIES, copies, arena.blocks);
    bool right = opened > 0 && plain == 0 && copies == COPIES && arena.blocks == 0;
    return !error && right && atomic_load(&ran) == TASKS + COPIES ? 0 : 1;
}
