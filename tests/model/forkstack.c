/* SPDX-License-Identifier: MIT */
/* forkstack.c - models of the fork stack: each child runs once, its parent has its result, and its slot serves again
 * only when its thief is done with it.
 *
 * The parent is thread 0. It spawns and syncs by what typed tasks inline (detail/fork.h), whose slow paths are the
 * runtime's (join.c), so it waits as a thread does that is no worker's. Thieves are the models' own, and run what they
 * take without a stack of theirs, but for the one that is leapfrogged. The pool is a gate where somebody searches, so
 * that an owner that is asked shows its children and wakes nobody.
 */
#include "model.h"

enum { STRANDS = 3, CHILDREN = 8, RESULT = 100 };

static struct filch_pool pool;
static struct filch__worker worker[STRANDS], *workers[STRANDS];
static struct filch__strand strand[STRANDS]; /* of each thread */
static struct filch__forkstack *const stack = &strand[0].forks;
static struct filch__slot *head;
static int ran[CHILDREN];

static unseen void clear(void)
{
    filch__os_barrier_works = true;
    pool.threads = 1;
    pool.idle = 0;
    pool.worker = workers;
    for (int i = 0; i < STRANDS; i++) {
        worker[i] = (struct filch__worker){.pool = &pool, .id = (uint32_t)i};
        workers[i] = &worker[i];
        strand[i] = (struct filch__strand){.pool = &pool, .worker = &worker[i]};
    }
    for (int i = 0; i < CHILDREN; i++)
        ran[i] = 0;
}

static unseen void count(uint64_t id)
{
    ran[id]++;
}

static unseen int times_run(uint64_t id)
{
    return ran[id];
}

/* ---- the parent ---- */

static void begin(void)
{
    model_begin(0, FILCH__IDLE);
    clear();
    filch__gate_init(&pool.gate, 1);
    mc_assert(filch__gate_notify(&pool.gate, true) == FILCH__NOTIFY_START);
    mc_assert(filch__forkstack_reserve(stack));
    mc_name(stack->base, 8 * sizeof *stack->base, "slot");
    mc_name(&stack->words, sizeof stack->words, "words");
    mc_name(&stack->opening, sizeof stack->opening, "opening");
    mc_name(&stack->fast.guard, sizeof stack->fast.guard, "guard");
    mc_name(&stack->fast.limit, sizeof stack->fast.limit, "limit");
    head = stack->base;
}

static void child(struct filch__forks *forks, struct filch__slot *free_slot, void *at)
{
    uint64_t *data = at;
    (void)forks, (void)free_slot;
    count(*data);
    *data += RESULT;
}

static void spawn(uint64_t id)
{
    head->data[0] = id;
    filch__slot_spawn(&stack->fast, &head, child, 0);
}

static void sync(uint64_t id)
{
    const uint64_t *result = filch__slot_sync(&stack->fast, &head);
    if (!result) {
        child(&stack->fast, head + 1, head->data);
        result = head->data;
    }
    mc_assert(*result == id + RESULT && times_run(id) == 1);
}

static void end(uint64_t children)
{
    mc_assert(head == stack->base && filch__forkstack_head(stack) == head);
    filch__forkstack_check(stack);
    for (uint64_t i = 0; i < CHILDREN; i++)
        mc_assert(times_run(i) == (i < children));
}

/* ---- thieves ---- */

static void run_taken(struct filch__slot *slot)
{
    struct filch__forkstack *to = &strand[mc_self()].forks;
    filch__task_fn *run = filch__forkstack_taken(slot, to);
    run(&to->fast, NULL, slot->data);
    if (filch__forkstack_finish(slot))
        filch__waiter_complete(stack->joiner, NULL);
}

static bool steals(void)
{
    struct filch__slot *slot = filch__forkstack_steal(stack, NULL);
    if (slot)
        run_taken(slot);
    return slot;
}

static void *stealer(void *times)
{
    for (uintptr_t i = (uintptr_t)times; i-- > 0;)
        mc_reached(steals());
    return NULL;
}

/* By force where nothing is public. */
static void *opener(void *times)
{
    for (uintptr_t i = (uintptr_t)times; i-- > 0;)
        mc_reached(steals() || (filch__forkstack_open(stack) && steals()));
    return NULL;
}

