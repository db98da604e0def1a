/* SPDX-License-Identifier: MIT */
/* report.h - what tasks have to say besides their status: lines of text, each with a level.
 *
 * A task that was submitted with FILCH_TASK_KEEP_REPORTS keeps its lines with its future, in the order in which it
 * reported them; whoever waited for it reads them. The lines of other tasks go to the pool's `report` function
 * (struct filch_pool_config), if it has one. Nothing is printed unasked.
 *
 *     filch_report(FILCH_WARNING, "no such key, the default is taken");        // in the task
 *
 *     filch_wait(&future);
 *     for (const struct filch_report_line *line = NULL; (line = filch_reports_next(&future, line));)
 *         fprintf(stderr, "%s: %s\n", filch_level_name(line->level), line->text);
 *     filch_reports_free(&future);
 */
#ifndef FILCH_REPORT_H
#define FILCH_REPORT_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

struct filch_future;

enum filch_level {
    FILCH_ERROR,
    FILCH_WARNING,
    FILCH_INFO,
    FILCH_VERBOSE,
    FILCH_DEBUG,
};

/* "error", "warning", "info", "verbose", "debug"; NULL for anything else. */
FILCH_API const char *filch_level_name(enum filch_level level);

/* Say something inside a task; the text is copied. What a typed task or the body of a loop says is said by the task that
 * it is part of, whichever worker runs it. Never blocks (the pool's function is called in it, and may).
 * Errors: -EINVAL (NULL, level), -ENOENT (nobody listens: not in a task, or neither kept nor a function in the pool),
 * -ENOMEM (this line is lost, those before are there).
 */
FILCH_API int filch_report(enum filch_level level, const char *text);

struct filch_report_line {
    enum filch_level level;
    const char *text;
};

/* The line after `line`, or the first for NULL; NULL when there is none. A task that is submitted again goes on behind the
 * lines of the runs before. May be called while the task runs, as long as its future stays in place, by any number of
 * threads: it gives what has been said so far. NULL for a NULL future.
 */
FILCH_API const struct filch_report_line *filch_reports_next(const struct filch_future *future,
                                                             const struct filch_report_line *line);

/* Free the lines of a future; it has none afterwards. Also after its pool was freed. Not while it is in flight (then
 * nothing is freed) or read by others. Whoever submits with FILCH_TASK_KEEP_REPORTS calls this before the future's memory
 * goes; for futures of filch_submit_copy, filch_future_release does it. NULL is a no-op.
 */
FILCH_API void filch_reports_free(struct filch_future *future);

#ifdef __cplusplus
}
#endif

#endif
