/* SPDX-License-Identifier: MIT */
/* tracejson.h - a session as a file: Chrome's trace format, with the computation's graph beside it.
 *
 * The object form: {"displayTimeUnit", "traceEvents": [...], "otherData": {...}, "filch": {...}}, one event a line. Times are
 * microseconds since the session's start, exact to the nanosecond (filch__scribe_duration); tid is a track's number.
 *
 * timeline.c writes traceEvents, X itself, the others by timemarks.c:
 *   X  cat task      a stretch of a task on a track: args id, n (which stretch), end (done, wait, yield, block, nested, gone),
 *                    status (of done), queue_us (submitted to started, of the first), note; stolen, parent
 *      cat child     a spawned child that ran where it was synced; it lies in its task's stretch
 *      cat worker    search, park, permit: between tasks
 *      cat block     a task's thread is blocked
 *      cat outside   a thread outside: own time, or wait
 *   b, e  cat suspended: from where a task left its thread to where it goes on
 *   s, f  cat flow: submit, wake, steal; where the two tracks differ
 *   C, i  what the sampler has seen
 * On a track slices of cat child lie in one of cat task, and no others overlap.
 *
 * tasklog.c writes filch.log, a row for each step of the graph, in the order of time; `depth` is the instance's own span so far:
 *   [0, ts, by, depth, id, name]               submit: `by`, 0 for nobody known, at its depth made `id`
 *   [1, ts, id, tid, pool, name]               start; pool null: a thread outside; 0: a task on a thread outside
 *   [2, ts, id, depth, work, status]           end
 *   [3, ts, id, depth, from]                   `id` has waited for `from`, which has ended
 *   [4, ts, id, from]                          `id`, which has not started, comes after `from`, which has ended
 *   [5, ts, id, depth, child, spawn_depth]     `id` joins a stolen child that it spawned at spawn_depth
 *   [6, ts, id, depth, target]                 `id` completes a promise
 *   [7, ts, id, depth, from_ts, from_depth, after_depth]  a child of `id` that was not stolen has run since from_ts, from where it
 *                                               was spawned to `depth`, where before `id` had got to after_depth, and somebody
 *                                               had waited since the spawn: what follows is after both
 * Where tasks only meet, as at a scope's end, is an instance that starts and ends when the wait for it does.
 */
#ifndef FILCH_TRACEJSON_H
#define FILCH_TRACEJSON_H

#include "json.h"
#include "names.h"
#include "replay.h"
#include "sampler.h"

#include <filch/pool.h>
#include <filch/trace.h>

/* A pool of the session: its figures are the difference between the session's start and now, or the pool's end. */
struct filch__trace_pool {
    struct filch__trace_pool *next;
    uint64_t number;
    char name[16];
    bool twin; /* another pool has the same name */
    struct filch_pool_stats stats;
    struct filch_histogram latency[FILCH_LATENCIES];
};

struct filch__trace_info {
    const char *command, *program;
    unsigned cpus;
    uint64_t start_realtime_ns;
    uint64_t cpu_ns;         /* of the process, in the session */
    uint64_t event_price_ps; /* picoseconds */
    const struct filch__trace_pool *pools;
    const struct filch__sample *samples;
    size_t sample_count;
    uint64_t samples_lost;
    uint64_t last_ns; /* of a flight recorder, whose rings run round; else 0 */
};

/* 0, -ENOMEM, or what writing met: then a part of it is written. No session begins meanwhile. */
int filch__trace_json(FILE *out, const struct filch__trace_info *info);

/* ---- between the files that write it ---- */

struct filch__scribe {
    struct filch__json json;
    struct filch__replay replay;
    struct filch__names names;
    const struct filch__trace_info *info;
    int64_t pid;
    uint64_t flows; /* shown so far */
    size_t next_sample;
    bool follows; /* the next element is not the first */
};

void filch__scribe_element(struct filch__scribe *scribe, const char *text); /* on a line of its own */
uint32_t filch__scribe_name(struct filch__scribe *scribe, const struct filch__instance *instance);
const char *filch__scribe_called(struct filch__scribe *scribe, const struct filch__instance *instance);

/* timemarks.c */
void filch__scribe_place(struct filch__scribe *scribe, uint32_t track, uint64_t ns); /* where an event is */
void filch__scribe_duration(struct filch__scribe *scribe, uint64_t ns);              /* of a slice, behind its place */
void filch__scribe_tracks(struct filch__scribe *scribe);
/* From where it was given, if that was noted and is on another track, to where `to` has just begun; from then on it is not. */
void filch__scribe_flow(struct filch__scribe *scribe, const char *name, struct filch__point *from,
                        const struct filch__lane *to);
void filch__scribe_suspend(struct filch__scribe *scribe, struct filch__instance *it, const char *reason,
                           const struct filch__step *step);
/* A no-op where it is not suspended. */
void filch__scribe_unsuspend(struct filch__scribe *scribe, struct filch__instance *it, const struct filch__lane *lane,
                             uint64_t ns);
/* Those that were taken before a time, while the tracks are as they were then. */
void filch__scribe_samples(struct filch__scribe *scribe, uint64_t ticks);

void filch__timeline_step(struct filch__scribe *scribe, const struct filch__step *step);
void filch__timeline_end(struct filch__scribe *scribe);
void filch__tasklog_step(struct filch__scribe *scribe, const struct filch__step *step);

#endif
