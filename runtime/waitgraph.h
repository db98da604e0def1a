/* SPDX-License-Identifier: MIT */
/* waitgraph.h - a graph of waits, and which of its nodes can never end.
 *
 * An edge leads from who waits to what has to end first. A node ends when all its edges lead to nodes that have ended, or,
 * marked so, when one does; a node without edges can end, and so can one that is marked free. What is left when that has
 * been passed on along all edges waits in a circle, or for one: the greatest set each of whose nodes waits within it.
 * Each edge is looked at once.
 *
 * Built and asked by one thread. Addresses stand for nodes, by a hash table with open addressing; each has one node.
 */
#ifndef FILCH_WAITGRAPH_H
#define FILCH_WAITGRAPH_H

#include "compiler.h"

#include <filch/base.h>

struct filch__waitgraph {
    const struct filch_allocator *allocator;
    struct filch__waitnode *nodes;
    struct filch__waitkey *keys;
    struct filch__waitedge *edges;
    size_t count, room, key_room, edge_count, edge_room;
};

#define FILCH__WAITGRAPH_NONE UINT32_MAX

/* Room for so many nodes with up to two addresses each. False: no memory; close is a no-op then, as on zero bytes. */
bool filch__waitgraph_open(struct filch__waitgraph *graph, const struct filch_allocator *allocator, size_t room);
void filch__waitgraph_close(struct filch__waitgraph *graph);

uint32_t filch__waitgraph_add(struct filch__waitgraph *graph); /* _NONE: no room */
void filch__waitgraph_name(struct filch__waitgraph *graph, uint32_t node, const void *address);
uint32_t filch__waitgraph_find(const struct filch__waitgraph *graph, const void *address); /* or _NONE */

/* Room for so many edges more; false: no memory. What finds no room later makes its node free. */
bool filch__waitgraph_reserve(struct filch__waitgraph *graph, size_t edges);
void filch__waitgraph_edge(struct filch__waitgraph *graph, uint32_t from, uint32_t to);
void filch__waitgraph_free(struct filch__waitgraph *graph, uint32_t node); /* something else may end it */
void filch__waitgraph_any(struct filch__waitgraph *graph, uint32_t node);  /* when one has ended, it ends */

/* Then: which nodes never end. False: no memory. */
bool filch__waitgraph_solve(struct filch__waitgraph *graph);
bool filch__waitgraph_lasts(const struct filch__waitgraph *graph, uint32_t node);
/* The node among those that the node has edges to and that last, if it is one; else _NONE. */
uint32_t filch__waitgraph_next(const struct filch__waitgraph *graph, uint32_t node);

#endif
