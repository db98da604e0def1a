/* SPDX-License-Identifier: MIT */
#include "sleepers.h"

#include "hold.h"
#include "scope.h"

#define NONE FILCH__WAITGRAPH_NONE

enum {
    CHUNK = 64,          /* futures of a set that are looked at under one lock */
    SET_MOST = 1 << 20,  /* futures of a set */
    HELD_MOST = 1 << 16, /* tasks that are held */
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

static void add_locked(struct filch__sleepers *all, struct filch__strand *strand)
{
    uint32_t node = filch__waitgraph_add(&all->graph);
    if (node == NONE) /* it has begun since they were counted */
        return;
    const struct filch__wait *wait = strand->waiting;
    const void *region = region_of(&wait->on);
    all->sleepers[node] = (struct filch__sleeper){.strand = strand,
                                                  .wait = wait,
                                                  .on = wait->on,
                                                  .stretch = filch__load_relaxed(&strand->stretch),
                                                  .scope = region && wait->on.kind == FILCH__ON_FUTURE,
                                                  .label = filch__load_relaxed(&strand->label),
                                                  .fn = filch__load_relaxed(&strand->fn)};
    filch__waitgraph_name(&all->graph, node, strand);
    if (region)
        filch__waitgraph_name(&all->graph, node, region);
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
static void add_held(struct filch__sleepers *all)
{
    filch__lock(&all->pool->held_lock);
    for (struct filch__hold *hold = all->pool->held_first; hold && all->held < all->held_room; hold = hold->next) {
        uint32_t node = filch__waitgraph_add(&all->graph);
        all->sleepers[node] = (struct filch__sleeper){.label = hold->record->name, .fn = hold->record->future->priv.fn};
        filch__waitgraph_name(&all->graph, node, hold->record->future);
        all->held++;
    }
    filch__unlock(&all->pool->held_lock);
}

static bool open_all(struct filch__sleepers *all, size_t strands)
{
    struct filch_pool *pool = all->pool;
    uint64_t held = filch__load_acquire(&pool->held);
    all->held_room = held < HELD_MOST ? (size_t)held : HELD_MOST;
    all->room = strands + all->held_room;
    all->sleepers = pool->allocator.alloc(pool->allocator.ctx, all->room * sizeof *all->sleepers);
    if (!all->sleepers || !filch__waitgraph_open(&all->graph, &pool->allocator, all->room))
        return false;
    add_held(all);
    filch__pool_visit(pool, add_strand, all);
    return true;
}

enum filch__sleepers_found filch__sleepers_find(struct filch__sleepers *all)
{
    size_t strands = 0;
    filch__pool_visit(all->pool, count_strand, &strands);
    if (!strands)
        return FILCH__SLEEPERS_NONE;
    return open_all(all, strands) ? FILCH__SLEEPERS_SOME : FILCH__SLEEPERS_NO_MEMORY;
}

void filch__sleepers_close(struct filch__sleepers *all)
{
    const struct filch_allocator *allocator = &all->pool->allocator;
    if (all->sleepers)
        allocator->free(allocator->ctx, all->sleepers, all->room * sizeof *all->sleepers);
    filch__waitgraph_close(&all->graph);
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
static void add_member(struct filch__sleepers *all, const struct filch__record *record, uint32_t member)
{
    for (const struct filch__scope *scope = record ? record->scope : NULL; scope; scope = scope->parent) {
        uint32_t closer = filch__waitgraph_find(&all->graph, &scope->ended);
        if (closer != NONE)
            filch__waitgraph_edge(&all->graph, closer, member);
    }
}

/* A waiter of the task that is looked at: does it hold another one? */
static void add_follower(struct filch__waiter *waiter, void *ctx)
{
    struct filch__sleepers *all = ctx;
    const struct filch__hold *hold = filch__hold_of(waiter);
    uint32_t held = hold ? filch__waitgraph_find(&all->graph, hold->record->future) : NONE;
    if (held != NONE)
        filch__waitgraph_edge(&all->graph, held, all->node);
}

/* The node that has to end before the future is done; NONE: something else may end it. */
static uint32_t node_of(const struct filch__sleepers *all, const struct filch_future *future)
{
    const void *runner = filch__future_runner(future);
    if (runner)
        return filch__waitgraph_find(&all->graph, runner);
    bool held = future->priv.flags & FILCH__FUTURE_HELD && filch__future_phase(future) == FILCH__QUEUED;
    return held ? filch__waitgraph_find(&all->graph, future) : NONE;
}

static const struct filch_future *future_at(const struct filch__wait_on *on, size_t i)
{
    if (on->kind == FILCH__ON_FUTURE || on->stride)
        return (const void *)((const char *)on->target + i * on->stride);
    return ((struct filch_future *const *)on->target)[i];
}

/* Of a set only what fits under one lock. False: the node is free. */
static bool add_targets_locked(struct filch__sleepers *all, const struct filch__wait_on *on, size_t first)
{
    size_t end = on->count < first + CHUNK ? on->count : first + CHUNK;
    for (size_t i = first; i < end; i++) {
        uint32_t target = node_of(all, future_at(on, i));
        if (target != NONE)
            filch__waitgraph_edge(&all->graph, all->node, target);
        else if (on->kind == FILCH__ON_ANY)
            return false;
    }
    return true;
}

static void add_thief_locked(struct filch__sleepers *all, const struct filch__wait_on *on)
{
    const char *stack = filch__forkstack_taker(on->target);
    uint32_t thief = NONE;
    if (stack)
        thief = filch__waitgraph_find(&all->graph, stack - offsetof(struct filch__strand, forks));
    if (thief != NONE)
        filch__waitgraph_edge(&all->graph, all->node, thief);
}

/* What waits for the task of this strand, and what this strand waits for. False: the node is free. */
static bool look_locked(struct filch__sleepers *all, const struct filch__sleeper *sleeper, size_t first)
{
    struct filch__strand *strand = sleeper->strand;
    struct filch_future *task = sleeper->wait->task;
    const struct filch__record *record = task->priv.record;
    if (sleeper->wait->deadline_ns != FILCH_NO_DEADLINE || time_may_stop(task, record) || scope_may_stop(record))
        return false;
    if (!first) {
        uint32_t runner = strand->graph ? filch__waitgraph_find(&all->graph, strand->graph) : NONE;
        if (runner != NONE)
            filch__waitgraph_edge(&all->graph, runner, all->node);
        add_member(all, record, all->node);
        if (all->held)
            filch__future_visit(task, add_follower, all);
    }
    switch (sleeper->on.kind) {
    case FILCH__ON_FUTURE:
    case FILCH__ON_ALL:
    case FILCH__ON_ANY:
        return add_targets_locked(all, &sleeper->on, first);
    case FILCH__ON_CHILD:
        add_thief_locked(all, &sleeper->on);
        return true;
    default: /* a scope, a graph: their members lead here; and what is free by having no edges */
        return true;
    }
}

bool filch__sleeper_is_same_locked(const struct filch__sleeper *sleeper)
{
    struct filch__strand *strand = sleeper->strand;
    return strand->waiting == sleeper->wait && waits(strand) &&
           filch__load_relaxed(&strand->stretch) == sleeper->stretch;
}

static bool add_edges(struct filch__sleepers *all, const struct filch__sleeper *sleeper)
{
    size_t first = 0, count = sleeper->on.count;
    bool lasts = count <= SET_MOST;
    if (sleeper->on.kind == FILCH__ON_ANY)
        filch__waitgraph_any(&all->graph, all->node);
    do {
        if (!filch__waitgraph_reserve(&all->graph, CHUNK + 16 + all->held))
            return false;
        filch__strand_lock(sleeper->strand);
        lasts = lasts && filch__sleeper_is_same_locked(sleeper) && look_locked(all, sleeper, first);
        filch__strand_unlock(sleeper->strand);
        first += CHUNK;
    } while (lasts && first < count);
    if (!lasts)
        filch__waitgraph_free(&all->graph, all->node);
    return true;
}

/* Tasks that are held by held ones. Who was let go meanwhile is free. */
static bool add_held_edges(struct filch__sleepers *all)
{
    if (!filch__waitgraph_reserve(&all->graph, 4 * all->held))
        return false;
    filch__lock(&all->pool->held_lock);
    for (struct filch__hold *hold = all->pool->held_first; hold; hold = hold->next) {
        all->node = filch__waitgraph_find(&all->graph, hold->record->future);
        if (all->node == NONE || all->sleepers[all->node].strand)
            continue;
        add_member(all, hold->record, all->node);
        if (scope_may_stop(hold->record))
            filch__waitgraph_free(&all->graph, all->node);
        filch__future_visit(hold->record->future, add_follower, all);
    }
    filch__unlock(&all->pool->held_lock);
    return true;
}

bool filch__sleepers_link(struct filch__sleepers *all)
{
    for (all->node = 0; all->node < all->graph.count; all->node++)
        if (all->sleepers[all->node].strand && !add_edges(all, &all->sleepers[all->node]))
            return false;
    return !all->held || add_held_edges(all);
}
