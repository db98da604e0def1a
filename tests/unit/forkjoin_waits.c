/* SPDX-License-Identifier: MIT */
/* forkjoin_waits.c - stolen children, and waits among children: who runs what meanwhile, and that nothing hangs. */
#include "support/tasks.h"
#include "support/test.h"

#include <filch/fork.h>

/* ---- a long body with private children ---- */

enum { leaves = 1000 };

struct leaf {
    atomic_int *ran;
    long owner;
};

/* Says who ran it: not the thread that spawned it, which is busy. */
FILCH_VOID_TASK(small_leaf, (struct leaf *, leaf))
{
    must(thread_id() != leaf->owner);
    atomic_fetch_add(leaf->ran, 1);
}

FILCH_VOID_TASK(long_leaf, (atomic_int *, ran))
{
    wait_until(atomic_load(ran) == leaves); /* hangs, if private children stay hidden */
}

FILCH_VOID_TASK(family)
{
    atomic_int ran = 0;
    struct leaf leaf = {&ran, thread_id()};
    for (int i = 0; i < leaves; i++)
        FILCH_SPAWN(small_leaf, &leaf);
    FILCH_CALL(long_leaf, &ran);
    for (int i = 0; i < leaves; i++)
        FILCH_SYNC(small_leaf);
}

/* The family's own worker never comes by: not one of its children is shown on request once the leaf has begun. */
Test(forkjoin_waits, children_behind_a_long_body_are_run_by_others, .timeout = TEST_TIMEOUT)
{
    for (unsigned limit = 2; limit <= 4; limit++) {
        struct filch_pool *pool = pool_of(limit);
        for (int i = 0; i < TEST_SHARE(50); i++)
            FILCH_RUN(pool, family);
        pool_end(pool);
    }
}

FILCH_VOID_TASK(busy_family, (atomic_int *, ran))
{
    struct leaf leaf = {ran, thread_id()};
    for (int i = 0; i < leaves; i++)
        FILCH_SPAWN(small_leaf, &leaf);
    FILCH_CALL(long_leaf, ran);
    FILCH_SYNC_ALL();
}

/* The same with the leaf in a stolen child: its worker has a stack of its own. */
FILCH_VOID_TASK(family_abroad)
{
    atomic_int ran = 0;
    FILCH_SPAWN(busy_family, &ran);
    wait_until(atomic_load(&ran) != 0); /* it runs on another worker, and this one is in a body */
    FILCH_SYNC(busy_family);
}

Test(forkjoin_waits, children_of_a_stolen_child_are_run_by_others, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(3); /* one waits in its body, one is in the leaf */
    for (int i = 0; i < TEST_SHARE(50); i++)
        FILCH_RUN(pool, family_abroad);
    pool_end(pool);
}

/* ---- what depends on an unsynced child ---- */

FILCH_VOID_TASK(keep_promise, (struct filch_future *, promise))
{
    must(filch_complete(promise, 5) == 0);
}

FILCH_VOID_TASK(do_nothing)
{
}

/* The child is at the bottom, in the middle, or at the top of those that are spawned. */
FILCH_VOID_TASK(wait_for_own_child, (int, before), (int, after))
{
    struct filch_future promise = {0};
    filch_promise_init(&promise);
    for (int i = 0; i < before; i++)
        FILCH_SPAWN(do_nothing);
    FILCH_SPAWN(keep_promise, &promise);
    for (int i = 0; i < after; i++)
        FILCH_SPAWN(do_nothing);
    must(filch_wait(&promise) == 5);
    for (int i = 0; i < after; i++)
        FILCH_SYNC(do_nothing);
    FILCH_SYNC(keep_promise);
    for (int i = 0; i < before; i++)
        FILCH_SYNC(do_nothing);
}

static int submit_wait_for_own_child(void *data)
{
    int *around = data;
    FILCH_RUN(NULL, wait_for_own_child, around[0], around[1]);
    return 0;
}

static void depend_on_child(struct filch_pool *pool, unsigned flags)
{
    struct filch_task_options options = {.flags = flags};
    for (int before = 0; before <= 200; before = before * 4 + 1) {
        for (int after = 0; after <= 200; after = after * 4 + 1) {
            struct filch_future future = {0};
            int around[2] = {before, after};
            cr_assert_eq(filch_submit_with(pool, &future, submit_wait_for_own_child, around, &options), 0);
            cr_assert_eq(filch_wait(&future), 0);
        }
    }
}

