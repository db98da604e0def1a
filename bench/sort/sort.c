/* SPDX-License-Identifier: MIT */
/* sort.c - sort items of 8 bytes by a comparison through a pointer; milliseconds.
 *
 *     sort WORKERS COUNT STABLE        STABLE 1: items of equal keys keep their order
 */
#include "sort.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int sort_compare(const void *a, const void *b)
{
    uint64_t left = *(const sort_item *)a >> 32, right = *(const sort_item *)b >> 32;
    return (left > right) - (left < right);
}

/* Every key comes several times. */
static void fill(sort_item *items, size_t count)
{
    uint64_t random = 1;
    for (size_t i = 0; i < count; i++)
        items[i] = bench_random(&random) % (count / 4 + 1) << 32 | (uint32_t)i;
}

static void check(const sort_item *items, const sort_item *input, size_t count, bool stable)
{
    uint8_t *seen = bench_allocate(count, 1);
    for (size_t i = 0; i < count; i++) {
        BENCH_CHECK(i == 0 || sort_compare(&items[i - 1], &items[i]) <= 0);
        BENCH_CHECK(!stable || i == 0 || items[i - 1] < items[i]);
        uint32_t stood = (uint32_t)items[i];
        BENCH_CHECK(stood < count && items[i] == input[stood] && !seen[stood]++);
    }
    free(seen);
}

int main(int argc, char **argv)
{
    unsigned workers = (unsigned)bench_argument(argc, argv, 1, 2);
    size_t count = (size_t)bench_argument(argc, argv, 2, 2000000);
    bool stable = bench_argument(argc, argv, 3, 0);
    sort_item *input = bench_allocate(count, sizeof *input), *items = bench_allocate(count, sizeof *items);
    fill(input, count);

    bench_system_describe();
    bench_system_open(workers);
    memcpy(items, input, count * sizeof *items);
    sort_run(items, count / 8, stable);
    memcpy(items, input, count * sizeof *items);
    uint64_t begin_ns = bench_now_ns();
    sort_run(items, count, stable);
    uint64_t elapsed_ns = bench_now_ns() - begin_ns;
    check(items, input, count, stable);
    bench_system_close();

    char way[16];
    snprintf(way, sizeof way, "%u", bench_system_is_serial ? 1 : workers);
    bench_sample(way, "ms", (double)elapsed_ns / 1e6);
    free(input);
    free(items);
}
