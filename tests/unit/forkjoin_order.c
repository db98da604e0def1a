/* SPDX-License-Identifier: MIT */
/* forkjoin_order.c - several children of one body, synced last in first out or all together; tasks that know of one
 * another, in one file and in two; any control flow between spawn and sync.
 */
#include "forkjoin_far.h"
#include "forkjoin_ways.h"
#include "support/test.h"

/* ---- many children ---- */

struct block {
    uint64_t word[40];
};

FILCH_TASK(double, ratio, (double, a), (float, b))
{
    atomic_fetch_add(&tasks_ran, 1);
    return a / b;
}

FILCH_TASK(struct block, raised, (struct block, block), (uint64_t, add))
{
    for (int i = 0; i < 40; i++)
        block.word[i] += add;
    atomic_fetch_add(&tasks_ran, 1);
    return block;
}

FILCH_VOID_TASK(sum_up, (struct block, block), (atomic_int *, sum))
{
    atomic_fetch_add(sum, (int)block.word[39]);
    atomic_fetch_add(&tasks_ran, 1);
}

FILCH_VOID_TASK(note, (int *, at), (int, value))
{
    *at = value;
    atomic_fetch_add(&tasks_ran, 1);
}

FILCH_TASK(int, same, (int, value))
{
    atomic_fetch_add(&tasks_ran, 1);
    return value;
}

/* Different tasks, synced in the reverse order. */
FILCH_VOID_TASK(different, (enum way, way))
{
    struct block block = {{50}};
    int noted = 0, before = atomic_load(&tasks_ran);
    FILCH_SPAWN(same, 1);
    FILCH_SPAWN(ratio, 10, 4);
    FILCH_SPAWN(raised, block, 9);
    FILCH_SPAWN(note, &noted, 77);
    FILCH_SPAWN(ratio, 1, 8);
    FILCH_SPAWN(same, -5);
    if (way == STOLEN)
        wait_until(atomic_load(&tasks_ran) == before + 6);
    must(FILCH_SYNC(same) == -5);
    must(FILCH_SYNC(ratio) == 0.125);
    FILCH_SYNC(note);
    must(noted == 77);
    FILCH_SPAWN(same, 8);
    must(FILCH_SYNC(same) == 8);
    must(FILCH_SYNC(raised).word[0] == 59);
    must(FILCH_SYNC(ratio) == 2.5);
    must(FILCH_SYNC(same) == 1);
}

static void run_different(struct filch_pool *pool, enum way way)
{
    for (int i = 0; i < 50; i++)
        FILCH_RUN(pool, different, way);
}

Test(forkjoin_order, different_tasks_are_synced_last_in_first_out, .timeout = TEST_TIMEOUT)
{
    in_pools(SYNCED, run_different);
    in_pools(STOLEN, run_different);
}

FILCH_TASK(long, sum_of, (int, count), (enum way, way))
{
    long sum = 0;
    int before = atomic_load(&tasks_ran);
    for (int i = 0; i < count; i++)
        FILCH_SPAWN(same, i);
    if (way == STOLEN)
        wait_until(atomic_load(&tasks_ran) == before + count);
    for (int i = count - 1; i >= 0; i--) {
        int value = FILCH_SYNC(same);
        must(value == i);
        sum += value;
    }
    return sum;
}

static void run_sum_of(struct filch_pool *pool, enum way way)
{
    for (int count = 0; count < TEST_SHARE(20000); count = count * 3 + 1)
        cr_assert_eq(FILCH_RUN(pool, sum_of, count, way), (long)count * (count - 1) / 2);
}

Test(forkjoin_order, a_loop_of_spawns_and_a_loop_of_syncs, .timeout = TEST_TIMEOUT)
{
    in_pools(SYNCED, run_sum_of);
    in_pools(STOLEN, run_sum_of);
}

/* Also of none, and of children that are large; children of the caller are not touched. */
FILCH_VOID_TASK(join_all, (enum way, way), (int, count))
{
    struct block block = {{0}};
    atomic_int sum = 0;
    int noted[1000], before = atomic_load(&tasks_ran);
    FILCH_SYNC_ALL();
    block.word[39] = 3;
    for (int i = 0; i < count; i++) {
        FILCH_SPAWN(note, &noted[i], i);
        FILCH_SPAWN(raised, block, 5);
        FILCH_SPAWN(sum_up, block, &sum);
    }
    if (way == STOLEN)
        wait_until(atomic_load(&tasks_ran) == before + 3 * count);
    FILCH_SYNC_ALL();
    must(atomic_load(&tasks_ran) == before + 3 * count && atomic_load(&sum) == 3 * count);
    for (int i = 0; i < count; i++)
        must(noted[i] == i);
    FILCH_SPAWN(same, 1);
    FILCH_SYNC_ALL();
    FILCH_SYNC_ALL();
    must(atomic_load(&tasks_ran) == before + 3 * count + 1);
}

