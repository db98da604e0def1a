/* SPDX-License-Identifier: MIT */
/* strand.h - a stack that bodies run on, and what is known of the body that runs there.
 *
 * A worker runs one strand at a time. A body that waits keeps its strand; the worker takes another. Strands that have
 * no body rest in caches, suspended in the worker's loop. A thread strand stands for a thread's own stack: a worker's
 * native stack, or a caller that runs a task; it blocks where others are suspended.
 *
 * Memory: stacks lie in slabs of address space, committed page by page; struct filch__strand and the first frames share
 * the top page. They are never unmapped while the pool lives, so a strand may be looked at (under its lock) at any
 * time.
 *
 * Fields    written by
 *   link         whoever queues the strand as ready; then the queue
 *   saved        the switch away from it
 *   worker       whoever switches to it, before; relaxed, as a thief reads it late
 *   task         the thread that runs it
 *   label, fn    the same, relaxed: dumps read them
 *   blocking     the thread that runs it
 *   stretch      the thread that runs it, relaxed: the watchdog reads it
 *   exposed      whoever puts the strand into that queue or takes it out (join.c)
 *   forks        forkstack.h
 *   watched      the thread that runs it
 *   span         the same; span.h tells the exception
 *   parts        any thread that runs the task or a part of it (graph.h)
 *   waiting      the thread that runs it, under `lock`; cancellers read it under `lock`
 * A switch: filch__strand_switch saves the registers of `from`, runs `to`, and returns, in a later switch back, the
 * strand that came before. Nobody may resume `from` before `to` says so (waiter.h, W3): the work that makes it
 * resumable is done by `to`.
 */
#ifndef FILCH_STRAND_H
#define FILCH_STRAND_H

#include "forkstack.h"
#include "inject.h"
#include "os.h"
#include "span.h"

#include <filch/base.h>

struct filch_future;
struct filch_pool;
struct filch__wait;
struct filch__worker;

struct filch__strand {
    struct filch__link link;
    void *saved;
    struct filch__worker *worker;
    struct filch_pool *pool;
    struct filch_future *task;
    const char *label;
    filch_fn *fn;
    struct filch__wait *waiting;
    uint32_t stretch; /* changes where a body goes on after a wait, or a part of it begins; odd while it waits (watchdog.h) */
    struct filch__link exposed_link; /* in the pool's queue of strands that are suspended with children */
    uint32_t exposed;
    uint32_t lock;
    bool thread;  /* a thread's own stack */
    bool typed;   /* forks.active, on a line that its runner has at hand */
    uint32_t deadlocked; /* the stretch in which it was reported as such; the timekeeper's */
    const void *graph; /* whose nodes it runs; its thread's, read under the lock while it waits */
    uint32_t parts; /* runs of graphs by the task that began here: other strands run parts of it */
    bool blocking; /* in filch_blocking: its thread has no permit, and waits block it */
    bool watched; /* its task is (span.h), on a line that its runner has at hand */
    bool guarded; /* a page below the stack faults; else the canary tells */
    uint32_t id;
    char *low; /* the stack is [low, this structure) */
    struct filch__strand *next_free;
    void (*main)(struct filch__strand *strand, struct filch__strand *from);
    void *tsan_fiber;
    void *asan_fake;
    const void *asan_bottom;
    size_t asan_size;
    struct filch__span span;
    struct filch__forkstack forks;
};

struct filch__slab;

/* The stacks of one pool. */
struct filch__strands {
    struct filch__lock lock;
    struct filch__slab *slabs;
    struct filch__strand *free;
    size_t stack_size;
    void (*main)(struct filch__strand *strand, struct filch__strand *from);
    struct filch_pool *pool;
    const struct filch_allocator *allocator;
    uint64_t count;     /* stacks handed out for the first time */
    uint64_t unguarded; /* of them without a guard page */
};

void filch__strands_init(struct filch__strands *strands, size_t stack_size, const struct filch_allocator *allocator,
                         struct filch_pool *pool, void (*main)(struct filch__strand *, struct filch__strand *));
void filch__strands_destroy(struct filch__strands *strands);

/* A strand whose first switch calls `main`, or one that rests in it. NULL when there is no memory. */
struct filch__strand *filch__strands_get(struct filch__strands *strands);
void filch__strands_put(struct filch__strands *strands, struct filch__strand *strand);
/* Make a strand whose frames are void start over in `main`. */
void filch__strand_reset(struct filch__strands *strands, struct filch__strand *strand);
/* Call visit for every strand ever handed out, running ones too. */
void filch__strands_visit(struct filch__strands *strands, void (*visit)(struct filch__strand *strand, void *ctx),
                          void *ctx);

/* Was it handed out by these? It need not be a strand at all. */
bool filch__strands_has(struct filch__strands *strands, const void *strand);

/* Make `strand` stand for a thread's own stack; then, in that thread, for each thread it stands for in turn. */
void filch__strand_init_thread(struct filch__strand *strand, struct filch_pool *pool);
void filch__strand_enter_thread(struct filch__strand *strand);

struct filch__strand *filch__strand_switch(struct filch__strand *from, struct filch__strand *to);

/* The calling thread was unwound out of `strand` and is back on its own stack. */
void filch__strand_abandon(struct filch__strand *strand, struct filch__strand *native);

/* The strand that the calling thread runs, or NULL. Never inlined, and never remembered across a switch. */
struct filch__strand *filch__strand_current(void);
void filch__strand_set_current(struct filch__strand *strand);

/* A lock for a few instructions, held by nobody who waits. */
void filch__strand_lock(struct filch__strand *strand);
void filch__strand_unlock(struct filch__strand *strand);

/* Die, if a strand without a guard page has written below its stack. */
void filch__strand_check_canary(const struct filch__strand *strand);

#endif