static void *asker(void *times)
{
    for (uintptr_t i = (uintptr_t)times; i-- > 0;) {
        if (steals())
            continue;
        filch__forkstack_ask(stack);
        mc_reached(steals());
    }
    return NULL;
}

/* Two children; slots serve again. */
static void parent(void)
{
    spawn(0);
    spawn(1);
    sync(1);
    spawn(2);
    sync(2);
    sync(0);
}

/* Thieves of these kinds beside a parent, as often each. */
static void steal_from(void (*children)(void), void *(*first)(void *), void *(*second)(void *), int times)
{
    int a = mc_spawn(first, MODEL_ARG(times)), b = second ? mc_spawn(second, MODEL_ARG(times)) : 0;
    children();
    mc_join(a);
    if (second)
        mc_join(b);
}

MC_MODEL(forkstack_1x1, "a parent of three || a thief opens by force and steals", .preemptions = 3, .stale = 1)
{
    begin();
    steal_from(parent, opener, NULL, 1);
    end(3);
}

MC_MODEL(forkstack_1x2, "the same, twice", .preemptions = 3, .stale = 1)
{
    begin();
    steal_from(parent, opener, NULL, 2);
    end(3);
}

MC_MODEL(forkstack_2x1, "a parent of three || two thieves", .preemptions = 2, .stale = 1)
{
    begin();
    steal_from(parent, opener, opener, 1);
    end(3);
}

MC_MODEL(forkstack_2x2, "the same, twice each", .preemptions = 2, .stale = 1)
{
    begin();
    steal_from(parent, opener, opener, 2);
    end(3);
}

MC_MODEL(forkstack_ask, "a parent of three || a thief asks and steals, twice", .preemptions = 3, .stale = 1)
{
    begin();
    steal_from(parent, asker, NULL, 2);
    end(3);
}

MC_MODEL(forkstack_ask_open, "a parent of three || one thief asks, another opens", .preemptions = 2, .stale = 1)
{
    begin();
    steal_from(parent, asker, opener, 1);
    end(3);
}

static void one_after_another(void)
{
    for (uint64_t i = 0; i < 2; i++) {
        spawn(i);
        sync(i);
    }
}

MC_MODEL(forkstack_again, "a slot holds a child after another || a thief opens and steals, twice", .preemptions = 4,
         .stale = 2)
{
    begin();
    steal_from(one_after_another, opener, NULL, 2);
    end(2);
}

static void *opens(void *arg)
{
    filch__forkstack_open(stack);
    return arg;
}

MC_MODEL(forkstack_opened, "the same || a thief opens || another steals what is public", .preemptions = 3, .stale = 1)
{
    begin();
    steal_from(one_after_another, opens, stealer, 1);
    end(2);
}

static unseen void refuse_barrier(void)
{
    filch__os_barrier_works = false;
}

MC_MODEL(forkstack_no_barrier, "a parent of three || a thief asks and steals, twice, without membarrier",
         .preemptions = 3, .stale = 1)
{
    begin();
    refuse_barrier();
    steal_from(parent, asker, NULL, 2);
    end(3);
}

/* ---- public children, and slots from `end` on ---- */

static void spawn_three(void)
{
    mc_quiet(true);
    for (uint64_t i = 0; i < 3; i++)
        spawn(i);
    mc_quiet(false);
}

static void sync_three(void)
{
    for (uint64_t i = 3; i-- > 0;)
        sync(i);
}

MC_MODEL(forkstack_take_back, "a parent syncs three public children || a thief steals twice", .preemptions = 3,
         .stale = 1)
{
    begin();
    spawn_three();
    filch__forkstack_open_all(stack);
    steal_from(sync_three, stealer, NULL, 2);
    end(3);
}

MC_MODEL(forkstack_take_back_two, "a parent syncs three public children || two thieves", .preemptions = 2, .stale = 1)
{
    begin();
    spawn_three();
    filch__forkstack_open_all(stack);
    steal_from(sync_three, stealer, opener, 1);
    end(3);
}

