/* SPDX-License-Identifier: MIT */
#include "deadlock.h"

#include "sleepers.h"

#define NONE FILCH__WAITGRAPH_NONE

/* ---- pass 3: what is left ---- */

static bool lasts(const struct filch__sleepers *all, size_t node)
{
    return all->sleepers[node].strand && filch__waitgraph_lasts(&all->graph, (uint32_t)node);
}

/* How many there are; *ret_new: not all of them were reported before. False: one goes on. */
static bool check(const struct filch__sleepers *all, size_t *ret_count, bool *ret_new)
{
    for (size_t i = 0; i < all->graph.count; i++) {
        const struct filch__sleeper *sleeper = &all->sleepers[i];
        if (!lasts(all, i))
            continue;
        filch__strand_lock(sleeper->strand);
        bool same = filch__sleeper_is_same_locked(sleeper);
        filch__strand_unlock(sleeper->strand);
        if (!same)
            return false;
        *ret_new |= sleeper->strand->deadlocked != sleeper->stretch;
        ++*ret_count;
    }
    return true;
}

/* ---- the report ---- */

static enum filch_waits_for waits_for(const struct filch__sleeper *sleeper)
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

static struct filch_deadlock_wait describe(const struct filch__sleepers *all, uint32_t node)
{
    const struct filch__sleeper *sleeper = &all->sleepers[node];
    struct filch_deadlock_wait wait = {
        .name = sleeper->label, .fn = sleeper->fn, .waits_for = waits_for(sleeper), .entry = SIZE_MAX};
    uint32_t target = filch__waitgraph_next(&all->graph, node);
    if (target != NONE) {
        wait.target_name = all->sleepers[target].label;
        wait.target_fn = all->sleepers[target].fn;
    }
    while (target != NONE && !all->sleepers[target].strand) /* held tasks are in no circle of their own */
        target = filch__waitgraph_next(&all->graph, target);
    if (target != NONE)
        wait.entry = all->sleepers[target].entry;
    return wait;
}

static bool report(struct filch__sleepers *all, size_t count, struct filch_deadlock *ret_found)
{
    const struct filch_allocator *allocator = &all->pool->allocator;
    struct filch_deadlock_wait *waits_ = allocator->alloc(allocator->ctx, count * sizeof *waits_);
    size_t entry = 0;
    if (!waits_)
        return false;
    for (size_t i = 0; i < all->graph.count; i++)
        if (lasts(all, i))
            all->sleepers[i].entry = entry++;
    for (size_t i = 0; i < all->graph.count; i++)
        if (lasts(all, i)) {
            waits_[all->sleepers[i].entry] = describe(all, (uint32_t)i);
            all->sleepers[i].strand->deadlocked = all->sleepers[i].stretch;
        }
    *ret_found = (struct filch_deadlock){.count = count, .waits = waits_};
    return true;
}

static uint64_t ended(const struct filch_pool *pool)
{
    uint64_t count = filch__load_acquire(&pool->outside_run) + filch__load_acquire(&pool->outside_dropped);
    const struct filch__worker *worker;
    for (size_t i = 0; (worker = filch__pool_worker(pool, i)) != NULL; i++)
        count += filch__load_acquire(&worker->count.run) + filch__load_acquire(&worker->count.dropped);
    return count;
}

static enum filch__deadlock solve(struct filch__sleepers *all, struct filch_deadlock *ret_found)
{
    uint64_t before = ended(all->pool);
    size_t count = 0;
    bool new = false;
    enum filch__sleepers_found found = filch__sleepers_find(all);
    if (found == FILCH__SLEEPERS_NONE)
        return FILCH__DEADLOCK_NONE;
    if (found == FILCH__SLEEPERS_NO_MEMORY || !filch__sleepers_link(all) || !filch__waitgraph_solve(&all->graph) ||
        !check(all, &count, &new) || (all->held && ended(all->pool) != before))
        return FILCH__DEADLOCK_UNCLEAR;
    if (!new)
        return FILCH__DEADLOCK_NONE;
    return report(all, count, ret_found) ? FILCH__DEADLOCK_FOUND : FILCH__DEADLOCK_UNCLEAR;
}

enum filch__deadlock filch__deadlock_find(struct filch_pool *pool, struct filch_deadlock *ret_found)
{
    struct filch__sleepers all = {.pool = pool};
    enum filch__deadlock outcome = solve(&all, ret_found);
    filch__sleepers_close(&all);
    return outcome;
}

void filch__deadlock_free(struct filch_pool *pool, struct filch_deadlock *found)
{
    struct filch_deadlock_wait *waits_ = (struct filch_deadlock_wait *)(uintptr_t)found->waits;
    pool->allocator.free(pool->allocator.ctx, waits_, found->count * sizeof *waits_);
}
