/* SPDX-License-Identifier: MIT */
/* watch.h - where the runtime tells what it does: latencies of a sample of tasks always, events while a trace is taken, and
 * static probes for tools that attach.
 *
 * A task is watched from its submission on if the pool's `watch` says so then, or while a trace is taken from its start on.
 * SAMPLE is for one task: who submits it takes the bit away, and a worker sets it again after each 256 bodies that it has run.
 * So what is not watched costs a load and a branch at submit, start, wait and end; and an unstolen spawn and sync nothing:
 * while a trace is taken they come by their slow paths (forkstack.h, `watched`).
 *
 * A watched task's strand is marked, and its waits are measured, in a sample the first 64; of other waits each 256th of a worker
 * is. Who makes such a strand ready writes down when, before the strand is in sight of anybody.
 *
 * Nothing here is part of a protocol: models are without it.
 */
#ifndef FILCH_WATCH_H
#define FILCH_WATCH_H

#include "probe.h"
#include "traces.h"
#include "work.h"

enum { FILCH__SAMPLE_EVERY = 256, FILCH__SAMPLE_WAITS = 64 };

void filch__watch_trace(struct filch_pool *pool, bool on); /* from now on, or no more */

void filch__watch_submit_slow(struct filch_pool *pool, struct filch_future *future);
void filch__watch_begin_slow(struct filch__strand *strand, struct filch_future *future, struct filch__watched *watched);
void filch__watch_begin_part_slow(struct filch__strand *strand, uint64_t key, struct filch__watched *watched);
void filch__watch_begin_loot_slow(struct filch__strand *strand, const struct filch__loot *loot,
                                  struct filch__watched *watched);
void filch__watch_end_slow(struct filch__strand *strand, int status, const struct filch__watched *watched);
void filch__watch_drop_slow(struct filch_pool *pool, struct filch_future *future, int status);
void filch__watch_sample_slow(struct filch_pool *pool);
void filch__watch_pause_slow(struct filch__strand *strand, enum filch__pause why);
void filch__watch_resume_slow(struct filch__strand *strand, enum filch__pause why);
void filch__watch_ready_slow(struct filch__strand *strand);
void filch__watch_join_begin_slow(struct filch__strand *strand);
void filch__watch_join_end_slow(struct filch__strand *strand, const struct filch__slot *slot);
void filch__watch_label_slow(struct filch__strand *strand);
void filch__watch_gate_slow(uint64_t since_ns);
void filch__watch_event_slow(enum filch__event_kind kind, uint64_t a);
void filch__watch_edge_slow(const void *to, const void *from);
void filch__watch_worker_slow(struct filch__worker *worker, enum filch__event_kind kind, uint64_t a, uint64_t b);
void filch__watch_note(const char *text); /* of the task that the calling thread runs, if it is traced */

/* join.c, of a strand whose fork stack is watched. child_begin: is the data of the child a record? */
void filch__watch_spawn(struct filch__strand *strand, const struct filch__slot *slot);
bool filch__watch_child_begin(struct filch__strand *strand, const struct filch__slot *slot,
                              struct filch__watched_child *child);
void filch__watch_child_end(struct filch__strand *strand, const struct filch__watched_child *child, uintptr_t run);

/* In a model nothing is watched. */
#ifdef FILCH_MODEL
#define filch__if_watched(condition) (0 && (condition))
#else
#define filch__if_watched(condition) filch__unlikely(condition)
#endif

static inline bool filch__watches_strand(const struct filch__strand *strand)
{
    return filch__if_watched(strand->watched);
}

/* Is the wait that the strand is in measured? */
static inline bool filch__watches_wait(const struct filch__strand *strand)
{
    return filch__if_watched(strand->span.paused_ns != 0);
}

static inline bool filch__watches_trace(void)
{
    return filch__if_watched(filch__trace_on());
}

static inline bool filch__watches_forks(const struct filch__forkstack *stack)
{
    return filch__if_watched(stack->watched);
}

