/* SPDX-License-Identifier: MIT */
/* lend.c - models of a body that runs on past its time-out (runtime/lend.c), while it ends, waits and goes on: others get
 * its permit, each permit comes back, and a pool that drains waits for all of it and is freed at once.
 * A whole pool takes hundreds of steps, so each declares the largest bounds that are exhausted in some seconds; random
 * schedules (models --random SEED) go beyond.
 */
#include "model.h"

#include "lend.h"

#include <filch/blocking.h>

#include <errno.h>

/* Task 0 is the one with a time-out; 1 and 2 note themselves, so that their bodies are counted. */
static void begin(unsigned workers, unsigned limit)
{
    model_begin(3, FILCH__IDLE);
    model_open(workers, limit, 0);
    mc_quiet(true);
    mc_assert(filch__timekeeper_start(&model_pool->keeper) == 0);
    mc_name(&model_pool->keeper, sizeof model_pool->keeper, "keeper");
    mc_name(&model_pool->blocked, sizeof model_pool->blocked, "blocked");
}

static void submit_timed(filch_fn *fn)
{
    struct filch_task_options options = {.timeout_ns = LATE};
    mc_assert(filch_submit_with(model_pool, future[0], fn, NULL, &options) == 0);
}

/* What was lent and taken, is even. */
static void close_and_free(void)
{
    mc_assert(filch_pool_close(model_pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE) == 0);
    mc_assert(filch__gate_admitted(model_pool->gate) == 0 && filch__load_relaxed(&model_pool->blocked) == 0);
    mc_assert(filch__load_relaxed(&model_pool->outside_waits) == filch__load_relaxed(&model_pool->outside_resumed));
    mc_reached(filch__load_relaxed(&model_pool->stuck_tasks) ? 0 : 1);
    int status = filch_status(future[0]);
    mc_assert(status == 7 || status == -ETIMEDOUT);
    filch_pool_free(model_pool);
}

static int short_body(void *arg)
{
    (void)arg;
    return 7;
}

/* Ends only when task `i` runs. */
static void await_task(int i)
{
    while (!filch__load_acquire(&signals[i - 1]))
        mc_futex_wait(&signals[i - 1], 0, false);
}

static int is_awaited(void *arg)
{
    uintptr_t i = (uintptr_t)arg;
    model_body(arg);
    filch__store_seq_cst(&signals[i - 1], 1);
    mc_futex_wake(&signals[i - 1], 1);
    return 7;
}

/* ---- while it ends ---- */

MC_MODEL(lend_end, "the time-out and its grace are over || the body ends || drain, and free: one permit",
         .preemptions = 1, .stale = 1, .timeouts = 2)
{
    begin(1, 1);
    submit_timed(short_body);
    mc_quiet(false);
    close_and_free();
}

MC_MODEL(lend_end_2, "the same with a second permit free, so that the body may claim before its own is given back (I1)",
         .preemptions = 1, .stale = 1, .timeouts = 2)
{
    begin(1, 2);
    submit_timed(short_body);
    mc_quiet(false);
    close_and_free();
}

MC_MODEL(lend_end_next, "the same with one permit and another task behind it", .preemptions = 1, .stale = 0,
         .timeouts = 2)
{
    begin(1, 1);
    model_submit(1, model_body);
    submit_timed(short_body);
    mc_quiet(false);
    close_and_free();
    mc_assert(model_ran(1) == 1);
}

/* ---- while it runs on ---- */

static int runs_on(void *arg)
{
    (void)arg;
    await_task(1);
    return 7;
}

/* What it submits late is a part of what was accepted. */
static int runs_on_and_submits(void *arg)
{
    runs_on(arg);
    model_submit(2, model_body);
    return 7;
}

MC_MODEL(lend_stuck,
         "one permit: a body runs on until another has run, then submits a third; the pool is drained of all",
         .preemptions = 1, .stale = 0)
{
    begin(1, 1);
    submit_timed(runs_on_and_submits);
    model_submit(1, is_awaited);
    mc_quiet(false);
    close_and_free();
    mc_assert(model_ran(1) == 1 && model_ran(2) == 1);
}

MC_MODEL(lend_stuck_two, "the same with a third task: the other two never run at a time", .preemptions = 1, .stale = 0)
{
    begin(1, 1);
    submit_timed(runs_on);
    model_submit(1, is_awaited);
    model_submit(2, model_body);
    mc_quiet(false);
    close_and_free();
    mc_assert(model_ran(1) == 1 && model_ran(2) == 1 && model_highest() == 1);
}

/* ---- while it waits ---- */

static int waits_for_next(void *arg)
{
    (void)arg;
    model_submit(1, model_body);
    int r = filch_wait(future[1]);
    mc_assert(r == (model_ran(1) ? 7 : -ECANCELED)); /* the time-out is passed on to it */
    model_enter(0);                                  /* it has its permit again */
    model_leave();
    return 7;
}

MC_MODEL(lend_wait, "the time-out and its grace are over || the body begins to wait, and goes on (L1)",
         .preemptions = 1, .stale = 0, .timeouts = 2)
{
    begin(1, 1);
    submit_timed(waits_for_next);
    mc_quiet(false);
    close_and_free();
    mc_assert(model_ran(0) == 1);
}

static int sleeps(void *arg)
{
    (void)arg;
    uint32_t nobody_wakes = 0;
    (void)filch__os_futex_wait(&nobody_wakes, 0, (uint64_t)LATE * 9);
    return 7;
}

static int waits_then_runs_on(void *arg)
{
    (void)arg;
    model_submit(2, sleeps);
    (void)filch_wait(future[2]); /* the time-out is passed on to it, perhaps before it has begun */
    model_submit(1, is_awaited);
    await_task(1);
    return 7;
}

MC_MODEL(
    lend_missed,
    "the time-out and its grace are over while the body waits, or later; then it runs on until another has run: the "
    "timekeeper comes once more",
    .preemptions = 0, .stale = 0)
{
    begin(1, 1);
    submit_timed(waits_then_runs_on);
    mc_quiet(false);
    close_and_free();
    mc_assert(model_ran(1) == 1);
}

/* From here on only the grace is left. */
static void await_time_out(void)
{
    uint32_t nobody_wakes = 0;
    while (!filch_cancelled())
        (void)filch__os_futex_wait(&nobody_wakes, 0, filch_in_ns(LATE));
}

static int waits_late(void *arg)
{
    (void)arg;
    await_time_out();
    mc_quiet(false);
    model_submit(2, model_body);
    (void)filch_wait(future[2]);
    model_submit(1, is_awaited);
    await_task(1);
    return 7;
}

MC_MODEL(lend_wait_late,
         "the grace is over || the body begins to wait, goes on, and runs on until another has run (L1)",
         .preemptions = 1, .stale = 0, .timeouts = 1)
{
    begin(1, 1);
    submit_timed(waits_late);
    close_and_free();
    mc_assert(model_ran(1) == 1);
}

static int blocks(void *arg)
{
    mc_assert(filch_blocking(short_body, arg) == 7);
    model_enter(0);
    model_leave();
    return 7;
}

MC_MODEL(lend_blocking, "the time-out and its grace are over || the body lends its permit itself: it is lent once",
         .preemptions = 0, .stale = 0, .timeouts = 2)
{
    begin(1, 1);
    submit_timed(blocks);
    mc_quiet(false);
    close_and_free();
    mc_assert(model_ran(0) == 1);
}
