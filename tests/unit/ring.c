/* SPDX-License-Identifier: MIT */
/* ring.c - the ring of events: what it keeps and what it counts, stopping or running round, and while somebody reads. */
#include "ring.h"

#include "support/tasks.h"
#include "support/test.h"

enum { CAPACITY = 64, BYTES = CAPACITY * sizeof(struct filch__event), CHUNK = 7 };

static void ring_init(struct filch__ring *ring, size_t bytes, bool wraps)
{
    must(filch__ring_init(ring, bytes, false));
    filch__ring_begin(ring, wraps);
}

/* Each word of an event says which it is. */
static void put(struct filch__ring *ring, uint64_t i)
{
    filch__ring_put(ring, i, i * 3, i * 5, i * 7);
}

static void must_be(const struct filch__event *event, uint64_t i)
{
    must(event->ticks == i && event->head == i * 3 && event->a == i * 5 && event->b == i * 7);
}

/* All there is from *at on, which must be number `from` and so on. Returns how many. */
static uint64_t read_all(const struct filch__ring *ring, uint64_t *at, uint64_t from, uint64_t *lost)
{
    struct filch__event events[CHUNK];
    uint64_t count = 0;
    size_t got;
    while ((got = filch__ring_read(ring, at, events, CHUNK, lost))) {
        for (size_t i = 0; i < got; i++)
            must_be(&events[i], from + count + i);
        count += got;
    }
    return count;
}

Test(ring, smoke, .timeout = TEST_TIMEOUT)
{
    struct filch__ring ring;
    struct filch__event event;
    uint64_t at = 0, lost = 0;
    ring_init(&ring, BYTES, false);
    cr_assert_eq(filch__ring_read(&ring, &at, &event, 1, &lost), 0);
    put(&ring, 1);
    put(&ring, 2);
    cr_assert_eq(filch__ring_read(&ring, &at, &event, 0, &lost), 0, "no room");
    cr_assert_eq(filch__ring_read(&ring, &at, &event, 1, &lost), 1);
    must_be(&event, 1);
    cr_assert_eq(read_all(&ring, &at, 2, &lost), 1);
    cr_assert_eq(read_all(&ring, &at, 3, &lost), 0);
    cr_assert_eq(lost, 0);
    cr_assert_eq(filch__ring_lost(&ring), 0);
    filch__ring_destroy(&ring);
}

Test(ring, stops_when_full_and_counts_the_rest, .timeout = TEST_TIMEOUT)
{
    struct filch__ring ring;
    uint64_t at = 0, lost = 0;
    ring_init(&ring, BYTES, false);
    for (uint64_t i = 1; i <= 3 * CAPACITY; i++)
        put(&ring, i);
    cr_assert_eq(filch__ring_lost(&ring), 3 * CAPACITY - (CAPACITY - 1));
    cr_assert_eq(read_all(&ring, &at, 1, &lost), CAPACITY - 1);
    cr_assert_eq(lost, 0);
    filch__ring_destroy(&ring);
}

Test(ring, runs_round_and_keeps_the_last, .timeout = TEST_TIMEOUT)
{
    for (uint64_t count = 0; count <= 5 * CAPACITY; count++) {
        struct filch__ring ring;
        uint64_t at = 0, lost = 0, kept = count < CAPACITY ? count : CAPACITY - 1;
        ring_init(&ring, BYTES, true);
        for (uint64_t i = 1; i <= count; i++)
            put(&ring, i);
        cr_assert_eq(read_all(&ring, &at, count - kept + 1, &lost), kept);
        cr_assert_eq(lost, count - kept);
        cr_assert_eq(filch__ring_lost(&ring), 0);
        filch__ring_destroy(&ring);
    }
}

/* A reader that comes back finds what came since, and knows what it has missed. */
Test(ring, a_reader_goes_on_where_it_was, .timeout = TEST_TIMEOUT)
{
    struct filch__ring ring;
    uint64_t at = 0, lost = 0, written = 0, seen = 0;
    ring_init(&ring, BYTES, true);
    for (uint64_t step = 1; step <= 3 * CAPACITY; step++) {
        uint64_t missed = step < CAPACITY ? 0 : step - (CAPACITY - 1), before = lost;
        for (uint64_t i = 0; i < step; i++)
            put(&ring, ++written);
        seen += read_all(&ring, &at, written - step + missed + 1, &lost);
        cr_assert_eq(lost - before, missed);
        cr_assert_eq(seen + lost, written);
    }
    filch__ring_destroy(&ring);
}

