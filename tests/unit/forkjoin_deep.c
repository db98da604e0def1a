/* SPDX-License-Identifier: MIT */
/* forkjoin_deep.c - a million levels of recursion, and ten million outstanding children of one body. */
#include "support/tasks.h"
#include "support/test.h"

#include <filch/fork.h>

static struct filch_pool *pool_with_large_stacks(unsigned limit)
{
    struct filch_pool_config config = {.max_concurrency = limit, .stack_size = (size_t)4 << 30};
    return pool_open(&config);
}

/* The child runs in the sync, one level further down. */
FILCH_TASK(long, down, (long, n))
{
    if (n == 0)
        return 0;
    FILCH_SPAWN(down, n - 1);
    return FILCH_SYNC(down) + 1;
}

FILCH_TASK(long, one, (long, n))
{
    return n % 2;
}

/* Each level leaves a child on the stack of slots while the next one is called. */
FILCH_TASK(long, down_with_children, (long, n))
{
    if (n == 0)
        return 0;
    FILCH_SPAWN(one, n);
    long below = FILCH_CALL(down_with_children, n - 1);
    return FILCH_SYNC(one) + below;
}

Test(forkjoin_deep, a_million_levels_of_children, .timeout = TEST_TIMEOUT)
{
    long depth = TEST_TSAN ? 10000 : TEST_SHARE(1000000); /* ThreadSanitizer keeps 65,535 frames */
    for (unsigned limit = 1; limit <= 2; limit++) {
        struct filch_pool *pool = pool_with_large_stacks(limit);
        cr_assert_eq(FILCH_RUN(pool, down, depth), depth);
        cr_assert_eq(FILCH_RUN(pool, down_with_children, depth), depth / 2);
        pool_end(pool);
    }
    printf("figure: W1 recursion to depth %ld\n", depth);
}

FILCH_TASK(long, spread, (long, count))
{
    long sum = 0;
    for (long i = 0; i < count; i++)
        FILCH_SPAWN(one, i);
    for (long i = count - 1; i >= 0; i--) {
        long value = FILCH_SYNC(one);
        must(value == i % 2);
        sum += value;
    }
    return sum;
}

static long resident_kib(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    must(file && fscanf(file, "%*d %ld", &pages) == 1);
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* 64 bytes each while they last; afterwards the memory is the system's again. */
Test(forkjoin_deep, ten_million_outstanding_children, .timeout = TEST_TIMEOUT)
{
    long count = TEST_SHARE(10000000);
    for (unsigned limit = 1; limit <= 2; limit++) {
        struct filch_pool *pool = pool_of(limit);
        long before = resident_kib();
        cr_assert_eq(FILCH_RUN(pool, spread, count), count / 2);
        long after = resident_kib();
        if (!TEST_SANITIZED) /* whose own memory grows with each page that is touched */
            cr_assert_lt(after - before, count * 64 / 1024 / 2);
        cr_assert_eq(FILCH_RUN(pool, spread, 1000), 500);
        pool_end(pool);
    }
    printf("figure: W1 %ld outstanding children of one body\n", count);
}
