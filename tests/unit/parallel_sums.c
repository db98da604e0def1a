/* SPDX-License-Identifier: MIT */
/* parallel_sums.c - filch_reduce and filch_scan against serial sums: order kept, large sums, how they stop. */
#include "support/tasks.h"
#include "support/test.h"

#include <filch/parallel.h>

/* ---- a sum that shows order: what lies side by side may be joined, and nothing else ---- */

/* The indices [begin, end); begin == end: nothing yet. */
struct span {
    size_t begin, end;
};

/* `large`: with so much behind it that it does not fit into a frame. */
struct large_span {
    struct span span;
    char rest[100];
};

struct spans {
    atomic_int folds, combines, began;
    int want; /* a piece goes on when so many have begun */
    size_t stop_at;
    int stop_with, combine_with;
    struct span *before; /* scan: what lies before each index */
};

static void meet_others(struct spans *spans)
{
    atomic_fetch_add(&spans->began, 1);
    while (atomic_load(&spans->began) < spans->want)
        usleep(50);
}

static int fold_span(void *ctx, size_t begin, size_t end, void *sum)
{
    struct spans *spans = ctx;
    struct span *span = sum;
    meet_others(spans);
    atomic_fetch_add(&spans->folds, 1);
    must(begin < end && (span->begin == span->end || span->end == begin));
    *span = (struct span){span->begin == span->end ? begin : span->begin, end};
    return begin <= spans->stop_at && spans->stop_at < end ? spans->stop_with : 0;
}

static int combine_spans(void *ctx, void *sum, const void *right)
{
    struct spans *spans = ctx;
    struct span *left = sum;
    const struct span *other = right;
    atomic_fetch_add(&spans->combines, 1);
    if (other->begin == other->end)
        return spans->combine_with;
    must(left->begin == left->end || left->end == other->begin);
    *left = (struct span){left->begin == left->end ? other->begin : left->begin, other->end};
    return spans->combine_with;
}

static int scan_span(void *ctx, size_t begin, size_t end, void *sum)
{
    struct spans *spans = ctx;
    meet_others(spans);
    for (size_t i = begin; i < end; i++) {
        must(spans->before[i].begin == 0 && spans->before[i].end == 0);
        spans->before[i] = *(struct span *)sum;
        must(fold_span(ctx, i, i + 1, sum) == 0);
    }
    return 0;
}

static const struct filch_reducer span_reducer = {
    .size = sizeof(struct span), .fold = fold_span, .combine = combine_spans};
static const struct filch_reducer large_reducer = {
    .size = sizeof(struct large_span), .fold = fold_span, .combine = combine_spans};

static const size_t sizes[] = {0, 1, 2, 3, 63, 64, 65, 129, 1000, 4099};
static const size_t grains[] = {0, 1, 3, 50, 5000};

/* shared: a part of it is surely stolen. */
static void check_reduce(struct filch_pool *pool, size_t count, const struct filch_for_options *options, bool large,
                         bool shared)
{
    struct spans spans = {.stop_at = SIZE_MAX, .want = shared ? 2 : 0};
    struct large_span sum = {.span = {1, 2}};
    cr_assert_eq(filch_reduce(pool, 0, count, options, large ? &large_reducer : &span_reducer, &spans, &sum), 0);
    must(sum.span.begin == 0 && sum.span.end == count);
}

/* Index 0 is not scanned into before[0] as anything but {0, 0}, so that only the others can be told apart. */
static void check_scan(struct filch_pool *pool, size_t count, const struct filch_for_options *options, bool large,
                       bool shared)
{
    struct spans spans = {
        .stop_at = SIZE_MAX, .want = shared ? 2 : 0, .before = calloc(count + 1, sizeof *spans.before)};
    struct large_span sum = {.span = {1, 2}};
    must(spans.before != NULL);
    cr_assert_eq(filch_scan(pool, 0, count, options, large ? &large_reducer : &span_reducer, scan_span, &spans, &sum),
                 0);
    must(sum.span.begin == 0 && sum.span.end == count);
    for (size_t i = 0; i < count; i++)
        must(spans.before[i].begin == 0 && spans.before[i].end == i);
    free(spans.before);
}

static int check_all(void *data)
{
    struct filch_pool *pool = data;
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        for (size_t g = 0; g < sizeof grains / sizeof grains[0]; g++)
            for (unsigned flags = 0; flags <= FILCH_FOR_FIXED; flags += FILCH_FOR_FIXED)
                for (int large = 0; large <= 1; large++) {
                    const struct filch_for_options options = {.grain = grains[g], .flags = flags};
                    check_reduce(pool, sizes[s], &options, large, false);
                    check_scan(pool, sizes[s], &options, large, false);
                }
    return 0;
}

