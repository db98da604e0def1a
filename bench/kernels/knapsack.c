/* SPDX-License-Identifier: MIT */
/* knapsack.c - branch and bound: with or without the next item, as long as the rest could beat a bound.
 *
 *     knapsack WORKERS ITEMS
 *
 * The bound is a greedy packing's value, found beforehand, and stays: so the tree, and with it the work, is the same in
 * every run and for every system.
 */
#include "../fork/fork.h"

#include <stdlib.h>

enum { ITEMS_MAX = 64, WEIGHT_MAX = 1000, WARM_ITEMS = 10 };

struct item {
    long value, weight;
};

static struct item items[ITEMS_MAX]; /* by value per weight, the best first */
static long item_count, capacity, bound, result;

TASK(long, knapsack, (long, index), (long, room), (long, value))
{
    if (index == item_count || !room)
        return value;
    const struct item *item = &items[index];
    /* No packing of the rest is worth more than its best item's value per weight, all over. */
    if ((value - bound) * item->weight + room * item->value < 0)
        return 0;
    if (room < item->weight)
        return CALL(knapsack, index + 1, room, value);
    ONE(long, with);
    SPAWN_ONE(with, knapsack, index + 1, room - item->weight, value + item->value);
    long without = CALL(knapsack, index + 1, room, value);
    SYNC_ONE(with, knapsack);
    return with > without ? with : without;
}

static int by_worth(const void *left, const void *right)
{
    const struct item *a = (const struct item *)left, *b = (const struct item *)right;
    long difference = b->value * a->weight - a->value * b->weight;
    return (difference > 0) - (difference < 0);
}

/* Value and weight are close to each other, which makes an instance hard. */
void kernel_open(int argc, char **argv)
{
    item_count = bench_argument(argc, argv, 1, 53);
    if (item_count > ITEMS_MAX)
        bench_die("more than %d items have no room", ITEMS_MAX);
    uint64_t random = 1;
    for (long i = 0; i < item_count; i++) {
        items[i].weight = 1 + (long)(bench_random(&random) % WEIGHT_MAX);
        items[i].value = items[i].weight + (long)(bench_random(&random) % (WEIGHT_MAX / 5));
        capacity += items[i].weight;
    }
    capacity /= 2;
    qsort(items, (size_t)item_count, sizeof *items, by_worth);
    long room = capacity;
    for (long i = 0; i < item_count; i++)
        if (items[i].weight <= room) {
            room -= items[i].weight;
            bound += items[i].value;
        }
}

void kernel_reset(void)
{
}

/* The small run has the last items only, and cuts off nothing. */
void kernel_run(bool warm)
{
    long first = item_count > WARM_ITEMS ? item_count - WARM_ITEMS : 0;
    RUN(result, knapsack, warm ? first : 0, capacity, warm ? bound : 0);
}

/* By a table over all capacities. */
static long best_by_table(void)
{
    long *best = (long *)bench_allocate((size_t)capacity + 1, sizeof *best);
    for (long i = 0; i < item_count; i++)
        for (long room = capacity; room >= items[i].weight; room--) {
            long with = best[room - items[i].weight] + items[i].value;
            best[room] = with > best[room] ? with : best[room];
        }
    long value = best[capacity];
    free(best);
    return value;
}

void kernel_check(void)
{
    BENCH_CHECK(result == best_by_table());
}

double kernel_tasks(void)
{
    return 0;
}
