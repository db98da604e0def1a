/* SPDX-License-Identifier: MIT */
#include "deadlock.h"

#include "hold.h"
#include "scope.h"
#include "waitgraph.h"

#include <string.h>

#define NONE FILCH__WAITGRAPH_NONE

enum {
    CHUNK = 64,          /* futures of a set that are looked at under one lock */
    SET_MOST = 1 << 20,  /* futures of a set */
    HELD_MOST = 1 << 16, /* tasks that are held */
};

/* What a node stands for. */
struct sleeper {
    struct filch__strand *strand; /* NULL: a task that is held */
    const struct filch__wait *wait;
    struct filch__wait_on on;
    uint32_t stretch;
    bool scope; /* it waits for one */
    const char *label;
    filch_fn *fn;
    size_t entry; /* in the report */
};

struct search {
    struct filch_pool *pool;
    struct filch__waitgraph graph;
    struct sleeper *sleepers; /* by node */
    size_t room, held, held_room;
    uint32_t node; /* at which the search is */
};

/* ---- pass 1: nodes ---- */

static bool waits(const struct filch__strand *strand)
{
    return strand->waiting && !filch__waiter_fired(&strand->waiting->waiter);
}

/* Somebody waits for all that happens in it: a scope by its promise. */
static const void *region_of(const struct filch__wait_on *on)
{
    const struct filch_future *future = on->target;
    if (on->kind == FILCH__ON_GRAPH)
        return on->target;
    return on->kind == FILCH__ON_FUTURE && future->priv.flags & FILCH__FUTURE_SCOPE ? future : NULL;
}

static void add_locked(struct search *search, struct filch__strand *strand)
{
    uint32_t node = filch__waitgraph_add(&search->graph);
    if (node == NONE) /* it has begun since they were counted */
        return;
    const struct filch__wait *wait = strand->waiting;
    const void *region = region_of(&wait->on);
    search->sleepers[node] = (struct sleeper){.strand = strand,
                                              .wait = wait,
                                              .on = wait->on,
                                              .stretch = filch__load_relaxed(&strand->stretch),
                                              .scope = region && wait->on.kind == FILCH__ON_FUTURE,
                                              .label = filch__load_relaxed(&strand->label),
                                              .fn = filch__load_relaxed(&strand->fn)};
    filch__waitgraph_name(&search->graph, node, strand);
    if (region)
        filch__waitgraph_name(&search->graph, node, region);
}

static void add_strand(struct filch__strand *strand, void *ctx)
{
    filch__strand_lock(strand);
    if (waits(strand))
        add_locked(ctx, strand);
    filch__strand_unlock(strand);
}

static void count_strand(struct filch__strand *strand, void *ctx)
{
    filch__strand_lock(strand);
    *(size_t *)ctx += waits(strand);
    filch__strand_unlock(strand);
}

/* Under the lock of their list they have not been queued: so they are in place, futures, scopes and all. */
static void add_held(struct search *search)
{
    filch__lock(&search->pool->held_lock);
    for (struct filch__hold *hold = search->pool->held_first; hold && search->held < search->held_room;
         hold = hold->next) {
        uint32_t node = filch__waitgraph_add(&search->graph);
        search->sleepers[node] = (struct sleeper){.label = hold->record->name, .fn = hold->record->future->priv.fn};
        filch__waitgraph_name(&search->graph, node, hold->record->future);
        search->held++;
    }
    filch__unlock(&search->pool->held_lock);
}

static bool open_search(struct search *search, size_t strands)
{
    struct filch_pool *pool = search->pool;
    uint64_t held = filch__load_acquire(&pool->held);
    search->held_room = held < HELD_MOST ? (size_t)held : HELD_MOST;
    search->room = strands + search->held_room;
    search->sleepers = pool->allocator.alloc(pool->allocator.ctx, search->room * sizeof *search->sleepers);
    if (!search->sleepers || !filch__waitgraph_open(&search->graph, &pool->allocator, search->room))
        return false;
    add_held(search);
    filch__pool_visit(pool, add_strand, search);
    return true;
}

