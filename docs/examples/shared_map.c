/* SPDX-License-Identifier: MIT */
/* shared_map.c - one hash table shared by all tasks, read without a lock: liburcu's cds_lfht.
 *
 * The tasks look for the longest Collatz sequence, each in a range of its own, and share the lengths that they find.
 * Every worker of a pool is a registered reader of liburcu's "memb" flavour, so a task just enters a read section,
 * looks, and leaves it. Two rules: no waiting (filch_wait and its like) inside a read section, since the task may go
 * on on another thread; and what was removed is freed after a grace period only. A thread outside the pool registers
 * itself.
 */
#define _GNU_SOURCE
#include <filch/filch.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <urcu/urcu-memb.h>
/* After the flavour. */
#include <urcu/rculfhash.h>

enum { BUCKETS = 1 << 14, RANGES = 64, RANGE = 1000, REMEMBERED_BELOW = RANGES * RANGE };

/* number and length never change once it is in the map. The map orders them; number is released and acquired besides,
 * for ThreadSanitizer, which does not see into liburcu. */
struct entry {
    struct cds_lfht_node node;
    struct entry *next_removed;
    unsigned length;
    _Atomic uint64_t number;
};

struct range {
    struct filch_future future;
    uint64_t begin, end;
    uint64_t best;
    unsigned best_length;
};

static struct cds_lfht *map;
static atomic_ulong found_in_map;

static unsigned long hash(uint64_t number)
{
    return (unsigned long)((number * UINT64_C(0x9e3779b97f4a7c15)) >> 20);
}

static int match(struct cds_lfht_node *node, const void *key)
{
    const struct entry *entry = caa_container_of(node, struct entry, node);
    return atomic_load_explicit(&entry->number, memory_order_acquire) == *(const uint64_t *)key;
}

/* The length of a number's sequence if some task knows it, else 0. */
static unsigned look_up(uint64_t number)
{
    struct cds_lfht_iter iter;
    urcu_memb_read_lock();
    cds_lfht_lookup(map, hash(number), match, &number, &iter);
    struct cds_lfht_node *node = cds_lfht_iter_get_node(&iter);
    unsigned length = node ? caa_container_of(node, struct entry, node)->length : 0;
    urcu_memb_read_unlock();
    return length;
}

/* When two tasks add the same number, one of them is told so, and keeps its entry. */
static int remember(uint64_t number, unsigned length)
{
    struct entry *entry = malloc(sizeof *entry);
    if (!entry)
        return -ENOMEM;
    cds_lfht_node_init(&entry->node);
    entry->length = length;
    atomic_store_explicit(&entry->number, number, memory_order_release);
    urcu_memb_read_lock();
    struct cds_lfht_node *there = cds_lfht_add_unique(map, hash(number), match, &number, &entry->node);
    urcu_memb_read_unlock();
    if (there != &entry->node)
        free(entry);
    return 0;
}

static unsigned sequence_length(uint64_t number, bool with_map)
{
    unsigned steps = 0, known = 0;
    while (number != 1) {
        number = number % 2 ? 3 * number + 1 : number / 2;
        steps++;
        if (with_map && number < REMEMBERED_BELOW && (known = look_up(number)) > 0) {
            atomic_fetch_add_explicit(&found_in_map, 1, memory_order_relaxed);
            return steps + known;
        }
    }
    return steps + 1;
}

static int search_range(void *data)
{
    struct range *range = data;
    for (uint64_t number = range->begin; number < range->end; number++) {
        unsigned length = sequence_length(number, true);
        int error = remember(number, length);
        if (error)
            return error;
        if (length > range->best_length) {
            range->best = number;
            range->best_length = length;
        }
    }
    return 0;
}

/* Removed entries are kept until a grace period has passed: whoever found one before may still read it. */
static void free_map(void)
{
    struct cds_lfht_iter iter;
    struct cds_lfht_node *node;
    struct entry *entry, *removed = NULL;
    urcu_memb_register_thread(); /* main is no worker */
    urcu_memb_read_lock();
    cds_lfht_for_each(map, &iter, node)
    {
        entry = caa_container_of(node, struct entry, node);
        if (cds_lfht_del(map, &entry->node) == 0) {
            entry->next_removed = removed;
            removed = entry;
        }
    }
    urcu_memb_read_unlock();
    urcu_memb_synchronize_rcu();
    while ((entry = removed)) {
        removed = entry->next_removed;
        free(entry);
    }
    urcu_memb_unregister_thread();
    cds_lfht_destroy(map, NULL);
}

int main(void)
{
    static struct range ranges[RANGES];
    map = cds_lfht_new_flavor(BUCKETS, BUCKETS, BUCKETS, 0, &urcu_memb_flavor, NULL);
    struct filch_pool *pool;
    int error = map ? filch_pool_open(&pool, NULL) : -ENOMEM;
    if (error) {
        fprintf(stderr, "shared_map: %s\n", strerror(-error));
        return 1;
    }
    for (uint64_t i = 0; i < RANGES; i++) {
        ranges[i].begin = i * RANGE + 1;
        ranges[i].end = (i + 1) * RANGE + 1;
    }
    const struct filch_batch batch = {&ranges[0].future, sizeof ranges[0], ranges, sizeof ranges[0], RANGES};
    error = filch_submit_many(pool, &batch, search_range, NULL);
    struct range best = {.best_length = 0};
    for (int i = 0; i < RANGES && !error; i++) {
        error = filch_wait(&ranges[i].future);
        if (ranges[i].best_length > best.best_length)
            best = ranges[i];
    }
    filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE);
    filch_pool_free(pool);
    free_map();
    if (error)
        fprintf(stderr, "shared_map: %s\n", strerror(-error));
    printf("below %d, %llu has the longest sequence, %u numbers; %lu lengths came from another look\n",
           RANGES * RANGE + 1, (unsigned long long)best.best, best.best_length, atomic_load(&found_in_map));
    return !error && best.best_length == sequence_length(best.best, false) ? 0 : 1;
}
