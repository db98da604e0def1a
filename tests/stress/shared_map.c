/* SPDX-License-Identifier: MIT */
/* shared_map.c - one hash table of liburcu's, shared by all tasks: adds, look-ups, replacements and removals, which wait for
 * others in between and so go from worker to worker. What is in the map at the end is what the tasks' books say, and no
 * entry was seen after it was freed.
 *
 * What was removed is freed by the task that removed it, after a grace period that it waits for in filch_blocking, so that
 * others use its permit; no call_rcu, no thread for it.
 */
#include "compiler.h"
#include "support/stress.h"

#include <urcu/urcu-memb.h>
/* After the flavour. */
#include <urcu/rculfhash.h>

enum { keys = 512, buckets = 256, tasks = 48, operations = 1000000, garbage_most = 500 };

/* Immutable while it is in the map. The map is not built for ThreadSanitizer, which is told what it orders: an entry is
 * released before it goes in, and acquired where it is found. */
struct entry {
    struct cds_lfht_node node;
    struct entry *next_removed;
    unsigned key;
    uint64_t value, check; /* check follows from key and value; freed entries are overwritten */
};

struct books {
    atomic_ullong sum;  /* of the values that went in, less those that came out */
    atomic_llong count; /* 0 or 1 in the end */
};

static struct cds_lfht *map;
static struct books books[keys];
static atomic_ullong found, added, replaced, removed;
static char grace; /* its address stands for grace periods */

static uint64_t check_of(unsigned key, uint64_t value)
{
    uint64_t state = value ^ ((uint64_t)key << 40);
    return random_next(&state);
}

static unsigned long hash_of(unsigned key)
{
    return (unsigned long)check_of(key, 0);
}

static struct entry *entry_of(struct cds_lfht_node *node)
{
    return caa_container_of(node, struct entry, node);
}

static int match(struct cds_lfht_node *node, const void *key)
{
    filch__tsan_acquire(node);
    return entry_of(node)->key == *(const unsigned *)key;
}

static void read_lock(void)
{
    urcu_memb_read_lock();
}

static void read_unlock(void)
{
    filch__tsan_release(&grace);
    urcu_memb_read_unlock();
}

static int wait_for_readers(void *unused)
{
    (void)unused;
    urcu_memb_synchronize_rcu();
    filch__tsan_acquire(&grace);
    return 0;
}

/* ---- one task's part ---- */

struct part {
    struct filch_future future;
    uint64_t random;
    unsigned operations;
    struct entry *garbage;
    unsigned garbage_count;
};

static struct entry *entry_make(struct part *part, unsigned key)
{
    struct entry *entry = malloc(sizeof *entry);
    must(entry != NULL);
    cds_lfht_node_init(&entry->node);
    entry->key = key;
    entry->value = random_next(&part->random);
    entry->check = check_of(key, entry->value);
    filch__tsan_release(&entry->node);
    return entry;
}

static void entry_free(struct entry *entry)
{
    entry->key = keys;
    entry->value = entry->check = 0xdead;
    free(entry);
}

static void book(unsigned key, uint64_t sum, int count)
{
    atomic_fetch_add_explicit(&books[key].sum, sum, memory_order_relaxed);
    atomic_fetch_add_explicit(&books[key].count, count, memory_order_relaxed);
}

static void discard(struct part *part, struct entry *entry)
{
    entry->next_removed = part->garbage;
    part->garbage = entry;
    part->garbage_count++;
}

static void free_garbage(struct part *part)
{
    if (!part->garbage)
        return;
    must(filch_blocking(wait_for_readers, NULL) == 0);
    for (struct entry *entry; (entry = part->garbage);) {
        part->garbage = entry->next_removed;
        entry_free(entry);
    }
    part->garbage_count = 0;
}

static void add(struct part *part, unsigned key)
{
    struct entry *entry = entry_make(part, key);
    uint64_t value = entry->value; /* once it is in, another task may free it */
    read_lock();
    bool in = cds_lfht_add_unique(map, hash_of(key), match, &key, &entry->node) == &entry->node;
    read_unlock();
    if (!in) {
        free(entry);
        return;
    }
    book(key, value, 1);
    atomic_fetch_add_explicit(&added, 1, memory_order_relaxed);
}

