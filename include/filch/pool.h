/* SPDX-License-Identifier: MIT */
/* pool.h - the pool: workers that run closures, never more than max_concurrency bodies at once.
 *
 * Every function may be called by any thread, in or outside tasks, together with any other, unless its comment says
 * otherwise. Where a `struct filch_pool *` is taken, NULL means the current task's pool, else the process's default pool.
 * In a child made by fork(2) a pool opened before answers -ESTALE (0, false or NULL where there is no errno).
 */
#ifndef FILCH_POOL_H
#define FILCH_POOL_H

#include "base.h"
#include "report.h"

#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#else
#include <stdbool.h>
#endif

struct filch_pool;

/* What a submit does when queue_limit tasks are accepted and not started. */
enum filch_when_full {
    FILCH_FULL_BLOCK, /* waits for room: blocks a thread, suspends a task */
    FILCH_FULL_FAIL,  /* returns -EAGAIN */
    FILCH_FULL_RUN,   /* runs the task in the caller, under a permit of the pool (as _BLOCK with
                       * FILCH_TASK_OWN_THREAD, or with predecessors or a gate, which the caller would have to wait for) */
};

enum filch_close {
    FILCH_CLOSE_DRAIN,  /* what was accepted runs; running tasks may still submit to the pool */
    FILCH_CLOSE_CANCEL, /* what was not started ends with -ECANCELED; what runs is asked to stop */
};

/* flags of struct filch_pool_config */
#define FILCH_POOL_NO_IDLE_WORKERS 1u     /* min_workers is 0: the last worker retires too, if no task waits */
#define FILCH_POOL_NO_OVERFLOW_MESSAGE 2u /* do not install the SIGSEGV handler that names a task whose stack overflowed */
#define FILCH_POOL_PUMPED 4u /* one permit is for filch_pool_pump: one thread fewer than max_concurrency (then at least 2) */

/* Most workers and most max_concurrency of one pool. */
#define FILCH_WORKERS_MAX 4096u

/* A task that runs on although it has timed out, or that has been running for stuck_after_ns. */
struct filch_stuck {
    const char *name; /* or NULL */
    filch_fn *fn;
    uint64_t running_ns; /* timed out: since its start; else at least so long, since its start or its last wait */
    bool timed_out;      /* and its permit serves others; else it is only slow */
};

/* What a task waits for that never goes on. */
enum filch_waits_for {
    FILCH_WAITS_FOR_TASK,  /* filch_wait, filch_wait_until */
    FILCH_WAITS_FOR_ALL,   /* several tasks: filch_wait_all, filch_wait_many */
    FILCH_WAITS_FOR_ANY,   /* filch_wait_any */
    FILCH_WAITS_FOR_SCOPE, /* filch_scope_close */
    FILCH_WAITS_FOR_GRAPH, /* filch_graph_run */
    FILCH_WAITS_FOR_CHILD, /* a sync of a child that was stolen */
};

struct filch_deadlock_wait {
    const char *name; /* of the task that waits; or NULL */
    filch_fn *fn;
    enum filch_waits_for waits_for;
    size_t entry;            /* which of the waits it waits for, directly or behind a task that is held; SIZE_MAX: several */
    const char *target_name; /* of the task that it waits for, where that is one; or NULL */
    filch_fn *target_fn;     /* the same; NULL: several */
};

/* Tasks of one pool each of which waits for others of them. */
struct filch_deadlock {
    size_t count;
    const struct filch_deadlock_wait *waits;
};

