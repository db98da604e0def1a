/* SPDX-License-Identifier: MIT */
/* forks.c - models of typed tasks in whole pools: a child that must run beside its parent does, whoever was asleep;
 * what a suspended strand has spawned is found; a parent whose child was stolen goes on when that is done; a cancel
 * reaches every part of a task.
 *
 * A whole pool takes hundreds of steps, so each declares the largest bounds that are exhausted in some seconds; random
 * schedules (models --random SEED) go beyond.
 */
#include "model.h"

#include <filch/fork.h>

#include <errno.h>

static unseen void refuse_barrier(bool refused)
{
    filch__os_barrier_works = !refused;
}

static void open_pool(unsigned workers)
{
    refuse_barrier(false);
    model_begin(4, FILCH__IDLE);
    filch_promise_init(future[0]);
    model_open(workers, workers, 0);
}

/* Number i ran in each of 0..children-1, once. */
static void close_pool(int children)
{
    mc_quiet(true);
    for (int i = 0; i < BODIES; i++)
        mc_assert(model_ran(i) == (i < children));
    model_close();
}

FILCH_TASK(int, leaf, (int, i))
{
    model_enter(i);
    model_leave();
    return 10 + i;
}

/* ---- a child that must run beside its parent ---- */

FILCH_VOID_TASK(meet, (int, i))
{
    model_enter(i);
    filch__store_seq_cst(&signals[i], 1);
    while (!filch__load_acquire(&signals[!i]))
        mc_yield();
    model_leave();
}

FILCH_VOID_TASK(meet_child)
{
    FILCH_SPAWN(meet, 1);
    FILCH_CALL(meet, 0);
    FILCH_SYNC(meet);
}

MC_MODEL(forks_beside, "two workers || a task that ends only while its child runs beside it (S6, J1)", .preemptions = 1,
         .stale = 1)
{
    open_pool(2);
    FILCH_RUN(model_pool, meet_child);
    close_pool(2);
}

/* After its first, a spawn is answered only when somebody has asked since. */
FILCH_VOID_TASK(meet_next)
{
    FILCH_SPAWN(leaf, 2);
    FILCH_SYNC(leaf);
    mc_quiet(false);
    FILCH_SPAWN(meet, 1);
    FILCH_CALL(meet, 0);
    FILCH_SYNC(meet);
}

MC_MODEL(forks_beside_next, "a later spawn, whose child must run beside || a worker that goes to sleep (S6, J1)",
         .preemptions = 1, .stale = 1)
{
    open_pool(2);
    mc_quiet(true);
    FILCH_RUN(model_pool, meet_next);
    close_pool(3);
}

/* As a trace does it, before the first spawn. */
static unseen void watch(void)
{
    struct filch__forkstack *stack = &filch__strand_current()->forks;
    stack->watched = true;
    filch__forkstack_set_full(stack, stack->full);
}

FILCH_VOID_TASK(meet_watched)
{
    watch();
    FILCH_CALL(meet_next);
}

MC_MODEL(forks_watched_next, "the same, every spawn and every sync by its slow path", .preemptions = 1, .stale = 1)
{
    open_pool(2);
    mc_quiet(true);
    FILCH_RUN(model_pool, meet_watched);
    close_pool(3);
}

FILCH_VOID_TASK(meet_and_complete, (int, i))
{
    FILCH_CALL(meet, i);
    model_completer(MODEL_ARG(0));
}

/* ---- results ---- */

FILCH_TASK(int, node, (int, i))
{
    FILCH_SPAWN(leaf, i);
    int r = FILCH_CALL(leaf, i + 1);
    return FILCH_SYNC(leaf) * 100 + r;
}

FILCH_TASK(int, tree)
{
    FILCH_SPAWN(node, 0);
    int r = FILCH_CALL(node, 2);
    return FILCH_SYNC(node) * 10000 + r;
}

MC_MODEL(forks_tree, "two workers || four leaves under two nodes: each runs once, and all results arrive",
         .preemptions = 1, .stale = 1)
{
    open_pool(2);
    mc_assert(FILCH_RUN(model_pool, tree) == 10111213);
    close_pool(4);
}