static void open_and_sync(void)
{
    mc_assert(filch__forkstack_open_all(stack) || filch__load_acquire(&stack->base[2].state) == FILCH__CHILD_DONE ||
              filch__forkstack_thief(&stack->base[2]));
    sync_three();
}

MC_MODEL(forkstack_open_all, "a parent of three shows all, as one that is suspended || a thief opens and steals, twice",
         .preemptions = 3, .stale = 1)
{
    begin();
    spawn_three();
    steal_from(open_and_sync, opener, NULL, 2);
    end(3);
}

/* Three can be stolen; the rest is called at once. */
static void parent_of_five(void)
{
    for (uint64_t i = 0; i < 5; i++)
        spawn(i);
    for (uint64_t i = 5; i-- > 0;)
        sync(i);
}

MC_MODEL(forkstack_overflow, "a parent of five, two of which are called at once || a thief opens and steals",
         .preemptions = 2, .stale = 1)
{
    begin();
    steal_from(parent_of_five, opener, NULL, 1);
    end(5);
}

static void five_shown(void)
{
    for (uint64_t i = 0; i < 5; i++)
        spawn(i);
    filch__forkstack_open_all(stack);
    for (uint64_t i = 5; i-- > 0;)
        sync(i);
}

MC_MODEL(forkstack_overflow_all, "the same, all that can be stolen shown || a thief steals, four times",
         .preemptions = 2, .stale = 1)
{
    begin();
    steal_from(five_shown, opener, NULL, 4);
    end(5);
}

/* ---- a parent that waits runs what it takes back above its stolen child ---- */

static void parent_that_leaps(void)
{
    spawn(1);
    sync(1);
    struct filch__slot *slot = --head;
    filch__store_relaxed(&slot->mark, 0);
    if (filch__forkstack_sync(stack, slot, false) == FILCH__SYNC_OWN) {
        child(&stack->fast, head + 1, head->data);
        return;
    }
    head = slot + 1;
    spawn(2);
    sync(2);
    while (!filch__forkstack_is_done(slot))
        mc_yield();
    filch__forkstack_joined(stack, slot);
    head = slot;
}

/* Runs what it takes when it has tried for more. */
static void *hoarder(void *arg)
{
    struct filch__slot *slot[2] = {filch__forkstack_steal(stack, NULL), NULL};
    if (filch__forkstack_open(stack))
        slot[1] = filch__forkstack_steal(stack, NULL);
    for (int i = 2; i-- > 0;)
        if (slot[i])
            run_taken(slot[i]);
    return arg;
}

MC_MODEL(forkstack_busy,
         "a parent whose child was stolen spawns and syncs above it || its thief opens by force what it believes to be "
         "there",
         .preemptions = 3, .stale = 2)
{
    begin();
    spawn(0);
    filch__forkstack_share(stack, head);
    steal_from(parent_that_leaps, hoarder, NULL, 1);
    mc_assert(times_run(0) == 1 && times_run(1) == 1 && times_run(2) <= 1);
}

/* ---- while a trace is taken every spawn and every sync takes its slow path ---- */

static unseen void watch(void)
{
    stack->watched = true;
    filch__forkstack_set_full(stack, false);
    filch__forkstack_unask_spawn(stack, false);
}

MC_MODEL(forkstack_watched, "a watched parent of three || a thief opens by force and steals, twice", .preemptions = 3,
         .stale = 1)
{
    begin();
    watch();
    steal_from(parent, opener, NULL, 2);
    end(3);
}

MC_MODEL(forkstack_watched_ask, "a watched parent of three || one thief asks, another opens", .preemptions = 2,
         .stale = 1)
{
    begin();
    watch();
    steal_from(parent, asker, opener, 1);
    end(3);
}

MC_MODEL(forkstack_watched_overflow, "a watched parent of five, two of which are called at once || a thief opens",
         .preemptions = 2, .stale = 1)
{
    begin();
    watch();
    steal_from(parent_of_five, opener, NULL, 1);
    end(5);
}

/* ---- who goes to sleep, and who shows a child ---- */

static void *looker(void *ret_seen)
{
    filch__forkstack_ask_spawn(stack);
    if (filch__os_has_barrier())
        filch__os_barrier();
    *(bool *)ret_seen = filch__forkstack_has_children(stack);
    return NULL;
}

