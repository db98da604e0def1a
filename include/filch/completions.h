/* SPDX-License-Identifier: MIT */
/* completions.h - finished tasks in the order in which they finish; one file descriptor for a poll loop.
 *
 * Name the queue in a task's options, and its future comes out of filch_completions_next when it has ended. Such a
 * future belongs to the queue from the submit until then (or until the queue is closed), also when filch_done() is true
 * sooner.
 */
#ifndef FILCH_COMPLETIONS_H
#define FILCH_COMPLETIONS_H

#include "future.h"

#ifdef __cplusplus
extern "C" {
#endif

struct filch_completions;

/* Open a queue; it serves tasks of any pools. Errors: -EINVAL, -ENOMEM. */
FILCH_API int filch_completions_open(struct filch_completions **ret_completions);

/* The next finished future. Waits until there is one: suspends a task, blocks a thread; several may wait. A deadline in
 * the past polls. Errors: -ETIMEDOUT, -ECANCELED (the calling task was cancelled), -EINVAL, -ENOMEM, -EAGAIN.
 */
FILCH_API int filch_completions_next(struct filch_completions *completions, uint64_t deadline_ns,
                                     struct filch_future **ret_future);

/* An eventfd that is readable while finished futures wait to be taken. Owned by the queue: poll it, neither read nor
 * close it; then call filch_completions_next with deadline 0 until -ETIMEDOUT. Errors: -EINVAL, -EMFILE, -ENFILE,
 * -ENOMEM.
 */
FILCH_API int filch_completions_fd(struct filch_completions *completions);

/* Close the queue. Nobody may be in filch_completions_next. Tasks that were to report here may still run: their futures
 * then end as if no queue had been named. NULL is a no-op.
 */
FILCH_API void filch_completions_close(struct filch_completions *completions);

#ifdef __cplusplus
}
#endif

#endif
