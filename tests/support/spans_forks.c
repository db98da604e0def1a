/* SPDX-License-Identifier: MIT */
/* Kernels of typed tasks (spans.c): children that are stolen and not, and that wait. */
#define TEST_FURTHER_SOURCE
#include "spans.h"

FILCH_TASK(struct cost, tree, (unsigned, levels))
{
    struct cost before = spin(LEAF_US / 4);
    if (!levels)
        return then(before, spin(LEAF_US));
    FILCH_SPAWN(tree, levels - 1);
    struct cost second = FILCH_CALL(tree, levels - 1), first = FILCH_SYNC(tree);
    return then(then(before, beside(first, second)), spin(LEAF_US / 4));
}

struct cost run_tree(struct filch_pool *pool)
{
    return FILCH_RUN(pool, tree, 5);
}

FILCH_TASK(struct cost, leaf, (unsigned, us))
{
    return spin(us);
}

/* Children of unequal length; each begins when the ones before it have been spawned. */
FILCH_TASK(struct cost, unequal, (unsigned, count))
{
    struct cost before[CHILDREN], all;
    for (unsigned i = 0; i < count; i++) {
        before[i] = spin(LEAF_US);
        FILCH_SPAWN(leaf, LEAF_US * (1 + 3 * (i % 3)));
    }
    all = spin(LEAF_US);
    for (unsigned i = count; i-- > 0;)
        all = then(before[i], beside(all, FILCH_SYNC(leaf)));
    return all;
}

struct cost run_unequal(struct filch_pool *pool)
{
    return FILCH_RUN(pool, unequal, CHILDREN);
}

/* The first child is certainly stolen: its parent waits for its beginning. */
FILCH_TASK(struct cost, stolen_leaf, (unsigned, us), (atomic_bool *, begun))
{
    atomic_store(begun, true);
    return spin(us);
}

/* With a short and a long one, on either side. */
FILCH_TASK(struct cost, steal_one, (unsigned, child_us), (unsigned, own_us))
{
    atomic_bool begun = false;
    struct cost before = spin(LEAF_US);
    FILCH_SPAWN(stolen_leaf, child_us, &begun);
    struct cost own = spin_until(&begun);
    own = then(own, spin(own_us));
    struct cost both = beside(own, FILCH_SYNC(stolen_leaf));
    return then(then(before, both), spin(LEAF_US));
}

struct cost run_stolen(struct filch_pool *pool)
{
    struct cost one = FILCH_RUN(pool, steal_one, 10 * LEAF_US, LEAF_US);
    return then(one, FILCH_RUN(pool, steal_one, LEAF_US, 10 * LEAF_US));
}

/* A child that is not stolen itself has one that is, and is long, beside a parent that is long: what the child waited must
 * not be added to its parent's. The pool's other worker is busy until the child runs. */
struct busy {
    atomic_bool begun, end;
    struct cost cost;
    struct filch_future future;
};

static int be_busy(void *data)
{
    struct busy *busy = data;
    atomic_store(&busy->begun, true);
    busy->cost = spin_until(&busy->end);
    return 0;
}

FILCH_TASK(struct cost, steal_below, (struct busy *, busy), (unsigned, us))
{
    FILCH_SPAWN(steal_one, us, LEAF_US / 2);
    struct cost own = spin(us);
    atomic_store(&busy->end, true);
    struct cost both = beside(own, FILCH_SYNC(steal_one));
    return then(both, spin(LEAF_US));
}

struct cost run_below(struct filch_pool *pool)
{
    static struct busy busy;
    must(filch_submit(pool, &busy.future, be_busy, &busy) == 0);
    wait_until(atomic_load(&busy.begun));
    struct cost cost = FILCH_RUN(pool, steal_below, &busy, 10 * LEAF_US);
    must(filch_wait(&busy.future) == 0);
    return beside(cost, busy.cost);
}

/* A thief's child that its parent, who waits for the thief, takes back. */
FILCH_TASK(struct cost, thief, (atomic_bool *, begun))
{
    atomic_bool back = false;
    atomic_store(begun, true);
    struct cost before = spin(LEAF_US);
    FILCH_SPAWN(stolen_leaf, 8 * LEAF_US, &back);
    struct cost own = spin_until(&back);
    own = then(own, spin(2 * LEAF_US));
    struct cost both = beside(own, FILCH_SYNC(stolen_leaf));
    return then(then(before, both), spin(LEAF_US));
}

FILCH_TASK(struct cost, steal_back, (unsigned, us))
{
    atomic_bool begun = false;
    struct cost before = spin(us);
    FILCH_SPAWN(thief, &begun);
    struct cost own = spin_until(&begun);
    struct cost both = beside(own, FILCH_SYNC(thief));
    return then(then(before, both), spin(us));
}

struct cost run_back(struct filch_pool *pool)
{
    return FILCH_RUN(pool, steal_back, LEAF_US);
}

static atomic_uint_fast64_t loop_work, loop_longest;

static int index_spins(void *ctx, size_t begin, size_t end, unsigned slot)
{
    (void)ctx, (void)slot;
    must(end == begin + 1);
    uint64_t took = spin(LEAF_US * (begin % 8 ? 1 : 4)).work, longest = atomic_load(&loop_longest);
    atomic_fetch_add(&loop_work, took);
    while (took > longest && !atomic_compare_exchange_weak(&loop_longest, &longest, took))
        ;
    return 0;
}

/* Pieces of one index each are all beside one another. */
struct cost run_loop(struct filch_pool *pool)
{
    const struct filch_for_options options = {.grain = 1};
    must(filch_for(pool, 0, 64, &options, index_spins, NULL) == 0);
    return (struct cost){atomic_load(&loop_work), atomic_load(&loop_longest)};
}

/* A child that is not stolen waits for a long task, beside a parent that is long: they do not add up. And the reverse: the
 * parent waits, and the child does not. */
FILCH_TASK(struct cost, waits, (struct job *, job), (unsigned, us))
{
    struct cost before = spin(LEAF_US);
    wait_for_it(job);
    struct cost at = beside(before, job->cost);
    return then(at, spin(us));
}

FILCH_TASK(struct cost, child_waits, (struct job *, job))
{
    must(filch_submit(NULL, &job->future, work_off, job) == 0);
    FILCH_SPAWN(waits, job, LEAF_US);
    struct cost own = spin(8 * LEAF_US);
    struct cost both = beside(own, FILCH_SYNC(waits));
    return then(both, spin(LEAF_US));
}

FILCH_TASK(struct cost, parent_waits, (struct job *, job))
{
    must(filch_submit(NULL, &job->future, work_off, job) == 0);
    FILCH_SPAWN(leaf, 8 * LEAF_US);
    struct cost own = FILCH_CALL(waits, job, LEAF_US);
    struct cost both = beside(own, FILCH_SYNC(leaf));
    return then(both, spin(LEAF_US));
}

struct cost run_inner(struct filch_pool *pool)
{
    static struct job jobs[] = {{.us = 8 * LEAF_US}, {.us = 8 * LEAF_US}};
    struct cost one = FILCH_RUN(pool, child_waits, &jobs[0]);
    return then(one, FILCH_RUN(pool, parent_waits, &jobs[1]));
}