static void close_search(struct search *search)
{
    const struct filch_allocator *allocator = &search->pool->allocator;
    if (search->sleepers)
        allocator->free(allocator->ctx, search->sleepers, search->room * sizeof *search->sleepers);
    if (search->graph.allocator)
        filch__waitgraph_close(&search->graph);
}

/* ---- pass 2: edges ---- */

/* Its scope may stop it by itself: when it times out, or another member ends. */
static bool scope_may_stop(const struct filch__record *record)
{
    for (const struct filch__scope *scope = record ? record->scope : NULL; scope; scope = scope->parent)
        if (scope->timed || scope->policy != FILCH_SCOPE_ALL)
            return true;
    return false;
}

/* Its own time-out may, if that has not tried already: on this thread. */
static bool time_may_stop(const struct filch_future *task, const struct filch__record *record)
{
    return record && record->timeout_ns && !filch__future_timed_out(task);
}

/* Who closes a scope that the task is in waits for the task. */
static void add_member(struct search *search, const struct filch__record *record, uint32_t member)
{
    for (const struct filch__scope *scope = record ? record->scope : NULL; scope; scope = scope->parent) {
        uint32_t closer = filch__waitgraph_find(&search->graph, &scope->ended);
        if (closer != NONE)
            filch__waitgraph_edge(&search->graph, closer, member);
    }
}

/* A waiter of the task that is looked at: does it hold another one? */
static void add_follower(struct filch__waiter *waiter, void *ctx)
{
    struct search *search = ctx;
    const struct filch__hold *hold = filch__hold_of(waiter);
    uint32_t held = hold ? filch__waitgraph_find(&search->graph, hold->record->future) : NONE;
    if (held != NONE)
        filch__waitgraph_edge(&search->graph, held, search->node);
}

/* The node that has to end before the future is done; NONE: something else may end it. */
static uint32_t node_of(const struct search *search, const struct filch_future *future)
{
    const void *runner = filch__future_runner(future);
    if (runner)
        return filch__waitgraph_find(&search->graph, runner);
    bool held = future->priv.flags & FILCH__FUTURE_HELD && filch__future_phase(future) == FILCH__QUEUED;
    return held ? filch__waitgraph_find(&search->graph, future) : NONE;
}

static const struct filch_future *future_at(const struct filch__wait_on *on, size_t i)
{
    if (on->kind == FILCH__ON_FUTURE || on->stride)
        return (const void *)((const char *)on->target + i * on->stride);
    return ((struct filch_future *const *)on->target)[i];
}

/* Of a set only what fits under one lock. False: the node is free. */
static bool add_targets_locked(struct search *search, const struct filch__wait_on *on, size_t first)
{
    size_t end = on->count < first + CHUNK ? on->count : first + CHUNK;
    for (size_t i = first; i < end; i++) {
        uint32_t target = node_of(search, future_at(on, i));
        if (target != NONE)
            filch__waitgraph_edge(&search->graph, search->node, target);
        else if (on->kind == FILCH__ON_ANY)
            return false;
    }
    return true;
}

static void add_thief_locked(struct search *search, const struct filch__wait_on *on)
{
    const char *stack = filch__forkstack_taker(on->target);
    uint32_t thief = NONE;
    if (stack)
        thief = filch__waitgraph_find(&search->graph, stack - offsetof(struct filch__strand, forks));
    if (thief != NONE)
        filch__waitgraph_edge(&search->graph, search->node, thief);
}

