/* SPDX-License-Identifier: MIT */
/* strand.c - models of a task that suspends while what it waits for ends, or while it is cancelled or times out: the
 * other side of the switch commits the waiter, and the strand is resumed once, by one worker, after it was left.
 *
 * The race begins in the task (model_start_race); what comes before is quiet.
 * A whole pool takes hundreds of steps, so each declares the largest bounds that are exhausted in some seconds; random
 * schedules (models --random SEED) go beyond.
 */
#include "model.h"

#include <filch/blocking.h>

#include <errno.h>

typedef void *thread_fn(void *);

static void *completes(void *i)
{
    model_await_race();
    return model_completer(i);
}

static void *completes_if_first(void *arg)
{
    model_await_race();
    written[0] = 7;
    int r = filch_complete(future[0], 7);
    mc_assert(r == 0 || r == -EALREADY);
    return arg;
}

/* future[2] is the task. */
static void *cancels(void *arg)
{
    model_await_race();
    filch_cancel(future[2]);
    return arg;
}

/* Run `body` as a task against the threads, on `workers` workers. */
static void race(filch_fn *body, unsigned workers, bool timekeeper, thread_fn *first, thread_fn *second)
{
    model_begin(3, FILCH__IDLE);
    model_open(workers, workers, 0);
    mc_quiet(true);
    for (int i = 0; i < 2; i++)
        filch_promise_init(future[i]);
    if (timekeeper)
        mc_assert(filch__timekeeper_start(&model_pool->keeper) == 0);
    int a = mc_spawn(first, MODEL_ARG(0)), b = second ? mc_spawn(second, MODEL_ARG(1)) : 0;
    model_submit(2, body);
    mc_assert(filch_wait(future[2]) == 5);
    mc_quiet(true);
    mc_assert(model_ran(0) == 1);
    mc_join(a);
    if (second)
        mc_join(b);
    model_close();
}

/* What ran twice at a time would count twice. */
static int end_body(void)
{
    model_enter(0);
    model_leave();
    return 5;
}

static int waits(void *arg)
{
    (void)arg;
    model_start_race();
    mc_assert(filch_wait(future[0]) == 7);
    mc_frames_are_dead();
    mc_assert(written[0] == 7);
    mc_free(future[0]);
    return end_body();
}

MC_MODEL(strand_wait, "a task suspends || a thread completes what it waits for; one worker", .preemptions = 2,
         .stale = 1)
{
    race(waits, 1, false, completes, NULL);
}

MC_MODEL(strand_wait_2, "the same, with another worker that may resume the strand (W3)", .preemptions = 2, .stale = 0)
{
    race(waits, 2, false, completes, NULL);
}

/* ---- a task that yields ---- */

static void *does_nothing(void *arg)
{
    model_await_race();
    return arg;
}

static int yields(void *arg)
{
    (void)arg;
    model_start_race();
    filch_yield();
    mc_frames_are_dead();
    return end_body();
}

static void *submits_beside(void *arg)
{
    model_await_race();
    model_submit(1, model_body);
    mc_assert(filch_wait(future[1]) == 7);
    return arg;
}

static int yields_to_its_own(void *arg)
{
    model_submit(1, model_body);
    return yields(arg);
}

static int lowers_and_yields(void *arg)
{
    mc_assert(filch_pool_resize(model_pool, 1, 1) == 0);
    return yields(arg);
}

/* Task 2 yields. */
static void yield_race(unsigned workers, filch_fn *body, thread_fn *other)
{
    model_begin(3, FILCH__IDLE);
    model_open(workers, workers, 0);
    mc_quiet(true);
    int a = mc_spawn(other, NULL);
    model_submit(2, body);
    mc_assert(filch_wait(future[2]) == 5);
    mc_join(a);
    mc_quiet(true);
    mc_assert(model_ran(0) == 1);
    model_close();
}

MC_MODEL(strand_yield, "a task yields || a submit; one worker", .preemptions = 1, .stale = 1)
{
    yield_race(1, yields, submits_beside);
}

MC_MODEL(strand_yield_2, "a task yields to its own || another worker, which may resume the strand (W3)",
         .preemptions = 1, .stale = 0)
{
    yield_race(2, yields_to_its_own, does_nothing);
}

MC_MODEL(strand_yield_lowered, "the limit has fallen, a task yields || another worker has run a task and goes to sleep",
         .preemptions = 1, .stale = 0)
{
    yield_race(2, lowers_and_yields, submits_beside);
}

