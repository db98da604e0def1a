/* SPDX-License-Identifier: MIT */
/* blocking.h - what a task does that is not computing: calls that block, sleep, letting others go first.
 *
 * A task that waits on futures gives its worker back by itself. A task that blocks in a system call (a read from a slow
 * disk, getaddrinfo, a lock of another library) holds its permit, and the pool runs one body fewer: wrap the call.
 */
#ifndef FILCH_BLOCKING_H
#define FILCH_BLOCKING_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Inside a task: run fn(data) on this thread, and let the task's permit serve others meanwhile; another thread takes
 * them on, up to FILCH_WORKERS_MAX of a pool. Returns what fn returned, when the task holds a permit again, which it
 * gets before tasks that have not begun. fn may wait, submit, ask filch_cancelled() and call filch_blocking: its waits
 * block the thread. It stays on the same thread, so errno, thread-locals and mutexes survive the call.
 * Outside tasks: calls fn. Errors: -EINVAL (NULL fn), and those of fn.
 *
 *     static int resolve(void *data)
 *     {
 *         struct lookup *it = data;
 *         return getaddrinfo(it->host, it->port, NULL, &it->result) ? -ENOENT : 0;
 *     }
 *     int r = filch_blocking(resolve, &lookup);
 */
FILCH_API int filch_blocking(filch_fn *fn, void *data);

/* Sleep until the deadline (filch_in_ns); in the past: return at once. Suspends a task (see WAITING INSIDE A TASK in
 * future.h), so any number may sleep, at the price of a stack each; blocks a thread.
 * Returns 0; -ECANCELED when the calling task is asked to stop, before or meanwhile; -ENOMEM, -EAGAIN (the timekeeper
 * thread could not be started). FILCH_NO_DEADLINE: until it is asked to stop.
 *
 *     while (filch_sleep_until(filch_in_ns(FILCH_S(1))) == 0)
 *         print_rates();
 */
FILCH_API int filch_sleep_until(uint64_t deadline_ns);

/* Inside a task: other work of the pool that is queued goes first, and a limit that was lowered takes effect; then the
 * task goes on, perhaps on another thread (see WAITING INSIDE A TASK in future.h). Returns at once when there is nothing
 * else to do; so it is for long bodies that let others in between, and not for waiting: a loop around it is busy.
 * A body on a thread's own stack gives its permit to bodies that wait for one. Outside tasks: sched_yield().
 */
FILCH_API void filch_yield(void);

#ifdef __cplusplus
}
#endif

#endif
