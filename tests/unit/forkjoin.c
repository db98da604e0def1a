/* SPDX-License-Identifier: MIT */
/* forkjoin.c - parameters and results of typed tasks: of all kinds and sizes; called, synced, stolen, and run as
 * roots.
 */
#include "forkjoin_ways.h"
#include "support/test.h"

#include <complex.h>

/* ---- parameters ---- */

struct pair {
    int first;
    char second;
};

struct point {
    double x, y, z;
};

typedef int (*operation)(int a);
typedef int four[4];

static int twice(int a)
{
    return 2 * a;
}

FILCH_TASK(int, none)
{
    return atomic_fetch_add(&tasks_ran, 1), 17;
}

FILCH_TASK(int8_t, one, (int8_t, a))
{
    atomic_fetch_add(&tasks_ran, 1);
    return (int8_t)-a;
}

FILCH_TASK(double, two, (double, a), (float, b))
{
    atomic_fetch_add(&tasks_ran, 1);
    return a / b;
}

FILCH_TASK(const char *, three, (const char *, text), (unsigned char, skip), (bool, really))
{
    atomic_fetch_add(&tasks_ran, 1);
    return really ? text + skip : text;
}

FILCH_TASK(struct pair, quad, (struct pair, a), (struct pair *, b), (uint16_t, c), (int64_t, d))
{
    atomic_fetch_add(&tasks_ran, 1);
    return (struct pair){a.first + b->first + c + (int)d, (char)(a.second + b->second)};
}

FILCH_TASK(long double, five, (long double, a), (int, b), (float, c), (short, d), (char, e))
{
    atomic_fetch_add(&tasks_ran, 1);
    return a + b + c + d + e;
}

FILCH_TASK(struct point, six, (struct point, a), (double, b), (int8_t, c), (int8_t, d), (int8_t, e), (int, f))
{
    atomic_fetch_add(&tasks_ran, 1);
    return (struct point){a.x * b + c, a.y * b + d, a.z * b + e + f};
}

FILCH_TASK(int, seven, (operation, f), (const int *, a), (int, b), (int, c), (int, d), (int, e), (int, g))
{
    atomic_fetch_add(&tasks_ran, 1);
    return f(a[0]) + a[3] + b + c + d + e + g;
}

FILCH_TASK(uint64_t, eight, (uint8_t, a), (uint8_t, b), (uint16_t, c), (uint32_t, d), (uint64_t, e), (int8_t, f),
           (bool, g), (_Complex float, h))
{
    atomic_fetch_add(&tasks_ran, 1);
    return a + b + c + d + e + (uint64_t)(int64_t)f + g + (uint64_t)crealf(h) + (uint64_t)cimagf(h);
}

/* `result` is the task's value, got in one of the ways. */
#define by_way(way, result, name, ...)                                                                                 \
    do {                                                                                                               \
        int before_ = atomic_load(&tasks_ran);                                                                         \
        if ((way) == CALLED) {                                                                                         \
            result = FILCH_CALL(name, __VA_ARGS__);                                                                    \
        } else {                                                                                                       \
            FILCH_SPAWN(name, __VA_ARGS__);                                                                            \
            let_run(way, before_);                                                                                     \
            result = FILCH_SYNC(name);                                                                                 \
        }                                                                                                              \
        must(atomic_load(&tasks_ran) == before_ + 1);                                                                  \
    } while (0)

FILCH_VOID_TASK(pass_all, (enum way, way))
{
    static const four numbers = {1, 2, 3, 4};
    static const char text[] = "filch";
    int8_t small;
    double real;
    const char *rest;
    struct pair pair, other = {30, 3};
    long double wide;
    struct point point;
    int sum, before = atomic_load(&tasks_ran);
    uint64_t big;
    if (way == CALLED) {
        sum = FILCH_CALL(none);
    } else {
        FILCH_SPAWN(none);
        let_run(way, before);
        sum = FILCH_SYNC(none);
    }
    must(sum == 17);
    by_way(way, small, one, 127);
    must(small == -127);
    by_way(way, real, two, 1, 8);
    must(real == 0.125);
    by_way(way, rest, three, text, 2, true);
    must(rest == text + 2);
    by_way(way, pair, quad, ((struct pair){1, 2}), &other, 60000, -70000);
    must(pair.first == 31 - 10000 && pair.second == 5);
    by_way(way, wide, five, 1e30L, 1, 0.5f, -1, 'a' - 'a');
    must(wide == 1e30L + 1 + 0.5f - 1);
    by_way(way, point, six, ((struct point){1, 2, 3}), 10, 1, -1, 5, 100);
    must(point.x == 11 && point.y == 19 && point.z == 135);
    by_way(way, sum, seven, twice, numbers, 10, 20, 30, 40, 50);
    must(sum == 156);
    by_way(way, big, eight, 255, 1, 65535, 4294967295u, 1ull << 40, -1, true, 7 + 8 * I);
    must(big == 256 + 65535 + 4294967295u + (1ull << 40) - 1 + 1 + 15);
}

