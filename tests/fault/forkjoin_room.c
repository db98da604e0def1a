/* SPDX-License-Identifier: MIT */
/* forkjoin_room.c - address space for spawned children is refused: fewer slots, and where they end children are called
 * at once; no slots at all, and a root says so or the process ends; no slots for a thief, and the owner does it all.
 */
#include "faults.h"
#include "support/child.h"
#include "support/tasks.h"
#include "support/test.h"

#include <filch/fork.h>

/* A stack asks for 2 GiB, 128 MiB, 8 MiB, 512 KiB in turn; half of it is for children that can be stolen. */
enum { sizes = 4, fewest_slots = 8192 };

FILCH_TASK(int, same, (int, value))
{
    return value;
}

struct weight {
    int value;
    char bulk[100];
};

FILCH_TASK(struct weight, heavy, (struct weight, weight))
{
    weight.value++;
    return weight;
}

struct family {
    atomic_int ran;
    struct filch_future promise;
    int children;
    bool waits;
    long first, refusals; /* of mappings, from the first-th on */
};

FILCH_TASK(int, once, (struct family *, family), (int, i))
{
    atomic_fetch_add(&family->ran, 1);
    return i;
}

FILCH_VOID_TASK(keep_promise, (struct family *, family))
{
    (void)filch_complete(&family->promise, 0);
}

/* More children than there are slots for; a wait comes while those at the end have run already. */
FILCH_VOID_TASK(large_family, (struct family *, family))
{
    FILCH_SPAWN(keep_promise, family);
    for (int i = 0; i < family->children; i++)
        FILCH_SPAWN(once, family, i);
    must(family->children < fewest_slots / 2 || atomic_load(&family->ran) > 0); /* else some were called */
    if (family->waits)
        must(filch_wait(&family->promise) == 0);
    FILCH_SPAWN(same, 7);
    FILCH_SPAWN(heavy, (struct weight){.value = 1});
    must(FILCH_SYNC(heavy).value == 2);
    must(FILCH_SYNC(same) == 7);
    for (int i = family->children - 1; i >= 0; i--) {
        int value = FILCH_SYNC(once);
        must(value == i);
    }
    FILCH_SYNC(keep_promise);
    must(atomic_load(&family->ran) == family->children); /* each of them once */
}

static int run_family(void *data)
{
    struct family *family = data;
    faults_arm(FAULT_MAP, family->first, family->refusals - 1, 0);
    FILCH_RUN(NULL, large_family, family);
    return 0;
}

/* The next mapping is that of the slots: this thread makes it before anybody else is woken. */
static void with_refusals(unsigned limit, struct family *family)
{
    struct filch_pool *pool = pool_of(limit);
    struct filch_future future = {0};
    atomic_store(&family->ran, 0);
    memset(&family->promise, 0, sizeof family->promise);
    filch_promise_init(&family->promise);
    cr_assert_eq(filch_submit(pool, &future, run_family, family), 0);
    cr_assert_eq(filch_wait(&future), 0);
    struct fault_count faults = faults_disarm();
    cr_assert(faults.failed == family->refusals || family->refusals > sizes);
    pool_end(pool);
}

Test(forkjoin_room, where_slots_end_children_are_called_at_once, .timeout = TEST_TIMEOUT)
{
    struct family family = {.children = fewest_slots / 2 + 2000, .first = 1, .refusals = sizes - 1};
    for (unsigned limit = 1; limit <= 3; limit++)
        with_refusals(limit, &family);
}

Test(forkjoin_room, a_wait_above_children_that_were_called_at_once, .timeout = TEST_TIMEOUT)
{
    struct family family = {.children = fewest_slots / 2 + 2000, .waits = true, .first = 1, .refusals = sizes - 1};
    for (unsigned limit = 1; limit <= 3; limit++)
        with_refusals(limit, &family);
}

Test(forkjoin_room, each_size_of_reservation_does, .timeout = TEST_TIMEOUT)
{
    for (int refusals = 1; refusals < sizes; refusals++) {
        struct family family = {.children = 3000, .waits = true, .first = 1, .refusals = refusals};
        with_refusals(2, &family);
    }
}

