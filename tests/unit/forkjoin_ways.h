/* SPDX-License-Identifier: MIT */
/* forkjoin_ways.h - the ways in which a typed task comes to run, for tests that try all of them.
 *
 * A child that is to be stolen: its parent spawns it and goes on when it has run, which takes another worker.
 */
#ifndef TESTS_FORKJOIN_WAYS_H
#define TESTS_FORKJOIN_WAYS_H

#include "support/tasks.h"

#include <filch/fork.h>

/* How often the tasks of this file have run. */
static atomic_int tasks_ran;

enum way { CALLED, SYNCED, STOLEN, WAYS };

/* Between spawn and sync. `before`: what `tasks_ran` was before the spawn. */
static inline void let_run(enum way way, int before)
{
    if (way == STOLEN)
        wait_until(atomic_load(&tasks_ran) != before);
}

/* Who is to have his children stolen needs another worker. */
static inline void in_pools(enum way way, void (*run)(struct filch_pool *pool, enum way way))
{
    for (unsigned limit = way == STOLEN ? 2 : 1; limit <= 3; limit++) {
        struct filch_pool *pool = pool_of(limit);
        run(pool, way);
        pool_end(pool);
    }
}

#endif
