/* SPDX-License-Identifier: MIT */
#include "hold.h"
#include "lend.h"
#include "scope.h"
#include "watch.h"
#include "watchdog.h"

#include <errno.h>
#include <stdio.h>

bool filch__strand_asked_stop(const struct filch__strand *strand)
{
    const struct filch_future *task = filch__load_relaxed(&strand->task);
    return task &&
           (filch__future_asked_stop(task) || filch__load_acquire(&strand->pool->phase) == FILCH__POOL_CANCELLING ||
            filch__scope_stops(task->priv.record));
}

/* ---- passing a cancel on ---- */

/* Nobody may come to keep it; or it stands for all that is in a scope. */
static int cancel_promise(struct filch_future *promise)
{
    if (promise->priv.flags & FILCH__FUTURE_SCOPE) {
        filch__scope_ask(filch__scope_of(promise), 0);
        return -EINPROGRESS;
    }
    return filch__future_complete(promise, -ECANCELED) ? -EALREADY : 0;
}

/* `strand` is locked, so it stays in its wait, and what it waits for stays in place. Interrupts the wait, or passes the
 * request on to its target. Returns the target when that runs and is asked for the first time, and so is next; or in
 * *ret_held when it was held back; NULL otherwise. */
static struct filch_future *pass_on_locked(struct filch__strand *strand, struct filch__wakeup *ret_wakeup,
                                           struct filch_future **ret_held)
{
    struct filch__wait *wait = strand->waiting;
    bool first = false;
    if (!wait->target) {
        *ret_wakeup = filch__waiter_interrupt(&wait->waiter, FILCH__WAITER_CANCELLED);
        return NULL;
    }
    int r = filch__future_ask_stop(wait->target, false, &first);
    if (r == -ENOENT)
        cancel_promise(wait->target);
    if (!r && first)
        *ret_held = wait->target;
    return r == -EINPROGRESS && first ? wait->target : NULL;
}

static void pass_to_parts(struct filch_future *task, const struct filch__strand *runner);

/* Down the chain of waits: `strand` is locked and runs or ran `task`, which does not end meanwhile if `passing` (state.h,
 * F6). The target of its wait, asked for the first time, does not end either until this lets go of it. */
static void pass_down_locked(struct filch__strand *strand, struct filch_future *task, bool passing)
{
    struct filch__wakeup wakeup = {0};
    while (strand) {
        struct filch_future *target = NULL, *held = NULL;
        struct filch__strand *next = NULL;
        if (strand->waiting && strand->waiting->task == task)
            target = pass_on_locked(strand, &wakeup, &held);
        filch__strand_unlock(strand);
        filch__wake(wakeup); /* fired by this thread, so nobody else resumes the strand */
        if (held)
            filch__hold_pull(held);
        if (passing)
            filch__future_passed(task);
        if (target) {
            next = filch__load_acquire(&target->priv.runner); /* F4 */
            pass_to_parts(target, next);
            filch__strand_lock(next);
        }
        passing = true;
        task = target;
        strand = next;
    }
}

void filch__pool_visit(struct filch_pool *pool, void (*visit)(struct filch__strand *strand, void *ctx), void *ctx)
{
    filch__strands_visit(&pool->strands, visit, ctx);
    filch__lock(&pool->lock);
    struct filch__caller *callers = pool->callers;
    filch__unlock(&pool->lock);
    for (; callers; callers = callers->next)
        visit(&callers->strand, ctx);
    struct filch__worker *worker;
    for (size_t i = 0; (worker = filch__pool_worker(pool, i)) != NULL; i++)
        visit(&worker->native, ctx);
}

struct part {
    struct filch_future *task;
    const struct filch__strand *runner;
};

/* A strand that runs a stolen child of the task, and waits. */
static void cancel_part(struct filch__strand *strand, void *ctx)
{
    const struct part *part = ctx;
    if (strand == part->runner)
        return;
    filch__strand_lock(strand);
    pass_down_locked(strand, part->task, false);
}

/* Children of the task that were stolen from `runner`, or from each other; tasks of a graph that it runs. No strand is
 * locked. */
static void pass_to_parts(struct filch_future *task, const struct filch__strand *runner)
{
    struct part part = {task, runner};
    if (filch__unlikely(filch__load_seq_cst(&runner->forks.active) || filch__load_seq_cst(&runner->parts))) /* F7, A1 */
        filch__pool_visit(runner->pool, cancel_part, &part);
}

