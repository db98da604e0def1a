/* SPDX-License-Identifier: MIT */
/* permits.c - models of user gates: never more inside than the limit, in order, no permit lost, no wake-up lost; what a
 * holder did is seen by the next; and who is served may close the gate at once. */
#include "model.h"

#include "permits.h"

#include <filch/gate.h>

#include <errno.h>

static struct filch_gate *gate;
static uint32_t *turns;

static void begin(unsigned permits)
{
    model_begin(0, FILCH__IDLE);
    turns = mc_zalloc(sizeof *turns);
    mc_assert(filch_gate_open(&gate, permits) == 0);
    mc_name(&gate->permits.word, sizeof gate->permits.word, "word");
    mc_name(&gate->permits.lock, sizeof gate->permits.lock, "lock");
    mc_name(turns, sizeof *turns, "turns");
}

static unseen size_t waiting(void)
{
    return gate->permits.waiting;
}

/* Nobody is inside or in line, and the permits are all there. */
static void end(unsigned permits)
{
    mc_quiet(true);
    mc_assert(filch_gate_available(gate) == permits && gate->permits.word == permits);
    mc_assert(filch_gate_close(gate) == 0);
}

/* What is done inside, at limit 1: a plain word says that nobody else is. */
static void be_inside(void)
{
    model_enter(0);
    written[0]++;
    model_leave();
}

static void *enters(void *arg)
{
    mc_assert(filch_gate_enter(gate, FILCH_NO_DEADLINE) == 0);
    mc_frames_are_dead();
    be_inside();
    filch_gate_leave(gate);
    return arg;
}

static void *enters_until(void *ret_entered)
{
    int r = filch_gate_enter(gate, LATE);
    mc_frames_are_dead();
    mc_assert(!r || r == -ETIMEDOUT);
    mc_reached(!r);
    *(bool *)ret_entered = !r;
    if (!r) {
        be_inside();
        filch_gate_leave(gate);
    }
    return NULL;
}

/* Notes at which turn it came. */
static void *takes_turn(void *ret_turn)
{
    mc_assert(filch_gate_enter(gate, FILCH_NO_DEADLINE) == 0);
    *(uint32_t *)ret_turn = 1 + filch__add_relaxed(turns, 1);
    filch_gate_leave(gate);
    return NULL;
}

/* A thread that stands in line before anything else happens. */
static int in_line(void *(*run)(void *arg), void *arg)
{
    size_t before = waiting();
    mc_quiet(true);
    int thread = mc_spawn(run, arg);
    while (waiting() == before)
        mc_yield();
    mc_quiet(false);
    return thread;
}

static void take(void)
{
    mc_quiet(true);
    mc_assert(filch_gate_enter(gate, 0) == 0);
    mc_quiet(false);
}

/* ---- entering and leaving ---- */

MC_MODEL(permits_two, "two want the only permit (P1)", .preemptions = MC_ANY, .stale = MC_ANY)
{
    begin(1);
    int a = mc_spawn(enters, NULL);
    enters(NULL);
    mc_join(a);
    mc_assert(written[0] == 2);
    end(1);
}

MC_MODEL(permits_three, "three want the only permit", .preemptions = 3, .stale = 1)
{
    begin(1);
    int a = mc_spawn(enters, NULL), b = mc_spawn(enters, NULL);
    enters(NULL);
    mc_join(a);
    mc_join(b);
    mc_assert(written[0] == 3);
    end(1);
}

static void *enters_of_two(void *arg)
{
    mc_assert(filch_gate_enter(gate, FILCH_NO_DEADLINE) == 0);
    model_enter(0);
    model_leave();
    filch_gate_leave(gate);
    return arg;
}

MC_MODEL(permits_three_of_two, "three want one of two permits", .preemptions = 3, .stale = 2)
{
    begin(2);
    int a = mc_spawn(enters_of_two, NULL), b = mc_spawn(enters_of_two, NULL);
    enters_of_two(NULL);
    mc_join(a);
    mc_join(b);
    mc_assert(model_highest() <= 2);
    end(2);
}

MC_MODEL(permits_leave, "a holder leaves || another comes to enter", .preemptions = MC_ANY, .stale = MC_ANY,
         .spurious = 1)
{
    begin(1);
    take();
    int a = mc_spawn(enters, NULL);
    written[0] = 5;
    filch_gate_leave(gate);
    mc_join(a);
    mc_assert(written[0] == 6);
    end(1);
}