static int waits_until(void *arg)
{
    (void)arg;
    model_start_race();
    int r = filch_wait_until(future[0], LATE);
    mc_frames_are_dead();
    mc_assert(r == 0 || r == -ETIMEDOUT);
    mc_reached(r != 0);
    mc_assert(filch_wait(future[0]) == 7 && written[0] == 7);
    mc_frames_are_dead();
    mc_free(future[0]);
    return end_body();
}

MC_MODEL(strand_timed, "a task suspends with a deadline || a thread completes || the timekeeper", .preemptions = 1,
         .stale = 1, .timeouts = 1)
{
    race(waits_until, 1, true, completes, NULL);
}

static int waits_in_vain(void *arg)
{
    (void)arg;
    model_start_race();
    mc_assert(filch_wait_until(future[0], LATE) == -ETIMEDOUT);
    mc_frames_are_dead();
    return end_body();
}

MC_MODEL(strand_timeout, "a task suspends with a deadline, and nothing but the timekeeper ends its wait",
         .preemptions = 2, .stale = 1)
{
    race(waits_in_vain, 1, true, does_nothing, NULL);
}

/* ---- cancelled while it waits ---- */

static int waits_interruptibly(void *arg)
{
    (void)arg;
    model_start_race();
    int r = filch_wait_until(future[0], FILCH_NO_DEADLINE);
    mc_frames_are_dead();
    mc_assert(r == 0 || r == -ECANCELED);
    mc_reached(r != 0);
    return end_body();
}

MC_MODEL(strand_cancel, "a task suspends || it is cancelled || a thread completes what it waits for", .preemptions = 1,
         .stale = 1)
{
    race(waits_interruptibly, 1, false, completes_if_first, cancels);
}

MC_MODEL(strand_cancel_only,
         "a task suspends || it is cancelled, and nobody else ends its wait: a cancel is never missed",
         .preemptions = 1, .stale = 1)
{
    race(waits_interruptibly, 1, false, cancels, NULL);
}

static int waits_and_passes(void *arg)
{
    (void)arg;
    model_start_race();
    int r = filch_wait(future[0]);
    mc_frames_are_dead();
    mc_assert(r == 7 || r == -ECANCELED);
    mc_reached(r != 7);
    return end_body();
}

MC_MODEL(strand_cancel_pass,
         "a task waits for a promise || it is cancelled, which passes on to the promise || a thread completes",
         .preemptions = 1, .stale = 1)
{
    race(waits_and_passes, 1, false, completes_if_first, cancels);
}

MC_MODEL(strand_cancel_pass_only, "the same, and nobody completes the promise but the cancel", .preemptions = 1,
         .stale = 1)
{
    race(waits_and_passes, 1, false, cancels, NULL);
}

/* ---- several ---- */

static int waits_for_any(void *arg)
{
    (void)arg;
    model_start_race();
    size_t i = 9;
    mc_assert(filch_wait_any(future, 2, FILCH_NO_DEADLINE, &i) == 0);
    mc_frames_are_dead();
    mc_assert(i < 2 && written[i] == 7);
    mc_reached((int)i);
    return end_body();
}

MC_MODEL(strand_any, "a task suspends for either of two || both are completed", .preemptions = 1, .stale = 1)
{
    race(waits_for_any, 1, false, completes, completes);
}

static int waits_for_all(void *arg)
{
    (void)arg;
    model_start_race();
    mc_assert(filch_wait_all(future, 2, FILCH_NO_DEADLINE) == 0);
    mc_frames_are_dead();
    mc_assert(written[0] == 7 && written[1] == 7);
    return end_body();
}

MC_MODEL(strand_all, "a task suspends for two || both are completed", .preemptions = 1, .stale = 1)
{
    race(waits_for_all, 1, false, completes, completes);
}

/* ---- a task waits for a task ---- */

static int runs_child(void *arg)
{
    (void)arg;
    model_start_race();
    model_submit(1, model_body);
    mc_assert(filch_wait(future[1]) == 7);
    mc_frames_are_dead();
    mc_assert(written[1] == 7);
    mc_free(future[1]);
    return end_body();
}

MC_MODEL(strand_child, "a task submits another on its own deque, waits for it and frees it; two workers",
         .preemptions = 1, .stale = 1)
{
    model_begin(3, FILCH__IDLE);
    model_open(2, 2, 0);
    mc_quiet(true);
    model_submit(2, runs_child);
    mc_assert(filch_wait(future[2]) == 5);
    model_close();
}

/* ---- a body that blocks its thread gives its permit to others, and takes one to go on ---- */

