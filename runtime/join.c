/* SPDX-License-Identifier: MIT */
#include "watch.h"

#include <stdlib.h>
#include <string.h>

/* Children of typed tasks (forkstack.h): how they become known, how thieves find them, what a parent does whose child
 * was stolen.
 *
 * A spawn wakes nobody and is seen by nobody. Who looks for work visits the strands that run, takes what is public, asks
 * (the owner's next spawn or sync then shows some), and in the end opens by force. Who goes to sleep asks as well, and
 * looks once more; so each spawn after that comes by answer(), which wakes somebody. Who ends his search because he has found
 * something does the same, while somebody sleeps: an owner that spawned may have relied on him. A strand that begins with
 * a typed task, or goes on with one, asks itself, since those who sleep already have not asked it. With gate.h, G1:
 *   J1 answer: unask (sc), load the gate (sc)  ||  filch__pool_look: CAS the gate (sc), ask (sc), look for children.
 *   J2 begin, go on: ask itself; then answer() by the first spawn: running (sc), load the gate (sc)
 *      ||  last look: CAS the gate (sc), load running (sc).
 * A strand that is suspended with children is in the pool's queue `exposed`, at most once: whoever takes it out takes one
 * child, and puts it back while there are more.
 *   J3 expose: show all (CAS), exposed = 1 (exchange)  ||  take: exposed = 0 (exchange), then look for children.
 */

/* Rounds of a parent whose child was stolen: when it asks the thief for children, when it forces, when it sleeps. A short
 * child ends before it is asked for anything; and a parent that sleeps is resumed on its thief's worker, so that the two
 * change their processors, and what is in their caches. */
enum {
#ifdef FILCH_MODEL
    BACK_ASK = 0,
    BACK_FORCE = 1,
    BACK_ROUNDS = 2,
#else
    BACK_ASK = 24,
    BACK_FORCE = 128,
    BACK_ROUNDS = 1000, /* some 20 us, as a search */
#endif
};

static struct filch__forkstack *stack_of(struct filch__forks *forks)
{
    return filch__container_of(forks, struct filch__forkstack, fast);
}

static struct filch__strand *strand_of(struct filch__forkstack *stack)
{
    return filch__container_of(stack, struct filch__strand, forks);
}

/* ---- typed tasks on a strand ---- */

bool filch__forks_begin(struct filch__strand *strand, struct filch_future *task)
{
    struct filch__forkstack *stack = &strand->forks;
    if (!filch__forkstack_reserve(stack))
        return false;
    if (filch__if_watched(stack->watched != filch__traces(strand->pool)))
        filch__forkstack_watch(stack, !stack->watched);
    filch__store_relaxed(&stack->task, task);
    filch__store_seq_cst(&stack->active, true);
    strand->typed = true;
    filch__forks_resume(strand);
    return true;
}

void filch__forks_end(struct filch__strand *strand)
{
    if (strand->forks.base->mark)
        filch__os_die("a typed task has returned, or ended its thread, with spawned children that are not synced");
    filch__store_relaxed(&strand->forks.active, false);
    strand->typed = false;
    filch__forkstack_trim(&strand->forks);
}

void filch__forks_resume(struct filch__strand *strand)
{
    strand->forks.fresh = true;
    filch__forkstack_ask_spawn(&strand->forks); /* J2 */
}

/* ---- the owner's slow paths ---- */

static bool is_hungry(struct filch_pool *pool)
{
    uint64_t word = filch__load_seq_cst(&pool->gate);
    return word >= FILCH__GATE_SEARCHING || filch__gate_would_notify(word, filch__pool_may_start(pool));
}

/* Something is public. A child of fork(2) wakes nobody. */
static void tell(struct filch_pool *pool)
{
    if (!filch__pool_stale(pool))
        filch__pool_share(pool);
}

static bool can_be_seen(const struct filch__strand *strand)
{
    return strand->worker; /* thieves visit workers; callers that run a task only when these wait */
}