/* All zero = all defaults. A reserved field that is not zero, or an unknown flag, is -EINVAL. */
struct filch_pool_config {
    /* Threads kept while idle, started by filch_pool_open. 0: 1. Up to FILCH_WORKERS_MAX. */
    unsigned min_workers;
    /* Most task bodies that run at once. 0: max(filch_cpu_count(), min_workers). Raise it above the processors for tasks
     * that block in system calls. */
    unsigned max_concurrency;
    /* A worker above min_workers retires after it was idle for so long. 0: 10 s. */
    uint64_t idle_timeout_ns;
    /* Bytes of address space per strand (a task that waits keeps one); memory is committed as it is touched. 0: 1 MiB.
     * At least 16 KiB; rounded up to pages. */
    size_t stack_size;
    /* Most tasks accepted and not started. 0: no limit. */
    size_t queue_limit;
    enum filch_when_full when_full;
    /* Prefix of the workers' thread names; copied. NULL: "filch". */
    const char *name;
    /* Called by each worker thread as it starts, `worker` dense from 0 among living workers; *ret_local becomes
     * filch_worker_local(). < 0: at open, open fails with it; later, that worker ends and is counted in failed_starts. */
    int (*worker_init)(void *ctx, unsigned worker, void **ret_local);
    /* Called by each worker thread as it ends, if its worker_init returned >= 0. */
    void (*worker_fini)(void *ctx, unsigned worker, void *local);
    /* Called once for a task that has not returned although its timeout_ns has passed twice (or once, and then one second):
     * by the pool's timekeeper thread, so briefly. Such a task does not count against max_concurrency while it runs on.
     * And, with stuck_after_ns, for a task that is slow. It must not close the pool. */
    void (*stuck)(void *ctx, const struct filch_stuck *stuck);
    void *ctx;
    /* Gets what tasks report (report.h) that do not keep it. Called inside the task, on whatever thread runs it, and for
     * several tasks at once; `task` is its name or NULL; text is void when it returns. NULL: such lines are dropped. */
    void (*report)(void *report_ctx, const char *task, enum filch_level level, const char *text);
    void *report_ctx;
    /* NULL: malloc and free. Copied. Stacks come from mmap whatever is given here. */
    const struct filch_allocator *allocator;
    unsigned flags;
    /* A task that has been running for so long without a wait is reported (`stuck`, with timed_out 0; statistics:
     * long_running), once until its next wait, at most a quarter later. Only reported: it keeps its permit. A typed task or
     * a loop is one body, however many children it calls itself; in filch_blocking a body does not run. Costs tasks nothing,
     * and an idle pool neither. 0: off; less than 1 ms is taken as 1 ms. */
    uint64_t stuck_after_ns;
    /* With stuck_after_ns: called once for a set of tasks of the pool that wait for each other, so that none of them ever goes
     * on; found when none of the pool's bodies runs, or while others run, a little later. Only what is certain is told: a wait
     * with a deadline may end, and so may one for a promise, a gate, a completions queue, room, or a task of another pool; the
     * wait of a task with a time-out, or in a scope with one or with a policy other than FILCH_SCOPE_ALL. A cancel is not
     * counted on; the callback may break the circle by one (filch_cancel, filch_scope_cancel), where a wait in it answers
     * -ECANCELED (filch_wait_until does, filch_wait passes it on). By the pool's timekeeper thread; it must not close the pool
     * or wait for its tasks. Statistics: deadlocks. */
    void (*deadlock)(void *ctx, const struct filch_deadlock *deadlock);
    uint64_t reserved[2];
};

/* Open a pool. config may be NULL. Opens whole or not at all: min_workers are running and initialised on return.
 * Blocks until they are. Errors: -EINVAL (see the fields; max < min with both given), -ENOMEM, -EAGAIN (threads),
 * what worker_init returned.
 */
FILCH_API int filch_pool_open(struct filch_pool **ret_pool, const struct filch_pool_config *config);

/* Stop the pool: nothing new is accepted, what was accepted ends as `mode` says, the workers are joined. Blocks until
 * then. The handle stays valid, and every further call on it answers -ESHUTDOWN, until filch_pool_free.
 * Errors: -EALREADY (closed, or being closed by another call), -EDEADLK (called in a task of this pool), -ETIMEDOUT
 * (deadline_ns passed with tasks still running; nothing is killed; call again), -EINVAL, -ESTALE.
 */
FILCH_API int filch_pool_close(struct filch_pool *pool, enum filch_close mode, uint64_t deadline_ns);

/* Free a closed pool. No other call on it may be in progress. Aborts with a message when close has not returned 0
 * (except in a forked child, where the parent's pool may be freed and nothing is joined). NULL is a no-op.
 */
FILCH_API void filch_pool_free(struct filch_pool *pool);

/* Change the limits of a live pool; 0 keeps the present value. Never blocks; bodies that run above a lowered limit finish,
 * new ones wait. Errors: -EINVAL (above FILCH_WORKERS_MAX; max < min with both given), -ESHUTDOWN, -ESTALE.
 * With only one given, the other follows where it must: a maximum below the minimum lowers it, and the reverse. With
 * FILCH_POOL_PUMPED the maximum stays above the minimum.
 */
FILCH_API int filch_pool_resize(struct filch_pool *pool, unsigned min_workers, unsigned max_concurrency);

