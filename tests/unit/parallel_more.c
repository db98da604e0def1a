/* SPDX-License-Identifier: MIT */
/* parallel_more.c - filch_for_2d and filch_invoke; and that loops take no memory from the pool, but where it is said.
 * */
#include "support/tasks.h"
#include "support/test.h"

#include <filch/parallel.h>

/* ---- two indices ---- */

struct grid {
    struct filch_area all;
    size_t grain_rows, grain_columns;
    atomic_uchar *mark; /* row by row */
    atomic_int calls;
};

static void check_side(size_t begin, size_t end, size_t all_begin, size_t all_end, size_t grain)
{
    must(begin < end && begin >= all_begin && end <= all_end);
    must(grain == 0 || ((begin - all_begin) % grain == 0 && (end - begin == grain || end == all_end)));
    must(grain == 0 || end - begin <= grain);
}

static int mark_area(void *ctx, const struct filch_area *area, unsigned slot)
{
    struct grid *grid = ctx;
    const struct filch_area *all = &grid->all;
    (void)slot;
    check_side(area->row_begin, area->row_end, all->row_begin, all->row_end, grid->grain_rows);
    check_side(area->column_begin, area->column_end, all->column_begin, all->column_end, grid->grain_columns);
    for (size_t row = area->row_begin; row < area->row_end; row++)
        for (size_t column = area->column_begin; column < area->column_end; column++)
            atomic_fetch_add(&grid->mark[(row - all->row_begin) * (all->column_end - all->column_begin) + column -
                                         all->column_begin],
                             1);
    atomic_fetch_add(&grid->calls, 1);
    return 0;
}

static void check_grid(struct filch_pool *pool, size_t rows, size_t columns, size_t grain, size_t grain_columns)
{
    struct grid grid = {{3, 3 + rows, 5, 5 + columns}, grain, grain_columns, calloc(rows * columns + 1, 1), 0};
    const struct filch_for_options options = {.grain = grain, .grain_columns = grain_columns};
    must(grid.mark != NULL);
    cr_assert_eq(filch_for_2d(pool, &grid.all, &options, mark_area, &grid), 0);
    for (size_t i = 0; i < rows * columns; i++)
        must(atomic_load(&grid.mark[i]) == 1);
    if (grain && grain_columns)
        cr_assert_eq((size_t)atomic_load(&grid.calls),
                     (rows + grain - 1) / grain * ((columns + grain_columns - 1) / grain_columns));
    else if (grain)
        cr_assert_eq((size_t)atomic_load(&grid.calls), columns ? (rows + grain - 1) / grain : 0, "columns are not cut");
    free(grid.mark);
}

Test(parallel_more, for_2d_calls_every_pair_once, .timeout = TEST_TIMEOUT)
{
    const size_t sides[] = {0, 1, 2, 5, 64, 131}, grains[] = {0, 1, 8, 1000};
    for (unsigned workers = 1; workers <= 3; workers++) {
        struct filch_pool *pool = pool_of(workers);
        for (size_t r = 0; r < 6; r++)
            for (size_t c = 0; c < 6; c++)
                for (size_t g = 0; g < 4; g++)
                    for (size_t h = 0; h < 4; h++)
                        check_grid(pool, sides[r], sides[c], grains[g], grains[h]);
        pool_end(pool);
    }
}

static int stop_in_the_middle(void *ctx, const struct filch_area *area, unsigned slot)
{
    (void)ctx, (void)slot;
    return area->row_begin <= 50 && 50 < area->row_end && area->column_begin <= 50 && 50 < area->column_end ? 5 : 0;
}

Test(parallel_more, for_2d_stops_and_refuses, .timeout = TEST_TIMEOUT)
{
    const struct filch_area all = {0, 100, 0, 100}, rows = {2, 1, 0, 5}, columns = {0, 5, 2, 1};
    const struct filch_for_options fixed = {.flags = FILCH_FOR_FIXED}, tiles = {.grain = 7, .grain_columns = 9};
    struct filch_pool *pool = pool_of(2);
    cr_assert_eq(filch_for_2d(pool, &all, NULL, stop_in_the_middle, NULL), 5);
    cr_assert_eq(filch_for_2d(pool, &all, &tiles, stop_in_the_middle, NULL), 5);
    cr_assert_eq(filch_for_2d(pool, &all, NULL, NULL, NULL), -EINVAL);
    cr_assert_eq(filch_for_2d(pool, NULL, NULL, stop_in_the_middle, NULL), -EINVAL);
    cr_assert_eq(filch_for_2d(pool, &rows, NULL, stop_in_the_middle, NULL), -EINVAL);
    cr_assert_eq(filch_for_2d(pool, &columns, NULL, stop_in_the_middle, NULL), -EINVAL);
    cr_assert_eq(filch_for_2d(pool, &all, &fixed, stop_in_the_middle, NULL), -EINVAL);
    pool_end(pool);
}

/* ---- a few calls ---- */

Test(parallel_more, invoke_calls_each_once, .timeout = TEST_TIMEOUT)
{
    enum { most = 100 };
    for (unsigned workers = 1; workers <= 3; workers++) {
        struct filch_pool *pool = pool_of(workers);
        for (size_t count = 0; count <= most; count += count < 4 ? 1 : 32) {
            struct filch_call calls[most];
            int values[most];
            for (int i = 0; i < (int)count; i++) {
                values[i] = i;
                calls[i] = (struct filch_call){give, &values[i], -1};
            }
            cr_assert_eq(filch_invoke(pool, calls, count), 0);
            for (int i = 0; i < (int)count; i++)
                must(calls[i].status == i);
        }
        pool_end(pool);
    }
}

