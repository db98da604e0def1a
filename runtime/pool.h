/* SPDX-License-Identifier: MIT */
/* pool.h - what the public calls share: finding the pool that is meant, and refusing those that can't serve. */
#ifndef FILCH_POOL_INTERNAL_H
#define FILCH_POOL_INTERNAL_H

#include "work.h"

/* The pool that NULL stands for. NULL when the default pool cannot be opened. */
struct filch_pool *filch__pool_resolve(const struct filch_pool *pool);

static inline bool filch__pool_stale(const struct filch_pool *pool)
{
    return filch__unlikely(pool->generation != filch__load_relaxed(&filch__generation));
}

/* Is the calling thread running a task of the pool? */
bool filch__pool_in_task(const struct filch_pool *pool);

/* submit.c: 0, -EINVAL or -EOVERFLOW. */
int filch__batch_check(const struct filch_batch *batch);

/* close.c: end what was enqueued when no worker was left to take it. */
void filch__pool_settle(struct filch_pool *pool);

/* completions.c: a task that is to report has been accepted, or was not after all. */
struct filch__waiter *filch__completions_sink(struct filch_completions *completions);
void filch__completions_unsink(struct filch_completions *completions);

/* process.c: pools that are open, for fork. */
void filch__process_add(struct filch_pool *pool);
void filch__process_remove(struct filch_pool *pool);

#endif
