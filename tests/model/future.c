/* SPDX-License-Identifier: MIT */
/* future.c - models of one future (runtime/state.c, waiter.c, future.c): its end, who waits for it, who stops
 * waiting, who cancels it, and who frees it as soon as its wait has returned. */
#include "model.h"

#include <errno.h>

/* Two threads have waited; the one that leaves last frees the future. A time-out may have left it in flight. */
static void leave(void)
{
    if (filch__add_seq_cst(counter, 1) == 1) {
        mc_assert(filch_wait(future[0]) == 7);
        mc_free(future[0]);
    }
}

static void *waits(void *arg)
{
    mc_assert(filch_wait(future[0]) == 7);
    mc_frames_are_dead();
    mc_assert(written[0] == 7);
    mc_reached(2);
    leave();
    return arg;
}

static void *waits_until(void *arg)
{
    int r = filch_wait_until(future[0], LATE);
    mc_frames_are_dead();
    mc_assert(r == 0 || r == -ETIMEDOUT);
    mc_reached(r ? 1 : 0);
    if (!r)
        mc_assert(written[0] == 7);
    leave();
    return arg;
}

MC_MODEL(future_wait,
         "a task ends || a thread waits, returns and frees the future: what the task wrote is seen, and nobody "
         "touches the future or the frame of the wait any more",
         .preemptions = 3, .stale = 2, .spurious = 1)
{
    model_begin(1, FILCH__QUEUED);
    mc_spawn(model_finisher, MODEL_ARG(0));
    mc_assert(filch_wait(future[0]) == 7);
    mc_frames_are_dead();
    mc_assert(written[0] == 7);
    mc_free(future[0]);
}

MC_MODEL(future_done, "a task ends || a thread polls filch_done: what the task wrote is seen", .preemptions = 3,
         .stale = 2)
{
    model_begin(1, FILCH__QUEUED);
    mc_spawn(model_finisher, MODEL_ARG(0));
    while (!filch_done(future[0]))
        mc_yield();
    mc_assert(written[0] == 7 && filch_status(future[0]) == 7);
    mc_free(future[0]);
}

MC_MODEL(future_two,
         "a task ends || a wait with a deadline || a second waiter; the last one frees. The nodes of the list "
         "lie in frames that die",
         .preemptions = 3, .stale = 1, .timeouts = 1)
{
    model_begin(1, FILCH__QUEUED);
    mc_spawn(model_finisher, MODEL_ARG(0));
    mc_spawn(waits, NULL);
    waits_until(NULL);
}

MC_MODEL(future_leavers,
         "a task ends || two waits time out: each takes itself off the list under LOCK; what finish leaves "
         "to the holder of LOCK is completed by it",
         .preemptions = 2, .stale = 1, .timeouts = 2)
{
    model_begin(1, FILCH__QUEUED);
    mc_spawn(model_finisher, MODEL_ARG(0));
    mc_spawn(waits_until, NULL);
    waits_until(NULL);
}

MC_MODEL(future_three,
         "a task ends || two waits time out || a third waiter: one registers while LOCK is held, one is unlinked from "
         "the middle. With stale loads the search takes minutes; random schedules go beyond",
         .preemptions = 2, .stale = 0, .timeouts = 2)
{
    model_begin(1, FILCH__QUEUED);
    filch__sub_relaxed(counter, 1); /* three leave */
    mc_spawn(model_finisher, MODEL_ARG(0));
    mc_spawn(waits_until, NULL);
    mc_spawn(waits, NULL);
    waits_until(NULL);
}

static void count_waiter(struct filch__waiter *waiter, void *ctx)
{
    mc_assert(!waiter->tell); /* it is in place */
    ++*(int *)ctx;
}

static void visit(void)
{
    int count = 0;
    filch__future_visit(future[0], count_waiter, &count);
    mc_assert(count <= 1);
    mc_reached(4 + count);
    leave();
}

MC_MODEL(
    future_visited,
    "a task ends || a wait with a deadline || who keeps the future in place looks at its waiters: their frames are "
    "there as long",
    .preemptions = 2, .stale = 1, .timeouts = 1)
{
    model_begin(1, FILCH__QUEUED);
    mc_spawn(model_finisher, MODEL_ARG(0));
    mc_spawn(waits_until, NULL);
    visit();
}

/* ---- promises ---- */

static void *completes(void *arg)
{
    written[0] = 7;
    int r = filch_complete(future[0], 7);
    mc_assert(r == 0 || r == -EALREADY);
    if (!r)
        model_add(0);
    return arg;
}

