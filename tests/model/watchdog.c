/* SPDX-License-Identifier: MIT */
/* watchdog.c - models of ticks that come only while something runs (runtime/watchdog.c): a body that begins while they are
 * about to rest is seen all the same.
 */
#include "model.h"

#include "watchdog.h"

#include <filch/blocking.h>

#include <errno.h>

enum { ONE_TICK_NS = 250000 }; /* of the shortest stuck_after_ns */

static void note(void *ctx, const struct filch_stuck *stuck)
{
    (void)ctx;
    mc_assert(!stuck->timed_out);
    model_add(0);
    filch__store_seq_cst(&signals[0], 1);
    mc_futex_wake(&signals[0], MC_THREADS);
}

/* Task 0 goes on, and 1 after it. */
static void break_circle(void *ctx, const struct filch_deadlock *deadlock)
{
    (void)ctx;
    mc_assert(deadlock->count == 2 && deadlock->waits[0].entry == 1 && deadlock->waits[1].entry == 0);
    model_add(1);
    mc_assert(filch_cancel(future[0]) == -EINPROGRESS);
}

/* A pool whose first tick is to come; its workers are parked. */
static void begin(unsigned workers, unsigned limit)
{
    model_begin(2, FILCH__IDLE);
    mc_quiet(true);
    const struct filch_pool_config config = {.min_workers = workers,
                                             .max_concurrency = limit,
                                             .stuck_after_ns = 4 * ONE_TICK_NS,
                                             .stuck = note,
                                             .deadlock = break_circle};
    mc_assert(filch_pool_open(&model_pool, &config) == 0);
    mc_name(&model_pool->gate, sizeof model_pool->gate, "gate");
    mc_name(&model_pool->watching, sizeof model_pool->watching, "watching");
    mc_name(&model_pool->keeper, sizeof model_pool->keeper, "keeper");
    model_await_parked(workers);
    model_submit(0, model_body);
    mc_assert(filch_wait(future[0]) == 7);
    model_await_parked(workers);
    mc_assert(filch__load_relaxed(&model_pool->watching) == FILCH__WATCHING_TICKS);
    mc_quiet(false);
}

/* Ends only when it is reported. */
static int runs_long(void *arg)
{
    (void)arg;
    while (!filch__load_acquire(&signals[0]))
        mc_futex_wait(&signals[0], 0, false);
    return 7;
}

static void end(void)
{
    mc_assert(filch_wait(future[1]) == 7 && model_count(0) == 1);
    model_close();
}

MC_MODEL(watchdog_worker, "the last tick || a worker leaves its parking place, and runs for long: ticks go on (T1)",
         .preemptions = 1, .stale = 1, .timeouts = 1)
{
    begin(1, 1);
    model_submit(1, runs_long);
    end();
}

static int await_signal(void *arg)
{
    while (!filch__load_acquire(&signals[1]))
        mc_futex_wait(&signals[1], 0, false);
    return arg != NULL;
}

static void await_blocked(void)
{
    while (!filch__load_acquire(&model_pool->blocked) || filch__gate_admitted(filch__load_acquire(&model_pool->gate)))
        mc_yield();
}

static void signal_blocked(void)
{
    filch__store_seq_cst(&signals[1], 1);
    mc_futex_wake(&signals[1], MC_THREADS);
}

static int blocks_then_runs_long(void *arg)
{
    (void)filch_blocking(await_signal, NULL);
    return runs_long(arg);
}

MC_MODEL(watchdog_permit, "the last tick || a body takes its permit again, and runs for long: ticks go on (T1)",
         .preemptions = 1, .stale = 0, .timeouts = 2)
{
    begin(1, 1);
    mc_quiet(true);
    model_submit(1, blocks_then_runs_long);
    await_blocked();
    mc_quiet(false);
    signal_blocked();
    end();
}

static int wait_for_other(void *other)
{
    return filch_wait_until(future[(uintptr_t)other], FILCH_NO_DEADLINE);
}

static int block_and_wait(void *other)
{
    (void)await_signal(other);
    return wait_for_other(other);
}

static int waits_in_blocking(void *arg)
{
    (void)arg;
    return filch_blocking(block_and_wait, MODEL_ARG(1));
}

static int waits_for_first(void *arg)
{
    (void)arg;
    return wait_for_other(MODEL_ARG(0));
}

MC_MODEL(watchdog_poke,
         "the last tick || a body begins to wait that has no permit, and closes a circle: it is found, once, and "
         "broken (T2)",
         .preemptions = 1, .stale = 0, .timeouts = 2)
{
    begin(1, 1);
    mc_quiet(true);
    model_submit(0, waits_in_blocking);
    model_submit(1, waits_for_first);
    await_blocked();
    model_await_parked(1);
    mc_quiet(false);
    signal_blocked();
    mc_assert(filch_wait(future[0]) == -ECANCELED && filch_wait(future[1]) == 0);
    mc_assert(model_count(1) == 1);
    model_close();
}
