/* SPDX-License-Identifier: MIT */
/* parallel_fixed.c - sums of floating-point numbers: the same bit for bit with FILCH_FOR_FIXED, and with one worker the
 * serial ones. */
#include "support/tasks.h"
#include "support/test.h"

#include <filch/parallel.h>

struct numbers {
    double *value, *running;
    size_t count;
};

static int add_numbers(void *ctx, size_t begin, size_t end, void *sum)
{
    const struct numbers *numbers = ctx;
    for (size_t i = begin; i < end; i++)
        *(double *)sum += numbers->value[i];
    return 0;
}

static int add_sums(void *ctx, void *sum, const void *right)
{
    (void)ctx;
    *(double *)sum += *(const double *)right;
    return 0;
}

static int scan_numbers(void *ctx, size_t begin, size_t end, void *sum)
{
    const struct numbers *numbers = ctx;
    for (size_t i = begin; i < end; i++)
        numbers->running[i] = *(double *)sum += numbers->value[i];
    return 0;
}

static const struct filch_reducer adder = {.size = sizeof(double), .fold = add_numbers, .combine = add_sums};

static struct numbers numbers_make(size_t count)
{
    struct numbers numbers = {calloc(count, sizeof(double)), calloc(count, sizeof(double)), count};
    uint64_t random = 7;
    must(numbers.value != NULL && numbers.running != NULL);
    for (size_t i = 0; i < count; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        numbers.value[i] = (double)(random >> 20) * (i % 7 == 0 ? 1e-9 : i % 5 == 0 ? -1e7 : 1);
    }
    return numbers;
}

static void numbers_free(struct numbers *numbers)
{
    free(numbers->value);
    free(numbers->running);
}

Test(parallel_fixed, are_the_same_bit_for_bit_when_the_grouping_is_fixed, .timeout = TEST_TIMEOUT)
{
    enum { rounds = 20 };
    struct numbers numbers = numbers_make(100003);
    double *first_running = calloc(numbers.count, sizeof(double));
    must(first_running != NULL);
    for (size_t grain = 0; grain <= 300; grain += 100) {
        const struct filch_for_options options = {.grain = grain, .flags = FILCH_FOR_FIXED};
        double first = 0, first_total = 0;
        for (unsigned workers = 1; workers <= 4; workers *= 2) {
            struct filch_pool *pool = pool_of(workers);
            for (int round = 0; round < rounds; round++) {
                double sum = 0, total = 0;
                cr_assert_eq(filch_reduce(pool, 0, numbers.count, &options, &adder, &numbers, &sum), 0);
                cr_assert_eq(filch_scan(pool, 0, numbers.count, &options, &adder, scan_numbers, &numbers, &total), 0);
                if (workers == 1 && round == 0) {
                    first = sum;
                    first_total = total;
                    memcpy(first_running, numbers.running, numbers.count * sizeof(double));
                }
                cr_assert(memcmp(&sum, &first, sizeof sum) == 0);
                cr_assert(memcmp(&total, &first_total, sizeof total) == 0);
                cr_assert(memcmp(numbers.running, first_running, numbers.count * sizeof(double)) == 0);
            }
            pool_end(pool);
        }
    }
    free(first_running);
    numbers_free(&numbers);
}

Test(parallel_fixed, of_one_worker_are_the_serial_ones, .timeout = TEST_TIMEOUT)
{
    struct numbers numbers = numbers_make(10007);
    struct filch_pool *pool = pool_of(1);
    double sum = 0, serial = 0;
    cr_assert_eq(add_numbers(&numbers, 0, numbers.count, &serial), 0);
    cr_assert_eq(filch_reduce(pool, 0, numbers.count, NULL, &adder, &numbers, &sum), 0);
    cr_assert(memcmp(&sum, &serial, sizeof sum) == 0, "nothing was stolen, so nothing was combined");
    cr_assert_eq(filch_scan(pool, 0, numbers.count, NULL, &adder, scan_numbers, &numbers, NULL), 0);
    cr_assert(memcmp(&numbers.running[numbers.count - 1], &serial, sizeof serial) == 0);
    pool_end(pool);
    numbers_free(&numbers);
}

Test(parallel_fixed, begin_with_the_identity, .timeout = TEST_TIMEOUT)
{
    const double one = 1, zero = 0;
    struct numbers numbers = {.count = 0};
    struct filch_reducer from_one = adder;
    from_one.identity = &one;
    struct filch_pool *pool = pool_of(2);
    double sum = 5;
    cr_assert_eq(filch_reduce(pool, 3, 3, NULL, &from_one, &numbers, &sum), 0);
    cr_assert(memcmp(&sum, &one, sizeof sum) == 0);
    cr_assert_eq(filch_scan(pool, 3, 3, NULL, &adder, scan_numbers, &numbers, &sum), 0);
    cr_assert(memcmp(&sum, &zero, sizeof sum) == 0);
    pool_end(pool);
}