MC_MODEL(forkstack_notice, "a spawn || who asks, then looks for children: one sees the other (S6)",
         .preemptions = MC_ANY, .stale = MC_ANY)
{
    begin();
    bool seen;
    int a = mc_spawn(looker, &seen);
    spawn(0);
    mc_join(a);
    mc_assert(seen || !filch__forkstack_spawn_is_asked(stack)); /* it has answered */
}

MC_MODEL(forkstack_watched_notice, "the same, watched", .preemptions = MC_ANY, .stale = MC_ANY)
{
    begin();
    watch();
    bool seen;
    int a = mc_spawn(looker, &seen);
    spawn(0);
    mc_join(a);
    mc_assert(seen || !filch__forkstack_spawn_is_asked(stack));
}

static void *counts_and_looks(void *ret_seen)
{
    filch__add_seq_cst(counter, 1);
    *(bool *)ret_seen = filch__forkstack_has_children(stack);
    return NULL;
}

MC_MODEL(forkstack_notice_share,
         "a child is shown, then a word read || a change of the word, then a look for children, without membarrier: "
         "one sees the other (S8)",
         .preemptions = MC_ANY, .stale = MC_ANY)
{
    begin();
    refuse_barrier();
    bool seen;
    spawn(0);
    int a = mc_spawn(counts_and_looks, &seen);
    mc_assert(filch__forkstack_share(stack, head));
    bool looked = filch__load_seq_cst(counter);
    mc_join(a);
    mc_assert(seen || looked);
}

MC_MODEL(forkstack_notice_open, "the same, with a child that a thief opens by force (S8)", .preemptions = MC_ANY,
         .stale = MC_ANY)
{
    begin();
    bool seen;
    spawn(0);
    int a = mc_spawn(counts_and_looks, &seen);
    mc_assert(filch__forkstack_open(stack));
    bool looked = filch__load_seq_cst(counter);
    mc_join(a);
    mc_assert(seen || looked);
}

/* The only other worker parks. Until then it searches, so that the parent is eager to show its child; or it does
 * not. */
static bool searches;

static void *parks(void *ret_seen)
{
    filch__idle_push(&worker[2]);
    mc_assert(filch__gate_park(&pool.gate, searches) == FILCH__PARK_PLAIN);
    return looker(ret_seen);
}

static void spawn_beside_parking(bool searching, bool barrier)
{
    begin();
    searches = searching;
    if (!searching)
        filch__gate_found(&pool.gate);
    if (!barrier)
        refuse_barrier();
    filch__forks_resume(&strand[0]);
    bool seen;
    int a = mc_spawn(parks, &seen);
    spawn(0);
    mc_join(a);
    mc_reached(seen);
    bool asks_next = !barrier && !searching && stack->fast.limit < stack->end;
    mc_assert(seen || worker[2].token == FILCH__TOKEN_RUN || asks_next);
}

MC_MODEL(forkstack_notice_park, "the first spawn of a strand || a worker parks: it sees the child, or is woken (J1)",
         .preemptions = MC_ANY, .stale = MC_ANY)
{
    spawn_beside_parking(true, true);
}

MC_MODEL(forkstack_notice_shown, "the same without membarrier: the child is shown at once (S8)", .preemptions = MC_ANY,
         .stale = MC_ANY)
{
    spawn_beside_parking(true, false);
}

MC_MODEL(forkstack_notice_next,
         "the same, while nobody searches: it is woken, or the next spawn is told that it has asked (J1)",
         .preemptions = MC_ANY, .stale = MC_ANY)
{
    spawn_beside_parking(false, false);
}

static struct filch__table *table; /* of the parent's worker */

static void *parks_and_visits(void *ret_seen)
{
    filch__idle_push(&worker[2]);
    mc_assert(filch__gate_park(&pool.gate, false) == FILCH__PARK_PLAIN);
    filch__loot_ask(table);
    *(bool *)ret_seen = filch__loot_in(table);
    return NULL;
}

