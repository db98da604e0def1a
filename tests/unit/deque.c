/* SPDX-License-Identifier: MIT */
/* deque.c - the work-stealing deque: order, growth, wrapping indices, the last item's race; nothing lost or doubled.
 *
 * Built a second time with indices of 8 bits (FILCH_DEQUE_INDEX_BITS), where they wrap all the time; then without
 * thieves: one that sleeps while such an index comes round takes an item twice, and rightly so.
 */
#include "deque.h"

#include "support/tasks.h"
#include "support/test.h"

#ifdef FILCH_DEQUE_INDEX_BITS
enum { depth = 50, index_start_count = 4 };
static const filch__index index_starts[] = {0, 124, 252, 128};
#else
enum { depth = 5000, index_start_count = 5 };
static const filch__index index_starts[] = {0, INT64_MAX - 3, UINT64_MAX - 3, (uint64_t)1 << 63, UINT32_MAX - 3};
#endif

static void *plain_alloc(void *ctx, size_t size)
{
    (void)ctx;
    return malloc(size);
}

static void plain_free(void *ctx, void *memory, size_t size)
{
    (void)ctx;
    (void)size;
    free(memory);
}

static void *no_alloc(void *ctx, size_t size)
{
    (void)ctx;
    (void)size;
    return NULL;
}

static const struct filch_allocator plain = {plain_alloc, plain_free, NULL}, none = {no_alloc, plain_free, NULL};

/* An empty deque whose indices stand at `start`. */
static void deque_init(struct filch__deque *deque, size_t capacity, filch__index start)
{
    must(filch__deque_init(deque, capacity, &plain) == 0);
    deque->top = deque->bottom = deque->top_seen = start;
}

static void deque_end(struct filch__deque *deque)
{
    filch__deque_check(deque);
    filch__deque_destroy(deque, &plain);
}

static void push(struct filch__deque *deque, uintptr_t item)
{
    must(filch__deque_push(deque, item, &plain) == 0);
}

Test(deque, smoke, .timeout = TEST_TIMEOUT)
{
    struct filch__deque deque;
    bool more = true;
    uintptr_t item = 99;
    deque_init(&deque, 4, 0);
    cr_assert_eq(filch__deque_take(&deque, &more), 0);
    cr_assert_not(more);
    cr_assert_eq(filch__deque_steal(&deque, &item), FILCH__STEAL_EMPTY);
    cr_assert_eq(item, 99, "untouched on failure");
    cr_assert_not(filch__deque_has_items(&deque));
    push(&deque, 1);
    cr_assert(filch__deque_has_items(&deque));
    cr_assert_eq(filch__deque_size(&deque), 1);
    cr_assert_eq(filch__deque_take(&deque, &more), 1);
    cr_assert_not(more);
    cr_assert_eq(filch__deque_size(&deque), 0);
    deque_end(&deque);
}

Test(deque, the_owner_takes_the_newest_and_thieves_the_oldest, .timeout = TEST_TIMEOUT)
{
    for (int s = 0; s < index_start_count; s++) {
        struct filch__deque deque;
        bool more;
        uintptr_t item;
        deque_init(&deque, 2, index_starts[s]);
        for (uintptr_t i = 1; i <= depth; i++)
            push(&deque, i);
        filch__deque_check(&deque);
        cr_assert_eq(filch__deque_size(&deque), depth);
        for (uintptr_t i = 1; i <= depth / 2; i++) {
            cr_assert_eq(filch__deque_steal(&deque, &item), FILCH__STEAL_OK);
            cr_assert_eq(item, i);
        }
        for (uintptr_t i = depth; i > depth / 2; i--) {
            cr_assert_eq(filch__deque_take(&deque, &more), i);
            cr_assert_eq(more, i > depth / 2 + 1);
        }
        cr_assert_eq(filch__deque_take(&deque, &more), 0);
        deque_end(&deque);
    }
}

Test(deque, pushes_many_at_once_in_order, .timeout = TEST_TIMEOUT)
{
    for (int s = 0; s < index_start_count; s++) {
        for (size_t count = 0; count <= depth; count = count * 3 + 1) {
            struct filch__deque deque;
            uintptr_t items[depth], item;
            deque_init(&deque, 1, index_starts[s]);
            for (size_t i = 0; i < count; i++)
                items[i] = i + 1;
            cr_assert_eq(filch__deque_push_all(&deque, items, count, &plain), 0);
            filch__deque_check(&deque);
            cr_assert_eq(filch__deque_size(&deque), count);
            for (size_t i = 0; i < count; i++) {
                cr_assert_eq(filch__deque_steal(&deque, &item), FILCH__STEAL_OK);
                cr_assert_eq(item, i + 1);
            }
            deque_end(&deque);
        }
    }
}