Test(ring, a_session_forgets_the_one_before, .timeout = TEST_TIMEOUT)
{
    struct filch__ring ring;
    ring_init(&ring, BYTES, false);
    for (uint64_t session = 0; session < 20; session++) {
        bool wraps = session % 3 == 1;
        uint64_t at = 0, lost = 0, count = session * 17;
        uint64_t kept = count < CAPACITY ? count : CAPACITY - 1;
        filch__ring_begin(&ring, wraps);
        cr_assert_eq(read_all(&ring, &at, 0, &lost), 0);
        for (uint64_t i = 1; i <= count; i++)
            put(&ring, i);
        cr_assert_eq(read_all(&ring, &at, wraps ? count - kept + 1 : 1, &lost), kept);
        cr_assert_eq(lost + filch__ring_lost(&ring), count - kept);
    }
    filch__ring_destroy(&ring);
}

Test(ring, without_memory_all_is_lost, .timeout = TEST_TIMEOUT)
{
    for (size_t bytes = 0; bytes < 2 * sizeof(struct filch__event); bytes += 21) {
        struct filch__ring ring;
        uint64_t at = 0, lost = 0;
        ring_init(&ring, bytes, bytes % 2);
        put(&ring, 1);
        put(&ring, 2);
        cr_assert_eq(filch__ring_lost(&ring), 2);
        cr_assert_eq(read_all(&ring, &at, 0, &lost), 0);
        cr_assert_eq(lost, 0);
        filch__ring_destroy(&ring);
    }
}

Test(ring, a_size_is_rounded_down, .timeout = TEST_TIMEOUT)
{
    struct filch__ring ring;
    ring_init(&ring, 2 * BYTES - 1, false);
    cr_assert_eq(ring.capacity, CAPACITY);
    filch__ring_destroy(&ring);
    cr_assert_not(filch__ring_init(&ring, (size_t)1 << 60, true));
    filch__ring_begin(&ring, true);
    put(&ring, 1);
    cr_assert_eq(filch__ring_lost(&ring), 1);
    filch__ring_destroy(&ring);
}

/* ---- while the writer writes ---- */

struct shared {
    struct filch__ring ring;
    uint64_t count;
    atomic_bool ended;
};

static void *writer(void *data)
{
    struct shared *shared = data;
    for (uint64_t i = 1; i <= shared->count; i++)
        put(&shared->ring, i);
    atomic_store(&shared->ended, true);
    return NULL;
}

/* Whole events, in order, each once; and each is read or counted. */
static void read_while_written(size_t bytes, bool wraps)
{
    struct shared shared = {.count = TEST_SHARE(2000000)};
    uint64_t at = 0, lost = 0, seen = 0, newest = 0;
    ring_init(&shared.ring, bytes, wraps);
    pthread_t thread = thread_start(writer, &shared);
    for (bool last = false;;) {
        struct filch__event events[CHUNK];
        size_t got = filch__ring_read(&shared.ring, &at, events, CHUNK, &lost);
        for (size_t i = 0; i < got; i++) {
            must(events[i].ticks > newest);
            newest = events[i].ticks;
            must_be(&events[i], newest);
        }
        seen += got;
        if (!got && last)
            break;
        last = !got && atomic_load(&shared.ended); /* then there may be some still */
    }
    thread_join(thread);
    cr_assert_eq(seen + lost + filch__ring_lost(&shared.ring), shared.count);
    cr_assert_eq(newest == shared.count, wraps);
    filch__ring_destroy(&shared.ring);
}

Test(ring, readers_see_whole_events, .timeout = TEST_TIMEOUT)
{
    read_while_written(BYTES, true);
    read_while_written(2 * sizeof(struct filch__event), true);
    read_while_written(TEST_SHARE(BYTES * 1000), false);
}
