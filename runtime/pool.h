/* SPDX-License-Identifier: MIT */
/* pool.h - what the public calls share: finding the pool that is meant, and refusing those that can't serve. */
#ifndef FILCH_POOL_INTERNAL_H
#define FILCH_POOL_INTERNAL_H

#include "work.h"

/* The pool that NULL stands for. NULL when the default pool cannot be opened. */
struct filch_pool *filch__pool_resolve(const struct filch_pool *pool);

/* Is the calling thread running a task of the pool? */
bool filch__pool_in_task(const struct filch_pool *pool);

/* batch.c: 0, -EINVAL or -EOVERFLOW. */
int filch__batch_check(const struct filch_batch *batch);

/* submit.c: the steps of accepting a task. Each returns 0 or a negative errno. */
int filch__pool_refuses(const struct filch_pool *pool); /* closing, for this caller? */
int filch__pool_find(struct filch_pool **pool);         /* NULL resolved; may it take tasks now? */
int filch__options_check(const struct filch_task_options *options);
int filch__options_find_pool(const struct filch_task_options *options, struct filch_pool **pool); /* its scope's */
uint32_t filch__options_flags(const struct filch_task_options *options); /* for priv.flags */
int filch__record_new(struct filch_pool *pool, struct filch_future *future, const struct filch_task_options *options,
                      struct filch__record **ret_record); /* NULL when the future can hold it all */
void filch__record_drop(struct filch__record *record); /* its task was not accepted */
/* Into its scope, and room in the queue: enum filch__room, or a negative errno. */
int filch__task_admit(struct filch_pool *pool, struct filch__record *record, uint32_t flags);
/* As filch_submit_copy, detached, with the caller's data. */
int filch__submit_own(filch_fn *fn, void *data, const struct filch_task_options *options);
void filch__task_fill(struct filch_pool *pool, struct filch_future *future, filch_fn *fn, void *data,
                      struct filch__record *record, uint32_t flags,
                      struct filch_completions *completions); /* QUEUED, and not in a queue yet */
void filch__pool_settle_late(struct filch_pool *pool); /* after enqueueing: the workers may be gone */

/* room.c: queue_limit. As the pool's policy says: *ret_count of `want` tasks may be enqueued, or one is to run in the
 * caller, or a negative errno. */
enum filch__room { FILCH__ROOM_OK, FILCH__ROOM_RUN_HERE };
int filch__room_make(struct filch_pool *pool, size_t want, bool own_thread, size_t *ret_count);

/* caller.c */
void filch__run_here(struct filch_pool *pool, struct filch_future *future);

/* stats.c */
const char *filch__pool_phase_name(const struct filch_pool *pool);

/* completions.c: what a task that is to report registers with its future. */
struct filch__waiter *filch__completions_sink(struct filch_completions *completions);

/* A deadline in the past, or 0: the call is to poll. */
static inline bool filch__deadline_past(uint64_t deadline_ns)
{
    return deadline_ns != FILCH_NO_DEADLINE && (!deadline_ns || deadline_ns <= filch_now_ns());
}

/* process.c: pools that are open, for fork, and for whoever tells of all of them. */
void filch__process_watch(void); /* forks are counted from here on */
void filch__process_add(struct filch_pool *pool); /* gives it its number */
void filch__process_remove(struct filch_pool *pool);
/* Call visit for every open pool, the oldest first. No pool is opened, freed or forked meanwhile: visit is brief, waits for
 * nothing outside, and opens and closes none. */
void filch__process_visit(void (*visit)(struct filch_pool *pool, void *ctx), void *ctx);

#endif
