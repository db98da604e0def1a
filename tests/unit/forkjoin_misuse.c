/* SPDX-License-Identifier: MIT */
/* forkjoin_misuse.c - broken rules of typed tasks end a debug build with a message that names the task. */
#include "support/child.h"
#include "support/tasks.h"
#include "support/test.h"

static void dies_saying(const char *scenario, const char *message)
{
    struct child child;
    child_run(&child, FILCH_VICTIM_FORKJOIN, scenario, NULL);
    cr_assert(child_died_of(&child, SIGABRT), "%s", scenario);
    cr_assert_not_null(strstr(child.output, message), "%s: %s", scenario, child.output);
}

Test(forkjoin_misuse, children_that_are_not_synced, .timeout = TEST_TIMEOUT)
{
    dies_saying("unsynced", "filch: forgetful: returned with spawned children that are not synced");
    dies_saying("unsynced_called", "filch: forgetful: returned");
    dies_saying("unsynced_in_sync", "filch: forgetful: returned");
    dies_saying("unsynced_stolen", "filch: forgetful: returned");
}

Test(forkjoin_misuse, a_sync_of_another_task, .timeout = TEST_TIMEOUT)
{
    dies_saying("another_task", "filch: innocent: FILCH_SYNC names another task than the newest child");
}

Test(forkjoin_misuse, the_end_of_a_thread_in_a_typed_task, .timeout = TEST_TIMEOUT)
{
    if (TEST_TSAN)
        test_skip("ThreadSanitizer allows no pthread_exit on a strand");
    dies_saying("thread_exit", "the body of a typed task has ended its thread");
}