/* Asked by a thief that looks on and by nobody else: show, and leave it to him. (By nobody, where the stack is watched, and all
 * spawns come by: who sleeps has asked.) Else somebody sleeps, or this strand has just begun: find out whether anybody could
 * use a child. While what is shown is taken, every spawn comes by; when it lies there still, whoever wants more asks again. */
static filch__cold void answer(struct filch__forkstack *stack, struct filch__slot *head)
{
    struct filch__strand *strand = strand_of(stack);
    if (filch__forkstack_is_asked(stack) && !filch__forkstack_spawn_is_asked(stack)) {
        if (!stack->watched || !filch__forkstack_has_public(stack))
            filch__forkstack_share(stack, head);
        return;
    }
    filch__forkstack_unask_spawn(stack, false);
    if (!can_be_seen(strand) || filch__pool_stale(strand->pool))
        return;
    if (stack->fresh)
        filch__store_seq_cst(&strand->worker->running, strand); /* J2: as before, but in the order of all such */
    stack->fresh = false;
    if (!is_hungry(strand->pool))
        return;
    if (!filch__forkstack_has_public(stack))
        filch__forkstack_unask_spawn(stack, true);
    if (filch__forkstack_share(stack, head))
        tell(strand->pool); /* J1: who slept off since unask has looked before there was this child, or is seen here */
}

/* No slot is left that could be stolen: this one will hold the result. */
static filch__cold void call_at_once(struct filch__forkstack *stack, struct filch__slot *slot)
{
    if (slot >= stack->last)
        filch__os_die("too many spawned children that are not synced");
    if (slot == stack->end)
        filch__forkstack_set_full(stack, true);
    ((filch__task_fn *)slot->run)(&stack->fast, slot + 1, slot->data);
}

void filch__fork_spawn_slow(struct filch__forks *forks, struct filch__slot *slot)
{
    struct filch__forkstack *stack = stack_of(forks);
    if (filch__unlikely(slot >= stack->end)) {
        call_at_once(stack, slot);
        return;
    }
    if (filch__watches_forks(stack))
        filch__watch_spawn(strand_of(stack), slot);
    answer(stack, slot + 1);
}

static void sleep_until_done(struct filch__forkstack *stack, struct filch__slot *slot)
{
    struct filch__wait wait;
    uint32_t undone = 1;
    wait.on = (struct filch__wait_on){.kind = FILCH__ON_CHILD, .target = slot};
    (void)filch__wait_begin(&wait, 1, 0, FILCH_NO_DEADLINE, NULL); /* only a deadline can make it fail */
    stack->joiner = &wait.waiter;
    if (filch__forkstack_await(slot)) {
        filch__wait_block(&wait);
        undone = 0;
    }
    (void)filch__wait_end(&wait, undone); /* when a cancel came first: until the child is done all the same */
}

static bool force_open(struct filch__worker *worker, struct filch__forkstack *victim)
{
    bool opened = filch__forkstack_open(victim);
    if (opened)
        filch__count(&worker->count.forced);
    return opened;
}

/* Take a child of the strand that works on `slot`: nothing else, as this strand goes on only when that has run. */
static bool run_one_back(struct filch__forkstack *stack, struct filch__slot *slot, int round)
{
    struct filch__loot loot = {.victim = filch__forkstack_thief(slot)};
    if (!loot.victim || !strand_of(stack)->worker) /* a caller that runs a task is no thief */
        return false;
    loot.slot = filch__forkstack_steal(loot.victim, slot);
    if (!loot.slot && round == BACK_ASK)
        filch__forkstack_ask(loot.victim);
    if (!loot.slot && round == BACK_FORCE && force_open(strand_of(stack)->worker, loot.victim))
        loot.slot = filch__forkstack_steal(loot.victim, slot);
    if (round == BACK_FORCE) /* several may be open now, and this worker does not search, and so does not look again */
        tell(strand_of(stack)->pool);
    if (!loot.slot)
        return false;
    filch__count(&strand_of(stack)->worker->count.taken_back);
    filch__loot_run(strand_of(stack), slot + 1, loot);
    return true;
}

