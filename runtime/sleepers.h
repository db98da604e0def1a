/* SPDX-License-Identifier: MIT */
/* sleepers.h - who waits in a pool, and for whom: the first two passes of a search for deadlocks (deadlock.h). */
#ifndef FILCH_SLEEPERS_H
#define FILCH_SLEEPERS_H

#include "waitgraph.h"
#include "work.h"

/* What a node of the graph stands for. */
struct filch__sleeper {
    struct filch__strand *strand; /* NULL: a task that is held */
    const struct filch__wait *wait;
    struct filch__wait_on on;
    uint32_t stretch;
    bool scope; /* it waits for one */
    const char *label;
    filch_fn *fn;
    size_t entry; /* in the report */
};

struct filch__sleepers {
    struct filch_pool *pool;
    struct filch__waitgraph graph;
    struct filch__sleeper *sleepers; /* by node */
    size_t room, held, held_room;
    uint32_t node; /* that is looked at */
};

enum filch__sleepers_found { FILCH__SLEEPERS_NONE, FILCH__SLEEPERS_SOME, FILCH__SLEEPERS_NO_MEMORY };

/* Pass 1: nodes. `sleepers` is zero but for the pool; close it whatever comes. */
enum filch__sleepers_found filch__sleepers_find(struct filch__sleepers *sleepers);
bool filch__sleepers_link(struct filch__sleepers *sleepers); /* pass 2: edges; false: no memory */
void filch__sleepers_close(struct filch__sleepers *sleepers);

/* Its strand is locked: is it in the same wait as it was, and has nothing ended that? */
bool filch__sleeper_is_same_locked(const struct filch__sleeper *sleeper);

#endif
