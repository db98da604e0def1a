/* SPDX-License-Identifier: MIT */
/* hold.c - models of tasks that are held back (runtime/hold.c): by predecessors that end, by a user's gate, while they
 * are cancelled, and while their pool is closed. Each ends exactly once, by a worker, and then nobody touches its pool or
 * its future any more: both are freed at once.
 * A whole pool takes hundreds of steps, so each declares the largest bounds that are exhausted in some seconds; random
 * schedules (models --random SEED) go beyond.
 */
#include "model.h"

#include <filch/gate.h>
#include <filch/scope.h>

#include <errno.h>

static struct filch_gate *gate;

/* Whoever drops a task is a worker: a chain that fails does not recurse. Unless the workers are gone. */
static void drops(void *i, int status)
{
    struct filch__worker *worker = filch__worker_current();
    if (worker)
        mc_assert(worker->pool == model_pool);
    else
        mc_assert(filch__load_seq_cst(&model_pool->phase) == FILCH__POOL_CLOSED);
    mc_assert(status < 0);
    model_add((int)(uintptr_t)i);
}

static int submit_after(int i, filch_fn *fn, int first, int count, unsigned flags)
{
    struct filch_task_options options = {
        .gate = gate, .after = &future[first], .after_count = (size_t)count, .dropped = drops, .flags = flags};
    return filch_submit_with(model_pool, future[i], fn, MODEL_ARG(i), &options);
}

/* Task 0, after promises 1..count. */
static void begin(int count, unsigned workers)
{
    gate = NULL;
    model_begin(1 + count, FILCH__IDLE);
    model_open(workers, workers, 0);
    mc_name(&model_pool->held, sizeof model_pool->held, "held");
    mc_name(&model_pool->wakers, sizeof model_pool->wakers, "wakers");
    for (int i = 1; i <= count; i++)
        filch_promise_init(future[i]);
}

static void begin_held(int count, unsigned workers, filch_fn *fn)
{
    begin(count, workers);
    mc_quiet(true);
    mc_assert(submit_after(0, fn, 1, count, 0) == 0);
    mc_quiet(false);
}

static void close_and_free(enum filch_close mode)
{
    mc_assert(filch_pool_close(model_pool, mode, FILCH_NO_DEADLINE) == 0);
    mc_assert(filch__gate_admitted(model_pool->gate) == 0);
    filch_pool_free(model_pool);
}

/* Task 0 has ended: ran, or was dropped, once. */
static void check(int status)
{
    mc_assert(filch_status(future[0]) == status);
    mc_assert(model_ran(0) == (status == 7) && model_count(0) == (status != 7));
}

static int runs_after_one(void *i)
{
    mc_assert(written[1] == 7);
    return model_body(i);
}

static int runs_after_two(void *i)
{
    mc_assert(written[1] == 7 && written[2] == 7);
    return model_body(i);
}

/* ---- predecessors that end ---- */

MC_MODEL(hold_register,
         "a task is submitted || its predecessor ends: it runs once, and sees what that one wrote (K2, K3)",
         .preemptions = 2, .stale = 1)
{
    begin(1, 1);
    int a = mc_spawn(model_completer, MODEL_ARG(1));
    mc_assert(submit_after(0, runs_after_one, 1, 1, 0) == 0);
    mc_assert(filch_wait(future[0]) == 7);
    mc_free(future[0]);
    mc_quiet(true);
    mc_join(a);
    model_close();
}

MC_MODEL(hold_two, "two predecessors end at once: the last one queues the task, once, and it sees both (K2)",
         .preemptions = 2, .stale = 1)
{
    begin_held(2, 1, runs_after_two);
    int a = mc_spawn(model_completer, MODEL_ARG(1)), b = mc_spawn(model_completer, MODEL_ARG(2));
    mc_assert(filch_wait(future[0]) == 7);
    check(7);
    mc_quiet(true);
    mc_join(a);
    mc_join(b);
    model_close();
}

MC_MODEL(hold_close, "a thread ends the predecessor || drain and free: it has let go of the pool by then (I3)",
         .preemptions = 1, .stale = 1)
{
    begin_held(1, 1, runs_after_one);
    int a = mc_spawn(model_completer, MODEL_ARG(1));
    close_and_free(FILCH_CLOSE_DRAIN);
    check(7);
    mc_join(a);
}