static filch__noinline void join(struct filch__forkstack *stack, struct filch__slot *slot)
{
    if (!filch__forkstack_is_done(slot) && filch__pool_stale(strand_of(stack)->pool))
        filch__os_die("a child of fork(2) waits for what a thread of its parent process runs");
    filch__watch_join_begin(strand_of(stack));
    for (int round = 0; !filch__forkstack_is_done(slot); round++) {
        if (run_one_back(stack, slot, round)) {
            round = -1;
        } else if (round == BACK_ROUNDS) {
            sleep_until_done(stack, slot);
            break;
        } else {
            filch__os_pause();
        }
    }
    filch__watch_join_end(strand_of(stack), slot);
    filch__forkstack_joined(stack, slot);
}

/* As fork.h's sync does it, with the time taken. */
static filch__cold void run_watched(struct filch__forkstack *stack, struct filch__slot *slot)
{
    struct filch__strand *strand = strand_of(stack);
    struct filch__watched_child child;
    uintptr_t run = slot->run;
    bool large = filch__watch_child_begin(strand, slot, &child);
    void *at = slot->data, *record = *(void **)at; /* the child uses the slot for its own children */
    ((filch__task_fn *)run)(&stack->fast, slot, large ? &record : at);
    if (large)
        *(void **)at = record;
    filch__watch_child_end(strand, &child, run);
}

int filch__fork_sync_slow(struct filch__forks *forks, struct filch__slot *slot)
{
    struct filch__forkstack *stack = stack_of(forks);
    if (filch__unlikely(slot >= stack->end)) {
        if (slot == stack->end)
            filch__forkstack_set_full(stack, false);
        return true; /* it was called at once */
    }
    bool share = filch__forkstack_is_asked(stack) && can_be_seen(strand_of(stack)); /* by a thief that looks on */
    if (filch__forkstack_sync(stack, slot, share) == FILCH__SYNC_OWN) {
        if (!filch__watches_forks(stack))
            return false;
        run_watched(stack, slot);
        return true;
    }
    join(stack, slot);
    return true;
}

void filch__fork_sync_all(struct filch__forks *forks, struct filch__slot *first, struct filch__slot *head)
{
    while (head > first) {
        bool large = head[-1].mark & FILCH__MARK_LARGE;
        void *at = filch__slot_sync(forks, &head);
        if (!at) {
            at = head->data;
            void *record = *(void **)at; /* the child uses the slot for its own children */
            ((filch__task_fn *)head->run)(forks, head, large ? &record : at);
            if (large)
                filch__fork_record_put(record);
        } else if (large) {
            filch__fork_record_put(*(void **)at);
        }
    }
}

void *filch__fork_record_get(size_t size)
{
    void *record = aligned_alloc(FILCH_CACHELINE, (size + FILCH_CACHELINE - 1) / FILCH_CACHELINE * FILCH_CACHELINE);
    if (!record)
        filch__os_die("no memory for the arguments of a spawned task");
    return record;
}

void filch__fork_record_put(void *record)
{
    free(record);
}

/* ---- thieves ---- */

void filch__loot_run(struct filch__strand *strand, struct filch__slot *head, struct filch__loot loot)
{
    const struct filch__strand *parent = strand_of(loot.victim);
    bool inside = strand->forks.active;
    if (!inside) {
        struct filch_future *task = filch__load_relaxed(&loot.victim->task);
        (void)filch__forks_begin(strand, task); /* take() has reserved its slots */
        head = strand->forks.base;
        filch__store_relaxed(&strand->fn, filch__load_relaxed(&parent->fn));
        filch__store_relaxed(&strand->label, filch__load_relaxed(&parent->label));
        filch__store_relaxed(&strand->task, task); /* what cancels it cancels this */
    }
    struct filch__watched watched;
    filch__watch_begin_loot(strand, &loot, &watched);
    filch__task_fn *run = filch__forkstack_taken(loot.slot, &strand->forks); /* its stack is there now */
    filch__count(&strand->worker->count.stolen_children);
    run(&strand->forks.fast, head, loot.slot->data);
    filch__watch_end(strand, 0, &watched);
    if (!inside) {
        filch__store_relaxed(&strand->task, NULL);
        filch__forks_end(strand);
    }
    struct filch__worker *worker = strand->worker;
    if (!filch__forkstack_finish(loot.slot))
        return;
    if (worker)
        worker->ending = !inside; /* then it comes to look right after */
    filch__waiter_complete(loot.victim->joiner, NULL);
    if (worker)
        worker->ending = false;
}

