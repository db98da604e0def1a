/* SPDX-License-Identifier: MIT */
/* threads.c - the threads of an execution: which runs next, what they block on.
 *
 * Before each step its thread asks whether another runs first. Where several could, that is a choice. Leaving a thread that
 * could go on is a preemption, and preemptions are bounded (Musuvathi, Qadeer, PLDI 2007): most faults need few.
 *
 * Reduction: sleep sets (Godefroid 1996). When the step of thread t was explored from here, and now another thread's is,
 * t sleeps until somebody does what its step depends on: running it before that would only bring a state that was seen.
 * Under a bound this must not lose an execution whose only equivalent costs more preemptions. So there only the thread that
 * was running goes to sleep: moving its step to the front, next to the step before, can take switches away but adds none.
 */
#include "engine.h"

#include "context.h"

#include <stdlib.h>
#include <string.h>

enum { PATIENCE = 400 }; /* steps that a thread which could run is left out at most */

struct mc__execution mc__run;
struct mc_bounds mc__bounds;
uint64_t mc__fair;
void (*mc_thread_begins)(int thread);
static _Alignas(MC_STACK_SIZE) char stacks[MC_THREADS][MC_STACK_SIZE];
static void *outside;
static struct lock {
    uintptr_t address;
    int holder; /* thread + 1 */
    struct mc__view view;
} locks[64];
static int lock_count;

static void switch_to(int next)
{
    int before = mc__run.me;
    mc__run.me = next;
    if (next == before)
        return;
    mc__trace(NULL, "---- thread %d", next);
    filch__context_switch(&mc__run.thread[before].saved, mc__run.thread[next].saved, NULL);
}

void mc__leave(void)
{
    void *lost;
    filch__context_switch(&lost, outside, NULL);
    abort();
}

static bool independent(struct mc__step a, struct mc__step b)
{
    if (a.touch == MC_NOTHING || b.touch == MC_NOTHING)
        return true;
    if (a.touch == MC_ALL || b.touch == MC_ALL)
        return false;
    return a.address != b.address || (a.touch == MC_READ && b.touch == MC_READ);
}

/* This has happened: who sleeps and depends on it wakes. */
void mc__touched(enum mc__touch touch, uintptr_t address)
{
    struct mc__step step = {touch, address};
    for (int i = 0; mc__run.asleep && i < mc__run.threads; i++)
        if (mc__run.asleep & 1u << i && !independent(mc__run.thread[i].next, step))
            mc__run.asleep &= ~(1u << i);
}

void mc__something_written(void)
{
    for (int i = 0; i < mc__run.threads; i++)
        mc__run.thread[i].yielded = false;
}

/* A thread that could run all the time does run in the end: whatever spins may rely on that. Costs no preemption. */
static int who_waited_too_long(bool blocked)
{
    int found = -1;
    for (int i = 0; i < mc__run.threads; i++) {
        struct mc__thread *thread = &mc__run.thread[i];
        if (i == mc__run.me || thread->state != MC_READY)
            thread->last_ran = mc__run.steps;
        else if (mc__run.steps - thread->last_ran > PATIENCE && (!mc__run.quiet || blocked))
            found = i;
    }
    return found;
}

static int by_state(int candidates[], int count, enum mc__state state, bool spinning)
{
    for (int i = 0; i < mc__run.threads; i++)
        if (i != mc__run.me && mc__run.thread[i].state == state && (spinning || !mc__run.thread[i].yielded))
            candidates[count++] = i;
    return count;
}

struct candidates {
    int thread[2 * MC_THREADS], count;
    int early; /* from here on: timed waits that end though something could run */
};