Test(parallel_more, invoke_runs_all_of_them_at_once, .timeout = TEST_TIMEOUT)
{
    enum { workers = 4 };
    struct filch_pool *pool = pool_of(workers);
    struct meeting meeting = {.count = workers};
    struct filch_call calls[workers];
    for (int i = 0; i < workers; i++)
        calls[i] = (struct filch_call){meet, &meeting, -1};
    cr_assert_eq(filch_invoke(pool, calls, workers), 0);
    pool_end(pool);
}

Test(parallel_more, invoke_calls_no_more_when_one_has_failed, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    int good = 3, bad = -EIO;
    struct filch_call calls[] = {{give, &good, 0}, {give, &bad, 0}, {give, &good, 0}, {give, &bad, 0}};
    cr_assert_eq(filch_invoke(pool, calls, 4), -EIO);
    int called = 0, failed = 0;
    for (int i = 0; i < 4; i++) {
        called += calls[i].status != -ECANCELED;
        failed += calls[i].status == -EIO;
    }
    cr_assert_eq(failed, 1);
    cr_assert_lt(called, 4);
    struct filch_call none = {.fn = NULL};
    cr_assert_eq(filch_invoke(pool, &none, 1), -EINVAL);
    cr_assert_eq(filch_invoke(pool, NULL, 1), -EINVAL);
    cr_assert_eq(filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE), 0);
    cr_assert_eq(filch_invoke(pool, calls, 4), -ESHUTDOWN);
    watchdog_pool(NULL);
    filch_pool_free(pool);
}

/* ---- memory ---- */

struct purse {
    atomic_long allocations;
    atomic_bool refuses;
};

static void *purse_alloc(void *ctx, size_t size)
{
    struct purse *purse = ctx;
    atomic_fetch_add(&purse->allocations, 1);
    return atomic_load(&purse->refuses) ? NULL : malloc(size);
}

static void purse_free(void *ctx, void *memory, size_t size)
{
    (void)ctx, (void)size;
    free(memory);
}

static int add_indices(void *ctx, size_t begin, size_t end, void *sum)
{
    (void)ctx;
    for (size_t i = begin; i < end; i++)
        *(size_t *)sum += i;
    return 0;
}

static int add_sizes(void *ctx, void *sum, const void *right)
{
    (void)ctx;
    *(size_t *)sum += *(const size_t *)right;
    return 0;
}

static int nothing_for(void *ctx, size_t begin, size_t end, unsigned slot)
{
    (void)ctx, (void)begin, (void)end, (void)slot;
    return 0;
}

static int compare_bytes(const void *a, const void *b, void *ctx)
{
    (void)ctx;
    return *(const unsigned char *)a - *(const unsigned char *)b;
}

/* One worker and nothing that waits, so that only the loops themselves could want memory. */
static int loop_without_memory(void *data)
{
    struct purse *purse = data;
    struct filch_reducer adder = {.size = sizeof(size_t), .fold = add_indices, .combine = add_sizes};
    struct filch_reducer large = {.size = 65, .fold = add_indices, .combine = add_sizes};
    const struct filch_for_options many_blocks = {.grain = 1};
    size_t sum[10] = {0};
    long before = atomic_load(&purse->allocations);
    atomic_store(&purse->refuses, true);
    must(filch_for(NULL, 0, 10000, NULL, nothing_for, NULL) == 0);
    must(filch_reduce(NULL, 0, 10000, NULL, &adder, NULL, sum) == 0 && sum[0] == 49995000);
    must(filch_scan(NULL, 0, 10000, NULL, &adder, add_indices, NULL, sum) == 0 && sum[0] == 49995000);
    char ordered[] = "aaabbbccd", descending[] = "edcba";
    must(filch_sort(NULL, ordered, 9, 1, NULL, compare_bytes, NULL) == 0);
    must(filch_sort(NULL, descending, 5, 1, NULL, compare_bytes, NULL) == 0 && strcmp(descending, "abcde") == 0);
    must(atomic_load(&purse->allocations) == before);
    char items[] = "the quick brown fox";
    must(filch_sort(NULL, items, 19, 1, NULL, compare_bytes, NULL) == -ENOMEM);
    must(strcmp(items, "the quick brown fox") == 0);
    must(filch_reduce(NULL, 0, 10000, NULL, &large, NULL, sum) == -ENOMEM);
    must(filch_scan(NULL, 0, 10000, &many_blocks, &adder, add_indices, NULL, sum) == -ENOMEM);
    must(sum[0] == 49995000);
    atomic_store(&purse->refuses, false);
    return 0;
}

Test(parallel_more, loops_take_no_memory_but_where_it_is_said, .timeout = TEST_TIMEOUT)
{
    struct purse purse = {0};
    const struct filch_allocator allocator = {purse_alloc, purse_free, &purse};
    struct filch_pool_config config = {.max_concurrency = 1, .allocator = &allocator};
    struct filch_pool *pool = pool_open(&config);
    struct filch_future future = {0};
    cr_assert_eq(filch_submit(pool, &future, loop_without_memory, &purse), 0);
    cr_assert_eq(filch_wait(&future), 0);
    pool_end(pool);
}