/* The stack of the strand that a worker runs, when it has typed tasks. Strands stay mapped while the pool lives. */
static struct filch__forkstack *visit(const struct filch__worker *victim)
{
    struct filch__strand *strand = filch__load_seq_cst(&victim->running); /* J2 */
    return strand && filch__load_seq_cst(&strand->forks.active) ? &strand->forks : NULL;
}

/* It runs on the strand on which the worker searches, and needs slots there. `from`: who runs the victim. */
static bool take(struct filch__worker *worker, const struct filch__worker *from, struct filch__forkstack *victim)
{
    if (filch__unlikely(!filch__forkstack_reserve(&worker->running->forks)))
        return false;
    worker->loot = (struct filch__loot){filch__forkstack_steal(victim, NULL), victim};
    if (worker->loot.slot)
        filch__watch_steal_child(worker, from, victim);
    return worker->loot.slot;
}

bool filch__loot_steal(struct filch__worker *worker, const struct filch__table *table, size_t start,
                       enum filch__force force)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct filch__worker *other = table->worker[(start + i) % table->count];
        struct filch__forkstack *victim = other == worker ? NULL : visit(other);
        if (!victim)
            continue;
        if (take(worker, other, victim))
            return true;
        if (force == FILCH__FORCE_OPEN && force_open(worker, victim) && take(worker, other, victim))
            return true;
        if (force == FILCH__FORCE_ASK && !filch__forkstack_is_asked(victim))
            filch__forkstack_ask(victim);
    }
    return false;
}

bool filch__loot_in(const struct filch__table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        struct filch__forkstack *victim = visit(table->worker[i]);
        if (victim && filch__forkstack_has_children(victim))
            return true;
    }
    return false;
}

void filch__loot_ask(const struct filch__table *table)
{
    bool any = false;
    for (size_t i = 0; i < table->count; i++) {
        struct filch__forkstack *victim = visit(table->worker[i]);
        if (victim)
            filch__forkstack_ask_spawn(victim); /* J1 */
        any |= victim != NULL;
    }
    if (any && filch__os_has_barrier())
        filch__os_barrier(); /* S6: pairs with spawn */
}

/* ---- strands that are suspended with children ---- */

static void expose(struct filch__strand *strand)
{
    if (!filch__exchange_acq_rel(&strand->exposed, 1)) /* J3 */
        filch__inject_push(&strand->pool->exposed, &strand->exposed_link);
}

void filch__forks_suspend(struct filch__strand *strand)
{
    if (!filch__forkstack_open_all(&strand->forks))
        return;
    expose(strand);
    filch__pool_notify(strand->pool);
}

bool filch__loot_take_exposed(struct filch__worker *worker)
{
    struct filch_pool *pool = worker->pool;
    struct filch__link *link;
    if (!filch__inject_has_items(&pool->exposed) || !filch__inject_take(&pool->exposed, &link, 1))
        return false;
    struct filch__strand *strand = filch__container_of(link, struct filch__strand, exposed_link);
    filch__exchange_acq_rel(&strand->exposed, 0); /* J3 */
    /* It was nobody's: in a trace it comes from the thief itself. */
    bool taken = take(worker, worker, &strand->forks) ||
                 (force_open(worker, &strand->forks) && take(worker, worker, &strand->forks));
    if (filch__forkstack_has_children(&strand->forks)) {
        expose(strand);
        tell(pool);
    }
    return taken;
}
