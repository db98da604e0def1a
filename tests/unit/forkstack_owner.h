/* SPDX-License-Identifier: MIT */
/* forkstack_owner.h - who spawns and syncs on a fork stack, for the tests of that structure by itself. */
#ifndef TESTS_FORKSTACK_OWNER_H
#define TESTS_FORKSTACK_OWNER_H

#include "forkstack.h"
#include "os.h"
#include "support/tasks.h"

/* The owner, as the inlined part of a typed task is one: its head is a variable. */
struct owner {
    struct filch__forkstack stack;
    struct filch__slot *head;
};

static inline void no_task(struct filch__forks *forks, struct filch__slot *head, void *at)
{
    (void)forks, (void)head, (void)at;
}

static inline void owner_init(struct owner *owner)
{
    filch__os_barrier_init();
    memset(owner, 0, sizeof *owner);
    must(filch__forkstack_reserve(&owner->stack));
    owner->head = owner->stack.base;
}

static inline void owner_end(struct owner *owner)
{
    filch__forkstack_check(&owner->stack);
    must(owner->head == owner->stack.base && filch__forkstack_head(&owner->stack) == owner->head);
    must(!filch__forkstack_has_children(&owner->stack));
    filch__forkstack_destroy(&owner->stack);
}

/* A child that is a number. True: somebody asks for work. */
static inline bool spawn(struct owner *owner, uint64_t number)
{
    struct filch__slot *slot = owner->head++;
    slot->data[0] = number;
    slot->run = (uintptr_t)no_task;
    filch__store_release(&slot->mark, FILCH__MARK_CHILD);
    return slot >= filch__load_relaxed(&owner->stack.fast.limit);
}

static inline void spawn_many(struct owner *owner, uint64_t from, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        (void)spawn(owner, from + i);
}

/* The newest child; NULL: it was stolen, and is joined. */
static inline struct filch__slot *sync_newest(struct owner *owner, bool share)
{
    struct filch__slot *slot = --owner->head;
    filch__store_relaxed(&slot->mark, 0);
    filch__compiler_fence();
    if (slot >= filch__load_relaxed(&owner->stack.fast.guard))
        return slot;
    if (filch__forkstack_sync(&owner->stack, slot, share) == FILCH__SYNC_OWN)
        return slot;
    while (!filch__forkstack_is_done(slot))
        sched_yield();
    filch__forkstack_joined(&owner->stack, slot);
    return NULL;
}

#endif
