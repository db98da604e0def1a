/* SPDX-License-Identifier: MIT */
/* frozen_thief.c - a worker that stands still among typed tasks: in a stolen child it holds up who waits for that
 * child and nobody else; in a body with private children it does not hide them; anywhere else, for a while, it loses
 * nothing.
 */
#include "ice.h"
#include "support/test.h"

#include <filch/fork.h>

enum { workers = 3, siblings = 500 };

FILCH_TASK(long, fib, (int, n))
{
    if (n < 2)
        return n;
    FILCH_SPAWN(fib, n - 1);
    long below = FILCH_CALL(fib, n - 2);
    return FILCH_SYNC(fib) + below;
}

/* Says who runs it and goes on in small steps, so that the signal meets it in user code. */
struct victim {
    atomic_long thread;
    atomic_int go;
};

static void run_in_steps(struct victim *victim)
{
    atomic_store(&victim->thread, thread_id());
    while (!atomic_load(&victim->go))
        ;
}

/* ---- a thief ---- */

struct family {
    struct victim victim;
    struct filch_future future;
    atomic_int ran, before_sync;
};

FILCH_TASK(long, stolen, (struct family *, family))
{
    run_in_steps(&family->victim);
    return 77;
}

FILCH_VOID_TASK(sibling, (struct family *, family))
{
    atomic_fetch_add(&family->ran, 1);
}

/* Siblings before and after the one whose thief is stopped. */
FILCH_TASK(long, robbed, (struct family *, family))
{
    for (int i = 0; i < siblings; i++)
        FILCH_SPAWN(sibling, family);
    FILCH_SPAWN(stolen, family);
    wait_until(atomic_load(&family->victim.thread) != 0);
    for (int i = 0; i < siblings; i++)
        FILCH_SPAWN(sibling, family);
    for (int i = 0; i < siblings; i++)
        FILCH_SYNC(sibling);
    atomic_store(&family->before_sync, 1);
    long value = FILCH_SYNC(stolen);
    for (int i = 0; i < siblings; i++)
        FILCH_SYNC(sibling);
    return value;
}

static int run_robbed(void *data)
{
    return (int)FILCH_RUN(NULL, robbed, data);
}

static void work_meanwhile(struct filch_pool *pool)
{
    for (int i = 0; i < 20; i++)
        cr_assert_eq(FILCH_RUN(pool, fib, 15), 610);
}

Test(frozen_thief, in_a_stolen_child_holds_up_its_parent_only, .timeout = TEST_TIMEOUT)
{
    for (unsigned limit = 2; limit <= 4; limit++) {
        struct filch_pool *pool = pool_of(limit);
        struct family *family = calloc(1, sizeof *family);
        must(family != NULL);
        cr_assert_eq(filch_submit(pool, &family->future, run_robbed, family), 0);
        wait_until(atomic_load(&family->victim.thread) != 0);
        freeze(atomic_load(&family->victim.thread));
        wait_until(atomic_load(&family->before_sync));         /* what is newer than the stolen one is joined */
        wait_until(atomic_load(&family->ran) == 2 * siblings); /* the older ones were stolen before it */
        work_meanwhile(pool);
        wait_until(stats_of(pool).suspended == 1); /* the parent, and nobody spins for it */
        cr_assert_not(filch_done(&family->future));
        atomic_store(&family->victim.go, 1);
        thaw();
        cr_assert_eq(filch_wait(&family->future), 77);
        pool_end(pool);
        free(family);
    }
    printf("figure: P11 frozen in a stolen child 3 times: %d siblings and %d other trees, all done meanwhile\n",
           3 * 2 * siblings, 3 * 20);
}

/* ---- an owner ---- */

FILCH_VOID_TASK(step_with_children, (struct family *, family))
{
    for (int i = 0; i < siblings; i++)
        FILCH_SPAWN(sibling, family);
    run_in_steps(&family->victim);
    FILCH_SYNC_ALL();
}

static int run_step_with_children(void *data)
{
    FILCH_RUN(NULL, step_with_children, data);
    return 5;
}

Test(frozen_thief, an_owner_that_stands_still_hides_no_children, .timeout = TEST_TIMEOUT)
{
    for (unsigned limit = 2; limit <= 4; limit++) {
        struct filch_pool *pool = pool_of(limit);
        struct family *family = calloc(1, sizeof *family);
        must(family != NULL);
        cr_assert_eq(filch_submit(pool, &family->future, run_step_with_children, family), 0);
        wait_until(atomic_load(&family->victim.thread) != 0);
        freeze(atomic_load(&family->victim.thread));
        wait_until(atomic_load(&family->ran) == siblings);
        work_meanwhile(pool);
        atomic_store(&family->victim.go, 1);
        thaw();
        cr_assert_eq(filch_wait(&family->future), 5);
        pool_end(pool);
        free(family);
    }
}

/* ---- anywhere ---- */

static void *keep_forking(void *data)
{
    struct load *load = data;
    for (; !atomic_load(&load->stop); atomic_fetch_add(&load->rounds, 1))
        must(FILCH_RUN(load->pool, fib, 12) == 144);
    return NULL;
}

/* Also between a steal and its first instruction, in a leapfrog, in an opening by force: then the tree that it works
 * on may have to wait for it. */
Test(frozen_thief, at_any_instruction_for_a_while_loses_nothing, .timeout = TEST_TIMEOUT)
{
    struct filch_pool_config config = {.min_workers = workers, .max_concurrency = workers, .worker_init = note_thread};
    struct load load = {pool_open(&config), 0, 0};
    pthread_t thread[2];
    for (int i = 0; i < 2; i++)
        thread[i] = thread_start(keep_forking, &load);
    int rounds = TEST_SHARE(300), went_on = freeze_at_random(&load, workers, rounds);
    atomic_store(&load.stop, 1);
    for (int i = 0; i < 2; i++)
        thread_join(thread[i]);
    pool_end(load.pool);
    printf(
        "figure: P11 frozen at random among typed tasks %d times: nothing lost; the others went on meanwhile in %d\n",
        rounds, went_on);
}
