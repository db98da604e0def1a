/* SPDX-License-Identifier: MIT */
/* handful.h - a few tasks that their owner takes in order without a locked instruction, and that a thief opens by
 * force.
 *
 * What a worker has taken from the entry queue and not run yet. In a deque each would cost its owner an exchange;
 * hidden in a private batch they would wait behind a long body. Here the rare side pays: a thief that finds nothing
 * else raises the guard, calls membarrier(2), and takes the later half by a CAS. The idea is that of the fork stack's
 * private tail; biased locks (Dice, Moir, Scherer 2003) are its ancestors. Needs asymmetric barriers (os.h); without
 * them it is not used.
 *
 * May run together?  fill take open     (X = never)
 *             fill    X    X    -
 *             take    X    X    -
 *             open    -    -    X       one thief at a time: `opening` is only tried
 *
 * State      written by
 *   next     owner. The items are [next, end); its claim of item i is the store of i + 1.
 *   word     63..32 version, 31..0 end: owner stores it (fill, empty then) and CASes it (slow take); thief CASes it
 *   guard    thief: 1 while it opens
 *   opening  thieves
 *   slots    owner; thieves read them before their CAS, which says whether what was read counts
 * Indices wrap at 32 bits; differences are signed.
 * Orderings
 *   H1 take: store next, light barrier, load guard  ||  open: store guard, barrier, load next.
 *      Either the take sees the guard, and claims by a CAS that fails the thief's, or the thief sees the claim.
 *   H2 open: CAS word, store guard = 0 (release) -> take: load guard (acquire), load word. What was taken is seen.
 *   H3 slow take: CAS word with a new version -> open's CAS fails, and it reads next again (acquire).
 *   H4 fill: store word (sc) -> open: load word (acquire): the slots are seen. And, as D4 of deque.h: a parked worker
 *   notices.
 * Progress: take and fill wait-free but for retries against one thief; the owner never waits for a thief.
 * Checked: tests/model/handful.c.
 */
#ifndef FILCH_HANDFUL_H
#define FILCH_HANDFUL_H

#include "compiler.h"

enum { FILCH__HANDFUL = 64 };

struct filch__handful {
    /* owner writes */
    _Alignas(FILCH_CACHELINE) uint32_t next;
    uintptr_t slot[FILCH__HANDFUL];
    /* thieves write */
    _Alignas(FILCH_CACHELINE) uint64_t word;
    uint32_t guard;
    uint32_t opening;
};

/* Owner, when it is empty. Up to FILCH__HANDFUL items, none 0; the first is taken first. */
void filch__handful_fill(struct filch__handful *handful, const uintptr_t *items, size_t count);

/* Owner. The oldest item, or 0. */
uintptr_t filch__handful_take(struct filch__handful *handful);

/* Another worker: the later half, in order; how many (0: empty, or somebody else is at it). Costs a membarrier unless
 * it is seen to be empty. */
size_t filch__handful_open(struct filch__handful *handful, uintptr_t items[FILCH__HANDFUL]);

/* Anybody. Sequentially consistent (H4); may say true when the last is just being taken. */
bool filch__handful_has_items(const struct filch__handful *handful);
size_t filch__handful_size(const struct filch__handful *handful);

#endif