static void collect(struct candidates *candidates, bool blocked)
{
    int *thread = candidates->thread, count = 0;
    if (!blocked)
        thread[count++] = mc__run.me;
    if (blocked || mc__may(mc__run.used.preemptions, mc__bounds.preemptions)) {
        count = by_state(thread, count, MC_READY, false);
        candidates->early = count;
        if (mc__may(mc__run.used.timeouts, mc__bounds.timeouts))
            count = by_state(thread, count, MC_ASLEEP_TIMED, true);
        if (blocked && mc__me->state == MC_ASLEEP_TIMED && mc__may(mc__run.used.timeouts, mc__bounds.timeouts))
            thread[count++] = mc__run.me;
    } else {
        candidates->early = count;
    }
    if (count == 0) { /* only spinning ones are left */
        count = by_state(thread, 0, MC_READY, true);
        if (mc__me->state == MC_READY)
            thread[count++] = mc__run.me;
        candidates->early = count;
    }
    if (count == 0) { /* nothing can happen but that time passes */
        count = by_state(thread, 0, MC_ASLEEP_TIMED, true);
        if (mc__me->state == MC_ASLEEP_TIMED)
            thread[count++] = mc__run.me;
        candidates->early = count;
    }
    candidates->count = mc__run.quiet && count > 1 ? 1 : count;
}

/* Without those that sleep. */
static void leave_out_sleepers(struct candidates *candidates)
{
    int kept = 0, early = candidates->early;
    for (int i = 0; i < candidates->count; i++) {
        if (i < early && mc__run.asleep & 1u << candidates->thread[i])
            candidates->early--;
        else
            candidates->thread[kept++] = candidates->thread[i];
    }
    if (!kept) {
        mc__run.pruned = true;
        mc__leave();
    }
    candidates->count = kept;
}

static void nobody_can_run(void)
{
    for (int i = 0; i < mc__run.threads; i++)
        if (mc__run.thread[i].state != MC_DEAD)
            mc_fail("deadlock: all threads wait, a wake-up may be lost");
    mc__leave();
}

static int by_priority(const struct candidates *candidates)
{
    int best = 0;
    if (mc__pct_change())
        mc__me->priority = -(int)mc__run.steps;
    for (int i = 1; i < candidates->early; i++)
        if (mc__run.thread[candidates->thread[i]].priority > mc__run.thread[candidates->thread[best]].priority)
            best = i;
    return best;
}

static void put_to_sleep(const struct candidates *candidates, int chosen, bool blocked)
{
    bool bounded = mc__bounds.preemptions != MC_ANY;
    for (int i = 0; i < chosen && i < candidates->early; i++)
        if (!bounded || (!blocked && candidates->thread[i] == mc__run.me))
            mc__run.asleep |= 1u << candidates->thread[i];
}

static void schedule(bool blocked)
{
    struct candidates candidates;
    if (++mc__run.steps > MC_STEPS)
        mc_fail("livelock: the execution does not end");
    int patient = who_waited_too_long(blocked);
    if (patient >= 0) {
        mc__run.thread[patient].yielded = false;
        mc__run.asleep = 0;
        mc__fair++;
        switch_to(patient);
        return;
    }
    if (mc__run.quiet && !blocked)
        return;
    collect(&candidates, blocked);
    if (!candidates.count)
        nobody_can_run();
    if (mc__search.reduce && mc__search.mode == MC_DEPTH_FIRST)
        leave_out_sleepers(&candidates);
    int chosen = mc__search.mode == MC_PCT && !mc__search.replay && !mc__run.quiet
                     ? mc__choose(candidates.count, -1 - by_priority(&candidates))
                     : mc__choose(candidates.count, blocked ? 1 : 6);
    int next = candidates.thread[chosen];
    if (mc__search.reduce && mc__search.mode == MC_DEPTH_FIRST)
        put_to_sleep(&candidates, chosen, blocked);
    struct mc__thread *thread = &mc__run.thread[next];
    thread->yielded = false;
    if (thread->state == MC_ASLEEP_TIMED) {
        mc__run.used.timeouts += chosen >= candidates.early;
        mc__touched(MC_WRITE, thread->waits_for);
        thread->state = MC_READY;
        thread->timed_out = true;
    }
    mc__run.used.preemptions += next != mc__run.me && !blocked;
    switch_to(next);
}

