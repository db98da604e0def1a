/* SPDX-License-Identifier: MIT */
/* waitgraph.c - which nodes of a graph of waits never end: small ones by hand, random ones against the definition. */
#include "support/test.h"

#include "waitgraph.h"

static void *get(void *ctx, size_t size)
{
    (void)ctx;
    return malloc(size);
}

static void put(void *ctx, void *memory, size_t size)
{
    (void)ctx, (void)size;
    free(memory);
}

static const struct filch_allocator allocator = {.alloc = get, .free = put};

static struct filch__waitgraph graph_of(size_t nodes, size_t edges)
{
    struct filch__waitgraph graph;
    cr_assert(filch__waitgraph_open(&graph, &allocator, nodes));
    for (size_t i = 0; i < nodes; i++)
        cr_assert_eq(filch__waitgraph_add(&graph), i);
    cr_assert_eq(filch__waitgraph_add(&graph), FILCH__WAITGRAPH_NONE);
    cr_assert(filch__waitgraph_reserve(&graph, edges));
    return graph;
}

Test(waitgraph, a_circle_and_what_waits_for_it_last, .timeout = TEST_TIMEOUT)
{
    struct filch__waitgraph graph = graph_of(5, 4);
    filch__waitgraph_edge(&graph, 0, 1);
    filch__waitgraph_edge(&graph, 1, 0);
    filch__waitgraph_edge(&graph, 2, 0);
    filch__waitgraph_edge(&graph, 3, 4);
    cr_assert(filch__waitgraph_solve(&graph));
    for (uint32_t i = 0; i < 5; i++)
        cr_assert_eq(filch__waitgraph_lasts(&graph, i), i < 3);
    cr_assert_eq(filch__waitgraph_next(&graph, 0), 1);
    cr_assert_eq(filch__waitgraph_next(&graph, 1), 0);
    cr_assert_eq(filch__waitgraph_next(&graph, 2), 0);
    filch__waitgraph_close(&graph);
}

Test(waitgraph, a_node_that_waits_for_itself_lasts, .timeout = TEST_TIMEOUT)
{
    struct filch__waitgraph graph = graph_of(1, 1);
    filch__waitgraph_edge(&graph, 0, 0);
    cr_assert(filch__waitgraph_solve(&graph));
    cr_assert(filch__waitgraph_lasts(&graph, 0));
    cr_assert_eq(filch__waitgraph_next(&graph, 0), 0);
    filch__waitgraph_close(&graph);
}

Test(waitgraph, without_edges_nothing_lasts, .timeout = TEST_TIMEOUT)
{
    struct filch__waitgraph graph = graph_of(3, 0);
    filch__waitgraph_any(&graph, 1);
    cr_assert(filch__waitgraph_solve(&graph));
    for (uint32_t i = 0; i < 3; i++)
        cr_assert_not(filch__waitgraph_lasts(&graph, i));
    filch__waitgraph_close(&graph);
}

Test(waitgraph, an_edge_without_room_makes_its_node_free, .timeout = TEST_TIMEOUT)
{
    struct filch__waitgraph graph = graph_of(2, 1);
    filch__waitgraph_edge(&graph, 0, 1);
    filch__waitgraph_edge(&graph, 1, 0);
    cr_assert(filch__waitgraph_solve(&graph));
    cr_assert_not(filch__waitgraph_lasts(&graph, 0));
    cr_assert_not(filch__waitgraph_lasts(&graph, 1));
    filch__waitgraph_close(&graph);
}

Test(waitgraph, addresses_find_their_nodes, .timeout = TEST_TIMEOUT)
{
    static char place[2000];
    struct filch__waitgraph graph = graph_of(1000, 0);
    for (uint32_t i = 0; i < 1000; i++) {
        filch__waitgraph_name(&graph, i, &place[i]);
        filch__waitgraph_name(&graph, i, &place[1999 - i]);
    }
    for (uint32_t i = 0; i < 1000; i++) {
        cr_assert_eq(filch__waitgraph_find(&graph, &place[i]), i);
        cr_assert_eq(filch__waitgraph_find(&graph, &place[1999 - i]), i);
    }
    cr_assert_eq(filch__waitgraph_find(&graph, &graph), FILCH__WAITGRAPH_NONE);
    filch__waitgraph_close(&graph);
}

Test(waitgraph, a_long_chain_is_looked_at_once, .timeout = TEST_TIMEOUT)
{
    enum { LENGTH = 1 << 20 };
    struct filch__waitgraph graph = graph_of(LENGTH, LENGTH);
    for (uint32_t i = 0; i + 1 < LENGTH; i++)
        filch__waitgraph_edge(&graph, i, i + 1);
    cr_assert(filch__waitgraph_solve(&graph));
    for (uint32_t i = 0; i < LENGTH; i++)
        cr_assert_not(filch__waitgraph_lasts(&graph, i));
    filch__waitgraph_close(&graph);
}

/* ---- against the definition ---- */

enum { NODES = 12, EDGES = 20 };

struct plain {
    bool free[NODES], any[NODES];
    int edges;
    int from[EDGES], to[EDGES];
};

/* Free by what is free, again and again until nothing changes. */
static void settle(struct plain *plain)
{
    for (bool changed = true; changed;) {
        changed = false;
        for (int i = 0; i < NODES; i++) {
            int edges = 0, free_ones = 0;
            for (int e = 0; e < plain->edges; e++) {
                edges += plain->from[e] == i;
                free_ones += plain->from[e] == i && plain->free[plain->to[e]];
            }
            bool ends = plain->any[i] ? free_ones || !edges : free_ones == edges;
            changed |= ends && !plain->free[i];
            plain->free[i] |= ends;
        }
    }
}

static unsigned below(uint64_t *random, unsigned limit)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(*random >> 33) % limit;
}

Test(waitgraph, random_ones_are_as_defined, .timeout = TEST_TIMEOUT)
{
    uint64_t random = 1;
    int last = 0;
    for (int round = 0; round < 20000; round++) {
        struct plain plain = {.edges = (int)below(&random, EDGES + 1)};
        struct filch__waitgraph graph = graph_of(NODES, EDGES);
        for (uint32_t i = 0; i < NODES; i++) {
            if ((plain.any[i] = !below(&random, 3)))
                filch__waitgraph_any(&graph, i);
            if ((plain.free[i] = !below(&random, 8)))
                filch__waitgraph_free(&graph, i);
        }
        for (int e = 0; e < plain.edges; e++) {
            plain.from[e] = (int)below(&random, NODES);
            plain.to[e] = (int)below(&random, NODES);
            filch__waitgraph_edge(&graph, (uint32_t)plain.from[e], (uint32_t)plain.to[e]);
        }
        settle(&plain);
        cr_assert(filch__waitgraph_solve(&graph));
        for (uint32_t i = 0; i < NODES; i++) {
            cr_assert_eq(filch__waitgraph_lasts(&graph, i), !plain.free[i], "round %d", round);
            last += !plain.free[i];
        }
        filch__waitgraph_close(&graph);
    }
    cr_assert_gt(last, 1000);
}
