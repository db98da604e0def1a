/* SPDX-License-Identifier: MIT */
/* forkjoin_barrier.c - membarrier(2) is refused: children are shared on request only, and everything else is as before.
 *
 * Registration is once per process, so all tests of this program are without it.
 */
#include "faults.h"
#include "support/tasks.h"
#include "support/test.h"

#include <filch/fork.h>

static struct filch_pool *pool_without_barrier(unsigned limit)
{
    faults_arm(FAULT_BARRIER, 1, 1 << 30, 0);
    struct filch_pool *pool = pool_of(limit);
    (void)faults_disarm();
    cr_assert_eq(stats_of(pool).has_barrier, 0);
    return pool;
}

static void end_without_barrier(struct filch_pool *pool)
{
    cr_assert_eq(stats_of(pool).forced, 0);
    pool_end(pool);
}

FILCH_TASK(long, fib, (int, n))
{
    if (n < 2)
        return n;
    FILCH_SPAWN(fib, n - 1);
    long below = FILCH_CALL(fib, n - 2);
    return FILCH_SYNC(fib) + below;
}

Test(forkjoin_barrier, refused_results_are_right, .timeout = TEST_TIMEOUT)
{
    for (unsigned limit = 1; limit <= 4; limit++) {
        struct filch_pool *pool = pool_without_barrier(limit);
        for (int i = 0; i < TEST_SHARE(200); i++)
            cr_assert_eq(FILCH_RUN(pool, fib, 18), 2584);
        end_without_barrier(pool);
    }
}

/* All of them must run at once for any of them to end. */
FILCH_VOID_TASK(hand, (struct meeting *, hands))
{
    (void)meet(hands);
}

/* An owner that comes by again and again shares what it has. */
FILCH_VOID_TASK(share_on_request, (struct meeting *, hands))
{
    for (unsigned i = 0; i < hands->count; i++)
        FILCH_SPAWN(hand, hands);
    while (atomic_load(&hands->present) < hands->count) {
        FILCH_SPAWN(fib, 1);
        (void)FILCH_SYNC(fib);
    }
    FILCH_SYNC_ALL();
}

Test(forkjoin_barrier, refused_children_are_shared_on_request, .timeout = TEST_TIMEOUT)
{
    for (unsigned limit = 2; limit <= 4; limit++) {
        struct filch_pool *pool = pool_without_barrier(limit);
        for (int i = 0; i < TEST_SHARE(50); i++) {
            struct meeting hands = {.count = limit - 1};
            FILCH_RUN(pool, share_on_request, &hands);
        }
        end_without_barrier(pool);
    }
}

FILCH_VOID_TASK(keep_promise, (struct filch_future *, promise))
{
    must(filch_complete(promise, 5) == 0);
}

/* Who waits cannot be asked any more, so everything is shown before. */
FILCH_VOID_TASK(wait_for_own_child, (int, around))
{
    struct filch_future promise = {0};
    filch_promise_init(&promise);
    for (int i = 0; i < around; i++)
        FILCH_SPAWN(fib, 1);
    FILCH_SPAWN(keep_promise, &promise);
    for (int i = 0; i < around; i++)
        FILCH_SPAWN(fib, 1);
    must(filch_wait(&promise) == 5);
    FILCH_SYNC_ALL();
}

static int submit_wait_for_own_child(void *data)
{
    FILCH_RUN(NULL, wait_for_own_child, *(int *)data);
    return 0;
}

static void depend_on_child(unsigned flags)
{
    struct filch_task_options options = {.flags = flags};
    for (unsigned limit = 1; limit <= 3; limit++) {
        struct filch_pool *pool = pool_without_barrier(limit);
        for (int around = 0; around < 1000; around = around * 4 + 1) {
            struct filch_future future = {0};
            cr_assert_eq(filch_submit_with(pool, &future, submit_wait_for_own_child, &around, &options), 0);
            cr_assert_eq(filch_wait(&future), 0);
        }
        end_without_barrier(pool);
    }
}

Test(forkjoin_barrier, refused_a_task_may_wait_for_what_its_child_does, .timeout = TEST_TIMEOUT)
{
    depend_on_child(0);
}

Test(forkjoin_barrier, refused_a_task_with_its_own_thread_as_well, .timeout = TEST_TIMEOUT)
{
    depend_on_child(FILCH_TASK_OWN_THREAD);
}

/* A stack of children that wait for one another, the oldest for the newest in the end. */
struct chain {
    struct filch_future promise[30];
};

FILCH_VOID_TASK(link_of, (struct chain *, chain), (int, i))
{
    if (i < 29)
        must(filch_wait(&chain->promise[i + 1]) == 0);
    must(filch_complete(&chain->promise[i], 0) == 0);
}

FILCH_VOID_TASK(hold_chain)
{
    struct chain chain = {.promise = {{{0}}}};
    for (int i = 0; i < 30; i++)
        filch_promise_init(&chain.promise[i]);
    for (int i = 29; i >= 0; i--) /* each sync meets one whose promise is kept by an older one */
        FILCH_SPAWN(link_of, &chain, i);
    FILCH_SYNC_ALL();
}

Test(forkjoin_barrier, refused_children_that_wait_for_older_ones, .timeout = TEST_TIMEOUT)
{
    for (unsigned limit = 1; limit <= 3; limit++) {
        struct filch_pool *pool = pool_without_barrier(limit);
        for (int i = 0; i < TEST_SHARE(50); i++)
            FILCH_RUN(pool, hold_chain);
        end_without_barrier(pool);
    }
}