static void run_pass_all(struct filch_pool *pool, enum way way)
{
    for (int i = 0; i < 20; i++)
        FILCH_RUN(pool, pass_all, way);
}

Test(forkjoin, none_to_eight_parameters_of_all_types_called, .timeout = TEST_TIMEOUT)
{
    in_pools(CALLED, run_pass_all);
}

Test(forkjoin, none_to_eight_parameters_of_all_types_synced, .timeout = TEST_TIMEOUT)
{
    in_pools(SYNCED, run_pass_all);
}

Test(forkjoin, none_to_eight_parameters_of_all_types_stolen, .timeout = TEST_TIMEOUT)
{
    in_pools(STOLEN, run_pass_all);
}

Test(forkjoin, none_to_eight_parameters_of_all_types_run_as_roots, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    static const four numbers = {1, 2, 3, 4};
    struct pair other = {30, 3};
    cr_assert_eq(FILCH_RUN(pool, none), 17);
    cr_assert_eq(FILCH_RUN(pool, one, 127), -127);
    cr_assert(FILCH_RUN(pool, two, 1, 8) == 0.125);
    cr_assert_str_eq(FILCH_RUN(pool, three, "filch", 2, true), "lch");
    cr_assert_eq(FILCH_RUN(pool, quad, ((struct pair){1, 2}), &other, 60000, -70000).first, 31 - 10000);
    cr_assert(FILCH_RUN(pool, five, 1e30L, 1, 0.5f, -1, 0) == 1e30L + 1 + 0.5f - 1);
    cr_assert(FILCH_RUN(pool, six, ((struct point){1, 2, 3}), 10, 1, -1, 5, 100).z == 135);
    cr_assert_eq(FILCH_RUN(pool, seven, twice, numbers, 10, 20, 30, 40, 50), 156);
    cr_assert_eq(FILCH_RUN(pool, eight, 1, 2, 3, 4, 5, 6, true, 7 + 8 * I), 37);
    pool_end(pool);
}

/* ---- large ones ---- */

struct block {
    uint64_t word[40];
};

/* Too large for a slot by its alignment only. */
struct aligned {
    _Alignas(64) char c;
};

FILCH_TASK(uint64_t, large_in, (struct block, block), (int, i))
{
    atomic_fetch_add(&tasks_ran, 1);
    return block.word[i];
}

FILCH_TASK(struct block, large_out, (uint64_t, start))
{
    struct block block;
    for (uint64_t i = 0; i < 40; i++)
        block.word[i] = start + i;
    atomic_fetch_add(&tasks_ran, 1);
    return block;
}

FILCH_TASK(struct block, large_both, (struct block, block), (uint64_t, add))
{
    for (int i = 0; i < 40; i++)
        block.word[i] += add;
    atomic_fetch_add(&tasks_ran, 1);
    return block;
}

FILCH_TASK(struct aligned, large_by_alignment, (char, c))
{
    atomic_fetch_add(&tasks_ran, 1);
    return (struct aligned){c};
}

FILCH_VOID_TASK(large_void, (struct block, block), (atomic_int *, sum))
{
    atomic_fetch_add(sum, (int)block.word[39]);
    atomic_fetch_add(&tasks_ran, 1);
}

FILCH_VOID_TASK(pass_large, (enum way, way))
{
    struct block block;
    struct aligned aligned;
    uint64_t word;
    by_way(way, block, large_out, 100);
    must(block.word[0] == 100 && block.word[39] == 139);
    by_way(way, word, large_in, block, 7);
    must(word == 107);
    by_way(way, block, large_both, block, 1000);
    must(block.word[0] == 1100 && block.word[39] == 1139);
    by_way(way, aligned, large_by_alignment, 'a');
    must(aligned.c == 'a');
    atomic_int sum = 0;
    int before = atomic_load(&tasks_ran);
    FILCH_SPAWN(large_void, block, &sum);
    let_run(way, before);
    FILCH_SYNC(large_void);
    must(atomic_load(&sum) == 1139);
}

static void run_pass_large(struct filch_pool *pool, enum way way)
{
    for (int i = 0; i < 20; i++)
        FILCH_RUN(pool, pass_large, way);
    struct block block = FILCH_RUN(pool, large_both, FILCH_RUN(pool, large_out, 5), 10);
    cr_assert_eq(block.word[39], 54);
}

Test(forkjoin, large_arguments_and_results, .timeout = TEST_TIMEOUT)
{
    for (enum way way = CALLED; way < WAYS; way++)
        in_pools(way, run_pass_large);
}