/* Run up to max_tasks queued tasks on the calling thread, now, each under a permit of the pool: for a main loop that helps
 * out between two events. How many it ran: 0 when nothing is queued or no permit is free; permits are for workers too,
 * so open the pool with FILCH_POOL_PUMPED. Does not wait for work or for a permit; a body that waits blocks the thread,
 * and its permit serves others. Tasks that have begun stay with the workers, and so do children of typed tasks.
 * filch_worker_local() is NULL in such bodies. Several threads may pump, also while the pool is closed by draining.
 * Errors: -EINVAL (max_tasks 0), -EDEADLK (called in a task of this pool), -ESHUTDOWN (closed), -ESTALE, -ENOMEM.
 *
 *     while (poll(events, count, queued ? 0 : -1) >= 0) {
 *         handle(events);
 *         queued = filch_pool_pump(pool, 8) == 8;
 *     }
 */
FILCH_API int filch_pool_pump(struct filch_pool *pool, unsigned max_tasks);

/* How many more bodies could run right now: the limit less the running ones; 0 while shrinking or closed. One load. */
FILCH_API unsigned filch_pool_available(const struct filch_pool *pool);

struct filch_pool_stats {
    uint64_t submitted;      /* tasks accepted */
    uint64_t run;            /* bodies that have returned */
    uint64_t dropped;        /* tasks that ended without running: cancelled, or their pool closed */
    uint64_t stolen;         /* tasks, strands and spawned children taken from another worker */
    uint64_t failed_steals;  /* tries that met an empty deque or lost the race */
    uint64_t parks;          /* times a worker went to sleep */
    uint64_t wakes;          /* workers woken by new work (system calls) */
    uint64_t suspensions;    /* waits that suspended a strand */
    uint64_t blocked_waits;  /* waits of tasks that blocked a thread: FILCH_TASK_OWN_THREAD, or no memory for a strand */
    uint64_t gate_waits;     /* times a worker laid its permit down for the limit, or a thread waited for one */
    uint64_t failed_starts;  /* workers that could not be started or initialised after open */
    uint64_t queue_depth;    /* now: tasks accepted and not started */
    uint64_t suspended;      /* now: strands that wait */
    uint32_t workers;        /* now: threads */
    uint32_t running;        /* now: workers that hold a permit and do not search */
    uint32_t max_concurrency;
    uint32_t min_workers;
    uint64_t strands;          /* stacks mapped since open */
    uint64_t unguarded_stacks; /* of them without a guard page */
    uint64_t stolen_children;  /* spawned children (fork.h) that ran on another strand than their parent's */
    uint64_t taken_back;       /* of them taken by a parent that waited for its own stolen child */
    uint64_t forced;           /* times that private children were opened by force */
    uint32_t has_barrier;      /* 0: membarrier(2) is refused, and children can only be asked for */
    uint32_t reserved32;
    uint64_t stuck;    /* tasks that ran on after they had timed out, and whose permits served others */
    uint64_t held;     /* now: tasks that wait for predecessors, or for a permit of a gate */
    /* Where the time of all workers went, up to now. What is left of their lifetime they were busy: in tasks, and between
     * two that follow each other at once. */
    uint64_t parked_ns;   /* asleep for want of work */
    uint64_t search_ns;   /* looked for work, beyond the first microsecond or so */
    uint64_t permit_ns;   /* waited for a permit, or rested while the limit kept them from work */
    uint64_t blocked_ns;  /* blocked in a task: filch_blocking, or a wait of FILCH_TASK_OWN_THREAD */
    uint64_t lifetime_ns; /* of their threads */
    uint64_t long_running; /* tasks that ran for stuck_after_ns without a wait */
    uint64_t deadlocks;    /* sets of tasks found to wait for each other, for ever */
};

/* Read the counters without stopping anyone; each is exact when the pool is idle, else near. size: sizeof *ret_stats
 * as the caller was built (a larger library fills only that much). Errors: -EINVAL, -ESTALE. Works on a closed pool.
 */
FILCH_API int filch_pool_get_stats(const struct filch_pool *pool, struct filch_pool_stats *ret_stats, size_t size);

/* Print limits, counters, and each worker with the task that it runs. Never waits for a task. Errors: -EINVAL, -ESTALE,
 * -EIO.
 */
FILCH_API int filch_pool_dump(const struct filch_pool *pool, FILE *out);

/* The pool whose task is running on this thread; NULL outside tasks. */
FILCH_API struct filch_pool *filch_pool_current(void);

/* The process's default pool, opened at first use with all defaults; never closed. NULL when it cannot be opened. */
FILCH_API struct filch_pool *filch_pool_default(void);

/* What worker_init made for the worker that runs the current task; NULL outside workers. The task may be on another
 * worker after each wait: read it again.
 */
FILCH_API void *filch_worker_local(void);

#ifdef __cplusplus
}
#endif

#endif