/* A newcomer polls. */
static void *polls(void *arg)
{
    int r = filch_gate_enter(gate, 0);
    mc_assert(!r || r == -ETIMEDOUT);
    mc_reached(!r);
    if (!r) {
        mc_assert(filch__load_relaxed(turns) == 2); /* nobody is overtaken */
        filch_gate_leave(gate);
    }
    return arg;
}

MC_MODEL(permits_order, "a holder leaves || two in line || a newcomer: they come in order, and the newcomer last",
         .preemptions = 3, .stale = 2)
{
    uint32_t turn[2];
    begin(1);
    take();
    int a = in_line(takes_turn, &turn[0]), b = in_line(takes_turn, &turn[1]), c = mc_spawn(polls, NULL);
    filch_gate_leave(gate);
    mc_join(a);
    mc_join(b);
    mc_join(c);
    mc_assert(turn[0] == 1 && turn[1] == 2);
    end(1);
}

MC_MODEL(permits_order_of_three, "a holder leaves || three in line, one of which may give up: the others come in order",
         .preemptions = 2, .stale = 1, .timeouts = 1)
{
    uint32_t turn[2];
    bool entered;
    begin(1);
    take();
    int a = in_line(takes_turn, &turn[0]), b = in_line(enters_until, &entered), c = in_line(takes_turn, &turn[1]);
    filch_gate_leave(gate);
    mc_join(a);
    mc_join(b);
    mc_join(c);
    mc_assert(turn[0] == 1 && turn[1] == 2);
    end(1);
}

/* ---- giving up ---- */

MC_MODEL(permits_abandon, "a holder leaves || one in line gives up: it has the permit, or the gate has",
         .preemptions = MC_ANY, .stale = 2, .timeouts = 1)
{
    bool entered;
    begin(1);
    take();
    int a = in_line(enters_until, &entered);
    filch_gate_leave(gate);
    mc_join(a);
    mc_assert(written[0] == entered);
    end(1);
}

static void *gives_up(void *arg)
{
    int r = filch_gate_enter(gate, LATE);
    mc_frames_are_dead();
    if (!r)
        filch_gate_leave(gate);
    return arg;
}

MC_MODEL(permits_abandon_seen,
         "a holder leaves || one in line gives up || who enters then sees what the holder did (P1)", .preemptions = 2,
         .stale = 2, .timeouts = 1)
{
    begin(1);
    take();
    int a = in_line(gives_up, NULL), b = mc_spawn(enters, NULL);
    written[0] = 5;
    filch_gate_leave(gate);
    mc_join(a);
    mc_join(b);
    mc_assert(written[0] == 6);
    end(1);
}

static void *leaves(void *arg)
{
    filch_gate_leave(gate);
    return arg;
}

MC_MODEL(permits_abandon_of_two, "two holders leave || one in line gives up: no permit is lost", .preemptions = 3,
         .stale = 1, .timeouts = 1)
{
    begin(2);
    take();
    take();
    int a = in_line(gives_up, NULL), b = mc_spawn(leaves, NULL);
    filch_gate_leave(gate);
    mc_join(a);
    mc_join(b);
    end(2);
}

MC_MODEL(permits_abandon_join, "a holder leaves || the first in line gives up || another comes: it enters",
         .preemptions = 3, .stale = 1, .timeouts = 1)
{
    bool entered;
    begin(1);
    take();
    int a = in_line(enters_until, &entered), b = mc_spawn(enters, NULL);
    filch_gate_leave(gate);
    mc_join(a);
    mc_join(b);
    mc_assert(written[0] == 1 + (uint64_t)entered);
    end(1);
}

MC_MODEL(permits_abandon_both, "two in line give up || the holder leaves", .preemptions = 3, .stale = 1, .timeouts = 2)
{
    bool entered[2];
    begin(1);
    take();
    int a = in_line(enters_until, &entered[0]), b = in_line(enters_until, &entered[1]);
    filch_gate_leave(gate);
    mc_join(a);
    mc_join(b);
    mc_assert(written[0] == (uint64_t)entered[0] + entered[1]);
    end(1);
}

/* ---- resizing ---- */

static void *raises(void *arg)
{
    mc_assert(filch_gate_resize(gate, (unsigned)(uintptr_t)arg) == 0);
    return NULL;
}