/* ---- predecessors that fail ---- */

static void *fails(void *i)
{
    written[(uintptr_t)i] = 7;
    mc_assert(filch_complete(future[(uintptr_t)i], -EIO) == 0);
    return NULL;
}

MC_MODEL(hold_failed,
         "one predecessor fails || the other ends: the task is dropped, by a worker, with that status (K2)",
         .preemptions = 2, .stale = 1)
{
    begin_held(2, 1, runs_after_two);
    int a = mc_spawn(fails, MODEL_ARG(1)), b = mc_spawn(model_completer, MODEL_ARG(2));
    mc_assert(filch_wait(future[0]) == -EIO);
    check(-EIO);
    mc_quiet(true);
    mc_join(a);
    mc_join(b);
    model_close();
}

MC_MODEL(hold_failed_always, "the same, of a task that runs always", .preemptions = 1, .stale = 1)
{
    begin(2, 1);
    mc_quiet(true);
    mc_assert(submit_after(0, runs_after_two, 1, 2, FILCH_TASK_RUN_ALWAYS) == 0);
    mc_quiet(false);
    int a = mc_spawn(fails, MODEL_ARG(1)), b = mc_spawn(model_completer, MODEL_ARG(2));
    mc_assert(filch_wait(future[0]) == 7);
    check(7);
    mc_quiet(true);
    mc_join(a);
    mc_join(b);
    model_close();
}

MC_MODEL(hold_chain, "the first of a chain of three fails || drain: each is dropped, and the pool freed",
         .preemptions = 1, .stale = 1)
{
    begin(1, 1);
    mc_quiet(true);
    for (int i = 2; i < 4; i++)
        future[i] = mc_zalloc(sizeof *future[i]);
    mc_assert(submit_after(2, model_body, 1, 1, 0) == 0 && submit_after(3, model_body, 2, 1, 0) == 0 &&
              submit_after(0, model_body, 3, 1, 0) == 0);
    mc_quiet(false);
    int a = mc_spawn(fails, MODEL_ARG(1));
    close_and_free(FILCH_CLOSE_DRAIN);
    check(-EIO);
    mc_assert(model_count(2) == 1 && model_count(3) == 1);
    mc_join(a);
}

/* ---- cancelled while held ---- */

static void *cancels(void *arg)
{
    int r = filch_cancel(future[0]);
    mc_assert(r == 0 || r == -EINPROGRESS || r == -EALREADY);
    if (!r)
        model_add(3);
    return arg;
}

static void check_cancelled(void)
{
    int status = filch_status(future[0]);
    mc_assert(status == 7 || status == -ECANCELED);
    check(status);
    mc_reached(status == 7);
}

MC_MODEL(hold_cancel,
         "the predecessor ends || a cancel pulls the task || it ends, the pool is closed and freed (I1, I2)",
         .preemptions = 1, .stale = 1)
{
    begin_held(1, 1, runs_after_one);
    int a = mc_spawn(model_completer, MODEL_ARG(1)), b = mc_spawn(cancels, NULL);
    (void)filch_wait(future[0]);
    close_and_free(FILCH_CLOSE_DRAIN);
    mc_join(a);
    mc_join(b);
    check_cancelled();
    mc_assert(!model_count(3) || !model_ran(0));
}

MC_MODEL(hold_cancel_two, "two predecessors end || a cancel pulls the task", .preemptions = 1, .stale = 1)
{
    begin_held(2, 1, runs_after_two);
    int a = mc_spawn(model_completer, MODEL_ARG(1)), b = mc_spawn(model_completer, MODEL_ARG(2));
    cancels(NULL);
    (void)filch_wait(future[0]);
    check_cancelled();
    mc_quiet(true);
    mc_join(a);
    mc_join(b);
    model_close();
}

MC_MODEL(hold_cancel_failed, "the first of two predecessors fails || a cancel pulls the task: it has either status",
         .preemptions = 2, .stale = 0)
{
    begin_held(2, 1, runs_after_two);
    int a = mc_spawn(fails, MODEL_ARG(1));
    mc_assert(filch_cancel(future[0]) == 0);
    int status = filch_wait(future[0]);
    mc_assert(status == -ECANCELED || status == -EIO);
    check(status);
    mc_quiet(true);
    mc_join(a);
    model_completer(MODEL_ARG(2));
    model_close();
}