/* The owner's slots are there, but nobody else's: all children are the owner's to run. */
Test(forkjoin_room, thieves_without_slots_leave_the_children_to_their_owner, .timeout = TEST_TIMEOUT)
{
    struct family family = {.children = 3000, .first = 2, .refusals = 1 << 20};
    for (unsigned limit = 2; limit <= 4; limit++)
        for (int i = 0; i < 20; i++)
            with_refusals(limit, &family);
}

/* ---- none at all ---- */

static int try_run(void *data)
{
    int *status = data;
    faults_arm(FAULT_MAP, 1, 1 << 20, 0);
    int value = FILCH_TRY_RUN(status, NULL, same, 8);
    faults_disarm();
    return value;
}

Test(forkjoin_room, without_any_a_root_is_refused, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct filch_future future = {0};
    int status = 1;
    cr_assert_eq(filch_submit(pool, &future, try_run, &status), 0);
    cr_assert_eq(filch_wait(&future), 0);
    cr_assert_eq(status, -ENOMEM);
    cr_assert_eq(FILCH_TRY_RUN(&status, pool, same, 8), 8); /* memory is back */
    cr_assert_eq(status, 0);
    pool_end(pool);
}

static int run_on_closed_pool(void *pool)
{
    faults_arm(FAULT_MAP, 1, 1 << 20, 0);
    return FILCH_RUN(pool, same, 8);
}

Test(forkjoin_room, without_any_a_root_that_must_run_ends_the_process, .timeout = TEST_TIMEOUT)
{
    struct child child;
    struct filch_pool *pool = pool_of(1);
    cr_assert_eq(filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE), 0);
    child_fork(&child, run_on_closed_pool, pool);
    cr_assert(child_died_of(&child, SIGABRT));
    cr_assert_not_null(strstr(child.output, "no memory for a typed task"), "%s", child.output);
    watchdog_pool(NULL);
    filch_pool_free(pool);
}

/* ---- records of large arguments ---- */

FILCH_VOID_TASK(spawn_heavy)
{
    faults_arm(FAULT_MEMORY, 1, 1 << 20, 0);
    FILCH_SPAWN(heavy, (struct weight){.value = 1});
    FILCH_SYNC_ALL();
}

static int run_spawn_heavy(void *pool)
{
    FILCH_RUN(pool, spawn_heavy);
    return 0;
}

Test(forkjoin_room, without_memory_for_arguments_a_spawn_ends_the_process, .timeout = TEST_TIMEOUT)
{
    struct child child;
    struct filch_pool *pool = pool_of(1);
    cr_assert_eq(filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE), 0);
    child_fork(&child, run_spawn_heavy, pool); /* on a closed pool, so without any thread */
    cr_assert(child_died_of(&child, SIGABRT));
    cr_assert_not_null(strstr(child.output, "no memory for the arguments"), "%s", child.output);
    watchdog_pool(NULL);
    filch_pool_free(pool);
}

FILCH_VOID_TASK(spawn_many_heavy, (bool, sync_all))
{
    for (int i = 0; i < 100; i++)
        FILCH_SPAWN(heavy, (struct weight){.value = i});
    if (sync_all)
        FILCH_SYNC_ALL();
    else
        for (int i = 99; i >= 0; i--)
            must(FILCH_SYNC(heavy).value == i + 1);
}

Test(forkjoin_room, all_is_given_back, .timeout = TEST_TIMEOUT)
{
    struct held_resources before = {0};
    for (int round = 0; round < 6; round++) {
        struct filch_pool *pool = pool_of(1 + (unsigned)round % 3);
        for (int i = 0; i < 20; i++)
            FILCH_RUN(pool, spawn_many_heavy, i % 2);
        pool_end(pool);
        struct held_resources after = faults_held();
        cr_assert(round == 0 || faults_same(&before, &after));
        before = after;
    }
}