static void *cancels(void *arg)
{
    int r = filch_cancel(future[0]);
    mc_assert(r == 0 || r == -EALREADY);
    if (!r)
        model_add(1);
    return arg;
}

MC_MODEL(promise_race, "complete || cancel || wait: exactly one of the two ends the promise, and the wait says which",
         .preemptions = 3, .stale = 1)
{
    model_begin(1, FILCH__PROMISE);
    int a = mc_spawn(completes, NULL), b = mc_spawn(cancels, NULL);
    int r = filch_wait(future[0]);
    mc_frames_are_dead();
    mc_join(a);
    mc_join(b);
    mc_assert(r == 7 ? model_count(0) == 1 && !model_count(1)
                     : r == -ECANCELED && !model_count(0) && model_count(1) == 1);
    mc_free(future[0]);
}

MC_MODEL(promise_free, "complete || wait, then free at once", .preemptions = 3, .stale = 2, .spurious = 1)
{
    model_begin(1, FILCH__PROMISE);
    mc_spawn(model_completer, MODEL_ARG(0));
    mc_assert(filch_wait(future[0]) == 7 && written[0] == 7);
    mc_frames_are_dead();
    mc_free(future[0]);
}

/* ---- a task is cancelled while it starts ---- */

static void *starts(void *arg)
{
    bool ran = filch__future_start(future[0], future[0]);
    if (ran) {
        model_enter(0);
        written[0] = 7;
        model_leave();
    }
    filch__future_finish(future[0], ran ? 7 : -ECANCELED);
    return arg;
}

/* filch_cancel without the strand of the runner, which these models do not have. */
static void *asks(void *arg)
{
    bool first = false;
    int r = filch__future_ask_stop(future[0], false, &first);
    if (r == -EINPROGRESS && first)
        filch__future_passed(future[0]);
    if (r == 0)
        model_add(0);
    if (r == -EINPROGRESS)
        model_add(1);
    return arg;
}

MC_MODEL(cancel_start,
         "a worker starts a task || it is cancelled || a wait with a deadline: cancel answers 0 only when the "
         "body never runs",
         .preemptions = 2, .stale = 2, .timeouts = 1)
{
    model_begin(1, FILCH__QUEUED);
    mc_spawn(starts, NULL);
    int a = mc_spawn(asks, NULL);
    int r = filch_wait_until(future[0], LATE);
    if (r)
        mc_assert(r == -ETIMEDOUT);
    r = filch_wait(future[0]);
    mc_frames_are_dead();
    mc_join(a);
    mc_assert(r == (model_ran(0) ? 7 : -ECANCELED));
    mc_assert(model_ran(0) ? !model_count(0) : !model_count(1));
    mc_reached(model_count(0) ? 0 : model_ran(0) ? 1 : 2);
    mc_free(future[0]);
}

MC_MODEL(cancel_twice,
         "a worker starts a task || two cancels: start sees the mark, or the barrier of a cancel shows it the "
         "runner; all agree on the outcome",
         .preemptions = 3, .stale = 1)
{
    model_begin(1, FILCH__QUEUED);
    int z = mc_spawn(starts, NULL), a = mc_spawn(asks, NULL), b = mc_spawn(asks, NULL);
    mc_join(a);
    mc_join(b);
    mc_join(z);
    mc_assert(filch_status(future[0]) == (model_ran(0) ? 7 : -ECANCELED));
    mc_assert(model_ran(0) ? !model_count(0) : !model_count(1));
    mc_reached(model_ran(0));
}

/* As filch_cancel: the runner is looked at only between the two. */
static void *asks_and_looks(void *runner)
{
    bool first = false;
    if (filch__future_ask_stop(future[0], false, &first) == -EINPROGRESS && first) {
        mc_assert(*(uint64_t *)runner == 5);
        filch__future_passed(future[0]);
    }
    return NULL;
}

MC_MODEL(cancel_passing,
         "a running task ends || a cancel looks at its runner: the task does not end, and its runner's memory "
         "is not freed, before the look is over (F6)",
         .preemptions = 3, .stale = 2)
{
    model_begin(1, FILCH__QUEUED);
    uint64_t *runner = mc_zalloc(sizeof *runner);
    *runner = 5;
    mc_assert(filch__future_start(future[0], runner));
    int a = mc_spawn(asks_and_looks, runner);
    filch__future_finish(future[0], 7);
    mc_free(runner);
    mc_join(a);
    mc_free(future[0]);
}