MC_MODEL(hold_cancel_twice,
         "two cancels of a held task, which is freed with its pool as soon as it has ended (state.h, F6)",
         .preemptions = 1, .stale = 1)
{
    begin_held(1, 1, runs_after_one);
    int a = mc_spawn(cancels, NULL);
    cancels(NULL);
    mc_assert(filch_wait(future[0]) == -ECANCELED);
    close_and_free(FILCH_CLOSE_DRAIN);
    mc_join(a);
    check(-ECANCELED);
    model_completer(MODEL_ARG(1)); /* the record outlives the pool */
}

/* ---- the pool closes ---- */

MC_MODEL(hold_close_cancel, "the predecessor ends || close with cancel, and free", .preemptions = 2, .stale = 0)
{
    begin_held(1, 1, runs_after_one);
    int a = mc_spawn(model_completer, MODEL_ARG(1));
    close_and_free(FILCH_CLOSE_CANCEL);
    check_cancelled();
    mc_join(a);
}

MC_MODEL(hold_cancel_both, "a cancel pulls the task || close with cancel, and free: it is pulled once",
         .preemptions = 1, .stale = 1)
{
    begin_held(1, 1, runs_after_one);
    int a = mc_spawn(cancels, NULL);
    close_and_free(FILCH_CLOSE_CANCEL);
    check(-ECANCELED);
    mc_join(a);
    model_completer(MODEL_ARG(1));
}

static void *late_submitter(void *arg)
{
    int r = submit_after(0, model_body, 1, 1, 0);
    mc_assert(r == 0 || r == -ESHUTDOWN);
    written[2] = (uint64_t)(int64_t)r;
    return arg;
}

static void check_late(void)
{
    int r = (int)(int64_t)written[2], status = filch_status(future[0]);
    mc_assert(filch_done(future[0]));
    mc_assert(r ? status == r : status == 7 || status == -ECANCELED);
    mc_assert(model_ran(0) == (status == 7));
    mc_reached(r ? 0 : status == 7 ? 1 : 2);
}

MC_MODEL(hold_late_cancel, "a task is submitted, and held || close with cancel: refused, or pulled (K1)",
         .preemptions = 2, .stale = 1)
{
    begin(1, 1);
    int a = mc_spawn(late_submitter, NULL);
    mc_assert(filch_pool_close(model_pool, FILCH_CLOSE_CANCEL, FILCH_NO_DEADLINE) == 0);
    mc_join(a);
    check_late();
    filch_pool_free(model_pool);
    model_completer(MODEL_ARG(1));
}

MC_MODEL(hold_late, "a task is submitted, and held || its predecessor ends || drain: refused, run, or pulled",
         .preemptions = 2, .stale = 0)
{
    begin(1, 1);
    int a = mc_spawn(late_submitter, NULL), b = mc_spawn(model_completer, MODEL_ARG(1));
    mc_assert(filch_pool_close(model_pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE) == 0);
    mc_join(a);
    check_late();
    filch_pool_free(model_pool);
    mc_join(b);
}

MC_MODEL(hold_late_only,
         "the same, and the predecessor ends when the pool has closed; or when drain waits for the task in vain",
         .preemptions = 2, .stale = 1)
{
    begin(1, 1);
    int a = mc_spawn(late_submitter, NULL);
    int r = filch_pool_close(model_pool, FILCH_CLOSE_DRAIN, LATE);
    if (r) {
        mc_assert(r == -ETIMEDOUT);
        model_completer(MODEL_ARG(1));
        mc_assert(filch_pool_close(model_pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE) == 0);
    }
    mc_join(a);
    check_late();
    filch_pool_free(model_pool);
    if (!r)
        model_completer(MODEL_ARG(1));
}

/* ---- a user's gate ---- */

static void begin_gate(int count, unsigned workers, unsigned permits, bool take)
{
    begin(count, workers);
    mc_quiet(true);
    mc_assert(filch_gate_open(&gate, permits) == 0);
    if (take)
        mc_assert(filch_gate_enter(gate, 0) == 0);
    mc_quiet(false);
}