/* The indices run far past the capacity, so slots are used again and again; sizes go up and down through growths. */
Test(deque, slots_are_used_again, .timeout = TEST_TIMEOUT)
{
    for (int s = 0; s < index_start_count; s++) {
        struct filch__deque deque;
        uintptr_t next = 1, oldest = 1, item;
        bool more;
        deque_init(&deque, 8, index_starts[s]);
        for (int round = 0; round < 2000; round++) {
            int add = round * 7 % 13 + round % 2, drop = round * 5 % 13;
            for (int i = 0; i < add && next - oldest < depth / 2; i++)
                push(&deque, next++);
            for (int i = 0; i < drop && oldest < next; i++) {
                if ((round + i) % 3 == 0) {
                    cr_assert_eq(filch__deque_take(&deque, &more), --next);
                } else {
                    cr_assert_eq(filch__deque_steal(&deque, &item), FILCH__STEAL_OK);
                    cr_assert_eq(item, oldest++);
                }
            }
            cr_assert_eq(filch__deque_size(&deque), next - oldest);
        }
        deque_end(&deque);
    }
}

Test(deque, without_memory_a_push_changes_nothing, .timeout = TEST_TIMEOUT)
{
    struct filch__deque deque;
    uintptr_t items[10] = {5, 6, 7, 8, 9, 10, 11, 12, 13, 14}, item;
    bool more;
    cr_assert_eq(filch__deque_init(&deque, 4, &none), -ENOMEM);
    deque_init(&deque, 4, 0);
    for (uintptr_t i = 1; i <= 4; i++)
        cr_assert_eq(filch__deque_push(&deque, i, &none), 0);
    cr_assert_eq(filch__deque_push(&deque, 5, &none), -ENOMEM);
    cr_assert_eq(filch__deque_push_all(&deque, items, 10, &none), -ENOMEM);
    cr_assert_eq(filch__deque_size(&deque), 4);
    cr_assert_eq(filch__deque_push_all(&deque, items, 10, &plain), 0);
    for (uintptr_t i = 1; i <= 14; i++) {
        cr_assert_eq(filch__deque_steal(&deque, &item), FILCH__STEAL_OK);
        cr_assert_eq(item, i);
    }
    cr_assert_eq(filch__deque_take(&deque, &more), 0);
    deque_end(&deque);
}

Test(deque, retired_rings_are_handed_out_once, .timeout = TEST_TIMEOUT)
{
    struct filch__deque deque;
    deque_init(&deque, 1, 0);
    for (uintptr_t i = 1; i <= 20; i++)
        push(&deque, i);
    struct filch__deque_ring *rings = filch__deque_take_retired(&deque);
    cr_assert_not_null(rings);
    cr_assert_null(filch__deque_take_retired(&deque));
    filch__deque_free_retired(rings, &plain);
    deque_end(&deque);
}

#ifndef FILCH_DEQUE_INDEX_BITS
/* ---- with thieves ---- */

struct robbery {
    struct filch__deque deque;
    atomic_int *seen; /* by item; how often it came out */
    atomic_int done, thieves;
    bool in_order; /* a single thief and no taking: the items come in order */
};

static void *steal_all(void *data)
{
    struct robbery *robbery = data;
    uintptr_t last = 0, item;
    atomic_fetch_add(&robbery->thieves, 1);
    for (;;) {
        int done = atomic_load(&robbery->done);
        switch (filch__deque_steal(&robbery->deque, &item)) {
        case FILCH__STEAL_OK:
            must(!robbery->in_order || item == last + 1);
            last = item;
            must(atomic_fetch_add(&robbery->seen[item], 1) == 0);
            break;
        case FILCH__STEAL_EMPTY:
            if (done)
                return NULL;
            sched_yield();
            break;
        case FILCH__STEAL_LOST:
            must(!robbery->in_order); /* nobody to lose it to */
            break;
        }
    }
}

static void take_all(struct robbery *robbery)
{
    bool more;
    for (uintptr_t item; (item = filch__deque_take(&robbery->deque, &more));)
        must(atomic_fetch_add(&robbery->seen[item], 1) == 0);
}