/* ---- a strand that is suspended with children ---- */

FILCH_VOID_TASK(complete)
{
    model_enter(0);
    model_completer(MODEL_ARG(0));
    model_leave();
}

FILCH_VOID_TASK(await_child)
{
    FILCH_SPAWN(complete);
    mc_assert(filch_wait(future[0]) == 7 && written[0] == 7);
    FILCH_SYNC(complete);
}

MC_MODEL(forks_exposed, "a task waits for what only its child completes; one worker (J3)", .preemptions = 1, .stale = 1)
{
    open_pool(1);
    FILCH_RUN(model_pool, await_child);
    close_pool(1);
}

MC_MODEL(forks_exposed_2, "the same, with two workers", .preemptions = 1, .stale = 1)
{
    open_pool(2);
    FILCH_RUN(model_pool, await_child);
    close_pool(1);
}

FILCH_VOID_TASK(begin_race, (int, i))
{
    model_enter(i);
    model_leave();
    mc_quiet(false);
}

/* Without membarrier the other worker sees only the first child, and goes to sleep after it. */
FILCH_VOID_TASK(await_children)
{
    FILCH_SPAWN(begin_race, 2);
    FILCH_SPAWN(meet, 0);
    FILCH_SPAWN(meet_and_complete, 1);
    while (!model_ran(2))
        mc_yield();
    mc_assert(filch_wait(future[0]) == 7);
    mc_quiet(true);
    FILCH_SYNC(meet_and_complete);
    FILCH_SYNC(meet);
    FILCH_SYNC(begin_race);
}

MC_MODEL(forks_exposed_two,
         "a task waits for two children that must run beside one another || a worker that goes to sleep (J3)",
         .preemptions = 1, .stale = 1)
{
    open_pool(2);
    mc_quiet(true);
    refuse_barrier(true);
    FILCH_RUN(model_pool, await_children);
    close_pool(3);
}

FILCH_VOID_TASK(complete_1)
{
    model_completer(MODEL_ARG(1));
}

FILCH_VOID_TASK(await_twice)
{
    FILCH_SPAWN(leaf, 0);
    mc_quiet(false);
    mc_assert(filch_wait(future[0]) == 7);
    FILCH_SPAWN(complete_1);
    mc_assert(filch_wait(future[1]) == 7);
    mc_quiet(true);
    FILCH_SYNC(complete_1);
    FILCH_SYNC(leaf);
}

MC_MODEL(forks_exposed_again,
         "a task is suspended with a child, goes on, and is suspended with another; two workers (J3)", .preemptions = 1,
         .stale = 0)
{
    open_pool(2);
    mc_quiet(true);
    filch_promise_init(future[1]);
    int a = mc_spawn(model_completer, MODEL_ARG(0));
    FILCH_RUN(model_pool, await_twice);
    mc_join(a);
    close_pool(1);
}

/* ---- asleep before the race: the race begins in the task (model_start_race) ---- */

FILCH_VOID_TASK(wake_for_child)
{
    model_await_parked(1);
    mc_quiet(false);
    FILCH_SPAWN(meet, 1);
    FILCH_CALL(meet, 0);
    FILCH_SYNC(meet);
}

MC_MODEL(forks_asleep, "the first spawn of a task, which ends only while its child runs || a worker that sleeps (J2)",
         .preemptions = 1, .stale = 1)
{
    open_pool(2);
    mc_quiet(true);
    FILCH_RUN(model_pool, wake_for_child);
    close_pool(2);
}

static int completer; /* a thread */

FILCH_VOID_TASK(go_on)
{
    FILCH_SPAWN(leaf, 2);
    FILCH_SYNC(leaf);
    completer = mc_spawn(model_completer, MODEL_ARG(0));
    mc_quiet(false);
    mc_assert(filch_wait(future[0]) == 7);
    FILCH_SPAWN(meet, 1);
    FILCH_CALL(meet, 0);
    FILCH_SYNC(meet);
}