static void begin_with_table(void)
{
    begin();
    filch__gate_found(&pool.gate);
    table = mc_zalloc(sizeof *table + sizeof *table->worker);
    table->count = 1;
    table->worker[0] = &worker[0];
}

MC_MODEL(forkstack_notice_visit,
         "a spawn that nobody has asked for || a worker parks: it sees the child, or is woken (S6, J1)",
         .preemptions = MC_ANY, .stale = MC_ANY)
{
    begin_with_table();
    filch__store_release(&worker[0].running, &strand[0]);
    mc_assert(filch__forks_begin(&strand[0], NULL));
    filch__forkstack_unask_spawn(stack, false);
    bool seen;
    int a = mc_spawn(parks_and_visits, &seen);
    spawn(0);
    mc_join(a);
    mc_reached(seen);
    mc_assert(seen || worker[2].token == FILCH__TOKEN_RUN);
}

MC_MODEL(forkstack_notice_begin,
         "a worker comes to a strand, where a task begins and spawns || another parks: it finds strand and child, or "
         "is woken (J2)",
         .preemptions = MC_ANY, .stale = MC_ANY)
{
    begin_with_table();
    bool seen;
    int a = mc_spawn(parks_and_visits, &seen);
    filch__store_release(&worker[0].running, &strand[0]);
    mc_assert(filch__forks_begin(&strand[0], NULL));
    spawn(0);
    mc_join(a);
    mc_reached(seen);
    mc_assert(seen || worker[2].token == FILCH__TOKEN_RUN);
}

/* ---- leapfrogging ---- */

enum { OUTER, INNER, INNERMOST, LATER };

static void leap(struct filch__forks *forks, struct filch__slot *free_slot, void *at);

static void fork_one(struct filch__forks *forks, struct filch__slot *mine, uint64_t id)
{
    struct filch__slot *first = mine;
    mine->data[0] = id;
    filch__slot_spawn(forks, &mine, leap, 0);
    const uint64_t *result = filch__slot_sync(forks, &mine);
    if (!result) {
        leap(forks, mine, mine->data);
        result = mine->data;
    }
    mc_assert(*result == id + RESULT && mine == first);
}

/* OUTER is stolen, spawns INNER, which spawns INNERMOST. LATER is the thief's, when it is done with OUTER. */
static void leap(struct filch__forks *forks, struct filch__slot *free_slot, void *at)
{
    uint64_t *data = at, id = *data; /* its own children may use the slot */
    if (id == OUTER) {
        filch__store_release(counter, 1);
        while (filch__load_acquire(counter) < 2)
            mc_yield();
    }
    if (id < INNERMOST)
        fork_one(forks, free_slot, id + 1);
    mc_assert(id != LATER || mc_self() == 1);
    if (id == INNER)
        mc_reached(mc_self());
    count(id);
    *data = id + RESULT;
}

static void *leap_thief(void *arg)
{
    mc_assert(filch__forkstack_reserve(&strand[1].forks)); /* before it steals, as take() does */
    struct filch__loot loot = {filch__forkstack_steal(stack, NULL), stack};
    filch__loot_run(&strand[1], NULL, loot);
    mc_assert(filch__forks_begin(&strand[1], NULL));
    fork_one(&strand[1].forks.fast, strand[1].forks.base, LATER);
    filch__forks_end(&strand[1]);
    return arg;
}

MC_MODEL(forkstack_leap,
         "a parent waits for a stolen child, which spawns || the parent runs what that has spawned, and nothing that "
         "its thief spawns afterwards (S7)",
         .preemptions = 2, .stale = 1)
{
    begin();
    mc_quiet(true);
    mc_assert(filch__forks_begin(&strand[0], NULL));
    head->data[0] = OUTER;
    filch__slot_spawn(&stack->fast, &head, leap, 0);
    int a = mc_spawn(leap_thief, NULL);
    while (!filch__load_acquire(counter))
        mc_yield();
    filch__store_release(counter, 2);
    mc_quiet(false);
    const uint64_t *result = filch__slot_sync(&stack->fast, &head);
    mc_assert(result && *result == OUTER + RESULT);
    mc_join(a);
    filch__forkstack_check(&strand[1].forks);
    end(LATER + 1);
}
