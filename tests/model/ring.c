/* SPDX-License-Identifier: MIT */
/* ring.c - models of the ring of events: who reads while the writer writes gets whole events, each once, or a count. */
#include "model.h"

#include "ring.h"

enum { EVENT = sizeof(struct filch__event), MOST = 4 };

static struct filch__ring *ring;

static void put(uint64_t i)
{
    filch__ring_put(ring, i, i + 100, i + 200, i + 300);
}

static void must_be(const struct filch__event *event, uint64_t i)
{
    mc_assert(event->ticks == i);
    mc_assert(event->head == i + 100 && event->a == i + 200 && event->b == i + 300);
}

static void begin(size_t events, bool wraps)
{
    ring = mc_zalloc(sizeof *ring);
    mc_assert(filch__ring_init(ring, events * EVENT, false));
    mc_name(&ring->head, sizeof ring->head, "head");
    mc_name(ring->events, events * EVENT, "words");
    filch__ring_begin(ring, wraps);
}

static void end(void)
{
    filch__ring_destroy(ring);
    mc_free(ring);
}

static void put_some(uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i < to; i++)
        put(i);
}

static void *put_rest(void *from_to)
{
    put_some((uintptr_t)from_to >> 8, (uintptr_t)from_to & 255);
    return NULL;
}

/* Events of one session, which begins with event number `first`: index and number are the same. Returns how many came. */
static uint64_t read_once(uint64_t *at, uint64_t *lost)
{
    struct filch__event events[MOST];
    uint64_t before = *at, lost_before = *lost;
    size_t count = filch__ring_read(ring, at, events, MOST, lost);
    mc_assert(*at - before == count + (*lost - lost_before));
    for (size_t i = 0; i < count; i++)
        must_be(&events[i], *at - count + i);
    return count;
}

/* The writer goes on after `there` events, up to `count`; reads meanwhile and afterwards: each is read or counted. */
static void read_beside(uint64_t there, uint64_t count, int times)
{
    uint64_t at = 0, lost = 0, seen = 0, got;
    put_some(0, there);
    int writer = mc_spawn(put_rest, MODEL_ARG(there << 8 | count));
    while (times--)
        seen += read_once(&at, &lost);
    mc_reached((int)seen);
    mc_reached(lost ? 15 : 14);
    mc_join(writer);
    while ((got = read_once(&at, &lost)))
        seen += got;
    mc_assert(seen + lost + filch__ring_lost(ring) == count);
    mc_assert(ring->limit == UINT64_MAX ? at == count : !lost);
}

MC_MODEL(ring_round, "the writer runs round a ring of two || a reader: whole events, in order, each once or counted",
         .preemptions = MC_ANY, .stale = 3)
{
    begin(2, true);
    read_beside(0, 4, 2);
    end();
}

MC_MODEL(ring_round_four, "the same in a full ring of four, where of a copy the older half may be overwritten",
         .preemptions = 3, .stale = 3)
{
    begin(4, true);
    read_beside(3, 6, 1);
    end();
}

MC_MODEL(ring_stops, "the writer fills a ring and goes on || a reader: the first events, and a count of the rest",
         .preemptions = MC_ANY, .stale = MC_ANY)
{
    begin(4, false);
    read_beside(1, 5, 2);
    end();
}

/* Numbers as indices are, so that an event tells its session. */
static void *begin_and_put(void *wraps)
{
    put(2);
    if (wraps)
        put(99); /* finds the ring full */
    filch__ring_begin(ring, wraps);
    put(3);
    put(4);
    return NULL;
}

/* The reader has no part in what is begun: it is handed events of one session only. */
static void read_across(bool wraps)
{
    struct filch__event events[MOST];
    uint64_t at = 0, lost = 0;
    put_some(0, 2);
    int writer = mc_spawn(begin_and_put, MODEL_ARG(wraps));
    size_t count = filch__ring_read(ring, &at, events, MOST, &lost);
    for (size_t i = 0; i < count; i++) {
        must_be(&events[i], at - count + i);
        mc_assert(events[0].ticks >= 3 || events[i].ticks < 3);
    }
    mc_reached((int)count + (at > 3 ? 8 : 0));
    mc_join(writer);
    at = lost = 0;
    mc_assert(filch__ring_read(ring, &at, events, MOST, &lost) == 2 && !lost);
    must_be(&events[0], 3);
    must_be(&events[1], 4);
    mc_assert(!filch__ring_lost(ring));
}

MC_MODEL(ring_session, "the writer begins a session || a reader: no call hands out events of two",
         .preemptions = MC_ANY, .stale = 3)
{
    bool wraps = mc_choice(2);
    begin(4, !wraps);
    read_across(wraps);
    end();
}
