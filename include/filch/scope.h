/* SPDX-License-Identifier: MIT */
/* scope.h - tasks that belong together: waited for together, and cancelled together when one fails.
 *
 *     struct filch_scope scope;
 *     int r = filch_scope_open(&scope, NULL, &(struct filch_scope_config){.policy = FILCH_SCOPE_FAIL_FAST});
 *     for (size_t i = 0; !r && i < count; i++)
 *         r = filch_scope_submit(&scope, &item[i].future, convert, &item[i], NULL);
 *     r = filch_scope_close(&scope); // all have ended: 0, or the first error
 *
 * A scope's memory is the caller's, is in use until filch_scope_close has returned, and means the same as all zero
 * afterwards. Every scope that was opened is closed, and before its pool is freed. In a child made by fork(2) a scope of
 * the parent answers -ESTALE.
 */
#ifndef FILCH_SCOPE_PUBLIC_H
#define FILCH_SCOPE_PUBLIC_H

#include "future.h"

#ifdef __cplusplus
extern "C" {
#endif

enum filch_policy {
    FILCH_SCOPE_ALL,           /* all tasks run, whatever becomes of the others */
    FILCH_SCOPE_FAIL_FAST,     /* the first that fails cancels the rest */
    FILCH_SCOPE_FIRST_SUCCESS, /* the first that succeeds cancels the rest: then close returns 0 */
    FILCH_SCOPE_COUNT,         /* as soon as `need` have succeeded the rest is cancelled */
};

/* All zero = all defaults. */
struct filch_scope_config {
    enum filch_policy policy;
    unsigned need;       /* with FILCH_SCOPE_COUNT: successes wanted, at least 1; else 0 */
    uint64_t timeout_ns; /* from open: then what is left is cancelled, and close returns -ETIMEDOUT. 0: none */
    struct filch_scope *parent; /* its cancel cancels this one; its close waits for this one's. NULL: none */
    /* Called once for each task that fails (status < 0; not for those that only end with -ECANCELED because the scope
     * was cancelled), by the thread that ends the task, before its future is done. Several may be called at a time; it
     * must not wait. filch_future_name() is the task's name. */
    void (*on_error)(void *ctx, struct filch_future *future, int status);
    void *ctx;
    uint64_t reserved[4];
};

struct filch_scope {
    uint64_t priv[40];
};

/* Open a scope for tasks of `pool` (NULL: the current task's, else the default one). config may be NULL. Never blocks. Errors:
 * -EINVAL (NULL scope; unknown policy; `need` without FILCH_SCOPE_COUNT, or the reverse; reserved), -ESHUTDOWN (the pool;
 * or the parent is closed), -ECANCELED (the parent is cancelled), -EAGAIN (the timekeeper thread could not be started),
 * -ENOMEM, -ESTALE. Nothing is to be closed then.
 */
FILCH_API int filch_scope_open(struct filch_scope *scope, struct filch_pool *pool,
                               const struct filch_scope_config *config);

/* Submit a task to the scope's pool, as filch_submit_with does; options may be NULL. A task of the scope may submit further
 * ones while it is being closed. future NULL: it is allocated, and freed when the task has ended. Further errors: -ESHUTDOWN (closed,
 * or being closed), -ECANCELED (cancelled), -EINVAL (NULL scope; options name another one), -ENOMEM. The option `scope` of
 * filch_submit_with and filch_submit_many does the same for their pool, which must be the scope's (NULL: is the scope's).
 */
FILCH_API int filch_scope_submit(struct filch_scope *scope, struct filch_future *future, filch_fn *fn, void *data,
                                 const struct filch_task_options *options);

/* Cancel what is in the scope, and in scopes inside it: tasks that have not started end with -ECANCELED, running ones find
 * filch_cancelled() true, and waits with a deadline end; those without pass it on. Tasks with FILCH_TASK_RUN_ALWAYS are spared.
 * Nothing can be submitted to it any more. Never blocks; may be called by anybody and more than once, also from a signal
 * handler, and (no effect) on a scope that is all zero: closed, or not opened yet.
 */
FILCH_API void filch_scope_cancel(struct filch_scope *scope);

/* Wait until every task and every scope inside has ended. Suspends a task, blocks a thread; a task that is cancelled while it
 * waits here cancels the scope. Returns 0: all have succeeded, or as many as the policy wants; else the first failure; else
 * -ETIMEDOUT or -ECANCELED when that ended it; -ENODATA: fewer tasks than the policy wants have succeeded, and none failed.
 * Errors: -EINVAL (NULL, not open), -EALREADY (being closed), -EDEADLK (in one of its tasks), -ESTALE.
 */
FILCH_API int filch_scope_close(struct filch_scope *scope);

#ifdef __cplusplus
}
#endif

#endif
