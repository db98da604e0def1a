/* SPDX-License-Identifier: MIT */
/* histogram.c - durations in buckets: each bucket's edges, the error of what comes out again, and readers meanwhile. */
#include "histogram.h"

#include "support/tasks.h"
#include "support/test.h"
#include "work.h"

#include <math.h>

enum { ALL = FILCH_HISTOGRAM_BUCKETS, EXACT = 64, BITS = 43 };

static uint64_t random_word(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 32 | *state << 32;
}

/* All magnitudes up to 2^bits alike. */
static uint64_t random_ns(uint64_t *state, unsigned bits)
{
    unsigned shift = 64 - bits + (unsigned)(random_word(state) % bits);
    return random_word(state) >> shift;
}

/* ---- buckets ---- */

Test(histogram, buckets_follow_each_other_without_a_gap, .timeout = TEST_TIMEOUT)
{
    for (size_t i = 0; i < ALL; i++) {
        uint64_t low = filch__histogram_low(i);
        cr_assert_eq(filch__histogram_index(low), i);
        if (i > 0)
            cr_assert_eq(filch__histogram_index(low - 1), i - 1);
    }
    cr_assert_eq(filch__histogram_low(ALL - 1), (uint64_t)1 << FILCH__HISTOGRAM_TOP);
    cr_assert_eq(filch__histogram_index(UINT64_MAX), ALL - 1);
}

Test(histogram, a_bucket_is_a_nanosecond_wide_or_a_32nd_of_its_beginning, .timeout = TEST_TIMEOUT)
{
    for (size_t i = 0; i + 1 < ALL; i++) {
        uint64_t low = filch__histogram_low(i), width = filch__histogram_low(i + 1) - low;
        if (low < EXACT)
            cr_assert_eq(width, 1, "bucket %d", (int)i);
        else
            cr_assert(width > 1 && 32 * width <= low, "bucket %d", (int)i);
    }
}

/* ---- what comes out again ---- */

static void copy_of(const struct filch__histogram *histogram, struct filch_histogram *ret_copy)
{
    memset(ret_copy, 0, sizeof *ret_copy);
    filch__histogram_merge(ret_copy, histogram);
}

static void must_be_near(uint64_t found, uint64_t exact)
{
    uint64_t error = found > exact ? found - exact : exact - found;
    cr_assert_leq(64 * error, exact, "%llu for %llu", (unsigned long long)found, (unsigned long long)exact);
}

Test(histogram, any_value_comes_out_within_a_64th, .timeout = TEST_TIMEOUT)
{
    static struct filch__histogram histogram;
    static struct filch_histogram copy;
    uint64_t random = 1;
    for (int i = 0; i < TEST_SHARE(20000); i++) {
        uint64_t value = random_ns(&random, FILCH__HISTOGRAM_TOP);
        memset(&histogram, 0, sizeof histogram);
        filch__histogram_add(&histogram, value);
        filch__histogram_add(&histogram, UINT64_MAX / 2); /* or the greatest would be exact */
        copy_of(&histogram, &copy);
        must_be_near(filch_histogram_quantile(&copy, 0.5), value);
        cr_assert_eq(filch_histogram_quantile(&copy, 1), UINT64_MAX / 2);
    }
}

