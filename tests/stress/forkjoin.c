/* SPDX-License-Identifier: MIT */
/* forkjoin.c - random trees of typed tasks under steals: each node runs exactly once, and every parent gets from each
 * child what that child gave.
 *
 * A node's shape follows from its seed alone, so that a serial walk over the same tree tells how many nodes there are
 * and what their weighted sum is. On the way nodes submit and wait, keep promises, run roots of their own in either
 * pool, take long or no time; meanwhile the limits change. In some rounds the trees are cancelled: then what has begun
 * must have ended, and no more nodes have run than there are.
 */
#include "support/stress.h"

#include <filch/fork.h>

enum { roots = 6, pools = 2, most_nodes = 20000, deepest = 9, most_children = 36 };

struct forest {
    struct filch_pool *pool[pools];
    bool cancels;
    bool crosses; /* roots in the other pool */
    atomic_long begun, ended;
};

struct root {
    struct filch_future future;
    struct forest *forest;
    uint64_t seed, sum, expected;
    int depth;
    long nodes;
};

/* Too large for a slot. */
struct heavy {
    uint64_t word[12];
};

/* ---- the shape of a tree ---- */

static uint64_t value_of(uint64_t seed)
{
    return random_next(&seed);
}

static uint64_t child_seed(uint64_t seed, unsigned i)
{
    seed += (i + 1) * 0x632be59bd9b4e019u;
    return random_next(&seed);
}

/* Some have many children, most have few: stacks get deep as well as wide. */
static unsigned child_count(uint64_t seed, int depth)
{
    seed ^= 0x5851f42d4c957f2du;
    unsigned die = random_below(&seed, 16);
    if (depth <= 0 || die < 3)
        return 0;
    return die == 3 ? 12 + random_below(&seed, most_children - 12) : die % 4;
}

static uint64_t walk(uint64_t seed, int depth, long *nodes)
{
    uint64_t sum = value_of(seed);
    unsigned count = child_count(seed, depth);
    ++*nodes;
    for (unsigned i = 0; i < count; i++)
        sum += walk(child_seed(seed, i), depth - 1, nodes) * (i + 1);
    return sum;
}

/* ---- nodes of three kinds around one body ---- */

FILCH_TASK_LOCAL(uint64_t, node, (struct forest *, forest), (uint64_t, seed), (int, depth));

FILCH_TASK(struct heavy, heavy_node, (struct heavy, heavy), (struct forest *, forest), (int, depth))
{
    for (unsigned i = 1; i < 12; i++)
        claim(heavy.word[i] == heavy.word[0] + i);
    heavy.word[11] = FILCH_CALL(node, forest, heavy.word[0], depth);
    return heavy;
}

FILCH_VOID_TASK(void_node, (uint64_t *, sum), (struct forest *, forest), (uint64_t, seed), (int, depth))
{
    *sum = FILCH_CALL(node, forest, seed, depth);
}

static struct heavy load(uint64_t seed)
{
    struct heavy heavy;
    for (unsigned i = 0; i < 12; i++)
        heavy.word[i] = seed + i;
    return heavy;
}

static uint64_t unload(const struct heavy *heavy, uint64_t seed)
{
    claim(heavy->word[0] == seed && heavy->word[10] == seed + 10);
    return heavy->word[11];
}

/* ---- what nodes do besides ---- */

FILCH_TASK(int, tiny, (int, a), (int, b))
{
    return a - b;
}

static int run_tiny(void *data)
{
    (void)data;
    return FILCH_RUN(NULL, tiny, 9, 4);
}

static int keep(void *data)
{
    return filch_complete(data, 0);
}

/* Submit and wait; only what is cancelled may come to nothing. */
static void submit_beside(const struct forest *forest, struct filch_pool *pool, bool by_promise)
{
    struct filch_future future = {0}, promise = {0};
    filch_promise_init(&promise);
    int r = filch_submit(pool, &future, by_promise ? keep : run_tiny, &promise);
    claim(r == 0 || (r == -ECANCELED && forest->cancels));
    if (r == 0 && by_promise)
        (void)filch_wait(&promise);
    int status = filch_wait(&future);
    claim(status == (by_promise ? 0 : 5) || forest->cancels);
    (void)filch_complete(&promise, 0);
}

static struct filch_pool *any_pool(const struct forest *forest, uint64_t *random)
{
    return forest->crosses && random_below(random, 4) == 0 ? forest->pool[random_below(random, pools)] : NULL;
}

static void distract(const struct forest *forest, uint64_t *random)
{
    switch (random_below(random, 100)) {
    case 0:
    case 1:
        submit_beside(forest, any_pool(forest, random), false);
        break;
    case 2:
        submit_beside(forest, any_pool(forest, random), true);
        break;
    case 3:
        dawdle(1000);
        break;
    case 4:
        sched_yield();
        break;
    case 5:
        (void)filch_pool_resize(forest->pool[random_below(random, pools)], 1, 1 + random_below(random, 5));
        break;
    default:
        break;
    }
}

enum kind { HEAVY, VOID, ROOT, KINDS = 8 }; /* the others are plain nodes */

