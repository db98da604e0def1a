/* SPDX-License-Identifier: MIT */
/* crew.c - models of workers that are started, fail to start, retire, and lie in the idle stack.
 * A whole pool takes hundreds of steps, so each declares the largest bounds that are exhausted in some seconds; random
 * schedules (models --random SEED) go beyond.
 */
#include "model.h"

MC_MODEL(gate_retire,
         "the only worker, surplus, retires at its time-out || a submit: it looks once more, or another starts",
         .preemptions = 2, .stale = 1, .timeouts = 2)
{
    model_begin(2, FILCH__IDLE);
    model_open(0, 1, FILCH_POOL_NO_IDLE_WORKERS);
    mc_quiet(true);
    model_run(1);
    model_await_parked(1);
    mc_quiet(false);
    model_submit(1, model_body);
    mc_assert(filch_wait(future[1]) == 7);
    model_close();
}

static int waits_for_signal(void *arg)
{
    while (!filch__load_acquire(&signals[0]))
        mc_futex_wait(&signals[0], 0, false);
    return arg ? 7 : 0;
}

static int signals_other(void *arg)
{
    filch__store_release(&signals[0], 1);
    mc_futex_wake(&signals[0], 1);
    return arg ? 7 : 0;
}

MC_MODEL(gate_retire_one,
         "one of two parked workers retires || a task occupies the other || a second task, which the first needs",
         .preemptions = 1, .stale = 0, .timeouts = 1)
{
    model_begin(4, FILCH__IDLE);
    model_open(1, 2, 0);
    mc_quiet(true);
    model_run_both(); /* two workers, to begin with */
    filch__store_seq_cst(&signals[0], 0);
    model_await_parked(2);
    model_submit(2, waits_for_signal);
    mc_quiet(false);
    model_submit(3, signals_other);
    mc_assert(filch_wait(future[2]) == 7);
    mc_assert(filch_wait(future[3]) == 7);
    model_close();
}

MC_MODEL(gate_grow, "one worker, two permits || two tasks that need one another: a second worker is started",
         .preemptions = 1, .stale = 1)
{
    model_begin(2, FILCH__IDLE);
    model_open(1, 2, 0);
    model_run_both();
    model_close();
}

MC_MODEL(gate_start_fails,
         "one worker, two permits, and no thread can be started || two submits: the permit taken for it comes "
         "back",
         .preemptions = 1, .stale = 1)
{
    model_begin(2, FILCH__IDLE);
    model_open(1, 2, 0);
    model_let_starts_fail();
    model_run(2);
    model_close();
}

MC_MODEL(gate_start_fails_late,
         "the same, and the only worker parks while the start is tried: then it is woken instead", .preemptions = 2,
         .stale = 0)
{
    model_begin(2, FILCH__IDLE);
    model_open(1, 2, 0);
    model_let_starts_fail();
    mc_quiet(true);
    model_submit(0, model_body);
    mc_quiet(false);
    mc_assert(filch_wait(future[0]) == 7);
    model_submit(1, model_body);
    mc_assert(filch_wait(future[1]) == 7);
    model_close();
}

MC_MODEL(gate_init_fails,
         "one worker, two permits, and a second worker cannot be initialised || two submits: the permit that it "
         "was started with comes back",
         .preemptions = 1, .stale = 0)
{
    model_begin(2, FILCH__IDLE);
    model_open(1, 2, 0);
    model_pool->config.worker_init = model_init_fails;
    model_run(2);
    model_close();
}

MC_MODEL(gate_init_fails_late,
         "the same, and the only worker parks while the second is relied on: who fails looks for work, and wakes it",
         .preemptions = 2, .stale = 0)
{
    model_begin(2, FILCH__IDLE);
    model_open(1, 2, 0);
    model_pool->config.worker_init = model_init_fails;
    mc_quiet(true);
    model_submit(0, model_body);
    mc_quiet(false);
    mc_assert(filch_wait(future[0]) == 7);
    model_submit(1, model_body);
    mc_assert(filch_wait(future[1]) == 7);
    model_close();
}

/* ---- the idle stack ---- */

static void *tells(void *arg)
{
    filch__idle_tell_one(model_pool, FILCH__TOKEN_LOOK);
    return arg;
}

static void three_idle(void *(*other)(void *arg))
{
    model_begin(0, FILCH__IDLE);
    model_open(3, 3, 0);
    int a = mc_spawn(other, NULL);
    tells(NULL);
    mc_join(a);
    mc_quiet(true);
    model_await_parked(3);
    model_close();
}

MC_MODEL(idle_stack,
         "three parked workers || two threads that tell one each to look: none is told twice, all are there "
         "afterwards (I3, ABA)",
         .preemptions = 2, .stale = 0)
{
    three_idle(tells);
}

static void *tells_twice(void *arg)
{
    tells(arg);
    tells(arg);
    return arg;
}

MC_MODEL(idle_aba,
         "three parked workers || one told by one thread, two by another: a number that was taken and put back while a "
         "popper looked is noticed",
         .preemptions = 1, .stale = 0)
{
    three_idle(tells_twice);
}