/* The owner pushes `count` items, and takes now and then as `take_every` says; `thieves` threads steal. */
static void rob(int thieves, int count, int take_every, filch__index start, bool in_order)
{
    struct robbery robbery = {.in_order = in_order, .seen = calloc((size_t)count + 1, sizeof(atomic_int))};
    pthread_t threads[8];
    must(robbery.seen != NULL);
    deque_init(&robbery.deque, 2, start);
    for (int i = 0; i < thieves; i++)
        threads[i] = thread_start(steal_all, &robbery);
    wait_until(atomic_load(&robbery.thieves) == thieves);
    for (int i = 1; i <= count; i++) {
        while (filch__deque_size(&robbery.deque) >= depth)
            sched_yield();
        push(&robbery.deque, (uintptr_t)i);
        bool more;
        uintptr_t item;
        if (take_every && i % take_every == 0 && (item = filch__deque_take(&robbery.deque, &more)))
            must(atomic_fetch_add(&robbery.seen[item], 1) == 0);
    }
    if (take_every)
        take_all(&robbery);
    atomic_store(&robbery.done, 1);
    for (int i = 0; i < thieves; i++)
        thread_join(threads[i]);
    for (int i = 1; i <= count; i++)
        cr_assert_eq(atomic_load(&robbery.seen[i]), 1, "item %d", i);
    deque_end(&robbery.deque);
    free(robbery.seen);
}

Test(deque, spsc, .timeout = TEST_TIMEOUT)
{
    for (int s = 0; s < index_start_count; s++)
        rob(1, TEST_SHARE(200000), 0, index_starts[s], true);
}

Test(deque, stampede, .timeout = TEST_TIMEOUT)
{
    for (int s = 0; s < index_start_count; s++)
        for (int take_every = 1; take_every <= 3; take_every++)
            rob(1 + s % 4, TEST_SHARE(100000), take_every, index_starts[s], false);
}

/* One item at a time: each take races with the thieves for it, and exactly one side gets it. */
Test(deque, last_item_race_loses_nothing, .timeout = TEST_TIMEOUT)
{
    for (int thieves = 1; thieves <= 2; thieves++)
        for (int s = 0; s < index_start_count; s++)
            rob(thieves, TEST_SHARE(100000), 1, index_starts[s], false);
}

/* Growth under the thieves' eyes: bursts that double the ring, taken down again each time. */
Test(deque, grows_while_thieves_steal, .timeout = TEST_TIMEOUT)
{
    for (int round = 0; round < TEST_SHARE(200); round++) {
        enum { burst = 600 };
        struct robbery robbery = {.seen = calloc(burst + 1, sizeof(atomic_int))};
        pthread_t threads[2];
        must(robbery.seen != NULL);
        deque_init(&robbery.deque, 1, index_starts[round % index_start_count]);
        for (int i = 0; i < 2; i++)
            threads[i] = thread_start(steal_all, &robbery);
        for (int i = 1; i <= burst; i++)
            push(&robbery.deque, (uintptr_t)i);
        take_all(&robbery);
        atomic_store(&robbery.done, 1);
        for (int i = 0; i < 2; i++)
            thread_join(threads[i]);
        for (int i = 1; i <= burst; i++)
            cr_assert_eq(atomic_load(&robbery.seen[i]), 1, "item %d", i);
        deque_end(&robbery.deque);
        free(robbery.seen);
    }
}

/* An item that was pushed is plain memory to whoever steals it. */
struct parcel {
    uint64_t words[6];
};

static void *steal_parcels(void *data)
{
    struct robbery *robbery = data;
    uintptr_t item;
    for (;;) {
        int done = atomic_load(&robbery->done);
        enum filch__steal outcome = filch__deque_steal(&robbery->deque, &item);
        if (outcome == FILCH__STEAL_EMPTY && done)
            return NULL;
        if (outcome != FILCH__STEAL_OK) {
            sched_yield();
            continue;
        }
        struct parcel *parcel = (struct parcel *)item;
        for (int i = 0; i < 6; i++)
            must(parcel->words[i] == parcel->words[0] * (uint64_t)(i + 1));
        free(parcel);
    }
}

Test(deque, what_an_item_points_to_is_seen, .timeout = TEST_TIMEOUT)
{
    struct robbery robbery = {.seen = NULL};
    pthread_t threads[2];
    deque_init(&robbery.deque, 2, 0);
    for (int i = 0; i < 2; i++)
        threads[i] = thread_start(steal_parcels, &robbery);
    for (int i = 0; i < TEST_SHARE(50000); i++) {
        struct parcel *parcel = malloc(sizeof *parcel);
        must(parcel != NULL);
        for (int k = 0; k < 6; k++)
            parcel->words[k] = (uint64_t)i * (uint64_t)(k + 1);
        while (filch__deque_size(&robbery.deque) >= depth)
            sched_yield();
        push(&robbery.deque, (uintptr_t)parcel);
    }
    atomic_store(&robbery.done, 1);
    for (int i = 0; i < 2; i++)
        thread_join(threads[i]);
    deque_end(&robbery.deque);
}
#endif