static int by_value(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static const double fractions[] = {0, 1e-9, 0.001, 0.01, 0.1, 0.25, 1.0 / 3, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999, 1};

Test(histogram, quantiles_are_those_of_the_sorted_values, .timeout = TEST_TIMEOUT)
{
    static struct filch__histogram histogram;
    static struct filch_histogram copy;
    static uint64_t value[10007];
    uint64_t random = 7;
    for (int round = 0; round < TEST_SHARE(60); round++) {
        size_t count = round < 8 ? (size_t)round + 1 : sizeof value / sizeof value[0] - (size_t)round;
        uint64_t sum = 0;
        memset(&histogram, 0, sizeof histogram);
        for (size_t i = 0; i < count; i++) {
            value[i] = random_ns(&random, 1 + (unsigned)round % FILCH__HISTOGRAM_TOP);
            sum += value[i];
            filch__histogram_add(&histogram, value[i]);
        }
        qsort(value, count, sizeof value[0], by_value);
        copy_of(&histogram, &copy);
        cr_assert_eq(copy.count, count);
        cr_assert_eq(copy.sum_ns, sum);
        cr_assert_eq(copy.max_ns, value[count - 1]);
        for (size_t i = 0; i < sizeof fractions / sizeof fractions[0]; i++) {
            size_t rank = (size_t)ceil(fractions[i] * (double)count);
            must_be_near(filch_histogram_quantile(&copy, fractions[i]), value[rank ? rank - 1 : 0]);
        }
        cr_assert_eq(filch_histogram_quantile(&copy, 1), value[count - 1]);
    }
}

Test(histogram, what_is_no_fraction_is_cut_to_one, .timeout = TEST_TIMEOUT)
{
    static struct filch__histogram histogram;
    static struct filch_histogram copy;
    cr_assert_eq(filch_histogram_quantile(NULL, 0.5), 0);
    cr_assert_eq(filch_histogram_quantile(&copy, 0.5), 0);
    cr_assert_eq(filch_histogram_quantile(&copy, 1), 0);
    filch__histogram_add(&histogram, 3);
    filch__histogram_add(&histogram, 60);
    copy_of(&histogram, &copy);
    cr_assert_eq(filch_histogram_quantile(&copy, -1), 3);
    cr_assert_eq(filch_histogram_quantile(&copy, (double)NAN), 3);
    cr_assert_eq(filch_histogram_quantile(&copy, 2), 60);
}

/* ---- walking over it, adding up ---- */

Test(histogram, next_gives_each_bucket_with_something_in_it, .timeout = TEST_TIMEOUT)
{
    static struct filch__histogram histogram;
    static struct filch_histogram copy;
    struct filch_bucket bucket = {0};
    cr_assert_not(filch_histogram_next(&copy, &bucket));
    cr_assert_not(filch_histogram_next(NULL, &bucket));
    cr_assert_not(filch_histogram_next(&copy, NULL));
    for (size_t step = 1; step < ALL; step += 37) {
        memset(&histogram, 0, sizeof histogram);
        for (size_t i = 0; i < ALL; i += step)
            for (size_t n = 0; n <= i % 3; n++)
                filch__histogram_add(&histogram, filch__histogram_low(i));
        copy_of(&histogram, &copy);
        bucket = (struct filch_bucket){0};
        for (size_t i = 0; i < ALL; i += step) {
            uint64_t high = i + 1 < ALL ? filch__histogram_low(i + 1) : UINT64_MAX;
            cr_assert(filch_histogram_next(&copy, &bucket));
            cr_assert_eq(bucket.low_ns, filch__histogram_low(i));
            cr_assert_eq(bucket.high_ns, high);
            cr_assert_eq(bucket.count, i % 3 + 1);
        }
        struct filch_bucket last = bucket;
        cr_assert_not(filch_histogram_next(&copy, &bucket));
        cr_assert_eq(memcmp(&last, &bucket, sizeof last), 0);
    }
}

Test(histogram, several_add_up_to_one, .timeout = TEST_TIMEOUT)
{
    static struct filch__histogram part[3], whole;
    static struct filch_histogram sum, copy;
    uint64_t random = 3;
    for (int i = 0; i < 3000; i++) {
        uint64_t value = random_ns(&random, BITS);
        filch__histogram_add(&part[i % 3], value);
        filch__histogram_add(&whole, value);
    }
    for (int i = 0; i < 3; i++)
        filch__histogram_merge(&sum, &part[i]);
    copy_of(&whole, &copy);
    cr_assert_eq(memcmp(&sum, &copy, sizeof sum), 0);
}

/* ---- a reader meanwhile ---- */

enum { ADDS = 200000 };

static void *add_all(void *data)
{
    uint64_t random = 5;
    for (int i = 0; i < TEST_SHARE(ADDS); i++)
        filch__histogram_add(data, random_ns(&random, BITS));
    return NULL;
}

Test(histogram, whoever_reads_meanwhile_finds_no_less_than_before, .timeout = TEST_TIMEOUT)
{
    static struct filch__histogram histogram;
    static struct filch_histogram before, now;
    pthread_t writer = thread_start(add_all, &histogram);
    do {
        before = now;
        copy_of(&histogram, &now);
        cr_assert(now.count >= before.count && now.sum_ns >= before.sum_ns);
        for (size_t i = 0; i < ALL; i++) {
            cr_assert_geq(now.bucket[i], before.bucket[i]);
            cr_assert(!now.bucket[i] || now.max_ns >= filch__histogram_low(i));
        }
    } while (now.count < TEST_SHARE(ADDS));
    thread_join(writer);
    cr_assert_eq(now.count, TEST_SHARE(ADDS));
}

/* ---- of a pool ---- */

Test(histogram, a_pool_adds_up_its_workers, .timeout = TEST_TIMEOUT)
{
    static struct filch_histogram copy[2];
    struct filch_pool *pool = pool_open(&(struct filch_pool_config){.min_workers = 3, .max_concurrency = 3});
    for (unsigned i = 0; i < 3; i++) /* they have nothing to do, so nobody else writes there */
        for (unsigned n = 0; n <= i; n++)
            filch__histogram_add(&pool->worker[i]->meters->latency[FILCH_LATENCY_GATE], 10 + i);
    memset(copy, 0xa5, sizeof copy);
    cr_assert_eq(filch_pool_get_histogram(pool, FILCH_LATENCY_GATE, copy, sizeof copy), 0);
    cr_assert_eq(copy[0].count, 6);
    cr_assert_eq(copy[0].sum_ns, 10 + 2 * 11 + 3 * 12);
    cr_assert_eq(copy[0].max_ns, 12);
    cr_assert_eq(copy[0].bucket[11], 2);
    for (size_t i = 0; i < sizeof copy[1]; i++)
        cr_assert_eq(((unsigned char *)&copy[1])[i], 0, "what a newer caller knows besides is zero");
    pool_end(pool);
}

Test(histogram, a_pool_refuses_what_it_cannot_fill, .timeout = TEST_TIMEOUT)
{
    static struct filch_histogram copy;
    struct filch_pool *pool = pool_of(1);
    cr_assert_eq(filch_pool_get_histogram(pool, FILCH_LATENCIES, &copy, sizeof copy), -EINVAL);
    cr_assert_eq(filch_pool_get_histogram(pool, (enum filch_latency)99, &copy, sizeof copy), -EINVAL);
    cr_assert_eq(filch_pool_get_histogram(pool, FILCH_LATENCY_RUN, NULL, sizeof copy), -EINVAL);
    cr_assert_eq(filch_pool_get_histogram(pool, FILCH_LATENCY_RUN, &copy, sizeof copy - 1), -EINVAL);
    must(filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE) == 0);
    cr_assert_eq(filch_pool_get_histogram(pool, FILCH_LATENCY_RUN, &copy, sizeof copy), 0);
    watchdog_pool(NULL);
    filch_pool_free(pool);
}
