/* SPDX-License-Identifier: MIT */
/* scope.c - models of scopes (runtime/scope.c, scopes.c) and of the errands of the timekeeper (timer.c): each task ends, a
 * cancel is never missed and never lost, and when close has returned nobody touches the scope any more, nor, once that is
 * closed as well, the pool: both are freed at once.
 * A whole pool takes hundreds of steps, so each declares the largest bounds that are exhausted in some seconds; random
 * schedules (models --random SEED) go beyond.
 */
#include "model.h"

#include "scope.h"

#include <errno.h>

static struct filch_scope *scope, *inner;

static struct filch_scope *open_scope(const struct filch_scope_config *config)
{
    struct filch_scope *it = mc_zalloc(sizeof *it);
    mc_assert(filch_scope_open(it, model_pool, config) == 0);
    return it;
}

static void begin_awake(int count, unsigned workers, const struct filch_scope_config *config)
{
    model_begin(count, FILCH__IDLE);
    model_open(workers, workers, 0);
    mc_quiet(true);
    scope = open_scope(config);
    mc_name(scope, sizeof *scope, "scope");
    mc_name(&model_pool->keeper, sizeof model_pool->keeper, "keeper");
    mc_quiet(false);
}

/* The timekeeper sleeps. */
static void begin(int count, unsigned workers, const struct filch_scope_config *config)
{
    begin_awake(count, workers, config);
    mc_quiet(true);
    for (int i = 0; i < 8; i++)
        mc_yield();
    mc_quiet(false);
}

static void submit(struct filch_scope *into, int i, filch_fn *fn)
{
    mc_assert(filch_scope_submit(into, future[i], fn, MODEL_ARG(i), NULL) == 0);
}

static void close_and_free_pool(void)
{
    mc_assert(filch_pool_close(model_pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE) == 0);
    mc_assert(filch__gate_admitted(model_pool->gate) == 0);
    filch_pool_free(model_pool);
}

static void *cancels(void *it)
{
    filch_scope_cancel(it);
    return NULL;
}

/* Nobody ends the promise: only the cancel of its scope ends the wait. */
static int waits_in_vain(void *i)
{
    struct filch_future *promise = future[3];
    mc_assert(filch_wait_until(promise, FILCH_NO_DEADLINE) == -ECANCELED);
    mc_assert(filch_cancelled());
    return model_body(i);
}

static void begin_in_vain(int workers, const struct filch_scope_config *config)
{
    begin(4, (unsigned)workers, config);
    filch_promise_init(future[3]);
}

/* ---- members ---- */

MC_MODEL(scope_leave, "two tasks end || close: it sees what they did (P2), and the scope and the futures are freed",
         .preemptions = 1, .stale = 1)
{
    begin(2, 1, NULL);
    for (int i = 0; i < 2; i++)
        submit(scope, i, model_body);
    mc_assert(filch_scope_close(scope) == 0);
    for (int i = 0; i < 2; i++) {
        mc_assert(written[i] == 7 && filch_status(future[i]) == 7);
        mc_free(future[i]);
    }
    mc_free(scope);
    mc_quiet(true);
    model_close();
}

MC_MODEL(scope_leave_2, "the same, by two workers, and the pool is freed", .preemptions = 1, .stale = 0)
{
    begin(2, 2, NULL);
    mc_quiet(true);
    for (int i = 0; i < 2; i++)
        submit(scope, i, model_body);
    mc_quiet(false);
    mc_assert(filch_scope_close(scope) == 0);
    mc_assert(written[0] == 7 && written[1] == 7);
    mc_free(scope);
    close_and_free_pool();
}

static int adds_one(void *i)
{
    submit(scope, 1, model_body);
    return model_body(i);
}

MC_MODEL(scope_add, "a task of the scope adds another || close: that is let in, and waited for", .preemptions = 2,
         .stale = 1)
{
    begin(2, 1, NULL);
    submit(scope, 0, adds_one);
    mc_assert(filch_scope_close(scope) == 0);
    mc_assert(written[0] == 7 && written[1] == 7);
    mc_free(scope);
    mc_quiet(true);
    model_close();
}

static void *adds_late(void *arg)
{
    int r = filch_scope_submit(scope, future[0], model_body, MODEL_ARG(0), NULL);
    mc_assert(r == 0 || r == -ESHUTDOWN);
    mc_reached(r == 0);
    written[1] = r == 0;
    return arg;
}

MC_MODEL(scope_late, "a submit || close: it is refused, or waited for", .preemptions = 2, .stale = 1)
{
    begin(1, 1, NULL);
    int a = mc_spawn(adds_late, NULL);
    mc_assert(filch_scope_close(scope) == 0);
    uint64_t ran = written[0];
    mc_join(a);
    mc_assert(ran == (written[1] ? 7 : 0) && filch_done(future[0]));
    mc_free(scope);
    mc_quiet(true);
    model_close();
}

/* ---- cancelled ---- */