/* The permits are all there. */
static void end_gate(unsigned permits)
{
    mc_quiet(true);
    mc_assert(filch_gate_available(gate) == permits);
    mc_assert(filch_gate_close(gate) == 0);
}

static void *leaves(void *arg)
{
    filch_gate_leave(gate);
    return arg;
}

MC_MODEL(hold_gate, "a task comes to a user's gate || the holder leaves || drain and free", .preemptions = 1,
         .stale = 1)
{
    begin_gate(0, 1, 1, true);
    int a = mc_spawn(leaves, NULL);
    mc_assert(submit_after(0, model_body, 0, 0, 0) == 0);
    close_and_free(FILCH_CLOSE_DRAIN);
    check(7);
    mc_join(a);
    end_gate(1);
}

MC_MODEL(hold_gate_cancel, "a task in line at a gate || the holder leaves || it is cancelled: no permit is lost",
         .preemptions = 1, .stale = 1)
{
    begin_gate(0, 1, 1, true);
    mc_quiet(true);
    mc_assert(submit_after(0, model_body, 0, 0, 0) == 0);
    mc_quiet(false);
    int a = mc_spawn(leaves, NULL), b = mc_spawn(cancels, NULL);
    (void)filch_wait(future[0]);
    close_and_free(FILCH_CLOSE_DRAIN);
    mc_join(a);
    mc_join(b);
    check_cancelled();
    end_gate(1);
}

MC_MODEL(hold_gate_join_cancel,
         "the predecessor ends, and the task comes to a closed gate || it is cancelled, and nobody else ends it (K1)",
         .preemptions = 2, .stale = 0)
{
    begin_gate(1, 1, 0, false);
    mc_quiet(true);
    mc_assert(submit_after(0, model_body, 1, 1, 0) == 0);
    mc_quiet(false);
    int a = mc_spawn(model_completer, MODEL_ARG(1));
    mc_assert(filch_cancel(future[0]) == 0);
    mc_assert(filch_wait(future[0]) == -ECANCELED);
    check(-ECANCELED);
    mc_free(future[0]);
    close_and_free(FILCH_CLOSE_DRAIN);
    mc_join(a);
    end_gate(0);
}

MC_MODEL(hold_gate_close,
         "the predecessor ends, and the task comes to a closed gate || close with cancel, and free (K1)",
         .preemptions = 2, .stale = 0)
{
    begin_gate(1, 1, 0, false);
    mc_quiet(true);
    mc_assert(submit_after(0, model_body, 1, 1, 0) == 0);
    mc_quiet(false);
    int a = mc_spawn(model_completer, MODEL_ARG(1));
    close_and_free(FILCH_CLOSE_CANCEL);
    check(-ECANCELED);
    mc_join(a);
    end_gate(0);
}

static int inside(void *i)
{
    written[3]++; /* a plain word says that nobody else is */
    return model_body(i);
}

MC_MODEL(hold_gate_two, "two workers, two tasks of a gate with one permit: one after the other, and each runs",
         .preemptions = 1, .stale = 0)
{
    begin_gate(0, 2, 1, false);
    mc_quiet(true);
    future[1] = mc_zalloc(sizeof *future[1]);
    mc_quiet(false);
    for (int i = 0; i < 2; i++)
        mc_assert(submit_after(i, inside, 0, 0, 0) == 0);
    for (int i = 0; i < 2; i++)
        mc_assert(filch_wait(future[i]) == 7);
    mc_assert(model_highest() == 1 && written[3] == 2);
    mc_quiet(true);
    model_close();
    end_gate(1);
}

MC_MODEL(hold_gate_failed, "the predecessor of a task with a gate fails: it is dropped, and takes no permit",
         .preemptions = 1, .stale = 1)
{
    begin_gate(1, 1, 1, true);
    int a = mc_spawn(fails, MODEL_ARG(1));
    mc_assert(submit_after(0, model_body, 1, 1, 0) == 0);
    mc_assert(filch_wait(future[0]) == -EIO);
    check(-EIO);
    mc_quiet(true);
    mc_join(a);
    model_close();
    filch_gate_leave(gate);
    end_gate(1);
}