Test(forkjoin_waits, a_task_may_wait_for_what_its_own_child_does, .timeout = TEST_TIMEOUT)
{
    for (unsigned limit = 1; limit <= 3; limit++) {
        struct filch_pool *pool = pool_of(limit);
        depend_on_child(pool, 0);
        cr_assert_gt(stats_of(pool).suspensions, 0);
        pool_end(pool);
    }
}

Test(forkjoin_waits, a_task_with_its_own_thread_may_wait_for_what_its_child_does, .timeout = TEST_TIMEOUT)
{
    for (unsigned limit = 1; limit <= 3; limit++) {
        struct filch_pool *pool = pool_of(limit);
        depend_on_child(pool, FILCH_TASK_OWN_THREAD);
        pool_end(pool);
    }
}

/* A caller that runs a task since the queue is full is no worker, but its children are as good as any. */
struct call {
    struct filch_pool *pool;
    struct held held;
    uint64_t submitted;
    long caller;
};

static int depend_in_caller(void *data)
{
    struct call *call = data;
    must(thread_id() == call->caller);
    FILCH_RUN(NULL, wait_for_own_child, 3, 3);
    return 0;
}

/* The queue stays full until the caller is in line for the only permit, before what is queued. */
static void *let_caller_in(void *data)
{
    struct call *call = data;
    wait_until(stats_of(call->pool).submitted == call->submitted);
    sem_post(&call->held.go);
    return NULL;
}

Test(forkjoin_waits, a_caller_that_runs_a_task_may_wait_for_what_its_child_does, .timeout = TEST_TIMEOUT)
{
    struct filch_pool_config config = {.max_concurrency = 1, .queue_limit = 1, .when_full = FILCH_FULL_RUN};
    struct filch_pool *pool = pool_open(&config);
    for (int i = 0; i < TEST_SHARE(50); i++) {
        struct filch_future queued = {0}, called = {0};
        struct call call = {.pool = pool, .caller = thread_id()};
        held_begin(&call.held, pool);
        cr_assert_eq(filch_submit(pool, &queued, nothing, NULL), 0);
        call.submitted = stats_of(pool).submitted + 1;
        pthread_t thread = thread_start(let_caller_in, &call);
        cr_assert_eq(filch_submit(pool, &called, depend_in_caller, &call), 0);
        cr_assert_eq(filch_status(&called), 0);
        thread_join(thread);
        cr_assert_eq(filch_wait(&queued), 0);
        held_end(&call.held);
    }
    pool_end(pool);
}

/* All children wait for one another in a ring; each needs a strand, and none can run on top of another. */
struct ring {
    struct filch_future promise[40];
    int count;
};

FILCH_TASK(int, pass_on, (struct ring *, ring), (int, i))
{
    int status = i == ring->count - 1 ? 1 : filch_wait(&ring->promise[i + 1]) + 1;
    must(filch_complete(&ring->promise[i], status) == 0);
    return status;
}

FILCH_VOID_TASK(run_ring, (int, count), (bool, forward))
{
    struct ring ring = {.count = count};
    for (int i = 0; i < count; i++)
        filch_promise_init(&ring.promise[i]);
    for (int i = 0; i < count; i++)
        FILCH_SPAWN(pass_on, &ring, forward ? i : count - 1 - i);
    for (int i = 0; i < count; i++)
        must(FILCH_SYNC(pass_on) == (forward ? i + 1 : count - i));
}

Test(forkjoin_waits, children_that_wait_for_one_another, .timeout = TEST_TIMEOUT)
{
    for (unsigned limit = 1; limit <= 3; limit++) {
        struct filch_pool *pool = pool_of(limit);
        for (int count = 1; count <= 40; count += 13) {
            FILCH_RUN(pool, run_ring, count, true);
            FILCH_RUN(pool, run_ring, count, false);
        }
        pool_end(pool);
    }
}

/* ---- the parent of a stolen child ---- */

struct theft {
    atomic_int stolen, go;
    atomic_long thread;
};

FILCH_VOID_TASK(be_stolen, (struct theft *, theft))
{
    atomic_store(&theft->thread, thread_id());
    atomic_store(&theft->stolen, 1);
    wait_until(atomic_load(&theft->go));
}