/* Is a trace taken of the pool? */
static inline bool filch__traces(const struct filch_pool *pool)
{
    return filch__if_watched(filch__load_relaxed(&pool->watch) & FILCH__WATCH_TRACE);
}

/* Is the task that is about to be submitted watched? Then submit_slow is called when its future is filled, and nobody else
 * knows of it. Asked before, so that a submit that is not watched has nothing to keep for later. */
static inline bool filch__watches_submit(const struct filch_pool *pool)
{
    return filch__if_watched(filch__load_relaxed(&pool->watch));
}

/* A task's body is about to run on the strand, which knows its name; then, when it has returned, and its future is not done.
 * begin_inside comes first if it runs inside another one. */
static inline void filch__watch_begin(struct filch__strand *strand, struct filch_pool *pool,
                                      struct filch_future *future, struct filch__watched *watched)
{
    if (filch__if_watched((future->priv.flags | filch__load_relaxed(&pool->watch)) & FILCH__FUTURE_STAMPED))
        filch__watch_begin_slow(strand, future, watched);
}

static inline void filch__watch_begin_inside(struct filch__strand *strand, struct filch_future *future,
                                             struct filch__watched *watched)
{
    if (filch__if_watched(true))
        filch__watch_begin_slow(strand, future, watched);
}

/* A graph's node, in place of the task that carries it. */
static inline void filch__watch_begin_part(struct filch__strand *strand, const void *key,
                                           struct filch__watched *watched)
{
    watched->on = false;
    if (filch__traces(strand->pool))
        filch__watch_begin_part_slow(strand, (uintptr_t)key, watched);
}

/* A stolen child, before it is known to have been taken. */
static inline void filch__watch_begin_loot(struct filch__strand *strand, const struct filch__loot *loot,
                                           struct filch__watched *watched)
{
    watched->on = false;
    if (filch__traces(strand->pool))
        filch__watch_begin_loot_slow(strand, loot, watched);
}

static inline void filch__watch_end(struct filch__strand *strand, int status, const struct filch__watched *watched)
{
    if (filch__if_watched(watched->on))
        filch__watch_end_slow(strand, status, watched);
}

static inline void filch__watch_drop(struct filch_pool *pool, struct filch_future *future, int status)
{
    if (filch__if_watched(future->priv.flags & FILCH__FUTURE_STAMPED))
        filch__watch_drop_slow(pool, future, status);
}

/* The worker has run one more body. */
static inline void filch__watch_count(struct filch__worker *worker)
{
    if (filch__if_watched(worker->count.run % FILCH__SAMPLE_EVERY == 0))
        filch__watch_sample_slow(worker->pool);
}

/* The strand's task is about to leave its thread, or to block it; then, when it goes on, perhaps on another thread. */
static inline void filch__watch_pause(struct filch__strand *strand, enum filch__pause why)
{
    FILCH__PROBE3(suspend, strand->pool, strand, strand->task);
    if (filch__watches_strand(strand))
        filch__watch_pause_slow(strand, why);
}

static inline void filch__watch_suspend(struct filch__strand *strand)
{
    FILCH__PROBE3(suspend, strand->pool, strand, strand->task);
    if (filch__watches_strand(strand) ||
        filch__if_watched(strand->worker->count.suspensions % FILCH__SAMPLE_EVERY == 1))
        filch__watch_pause_slow(strand, FILCH__PAUSE_WAIT);
}

static inline void filch__watch_resume(struct filch__strand *strand, enum filch__pause why)
{
    FILCH__PROBE3(resume, strand->pool, strand, strand->task);
    if (filch__watches_wait(strand))
        filch__watch_resume_slow(strand, why);
}

/* Before anybody can resume it. */
static inline void filch__watch_ready(struct filch__strand *strand)
{
    if (filch__watches_wait(strand))
        filch__watch_ready_slow(strand);
}

/* The task has waited for a stolen child, which is done. */
static inline void filch__watch_join_begin(struct filch__strand *strand)
{
    if (filch__watches_strand(strand))
        filch__watch_join_begin_slow(strand);
}