/* As future[2]. */
static void submit_on_own_thread(filch_fn *fn)
{
    struct filch_task_options options = {.flags = FILCH_TASK_OWN_THREAD};
    mc_assert(filch_submit_with(model_pool, future[2], fn, NULL, &options) == 0);
}

static int needs_promise(void *arg)
{
    (void)arg;
    mc_assert(filch_wait(future[0]) == 7);
    mc_frames_are_dead();
    mc_assert(written[0] == 7);
    return end_body();
}

static int completes_inside(void *arg)
{
    model_enter(1);
    model_completer(MODEL_ARG(0));
    model_leave();
    return arg ? 7 : 0;
}

MC_MODEL(strand_own_thread,
         "a task on a thread of its own waits for what only a second task completes, with one permit: never two "
         "bodies at a time",
         .preemptions = 1, .stale = 0)
{
    model_begin(3, FILCH__IDLE);
    model_open(1, 1, 0);
    mc_quiet(true);
    filch_promise_init(future[0]);
    submit_on_own_thread(needs_promise);
    mc_quiet(false);
    model_submit(1, completes_inside);
    mc_assert(filch_wait(future[2]) == 5);
    mc_assert(filch_wait(future[1]) == 7);
    mc_quiet(true);
    mc_assert(model_highest() == 1 && model_ran(0) == 1 && model_ran(1) == 1);
    model_close();
}

/* ---- with no thread to be had ---- */

static int submits_and_blocks(void *arg)
{
    (void)arg;
    model_submit(1, model_body);
    int r = filch_wait(future[1]);
    mc_frames_are_dead();
    mc_assert(r == 7 ? model_ran(1) == 1 : r == -EAGAIN && !model_ran(1));
    mc_reached(r != 7);
    return end_body();
}

MC_MODEL(strand_stranded,
         "a task on a thread of its own waits for a task that no thread can be started for: it is ended with an error",
         .preemptions = 1, .stale = 0)
{
    model_begin(3, FILCH__IDLE);
    model_open(1, 1, 0);
    mc_quiet(true);
    model_let_starts_fail();
    mc_quiet(false);
    submit_on_own_thread(submits_and_blocks);
    mc_assert(filch_wait(future[2]) == 5);
    model_close();
}

MC_MODEL(
    strand_stranded_meanwhile,
    "a task on a thread of its own waits for a queued task || a completer makes a strand ready and tries to start a "
    "thread for it, on which the former relied: who gives up ends what is stranded",
    .preemptions = 2, .stale = 0)
{
    model_begin(4, FILCH__IDLE);
    model_open(1, 1, 0);
    mc_quiet(true);
    filch_promise_init(future[0]);
    model_submit(3, needs_promise);
    model_await_parked(1);
    model_let_starts_fail();
    mc_quiet(false);
    int a = mc_spawn(model_completer, MODEL_ARG(0));
    submit_on_own_thread(submits_and_blocks);
    mc_assert(filch_wait(future[2]) == 5);
    mc_join(a);
    mc_assert(filch_wait(future[3]) == 5);
    model_close();
}

MC_MODEL(strand_stranded_by_init,
         "a task on a thread of its own waits for a queued task, and the worker that is started for it cannot be "
         "initialised: it ends what is stranded before it goes",
         .preemptions = 1, .stale = 0)
{
    model_begin(3, FILCH__IDLE);
    model_open(1, 1, 0);
    model_pool->config.worker_init = model_init_fails;
    submit_on_own_thread(submits_and_blocks);
    mc_assert(filch_wait(future[2]) == 5);
    model_close();
}

static int waits_for_promise(void *arg)
{
    (void)arg;
    model_start_race();
    mc_assert(filch_wait(future[0]) == 7);
    return end_body();
}

static void *completes_late(void *arg)
{
    model_await_race();
    mc_quiet(true);
    model_await_parked(1);
    model_let_starts_fail();
    mc_quiet(false);
    return model_completer(arg);
}

MC_MODEL(strand_keeps_worker,
         "the only worker, surplus, may retire at its time-out || a strand waits, and no further thread can be started",
         .preemptions = 1, .stale = 1, .timeouts = 2)
{
    model_begin(3, FILCH__IDLE);
    model_open(0, 1, FILCH_POOL_NO_IDLE_WORKERS);
    mc_quiet(true);
    filch_promise_init(future[0]);
    int a = mc_spawn(completes_late, MODEL_ARG(0));
    model_submit(2, waits_for_promise);
    mc_assert(filch_wait(future[2]) == 5);
    mc_join(a);
    model_close();
}
