/* SPDX-License-Identifier: MIT */
/* trace.h - where the time of a pool's tasks goes.
 *
 * Latencies are kept in histograms, always; of each 256 tasks one is measured, so that the others cost nothing.
 *
 *     static struct filch_histogram queue;
 *     filch_pool_get_histogram(pool, FILCH_LATENCY_QUEUE, &queue, sizeof queue);
 *     printf("99 of 100 tasks started within %llu ns\n", (unsigned long long)filch_histogram_quantile(&queue, 0.99));
 *     for (struct filch_bucket bucket = {0}; filch_histogram_next(&queue, &bucket);)
 *         printf("%llu tasks: %llu ns or more\n", (unsigned long long)bucket.count, (unsigned long long)bucket.low_ns);
 *
 * A trace shows what every task and every worker did and when. It is taken on request, of all pools of the process:
 * by FILCH_TRACE in the environment, without a change of the program, or by calls.
 *
 *     FILCH_TRACE=trace.json ./app         then load trace.json into https://ui.perfetto.dev, or give it to filch-report
 *
 *     const struct filch_trace_config config = {.file = "trace.json"};
 *     filch_trace_start(&config);
 *     work();
 *     filch_trace_stop();                  // writes the file
 *
 * Environment, read when the first pool is opened (not by set-uid programs, nor in a library built without FILCH_ENVIRONMENT):
 *     FILCH_TRACE=FILE      where to write when the process ends by exit or a return from main; %p stands for its number.
 *                           A forked child takes a trace of its own if FILE contains %p, else none
 *     FILCH_TRACE_MB=n      memory of each thread's events in MiB (64; with FILCH_TRACE_LAST 16)
 *     FILCH_TRACE_LAST=s    a flight recorder: keep the last s seconds only, for as long as the process runs
 *     FILCH_TRACE_SIGNAL=n  at this signal (a number, USR1 or USR2) write what there is to FILE.1, FILE.2, ...
 * What goes wrong there is said in one line on stderr.
 *
 * Tracing costs about 15 ns an event, of which a task has five or more; spawn and sync take their slow paths.
 */
#ifndef FILCH_TRACE_H
#define FILCH_TRACE_H

#include "base.h"

#include <stdbool.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

struct filch_pool;

enum filch_latency {
    FILCH_LATENCY_QUEUE,      /* submitted -> started */
    FILCH_LATENCY_RUN,        /* started -> returned, less its waits */
    FILCH_LATENCY_GATE,       /* waited for a permit of the pool, or of a gate */
    FILCH_LATENCY_SUSPENSION, /* suspended -> goes on */
    FILCH_LATENCY_WAKE,       /* made ready -> goes on */
    FILCH_LATENCIES,          /* how many there are */
};

/* Below 64 ns a bucket for each nanosecond, above 32 for each doubling, up to 2^42 ns (73 minutes); the last one is for
 * all that took longer. */
#define FILCH_HISTOGRAM_BUCKETS 1217

/* 10 KB: not for the stack of a task, if its pool's stacks are small. All zero: empty. */
struct filch_histogram {
    uint64_t count;
    uint64_t sum_ns;
    uint64_t max_ns;
    uint64_t bucket[FILCH_HISTOGRAM_BUCKETS];
};

/* What the pool's workers have measured since it was opened. Never stops anyone; exact when the pool is idle, else near.
 * size: sizeof *ret_histogram as the caller was built. Errors: -EINVAL (size, latency), -ESTALE. Works on a closed pool.
 */
FILCH_API int filch_pool_get_histogram(const struct filch_pool *pool, enum filch_latency latency,
                                       struct filch_histogram *ret_histogram, size_t size);

/* The value below or at which the fraction q of all lies: 0.5 is the median, 0 the least, 1 max_ns. At most 1.6 % away from
 * it, the middle of its bucket. 0 when the histogram is empty. q is cut to 0..1. Any thread, any copy of a histogram.
 */
FILCH_API uint64_t filch_histogram_quantile(const struct filch_histogram *histogram, double q);

struct filch_bucket {
    uint64_t low_ns, high_ns; /* the values from low_ns up to, not including, high_ns; UINT64_MAX: no end */
    uint64_t count;
};

/* The next bucket that is not empty, in order of value, behind *bucket; all zero: the first. False: there is none, and
 * *bucket is as before.
 */
FILCH_API bool filch_histogram_next(const struct filch_histogram *histogram, struct filch_bucket *bucket);

/* All zero = all defaults. A reserved field that is not zero is -EINVAL. */
struct filch_trace_config {
    /* Written by filch_trace_stop; %p in it stands for the process's number. Created at once, so that a wrong name shows.
     * NULL: no file, only filch_trace_write. Copied. */
    const char *file;
    /* Memory for each thread's events, 32 bytes each; a power of two, else rounded down. At least 4 KiB. 0: 64 MiB, with
     * last_ns 16 MiB. It is committed as it is used; what finds no room is counted, and lost. */
    size_t bytes_per_thread;
    /* For all threads together, be it used or not; a thread for which nothing is left loses its events. 0: 16 GiB. */
    size_t bytes_in_all;
    /* A flight recorder: keep the last events, and write those of the last so many nanoseconds. 0: keep the first ones. Then
     * a task that is reported as stuck, or a deadlock, makes it write, too, as a signal does. */
    uint64_t last_ns;
    /* At this signal write what there is to the file's name with .1, .2, ... behind it; the session goes on. The signal is
     * taken over until filch_trace_stop. 0: none. */
    int signal;
    uint32_t reserved32;
    uint64_t reserved[4];
};

/* Begin a session: from now on all pools of the process are traced. config may be NULL. Any thread, and any task. What was
 * recorded before is forgotten. Blocks for a fraction of a millisecond, and while another thread writes a trace.
 * Errors: -EALREADY (there is a session), -EINVAL (see the fields; a signal without a file; a signal that cannot be handled),
 * -EBUSY (the program handles that signal), -ENOMEM, -EAGAIN (no thread), what creating the file met.
 */
FILCH_API int filch_trace_start(const struct filch_trace_config *config);

/* End the session, and write its file, if it has one. Blocks until it is written, about a second for five million events; a task
 * keeps its worker meanwhile. What is in its file is not kept; without one, what was recorded stays for filch_trace_write.
 * Errors: -EINVAL (there is no session), -ENOMEM, what writing met: the session has ended all the same.
 */
FILCH_API int filch_trace_stop(void);

/* Write what there is of the session that runs, or of the last one: a snapshot, while tasks go on. Blocks as filch_trace_stop.
 * Errors: -EINVAL (NULL; there was no session), -ENOMEM, what writing met.
 */
FILCH_API int filch_trace_write(FILE *out);

/* Say what the running task works on: shown with it in the trace. Copied, up to 120 bytes; a later note takes the place of the
 * one before. Nothing outside tasks, or for NULL. One load while no trace is taken. Never blocks.
 *
 *     filch_trace_note(path);
 */
FILCH_API void filch_trace_note(const char *text);

#ifdef __cplusplus
}
#endif

#endif
