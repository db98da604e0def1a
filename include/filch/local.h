/* SPDX-License-Identifier: MIT */
/* local.h - worker-local data: one instance for each worker of a pool, so that tasks add up, cache or buffer without a
 * lock and without sharing a cache line.
 *
 *     static int tally(void *data)                      // a task
 *     {
 *         void *sum;
 *         int r = filch_local_get(sums, &sum);
 *         if (!r)
 *             *(uint64_t *)sum += count_words(data);
 *         return r;
 *     }
 *     struct filch_local *sums;
 *     int r = filch_local_open(&sums, pool, &(struct filch_local_config){.size = sizeof(uint64_t)});
 *     ... submit, wait for all ...
 *     r = filch_local_each(sums, add_to_total, &total);
 *     filch_local_close(sums);
 *
 * Who has an instance. Each worker that asks for one, made when it asks first. It belongs to the worker's number: when
 * the worker retires it stays, and the next worker of that number goes on with it. A thread outside the pool that runs
 * tasks of it (FILCH_FULL_RUN) has one for that time; the next such thread goes on with it. So there are as many as
 * workers and such threads worked at once, not as many as there were tasks.
 *
 * How long it is a task's own. Until the task calls something of filch's that can wait or run another task: a wait, a
 * sync, a spawn, a loop, a submit to a pool with a queue_limit. Behind that the task may be on another worker, and other
 * tasks may have used the instance: get it again.
 */
#ifndef FILCH_LOCAL_H
#define FILCH_LOCAL_H

#include "pool.h"

#ifdef __cplusplus
extern "C" {
#endif

struct filch_local;

struct filch_local_config {
    size_t size; /* of an instance, not 0; it begins as zero bytes, aligned to 128 */
    /* Called for each instance before its first use, by the task that asks for it. < 0: the instance is freed, and
     * filch_local_get returns that; the next who asks tries again. NULL: zero bytes will do. */
    int (*init)(void *ctx, void *instance);
    /* Called for each instance by filch_local_close. */
    void (*fini)(void *ctx, void *instance);
    void *ctx;
    uint64_t reserved[4];
};

/* Make a key for the pool (NULL: see pool.h). Memory comes from the pool's allocator. Never blocks.
 * Errors: -EINVAL (NULL, size 0, reserved fields), -ENOMEM, -ESTALE.
 */
FILCH_API int filch_local_open(struct filch_local **ret_local, struct filch_pool *pool,
                               const struct filch_local_config *config);

/* The instance of the worker that runs the calling task: typed tasks, bodies of loops, and tasks on threads of their own
 * included. A few nanoseconds; the first call on a worker allocates and calls init.
 * Errors: -EINVAL (NULL; not inside a task of the key's pool), -ENOMEM, what init returned.
 */
FILCH_API int filch_local_get(struct filch_local *local, void **ret_instance);

/* Call fn for each instance that there is, by the numbers of the workers: to add up, or to reset. What fn returns other
 * than 0 ends it and is returned. Any thread may call it; nobody may use an instance meanwhile: wait for the tasks
 * before. Errors: -EINVAL.
 */
FILCH_API int filch_local_each(struct filch_local *local, int (*fn)(void *ctx, void *instance), void *ctx);

/* Call fini for each instance, and free them all. No task uses the key any more. Before or after the pool is closed or
 * freed. NULL is a no-op.
 */
FILCH_API void filch_local_close(struct filch_local *local);

#ifdef __cplusplus
}
#endif

#endif
