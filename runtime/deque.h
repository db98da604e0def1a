/* SPDX-License-Identifier: MIT */
/* deque.h - work-stealing deque of words: one owner, many thieves.
 *
 * Chase & Lev, SPAA 2005; Lê, Pop, Cohen, Zappa Nardelli, PPoPP 2013.
 * Differs: no fences. take and steal order their index accesses by sequentially consistent loads and stores, which
 * costs an exchange in take and nothing in steal, is understood by ThreadSanitizer, and spares clang's mfence. push_all
 * publishes several items by one store. The array found full is replaced by one of twice its size, and the new one is
 * used at once (the paper's listing goes on with the old).
 *
 * May run together?  push take steal     (X = never)
 *             push    X    X    -
 *             take    X    X    -
 *             steal   -    -    -
 *
 * State      written by
 *   top      thief CAS; owner CAS on the last item. Never decreases.
 *   bottom   owner. The items are [top, bottom).
 *   ring     owner; an old ring stays readable until a grace period has passed.
 *   slots    owner; read by thieves, whose CAS on top says whether what was read counts.
 * Indices never wrap in practice (64 bits) and may do so in tests (FILCH_DEQUE_INDEX_BITS): differences are signed.
 * Invariants (quiescent)
 *   I1 0 <= bottom - top <= capacity        I2 capacity is a power of two
 * Orderings
 *   D1 push: store bottom (release) -> steal: load bottom
 *      the thief sees the slot and what the item points to.
 *   D2 take: store bottom (sc), load top (sc)  ||  steal: load top (sc), load bottom (sc)
 *      of an owner and a thief that both want the last item, at least one sees the other; then CAS on top (sc) decides.
 *   D3 grow: store ring (release) -> steal: load ring (acquire)
 *      the thief sees the copied slots.
 *   D4 push of an item that a parked worker must notice: store bottom (sc); partner in gate.h, G1.
 * Progress: push and take wait-free, but for growth; steal lock-free. Memory: capacity words and the retired rings.
 * Checked: tests/model/deque.c.
 * Rejected: freeing the old ring at once (a thief may read it); a thief that takes half (overshoots the owner's take).
 */
#ifndef FILCH_DEQUE_H
#define FILCH_DEQUE_H

#include "compiler.h"

#if defined(FILCH_DEQUE_INDEX_BITS) && FILCH_DEQUE_INDEX_BITS == 8
typedef uint8_t filch__index;
typedef int8_t filch__distance;
#else
typedef uint64_t filch__index;
typedef int64_t filch__distance;
#endif

struct filch_allocator;
struct filch__deque_ring;

struct filch__deque {
    /* thieves write */
    _Alignas(FILCH_CACHELINE) filch__index top;
    /* owner writes */
    _Alignas(FILCH_CACHELINE) filch__index bottom;
    struct filch__deque_ring *ring;
    /* owner only */
    filch__index top_seen; /* top was at least here: spares push a read of a line that thieves write */
    struct filch__deque_ring *retired;
};

enum filch__steal { FILCH__STEAL_OK, FILCH__STEAL_EMPTY, FILCH__STEAL_LOST };

/* capacity: a power of two. 0 or -ENOMEM. */
int filch__deque_init(struct filch__deque *deque, size_t capacity, const struct filch_allocator *allocator);
void filch__deque_destroy(struct filch__deque *deque, const struct filch_allocator *allocator);

/* Owner. `count` items, the last of which is taken first and the first of which is stolen first. 0, or -ENOMEM with
 * none pushed. */
int filch__deque_push_all(struct filch__deque *deque, const uintptr_t *items, size_t count,
                          const struct filch_allocator *allocator);
static inline int filch__deque_push(struct filch__deque *deque, uintptr_t item, const struct filch_allocator *allocator)
{
    return filch__deque_push_all(deque, &item, 1, allocator);
}

/* Owner. The newest item, or 0; *ret_more: others are left. Items are never 0. */
uintptr_t filch__deque_take(struct filch__deque *deque, bool *ret_more);

/* Anybody, in a read section of reclaim.h (the owner needs none). The oldest item. */
enum filch__steal filch__deque_steal(struct filch__deque *deque, uintptr_t *ret_item);

/* Anybody: was there an item? Sequentially consistent: the second half of D4. */
bool filch__deque_has_items(const struct filch__deque *deque);
size_t filch__deque_size(const struct filch__deque *deque);

/* Owner. Unlink the retired rings, and free such a list after a grace period. */
struct filch__deque_ring *filch__deque_take_retired(struct filch__deque *deque);
void filch__deque_free_retired(struct filch__deque_ring *rings, const struct filch_allocator *allocator);

/* Assert the invariants; nobody else may be at work. */
void filch__deque_check(const struct filch__deque *deque);

#endif
