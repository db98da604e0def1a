/* SPDX-License-Identifier: MIT */
/* victim_forkjoin.c - typed tasks that break a rule of fork.h: `victim_forkjoin SCENARIO`, run by the tests as a
 * process.
 *
 * A scenario that survives returns 0, which its test does not expect.
 */
#include "support/tasks.h"

#include <filch/fork.h>

FILCH_TASK(int, innocent, (int, value))
{
    return value;
}

FILCH_VOID_TASK(bystander)
{
}

FILCH_TASK(int, forgetful, (int, value))
{
    FILCH_SPAWN(innocent, value);
    FILCH_SPAWN(innocent, value);
    return FILCH_SYNC(innocent);
}

FILCH_TASK(int, mistaken)
{
    FILCH_SPAWN(innocent, 4);
    FILCH_SPAWN(bystander);
    int value = FILCH_SYNC(innocent);
    FILCH_SYNC(bystander);
    return value;
}

/* The offence is in a child: called, synced, or stolen. */
FILCH_TASK(int, calls_forgetful)
{
    return FILCH_CALL(forgetful, 1);
}

FILCH_TASK(int, syncs_forgetful)
{
    FILCH_SPAWN(forgetful, 1);
    return FILCH_SYNC(forgetful);
}

FILCH_TASK(int, loses_forgetful)
{
    FILCH_SPAWN(forgetful, 1);
    for (;;) /* a thief runs it, and the process ends there */
        usleep(1000);
    return FILCH_SYNC(forgetful);
}

FILCH_VOID_TASK(deserter)
{
    pthread_exit(NULL);
}

int main(int argc, char **argv)
{
    const char *scenario = argc > 1 ? argv[1] : "";
    bool alone = strcmp(scenario, "another_task") == 0; /* of a child that was stolen the task is not known any more */
    struct filch_pool *pool = pool_of(alone ? 1 : 2);
    if (strcmp(scenario, "unsynced") == 0)
        (void)FILCH_RUN(pool, forgetful, 1);
    else if (strcmp(scenario, "unsynced_called") == 0)
        (void)FILCH_RUN(pool, calls_forgetful);
    else if (strcmp(scenario, "unsynced_in_sync") == 0)
        (void)FILCH_RUN(pool, syncs_forgetful);
    else if (strcmp(scenario, "unsynced_stolen") == 0)
        (void)FILCH_RUN(pool, loses_forgetful);
    else if (alone)
        (void)FILCH_RUN(pool, mistaken);
    else if (strcmp(scenario, "thread_exit") == 0)
        FILCH_RUN(pool, deserter);
    else
        fprintf(stderr, "unknown scenario: %s\n", scenario);
    return 0;
}
