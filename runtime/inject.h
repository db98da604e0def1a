/* SPDX-License-Identifier: MIT */
/* inject.h - entry queue: any thread adds, one worker at a time takes. FIFO. Intrusive: nothing is allocated.
 *
 * liburcu's wfcqueue (Desnoyers, Jiangshan 2010-2013), called out of line: adding is one exchange. Its blocking calls
 * poll for 10 ms behind a producer that was preempted between exchange and link, so only the non-blocking ones are
 * used; a consumer that meets such a gap leaves, and the count below says that work is still there.
 *
 * May run together?  push take     (X = never)
 *             push    -    -
 *             take    -    X       the consumer lock keeps takers apart; it is only tried, never waited for
 *
 * State      written by
 *   tail     producers (exchange)
 *   pushed   producers, after linking (sc add). Items that came in.
 *   head     the holder of `taking`
 *   taking   consumers
 *   taken    the holder of `taking`. Items that went out; may run ahead of `pushed` by producers that have not counted yet.
 * Orderings
 *   N1 push: enqueue (release) -> pop: dequeue (acquire). The taker sees the item. Annotated for ThreadSanitizer, which
 *      does not see into the library.
 *   N2 push: add to `pushed` (sc), then the gate's word is read (sc)  ||  a worker that parks: writes the gate's word (sc),
 *      then reads `pushed` (sc, filch__inject_has_items). One of them sees the other: gate.h, G1.
 *   N3 consumers: release of `taking` -> acquire of `taking`.
 * Progress: push wait-free; pop never waits.
 * Checked: tests/model/handful.c, with a stand-in for the library.
 */
#ifndef FILCH_INJECT_H
#define FILCH_INJECT_H

#include "compiler.h"

/* What an item has at its link: one word, of liburcu's making. */
struct filch__link {
    void *next;
};

struct filch__inject {
    /* producers write */
    _Alignas(FILCH_CACHELINE) void *tail;
    uint64_t pushed;
    /* consumers write, holding `taking` */
    _Alignas(FILCH_CACHELINE) struct filch__link head;
    uint64_t taken;
    uint32_t taking;
};

void filch__inject_init(struct filch__inject *queue);

void filch__inject_push(struct filch__inject *queue, struct filch__link *link);

/* A private list, to be added in one step. */
struct filch__chain {
    struct filch__link head;
    void *tail;
    size_t count;
};
void filch__chain_init(struct filch__chain *chain);
void filch__chain_add(struct filch__chain *chain, struct filch__link *link);
void filch__inject_push_chain(struct filch__inject *queue, struct filch__chain *chain); /* leaves the chain empty */

/* N2. May say true when the items are just being taken. */
bool filch__inject_has_items(const struct filch__inject *queue);
size_t filch__inject_size(const struct filch__inject *queue);
uint64_t filch__inject_pushed(const struct filch__inject *queue);

/* Take up to `limit` items, in order, into items[]; 0 when there is none to be had now or somebody else takes. */
size_t filch__inject_take(struct filch__inject *queue, struct filch__link *items[], size_t limit);

#endif