FILCH_VOID_TASK(be_robbed, (struct theft *, theft))
{
    FILCH_SPAWN(be_stolen, theft);
    wait_until(atomic_load(&theft->stolen));
    must(thread_id() != atomic_load(&theft->thread));
    FILCH_SYNC(be_stolen);
}

static int submit_be_robbed(void *data)
{
    FILCH_RUN(NULL, be_robbed, data);
    return 0;
}

/* Nothing but a suspension lets the worker do other work: the sync does not return before `go`. */
Test(forkjoin_waits, a_parent_whose_child_was_stolen_gives_its_worker_away, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    for (int i = 0; i < TEST_SHARE(50); i++) {
        struct theft theft = {0};
        struct filch_future future = {0};
        atomic_int runs = 0;
        uint64_t suspensions = stats_of(pool).suspensions;
        cr_assert_eq(filch_submit(pool, &future, submit_be_robbed, &theft), 0);
        wait_until(stats_of(pool).suspended == 1);
        for (int k = 0; k < 20; k++) {
            struct filch_future other = {0};
            cr_assert_eq(filch_submit(pool, &other, count_up, &runs), 0);
            cr_assert_eq(filch_wait(&other), 0);
        }
        cr_assert_eq(stats_of(pool).suspensions, suspensions + 1);
        cr_assert_not(filch_done(&future));
        atomic_store(&theft.go, 1);
        cr_assert_eq(filch_wait(&future), 0);
    }
    pool_end(pool);
}

/* It does not run just anything before it suspends: what is queued may be longer than what it waits for. */
struct order {
    struct theft theft;
    struct filch_future queued;
    atomic_int queued_began, synced;
};

static int note_begin(void *data)
{
    struct order *order = data;
    atomic_store(&order->queued_began, 1);
    wait_until(atomic_load(&order->synced)); /* hangs, if it lies on top of the sync */
    return 0;
}

FILCH_VOID_TASK(sync_beside_queued, (struct order *, order))
{
    FILCH_SPAWN(be_stolen, &order->theft);
    wait_until(atomic_load(&order->theft.stolen));
    must(filch_submit(NULL, &order->queued, note_begin, order) == 0);
    FILCH_SYNC(be_stolen);
    atomic_store(&order->synced, 1);
}

FILCH_VOID_TASK(let_go, (struct order *, order))
{
    wait_until(atomic_load(&order->queued_began));
    atomic_store(&order->theft.go, 1);
}

FILCH_VOID_TASK(side_by_side, (struct order *, order))
{
    FILCH_SPAWN(let_go, order);
    FILCH_CALL(sync_beside_queued, order);
    FILCH_SYNC(let_go);
}

Test(forkjoin_waits, a_sync_has_no_other_work_on_top_of_it, .timeout = TEST_TIMEOUT)
{
    for (unsigned limit = 3; limit <= 4; limit++) {
        struct filch_pool *pool = pool_of(limit);
        for (int i = 0; i < TEST_SHARE(50); i++) {
            struct order order = {.synced = 0};
            FILCH_RUN(pool, side_by_side, &order);
            cr_assert_eq(filch_wait(&order.queued), 0);
        }
        pool_end(pool);
    }
}

/* The thief's own children are taken back by the parent that waits for it: all other workers are held. */
FILCH_VOID_TASK(thief_with_children, (atomic_int *, ran))
{
    struct leaf leaf = {ran, thread_id()};
    for (int i = 0; i < 50; i++)
        FILCH_SPAWN(small_leaf, &leaf);
    wait_until(atomic_load(ran) == 50); /* run by the other: only the parent is there */
    FILCH_SYNC_ALL();
}

FILCH_VOID_TASK(help_the_thief, (atomic_int *, ran), (atomic_int *, stolen))
{
    FILCH_SPAWN(thief_with_children, ran);
    wait_until(stats_of(filch_pool_current()).stolen != (uint64_t)atomic_load(stolen));
    FILCH_SYNC(thief_with_children);
}

Test(forkjoin_waits, a_parent_runs_the_children_of_its_thief, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    for (int i = 0; i < TEST_SHARE(50); i++) {
        atomic_int ran = 0, stolen = (int)stats_of(pool).stolen;
        FILCH_RUN(pool, help_the_thief, &ran, &stolen);
    }
    pool_end(pool);
}
