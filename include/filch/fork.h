/* SPDX-License-Identifier: MIT */
/* fork.h - typed fork-join: spawn a function call as a task, sync with its result, at the price of a few instructions.
 *
 *     FILCH_TASK(long, fib, (int, n))
 *     {
 *         if (n < 2)
 *             return n;
 *         FILCH_SPAWN(fib, n - 1);
 *         long b = FILCH_CALL(fib, n - 2);
 *         return FILCH_SYNC(fib) + b;
 *     }
 *     long r = FILCH_RUN(pool, fib, 40);
 *
 * A spawned child lies in a slot of its strand's fork stack until it is synced, and runs in its sync, unless an idle
 * worker has stolen it: then the parent takes children of the strand that works on it, and suspends when there are none.
 * Neither a spawn nor a sync that nobody interfered with has a locked instruction or a fence (Lace, van Dijk and van de
 * Pol 2014, has the direct call and the slots with their arguments; the private part that thieves open is filch's own).
 *
 * Rules
 *   - FILCH_SPAWN, FILCH_CALL and the syncs stand in the body of a FILCH_TASK. Everywhere else FILCH_RUN is what calls a
 *     task: inside a task of the pool it is a plain call, in which children can be stolen.
 *   - FILCH_SYNC(f) joins the newest child that is not synced, and f must be its task. One FILCH_SYNC in an expression:
 *     C does not say which of two would be evaluated first.
 *   - All children are synced before the body returns. Debug builds (without NDEBUG) abort with the task's name when one
 *     is left, and when a sync finds no child, or names another task than the newest child and nobody has stolen that
 *     (nor is a trace taken).
 *   - A sync is a wait (future.h): what does not survive a wait inside a task does not survive a sync.
 *   - A body ends by returning: not by longjmp, pthread_exit or an exception.
 *   - A child may be cancelled only as a part of the task that FILCH_RUN was: see filch_cancelled().
 */
#ifndef FILCH_FORK_H
#define FILCH_FORK_H

#include "future.h"
#include "detail/fork.h"

/* FILCH_TASK(type, name, (type, name)...) { body }: define a task of 0 to 8 parameters, local to this file. Parameters
 * are of any type that can be assigned, with a name (typedef) where it is a function or an array; the result too. In
 * C++ the types are trivially copyable. Up to 48 bytes of parameters lie in the slot; more are a record of their own, at
 * the price of an allocation per spawn. Compilers may inline a small task into itself, some levels deep, as they do with a
 * recursive function; then its frames are larger and fewer.
 */
#define FILCH_TASK(type, ...) FILCH__LOCAL(VALUE, type, __VA_ARGS__)
#define FILCH_VOID_TASK(...) FILCH__LOCAL(VOID, void, __VA_ARGS__)

/* For a task of several files: FILCH_TASK_DECL(type, name, (type, name)...); in a header, FILCH_TASK_DEF of the same, with
 * the body, in one file. Before its definition a local task is declared by FILCH_TASK_LOCAL, and defined by FILCH_TASK_DEF
 * too.
 */
#define FILCH_TASK_DECL(type, ...) FILCH__DECLARE(extern, PLAIN, VALUE, type, __VA_ARGS__)
#define FILCH_VOID_TASK_DECL(...) FILCH__DECLARE(extern, PLAIN, VOID, void, __VA_ARGS__)
#define FILCH_TASK_LOCAL(type, ...) FILCH__DECLARE(static inline, PLAIN, VALUE, type, __VA_ARGS__)
#define FILCH_VOID_TASK_LOCAL(...) FILCH__DECLARE(static inline, PLAIN, VOID, void, __VA_ARGS__)
#define FILCH_TASK_DEF(type, ...) FILCH__HEAD(, type, __filch_body, PLAIN, __VA_ARGS__)
#define FILCH_VOID_TASK_DEF(...) FILCH__HEAD(, void, __filch_body, PLAIN, __VA_ARGS__)

/* FILCH_SPAWN(name, arguments...): a child that may run from now on, until its FILCH_SYNC(name). Cannot fail: from 2^24
 * children of a strand that are not synced, and where address space is limited earlier, a child is called at once; only
 * its result is kept. When as many results are kept as there are children that can be stolen, the process ends with a
 * message, as it does when a stack overflows.
 */
#define FILCH_SPAWN(...) FILCH__INVOKE(__filch_spawn, (filch__forks, &filch__head), __VA_ARGS__)

/* FILCH_CALL(name, arguments...): a plain call of a task; its value is the task's. */
#define FILCH_CALL(...) FILCH__INVOKE(__filch_call, (FILCH__LEVEL, filch__forks, &filch__head), __VA_ARGS__)

/* FILCH_SYNC(name): join the newest child; its value is the child's. May suspend the task. */
#define FILCH_SYNC(name) name##__filch_sync(FILCH__LEVEL, filch__forks, &filch__head, filch__first)

/* FILCH_SYNC_ALL(): join all children of this body; their values are dropped. */
#define FILCH_SYNC_ALL()                                                                                               \
    ((void)(filch__fork_sync_all(filch__forks, filch__first, filch__head), filch__head = filch__first))

/* FILCH_RUN(pool, name, arguments...): run a task to its end; its value is the task's. From outside the pool it is
 * submitted, and the caller waits; inside a task of the pool it is a call. Where the pool refuses it (closed, full,
 * cancelled, no memory) the calling thread runs it by itself, children included, so that there is a value in any case.
 * FILCH_TRY_RUN(&status, pool, name, arguments...) runs nothing then: status is 0, or the negative errno of
 * filch_submit or -ECANCELED, and the value is zero.
 */
#define FILCH_RUN(pool, ...) FILCH__INVOKE(__filch_root, (pool, NULL), __VA_ARGS__)
#define FILCH_TRY_RUN(ret_status, pool, ...) FILCH__INVOKE(__filch_root, (pool, ret_status), __VA_ARGS__)

#endif
