/* SPDX-License-Identifier: MIT */
/* cilksort.c - merge sort in four quarters, with merges that split at a median (Akl and Santoro 1987).
 *
 *     cilksort WORKERS ITEMS
 */
#include "../fork/fork.h"

#include <stdlib.h>
#include <string.h>

enum { SORT_MIN = 2048, MERGE_MIN = 2048, INSERTION_MAX = 24 };

typedef uint32_t item;

static void sort_by_insertion(item *items, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        item moved = items[i];
        size_t at = i;
        for (; at > 0 && items[at - 1] > moved; at--)
            items[at] = items[at - 1];
        items[at] = moved;
    }
}

static item median_of(item a, item b, item c)
{
    item low = a < b ? a : b, high = a < b ? b : a;
    return c < low ? low : c > high ? high : c;
}

static void sort_serially(item *items, size_t count)
{
    while (count > INSERTION_MAX) {
        item pivot = median_of(items[0], items[count / 2], items[count - 1]);
        size_t low = 0, high = count - 1;
        for (;; low++, high--) {
            while (items[low] < pivot)
                low++;
            while (items[high] > pivot)
                high--;
            if (low >= high)
                break;
            item swapped = items[low];
            items[low] = items[high];
            items[high] = swapped;
        }
        sort_serially(items + high + 1, count - high - 1);
        count = high + 1;
    }
    sort_by_insertion(items, count);
}

static void merge_serially(const item *a, size_t a_count, const item *b, size_t b_count, item *out)
{
    const item *a_end = a + a_count, *b_end = b + b_count;
    while (a < a_end && b < b_end) {
        bool right = *b < *a;
        *out++ = right ? *b : *a;
        b += right;
        a += !right;
    }
    memcpy(out, a, (size_t)(a_end - a) * sizeof *a);
    memcpy(out + (a_end - a), b, (size_t)(b_end - b) * sizeof *b);
}

/* How many of the sorted items are below the value. */
static size_t count_below(const item *items, size_t count, item value)
{
    size_t low = 0;
    while (count > 0) {
        size_t half = count / 2;
        bool right = items[low + half] < value;
        low += right ? half + 1 : 0;
        count = right ? count - half - 1 : half;
    }
    return low;
}

VOID_TASK(merge, (const item *, a), (size_t, a_count), (const item *, b), (size_t, b_count), (item *, out))
{
    if (a_count < b_count) {
        CALL(merge, b, b_count, a, a_count, out);
        return;
    }
    if (a_count + b_count <= MERGE_MIN) {
        merge_serially(a, a_count, b, b_count, out);
        return;
    }
    size_t a_half = a_count / 2, b_half = count_below(b, b_count, a[a_half]);
    CHILDREN();
    SPAWN(merge, a, a_half, b, b_half, out);
    CALL(merge, a + a_half, a_count - a_half, b + b_half, b_count - b_half, out + a_half + b_half);
    SYNC_ALL();
}

VOID_TASK(cilksort, (item *, items), (item *, spare), (size_t, count))
{
    if (count <= SORT_MIN) {
        sort_serially(items, count);
        return;
    }
    size_t quarter = count / 4, rest = count - 3 * quarter;
    item *at[4] = {items, items + quarter, items + 2 * quarter, items + 3 * quarter};
    item *spare_at[4] = {spare, spare + quarter, spare + 2 * quarter, spare + 3 * quarter};
    CHILDREN();
    for (int i = 0; i < 3; i++) {
        item *from = at[i], *to = spare_at[i];
        SPAWN(cilksort, from, to, quarter);
    }
    CALL(cilksort, at[3], spare_at[3], rest);
    SYNC_ALL();
    SPAWN(merge, items, quarter, items + quarter, quarter, spare);
    CALL(merge, items + 2 * quarter, quarter, items + 3 * quarter, rest, spare + 2 * quarter);
    SYNC_ALL();
    CALL(merge, spare, 2 * quarter, spare + 2 * quarter, quarter + rest, items);
}

static item *input, *items, *spare;
static size_t count;

void kernel_open(int argc, char **argv)
{
    count = (size_t)bench_argument(argc, argv, 1, 4000000);
    input = (item *)bench_allocate(count, sizeof *input);
    items = (item *)bench_allocate(count, sizeof *items);
    spare = (item *)bench_allocate(count, sizeof *spare);
    uint64_t random = 1;
    for (size_t i = 0; i < count; i++)
        input[i] = (item)bench_random(&random);
}

void kernel_reset(void)
{
    memcpy(items, input, count * sizeof *items);
}

void kernel_run(bool warm)
{
    RUN_VOID(cilksort, items, spare, warm ? count / 16 : count);
}

/* In order, and by two sums, which no loss keeps, the items of the input. */
void kernel_check(void)
{
    uint64_t sum = 0, squares = 0;
    for (size_t i = 0; i < count; i++) {
        BENCH_CHECK(i == 0 || items[i - 1] <= items[i]);
        sum += items[i] - (uint64_t)input[i];
        squares += (uint64_t)items[i] * items[i] - (uint64_t)input[i] * input[i];
    }
    BENCH_CHECK(sum == 0 && squares == 0);
}

double kernel_tasks(void)
{
    return 0;
}
