/* SPDX-License-Identifier: MIT */
/* progress.h - how far a job is: any thread and task counts, any thread asks, and a terminal shows a bar if it is asked to.
 *
 *     struct filch_progress *progress;
 *     int r = filch_progress_open(&progress, &(struct filch_progress_config){.total = files, .unit = "files", .fd = 2});
 *     ...
 *     filch_progress_add(progress, 1);                // in each task
 *     ...
 *     filch_progress_close(progress);
 *
 *     [================>-------------]  57%  1,231 of 2,160 files  345/s  ETA 0:03
 *
 * The bar is drawn by a thread of its own, which exists only where there is something to draw on, and sleeps while nothing
 * changes. Nothing is drawn without an fd.
 */
#ifndef FILCH_PROGRESS_H
#define FILCH_PROGRESS_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

struct filch_progress;

struct filch_progress_state {
    uint64_t done;
    uint64_t total; /* 0: not known */
    uint64_t elapsed_ns;
    double rate_per_s; /* of done, smoothed over some seconds */
    uint64_t eta_ns;   /* until done reaches total at that rate; UINT64_MAX: not known */
};

/* flags of struct filch_progress_config */
#define FILCH_PROGRESS_ALWAYS 1u /* a bar of 80 columns also where fd is no terminal */
#define FILCH_PROGRESS_LINES 2u  /* where fd is no terminal, plain lines */
#define FILCH_PROGRESS_CLEAR 4u  /* close takes the bar away; otherwise the last one stays, or a last line is written */
#define FILCH_PROGRESS_BYTES 8u  /* what is counted are bytes: shown as "1.2 GB" */

/* All zero = all defaults: counted, and nothing is drawn. Reserved fields and unknown flags must be zero (-EINVAL). */
struct filch_progress_config {
    uint64_t total;    /* see filch_progress_set_total */
    const char *label; /* before the figures; copied, up to 63 bytes. NULL: none */
    const char *unit;  /* "files"; copied, up to 15 bytes. NULL: none */
    /* Where the bar is drawn, if it is a terminal (and TERM is not "dumb"); open until filch_progress_close. 0: nowhere. */
    int fd;
    unsigned flags; /* FILCH_PROGRESS_... */
    /* Least time between two drawings. 0: 100 ms, and 1 s for lines. A bar's is 100 ms at least. */
    uint64_t interval_ns;
    /* Writes what stands beside the bar, instead of label, figures and rate: up to `size` bytes with the final zero.
     * `columns` is the terminal's width; 0: a plain line is written. Called by the thread that draws, one call at a time; must not call this progress's functions except
     * filch_progress_add. */
    void (*text)(void *ctx, const struct filch_progress_state *state, unsigned columns, char *ret_text, size_t size);
    void *ctx;
    uint64_t reserved[4];
};

/* Begin; the time runs from here. config may be NULL. Errors: -EINVAL, -ENOMEM, -EAGAIN (the thread that draws). */
FILCH_API int filch_progress_open(struct filch_progress **ret_progress, const struct filch_progress_config *config);

/* So much more is done. Any thread, in or outside tasks, any number at once; wait-free, one atomic addition (and a wake-up
 * when the bar's thread sleeps). Many threads that count single bytes would wait for one another's cache line: count what
 * takes a microsecond or more. Sums stay below 2^63. NULL is a no-op.
 */
FILCH_API void filch_progress_add(struct filch_progress *progress, uint64_t count);

/* How much there is to do in all: 0 while that is not known. add_total is for work that is found on the way. Both never
 * block. NULL is a no-op. */
FILCH_API void filch_progress_set_total(struct filch_progress *progress, uint64_t total);
FILCH_API void filch_progress_add_total(struct filch_progress *progress, uint64_t count);

/* How far it is now. Any thread, without a bar as well. Waits for a drawing in progress, no longer.
 * Errors: -EINVAL, -ESTALE (in a forked child).
 */
FILCH_API int filch_progress_get(struct filch_progress *progress, struct filch_progress_state *ret_state);

/* To write to the terminal oneself: hide takes the bar away and keeps it away until as many calls of show. Any thread.
 * NULL is a no-op. */
FILCH_API void filch_progress_hide(struct filch_progress *progress);
FILCH_API void filch_progress_show(struct filch_progress *progress);

/* Draw the last state (see FILCH_PROGRESS_CLEAR), end the thread, and free. Nobody uses it any more. Waits for what is being
 * written. NULL is a no-op. In a forked child it frees, and draws nothing.
 */
FILCH_API void filch_progress_close(struct filch_progress *progress);

#ifdef __cplusplus
}
#endif

#endif