Test(parallel_sums, keep_the_order_of_the_items, .timeout = TEST_TIMEOUT)
{
    for (unsigned workers = 1; workers <= 4; workers++) {
        struct filch_pool *pool = pool_of(workers);
        struct filch_future futures[3] = {{{0}}};
        check_all(pool);
        for (int i = 0; i < 3; i++)
            cr_assert_eq(filch_submit(pool, &futures[i], check_all, NULL), 0);
        for (int i = 0; i < 3; i++)
            cr_assert_eq(filch_wait(&futures[i]), 0);
        pool_end(pool);
    }
}

/* ---- with a piece that is surely stolen ---- */

Test(parallel_sums, keep_the_order_of_what_is_stolen, .timeout = TEST_TIMEOUT)
{
    for (unsigned workers = 2; workers <= 4; workers++) {
        struct filch_pool *pool = pool_of(workers);
        for (int round = 0; round < TEST_SHARE(100); round++) {
            for (unsigned flags = 0; flags <= FILCH_FOR_FIXED; flags += FILCH_FOR_FIXED) {
                const struct filch_for_options options = {.grain = round % 3 ? 0 : 50, .flags = flags};
                check_reduce(pool, 1000, &options, round % 2, true);
                check_scan(pool, 1000, &options, round % 2, true);
            }
        }
        pool_end(pool);
    }
}

struct pair {
    struct meeting meeting;
    atomic_int folds, scans, combines;
    long before[2];
};

/* Both indices are at work at once, so one of them on another strand than the first run's. */
static int fold_of_pair(void *ctx, size_t begin, size_t end, void *sum)
{
    struct pair *pair = ctx;
    must(end == begin + 1);
    meet(&pair->meeting);
    atomic_fetch_add(&pair->folds, 1);
    *(long *)sum += 10 + (long)begin;
    return 0;
}

static int scan_of_pair(void *ctx, size_t begin, size_t end, void *sum)
{
    struct pair *pair = ctx;
    must(end == begin + 1);
    meet(&pair->meeting);
    atomic_fetch_add(&pair->scans, 1);
    pair->before[begin] = *(long *)sum;
    *(long *)sum += 10 + (long)begin;
    return 0;
}

static int combine_of_pair(void *ctx, void *sum, const void *right)
{
    struct pair *pair = ctx;
    atomic_fetch_add(&pair->combines, 1);
    *(long *)sum = *(long *)sum * 1000 + *(const long *)right;
    return 0;
}

Test(parallel_sums, of_a_stolen_piece_are_combined, .timeout = TEST_TIMEOUT)
{
    const struct filch_reducer reducer = {.size = sizeof(long), .fold = fold_of_pair, .combine = combine_of_pair};
    const struct filch_for_options single = {.grain = 1};
    struct filch_pool *pool = pool_of(2);
    struct pair reduced = {.meeting = {.count = 2}}, scanned = {.meeting = {.count = 2}};
    long sum = 0;
    cr_assert_eq(filch_reduce(pool, 0, 2, &single, &reducer, &reduced, &sum), 0);
    cr_assert_eq(sum, 10011);
    cr_assert_eq(atomic_load(&reduced.combines), 1);
    cr_assert_eq(filch_scan(pool, 0, 2, &single, &reducer, scan_of_pair, &scanned, &sum), 0);
    cr_assert_eq(sum, 10011);
    cr_assert_eq(atomic_load(&scanned.folds), 1, "the stolen one");
    cr_assert_eq(atomic_load(&scanned.scans), 2);
    cr_assert(scanned.before[0] == 0 && scanned.before[1] == 10);
    pool_end(pool);
}

/* ---- stopping, refusing ---- */

