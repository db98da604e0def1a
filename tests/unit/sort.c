/* SPDX-License-Identifier: MIT */
/* sort.c - filch_sort against qsort: sizes of items and arrays, orders that it meets, stability, comparisons gone
 * wrong. */
#include "support/tasks.h"
#include "support/test.h"

#include <filch/parallel.h>

/* An item: its key, then bytes that tell which one it was. Items of 1 to 3 bytes have the key alone. */
static unsigned key_of(const void *item, size_t size)
{
    const unsigned char *byte = item;
    return size < 4 ? byte[0] : (unsigned)byte[0] << 8 | byte[1];
}

/* ctx: the size. */
static int compare_keys(const void *a, const void *b, void *ctx)
{
    size_t size = *(const size_t *)ctx;
    unsigned x = key_of(a, size), y = key_of(b, size);
    return x < y ? -1 : x > y;
}

static uint64_t random_state = 1;

static unsigned random_below(unsigned n)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(random_state >> 33) % n;
}

enum pattern { RANDOM, SORTED, REVERSED, FEW, EQUAL, SAWTOOTH, NEARLY, TWO_RUNS, PATTERNS };

static unsigned pattern_key(enum pattern pattern, size_t i, size_t count)
{
    unsigned range = 65536, step = (unsigned)(i * (range - 1) / (count ? count : 1));
    switch (pattern) {
    case RANDOM:
        return random_below(range);
    case SORTED:
        return step;
    case REVERSED:
        return range - 1 - step;
    case FEW:
        return random_below(5);
    case EQUAL:
        return 7;
    case SAWTOOTH:
        return (unsigned)(i % 300);
    case NEARLY:
        return random_below(50) ? step : random_below(range);
    default:
        return (unsigned)((i + count / 3) % (count ? count : 1) * (range - 1) / (count ? count : 1));
    }
}

/* Each item says where it was, as far as there is room for that. */
static void fill(char *items, size_t count, size_t size, enum pattern pattern)
{
    for (size_t i = 0; i < count; i++) {
        unsigned char *item = (unsigned char *)items + i * size;
        unsigned key = pattern_key(pattern, i, count);
        memset(item, (int)(i % 251), size);
        item[0] = (unsigned char)(key >> 8);
        if (size < 4)
            item[0] = (unsigned char)key;
        else
            item[1] = (unsigned char)key;
        for (size_t byte = 2; byte < 5 && byte + 1 < size; byte++)
            item[byte] = (unsigned char)(i >> 8 * (4 - byte));
    }
}

/* Stable, slow and simple: counts how many of each key come before. */
static char *sorted_copy(const char *items, size_t count, size_t size)
{
    size_t *place = calloc(65537, sizeof *place);
    char *sorted = malloc(count * size + 1);
    must(place != NULL && sorted != NULL);
    for (size_t i = 0; i < count; i++)
        place[key_of(items + i * size, size) + 1]++;
    for (size_t key = 0; key < 65536; key++)
        place[key + 1] += place[key];
    for (size_t i = 0; i < count; i++)
        memcpy(sorted + place[key_of(items + i * size, size)]++ * size, items + i * size, size);
    free(place);
    return sorted;
}

static void check_sort(struct filch_pool *pool, size_t count, size_t size, enum pattern pattern)
{
    const struct filch_sort_options stable = {.flags = FILCH_SORT_STABLE};
    char *items = malloc(count * size + 1); /* exactly so large, for AddressSanitizer */
    must(items != NULL);
    fill(items, count, size, pattern);
    char *sorted = sorted_copy(items, count, size);
    cr_assert_eq(filch_sort(pool, items, count, size, &stable, compare_keys, &size), 0);
    cr_assert(memcmp(items, sorted, count * size) == 0, "%zu items of %zu bytes, pattern %d", count, size, pattern);
    free(sorted);
    free(items);
}

static const size_t counts[] = {0,  1,  2,   3,   4,    5,    31,   32,   33,   63,
                                64, 65, 100, 127, 1000, 4095, 4096, 4097, 8193, 40000};
static const size_t item_sizes[] = {1, 2, 3, 4, 5, 8, 12, 16, 24, 31, 32, 33, 40, 64, 100, 200};

Test(sort, orders_items_of_every_size_stably, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    for (size_t s = 0; s < sizeof item_sizes / sizeof item_sizes[0]; s++)
        for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++)
            for (int pattern = 0; pattern < PATTERNS; pattern++)
                if (!TEST_SANITIZED || counts[c] < 5000)
                    check_sort(pool, counts[c], item_sizes[s], (enum pattern)pattern);
    pool_end(pool);
}

