/* SPDX-License-Identifier: MIT */
/* several.c - models of waits for any and for all of several futures: one waiter, registered many times, is left by
 * every future before the wait returns. */
#include "model.h"

#include <errno.h>

static void end(int i)
{
    mc_assert(filch_wait(future[i]) == 7);
    mc_free(future[i]);
}

static void any(uint64_t deadline_ns)
{
    model_begin(2, FILCH__QUEUED);
    mc_spawn(model_finisher, MODEL_ARG(0));
    mc_spawn(model_finisher, MODEL_ARG(1));
    size_t i = 9;
    int r = filch_wait_any(future, 2, deadline_ns, &i);
    mc_frames_are_dead();
    mc_assert(r == 0 || (deadline_ns == LATE && r == -ETIMEDOUT));
    mc_assert(r ? i == 9 : i < 2 && written[i] == 7);
    mc_reached(r ? 2 : (int)i);
    end(0);
    end(1);
}

MC_MODEL(any_of_two, "two tasks end || a wait for either, after which both are freed", .preemptions = 3, .stale = 1,
         .spurious = 1)
{
    any(FILCH_NO_DEADLINE);
}

MC_MODEL(any_until, "two tasks end || a wait for either that may time out", .preemptions = 3, .stale = 1, .timeouts = 1)
{
    any(LATE);
}

MC_MODEL(any_leaves,
         "one task ends || a wait for it or a promise that is kept only afterwards: the wait leaves the promise",
         .preemptions = 3, .stale = 2)
{
    model_begin(2, FILCH__QUEUED);
    filch__future_begin(future[1], FILCH__PROMISE, NULL);
    mc_spawn(model_finisher, MODEL_ARG(0));
    size_t i = 9;
    mc_assert(filch_wait_any(future, 2, FILCH_NO_DEADLINE, &i) == 0 && i == 0 && written[0] == 7);
    mc_frames_are_dead();
    model_completer(MODEL_ARG(1));
    end(0);
    end(1);
}

static void leave(void)
{
    if (filch__add_seq_cst(counter, 1) == 1)
        end(0);
}

/* The same future twice: the second registration takes a node. */
static void *any_of_same(void *arg)
{
    struct filch_future *const both[] = {future[0], future[0]};
    size_t i = 9;
    int r = filch_wait_any(both, 2, LATE, &i);
    mc_frames_are_dead();
    mc_assert(r == 0 || r == -ETIMEDOUT);
    mc_reached(r != 0);
    leave();
    return arg;
}

MC_MODEL(any_of_same, "a task ends || a wait that names it twice, and may time out", .preemptions = 3, .stale = 1,
         .timeouts = 1)
{
    model_begin(1, FILCH__QUEUED);
    filch__add_relaxed(counter, 1);
    mc_spawn(model_finisher, MODEL_ARG(0));
    any_of_same(NULL);
}

MC_MODEL(any_of_same_two,
         "a task ends || two such waits: the nodes of both are mixed in the list. Bound 1: two threads that "
         "unlink two nodes each are many steps; beyond, random schedules",
         .preemptions = 1, .stale = 1, .timeouts = 1)
{
    model_begin(1, FILCH__QUEUED);
    mc_spawn(model_finisher, MODEL_ARG(0));
    mc_spawn(any_of_same, NULL);
    any_of_same(NULL);
}

/* The last future is waited for alone, and then, if that one slept, the rest together: so three. */
static void all(uint64_t deadline_ns, int count)
{
    model_begin(count, FILCH__QUEUED);
    for (int i = 0; i < count; i++)
        mc_spawn(model_finisher, MODEL_ARG(i));
    int r = filch_wait_all(future, (size_t)count, deadline_ns);
    mc_frames_are_dead();
    mc_assert(r == 0 || (deadline_ns == LATE && r == -ETIMEDOUT));
    mc_reached(r != 0);
    for (int i = 0; i < count; i++) {
        if (!r)
            mc_assert(filch_done(future[i]) && written[i] == 7);
        end(i);
    }
}

MC_MODEL(all_of_two, "two tasks end || a wait for both, after which both are freed at once", .preemptions = 3,
         .stale = 1)
{
    all(FILCH_NO_DEADLINE, 2);
}

MC_MODEL(all_of_three, "three tasks end || a wait for all: two of them under one waiter", .preemptions = 2, .stale = 1)
{
    all(FILCH_NO_DEADLINE, 3);
}

MC_MODEL(
    all_until,
    "three tasks end || a wait for all that may time out in either of its parts. With stale loads the search takes "
    "minutes; random schedules go beyond",
    .preemptions = 2, .stale = 0, .timeouts = 1)
{
    all(LATE, 3);
}