void mc__step(enum mc__touch touch, const void *address)
{
    mc__me->next = (struct mc__step){touch, (uintptr_t)address};
    schedule(false);
    mc__me->next = (struct mc__step){MC_NOTHING, 0};
    mc__touched(touch, (uintptr_t)address);
}

static void block(enum mc__state state, uintptr_t on)
{
    mc__me->state = state;
    mc__me->waits_for = on;
    mc__me->timed_out = false;
    enum mc__touch touch = state == MC_LOCKED_OUT ? MC_WRITE : MC_NOTHING; /* which of two gets the lock is a choice */
    mc__me->next = (struct mc__step){touch, on};
    schedule(true);
    mc__me->next.touch = MC_NOTHING;
    mc__touched(touch, on);
}

static void release_those(enum mc__state state, uintptr_t on)
{
    mc__something_written();
    for (int i = 0; i < mc__run.threads; i++)
        if (mc__run.thread[i].state == state && mc__run.thread[i].waits_for == on)
            mc__run.thread[i].state = MC_READY;
}

/* ---- threads ---- */

static void thread_main(void *argument)
{
    (void)argument;
    mc__me->run(mc__me->arg);
    mc__step(MC_WRITE, mc__me);
    mc__me->now.clock[mc__run.me]++;
    mc__me->state = MC_DEAD;
    release_those(MC_JOINING, (uintptr_t)mc__run.me);
    schedule(true);
    abort();
}

int mc_spawn(void *(*run)(void *), void *arg)
{
    int new = mc__run.threads;
    if (new == MC_THREADS)
        mc__fail_limit("threads");
    struct mc__thread *thread = &mc__run.thread[new];
    memset(thread, 0, sizeof *thread);
    thread->run = run;
    thread->arg = arg;
    thread->state = MC_READY;
    thread->saved = filch__context_make(stacks[new] + MC_STACK_SIZE - 64, thread_main);
    thread->last_ran = mc__run.steps;
    thread->priority = (int)(mc__random() % 1000000);
    if (new) {
        mc__me->now.clock[mc__run.me]++;
        thread->now = mc__me->now;
        mc__me->now.clock[mc__run.me]++;
    }
    thread->now.clock[new] = 1;
    if (mc_thread_begins)
        mc_thread_begins(new);
    mc__something_written();
    return mc__run.threads++;
}

static void run_model(void *arg)
{
    void (*model)(void);
    memcpy(&model, arg, sizeof model);
    model();
}

static void *run_first(void *arg)
{
    run_model(arg);
    return NULL;
}

void mc__threads_begin(void (*model)(void))
{
    memset(&mc__run, 0, sizeof mc__run);
    lock_count = 0;
    mc_spawn(run_first, &model);
    filch__context_switch(&outside, mc__run.thread[0].saved, NULL);
}

void mc_join(int other)
{
    struct mc__thread *thread = &mc__run.thread[other];
    mc__step(MC_READ, thread);
    while (thread->state != MC_DEAD)
        block(MC_JOINING, (uintptr_t)other);
    mc__me->now.clock[mc__run.me]++;
    mc__view_join(&mc__me->now, &thread->now);
}

int mc_self(void)
{
    return mc__run.me;
}

void mc_quiet(bool on)
{
    mc__run.quiet += on ? 1 : -1;
}

void mc_yield(void)
{
    mc__touched(MC_ALL, 0);
    mc__me->yielded = true;
    mc__see_all();
    schedule(true);
}

/* ---- what threads block on ---- */

static struct lock *lock_at(const void *address)
{
    for (int i = 0; i < lock_count; i++)
        if (locks[i].address == (uintptr_t)address)
            return &locks[i];
    if (lock_count == sizeof locks / sizeof locks[0])
        mc__fail_limit("locks");
    memset(&locks[lock_count], 0, sizeof locks[0]);
    locks[lock_count].address = (uintptr_t)address;
    return &locks[lock_count++];
}

