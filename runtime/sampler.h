/* SPDX-License-Identifier: MIT */
/* sampler.h - a thread that looks around while a trace is taken: how full the pools are, and what the workers' threads do.
 *
 * It looks about every 5 ms, and seldom enough to take less than a hundredth of one processor. Between two looks it sleeps;
 * what others ask for it does at once, so that little has to be done in a signal handler.
 */
#ifndef FILCH_SAMPLER_H
#define FILCH_SAMPLER_H

#include "bell.h"
#include "map.h"

enum { FILCH__SAMPLE_EVERY_NS = 5000000 };

enum filch__sample_kind { FILCH__SAMPLE_POOL, FILCH__SAMPLE_THREAD };

struct filch__sample {
    uint64_t ticks;
    uint64_t of;    /* the pool's number; the track's */
    uint64_t value; /* tasks queued; CPU time of the thread, ns */
    uint32_t permits, running, suspended;
    int32_t call; /* the system call that the thread is in, as peek.h gives it */
    enum filch__sample_kind kind;
    bool on_cpu;
};

struct filch__sampler { /* all zero but for the lock: nothing was taken */
    struct filch__lock lock;
    struct filch__sample *samples;
    size_t count, room;
    uint64_t wrapped; /* samples that took the place of older ones */
    uint64_t lost;
    bool wraps;
    /* the thread's */
    struct filch__map cpu_ns; /* of a track's thread, at the last look */
    uint64_t spent_ns, looks;
    pthread_t thread;
    bool started;
    uint32_t looked;     /* at the bell, when it last did what was asked for */
    void (*asked)(void); /* what was asked for */
    /* others write */
    struct filch__bell bell;
    uint32_t stop;
};

/* 0 or a negative errno. */
int filch__sampler_start(struct filch__sampler *sampler, bool wraps, void (*asked)(void));
/* Joins the thread, if it was started; the samples stay. */
void filch__sampler_stop(struct filch__sampler *sampler);
void filch__sampler_free(struct filch__sampler *sampler);
void filch__sampler_abandon(struct filch__sampler *sampler); /* in a forked child: its thread is no more */
/* Make the thread look at what was asked for. Also from a signal handler. */
void filch__sampler_ask(struct filch__sampler *sampler);

/* A copy, in the order of time, which is the caller's to free; NULL: there are none, or no memory. */
struct filch__sample *filch__sampler_copy(struct filch__sampler *sampler, size_t *ret_count, uint64_t *ret_lost);

#endif