Test(parallel_sums, leave_the_result_alone_when_they_are_stopped, .timeout = TEST_TIMEOUT)
{
    for (unsigned workers = 1; workers <= 3; workers++) {
        struct filch_pool *pool = pool_of(workers);
        for (unsigned flags = 0; flags <= FILCH_FOR_FIXED; flags += FILCH_FOR_FIXED) {
            const struct filch_for_options options = {.grain = 10, .flags = flags};
            struct spans spans = {.stop_at = 517, .stop_with = -EIO};
            struct span sum = {1, 2};
            cr_assert_eq(filch_reduce(pool, 0, 1000, &options, &span_reducer, &spans, &sum), -EIO);
            cr_assert(sum.begin == 1 && sum.end == 2);
        }
        struct spans spans = {.stop_at = SIZE_MAX, .combine_with = 77};
        struct span sum = {1, 2};
        const struct filch_for_options fixed = {.flags = FILCH_FOR_FIXED};
        cr_assert_eq(filch_reduce(pool, 0, 1000, &fixed, &span_reducer, &spans, &sum), 77);
        cr_assert_eq(atomic_load(&spans.combines), 1);
        cr_assert(sum.begin == 1 && sum.end == 2);
        pool_end(pool);
    }
}

static int stop_the_scan(void *ctx, size_t begin, size_t end, void *sum)
{
    (void)ctx, (void)sum;
    return begin <= 517 && 517 < end ? 9 : 0;
}

static int cancelled_sums(void *data)
{
    sem_t *began = data;
    struct spans spans = {.stop_at = SIZE_MAX};
    struct span sum = {1, 2};
    sem_post(began);
    while (!filch_cancelled())
        usleep(100);
    must(filch_reduce(NULL, 0, 1000, NULL, &span_reducer, &spans, &sum) == -ECANCELED);
    must(filch_scan(NULL, 0, 1000, NULL, &span_reducer, stop_the_scan, &spans, &sum) == -ECANCELED);
    must(sum.begin == 1 && sum.end == 2 && atomic_load(&spans.folds) == 0);
    return 0;
}

Test(parallel_sums, stop_with_a_scan_and_with_their_task, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    struct spans spans = {.stop_at = SIZE_MAX};
    struct span sum = {1, 2};
    struct filch_future future = {0};
    sem_t began;
    cr_assert_eq(filch_scan(pool, 0, 1000, NULL, &span_reducer, stop_the_scan, &spans, &sum), 9);
    cr_assert(sum.begin == 1 && sum.end == 2);
    must(sem_init(&began, 0, 0) == 0);
    cr_assert_eq(filch_submit(pool, &future, cancelled_sums, &began), 0);
    sem_take(&began);
    cr_assert_eq(filch_cancel(&future), -EINPROGRESS);
    cr_assert_eq(filch_wait(&future), 0);
    sem_destroy(&began);
    pool_end(pool);
}

Test(parallel_sums, refuse_wrong_arguments, .timeout = TEST_TIMEOUT)
{
    const struct filch_reducer wrong[] = {
        {.size = 0, .fold = fold_span, .combine = combine_spans},
        {.size = sizeof(struct span), .fold = NULL, .combine = combine_spans},
        {.size = sizeof(struct span), .fold = fold_span, .combine = NULL},
    };
    const struct filch_for_options unknown = {.flags = 2}, columns = {.grain_columns = 1};
    struct spans spans = {.stop_at = SIZE_MAX};
    struct span sum = {1, 2};
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(filch_reduce(NULL, 0, 9, NULL, &wrong[i], &spans, &sum), -EINVAL);
        cr_assert_eq(filch_scan(NULL, 0, 9, NULL, &wrong[i], scan_span, &spans, &sum), -EINVAL);
    }
    cr_assert_eq(filch_reduce(NULL, 0, 9, NULL, NULL, &spans, &sum), -EINVAL);
    cr_assert_eq(filch_reduce(NULL, 0, 9, NULL, &span_reducer, &spans, NULL), -EINVAL);
    cr_assert_eq(filch_reduce(NULL, 9, 0, NULL, &span_reducer, &spans, &sum), -EINVAL);
    cr_assert_eq(filch_reduce(NULL, 0, 9, &unknown, &span_reducer, &spans, &sum), -EINVAL);
    cr_assert_eq(filch_reduce(NULL, 0, 9, &columns, &span_reducer, &spans, &sum), -EINVAL);
    cr_assert_eq(filch_scan(NULL, 0, 9, NULL, NULL, scan_span, &spans, &sum), -EINVAL);
    cr_assert_eq(filch_scan(NULL, 0, 9, NULL, &span_reducer, NULL, &spans, &sum), -EINVAL);
    cr_assert_eq(filch_scan(NULL, 9, 0, NULL, &span_reducer, scan_span, &spans, &sum), -EINVAL);
    cr_assert_eq(filch_scan(NULL, 0, 9, &unknown, &span_reducer, scan_span, &spans, &sum), -EINVAL);
    cr_assert_eq(atomic_load(&spans.folds), 0);
    cr_assert(sum.begin == 1 && sum.end == 2);
}
