/* SPDX-License-Identifier: MIT */
/* ring.h - the last events of one thread: one writer, readers that copy while it writes.
 *
 * A ring of fixed size whose pages are committed as they are touched. The writer never waits and never asks who reads. It
 * either stops when the ring is full (what comes first is kept) or runs round (what comes last is kept); in both cases
 * what is lost is counted.
 *
 * State     written by
 *   head    the writer: events ever written. Never decreases, so that readers know what was overwritten meanwhile
 *   first   the writer: where the present session begins, head as it was then
 *   lost    the writer: events of the session that found the ring full
 *   words   the writer: four stores an event
 *
 * May run together?  put  begin  read     put, begin: the writer, or who has taken its place
 *              put    X     X     -
 *            begin    X     X     -
 *             read    -     -     -
 *
 * Invariants
 *   I1 head - first < capacity, unless the ring runs round.
 *   I2 an event with index i lies at i modulo capacity, and is whole while i < head < i + capacity: with head at
 *      i + capacity its words may be those of the next round. So of a ring one event is always out of use.
 * Orderings
 *   R1 put: words, then store head (release) -> read: load head (acquire). The reader sees the events below head, and
 *      `first` as it was when the last of them was written, or later.
 *   R2 put: store head, then words of the next event (release, each) -> read: load words (acquire), then load head again.
 *      A reader that has read a word of a later event therefore reads the head under which that was written, or a greater
 *      one. That is a round ahead at least, so it drops what it copied (I2).
 *      It is a seqlock whose number is not beside the data: it is what the writer counts up anyway. As in any other, the
 *      data have to be read and written in order, too, not the number alone (Boehm, Can seqlocks get along with programming
 *      language memory models?, MSPC 2012).
 * Progress: put is wait-free; read is lock-free: it begins again only when the writer has overwritten all that it copied.
 * Rejected: a sequence number in each event (a fifth word); fences, which ThreadSanitizer does not understand; relaxed
 * words, which are a plain store each on x86-64, as release stores are, but let R2 fail.
 * Checked: tests/model/ring.c.
 */
#ifndef FILCH_RING_H
#define FILCH_RING_H

#include "compiler.h"

#include <filch/detail/atomic.h>

/* What an event's words mean is trace.h's business. */
struct filch__event {
    uint64_t ticks; /* of filch__os_ticks */
    uint64_t head;
    uint64_t a, b;
};

/* A line of its own: whoever writes beside it would slow the writer down. */
struct filch__ring {
    /* immutable after init */
    _Alignas(FILCH_CACHELINE) struct filch__event *events;
    uint64_t capacity; /* a power of two; 0: there is no memory, and every event is lost */
    /* the writer's; others read */
    uint64_t head;
    uint64_t first, lost;
    /* the writer's alone */
    uint64_t limit; /* where head stops */
};

/* `bytes` is rounded down to a power of two; fewer than two events are none, and need no memory. dense: it will be filled
 * (os.h). False: no memory; then the ring has none, and counts what it loses. */
bool filch__ring_init(struct filch__ring *ring, size_t bytes, bool dense);
void filch__ring_destroy(struct filch__ring *ring);

/* Writer: forget what was written; from now on run round, or stop when full. */
void filch__ring_begin(struct filch__ring *ring, bool wraps);

/* Writer. */
static inline void filch__ring_put(struct filch__ring *ring, uint64_t ticks, uint64_t head, uint64_t a, uint64_t b)
{
    uint64_t at = ring->head;
    if (filch__unlikely(at == ring->limit)) {
        filch__count(&ring->lost);
        return;
    }
    struct filch__event *event = &ring->events[at & (ring->capacity - 1)];
    filch__store_release(&event->ticks, ticks); /* R2, and the other words */
    filch__store_release(&event->head, head);
    filch__store_release(&event->a, a);
    filch__store_release(&event->b, b);
    filch__store_release(&ring->head, at + 1); /* R1 */
}

/* Anybody: copy up to `most` events of the present session from index *at on, which moves behind them; *lost goes up by the
 * number of those that were overwritten before they could be copied. 0: there are no more. At first *at and *lost are 0. */
size_t filch__ring_read(const struct filch__ring *ring, uint64_t *at, struct filch__event *events, size_t most,
                        uint64_t *lost);

/* Anybody: events of the present session that found the ring full. */
static inline uint64_t filch__ring_lost(const struct filch__ring *ring)
{
    return filch__load_relaxed(&ring->lost);
}

/* The ring's memory goes back to the system, if its writer is between two sessions; one that is late does no harm. */
void filch__ring_release(struct filch__ring *ring);

#endif
