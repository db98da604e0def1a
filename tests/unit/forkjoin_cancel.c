/* SPDX-License-Identifier: MIT */
/* forkjoin_cancel.c - a cancelled task is cancelled with all its children, wherever they run and whatever they wait
 * for.
 */
#include "support/tasks.h"
#include "support/test.h"

#include <filch/fork.h>

enum { children = 3 };

/* One tree of typed tasks below a submitted task. */
struct tree {
    struct filch_future root;
    struct filch_future promise; /* for those that wait */
    atomic_int begun, cancelled;
    int status;
};

FILCH_VOID_TASK(until_asked, (struct tree *, tree))
{
    atomic_fetch_add(&tree->begun, 1);
    while (!filch_cancelled())
        usleep(100);
    atomic_fetch_add(&tree->cancelled, 1);
}

/* Ends when all its children have been asked; each of them is on a worker of its own. */
FILCH_VOID_TASK(ask_all, (struct tree *, tree))
{
    must(!filch_cancelled());
    for (int i = 0; i < children; i++)
        FILCH_SPAWN(until_asked, tree);
    FILCH_CALL(until_asked, tree);
    FILCH_SYNC_ALL();
    must(filch_cancelled());
}

static int submit_ask_all(void *data)
{
    FILCH_RUN(NULL, ask_all, data);
    return 3;
}

static int submit_ask_all_from_a_thread(void *data)
{
    struct tree *tree = data;
    while (!filch_cancelled())
        usleep(100);
    FILCH_RUN(NULL, until_asked, tree); /* begins with the request made already */
    return 3;
}

Test(forkjoin_cancel, stolen_children_are_asked_with_their_task, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(children + 1);
    for (int i = 0; i < TEST_SHARE(50); i++) {
        struct tree tree = {.status = 0};
        cr_assert_eq(filch_submit(pool, &tree.root, submit_ask_all, &tree), 0);
        wait_until(atomic_load(&tree.begun) == children + 1); /* so all children are stolen */
        cr_assert_eq(filch_cancel(&tree.root), -EINPROGRESS);
        cr_assert_eq(filch_wait(&tree.root), 3);
        cr_assert_eq(atomic_load(&tree.cancelled), children + 1);
    }
    pool_end(pool);
}

Test(forkjoin_cancel, a_task_that_was_asked_before_its_root_began, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    struct tree tree = {.status = 0};
    cr_assert_eq(filch_submit(pool, &tree.root, submit_ask_all_from_a_thread, &tree), 0);
    while (filch_cancel(&tree.root) == 0) {
        (void)filch_wait(&tree.root); /* it had not begun: again */
        cr_assert_eq(filch_submit(pool, &tree.root, submit_ask_all_from_a_thread, &tree), 0);
    }
    cr_assert_eq(filch_wait(&tree.root), 3);
    cr_assert_eq(atomic_load(&tree.cancelled), 1);
    pool_end(pool);
}

Test(forkjoin_cancel, stolen_children_are_asked_when_their_pool_closes, .timeout = TEST_TIMEOUT)
{
    for (int i = 0; i < TEST_SHARE(20); i++) {
        struct filch_pool *pool = pool_of(children + 1);
        struct tree tree = {.status = 0};
        cr_assert_eq(filch_submit(pool, &tree.root, submit_ask_all, &tree), 0);
        wait_until(atomic_load(&tree.begun) == children + 1);
        cr_assert_eq(filch_pool_close(pool, FILCH_CLOSE_CANCEL, FILCH_NO_DEADLINE), 0);
        cr_assert_eq(filch_status(&tree.root), 3);
        cr_assert_eq(atomic_load(&tree.cancelled), children + 1);
        watchdog_pool(NULL);
        filch_pool_free(pool);
    }
}