void mc_lock(void *address)
{
    mc__step(MC_WRITE, address);
    mc__plain(address, 1, false, __builtin_return_address(0));
    struct lock *lock = lock_at(address);
    while (lock->holder)
        block(MC_LOCKED_OUT, (uintptr_t)address);
    lock->holder = mc__run.me + 1;
    mc__view_join(&mc__me->now, &lock->view);
    mc__trace(__builtin_return_address(0), "lock %s", mc__name_of((uintptr_t)address));
}

void mc_unlock(void *address)
{
    struct lock *lock = lock_at(address);
    if (lock->holder != mc__run.me + 1)
        mc_fail("unlock of a lock that is not held");
    mc__trace(__builtin_return_address(0), "unlock %s", mc__name_of((uintptr_t)address));
    mc__plain(address, 1, false, __builtin_return_address(0));
    mc__touched(MC_WRITE, (uintptr_t)address);
    mc__me->now.clock[mc__run.me]++;
    lock->view = mc__me->now;
    mc__me->now.clock[mc__run.me]++;
    lock->holder = 0;
    release_those(MC_LOCKED_OUT, (uintptr_t)address);
}

/* The comparison and the sleep are one step, and see the newest value. */
enum mc_wake mc_futex_wait(uint32_t *word, uint32_t expected, bool timed)
{
    void *pc = __builtin_return_address(0);
    mc__step(MC_WRITE, word);
    if ((uint32_t)mc__newest(word, sizeof *word) != expected) {
        mc__trace(pc, "futex wait on %s: it has changed", mc__name_of((uintptr_t)word));
        return MC_CHANGED;
    }
    if (mc__bounds.spurious && mc__may(mc__run.used.spurious, mc__bounds.spurious) && mc__choose(2, 8)) {
        mc__run.used.spurious++;
        mc__trace(pc, "futex wait on %s: returns for no reason", mc__name_of((uintptr_t)word));
        return MC_WOKEN;
    }
    mc__trace(pc, "futex wait on %s: sleeps", mc__name_of((uintptr_t)word));
    block(timed ? MC_ASLEEP_TIMED : MC_ASLEEP, (uintptr_t)word);
    if (!mc__me->timed_out)
        return MC_WOKEN;
    mc__trace(pc, "futex wait on %s: timed out", mc__name_of((uintptr_t)word));
    return MC_TIMED_OUT;
}

void mc_futex_wake(uint32_t *word, int count)
{
    mc__step(MC_WRITE, word);
    mc__trace(__builtin_return_address(0), "futex wake on %s", mc__name_of((uintptr_t)word));
    for (int i = 0; i < mc__run.threads && count > 0; i++) {
        struct mc__thread *thread = &mc__run.thread[i];
        if ((thread->state == MC_ASLEEP || thread->state == MC_ASLEEP_TIMED) && thread->waits_for == (uintptr_t)word) {
            thread->state = MC_READY;
            count--;
        }
    }
}

void mc_barrier(void)
{
    mc__step(MC_ALL, NULL);
    mc__trace(__builtin_return_address(0), "membarrier");
    mc__fence(mc__me);
    for (int i = 0; i < mc__run.threads; i++) {
        if (i == mc__run.me || mc__run.thread[i].state == MC_DEAD)
            continue;
        mc__step(MC_ALL, NULL);
        mc__fence(&mc__run.thread[i]);
        mc__run.thread[i].now.clock[i]++;
    }
    mc__fence(mc__me);
}

void mc_grace(void)
{
    mc__touched(MC_ALL, 0);
    mc__me->now.clock[mc__run.me]++;
    for (int i = 0; i < mc__run.threads; i++)
        mc__view_join(&mc__me->now, &mc__run.thread[i].now);
}