MC_MODEL(permits_resume, "a paused gate is opened || one comes to enter, and sees what was done before (P1)",
         .preemptions = MC_ANY, .stale = MC_ANY)
{
    begin(0);
    int a = mc_spawn(enters, NULL);
    written[0] = 5;
    raises(MODEL_ARG(1));
    mc_join(a);
    mc_assert(written[0] == 6);
    end(1);
}

/* Stays until the other holder has gone as well: needs a permit of its own. */
static void *enters_beside(void *arg)
{
    mc_assert(filch_gate_enter(gate, FILCH_NO_DEADLINE) == 0);
    filch__store_release(&signals[0], 1);
    mc_futex_wake(&signals[0], 1);
    filch_gate_leave(gate);
    return arg;
}

MC_MODEL(permits_raise, "the limit rises || another comes, whom the holder awaits inside: it enters", .preemptions = 3,
         .stale = 2)
{
    begin(1);
    take();
    int a = mc_spawn(enters_beside, NULL), b = mc_spawn(raises, MODEL_ARG(2));
    while (!filch__load_acquire(&signals[0]))
        mc_futex_wait(&signals[0], 0, false);
    filch_gate_leave(gate);
    mc_join(a);
    mc_join(b);
    end(2);
}

MC_MODEL(permits_resize_leave_join, "the limit rises and falls || a holder leaves || another comes", .preemptions = 3,
         .stale = 2)
{
    begin(1);
    take();
    int a = mc_spawn(enters_of_two, NULL), b = mc_spawn(raises, MODEL_ARG(2));
    filch_gate_leave(gate);
    raises(MODEL_ARG(1));
    mc_join(a);
    mc_join(b);
    mc_quiet(true);
    raises(MODEL_ARG(1));
    mc_assert(model_ran(0) == 1);
    end(1);
}

MC_MODEL(permits_resize_abandon, "the limit rises || the first of two in line gives up", .preemptions = 3, .stale = 2,
         .timeouts = 1)
{
    bool entered;
    begin(0);
    int a = in_line(enters_until, &entered), b = in_line(enters, NULL);
    raises(MODEL_ARG(1));
    mc_join(a);
    mc_join(b);
    mc_assert(written[0] == 1 + (uint64_t)entered);
    end(1);
}

MC_MODEL(permits_lower, "the limit has fallen below what is out: two leave || one stands in line, and is let in last",
         .preemptions = 3, .stale = 2)
{
    uint32_t turn;
    begin(2);
    take();
    take();
    int a = in_line(takes_turn, &turn), b = mc_spawn(leaves, NULL);
    raises(MODEL_ARG(1));
    mc_assert(filch_gate_available(gate) == 0);
    filch_gate_leave(gate);
    mc_join(a);
    mc_join(b);
    end(1);
}

MC_MODEL(permits_surplus, "three are out, two of them too many: the first two that leave serve nobody",
         .preemptions = 3, .stale = 2)
{
    uint32_t turn;
    begin(3);
    take();
    take();
    take();
    int a = in_line(takes_turn, &turn);
    raises(MODEL_ARG(1));
    filch_gate_leave(gate);
    filch_gate_leave(gate);
    mc_assert(waiting() == 1 && !filch__load_relaxed(turns));
    filch_gate_leave(gate);
    mc_join(a);
    end(1);
}

/* ---- closing ---- */

static void *enters_and_closes(void *arg)
{
    enters(arg);
    mc_assert(filch_gate_close(gate) == 0);
    return arg;
}

MC_MODEL(permits_close_granted, "a holder leaves || one comes, enters, leaves, closes and frees the gate (P2, P3)",
         .preemptions = MC_ANY, .stale = MC_ANY)
{
    begin(1);
    take();
    int a = mc_spawn(enters_and_closes, NULL);
    filch_gate_leave(gate);
    mc_join(a);
}

MC_MODEL(permits_close_resumed, "a paused gate is opened || one in line enters, leaves, closes and frees it (P2)",
         .preemptions = MC_ANY, .stale = MC_ANY)
{
    begin(0);
    int a = in_line(enters_and_closes, NULL);
    raises(MODEL_ARG(1));
    mc_join(a);
}

static void *last_closes(void *arg)
{
    mc_assert(filch_gate_enter(gate, FILCH_NO_DEADLINE) == 0);
    mc_frames_are_dead();
    filch_gate_leave(gate);
    if (filch__add_seq_cst(turns, 1) == 1)
        mc_assert(filch_gate_close(gate) == 0);
    return arg;
}