FILCH_TASK_DEF(uint64_t, node, (struct forest *, forest), (uint64_t, seed), (int, depth))
{
    uint64_t random = seed ^ stress.seed, sum = value_of(seed), apart[most_children];
    unsigned count = child_count(seed, depth), kind[most_children];
    atomic_fetch_add(&forest->begun, 1);
    if (forest->cancels && filch_cancelled())
        count = 0;
    for (unsigned i = 0; i < count; i++) {
        uint64_t below = child_seed(seed, i);
        kind[i] = random_below(&random, KINDS);
        if (kind[i] == HEAVY)
            FILCH_SPAWN(heavy_node, load(below), forest, depth - 1);
        else if (kind[i] == VOID)
            FILCH_SPAWN(void_node, &apart[i], forest, below, depth - 1);
        else if (kind[i] == ROOT)
            sum += FILCH_RUN(any_pool(forest, &random), node, forest, below, depth - 1) * (i + 1);
        else
            FILCH_SPAWN(node, forest, below, depth - 1);
    }
    distract(forest, &random);
    for (unsigned i = count; i-- > 0;) {
        if (kind[i] == HEAVY) {
            struct heavy heavy = FILCH_SYNC(heavy_node);
            sum += unload(&heavy, child_seed(seed, i)) * (i + 1);
        } else if (kind[i] == VOID) {
            FILCH_SYNC(void_node);
            sum += apart[i] * (i + 1);
        } else if (kind[i] != ROOT) {
            sum += FILCH_SYNC(node) * (i + 1);
        }
    }
    atomic_fetch_add(&forest->ended, 1);
    return sum;
}

/* ---- rounds ---- */

static int run_root(void *data)
{
    struct root *root = data;
    root->sum = FILCH_RUN(NULL, node, root->forest, root->seed, root->depth);
    return 1;
}

static void *run_root_outside(void *data)
{
    struct root *root = data;
    root->sum = FILCH_RUN(root->forest->pool[0], node, root->forest, root->seed, root->depth);
    return NULL;
}

static void plant(struct root *root, struct forest *forest, uint64_t seed)
{
    root->forest = forest;
    root->seed = seed;
    root->depth = deepest;
    do {
        root->nodes = 0;
        root->expected = walk(seed, root->depth--, &root->nodes);
    } while (root->nodes > TEST_SHARE(most_nodes));
    root->depth++;
}

static struct filch_pool *open_random(struct forest *forest, uint64_t *random)
{
    struct filch_pool_config config = {
        .max_concurrency = 1 + random_below(random, random_below(random, 4) ? 5 : 16),
        .idle_timeout_ns = random_below(random, 2) ? 1 + random_below(random, 100000) : 0,
        .flags = random_below(random, 3) ? 0 : FILCH_POOL_NO_IDLE_WORKERS,
    };
    /* A caller that runs a task of another pool keeps its permit of its own one while it waits there. */
    if (!forest->crosses && random_below(random, 2)) {
        config.queue_limit = 1 + random_below(random, 8);
        config.when_full = random_below(random, 2) ? FILCH_FULL_RUN : FILCH_FULL_BLOCK;
    }
    return pool_open(&config);
}

static long round_of(uint64_t seed)
{
    uint64_t random = seed;
    struct forest forest = {.cancels = random_below(&random, 4) == 0, .crosses = random_below(&random, 2)};
    struct root root[roots] = {{.nodes = 0}};
    pthread_t outside[roots];
    struct filch_task_options own_thread = {.flags = FILCH_TASK_OWN_THREAD};
    long nodes = 0;
    for (int i = 0; i < pools; i++)
        forest.pool[i] = open_random(&forest, &random);
    for (int i = 0; i < roots; i++) {
        plant(&root[i], &forest, random_next(&random));
        nodes += root[i].nodes;
    }
    for (int i = 0; i < roots; i++) {
        struct filch_task_options *options = random_below(&random, 4) ? NULL : &own_thread;
        if (i % 3 == 2)
            outside[i] = thread_start(run_root_outside, &root[i]);
        else
            claim(filch_submit_with(forest.pool[i % pools], &root[i].future, run_root, &root[i], options) == 0);
    }
    for (int i = 0; forest.cancels && i < roots; i++) {
        dawdle((int)random_below(&random, 2000));
        if (i % 3 != 2)
            (void)filch_cancel(&root[i].future);
    }
    for (int i = 0; i < roots; i++) {
        if (i % 3 == 2)
            thread_join(outside[i]);
        else
            claim(filch_wait(&root[i].future) == 1 || forest.cancels);
        claim(root[i].sum == root[i].expected || (forest.cancels && i % 3 != 2));
    }
    for (int i = 0; i < pools; i++)
        pool_end(forest.pool[i]);
    claim(atomic_load(&forest.begun) == atomic_load(&forest.ended));
    claim(forest.cancels ? atomic_load(&forest.begun) <= nodes : atomic_load(&forest.begun) == nodes);
    return atomic_load(&forest.begun);
}

int main(int argc, char **argv)
{
    long nodes = 0;
    (void)argc;
    stress_begin(argv, "forkjoin", 6000, 40000);
    while (stress_next())
        nodes += round_of(stress.seed);
    printf("figure: P1 %ld nodes of typed trees over %" PRIu64 " seeds: each run once, each result right\n", nodes,
           stress.done);
    return 0;
}