/* What waits for the task of this strand, and what this strand waits for. False: the node is free. */
static bool look_locked(struct search *search, const struct sleeper *sleeper, size_t first)
{
    struct filch__strand *strand = sleeper->strand;
    struct filch_future *task = sleeper->wait->task;
    const struct filch__record *record = task->priv.record;
    if (sleeper->wait->deadline_ns != FILCH_NO_DEADLINE || time_may_stop(task, record) || scope_may_stop(record))
        return false;
    if (!first) {
        uint32_t runner = strand->graph ? filch__waitgraph_find(&search->graph, strand->graph) : NONE;
        if (runner != NONE)
            filch__waitgraph_edge(&search->graph, runner, search->node);
        add_member(search, record, search->node);
        if (search->held)
            filch__future_visit(task, add_follower, search);
    }
    switch (sleeper->on.kind) {
    case FILCH__ON_FUTURE:
    case FILCH__ON_ALL:
    case FILCH__ON_ANY:
        return add_targets_locked(search, &sleeper->on, first);
    case FILCH__ON_CHILD:
        add_thief_locked(search, &sleeper->on);
        return true;
    default: /* a scope, a graph: their members lead here; and what is free by having no edges */
        return true;
    }
}

static bool is_same_locked(const struct sleeper *sleeper)
{
    struct filch__strand *strand = sleeper->strand;
    return strand->waiting == sleeper->wait && waits(strand) &&
           filch__load_relaxed(&strand->stretch) == sleeper->stretch;
}

static bool add_edges(struct search *search, const struct sleeper *sleeper)
{
    size_t first = 0, count = sleeper->on.count;
    bool lasts = count <= SET_MOST;
    if (sleeper->on.kind == FILCH__ON_ANY)
        filch__waitgraph_any(&search->graph, search->node);
    do {
        if (!filch__waitgraph_reserve(&search->graph, CHUNK + 16 + search->held))
            return false;
        filch__strand_lock(sleeper->strand);
        lasts = lasts && is_same_locked(sleeper) && look_locked(search, sleeper, first);
        filch__strand_unlock(sleeper->strand);
        first += CHUNK;
    } while (lasts && first < count);
    if (!lasts)
        filch__waitgraph_free(&search->graph, search->node);
    return true;
}

/* Tasks that are held by held ones. Who was let go meanwhile is free. */
static bool add_held_edges(struct search *search)
{
    if (!filch__waitgraph_reserve(&search->graph, 4 * search->held))
        return false;
    filch__lock(&search->pool->held_lock);
    for (struct filch__hold *hold = search->pool->held_first; hold; hold = hold->next) {
        search->node = filch__waitgraph_find(&search->graph, hold->record->future);
        if (search->node == NONE || search->sleepers[search->node].strand)
            continue;
        add_member(search, hold->record, search->node);
        if (scope_may_stop(hold->record))
            filch__waitgraph_free(&search->graph, search->node);
        filch__future_visit(hold->record->future, add_follower, search);
    }
    filch__unlock(&search->pool->held_lock);
    return true;
}

static bool add_all_edges(struct search *search)
{
    for (search->node = 0; search->node < search->graph.count; search->node++)
        if (search->sleepers[search->node].strand && !add_edges(search, &search->sleepers[search->node]))
            return false;
    return !search->held || add_held_edges(search);
}

/* ---- pass 3: what is left ---- */

static bool lasts(const struct search *search, size_t node)
{
    return search->sleepers[node].strand && filch__waitgraph_lasts(&search->graph, (uint32_t)node);
}

/* How many there are; *ret_new: not all of them were reported before. False: one goes on. */
static bool check(const struct search *search, size_t *ret_count, bool *ret_new)
{
    for (size_t i = 0; i < search->graph.count; i++) {
        const struct sleeper *sleeper = &search->sleepers[i];
        if (!lasts(search, i))
            continue;
        filch__strand_lock(sleeper->strand);
        bool same = is_same_locked(sleeper);
        filch__strand_unlock(sleeper->strand);
        if (!same)
            return false;
        *ret_new |= sleeper->strand->deadlocked != sleeper->stretch;
        ++*ret_count;
    }
    return true;
}

/* ---- the report ---- */