static inline void filch__watch_join_end(struct filch__strand *strand, const struct filch__slot *slot)
{
    if (filch__watches_strand(strand))
        filch__watch_join_end_slow(strand, slot);
}

/* strand->label has changed while its task runs. */
static inline void filch__watch_label(struct filch__strand *strand)
{
    if (filch__watches_strand(strand))
        filch__watch_label_slow(strand);
}

/* What the calling thread runs has waited for `future`, which is done. */
static inline void filch__watch_awaited(const struct filch_future *future)
{
    if (filch__watches_trace())
        filch__watch_event_slow(FILCH__EVENT_AWAITED, (uintptr_t)future);
}

/* It is about to complete a promise: told of before others go on for it. One that is done, or none, stays as it is. */
static inline void filch__watch_complete(const struct filch_future *promise)
{
    if (filch__watches_trace() && filch__future_phase(promise) == FILCH__PROMISE)
        filch__watch_event_slow(FILCH__EVENT_COMPLETE, (uintptr_t)promise);
}

/* `to` does not begin before `from` has ended. Their pool may be gone, if `to` was dropped before. */
static inline void filch__watch_after(const void *to, const void *from)
{
    if (filch__watches_trace())
        filch__watch_edge_slow(to, from);
}

/* A thread outside begins to wait (0), or goes on (1). */
static inline void filch__watch_outside(uint64_t goes_on)
{
    if (filch__watches_trace())
        filch__watch_event_slow(FILCH__EVENT_OUTSIDE, goes_on);
}

/* When a wait for a permit begins; then, when it has ended: a sample of all such waits is each of them. */
static inline uint64_t filch__watch_now(void)
{
#ifdef FILCH_MODEL
    return 0;
#else
    return filch__os_now_ns();
#endif
}

static inline void filch__watch_gate(uint64_t since_ns)
{
#ifdef FILCH_MODEL
    (void)since_ns;
#else
    filch__watch_gate_slow(since_ns);
#endif
}

/* A task was found stuck, or a set of them: what a flight recorder is for. */
static inline void filch__watch_stuck(void)
{
#ifndef FILCH_MODEL
    filch__trace_stuck();
#endif
}

/* A thread takes the worker's place: what was told of the one before stays. */
static inline void filch__watch_enter(struct filch__worker *worker)
{
    if (filch__watches_trace() && worker->track)
        (void)filch__trace_attach(&worker->track, worker->pool->number, worker->id, worker->track->name);
}

/* The worker's thread ends; for_good: the worker, too. */
static inline void filch__watch_leave(struct filch__worker *worker, bool for_good)
{
#ifdef FILCH_MODEL
    (void)worker, (void)for_good;
#else
    filch__trace_detach(worker->track, for_good);
#endif
}

/* What a worker does between tasks. */
static inline void filch__watch_worker(struct filch__worker *worker, enum filch__event_kind kind)
{
    if (filch__traces(worker->pool))
        filch__watch_worker_slow(worker, kind, 0, 0);
}

static inline void filch__watch_steal(struct filch__worker *worker, const struct filch__worker *victim, const void *key)
{
    FILCH__PROBE3(steal, worker->pool, worker, key);
    if (filch__traces(worker->pool))
        filch__watch_worker_slow(worker, FILCH__EVENT_STEAL, victim->id, (uintptr_t)key);
}

/* A child from the strand that the victim runs, or has run: the strand may be on its way meanwhile. */
static inline void filch__watch_steal_child(struct filch__worker *worker, const struct filch__worker *victim,
                                            const struct filch__forkstack *from)
{
    bool traced = filch__traces(worker->pool);
    uint64_t key = traced ? filch__load_relaxed(&from->spawner) : 0;
    FILCH__PROBE3(steal, worker->pool, worker, key);
    if (filch__if_watched(traced))
        filch__watch_worker_slow(worker, FILCH__EVENT_STEAL, victim->id, key);
}

#endif