FILCH_VOID_TASK(join_all_below, (enum way, way), (int, count))
{
    int before = atomic_load(&tasks_ran);
    FILCH_SPAWN(same, 4);
    if (way == STOLEN)
        wait_until(atomic_load(&tasks_ran) == before + 1);
    else if (way == SYNCED)
        FILCH_CALL(join_all, way, count); /* with a child of the caller's left below */
    must(FILCH_SYNC(same) == 4);
    FILCH_CALL(join_all, way, count);
}

static void run_join_all(struct filch_pool *pool, enum way way)
{
    for (int count = 0; count < 1000; count = count * 4 + 1)
        FILCH_RUN(pool, join_all_below, way, count);
}

Test(forkjoin_order, sync_all_joins_what_there_is, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1); /* where nobody can disturb the count */
    run_join_all(pool, SYNCED);
    pool_end(pool);
    in_pools(STOLEN, run_join_all);
}

/* ---- several declarations ---- */

FILCH_TASK_LOCAL(bool, is_odd, (unsigned, n));
FILCH_VOID_TASK_LOCAL(count_down, (int, n), (atomic_int *, sum));

FILCH_TASK(bool, is_even, (unsigned, n))
{
    if (n == 0)
        return true;
    FILCH_SPAWN(is_odd, n - 1);
    return FILCH_SYNC(is_odd);
}

FILCH_TASK_DEF(bool, is_odd, (unsigned, n))
{
    if (n == 0)
        return false;
    FILCH_SPAWN(is_even, n - 1);
    return FILCH_SYNC(is_even);
}

FILCH_VOID_TASK_DEF(count_down, (int, n), (atomic_int *, sum))
{
    atomic_fetch_add(sum, n);
    if (n == 0)
        return;
    FILCH_SPAWN(count_down, n - 1, sum);
    FILCH_SYNC(count_down);
}

Test(forkjoin_order, mutual_recursion, .timeout = TEST_TIMEOUT)
{
    for (unsigned limit = 1; limit <= 3; limit++) {
        struct filch_pool *pool = pool_of(limit);
        atomic_int sum = 0;
        cr_assert(FILCH_RUN(pool, is_even, 500));
        cr_assert_not(FILCH_RUN(pool, is_even, 501));
        cr_assert(FILCH_RUN(pool, is_odd, 501));
        FILCH_RUN(pool, count_down, 100, &sum);
        cr_assert_eq(atomic_load(&sum), 5050);
        pool_end(pool);
    }
}

FILCH_TASK(long, here_and_there, (int, n))
{
    FILCH_SPAWN(far_fib, n);
    FILCH_SPAWN(far_note, n);
    long called = FILCH_CALL(far_fib, n);
    FILCH_SYNC(far_note);
    return FILCH_SYNC(far_fib) - called;
}

Test(forkjoin_order, tasks_of_another_file, .timeout = TEST_TIMEOUT)
{
    for (unsigned limit = 1; limit <= 3; limit++) {
        struct filch_pool *pool = pool_of(limit);
        int before = atomic_load(&far_noted);
        cr_assert_eq(FILCH_RUN(pool, far_fib, 20), 6765);
        cr_assert_eq(FILCH_RUN(pool, here_and_there, 12), 0);
        FILCH_RUN(pool, far_note, 8);
        cr_assert_eq(atomic_load(&far_noted), before + 20);
        pool_end(pool);
    }
}

/* The head travels through plain control flow: loops, early returns, children left in nested blocks. */
FILCH_TASK(int, winding, (int, depth), (unsigned, seed))
{
    int total = 1, open = 0;
    if (depth == 0)
        return 1;
    for (int i = 0; i < 5; i++) {
        seed = seed * 1103515245u + 12345u;
        if (seed >> 16 & 1) {
            FILCH_SPAWN(winding, depth - 1, seed);
            open++;
        } else if (open) {
            total += FILCH_SYNC(winding);
            open--;
        } else {
            total += FILCH_CALL(winding, depth - 1, seed);
        }
        if (seed >> 17 & 1 && !open)
            return total;
    }
    while (open--)
        total += FILCH_SYNC(winding);
    return total;
}

static int winding_plainly(int depth, unsigned seed)
{
    int total = 1, open = 0;
    if (depth == 0)
        return 1;
    for (int i = 0; i < 5; i++) {
        seed = seed * 1103515245u + 12345u;
        if (seed >> 16 & 1) {
            total += winding_plainly(depth - 1, seed);
            open++;
        } else if (open) {
            open--;
        } else {
            total += winding_plainly(depth - 1, seed);
        }
        if (seed >> 17 & 1 && !open)
            return total;
    }
    return total;
}

Test(forkjoin_order, any_control_flow_between_spawn_and_sync, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(3);
    for (unsigned seed = 0; seed < 200; seed++)
        cr_assert_eq(FILCH_RUN(pool, winding, 6, seed), winding_plainly(6, seed));
    pool_end(pool);
}