Test(sort, orders_many_items_with_any_number_of_workers, .timeout = TEST_TIMEOUT)
{
    for (unsigned workers = 1; workers <= 4; workers++) {
        struct filch_pool *pool = pool_of(workers);
        for (int pattern = 0; pattern < PATTERNS; pattern++)
            for (size_t s = 4; s <= 100; s *= 5)
                check_sort(pool, (size_t)TEST_SHARE(200000), s, (enum pattern)pattern);
        pool_end(pool);
    }
}

static int sort_in_task(void *data)
{
    (void)data;
    check_sort(NULL, 20000, 8, RANDOM);
    check_sort(NULL, 20000, 40, FEW);
    return 0;
}

Test(sort, runs_inside_tasks, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    struct filch_future futures[4] = {{{0}}};
    random_state = 3;
    for (int i = 0; i < 4; i++) { /* one after the other: they share the random numbers */
        cr_assert_eq(filch_submit(pool, &futures[i], sort_in_task, NULL), 0);
        cr_assert_eq(filch_wait(&futures[i]), 0);
    }
    pool_end(pool);
}

/* ---- without FILCH_SORT_STABLE; by a comparison with a context ---- */

struct descending {
    const double *weight; /* items are indices of it */
};

static int heavier_first(const void *a, const void *b, void *ctx)
{
    const struct descending *descending = ctx;
    double x = descending->weight[*(const uint32_t *)a], y = descending->weight[*(const uint32_t *)b];
    return x > y ? -1 : x < y;
}

Test(sort, hands_the_context_to_the_comparison, .timeout = TEST_TIMEOUT)
{
    enum { count = 30000 };
    double *weight = calloc(count, sizeof *weight);
    uint32_t *item = calloc(count, sizeof *item);
    bool *seen = calloc(count, sizeof *seen);
    struct descending descending = {weight};
    struct filch_pool *pool = pool_of(2);
    must(weight != NULL && item != NULL && seen != NULL);
    for (uint32_t i = 0; i < count; i++) {
        weight[i] = random_below(1000000) * 0.5;
        item[i] = i;
    }
    cr_assert_eq(filch_sort(pool, item, count, sizeof *item, NULL, heavier_first, &descending), 0);
    for (size_t i = 0; i < count; i++) {
        must(i == 0 || weight[item[i - 1]] >= weight[item[i]]);
        must(!seen[item[i]]);
        seen[item[i]] = true;
    }
    pool_end(pool);
    free(weight);
    free(item);
    free(seen);
}

/* ---- comparisons gone wrong ---- */

/* Numbered items; a comparison that may say anything. It checks that what it is shown are items. */
struct liar {
    size_t count;
    int kind;
    atomic_uint calls;
};

static uint32_t number_of(const void *item)
{
    uint32_t number;
    memcpy(&number, item, sizeof number);
    return number;
}

static int lie(const void *a, const void *b, void *ctx)
{
    struct liar *liar = ctx;
    uint32_t x = number_of(a), y = number_of(b);
    unsigned call = atomic_fetch_add_explicit(&liar->calls, 1, memory_order_relaxed);
    must(x < liar->count && y < liar->count);
    switch (liar->kind) {
    case 0:
        return -1;
    case 1:
        return 1;
    case 2:
        return call % 2 ? -1 : 1;
    case 3:
        return (int)(call * 2654435761u >> 30) - 1;
    default:
        return (int)((x * 2654435761u ^ y * 40503u) >> 7 & 3) -
               1; /* settled, but neither transitive nor antisymmetric */
    }
}

static void check_lies(struct filch_pool *pool, size_t count, size_t size, int kind)
{
    struct liar liar = {.count = count, .kind = kind};
    char *items = calloc(count, size);
    bool *seen = calloc(count, sizeof *seen);
    must(items != NULL && seen != NULL);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t number = (uint32_t)(i * 7919u % count); /* a prime that divides no count: each number once */
        memcpy(items + i * size, &number, sizeof number);
    }
    cr_assert_eq(filch_sort(pool, items, count, size, NULL, lie, &liar), 0);
    for (size_t i = 0; i < count; i++) {
        uint32_t number = number_of(items + i * size);
        must(number < count && !seen[number]);
        seen[number] = true;
    }
    free(items);
    free(seen);
}