MC_MODEL(forks_resumed,
         "a task is suspended, goes on, and then spawns what must run beside it || a thread that completes what it "
         "waits for (J2)",
         .preemptions = 1, .stale = 1)
{
    open_pool(2);
    mc_quiet(true);
    FILCH_RUN(model_pool, go_on);
    mc_join(completer);
    close_pool(3);
}

/* ---- a parent that opens its thief's stack by force tells who sleeps ---- */

enum { BOTH_RUN = 2, RACE = 3 };

static void await_count(uint32_t least)
{
    while (filch__load_acquire(counter) < least)
        mc_yield();
}

static int holds_worker(void *arg)
{
    filch__add_seq_cst(counter, 1);
    await_count(RACE);
    return arg ? 7 : 0;
}

FILCH_VOID_TASK(stay_away)
{
    FILCH_SPAWN(meet, 0);
    FILCH_SPAWN(meet, 1);
    filch__add_seq_cst(counter, 1);
    while (!filch__load_acquire(&signals[0]) || !filch__load_acquire(&signals[1]))
        mc_yield();
    FILCH_SYNC(meet);
    FILCH_SYNC(meet);
}

FILCH_VOID_TASK(join_opens)
{
    FILCH_SPAWN(stay_away);
    await_count(BOTH_RUN);
    filch__add_seq_cst(counter, 1);
    mc_quiet(false);
    FILCH_SYNC(stay_away);
}

MC_MODEL(forks_join_opens,
         "a thief spawns two that must run beside one another, and stays away || the parent joins by force || a worker "
         "finds nothing and goes to sleep",
         .preemptions = 1, .stale = 0)
{
    open_pool(3);
    mc_quiet(true);
    model_submit(1, holds_worker);
    FILCH_RUN(model_pool, join_opens);
    mc_quiet(true);
    mc_assert(filch_wait(future[1]) == 7);
    close_pool(2);
}

/* ---- cancelled ---- */

/* The race begins by a futex alone: what the child's thread has done before is not ordered before it. */
FILCH_VOID_TASK(wait_in_vain)
{
    model_enter(0);
    model_await_parked(1); /* the parent is asleep, and its worker, too */
    filch__store_relaxed(&signals[0], 1);
    mc_futex_wake(&signals[0], 1);
    mc_quiet(false);
    mc_assert(filch_wait_until(future[0], FILCH_NO_DEADLINE) == -ECANCELED);
    mc_quiet(true);
}

FILCH_VOID_TASK(is_cancelled)
{
    FILCH_SPAWN(wait_in_vain);
    while (!model_ran(0))
        mc_yield();
    FILCH_SYNC(wait_in_vain);
}

static int runs_cancelled(void *arg)
{
    FILCH_RUN(model_pool, is_cancelled);
    return arg ? 5 : 0;
}

static void *cancels(void *arg)
{
    mc_futex_wait(&signals[0], 0, false);
    filch_cancel(future[1]);
    return arg;
}

/* Then a wait takes no lock on its way, which would order it. */
static int fills_cache(void *arg)
{
    mc_assert(filch__crew_reserve_strand(filch__worker_current()));
    filch__add_seq_cst(counter, 1);
    await_count(2);
    return arg ? 7 : 0;
}

static void cancel_beside(bool barrier)
{
    open_pool(2);
    mc_quiet(true);
    refuse_barrier(!barrier);
    for (int i = 2; i < 4; i++)
        model_submit(i, fills_cache);
    for (int i = 2; i < 4; i++)
        mc_assert(filch_wait(future[i]) == 7);
    model_await_parked(2);
    model_submit(1, runs_cancelled);
    int a = mc_spawn(cancels, NULL);
    mc_assert(filch_wait(future[1]) == 5);
    mc_quiet(true);
    mc_join(a);
    close_pool(1);
}

MC_MODEL(forks_cancel, "a stolen child waits for what never comes || its task is cancelled: never missed",
         .preemptions = 1, .stale = 0)
{
    cancel_beside(true);
}

MC_MODEL(forks_cancel_no_barrier, "the same, without membarrier", .preemptions = 1, .stale = 1)
{
    cancel_beside(false);
}