static void cancel_and_close(void)
{
    int a = mc_spawn(cancels, scope);
    int r = filch_scope_close(scope);
    mc_assert(r == 0 || r == -ECANCELED);
    mc_reached(r == 0);
    close_and_free_pool();
    mc_join(a); /* the scope's memory stays */
    mc_free(scope);
}

MC_MODEL(scope_cancel_close, "a cancel || close; then the pool is closed and freed: the cancel has let go of both (I1)",
         .preemptions = 2, .stale = 1)
{
    begin(0, 1, NULL);
    cancel_and_close();
}

MC_MODEL(scope_cancel_awake, "the same, and the timekeeper is awake: it may see the errand before it is told (I3)",
         .preemptions = 2, .stale = 1)
{
    begin_awake(0, 1, NULL);
    cancel_and_close();
}

MC_MODEL(scope_cancel_twice, "two cancels || close: one errand, once (I2)", .preemptions = 1, .stale = 1)
{
    begin(0, 1, NULL);
    int a = mc_spawn(cancels, scope), b = mc_spawn(cancels, scope);
    int r = filch_scope_close(scope);
    mc_assert(r == 0 || r == -ECANCELED);
    close_and_free_pool();
    mc_join(a);
    mc_join(b);
    mc_free(scope);
}

MC_MODEL(scope_cancel_join, "a cancel || a submit: it is refused, dropped, or its task was first", .preemptions = 1,
         .stale = 1)
{
    begin(1, 1, NULL);
    int a = mc_spawn(cancels, scope);
    int r = filch_scope_submit(scope, future[0], model_body, MODEL_ARG(0), NULL);
    mc_assert(r == 0 || r == -ECANCELED);
    int of_scope = filch_scope_close(scope), status = filch_status(future[0]);
    mc_assert(of_scope == 0 || of_scope == -ECANCELED);
    mc_assert(status == (model_ran(0) ? 7 : -ECANCELED));
    mc_assert(of_scope || model_ran(0));
    mc_reached(r ? 0 : status == 7 ? 1 : 2);
    mc_quiet(true);
    mc_join(a);
    mc_free(scope);
    model_close();
}

MC_MODEL(scope_cancel_wait, "a cancel || a task of the scope begins to wait: the wait ends (P1)", .preemptions = 1,
         .stale = 1)
{
    begin_in_vain(1, NULL);
    mc_quiet(true);
    submit(scope, 0, waits_in_vain);
    mc_quiet(false);
    int a = mc_spawn(cancels, scope);
    mc_assert(filch_scope_close(scope) == -ECANCELED);
    mc_assert(filch_status(future[0]) == (model_ran(0) ? 7 : -ECANCELED));
    mc_reached(model_ran(0));
    mc_free(future[0]);
    mc_quiet(true);
    mc_join(a);
    mc_free(scope);
    model_close();
}

MC_MODEL(scope_cancel_held, "a cancel || a submit of a task that is held: refused, or pulled (hold.h, K1)",
         .preemptions = 1, .stale = 1)
{
    begin_in_vain(1, NULL);
    int a = mc_spawn(cancels, scope);
    struct filch_task_options options = {.after = &future[3], .after_count = 1};
    int r = filch_scope_submit(scope, future[0], model_body, MODEL_ARG(0), &options);
    mc_assert(r == 0 || r == -ECANCELED);
    mc_assert(filch_wait(future[0]) == -ECANCELED && !model_ran(0));
    mc_assert(filch_scope_close(scope) == -ECANCELED);
    close_and_free_pool();
    mc_join(a);
    mc_free(scope);
    model_completer(MODEL_ARG(3));
}

/* ---- policies ---- */

static int fails(void *arg)
{
    (void)arg;
    return -EIO;
}

static void end_failed(void)
{
    mc_assert(filch_scope_close(scope) == -EIO);
    mc_assert(filch_status(future[0]) == -EIO);
    mc_assert(filch_status(future[1]) == (model_ran(1) ? 7 : -ECANCELED));
    mc_reached(model_ran(1));
    mc_free(future[1]);
    mc_free(scope);
    close_and_free_pool();
}

MC_MODEL(scope_fail_fast, "a task fails, which cancels another that waits or has not begun || close, and free",
         .preemptions = 1, .stale = 1)
{
    begin_in_vain(1, &(struct filch_scope_config){.policy = FILCH_SCOPE_FAIL_FAST});
    mc_quiet(true);
    submit(scope, 1, waits_in_vain);
    submit(scope, 0, fails);
    mc_quiet(false);
    end_failed();
}

MC_MODEL(scope_fail_fast_2, "the same, by two workers", .preemptions = 1, .stale = 0)
{
    begin_in_vain(2, &(struct filch_scope_config){.policy = FILCH_SCOPE_FAIL_FAST});
    mc_quiet(true);
    submit(scope, 1, waits_in_vain);
    submit(scope, 0, fails);
    mc_quiet(false);
    end_failed();
}

