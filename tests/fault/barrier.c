/* SPDX-License-Identifier: MIT */
/* barrier.c - membarrier(2) fails: at its registration, and the runtime does without it; or later, which the kernel
 * does not do, and the runtime does not go on with a promise broken. */
#include "faults.h"
#include "scenario.h"
#include "support/child.h"
#include "support/test.h"

static int use_barrier_in_vain(void *unused)
{
    struct filch_pool *pool = pool_of(1);
    struct held held;
    struct filch_future future = {0};
    (void)unused;
    held_begin(&held, pool);
    must(filch_submit(pool, &future, nothing, NULL) == 0);
    faults_arm(FAULT_BARRIER, 1, 0, 0);
    (void)filch_cancel(&future);
    return 0;
}

/* First of all tests: registration is once per process, and the child is to have it granted. */
Test(barrier, that_is_withdrawn_ends_the_process, .timeout = TEST_TIMEOUT)
{
    struct child child;
    if (TEST_TSAN)
        test_skip("ThreadSanitizer starts no threads after a fork");
    child_fork(&child, use_barrier_in_vain, NULL);
    cr_assert(child_died_of(&child, SIGABRT));
    cr_assert_not_null(strstr(child.output, "membarrier"), "the message names it: %s", child.output);
}

Test(barrier, that_is_refused_is_done_without, .timeout = TEST_TIMEOUT)
{
    long accepted = 0;
    for (int mode = FILCH_CLOSE_DRAIN; mode <= FILCH_CLOSE_CANCEL; mode++) {
        for (int i = 0; i < TEST_SHARE(50); i++) {
            const struct scenario scenario = {
                .config = {.min_workers = 2, .max_concurrency = 3, .stack_size = 256 * 1024},
                .keep_threads = i % 2,
                .mode = (enum filch_close)mode};
            struct held_resources before = faults_held();
            faults_arm(FAULT_BARRIER, 1, 1 << 30, 0);
            accepted += scenario_run(&scenario).accepted;
            struct fault_count count = faults_disarm();
            struct held_resources after = faults_held();
            cr_assert_eq(count.calls, count.failed);
            cr_assert_eq(count.calls, i == 0 && mode == 0, "asked for once, and never called");
            cr_assert(i == 0 || faults_same(&before, &after));
        }
    }
    printf("figure: P6 membarrier refused: %ld tasks, none lost\n", accepted);
}