static enum filch_waits_for waits_for(const struct sleeper *sleeper)
{
    switch (sleeper->on.kind) {
    case FILCH__ON_ALL:
        return FILCH_WAITS_FOR_ALL;
    case FILCH__ON_ANY:
        return FILCH_WAITS_FOR_ANY;
    case FILCH__ON_GRAPH:
        return FILCH_WAITS_FOR_GRAPH;
    case FILCH__ON_CHILD:
        return FILCH_WAITS_FOR_CHILD;
    default:
        return sleeper->scope ? FILCH_WAITS_FOR_SCOPE : FILCH_WAITS_FOR_TASK;
    }
}

static struct filch_deadlock_wait describe(const struct search *search, uint32_t node)
{
    const struct sleeper *sleeper = &search->sleepers[node];
    struct filch_deadlock_wait wait = {
        .name = sleeper->label, .fn = sleeper->fn, .waits_for = waits_for(sleeper), .entry = SIZE_MAX};
    uint32_t target = filch__waitgraph_next(&search->graph, node);
    if (target != NONE) {
        wait.target_name = search->sleepers[target].label;
        wait.target_fn = search->sleepers[target].fn;
    }
    while (target != NONE && !search->sleepers[target].strand) /* held tasks are in no circle of their own */
        target = filch__waitgraph_next(&search->graph, target);
    if (target != NONE)
        wait.entry = search->sleepers[target].entry;
    return wait;
}

static bool report(struct search *search, size_t count, struct filch_deadlock *ret_found)
{
    const struct filch_allocator *allocator = &search->pool->allocator;
    struct filch_deadlock_wait *waits_ = allocator->alloc(allocator->ctx, count * sizeof *waits_);
    size_t entry = 0;
    if (!waits_)
        return false;
    for (size_t i = 0; i < search->graph.count; i++)
        if (lasts(search, i))
            search->sleepers[i].entry = entry++;
    for (size_t i = 0; i < search->graph.count; i++)
        if (lasts(search, i)) {
            waits_[search->sleepers[i].entry] = describe(search, (uint32_t)i);
            search->sleepers[i].strand->deadlocked = search->sleepers[i].stretch;
        }
    *ret_found = (struct filch_deadlock){.count = count, .waits = waits_};
    return true;
}

static uint64_t ended(const struct filch_pool *pool)
{
    uint64_t count = filch__load_acquire(&pool->outside_run) + filch__load_acquire(&pool->outside_dropped);
    for (size_t i = 0; i < FILCH_WORKERS_MAX; i++) {
        const struct filch__worker *worker = filch__load_acquire(&pool->worker[i]);
        if (!worker)
            break;
        count += filch__load_acquire(&worker->count.run) + filch__load_acquire(&worker->count.dropped);
    }
    return count;
}

static enum filch__deadlock solve(struct search *search, struct filch_deadlock *ret_found)
{
    uint64_t before = ended(search->pool);
    size_t strands = 0, count = 0;
    bool new = false;
    filch__pool_visit(search->pool, count_strand, &strands);
    if (!strands)
        return FILCH__DEADLOCK_NONE;
    if (!open_search(search, strands) || !add_all_edges(search) || !filch__waitgraph_solve(&search->graph) ||
        !check(search, &count, &new) || (search->held && ended(search->pool) != before))
        return FILCH__DEADLOCK_UNCLEAR;
    if (!new)
        return FILCH__DEADLOCK_NONE;
    return report(search, count, ret_found) ? FILCH__DEADLOCK_FOUND : FILCH__DEADLOCK_UNCLEAR;
}

enum filch__deadlock filch__deadlock_find(struct filch_pool *pool, struct filch_deadlock *ret_found)
{
    struct search search = {.pool = pool};
    enum filch__deadlock outcome = solve(&search, ret_found);
    close_search(&search);
    return outcome;
}

void filch__deadlock_free(struct filch_pool *pool, struct filch_deadlock *found)
{
    struct filch_deadlock_wait *waits_ = (struct filch_deadlock_wait *)(uintptr_t)found->waits;
    pool->allocator.free(pool->allocator.ctx, waits_, found->count * sizeof *waits_);
}