int filch__cancel(struct filch_future *future, bool timed_out)
{
    bool first = false;
    int r = filch__future_ask_stop(future, timed_out, &first);
    if (r == -ENOENT)
        return cancel_promise(future);
    if (!r && first)
        filch__hold_pull(future);
    if (r == -EINPROGRESS && first) {
        struct filch__strand *runner = filch__load_acquire(&future->priv.runner); /* F4 */
        pass_to_parts(future, runner);
        filch__strand_lock(runner);
        pass_down_locked(runner, future, true);
    }
    return r;
}

/* A strand that waits, if its task is of the scope and to stop, or the pool is being cancelled. */
static void cancel_waiting(struct filch__strand *strand, void *ctx)
{
    const struct filch__scope *scope = ctx;
    filch__strand_lock(strand);
    struct filch_future *task = strand->waiting ? strand->waiting->task : NULL;
    const struct filch__record *record = task && scope ? task->priv.record : NULL; /* it does not end in a wait */
    if (scope && !(record && record->scope == scope && filch__scope_stops(record)))
        task = NULL;
    if (task)
        pass_down_locked(strand, task, false);
    else
        filch__strand_unlock(strand);
}

void filch__cancel_waits(struct filch_pool *pool, const struct filch__scope *scope)
{
    filch__pool_visit(pool, cancel_waiting, (void *)(uintptr_t)scope);
}

/* ---- waiting ---- */

static struct filch__wakeup wait_timed_out(struct filch__timer *timer)
{
    struct filch__wait *wait = filch__container_of(timer, struct filch__wait, timer);
    return filch__waiter_interrupt(&wait->waiter, FILCH__WAITER_TIMED_OUT);
}

static bool suspends(const struct filch__wait *wait)
{
    return wait->waiter.wake == filch__strand_ready;
}

static filch__cold void die_in_section(const struct filch__strand *strand)
{
    char message[160];
    const char *label = filch__load_relaxed(&strand->label);
    snprintf(message, sizeof message, "a task waits inside an RCU read section: %s (function %p)",
             label ? label : "unnamed", (void *)(uintptr_t)filch__load_relaxed(&strand->fn));
    filch__os_die(message);
}

static void check_no_section(const struct filch__strand *strand)
{
#ifndef NDEBUG
    if (strand->worker && filch__reclaim_inside())
        die_in_section(strand);
#else
    (void)strand, (void)die_in_section;
#endif
}

static void enter_slot(struct filch__wait *wait)
{
    struct filch__strand *strand = wait->strand;
    filch__store_relaxed(&strand->stretch, strand->stretch + 2); /* each wait has one of its own */
    filch__strand_lock(strand);
    strand->waiting = wait;
    /* Under the lock: either a canceller finds the wait, or this finds the flag. */
    bool asked = filch__strand_asked_stop(strand);
    filch__strand_unlock(strand);
    if (!asked)
        return;
    if (wait->target)
        filch__cancel(wait->target, false);
    else
        filch__waiter_interrupt(&wait->waiter, FILCH__WAITER_CANCELLED);
}

int filch__wait_begin(struct filch__wait *wait, uint32_t refs, uint32_t mode, uint64_t deadline_ns,
                      struct filch_future *target)
{
    struct filch__strand *strand = filch__strand_current();
    wait->strand = strand && strand->task ? strand : NULL;
    wait->task = strand ? strand->task : NULL;
    wait->target = target;
    wait->deadline_ns = deadline_ns;
    wait->timed = false;
    if (!wait->strand) {
        filch__waiter_init_thread(&wait->waiter, refs, mode);
        return 0;
    }
    check_no_section(strand);
    if (strand->thread || strand->blocking || !filch__crew_reserve_strand(strand->worker)) {
        filch__waiter_init_thread(&wait->waiter, refs, mode);
    } else {
        filch__waiter_init(&wait->waiter, refs, mode, filch__strand_ready, strand);
        if (deadline_ns != FILCH_NO_DEADLINE) {
            int r = filch__timekeeper_start(&strand->pool->keeper);
            if (r)
                return r;
            filch__timer_add(&strand->pool->keeper, &wait->timer, deadline_ns, wait_timed_out);
            wait->timed = true;
        }
    }
    enter_slot(wait);
    return 0;
}

static void suspend(struct filch__wait *wait)
{
    struct filch__strand *strand = wait->strand;
    struct filch__worker *worker = strand->worker;
    filch__count(&worker->count.suspensions);
    worker->commit = &wait->waiter;
    filch__watch_suspend(strand);
    filch__worker_switch(strand, filch__crew_take_strand(worker), FILCH__AFTER_COMMIT);
    filch__watch_resume(strand, FILCH__PAUSE_WAIT);
    filch__count(&strand->worker->count.resumed);
}

