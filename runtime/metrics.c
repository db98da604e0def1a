/* SPDX-License-Identifier: MIT */
#include "metrics.h"

#include "json.h"
#include "pool.h"

#include <filch/metrics.h>
#include <filch/trace.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIELD(name) #name, offsetof(struct filch_pool_stats, name), sizeof(((struct filch_pool_stats *)NULL)->name)

const struct filch__figure filch__figures[] = {
    {FIELD(submitted), true, "filch_tasks_submitted", "Tasks accepted."},
    {FIELD(run), true, "filch_tasks_run", "Bodies that have returned."},
    {FIELD(dropped), true, "filch_tasks_dropped", "Tasks that ended without running."},
    {FIELD(stuck), true, "filch_tasks_stuck", "Tasks that ran on after they had timed out."},
    {FIELD(long_running), true, "filch_tasks_long_running", "Tasks that ran for stuck_after_ns without a wait."},
    {FIELD(deadlocks), true, "filch_deadlocks", "Sets of tasks found to wait for each other, for ever."},
    {FIELD(stolen), true, "filch_steals", "Tasks, strands and spawned children taken from another worker."},
    {FIELD(failed_steals), true, "filch_failed_steals", "Steals that met an empty deque or lost the race."},
    {FIELD(stolen_children), true, "filch_stolen_children",
     "Spawned children that ran on another strand than their parent's."},
    {FIELD(taken_back), true, "filch_taken_back", "Stolen children taken by a parent that waited for its own."},
    {FIELD(forced), true, "filch_forced", "Times that private children were opened by force."},
    {FIELD(parks), true, "filch_parks", "Times a worker went to sleep."},
    {FIELD(wakes), true, "filch_wakes", "Workers woken by new work."},
    {FIELD(suspensions), true, "filch_suspensions", "Waits that suspended a task."},
    {FIELD(blocked_waits), true, "filch_blocked_waits", "Waits of tasks that blocked a thread."},
    {FIELD(gate_waits), true, "filch_gate_waits",
     "Times a worker laid its permit down for the limit, or waited for one."},
    {FIELD(failed_starts), true, "filch_failed_starts", "Workers that could not be started."},
    {FIELD(strands), true, "filch_stacks", "Stacks mapped."},
    {FIELD(unguarded_stacks), true, "filch_unguarded_stacks", "Stacks mapped without a guard page."},
    {FIELD(parked_ns), true, "filch_parked_nanoseconds", "Time that workers slept for want of work."},
    {FIELD(search_ns), true, "filch_search_nanoseconds", "Time that workers looked for work."},
    {FIELD(permit_ns), true, "filch_permit_nanoseconds", "Time that workers waited for a permit."},
    {FIELD(blocked_ns), true, "filch_blocked_nanoseconds", "Time that tasks blocked their worker's thread."},
    {FIELD(lifetime_ns), true, "filch_lifetime_nanoseconds", "Time that workers have lived."},
    {FIELD(queue_depth), false, "filch_queued_tasks", "Tasks accepted and not started."},
    {FIELD(held), false, "filch_held_tasks", "Tasks that wait for predecessors, or for a permit of a gate."},
    {FIELD(suspended), false, "filch_suspended_tasks", "Tasks that wait."},
    {FIELD(workers), false, "filch_workers", "Threads."},
    {FIELD(running), false, "filch_running_workers", "Workers that hold a permit and do not search."},
    {FIELD(max_concurrency), false, "filch_max_concurrency", "Most bodies that run at once."},
    {FIELD(min_workers), false, "filch_min_workers", "Threads that are kept while idle."},
    {FIELD(has_barrier), false, "filch_has_barrier", "1 where membarrier(2) is granted."},
    {.name = NULL},
};

/* Who adds a field adds its line above. */
_Static_assert(sizeof(struct filch_pool_stats) == 27 * sizeof(uint64_t) + 6 * sizeof(uint32_t),
               "a field has no figure");

uint64_t filch__figure_value(const struct filch__figure *figure, const struct filch_pool_stats *stats)
{
    uint64_t wide;
    uint32_t narrow;
    const char *at = (const char *)stats + figure->offset;
    if (figure->size == sizeof wide) {
        memcpy(&wide, at, sizeof wide);
        return wide;
    }
    memcpy(&narrow, at, sizeof narrow);
    return narrow;
}

/* ---- what is written, taken before anything is written ---- */

/* Each step is four times the one before, from a microsecond to a minute: powers of two, where buckets of ours begin. */
enum { STEPS = 14, FIRST_STEP = 10 };

struct spread {
    uint64_t below[STEPS]; /* latencies that were less than the step */
    uint64_t count, sum_ns;
};

struct snapshot {
    char labels[128];
    struct filch_pool_stats stats;
    struct spread spread[FILCH_LATENCIES];
};

struct snapshots {
    struct snapshot *at;
    size_t count, room;
    bool no_memory;
    struct filch_histogram scratch; /* too large for a task's stack */
};

/* A pool's name is cut at some byte and may hold anything; one label that is not UTF-8 would spoil the whole scrape. */
static void write_labels(char *labels, size_t size, const struct filch_pool *pool)
{
    char name[4 * sizeof pool->name] = "";
    size_t used = 0;
    for (const char *at = pool->name; *at;) {
        size_t length = filch__utf8_length(at);
        if (!length) {
            name[used++] = '?';
            at++;
        } else if (*at == '"' || *at == '\\' || *at == '\n') {
            name[used++] = '\\';
            name[used++] = *at == '\n' ? 'n' : *at;
            at++;
        } else {
            memcpy(name + used, at, length);
            used += length;
            at += length;
        }
    }
    name[used] = '\0';
    snprintf(labels, size, "pool=\"%s\",pool_id=\"%llu\"", name, (unsigned long long)pool->number);
}

