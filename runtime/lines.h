/* SPDX-License-Identifier: MIT */
/* lines.h - what a task has reported: a list that grows at its end while others read it.
 *
 * One word, the future's, points to the newest line; each line knows the oldest, and gets its successor once.
 *
 *   field            written by
 *   word             add: CAS from the newest line to the one behind it; free
 *   first            add, before it publishes the line; then immutable
 *   next             add of the line behind, once, after it was published
 *
 * May run together?  add add next      free only alone, when nothing is added and nobody reads
 * Orderings
 *   R1 add: CAS (acq_rel) -> add, next: load or CAS (acquire) of the word. The line is seen, and through it all before.
 *   R2 add: store next (release) -> next: load (acquire). The line behind is seen.
 * A reader that comes between R1 and R2 ends one line early. When the task has ended there is no such gap: its own
 * reports have returned, and so have those of its stolen children, which it has synced.
 * The order is that of the CASes: the task's own, and children in the order in which they came.
 * Progress: next is wait-free; add retries only when another add of the same task succeeded.
 * Rejected: pushing in front and turning the list around at the first read: it would no longer be possible to add to it.
 * Checked: tests/model/lines.c.
 */
#ifndef FILCH_LINES_H
#define FILCH_LINES_H

#include "compiler.h"

#include <filch/report.h>

struct filch__line {
    struct filch_report_line shown;
    struct filch__line *first, *next;
    struct filch_allocator allocator; /* a copy: the line may outlive the pool */
    size_t size;
    char text[];
};

/* 0 or -ENOMEM. */
int filch__lines_add(void **word, const struct filch_allocator *allocator, enum filch_level level,
                     const char *text);
const struct filch__line *filch__lines_first(void *const *word);
const struct filch__line *filch__lines_next(const struct filch__line *line);
void filch__lines_free(void **word);

#endif
