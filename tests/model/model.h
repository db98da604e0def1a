/* SPDX-License-Identifier: MIT */
/* model.h - what the models share: futures and tasks to play with, a pool at rest, and what they count. */
#ifndef TESTS_MODEL_MODEL_H
#define TESTS_MODEL_MODEL_H

#include "mc.h"

#include "pool.h"

#include <filch/detail/atomic.h>

/* A function that keeps the model's own books: what it touches takes part in no race, and is no step. */
#define unseen __attribute__((no_sanitize_thread))

enum { LATE = 5000, FUTURES = 4 }; /* a deadline; the clock starts at 1000 */

/* stand_ins.c */
extern bool model_starts_fail;
extern uint64_t *model_clock;     /* or NULL: each reading is a step, and a nanosecond later than the one before */
void model_let_starts_fail(void); /* no more threads from here on */
int model_init_fails(void *ctx, unsigned worker, void **ret_local); /* a worker_init */
void model_event_poll(int fd);                                      /* wait until it is readable */

/* One execution's futures, and the words that the tasks behind them write before they end, as users do: not atomic. */
extern struct filch_future *future[FUTURES];
extern uint64_t *written;
extern uint32_t *counter, *signals; /* atomic: for anything */

/* Each model begins with one of these: all above is new; futures 0..count-1 are in the given phase. */
void model_begin(int count, enum filch__phase phase);

/* A worker's part, in a thread of its own: future[i] is started and ends with 7, or, if it was dropped, with
 * -ECANCELED. */
void *model_finisher(void *i);
void *model_completer(void *i); /* future[i] is a promise: nobody else ends it */
#define MODEL_ARG(i) ((void *)(uintptr_t)(i))

/* What a task's body counts: bodies at a time, and how often number i ran. */
enum { BODIES = 4 };
void model_enter(int i);
void model_leave(void);
int model_ran(int i);
int model_highest(void);
void model_add(int i); /* a count for anything */
int model_count(int i);

/* A pool with `least` workers, all parked. Unless the model says otherwise, everything is explored from there on. */
extern struct filch_pool *model_pool;
void model_open(unsigned least, unsigned limit, unsigned flags);
void model_await_parked(unsigned workers);
void model_close(void); /* drained, in quiet */

/* future[i] becomes a task of the pool; model_body counts, writes written[i] = 7 and returns 7. */
void model_submit(int i, filch_fn *fn);
int model_body(void *i);
void model_run(int count); /* futures 0..count-1, all with model_body; waits for them */

/* Two tasks, 0 and 1, each of which ends only while the other runs: no permit may idle. */
int model_needs_other(void *i);
void model_run_both(void);

/* A race that begins in a task: model_start_race there, model_await_race in the other threads. */
void model_start_race(void);
void model_await_race(void);

#endif