MC_MODEL(permits_close_resized,
         "the limit rises || two in line are served, and the last to leave closes and frees (P2)", .preemptions = 3,
         .stale = 2)
{
    begin(0);
    int a = in_line(last_closes, NULL), b = in_line(last_closes, NULL);
    raises(MODEL_ARG(2));
    mc_join(a);
    mc_join(b);
}

static void close_as_soon_as_possible(void)
{
    int r;
    while ((r = filch_gate_close(gate)) == -EBUSY)
        mc_yield();
    mc_assert(!r);
}

MC_MODEL(permits_close_left, "one in line enters and leaves || the gate is closed as soon as it can be (P1, P3)",
         .preemptions = MC_ANY, .stale = 2)
{
    begin(1);
    take();
    int a = in_line(enters, NULL);
    filch_gate_leave(gate);
    close_as_soon_as_possible();
    mc_assert(written[0] == 1);
    mc_join(a);
}

MC_MODEL(permits_close_abandoned, "one gives up at a paused gate || it is closed as soon as it can be (P3)",
         .preemptions = MC_ANY, .stale = 2, .timeouts = 1)
{
    bool entered;
    begin(0);
    int a = in_line(enters_until, &entered);
    close_as_soon_as_possible();
    mc_join(a);
    mc_assert(!entered);
}

/* ---- tasks ---- */

static int enters_in_task(void *arg)
{
    model_start_race();
    enters(arg);
    return 5;
}

static void *leaves_in_race(void *arg)
{
    model_await_race();
    filch_gate_leave(gate);
    return arg;
}

static void run_task(filch_fn *fn, void *(*beside)(void *), int status)
{
    take();
    future[0] = mc_zalloc(sizeof *future[0]);
    model_open(1, 1, 0);
    mc_quiet(true);
    int a = mc_spawn(beside, NULL);
    model_submit(0, fn);
    mc_assert(filch_wait(future[0]) == status);
    mc_quiet(true);
    mc_join(a);
    model_close();
    end(1);
}

MC_MODEL(permits_task, "a task comes to enter, and is suspended || the holder leaves", .preemptions = 2, .stale = 1)
{
    begin(1);
    run_task(enters_in_task, leaves_in_race, 5);
}

static int enters_or_is_cancelled(void *arg)
{
    model_start_race();
    int r = filch_gate_enter(gate, FILCH_NO_DEADLINE);
    mc_assert(!r || r == -ECANCELED);
    mc_reached(!r);
    if (!r)
        filch_gate_leave(gate);
    (void)arg;
    return 5;
}

static void *cancels_and_leaves(void *arg)
{
    model_await_race();
    filch_cancel(future[0]);
    filch_gate_leave(gate);
    return arg;
}

MC_MODEL(permits_task_cancel, "a task stands in line || it is cancelled, and then the holder leaves", .preemptions = 2,
         .stale = 0)
{
    begin(1);
    run_task(enters_or_is_cancelled, cancels_and_leaves, 5);
}

/* A task whose options name the gate stands in line before it is in any queue (hold.c). */
static void *cancels_future(void *arg)
{
    filch_cancel(future[0]);
    return arg;
}

static void hold_back(bool resize)
{
    begin(resize ? 0 : 1);
    if (!resize)
        take();
    future[0] = mc_zalloc(sizeof *future[0]);
    model_open(1, 1, 0);
    mc_quiet(true);
    struct filch_task_options options = {.gate = gate};
    mc_assert(filch_submit_with(model_pool, future[0], model_body, MODEL_ARG(0), &options) == 0);
    mc_assert(waiting() == 1);
    mc_quiet(false);
    int a = mc_spawn(cancels_future, NULL);
    if (resize)
        raises(MODEL_ARG(1));
    else
        filch_gate_leave(gate);
    int r = filch_wait(future[0]);
    mc_assert(r == (model_ran(0) ? 7 : -ECANCELED));
    mc_reached(r == 7);
    mc_join(a);
    model_close();
    end(1);
}

MC_MODEL(permits_held_back,
         "a task held back for a permit is cancelled || the holder leaves: it runs, or the permit stays",
         .preemptions = 2, .stale = 0)
{
    hold_back(false);
}

MC_MODEL(permits_held_back_resize, "a task held back at a paused gate is cancelled || the gate is opened",
         .preemptions = 2, .stale = 0)
{
    hold_back(true);
}
