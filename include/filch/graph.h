/* SPDX-License-Identifier: MIT */
/* graph.h - tasks that follow one another, described once and run many times.
 *
 *     struct filch_graph *graph;
 *     size_t parse, check, emit;
 *     filch_graph_open(&graph, NULL);
 *     filch_graph_add(graph, run_parse, &unit, NULL, &parse);
 *     filch_graph_add(graph, run_check, &unit, NULL, &check);
 *     filch_graph_add(graph, run_emit, &unit, NULL, &emit);
 *     filch_graph_edge(graph, parse, check);
 *     filch_graph_edge(graph, check, emit);
 *     int error = filch_graph_run(NULL, graph);
 *     filch_graph_close(graph);
 *
 * The first run after a change puts the graph in order and looks for cycles; a run by itself allocates nothing for the
 * graph (a worker's queue may grow), and its tasks cost a fraction of submitted ones. Use filch_submit_with and its
 * `after` where tasks are known one by one, a graph where the same ones run again and again, or where there are many.
 *
 * Tasks of a graph are tasks in full: they may wait (others then go on), submit, spawn, run loops and other graphs.
 * They are parts of the task that called filch_graph_run: when that is asked to stop, filch_cancelled() is true in all of
 * them, and their waits end. What a task wrote before it ended is visible to those after it.
 *
 * One thread at a time builds a graph; while it runs, building it is -EBUSY.
 */
#ifndef FILCH_GRAPH_H
#define FILCH_GRAPH_H

#include "future.h"

#ifdef __cplusplus
extern "C" {
#endif

struct filch_graph;

/* All zero = all defaults; NULL works too. */
struct filch_graph_config {
    const struct filch_allocator *allocator; /* copied. NULL: malloc and free */
    uint64_t reserved[4];
};

/* All zero = all defaults; NULL works too. A reserved field that is not zero, or another flag, is -EINVAL. */
struct filch_graph_task {
    const char *name; /* a string that stays: for dumps, messages and cycles */
    /* FILCH_TASK_RUN_ALWAYS: it runs also after a failed task; what follows it then follows its own status. */
    unsigned flags;
    unsigned reserved32;
    uint64_t reserved[4];
};

/* Open an empty graph. Errors: -EINVAL, -ENOMEM. */
FILCH_API int filch_graph_open(struct filch_graph **ret_graph, const struct filch_graph_config *config);

/* Free a graph, but not while it runs (-EBUSY). NULL is a no-op. */
FILCH_API int filch_graph_close(struct filch_graph *graph);

/* Add a task, fn(data); *ret_task (which may be NULL) is its number, from 0 on. data is used in every run.
 * Errors: -EINVAL (NULL graph or fn, options), -ENOMEM, -EOVERFLOW (2^32 - 1 tasks), -EBUSY.
 */
FILCH_API int filch_graph_add(struct filch_graph *graph, filch_fn *fn, void *data,
                              const struct filch_graph_task *options, size_t *ret_task);

/* `after` begins when `before` has ended. The same edge may be added again, and means the same.
 * Errors: -EINVAL (no such task), -ELOOP (a task after itself), -ENOMEM, -EOVERFLOW (2^32 - 1 edges), -EBUSY.
 */
FILCH_API int filch_graph_edge(struct filch_graph *graph, size_t before, size_t after);

/* Put the graph in order now. Unless there is a cycle, the next run does not need to. With one, ret_text (which may be
 * NULL) gets the names of the tasks on a cycle, "a -> b -> a", with "task 7" for one without a name, cut to `size`
 * bytes. Errors: -ELOOP, -ENOMEM, -EBUSY, -EINVAL.
 */
FILCH_API int filch_graph_check(struct filch_graph *graph, char *ret_text, size_t size);

/* Run all tasks in the pool (NULL: see pool.h) and wait until they have ended: blocks a thread, suspends a task. What
 * the caller wrote before is visible to the tasks, and what they wrote to the caller.
 * A task that fails (returns < 0) gives its status to those after it, which end without running, except for those with
 * FILCH_TASK_RUN_ALWAYS; all others run. When the calling task is asked to stop, or the pool is closed with
 * FILCH_CLOSE_CANCEL, tasks that have not begun end with -ECANCELED, whatever their flags.
 * Returns 0, the status of the task that failed first, or an error by which nothing ran: -EINVAL, -ELOOP (see
 * filch_graph_check), -ENOMEM, -EBUSY (it runs already, or is being built), what filch_submit answers for a pool that
 * takes no tasks, and -ECANCELED. Of a run from outside, the pool's queue_limit counts one task.
 */
FILCH_API int filch_graph_run(struct filch_pool *pool, struct filch_graph *graph);

/* What a task returned in the last run that began, or why it did not run. Inside the run, of tasks that come before the
 * calling one, too. Errors: -EINPROGRESS (it has not ended in the present run), -EINVAL (no such task; it never ran).
 */
FILCH_API int filch_graph_status(const struct filch_graph *graph, size_t task);

#ifdef __cplusplus
}
#endif

#endif