Test(forkjoin_cancel, stolen_children_are_asked_when_their_task_times_out, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(children + 1);
    const struct filch_task_options options = {.timeout_ns = FILCH_MS(50)};
    struct tree tree = {.status = 0};
    cr_assert_eq(filch_submit_with(pool, &tree.root, submit_ask_all, &tree, &options), 0);
    cr_assert_eq(filch_wait(&tree.root), -ETIMEDOUT);
    cr_assert_eq(atomic_load(&tree.cancelled), children + 1);
    pool_end(pool);
}

/* Others are not asked, also when a thief comes from one tree to the next. */
Test(forkjoin_cancel, other_trees_are_not_asked, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(children + 1);
    for (int i = 0; i < TEST_SHARE(50); i++) {
        struct tree tree[2] = {{.status = 0}, {.status = 0}};
        for (int k = 0; k < 2; k++) {
            cr_assert_eq(filch_submit(pool, &tree[k].root, submit_ask_all, &tree[k]), 0);
            wait_until(atomic_load(&tree[k].begun) == children + 1);
            cr_assert_eq(atomic_load(&tree[k].cancelled), 0);
            cr_assert_eq(filch_cancel(&tree[k].root), -EINPROGRESS);
            cr_assert_eq(filch_wait(&tree[k].root), 3);
        }
    }
    pool_end(pool);
}

/* ---- children that wait ---- */

/* With a deadline that does not come: only the request ends it. */
FILCH_VOID_TASK(wait_with_deadline, (struct tree *, tree))
{
    atomic_fetch_add(&tree->begun, 1);
    must(filch_wait_until(&tree->promise, FILCH_NO_DEADLINE) == -ECANCELED);
    must(filch_cancelled());
    atomic_fetch_add(&tree->cancelled, 1);
}

/* Without: the request is passed on to what it waits for. */
FILCH_VOID_TASK(wait_without_deadline, (struct tree *, tree))
{
    struct filch_future promise = {0};
    filch_promise_init(&promise);
    atomic_fetch_add(&tree->begun, 1);
    must(filch_wait(&promise) == -ECANCELED);
    atomic_fetch_add(&tree->cancelled, 1);
}

FILCH_VOID_TASK(wait_for_task, (struct tree *, tree))
{
    struct filch_future future = {0};
    must(filch_submit(NULL, &future, until_cancelled, NULL) == 0);
    atomic_fetch_add(&tree->begun, 1);
    int status = filch_wait(&future);
    must(status == 7 || status == -ECANCELED); /* asked as it ran, or before */
    atomic_fetch_add(&tree->cancelled, 1);
}

FILCH_VOID_TASK(children_wait, (struct tree *, tree))
{
    FILCH_SPAWN(wait_with_deadline, tree);
    FILCH_SPAWN(wait_without_deadline, tree);
    FILCH_SPAWN(wait_for_task, tree);
    wait_until(atomic_load(&tree->begun) == 3); /* all stolen */
    FILCH_SYNC_ALL();
}

static int submit_children_wait(void *data)
{
    FILCH_RUN(NULL, children_wait, data);
    return 3;
}

Test(forkjoin_cancel, stolen_children_that_wait_are_reached, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(children + 1);
    for (int i = 0; i < TEST_SHARE(50); i++) {
        struct tree tree = {.status = 0};
        filch_promise_init(&tree.promise);
        cr_assert_eq(filch_submit(pool, &tree.root, submit_children_wait, &tree), 0);
        if (i % 2)
            wait_until(stats_of(pool).suspended >= 3);
        else
            wait_until(atomic_load(&tree.begun) == 3);
        cr_assert_eq(filch_cancel(&tree.root), -EINPROGRESS);
        cr_assert_eq(filch_wait(&tree.root), 3);
        cr_assert_eq(atomic_load(&tree.cancelled), 3);
        cr_assert_eq(filch_complete(&tree.promise, 0), 0);
    }
    pool_end(pool);
}

