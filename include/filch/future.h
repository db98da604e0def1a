/* SPDX-License-Identifier: MIT */
/* future.h - submitting closures and waiting for them.
 *
 * A future is 64 bytes of the caller's memory. It starts as zero bytes (`= {0}`, calloc) or done; a submit puts it in
 * flight; when filch_done() is true or a wait on it has returned, and nobody else waits on it, the memory is the
 * caller's again. A submit that fails leaves it done with that error, so waiting on it is always safe.
 *
 * WAITING INSIDE A TASK suspends the task, not its worker, and the task may go on on another thread. What does not
 * survive such a wait: errno, thread-locals (and their addresses), pthread mutexes that the task holds, an RCU read
 * section, a C++ catch block. A task that needs any of them across a wait asks for FILCH_TASK_OWN_THREAD.
 */
#ifndef FILCH_FUTURE_H
#define FILCH_FUTURE_H

#include "pool.h"

#ifdef __cplusplus
extern "C" {
#else
#include <stdbool.h>
#endif

struct filch_scope;
struct filch_gate;
struct filch_completions;

struct filch_future {
    struct {
        uint64_t state;
        void *link;
        filch_fn *fn;
        void *data;
        void *record;
        void *runner;
        uint32_t flags;
        uint32_t reserved32;
        void *lines;
    } priv;
};

/* flags of struct filch_task_options */
#define FILCH_TASK_OWN_THREAD                                                                                          \
    1u /* run on a thread's own stack; a wait blocks that thread and gives its permit to others */
#define FILCH_TASK_KEEP_REPORTS 4u /* what it reports is kept with its future: see report.h */

#define FILCH_TASK_RUN_ALWAYS                                                                                          \
    2u /* run also when a predecessor has failed, or its scope is cancelled (not: when it or its pool is) */

/* All zero = all defaults. Read during the call. A reserved field that is not zero, or an unknown flag, is -EINVAL. */
struct filch_task_options {
    const char *name;    /* a static string, for dumps and messages */
    unsigned flags;      /* FILCH_TASK_... */
    int priority;        /* 1: before all that is queued; -1: when nothing else is. Of 64 tasks that a busy worker begins
                          * each level gets one, so that none starves. 0: normal */
    uint64_t timeout_ns; /* from its start: then it is asked to stop, and its status is -ETIMEDOUT. 0: none */
    struct filch_scope *scope;   /* waited for and cancelled together; see scope.h */
    struct filch_gate *gate;     /* one of its permits is held from start to end, across waits; see gate.h */
    struct filch_completions *completions; /* told when it ends; see completions.h */
    /* It starts when these have ended: futures of any pool, and promises. When one has failed (status < 0) it ends with that
     * one's status without running, the first such if several, unless FILCH_TASK_RUN_ALWAYS is set. The array is read
     * during the call; the futures stay in place until each is done. One that was never submitted is -EINVAL. */
    struct filch_future *const *after;
    size_t after_count;
    void (*dropped)(void *data, int status); /* called once instead of fn when the task will never run */
    uint64_t reserved[4];
};

/* Run fn(data) in the pool. The future must stay in place until it is done. In a task the new task is queued on the
 * task's own worker. Allocates nothing; blocks only under FILCH_FULL_BLOCK and FILCH_FULL_RUN.
 * What the caller wrote before is visible to fn; what fn wrote is visible after the wait.
 * Errors: -EINVAL (NULL future or fn), -EBUSY (in flight: the future is left alone), -ESHUTDOWN, -EAGAIN (full under
 * FILCH_FULL_FAIL; or no worker could be started), -ECANCELED (a task that was asked to stop, waiting for room),
 * -ESTALE. Except for -EINVAL on NULL and -EBUSY the future is then
 * done with that error.
 *
 *     struct filch_future f = {0};
 *     filch_submit(NULL, &f, hash_file, &file);
 *     int status = filch_wait(&f);
 */
FILCH_API int filch_submit(struct filch_pool *pool, struct filch_future *future, filch_fn *fn, void *data);

/* As filch_submit, with options (NULL: none). name, flags, timeout_ns and dropped cost one allocation.
 * Further errors: -ENOMEM, -EOVERFLOW, -EINVAL (options; a predecessor that was never submitted).
 */
FILCH_API int filch_submit_with(struct filch_pool *pool, struct filch_future *future, filch_fn *fn, void *data,
                                const struct filch_task_options *options);

/* Run fn(data) in the current pool, or the default one, when `first` has ended: filch_submit_with with the option `after`. */
FILCH_API int filch_then(struct filch_future *first, struct filch_future *next, filch_fn *fn, void *data);

/* As filch_submit_with, with a future of the pool's and a copy of `size` bytes of data (aligned to 16): one allocation.
 * ret_future NULL: detached, which excludes completions and kept reports (-EINVAL). Otherwise release it, any time: a
 * running task goes on; it may not be submitted again. Further errors: -ENOMEM, -EOVERFLOW. On an error *ret_future is untouched.
 */
FILCH_API int filch_submit_copy(struct filch_pool *pool, filch_fn *fn, const void *data, size_t size,
                                const struct filch_task_options *options, struct filch_future **ret_future);

/* The copy that fn gets, of a future made by filch_submit_copy: read results from it before the release. NULL for NULL
 * and for other futures. */
FILCH_API void *filch_future_data(struct filch_future *future);

/* Give back a future made by filch_submit_copy. NULL is a no-op. */
FILCH_API void filch_future_release(struct filch_future *future);

/* A batch: futures in an array of their own, or inside the items. Strides in bytes; future_stride 0 means
 * sizeof(struct filch_future). Item i is (char *)items + i * item_stride. */
struct filch_batch {
    struct filch_future *futures;
    size_t future_stride;
    void *items;
    size_t item_stride;
    size_t count;
};

/* Submit fn(item i) with future i, for all i, at less cost than one by one. Under FILCH_FULL_FAIL accepts what fits
 * from the front; the other futures are done with -EAGAIN, which is returned (and so with -ENOMEM). -EBUSY: some
 * futures were in flight; they are left alone, and the others were accepted. On other errors nothing was accepted and
 * all futures are done with it; -EINVAL for the batch itself and -EOVERFLOW (count * stride) leave them untouched.
 */
FILCH_API int filch_submit_many(struct filch_pool *pool, const struct filch_batch *batch, filch_fn *fn,
                                const struct filch_task_options *options);

/* Wait for all futures of a batch: 0, -ETIMEDOUT, -ECANCELED, -EINVAL, -EOVERFLOW. Each result: filch_status. */
FILCH_API int filch_wait_many(const struct filch_batch *batch, uint64_t deadline_ns);

/* True once the task has ended. One acquire load: what the task wrote is visible when it is true. */
FILCH_API bool filch_done(const struct filch_future *future);

/* The task's status: what fn returned, or -ECANCELED, -ETIMEDOUT, or why the submit failed; -EINPROGRESS until done;
 * -EINVAL for NULL and for a future that was never submitted. */
FILCH_API int filch_status(const struct filch_future *future);

/* The name that the options of a task gave it, or NULL. For a future in flight, as on_error of a scope gets it; NULL for
 * all others. */
FILCH_API const char *filch_future_name(const struct filch_future *future);

/* Wait until the task has ended; its status. Suspends a task, blocks a thread. A task that is cancelled while it waits
 * here passes the request on to what it waits for, and goes on waiting.
 * Errors: -EINVAL (NULL, never submitted), -EDEADLK (the task's own future).
 */
FILCH_API int filch_wait(struct filch_future *future);

/* As filch_wait, but returns 0 when the future is done (see filch_status), -ETIMEDOUT at the deadline, -ECANCELED when
 * the calling task is cancelled: the future may then still be in flight. A deadline in the past polls.
 * Further errors: -ENOMEM, -EAGAIN (the timekeeper thread could not be started), -EINVAL, -EDEADLK.
 */
FILCH_API int filch_wait_until(struct filch_future *future, uint64_t deadline_ns);

/* Wait until all `count` futures are done. Returns as filch_wait_until. An invalid one (NULL, never submitted, the task's
 * own) is told when its turn comes, perhaps after others were waited for. */
FILCH_API int filch_wait_all(struct filch_future *const futures[], size_t count, uint64_t deadline_ns);

/* Wait until one of them is done; *ret_index says which (the first that is found done, if several). Returns as
 * filch_wait_until; count 0 is -EINVAL, more than 16,777,215 -EOVERFLOW. An invalid one is -EINVAL, if none is done. */
FILCH_API int filch_wait_any(struct filch_future *const futures[], size_t count, uint64_t deadline_ns,
                             size_t *ret_index);

/* Ask a task to stop. 0: it had not started and will never run (the future is done once a worker has taken it out of
 * its queue; a promise is done at once); -EINPROGRESS: it runs, and filch_cancelled() in it is true from now on;
 * -EALREADY: it is done. Never blocks. Errors: -EINVAL (NULL, never submitted).
 */
FILCH_API int filch_cancel(struct filch_future *future);

/* Inside a task: was it asked to stop (cancelled, timed out, its pool closed with FILCH_CLOSE_CANCEL)? False outside.
 * */
FILCH_API bool filch_cancelled(void);

/* Make `future` (zero or done) a promise: in flight until filch_complete. NULL is a no-op, and so is a future in
 * flight. */
FILCH_API void filch_promise_init(struct filch_future *future);

/* End a promise with `status`; wakes who waits. Errors: -EALREADY (done), -EINVAL (NULL, not a promise). Never blocks.
 * */
FILCH_API int filch_complete(struct filch_future *future, int status);

#ifdef __cplusplus
}
#endif

#endif
