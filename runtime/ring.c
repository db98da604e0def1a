/* SPDX-License-Identifier: MIT */
#include "ring.h"

#include "os.h"

bool filch__ring_init(struct filch__ring *ring, size_t bytes, bool dense)
{
    uint64_t capacity = bytes / sizeof(struct filch__event);
    while (capacity & (capacity - 1))
        capacity &= capacity - 1;
    *ring = (struct filch__ring){.events = NULL};
    if (capacity < 2)
        return true;
    ring->events = filch__os_map_data(capacity * sizeof(struct filch__event), dense);
    if (!ring->events)
        return false;
    ring->capacity = capacity;
    return true;
}

void filch__ring_destroy(struct filch__ring *ring)
{
    if (ring->events)
        filch__os_unmap_data(ring->events, ring->capacity * sizeof(struct filch__event));
    ring->events = NULL;
    ring->capacity = 0;
}

void filch__ring_begin(struct filch__ring *ring, bool wraps)
{
    uint64_t head = ring->head;
    if (!ring->capacity)
        ring->limit = head;
    else
        ring->limit = wraps ? UINT64_MAX : head + ring->capacity - 1; /* I1 */
    filch__store_relaxed(&ring->first, head);                         /* R1: by the next event */
    filch__store_relaxed(&ring->lost, 0);
}

/* The oldest event that is whole, with head as it is. */
static uint64_t oldest(const struct filch__ring *ring, uint64_t head)
{
    return head < ring->capacity ? 0 : head - ring->capacity + 1; /* I2 */
}

static uint64_t greater(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static void copy(const struct filch__ring *ring, uint64_t at, struct filch__event *event)
{
    const struct filch__event *from = &ring->events[at & (ring->capacity - 1)];
    event->ticks = filch__load_acquire(&from->ticks); /* R2, and the other words */
    event->head = filch__load_acquire(&from->head);
    event->a = filch__load_acquire(&from->a);
    event->b = filch__load_acquire(&from->b);
}

size_t filch__ring_read(const struct filch__ring *ring, uint64_t *at, struct filch__event *events, size_t most,
                        uint64_t *lost)
{
    size_t whole = 0;
    while (!whole && most) {
        uint64_t head = filch__load_acquire(&ring->head); /* R1 */
        uint64_t start = greater(*at, filch__load_relaxed(&ring->first));
        if (start >= head)
            break;
        uint64_t from = greater(start, oldest(ring, head));
        uint64_t end = head - from > most ? from + most : head;
        for (uint64_t i = from; i < end; i++)
            copy(ring, i, &events[i - from]);
        uint64_t kept = greater(from, oldest(ring, filch__load_relaxed(&ring->head))); /* R2 */
        kept = kept < end ? kept : end;
        for (uint64_t i = kept; i < end && kept > from; i++)
            events[i - kept] = events[i - from];
        *lost += kept - start;
        *at = end;
        whole = (size_t)(end - kept);
    }
    return whole;
}

void filch__ring_release(struct filch__ring *ring)
{
    if (ring->events)
        filch__os_release_pages(ring->events, ring->capacity * sizeof(struct filch__event));
}
