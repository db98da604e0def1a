/* SPDX-License-Identifier: MIT */
/* claim.c - models of threads that take a permit themselves, in line behind the workers.
 * A whole pool takes hundreds of steps, so each declares the largest bounds that are exhausted in some seconds; random
 * schedules (models --random SEED) go beyond.
 */
#include "model.h"

#include <filch/blocking.h>

static void *lowers_and_raises(void *arg)
{
    mc_assert(filch_pool_resize(model_pool, 1, 1) == 0);
    mc_assert(filch_pool_resize(model_pool, 2, 2) == 0);
    return arg;
}

static void *claimant(void *arg)
{
    filch__permit_claim(model_pool, NULL);
    mc_frames_are_dead();
    model_enter(3);
    model_leave();
    filch__permit_leave(model_pool);
    return arg;
}

static void claim(int tasks, int claimants, bool resize)
{
    int thread[3];
    model_begin(tasks, FILCH__IDLE);
    model_open(1, 1, 0);
    for (int i = 0; i < claimants; i++)
        thread[i] = mc_spawn(claimant, NULL);
    int resizer = resize ? mc_spawn(lowers_and_raises, NULL) : 0;
    model_run(tasks);
    for (int i = 0; i < claimants; i++)
        mc_join(thread[i]);
    if (resize)
        mc_join(resizer);
    mc_quiet(true);
    mc_assert(model_highest() <= (resize ? 2 : 1) && model_ran(3) == claimants);
    model_close();
}

MC_MODEL(claim_one, "a worker with a task || a thread that claims the only permit", .preemptions = 2, .stale = 0)
{
    claim(1, 1, false);
}

MC_MODEL(claim_two_tasks, "a worker with two tasks || a thread that claims the only permit", .preemptions = 1,
         .stale = 0)
{
    claim(2, 1, false);
}

MC_MODEL(claim_two, "a worker with a task || two threads that claim the only permit", .preemptions = 1, .stale = 0)
{
    claim(1, 2, false);
}

MC_MODEL(claim_resize, "a task || a claim || the limit rises", .preemptions = 1, .stale = 0)
{
    claim(1, 1, true);
}

/* ---- filch_blocking: the permit serves the other task, and is claimed back ---- */

static int signal_other(void *arg)
{
    model_enter(1);
    filch__store_release(&signals[0], 1);
    mc_futex_wake(&signals[0], 1);
    model_leave();
    return arg ? 0 : 7;
}

static int await_signal(void *arg)
{
    while (!filch__load_acquire(&signals[0]))
        mc_futex_wait(&signals[0], 0, false);
    return arg ? 0 : 3;
}

static int blocks(void *arg)
{
    (void)arg;
    mc_assert(filch_blocking(await_signal, NULL) == 3);
    mc_frames_are_dead();
    model_enter(0);
    model_leave();
    return 7;
}

/* At limit 1, with two workers: the second task must run for the first to go on. */
MC_MODEL(claim_blocking, "a body that blocks until another has run || a submit of that other", .preemptions = 1,
         .stale = 0)
{
    model_begin(2, FILCH__IDLE);
    model_open(2, 2, 0);
    filch__gate_resize(&model_pool->gate, 1);
    model_submit(0, blocks);
    mc_assert(filch_submit(model_pool, future[1], signal_other, NULL) == 0);
    mc_assert(filch_wait(future[0]) == 7 && filch_wait(future[1]) == 7);
    mc_quiet(true);
    mc_assert(model_highest() <= 1 && model_ran(0) == 1 && model_ran(1) == 1);
    model_close();
}

static int needs_claimant(void *arg)
{
    while (!filch__load_acquire(&signals[0]))
        mc_futex_wait(&signals[0], 0, false);
    return arg ? 0 : 7;
}

static void *claims_and_signals(void *arg)
{
    filch__permit_claim(model_pool, NULL);
    filch__store_release(&signals[0], 1);
    mc_futex_wake(&signals[0], 1);
    filch__permit_leave(model_pool);
    return arg;
}

MC_MODEL(claim_raise,
         "a task that ends only when a thread in line has had a permit || the limit rises: the line is served",
         .preemptions = 1, .stale = 0)
{
    model_begin(1, FILCH__IDLE);
    model_open(1, 1, 0);
    mc_quiet(true);
    model_submit(0, needs_claimant);
    mc_quiet(false);
    model_let_starts_fail(); /* or a worker that finds nothing would serve the line */
    int a = mc_spawn(claims_and_signals, NULL);
    mc_assert(filch_pool_resize(model_pool, 1, 2) == 0);
    mc_assert(filch_wait(future[0]) == 7);
    mc_join(a);
    model_close();
}
