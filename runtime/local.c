/* SPDX-License-Identifier: MIT */
#include "pool.h"

#include <filch/local.h>

#include <errno.h>
#include <string.h>

/* Instances by worker number, in blocks that are made as numbers come into use; those of callers that run tasks of the
 * pool in a list, by the strand that stands for them. Both stay until the key is closed.
 *   L1 a block, or a caller's node, is published by CAS (release) -> get, each: load (acquire).
 *   L2 a slot is written (release) by the thread that has the number at that time, and read by it, or by one that has the
 *      number later: then pool->lock, or the end of a thread that was joined, is between the two. Others read it in
 *      each (acquire), when the tasks have ended.
 */
enum { BLOCK_SLOTS = 64, BLOCKS = FILCH_WORKERS_MAX / BLOCK_SLOTS };

struct block {
    void *slot[BLOCK_SLOTS];
};

struct node {
    struct node *next;
    const struct filch__strand *strand;
    void *slot;
};

struct filch_local {
    /* immutable after open */
    struct filch_local_config config;
    struct filch_allocator allocator; /* a copy: the key may outlive the pool */
    const struct filch_pool *pool;
    /* by CAS */
    struct block *block[BLOCKS];
    struct node *callers;
};

int filch_local_open(struct filch_local **ret_local, struct filch_pool *pool, const struct filch_local_config *config)
{
    if (!ret_local || !config || !config->size || config->size > SIZE_MAX / 2 || filch__any_set(config->reserved, 4))
        return -EINVAL;
    if (!(pool = filch__pool_resolve(pool)))
        return -ENOMEM;
    if (filch__pool_stale(pool))
        return -ESTALE;
    struct filch_local *local = pool->allocator.alloc(pool->allocator.ctx, sizeof *local);
    if (!local)
        return -ENOMEM;
    *local = (struct filch_local){.config = *config, .allocator = pool->allocator, .pool = pool};
    *ret_local = local;
    return 0;
}

static void *alloc_zeroed(const struct filch_local *local, size_t size)
{
    void *memory = local->allocator.alloc(local->allocator.ctx, size);
    return memory ? memset(memory, 0, size) : NULL;
}

static void release(const struct filch_local *local, void *memory, size_t size)
{
    if (memory)
        local->allocator.free(local->allocator.ctx, memory, size);
}

/* ---- where the calling task's instance is ---- */

static filch__cold struct block *add_block(struct filch_local *local, unsigned i)
{
    struct block *made = alloc_zeroed(local, sizeof *made), *there = NULL;
    if (!made || filch__cas_acq_rel(&local->block[i], &there, made)) /* L1 */
        return made;
    release(local, made, sizeof *made); /* another worker was faster */
    return there;
}

static void **worker_slot(struct filch_local *local, unsigned id)
{
    struct block *block = filch__load_acquire(&local->block[id / BLOCK_SLOTS]); /* L1 */
    if (filch__unlikely(!block) && !(block = add_block(local, id / BLOCK_SLOTS)))
        return NULL;
    return &block->slot[id % BLOCK_SLOTS];
}

/* Only the strand's own thread adds a node for it. */
static filch__cold void **caller_slot(struct filch_local *local, const struct filch__strand *strand)
{
    struct node *node = filch__load_acquire(&local->callers); /* L1 */
    while (node && node->strand != strand)
        node = node->next;
    if (node || !(node = alloc_zeroed(local, sizeof *node)))
        return node ? &node->slot : NULL;
    node->strand = strand;
    node->next = filch__load_relaxed(&local->callers);
    while (!filch__cas_acq_rel(&local->callers, &node->next, node)) /* L1 */
        ;
    return &node->slot;
}

static int find_slot(struct filch_local *local, void ***ret_slot)
{
    struct filch__strand *strand = filch__strand_current();
    if (filch__unlikely(!strand || !strand->task || strand->pool != local->pool))
        return -EINVAL;
    const struct filch__worker *worker = strand->worker;
    void **slot = filch__likely(worker != NULL) ? worker_slot(local, worker->id) : caller_slot(local, strand);
    if (filch__unlikely(!slot))
        return -ENOMEM;
    *ret_slot = slot;
    return 0;
}

/* ---- the public calls ---- */

static void destroy_instance(struct filch_local *local, void *instance)
{
    if (local->config.fini)
        local->config.fini(local->config.ctx, instance);
    filch__free_aligned(&local->allocator, instance, local->config.size);
}

/* The init function may have waited, in spite of all, and the task be on another worker now. */
static filch__cold int make_instance(struct filch_local *local, void **ret_instance)
{
    void **slot, *instance = filch__alloc_aligned(&local->allocator, local->config.size);
    if (!instance)
        return -ENOMEM;
    memset(instance, 0, local->config.size);
    int r = local->config.init ? local->config.init(local->config.ctx, instance) : 0;
    if (r < 0) {
        filch__free_aligned(&local->allocator, instance, local->config.size);
        return r;
    }
    r = find_slot(local, &slot);
    if (r || filch__load_relaxed(slot)) {
        destroy_instance(local, instance);
        if (r)
            return r;
    } else {
        filch__store_release(slot, instance); /* L2 */
    }
    *ret_instance = filch__load_relaxed(slot);
    return 0;
}

int filch_local_get(struct filch_local *local, void **ret_instance)
{
    void **slot;
    if (filch__unlikely(!local || !ret_instance))
        return -EINVAL;
    int r = find_slot(local, &slot);
    if (filch__unlikely(r))
        return r;
    void *instance = filch__load_relaxed(slot); /* L2 */
    if (filch__unlikely(!instance))
        return make_instance(local, ret_instance);
    *ret_instance = instance;
    return 0;
}

static int call(void *const *slot, int (*fn)(void *ctx, void *instance), void *ctx)
{
    void *instance = filch__load_acquire(slot); /* L2 */
    return instance ? fn(ctx, instance) : 0;
}

int filch_local_each(struct filch_local *local, int (*fn)(void *ctx, void *instance), void *ctx)
{
    int r = 0;
    if (!local || !fn)
        return -EINVAL;
    for (size_t b = 0; b < BLOCKS && !r; b++) {
        const struct block *block = filch__load_acquire(&local->block[b]); /* L1 */
        for (size_t i = 0; block && i < BLOCK_SLOTS && !r; i++)
            r = call(&block->slot[i], fn, ctx);
    }
    for (const struct node *node = filch__load_acquire(&local->callers); node && !r; node = node->next) /* L1 */
        r = call(&node->slot, fn, ctx);
    return r;
}

static int destroy_each(void *ctx, void *instance)
{
    destroy_instance(ctx, instance);
    return 0;
}

void filch_local_close(struct filch_local *local)
{
    if (!local)
        return;
    (void)filch_local_each(local, destroy_each, local);
    for (size_t b = 0; b < BLOCKS; b++)
        release(local, local->block[b], sizeof *local->block[b]);
    for (struct node *node = local->callers, *next; node; node = next) {
        next = node->next;
        release(local, node, sizeof *node);
    }
    const struct filch_allocator allocator = local->allocator;
    allocator.free(allocator.ctx, local, sizeof *local);
}