Test(sort, loses_no_item_to_a_comparison_that_contradicts_itself, .timeout = TEST_TIMEOUT)
{
    const size_t sizes[] = {4, 8, 12, 16, 32, 48}, many[] = {2, 33, 100, 1000, 5000, 50000};
    struct filch_pool *pool = pool_of(2);
    for (int kind = 0; kind < 5; kind++)
        for (size_t s = 0; s < 6; s++)
            for (size_t c = 0; c < 6; c++)
                if (!TEST_SANITIZED || many[c] <= 5000 || s == 1)
                    check_lies(pool, many[c], sizes[s], kind);
    pool_end(pool);
}

/* ---- stopping, refusing ---- */

struct held_sort {
    uint32_t *item;
    size_t count;
    unsigned at; /* the comparison during which the task is cancelled */
    atomic_uint compared;
    atomic_bool began;
    int result;
};

static int compare_when_cancelled(const void *a, const void *b, void *ctx)
{
    struct held_sort *held = ctx;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    if (atomic_fetch_add_explicit(&held->compared, 1, memory_order_relaxed) == held->at) {
        atomic_store(&held->began, true);
        while (!filch_cancelled())
            usleep(100);
    }
    return x < y ? -1 : x > y;
}

static int run_held_sort(void *data)
{
    struct held_sort *held = data;
    held->result = filch_sort(NULL, held->item, held->count, sizeof *held->item, NULL, compare_when_cancelled, held);
    return 0;
}

static void check_cancelled(struct filch_pool *pool, unsigned at)
{
    struct held_sort held = {.count = 50000, .at = at};
    struct filch_future future = {0};
    bool *seen = calloc(held.count, sizeof *seen);
    held.item = calloc(held.count, sizeof *held.item);
    must(seen != NULL && held.item != NULL);
    for (uint32_t i = 0; i < held.count; i++)
        held.item[i] = (uint32_t)(i * 7919u % held.count);
    cr_assert_eq(filch_submit(pool, &future, run_held_sort, &held), 0);
    wait_until(atomic_load(&held.began));
    cr_assert_eq(filch_cancel(&future), -EINPROGRESS);
    cr_assert_eq(filch_wait(&future), 0);
    cr_assert_eq(held.result, -ECANCELED);
    for (size_t i = 0; i < held.count; i++) {
        must(held.item[i] < held.count && !seen[held.item[i]]);
        seen[held.item[i]] = true;
    }
    free(seen);
    free(held.item);
}

/* In the first look at the items, in the leaves, in merges into the scratch memory and back. */
Test(sort, keeps_all_items_when_it_is_cancelled, .timeout = TEST_TIMEOUT)
{
    for (unsigned workers = 1; workers <= 3; workers++) {
        struct filch_pool *pool = pool_of(workers);
        for (unsigned at = 0; at <= 600000; at += 60000)
            check_cancelled(pool, at);
        pool_end(pool);
    }
}

Test(sort, refuses_wrong_arguments, .timeout = TEST_TIMEOUT)
{
    const struct filch_sort_options wrong[] = {
        {.flags = 2}, {.reserved32 = 1}, {.reserved = {1}}, {.reserved = {0, 0, 0, 1}}};
    struct filch_pool *pool = pool_of(1);
    size_t size = 4;
    char items[] = "00040003";
    for (size_t i = 0; i < 4; i++)
        cr_assert_eq(filch_sort(pool, items, 2, 4, &wrong[i], compare_keys, &size), -EINVAL);
    cr_assert_eq(filch_sort(pool, items, 2, 4, NULL, NULL, &size), -EINVAL);
    cr_assert_eq(filch_sort(pool, items, 2, 0, NULL, compare_keys, &size), -EINVAL);
    cr_assert_eq(filch_sort(pool, NULL, 2, 4, NULL, compare_keys, &size), -EINVAL);
    cr_assert_eq(filch_sort(pool, items, SIZE_MAX / 2, 4, NULL, compare_keys, &size), -EOVERFLOW);
    cr_assert_eq(filch_sort(pool, items, SIZE_MAX / 100, 99, NULL, compare_keys, &size), -EOVERFLOW);
    cr_assert_eq(filch_sort(pool, NULL, 0, 4, NULL, compare_keys, &size), 0);
    cr_assert_str_eq(items, "00040003");
    cr_assert_eq(filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE), 0);
    cr_assert_eq(filch_sort(pool, items, 2, 4, NULL, compare_keys, &size), -ESHUTDOWN);
    cr_assert_str_eq(items, "00040003");
    watchdog_pool(NULL);
    filch_pool_free(pool);
}
