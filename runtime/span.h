/* SPDX-License-Identifier: MIT */
/* span.h - what is measured of the task that a strand runs, when it is watched: a sample of tasks, or each while a trace
 * is taken.
 *
 * Work and span are the task's own (He, Leiserson, Leiserson, The Cilkview scalability analyzer, SPAA 2010): work, the time that
 * it has run on this strand, its unstolen spawned children included; span, the longest chain of that, each child in parallel to
 * what follows its spawn. What it waits for counts in neither; the reader of a trace adds it along the graph's edges.
 */
#ifndef FILCH_SPAN_H
#define FILCH_SPAN_H

#include "compiler.h"

struct filch__span {
    uint64_t key;  /* of the task instance in the trace; 0: it is in none */
    uint64_t last; /* the tick up to which work and span are counted */
    uint64_t work, span;
    uint64_t met;        /* the greatest span at which it, or the unstolen child that it runs, has waited; 0: at none */
    uint64_t started_ns; /* of a task whose latencies are measured; else 0 */
    uint64_t paused_ns; /* when the present wait began, if it is measured; else 0. Read by who makes the strand ready */
    uint64_t ready_ns;  /* when the strand was made ready; written by who did it */
    uint64_t waited_ns; /* in all waits */
    uint32_t pauses;
    uint32_t joining; /* it waits for a stolen child, be it awake or asleep */
};

/* Around a task that begins on a strand, perhaps inside another one. */
struct filch__watched {
    struct filch__span outer; /* valid when `nested` */
    bool on, nested;
};

/* Around a spawned child that runs where it is synced. */
struct filch__watched_child {
    uint64_t begin, after; /* ticks; the parent's span up to the sync */
    uint64_t from, met;    /* its span at the spawn, and where it has waited */
    uint32_t pauses;
};

#endif