MC_MODEL(scope_first_success, "two tasks succeed, by two workers: the first cancels, close says 0", .preemptions = 1,
         .stale = 0)
{
    begin(2, 2, &(struct filch_scope_config){.policy = FILCH_SCOPE_FIRST_SUCCESS});
    mc_quiet(true);
    for (int i = 0; i < 2; i++)
        submit(scope, i, model_body);
    mc_quiet(false);
    mc_assert(filch_scope_close(scope) == 0);
    mc_assert(model_ran(0) || model_ran(1));
    mc_free(scope);
    close_and_free_pool();
}

MC_MODEL(scope_timed, "the scope's time is over || close", .preemptions = 1, .stale = 1, .timeouts = 1)
{
    begin(0, 1, &(struct filch_scope_config){.timeout_ns = LATE});
    int r = filch_scope_close(scope);
    mc_assert(r == 0 || r == -ETIMEDOUT);
    mc_reached(r == 0);
    mc_free(scope);
    close_and_free_pool();
}

/* ---- scopes in scopes ---- */

MC_MODEL(scope_inside, "a cancel || a scope is opened inside: it is refused, or cancelled as well (P3)",
         .preemptions = 1, .stale = 1)
{
    begin_in_vain(1, NULL);
    int a = mc_spawn(cancels, scope);
    inner = mc_zalloc(sizeof *inner);
    int r = filch_scope_open(inner, model_pool, &(struct filch_scope_config){.parent = scope});
    mc_assert(r == 0 || r == -ECANCELED);
    if (!r) {
        r = filch_scope_submit(inner, future[0], waits_in_vain, MODEL_ARG(0), NULL);
        mc_assert(r == 0 || r == -ECANCELED);
        mc_assert(filch_scope_close(inner) == -ECANCELED);
        mc_reached(r == 0);
    }
    mc_free(inner);
    mc_assert(filch_scope_close(scope) == -ECANCELED);
    mc_quiet(true);
    mc_join(a);
    mc_free(scope);
    model_close();
}

MC_MODEL(scope_inside_close, "a cancel of the outer one || the inner one is closed and freed, then the outer",
         .preemptions = 2, .stale = 1)
{
    begin(0, 1, NULL);
    mc_quiet(true);
    inner = open_scope(&(struct filch_scope_config){.parent = scope});
    mc_quiet(false);
    int a = mc_spawn(cancels, scope);
    int of_inner = filch_scope_close(inner);
    mc_assert(of_inner == 0 || of_inner == -ECANCELED);
    mc_free(inner);
    int r = filch_scope_close(scope);
    mc_assert(r == 0 || r == -ECANCELED);
    mc_assert(r || !of_inner);
    mc_quiet(true);
    mc_join(a);
    mc_free(scope);
    model_close();
}

/* A task that waits in the close of a scope. */
static int closes_scope(void *i)
{
    inner = open_scope(NULL);
    int r = filch_scope_submit(inner, future[1], waits_in_vain, MODEL_ARG(1), NULL);
    mc_assert(r == 0);
    mc_assert(filch_scope_close(inner) == -ECANCELED);
    mc_free(inner);
    return model_body(i);
}

MC_MODEL(scope_close_cancelled, "a task waits in a scope's close || it is cancelled, and so is the scope",
         .preemptions = 1, .stale = 0)
{
    begin_in_vain(1, NULL);
    mc_quiet(true);
    mc_assert(filch_scope_close(scope) == 0);
    mc_free(scope);
    model_submit(0, closes_scope);
    mc_quiet(false);
    (void)filch_cancel(future[0]);
    int status = filch_wait(future[0]);
    mc_assert(status == (model_ran(0) ? 7 : -ECANCELED));
    mc_quiet(true);
    model_close();
}

/* ---- the timekeeper goes ---- */

MC_MODEL(scope_errand_close,
         "a cancel || the pool is closed; then the scope: the timekeeper stays to run its errand (P4, T1)", .preemptions = 1,
         .stale = 1)
{
    begin(0, 1, NULL);
    int a = mc_spawn(cancels, scope);
    mc_assert(filch_pool_close(model_pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE) == 0);
    int r = filch_scope_close(scope);
    mc_assert(r == 0 || r == -ECANCELED);
    filch_pool_free(model_pool);
    mc_join(a);
    mc_free(scope);
}

MC_MODEL(scope_errand, "a cancel, and nothing else wakes the timekeeper (T1)", .preemptions = 3, .stale = 2)
{
    begin(0, 1, NULL);
    cancels(scope);
    mc_assert(filch_scope_close(scope) == -ECANCELED);
    mc_quiet(true);
    mc_free(scope);
    model_close();
}

MC_MODEL(scope_two_errands, "two scopes are cancelled at once: both errands are run", .preemptions = 1, .stale = 1)
{
    begin(0, 1, NULL);
    mc_quiet(true);
    inner = open_scope(NULL);
    mc_quiet(false);
    int a = mc_spawn(cancels, inner);
    cancels(scope);
    mc_assert(filch_scope_close(scope) == -ECANCELED);
    mc_free(scope);
    mc_join(a);
    mc_assert(filch_scope_close(inner) == -ECANCELED);
    mc_free(inner);
    mc_quiet(true);
    model_close();
}
