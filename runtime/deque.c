/* SPDX-License-Identifier: MIT */
#include "deque.h"

#include "os.h"

#include <filch/base.h>
#include <filch/detail/atomic.h>

#include <errno.h>

struct filch__deque_ring {
    struct filch__deque_ring *next_retired;
    size_t capacity;
    uintptr_t slot[];
};

static size_t ring_bytes(size_t capacity)
{
    return sizeof(struct filch__deque_ring) + capacity * sizeof(uintptr_t);
}

static struct filch__deque_ring *ring_new(size_t capacity, const struct filch_allocator *allocator)
{
    struct filch__deque_ring *ring = allocator->alloc(allocator->ctx, ring_bytes(capacity));
    if (ring)
        ring->capacity = capacity;
    return ring;
}

static uintptr_t *slot_at(struct filch__deque_ring *ring, filch__index i)
{
    return &ring->slot[i & (ring->capacity - 1)];
}

int filch__deque_init(struct filch__deque *deque, size_t capacity, const struct filch_allocator *allocator)
{
    *deque = (struct filch__deque){.ring = ring_new(capacity, allocator)};
    return deque->ring ? 0 : -ENOMEM;
}

void filch__deque_destroy(struct filch__deque *deque, const struct filch_allocator *allocator)
{
    filch__deque_free_retired(deque->retired, allocator);
    if (deque->ring)
        allocator->free(allocator->ctx, deque->ring, ring_bytes(deque->ring->capacity));
    *deque = (struct filch__deque){0};
}

static filch__cold int grow(struct filch__deque *deque, filch__index top, filch__index bottom, size_t need,
                            const struct filch_allocator *allocator)
{
    struct filch__deque_ring *old = deque->ring;
    size_t capacity = old->capacity;
    while (capacity < need)
        capacity *= 2;
    struct filch__deque_ring *ring = ring_new(capacity, allocator);
    if (!ring)
        return -ENOMEM;
    for (filch__index i = top; i != bottom; i++)
        filch__store_relaxed(slot_at(ring, i), filch__load_relaxed(slot_at(old, i)));
    filch__store_release(&deque->ring, ring); /* D3: publishes the copies; pairs with steal() */
    old->next_retired = deque->retired;
    deque->retired = old;
    return 0;
}

int filch__deque_push_all(struct filch__deque *deque, const uintptr_t *items, size_t count,
                          const struct filch_allocator *allocator)
{
    filch__index bottom = filch__load_relaxed(&deque->bottom);
    size_t capacity = deque->ring->capacity;
    if ((size_t)(filch__distance)(bottom - deque->top_seen) + count > capacity) {
        deque->top_seen = filch__load_acquire(&deque->top);
        size_t need = (size_t)(filch__distance)(bottom - deque->top_seen) + count;
        if (need > capacity && grow(deque, deque->top_seen, bottom, need, allocator))
            return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++)
        filch__store_relaxed(slot_at(deque->ring, (filch__index)(bottom + i)), items[i]);
    filch__store_seq_cst(&deque->bottom, (filch__index)(bottom + count)); /* D1, D4: publishes the slots */
    return 0;
}

uintptr_t filch__deque_take(struct filch__deque *deque, bool *ret_more)
{
    filch__index bottom = filch__load_relaxed(&deque->bottom);
    *ret_more = false;
    if ((filch__distance)(bottom - filch__load_relaxed(&deque->top)) <= 0)
        return 0; /* empty for certain: only the owner adds, and top never decreases */
    bottom--;
    filch__store_seq_cst(&deque->bottom, bottom);           /* D2: claims the newest; pairs with steal() */
    filch__index top = filch__load_seq_cst(&deque->top);    /* D2 */
    filch__distance left = (filch__distance)(bottom - top); /* below the newest */
    uintptr_t item = 0;
    if (left >= 0)
        item = filch__load_relaxed(slot_at(deque->ring, bottom));
    if (left > 0) {
        *ret_more = true;
        return item;
    }
    if (left == 0 && !filch__cas_seq_cst(&deque->top, &top, (filch__index)(top + 1)))
        item = 0; /* D2: a thief has the last one */
    filch__store_release(&deque->bottom, (filch__index)(bottom + 1));
    return item;
}

enum filch__steal filch__deque_steal(struct filch__deque *deque, uintptr_t *ret_item)
{
    filch__index top = filch__load_seq_cst(&deque->top);       /* D2: pairs with take() */
    filch__index bottom = filch__load_seq_cst(&deque->bottom); /* D1, D2 */
    if ((filch__distance)(bottom - top) <= 0)
        return FILCH__STEAL_EMPTY;
    struct filch__deque_ring *ring = filch__load_acquire(&deque->ring); /* D3: pairs with grow() */
    uintptr_t item =
        filch__load_relaxed(slot_at(ring, top)); /* before the CAS: afterwards the slot may be used again */
    if (!filch__cas_seq_cst(&deque->top, &top, (filch__index)(top + 1)))
        return FILCH__STEAL_LOST;
    *ret_item = item;
    return FILCH__STEAL_OK;
}

bool filch__deque_has_items(const struct filch__deque *deque)
{
    filch__index top = filch__load_seq_cst(&deque->top);
    return (filch__distance)(filch__load_seq_cst(&deque->bottom) - top) > 0; /* D4 */
}

size_t filch__deque_size(const struct filch__deque *deque)
{
    filch__index top = filch__load_acquire(&deque->top);
    filch__distance size = (filch__distance)(filch__load_acquire(&deque->bottom) - top);
    return size > 0 ? (size_t)size : 0;
}

struct filch__deque_ring *filch__deque_take_retired(struct filch__deque *deque)
{
    struct filch__deque_ring *rings = deque->retired;
    deque->retired = NULL;
    return rings;
}

void filch__deque_free_retired(struct filch__deque_ring *rings, const struct filch_allocator *allocator)
{
    while (rings) {
        struct filch__deque_ring *next = rings->next_retired;
        allocator->free(allocator->ctx, rings, ring_bytes(rings->capacity));
        rings = next;
    }
}

void filch__deque_check(const struct filch__deque *deque)
{
    filch__distance size = (filch__distance)(deque->bottom - deque->top);
    size_t capacity = deque->ring->capacity;
    if (size < 0 || (size_t)size > capacity)
        filch__os_die("deque I1: the items fit the ring");
    if (capacity & (capacity - 1))
        filch__os_die("deque I2: the capacity is a power of two");
}