static uint64_t step_ns(size_t step)
{
    return (uint64_t)1 << (FIRST_STEP + 2 * step);
}

static void take_spread(const struct filch_pool *pool, enum filch_latency latency, struct filch_histogram *scratch,
                        struct spread *spread)
{
    *spread = (struct spread){.count = 0};
    if (filch_pool_get_histogram(pool, latency, scratch, sizeof *scratch))
        return;
    spread->sum_ns = scratch->sum_ns;
    for (struct filch_bucket bucket = {0}; filch_histogram_next(scratch, &bucket);) {
        spread->count += bucket.count;
        for (size_t i = 0; i < STEPS; i++)
            spread->below[i] += bucket.high_ns <= step_ns(i) ? bucket.count : 0;
    }
}

static void take(struct filch_pool *pool, void *ctx)
{
    struct snapshots *snapshots = ctx;
    if (snapshots->count == snapshots->room) {
        size_t room = 2 * snapshots->room + 4;
        struct snapshot *at = realloc(snapshots->at, room * sizeof *at);
        snapshots->no_memory |= !at;
        if (!at)
            return;
        snapshots->at = at;
        snapshots->room = room;
    }
    struct snapshot *snapshot = &snapshots->at[snapshots->count];
    write_labels(snapshot->labels, sizeof snapshot->labels, pool);
    for (int i = 0; i < FILCH_LATENCIES; i++)
        take_spread(pool, (enum filch_latency)i, &snapshots->scratch, &snapshot->spread[i]);
    if (!filch_pool_get_stats(pool, &snapshot->stats, sizeof snapshot->stats))
        snapshots->count++;
}

/* ---- text ---- */

static void write_figure(FILE *out, const struct filch__figure *figure, const struct snapshots *snapshots)
{
    const char *ending = figure->grows ? "_total" : "";
    fprintf(out, "# HELP %s%s %s\n", figure->metric, ending, figure->help);
    fprintf(out, "# TYPE %s%s %s\n", figure->metric, ending, figure->grows ? "counter" : "gauge");
    for (size_t i = 0; i < snapshots->count; i++)
        fprintf(out, "%s%s{%s} %llu\n", figure->metric, ending, snapshots->at[i].labels,
                (unsigned long long)filch__figure_value(figure, &snapshots->at[i].stats));
}

/* As decimals whatever the locale's point is. */
static void write_seconds(FILE *out, uint64_t ns)
{
    fprintf(out, "%llu.%09llu", (unsigned long long)(ns / 1000000000u), (unsigned long long)(ns % 1000000000u));
}

static void write_spread(FILE *out, const char *metric, const char *labels, const struct spread *spread)
{
    for (size_t i = 0; i < STEPS; i++) {
        fprintf(out, "%s_bucket{%s,le=\"", metric, labels);
        write_seconds(out, step_ns(i));
        fprintf(out, "\"} %llu\n", (unsigned long long)spread->below[i]);
    }
    fprintf(out, "%s_bucket{%s,le=\"+Inf\"} %llu\n", metric, labels, (unsigned long long)spread->count);
    fprintf(out, "%s_sum{%s} ", metric, labels);
    write_seconds(out, spread->sum_ns);
    fprintf(out, "\n%s_count{%s} %llu\n", metric, labels, (unsigned long long)spread->count);
}

static void write_latency(FILE *out, enum filch_latency latency, const struct snapshots *snapshots)
{
    static const struct {
        const char *metric, *help;
    } families[FILCH_LATENCIES] = {
        [FILCH_LATENCY_QUEUE] = {"filch_queue_latency_seconds", "From submit to start."},
        [FILCH_LATENCY_RUN] = {"filch_run_seconds", "From start to end, less the waits."},
        [FILCH_LATENCY_GATE] = {"filch_gate_wait_seconds", "Waiting for a permit of the pool, or of a gate."},
        [FILCH_LATENCY_SUSPENSION] = {"filch_suspension_seconds", "Suspended in a wait."},
        [FILCH_LATENCY_WAKE] = {"filch_wake_latency_seconds", "From the end of a wait until the task goes on."},
    };
    const char *metric = families[latency].metric;
    fprintf(out, "# HELP %s %s A sample: of 256 tasks, one.\n", metric, families[latency].help);
    fprintf(out, "# TYPE %s histogram\n", metric);
    for (size_t i = 0; i < snapshots->count; i++)
        write_spread(out, metric, snapshots->at[i].labels, &snapshots->at[i].spread[latency]);
}

static void write_all(FILE *out, const struct snapshots *snapshots)
{
    fprintf(out, "# HELP filch_info The library.\n# TYPE filch_info gauge\nfilch_info{version=\"%d.%d.%d\"} 1\n",
            FILCH_VERSION_MAJOR, FILCH_VERSION_MINOR, FILCH_VERSION_PATCH);
    for (const struct filch__figure *figure = filch__figures; figure->name && snapshots->count; figure++)
        write_figure(out, figure, snapshots);
    for (int i = 0; i < FILCH_LATENCIES && snapshots->count; i++)
        write_latency(out, (enum filch_latency)i, snapshots);
}

int filch_metrics_write(FILE *out)
{
    if (!out)
        return -EINVAL;
    struct snapshots *snapshots = calloc(1, sizeof *snapshots);
    if (!snapshots)
        return -ENOMEM;
    filch__process_visit(take, snapshots);
    int r = snapshots->no_memory ? -ENOMEM : 0;
    if (!r) {
        write_all(out, snapshots);
        r = ferror(out) ? -EIO : 0;
    }
    free(snapshots->at);
    free(snapshots);
    return r;
}
