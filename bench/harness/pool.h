/* SPDX-License-Identifier: MIT */
/* pool.h - a thread pool as the benches see it: open, submit lots of tasks, wait for them, close.
 *
 * One program links one implementation: filch.c, textbook.c, glib.c, libuv.c, onetbb.cpp, or as a floor bare_threads.c,
 * bare_futex.c, bare_sem.c. Each does what a user of that system would write, at its best settings, and allocates
 * nothing per task beyond what the system itself needs; so all tasks of a lot share one body and one argument.
 *
 * A lot belongs to one thread, its producer. Several producers have a lot each. Everything that fails ends the program.
 */
#ifndef FILCH_BENCH_POOL_H
#define FILCH_BENCH_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The same type as filch_fn; >= 0 is success. */
typedef int bench_body(void *data);

struct bench_lot {
    /* immutable while tasks are in flight */
    bench_body *body;
    void *data;
    void *handles; /* the system's own memory per task, where it has any */
    size_t capacity;
    size_t submitted; /* producer only: since the last wait began */
    size_t ended;     /* producer only: of the tasks last waited for, those that ran to their end, each once */
    struct bench_tally *tally;
};

/* Start the system with `workers` threads, all of them running or ready to. Prints the version line. */
void bench_pool_open(unsigned workers);
void bench_pool_close(void);

/* Prepare for at most `capacity` tasks between two waits; each will call body(data). */
void bench_lot_open(struct bench_lot *lot, size_t capacity, bench_body *body, void *data);
void bench_lot_close(struct bench_lot *lot);

/* Submit `count` tasks one by one. */
void bench_lot_submit(struct bench_lot *lot, size_t count);

/* Submit them in one call, where the system has one. */
extern const bool bench_pool_has_batch;
void bench_lot_submit_batch(struct bench_lot *lot, size_t count);

/* Wait until all tasks submitted since the last wait have ended. */
void bench_lot_wait(struct bench_lot *lot);

/* After a wait: how many of them ran to their end, each once. Outside of what is timed. */
size_t bench_lot_ended(struct bench_lot *lot);

#ifdef __cplusplus
}
#endif

#endif
