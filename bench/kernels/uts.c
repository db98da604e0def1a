/* SPDX-License-Identifier: MIT */
/* uts.c - W2: the unbalanced tree search (Olivier et al., LCPC 2006): count a tree whose shape nobody can foretell.
 *
 *     uts WORKERS 1        T1: geometric, fixed shape, depth 10, branching 4, seed 19: 4,130,071 nodes
 *     uts WORKERS 3        T3: binomial, root 2000, 8 children with 0.124875, seed 42: 4,112,897 nodes
 *
 * A node is a state of a splittable generator. Child i's is the SHA-1 of its parent's and i; the number of children
 * follows from the state. A task per node.
 */
#include "../fork/fork.h"
#include "sha1.h"

#include <math.h>

struct node {
    uint32_t state[SHA1_WORDS];
    int32_t height;
};

struct tree {
    bool geometric;
    int depth;       /* geometric: nodes of that height have no children */
    double children; /* geometric: on average; binomial: of the root */
    double chance;   /* binomial: that a node has `arity` children, else it has none */
    int arity;
    uint32_t seed;
    long nodes;
};

enum { CHILDREN_MAX = 100 }; /* of a node that is not a binomial tree's root: the benchmark's own bound */

static const struct tree trees[] = {
    {true, 10, 4, 0, 0, 19, 4130071},
    {false, 0, 2000, 0.124875, 8, 42, 4112897},
};
static const struct tree *tree;

static struct node root_of(uint32_t seed)
{
    struct node root = {};
    uint32_t message[SHA1_WORDS] = {0, 0, 0, 0, seed};
    sha1(message, SHA1_WORDS, root.state);
    return root;
}

static struct node child_of(const struct node *parent, int index)
{
    struct node child;
    uint32_t message[SHA1_WORDS + 1];
    memcpy(message, parent->state, sizeof parent->state);
    message[SHA1_WORDS] = (uint32_t)index;
    sha1(message, SHA1_WORDS + 1, child.state);
    child.height = parent->height + 1;
    return child;
}

static int count_children(const struct node *node)
{
    /* In [0, 1). */
    double random = (double)(node->state[SHA1_WORDS - 1] & 0x7fffffff) / 2147483648.0;
    if (!tree->geometric && !node->height)
        return (int)tree->children;
    if (!tree->geometric)
        return random < tree->chance ? tree->arity : 0;
    if (node->height >= tree->depth)
        return 0;
    double stop = 1 / (1 + tree->children);
    int children = (int)floor(log(1 - random) / log(1 - stop));
    return children < CHILDREN_MAX ? children : CHILDREN_MAX;
}

TASK(long, uts, (struct node, node))
{
    int children = count_children(&node);
    long nodes = 1;
    if (!children)
        return nodes;
    TERMS(long, uts, children);
    for (int i = 0; i < children; i++) {
        struct node child = child_of(&node, i);
        SPAWN_TERM(uts, child);
    }
    ADD_TERMS(nodes, uts);
    return nodes;
}

static long result;

void kernel_open(int argc, char **argv)
{
    long number = bench_argument(argc, argv, 1, 1);
    if (number != 1 && number != 3)
        bench_die("the trees are 1 and 3");
    tree = &trees[number == 3];
}

void kernel_reset(void)
{
}

void kernel_run(bool warm)
{
    struct node root = root_of(tree->seed);
    /* The first of T1's subtrees from height 5 on, and of T3's: some hundred nodes. */
    if (warm)
        for (int i = tree->geometric ? 0 : 4; i < 5; i++)
            root = child_of(&root, 0);
    RUN(result, uts, root);
}

void kernel_check(void)
{
    BENCH_CHECK(result == tree->nodes);
}

double kernel_tasks(void)
{
    return (double)tree->nodes;
}
