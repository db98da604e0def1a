/* SPDX-License-Identifier: MIT */
/* slow.c - the slow paths, compiled apart. One thread reaches those for the last item alone; the others end the program,
 * since a figure that has one of them in it would be none.
 */
#include "study.h"

#include "../harness/bench.h"

void study_grow(struct strand *strand)
{
    bench_die("%p: the ring is full", (void *)strand);
}

struct task *study_take_last(struct strand *strand, uint64_t bottom, uint64_t top)
{
    struct ring *ring = filch__load_relaxed(&strand->ring);
    bool own = bottom == top && filch__cas_seq_cst(&strand->top, &top, top + 1);
    filch__store_relaxed(&strand->bottom, bottom + 1);
    return own ? filch__load_relaxed(&ring->items[bottom & ring->mask]) : NULL;
}

void study_wait(struct strand *strand, struct task *task)
{
    bench_die("%p: the task %p was stolen", (void *)strand, (void *)task);
}

bool study_settle(struct strand *strand, uint64_t index)
{
    uint64_t top = filch__load_acquire(&strand->top);
    if ((uint32_t)top != index || !filch__cas_seq_cst(&strand->top, &top, top + (1ull << 32)))
        bench_die("%p: the child %u was stolen", (void *)strand, (unsigned)index);
    return false;
}

void study_full(struct strand *strand)
{
    bench_die("%p: no slot is left", (void *)strand);
}

bool study_sync(struct strand *strand, struct slot *slot)
{
    bench_die("%p: the child %p is below the guard", (void *)strand, (void *)slot);
}

struct slot *study_spawn_moving(struct strand *strand, struct slot *slot)
{
    study_spawn_still(strand, slot);
    return slot + 1;
}

struct study_joined study_sync_moving(struct strand *strand, struct slot *head)
{
    return (struct study_joined){study_sync(strand, head - 1) ? head[-1].data : NULL, head - 1};
}

void *study_sync_at(struct strand *strand, struct slot **head)
{
    --*head;
    return study_sync(strand, *head) ? (*head)->data : NULL;
}

void study_spawn_still(struct strand *strand, struct slot *slot)
{
    bench_die("%p: the slot %p is above the limit", (void *)strand, (void *)slot);
}