static void replace(struct part *part, unsigned key)
{
    struct entry *entry = entry_make(part, key);
    uint64_t value = entry->value;
    read_lock();
    struct cds_lfht_node *before = cds_lfht_add_replace(map, hash_of(key), match, &key, &entry->node);
    read_unlock();
    book(key, value, 1);
    if (!before)
        return;
    filch__tsan_acquire(before);
    book(key, -entry_of(before)->value, -1);
    discard(part, entry_of(before));
    atomic_fetch_add_explicit(&replaced, 1, memory_order_relaxed);
}

/* Several may find the same entry; one of them removes it. */
static void look_up(struct part *part, unsigned key, bool take)
{
    struct cds_lfht_iter iter;
    read_lock();
    cds_lfht_lookup(map, hash_of(key), match, &key, &iter);
    struct cds_lfht_node *node = cds_lfht_iter_get_node(&iter);
    struct entry *entry = node ? entry_of(node) : NULL;
    if (entry)
        claim(entry->key == key && entry->check == check_of(key, entry->value));
    bool taken = entry && take && cds_lfht_del(map, node) == 0;
    if (taken)
        book(key, -entry->value, -1);
    read_unlock();
    if (entry)
        atomic_fetch_add_explicit(&found, 1, memory_order_relaxed);
    if (!taken)
        return;
    discard(part, entry);
    atomic_fetch_add_explicit(&removed, 1, memory_order_relaxed);
}

/* Another task runs meanwhile, and this one perhaps goes on on another worker. */
static void pause_a_little(void)
{
    struct filch_future future = {{0}};
    must(filch_submit(NULL, &future, nothing, NULL) == 0);
    must(filch_wait(&future) == 0);
}

static int work(void *data)
{
    struct part *part = data;
    for (unsigned i = 0; i < part->operations; i++) {
        unsigned key = random_below(&part->random, keys);
        unsigned what = random_below(&part->random, 16);
        if (what < 3)
            add(part, key);
        else if (what < 6)
            replace(part, key);
        else
            look_up(part, key, what < 9);
        if (part->garbage_count >= garbage_most)
            free_garbage(part);
        if (random_below(&part->random, 64) == 0)
            pause_a_little();
    }
    free_garbage(part);
    return 0;
}

/* ---- a round ---- */

/* The map holds what the books say, each key once at most; then it is emptied. */
static void audit(void)
{
    struct cds_lfht_iter iter;
    struct cds_lfht_node *node;
    struct entry *left = NULL;
    urcu_memb_register_thread();
    urcu_memb_read_lock();
    cds_lfht_for_each(map, &iter, node)
    {
        filch__tsan_acquire(node);
        struct entry *entry = entry_of(node);
        claim(entry->key < keys && entry->check == check_of(entry->key, entry->value));
        claim(cds_lfht_del(map, node) == 0);
        book(entry->key, -entry->value, -1);
        entry->next_removed = left;
        left = entry;
    }
    urcu_memb_read_unlock();
    urcu_memb_synchronize_rcu();
    urcu_memb_unregister_thread();
    for (struct entry *entry; (entry = left);) {
        left = entry->next_removed;
        entry_free(entry);
    }
    for (unsigned key = 0; key < keys; key++)
        claim(atomic_load(&books[key].sum) == 0 && atomic_load(&books[key].count) == 0);
}

static void run_round(void)
{
    static struct part parts[tasks];
    uint64_t random = stress.seed;
    struct filch_pool *pool = pool_of(1 + random_below(&random, 4));
    map = cds_lfht_new_flavor(buckets, buckets, buckets, 0, &urcu_memb_flavor, NULL);
    must(map != NULL);
    memset(parts, 0, sizeof parts);
    for (int i = 0; i < tasks; i++) {
        parts[i].random = random_next(&random);
        parts[i].operations = operations / tasks + 1;
        must(filch_submit(pool, &parts[i].future, work, &parts[i]) == 0);
    }
    for (int i = 0; i < tasks; i++)
        must(filch_wait(&parts[i].future) == 0);
    audit();
    pool_end(pool);
    must(cds_lfht_destroy(map, NULL) == 0);
}

int main(int argc, char **argv)
{
    (void)argc;
    stress_begin(argv, "shared_map", 3000, 100);
    while (stress_next())
        run_round();
    printf("figure: P18 %llu entries added, %llu replaced, %llu removed, %llu found by tasks that share a map\n",
           atomic_load(&added), atomic_load(&replaced), atomic_load(&removed), atomic_load(&found));
    return 0;
}