Test(forkjoin_cancel, stolen_children_that_wait_are_reached_by_a_close, .timeout = TEST_TIMEOUT)
{
    for (int i = 0; i < TEST_SHARE(20); i++) {
        struct filch_pool *pool = pool_of(children + 1);
        struct tree tree = {.status = 0};
        filch_promise_init(&tree.promise);
        cr_assert_eq(filch_submit(pool, &tree.root, submit_children_wait, &tree), 0);
        wait_until(stats_of(pool).suspended >= 3);
        cr_assert_eq(filch_pool_close(pool, FILCH_CLOSE_CANCEL, FILCH_NO_DEADLINE), 0);
        cr_assert_eq(filch_status(&tree.root), 3);
        cr_assert_eq(atomic_load(&tree.cancelled), 3);
        cr_assert_eq(filch_complete(&tree.promise, 0), 0);
        watchdog_pool(NULL);
        filch_pool_free(pool);
    }
}

/* ---- a cancel between threads that run a tree ---- */

static atomic_int begun, ended;

FILCH_TASK(int, grow, (int, depth))
{
    atomic_fetch_add(&begun, 1);
    int nodes = 1;
    if (depth > 0 && !filch_cancelled()) {
        FILCH_SPAWN(grow, depth - 1);
        FILCH_SPAWN(grow, depth - 1);
        nodes += FILCH_CALL(grow, depth - 2);
        nodes += FILCH_SYNC(grow);
        nodes += FILCH_SYNC(grow);
    }
    atomic_fetch_add(&ended, 1);
    return nodes;
}

static int submit_grow(void *data)
{
    (void)data;
    return FILCH_RUN(NULL, grow, 40); /* never ends by itself */
}

Test(forkjoin_cancel, an_endless_tree_ends, .timeout = TEST_TIMEOUT)
{
    for (unsigned limit = 1; limit <= 4; limit++) {
        struct filch_pool *pool = pool_of(limit);
        for (int i = 0; i < TEST_SHARE(100); i++) {
            struct filch_future root = {0};
            atomic_store(&begun, 0);
            atomic_store(&ended, 0);
            cr_assert_eq(filch_submit(pool, &root, submit_grow, NULL), 0);
            wait_until(atomic_load(&begun) > i * 20);
            cr_assert_eq(filch_cancel(&root), -EINPROGRESS);
            int nodes = filch_wait(&root);
            cr_assert_eq(nodes, atomic_load(&begun));
            cr_assert_eq(nodes, atomic_load(&ended));
        }
        pool_end(pool);
    }
}

/* A root in another pool that has not begun will never run; FILCH_RUN then runs it where it stands. */
FILCH_TASK(long, thread_of_root)
{
    return thread_id();
}

struct crossing {
    struct filch_pool *there;
    atomic_int begun;
    int status;
    bool value_all_the_same;
};

static int cross(void *data)
{
    struct crossing *crossing = data;
    atomic_store(&crossing->begun, 1);
    if (crossing->value_all_the_same)
        must(FILCH_RUN(crossing->there, thread_of_root) == thread_id());
    else
        must(FILCH_TRY_RUN(&crossing->status, crossing->there, thread_of_root) == 0);
    return 9;
}

Test(forkjoin_cancel, a_root_that_will_never_run, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *here = pool_of(1), *there = pool_of(1);
    for (int i = 0; i < 20; i++) {
        struct crossing crossing = {.there = there, .status = 1, .value_all_the_same = i % 2};
        struct filch_future future = {0};
        struct held held;
        held_begin(&held, there);
        cr_assert_eq(filch_submit(here, &future, cross, &crossing), 0);
        wait_until(stats_of(here).suspended == 1);
        cr_assert_eq(filch_cancel(&future), -EINPROGRESS);
        held_end(&held);
        cr_assert_eq(filch_wait(&future), 9);
        cr_assert_eq(crossing.status, crossing.value_all_the_same ? 1 : -ECANCELED);
    }
    pool_end(here);
    pool_end(there);
}
