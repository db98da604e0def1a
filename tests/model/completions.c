/* SPDX-License-Identifier: MIT */
/* completions.c - models of the queue of finished futures: each comes out once, nobody sleeps beside one, and a queue
 * that was closed is not touched. */
#include "model.h"

#include <filch/completions.h>

#include <errno.h>

static struct filch_completions *completions;

static void begin(int count)
{
    model_begin(count, FILCH__IDLE);
    mc_assert(filch_completions_open(&completions) == 0);
    for (int i = 0; i < count; i++)
        filch__future_begin(future[i], FILCH__QUEUED, filch__completions_sink(completions));
}

static void have(struct filch_future *mine)
{
    for (int i = 0; i < FUTURES; i++)
        if (mine == future[i]) {
            model_add(i);
            mc_assert(filch_done(mine) && written[i] == 7);
            mc_free(mine);
            return;
        }
    mc_fail("no future of this model");
}

static void next(void)
{
    struct filch_future *mine = NULL;
    mc_assert(filch_completions_next(completions, FILCH_NO_DEADLINE, &mine) == 0);
    mc_frames_are_dead();
    have(mine);
}

static void *reader(void *arg)
{
    next();
    return arg;
}

MC_MODEL(completions_next, "two tasks end || a reader takes both, frees them and closes the queue", .preemptions = 3,
         .stale = 1)
{
    begin(2);
    mc_spawn(model_finisher, MODEL_ARG(0));
    mc_spawn(model_finisher, MODEL_ARG(1));
    next();
    next();
    mc_assert(model_count(0) == 1 && model_count(1) == 1);
    filch_completions_close(completions);
}

MC_MODEL(completions_readers, "two tasks end one after the other || two readers", .preemptions = 2, .stale = 0)
{
    begin(2);
    int a = mc_spawn(reader, NULL), b = mc_spawn(reader, NULL);
    model_finisher(MODEL_ARG(0));
    model_finisher(MODEL_ARG(1));
    mc_join(a);
    mc_join(b);
    mc_assert(model_count(0) == 1 && model_count(1) == 1);
    filch_completions_close(completions);
}

MC_MODEL(completions_until, "a task ends || a reader with a deadline", .preemptions = 3, .stale = 1, .timeouts = 1)
{
    begin(1);
    mc_spawn(model_finisher, MODEL_ARG(0));
    struct filch_future *mine = NULL;
    int r = filch_completions_next(completions, LATE, &mine);
    mc_frames_are_dead();
    mc_assert(r == 0 || (r == -ETIMEDOUT && !mine));
    mc_reached(r != 0);
    if (r)
        next();
    else
        have(mine);
    filch_completions_close(completions);
}

/* Each time that there is something: all of it, or one. */
static void poll_for_two(bool all)
{
    begin(2);
    int fd = filch_completions_fd(completions);
    mc_spawn(model_finisher, MODEL_ARG(0));
    mc_spawn(model_finisher, MODEL_ARG(1));
    for (int taken = 0; taken < 2;) {
        struct filch_future *mine = NULL;
        model_event_poll(fd);
        while (filch_completions_next(completions, 0, &mine) == 0) {
            have(mine);
            taken++;
            if (!all)
                break;
        }
    }
    filch_completions_close(completions);
}

MC_MODEL(completions_poll,
         "two tasks end || a poll loop: the descriptor is readable as long as there may be something (C1)",
         .preemptions = 3, .stale = 1)
{
    poll_for_two(true);
}

MC_MODEL(completions_poll_one,
         "two tasks end || a poll loop that takes one each time: the descriptor is readable while one is left",
         .preemptions = 3, .stale = 1)
{
    poll_for_two(false);
}

MC_MODEL(completions_close,
         "two tasks end || the queue is closed: a future is its owner's then, and the descriptor is shut by who "
         "leaves last (C2)",
         .preemptions = 3, .stale = 2)
{
    begin(2);
    mc_assert(filch_completions_fd(completions) >= 0);
    int a = mc_spawn(model_finisher, MODEL_ARG(0)), b = mc_spawn(model_finisher, MODEL_ARG(1));
    filch_completions_close(completions);
    for (int i = 0; i < 2; i++)
        future[i]->priv.link = NULL; /* the owner's own use */
    mc_join(a);
    mc_join(b);
}