struct filch__waits filch__workers_waits(const struct filch_pool *pool)
{
    struct filch__waits waits = {0};
    const struct filch__worker *worker;
    for (size_t i = 0; (worker = filch__pool_worker(pool, i)) != NULL; i++) {
        waits.ended += filch__load_relaxed(&worker->count.resumed);
        waits.begun +=
            filch__load_relaxed(&worker->count.suspensions) + filch__load_relaxed(&worker->count.blocked_waits);
    }
    return waits;
}

struct filch__waits filch__pool_waits(const struct filch_pool *pool)
{
    uint64_t ended = filch__load_relaxed(&pool->outside_resumed); /* first: an end that is seen has a beginning */
    struct filch__waits waits = filch__workers_waits(pool);
    waits.ended += ended;
    waits.begun += filch__load_relaxed(&pool->outside_waits);
    return waits;
}

/* No wait: the strand is queued again, by the one switched to, behind what is found before it (find.c). */
void filch__strand_yield(struct filch__strand *strand)
{
    struct filch__worker *worker = strand->worker;
    check_no_section(strand);
    filch__body_pause(strand);
    filch__watch_pause(strand, FILCH__PAUSE_YIELD);
    filch__worker_switch(strand, filch__crew_take_strand(worker), FILCH__AFTER_YIELD);
    filch__watch_resume(strand, FILCH__PAUSE_YIELD);
    filch__body_resume(strand);
}

/* ---- bodies that block their thread ---- */

/* From here on the thread holds no permit: it serves others. */
void filch__permit_lend(struct filch__strand *strand)
{
    struct filch_pool *pool = strand->pool;
    struct filch__worker *worker = strand->worker;
    if (worker) {
        filch__count(&worker->count.blocked_waits);
        filch__count(&worker->count.gate_waits);
        worker->permit = false;
        filch__store_relaxed(&worker->blocked, true);
        filch__worker_turn(worker, FILCH__SPELL_BLOCKED);
    } else {
        filch__add_relaxed(&pool->outside_waits, 1);
    }
    filch__add_seq_cst(&pool->blocked, 1);
    filch__permit_leave(pool);
}

/* Waits for a permit, ahead of tasks that have not begun. */
void filch__permit_regain(struct filch__strand *strand)
{
    struct filch_pool *pool = strand->pool;
    struct filch__worker *worker = strand->worker;
    uint64_t since_ns = filch__watch_now();
    filch__permit_claim(pool, worker);
    filch__watch_gate(since_ns);
    filch__sub_seq_cst(&pool->blocked, 1);
    if (worker) {
        filch__worker_turn(worker, FILCH__SPELL_BUSY);
        worker->permit = true;
        filch__store_relaxed(&worker->blocked, false);
        filch__count(&worker->count.resumed);
    } else {
        filch__add_relaxed(&pool->outside_resumed, 1);
    }
}

/* A body on a thread's own stack, or one that finds no memory for another strand. */
static void block_thread(struct filch__wait *wait)
{
    filch__watch_pause(wait->strand, FILCH__PAUSE_BLOCK);
    filch__permit_lend(wait->strand);
    filch__waiter_sleep(&wait->waiter, wait->deadline_ns);
    filch__permit_regain(wait->strand);
    filch__watch_resume(wait->strand, FILCH__PAUSE_WAIT);
}

void filch__wait_block(struct filch__wait *wait)
{
    struct filch__strand *strand = wait->strand;
    if (filch__waiter_fired(&wait->waiter))
        return;
    if (!strand || strand->blocking) {
        filch__watch_outside(0);
        if (strand)
            filch__watchdog_poke(strand->pool);
        filch__waiter_sleep(&wait->waiter, wait->deadline_ns);
        filch__watch_outside(1);
        return;
    }
    filch__body_pause(strand);
    if (suspends(wait))
        suspend(wait);
    else
        block_thread(wait);
    filch__body_resume(strand);
}

uint32_t filch__wait_end(struct filch__wait *wait, uint32_t undone)
{
    if (wait->strand) {
        filch__strand_lock(wait->strand);
        wait->strand->waiting = NULL;
        filch__strand_unlock(wait->strand);
        if (wait->timed)
            filch__timer_remove(&wait->strand->pool->keeper, &wait->timer);
    }
    uint32_t reasons = filch__waiter_reasons(&wait->waiter);
    wait->deadline_ns = FILCH_NO_DEADLINE;
    while (!filch__waiter_release(&wait->waiter, undone)) {
        undone = 0;
        if (suspends(wait) && !filch__crew_reserve_strand(wait->strand->worker))
            while (!filch__waiter_fired(&wait->waiter))
                filch__os_yield(); /* no memory for a strand; a source is a few instructions from done */
        else
            filch__wait_block(wait);
    }
    return reasons;
}
