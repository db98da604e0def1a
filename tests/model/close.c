/* SPDX-License-Identifier: MIT */
/* close.c - models of closing a pool while tasks are submitted, run, wait and are cancelled: each accepted task ends
 * exactly once, a refused one never runs, and when close has returned nobody touches the pool any more: it is freed
 * at once.
 * A whole pool takes hundreds of steps, so each declares the largest bounds that are exhausted in some seconds; random
 * schedules (models --random SEED) go beyond.
 */
#include "model.h"

#include <errno.h>

static void close_now(enum filch_close mode)
{
    mc_assert(filch_pool_close(model_pool, mode, FILCH_NO_DEADLINE) == 0);
}

/* Task i was submitted with result r; close has returned, and so has the submit. */
static void check_task(int i, int r)
{
    mc_assert(filch_done(future[i]));
    int status = filch_status(future[i]);
    mc_assert(r ? status == r : status == 7 || status == -ECANCELED);
    mc_assert(model_ran(i) == (status == 7));
    mc_reached(r ? 0 : status == 7 ? 1 : 2);
}

static void *late_submitter(void *arg)
{
    uintptr_t i = (uintptr_t)arg;
    int r = filch_submit(model_pool, future[i], model_body, arg);
    mc_assert(r == 0 || r == -ESHUTDOWN);
    written[2 + i] = (uint64_t)(int64_t)r;
    return NULL;
}

static void late(enum filch_close mode, unsigned workers, int submitters)
{
    int thread[2];
    model_begin(2, FILCH__IDLE);
    model_open(workers, workers, 0);
    for (int i = 0; i < submitters; i++)
        thread[i] = mc_spawn(late_submitter, MODEL_ARG(i));
    close_now(mode);
    for (int i = 0; i < submitters; i++) {
        mc_join(thread[i]);
        check_task(i, (int)(int64_t)written[2 + i]);
    }
    filch_pool_free(model_pool);
}

MC_MODEL(close_late, "drain || a submit: accepted and run, accepted and cancelled, or refused", .preemptions = 2,
         .stale = 1)
{
    late(FILCH_CLOSE_DRAIN, 1, 1);
}

MC_MODEL(close_late_cancel, "close with cancel || a submit", .preemptions = 2, .stale = 2)
{
    late(FILCH_CLOSE_CANCEL, 1, 1);
}

MC_MODEL(close_late_2_workers, "drain, two workers || a submit", .preemptions = 1, .stale = 1)
{
    late(FILCH_CLOSE_DRAIN, 2, 1);
}

MC_MODEL(close_late_two, "drain || two submits", .preemptions = 1, .stale = 1)
{
    late(FILCH_CLOSE_DRAIN, 1, 2);
}

/* ---- what was accepted before ---- */

static int submits_child(void *arg)
{
    (void)arg;
    model_enter(0);
    int r = filch_submit(model_pool, future[1], model_body, MODEL_ARG(1));
    model_leave();
    mc_assert(r == 0);
    return 7;
}

MC_MODEL(close_chain, "drain || a task that was accepted submits another, which is accepted as well, and runs",
         .preemptions = 2, .stale = 1)
{
    model_begin(2, FILCH__IDLE);
    model_open(1, 1, 0);
    model_submit(0, submits_child);
    close_now(FILCH_CLOSE_DRAIN);
    check_task(0, 0);
    check_task(1, 0);
    mc_assert(model_ran(0) == 1 && model_ran(1) == 1);
    filch_pool_free(model_pool);
}

MC_MODEL(close_deadline, "drain with a deadline that may come before a task has ended, then once more",
         .preemptions = 1, .stale = 1, .timeouts = 1)
{
    model_begin(1, FILCH__IDLE);
    model_open(1, 1, 0);
    model_submit(0, model_body);
    int r = filch_pool_close(model_pool, FILCH_CLOSE_DRAIN, LATE);
    mc_assert(r == 0 || r == -ETIMEDOUT);
    mc_reached(r ? 3 : 4);
    if (r)
        close_now(FILCH_CLOSE_DRAIN);
    check_task(0, 0);
    mc_assert(model_ran(0) == 1);
    filch_pool_free(model_pool);
}

static void *closes(void *arg)
{
    int r = filch_pool_close(model_pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE);
    mc_assert(r == 0 || r == -EALREADY);
    if (!r)
        model_add(0);
    return arg;
}

MC_MODEL(close_twice, "two threads close: one does, the other is told so", .preemptions = 2, .stale = 1)
{
    model_begin(0, FILCH__IDLE);
    model_open(1, 1, 0);
    int a = mc_spawn(closes, NULL);
    closes(NULL);
    mc_join(a);
    mc_assert(model_count(0) == 1);
    filch_pool_free(model_pool);
}

/* ---- tasks that wait meanwhile ---- */

/* Drained, the task ends when its promise does. Cancelled, at once: nobody need complete the promise then. */
static int waits(void *arg)
{
    (void)arg;
    int r = filch_wait_until(future[1], FILCH_NO_DEADLINE);
    mc_assert(r == 0 || r == -ECANCELED);
    model_enter(0);
    model_leave();
    return 7;
}

static void while_waiting(enum filch_close mode, bool join_first)
{
    model_begin(2, FILCH__IDLE);
    model_open(1, 1, 0);
    filch_promise_init(future[1]);
    model_submit(0, waits);
    int a = mc_spawn(model_completer, MODEL_ARG(1));
    close_now(mode);
    check_task(0, 0);
    mc_assert(mode == FILCH_CLOSE_CANCEL || model_ran(0) == 1);
    if (join_first)
        mc_join(a);
    filch_pool_free(model_pool);
    if (!join_first)
        mc_join(a);
}

MC_MODEL(close_waiting, "drain and free || a thread completes what a task waits for: it has let go of the pool by then",
         .preemptions = 1, .stale = 1)
{
    while_waiting(FILCH_CLOSE_DRAIN, false);
}

MC_MODEL(close_waiting_cancel, "close with cancel || a thread completes what a task waits for", .preemptions = 1,
         .stale = 1)
{
    while_waiting(FILCH_CLOSE_CANCEL, true);
}

MC_MODEL(close_cancel_only,
         "close with cancel || a task begins to wait for what nobody completes: the close ends its wait",
         .preemptions = 2, .stale = 0)
{
    model_begin(2, FILCH__IDLE);
    model_open(1, 1, 0);
    filch_promise_init(future[1]);
    model_submit(0, waits);
    close_now(FILCH_CLOSE_CANCEL);
    check_task(0, 0);
    filch_pool_free(model_pool);
}

static void *late_waiter(void *arg)
{
    int r = filch_submit(model_pool, future[0], waits, NULL);
    mc_assert(r == 0 || r == -ESHUTDOWN);
    written[2] = (uint64_t)(int64_t)r;
    return arg;
}

MC_MODEL(close_late_waiting, "drain || a submit of a task that waits || a thread completes what it waits for",
         .preemptions = 2, .stale = 1)
{
    model_begin(2, FILCH__IDLE);
    model_open(1, 1, 0);
    filch_promise_init(future[1]);
    int a = mc_spawn(late_waiter, NULL), b = mc_spawn(model_completer, MODEL_ARG(1));
    close_now(FILCH_CLOSE_DRAIN);
    mc_join(a);
    mc_join(b);
    check_task(0, (int)(int64_t)written[2]);
    filch_pool_free(model_pool);
}

static int waits_in_turn(void *arg)
{
    uintptr_t i = (uintptr_t)arg;
    mc_assert(filch_wait(future[2]) == 7);
    model_enter((int)i);
    model_leave();
    return 7;
}

MC_MODEL(close_two_waiting,
         "drain, two workers || two tasks wait for a promise that a thread completes: the counts of waits "
         "are read one by one",
         .preemptions = 1, .stale = 0)
{
    model_begin(3, FILCH__IDLE);
    model_open(2, 2, 0);
    filch_promise_init(future[2]);
    for (int i = 0; i < 2; i++)
        model_submit(i, waits_in_turn);
    int a = mc_spawn(model_completer, MODEL_ARG(2));
    close_now(FILCH_CLOSE_DRAIN);
    for (int i = 0; i < 2; i++)
        mc_assert(model_ran(i) == 1 && filch_status(future[i]) == 7);
    filch_pool_free(model_pool);
    mc_join(a);
}

/* ---- a cancel of a task, whose pool is closed and freed as soon as it has ended ---- */

static void *cancels(void *arg)
{
    filch_cancel(future[0]);
    return arg;
}

MC_MODEL(close_cancelled,
         "a task is cancelled while it runs || it ends, the pool is closed and freed: the cancel looks at the "
         "strand, whose stack goes with the pool",
         .preemptions = 2, .stale = 0)
{
    model_begin(1, FILCH__IDLE);
    model_open(1, 1, 0);
    model_submit(0, model_body);
    int a = mc_spawn(cancels, NULL);
    int r = filch_wait(future[0]);
    mc_assert(r == (model_ran(0) ? 7 : -ECANCELED));
    close_now(FILCH_CLOSE_DRAIN);
    filch_pool_free(model_pool);
    mc_join(a);
}

/* ---- a bounded queue ---- */

static void *fills(void *arg)
{
    uintptr_t i = (uintptr_t)arg;
    int r = filch_submit(model_pool, future[i], model_body, arg);
    mc_assert(r == 0 || r == -ESHUTDOWN);
    written[2 + i] = (uint64_t)(int64_t)r;
    return NULL;
}

MC_MODEL(room_for_one, "a queue for one task || two submitters that wait for room: each gets in", .preemptions = 1,
         .stale = 1)
{
    model_begin(2, FILCH__IDLE);
    model_open(1, 1, 0);
    model_pool->config.queue_limit = 1;
    int a = mc_spawn(fills, MODEL_ARG(1));
    fills(MODEL_ARG(0));
    mc_join(a);
    for (int i = 0; i < 2; i++)
        mc_assert(filch_wait(future[i]) == 7);
    mc_assert(filch__load_acquire(&model_pool->accepted) == 0);
    model_close();
}
