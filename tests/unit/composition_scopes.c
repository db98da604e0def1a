/* SPDX-License-Identifier: MIT */
/* composition_scopes.c - chains and scopes that cross from one pool to another: order, failures, cancels, and the end of
 * one of the pools. */
#include "support/tasks.h"
#include "support/test.h"

/* ---- chains ---- */

struct link {
    struct filch_future future;
    atomic_int *turn;
    int place;
    struct filch_pool *pool;
};

static int take_turn(void *data)
{
    struct link *link = data;
    must(filch_pool_current() == link->pool);
    must(atomic_fetch_add(link->turn, 1) == link->place);
    return 0;
}

Test(composition_scopes, a_chain_goes_to_and_fro_between_two_pools, .timeout = TEST_TIMEOUT)
{
    enum { length = 1000 };
    static struct link links[length];
    struct filch_pool *pools[] = {pool_of(1), pool_of(1)};
    for (int round = 0; round < TEST_SHARE(20); round++) {
        atomic_int turn = 0;
        for (int i = 0; i < length; i++) {
            struct filch_future *const before = i > 0 ? &links[i - 1].future : NULL;
            struct filch_task_options options = {.after = &before, .after_count = i > 0};
            links[i] = (struct link){.turn = &turn, .place = i, .pool = pools[i % 2]};
            cr_assert_eq(filch_submit_with(pools[i % 2], &links[i].future, take_turn, &links[i], &options), 0);
        }
        cr_assert_eq(filch_wait(&links[length - 1].future), 0);
        cr_assert_eq(atomic_load(&turn), length);
    }
    pool_end(pools[0]);
    pool_end(pools[1]);
}

static void count_drop(void *data, int status)
{
    must(status == -ECANCELED);
    atomic_fetch_add((atomic_int *)data, 1);
}

static void *close_in_thread(void *pool)
{
    must(filch_pool_close(pool, FILCH_CLOSE_CANCEL, FILCH_NO_DEADLINE) == 0);
    return NULL;
}

Test(composition_scopes, what_follows_a_task_of_a_cancelled_pool_is_told, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *closed = pool_of(1), *other = pool_of(1);
    struct filch_future running = {0}, queued = {0}, dropped = {0}, always = {0}, *before = &queued;
    struct filch_task_options options = {.after = &before, .after_count = 1, .dropped = count_drop};
    atomic_int drops = 0, runs = 0;
    sem_t began;
    cr_assert_eq(sem_init(&began, 0, 0), 0);
    cr_assert_eq(filch_submit(closed, &running, until_cancelled, &began), 0);
    sem_take(&began);
    cr_assert_eq(filch_submit(closed, &queued, nothing, NULL), 0);
    cr_assert_eq(filch_submit_with(other, &dropped, count_up, &drops, &options), 0);
    options.flags = FILCH_TASK_RUN_ALWAYS;
    cr_assert_eq(filch_submit_with(other, &always, count_up, &runs, &options), 0);
    pthread_t closer = thread_start(close_in_thread, closed);
    cr_assert_eq(filch_wait(&dropped), -ECANCELED);
    cr_assert_eq(filch_wait(&always), 0);
    thread_join(closer);
    cr_assert_eq(atomic_load(&drops), 1, "dropped was called, and not the function");
    cr_assert_eq(atomic_load(&runs), 1);
    filch_pool_free(closed);
    pool_end(other);
    sem_destroy(&began);
}

/* Its predecessor goes on in the other pool, and finds nothing of it when it ends. */
Test(composition_scopes, a_pool_is_cancelled_whose_tasks_are_held_by_another, .timeout = TEST_TIMEOUT)
{
    for (int round = 0; round < TEST_SHARE(200); round++) {
        struct filch_pool *closed = pool_of(1), *other = pool_of(1);
        struct held held;
        struct filch_future *after = calloc(1, sizeof *after), *before = &held.future;
        struct filch_task_options options = {.after = &before, .after_count = 1, .dropped = count_drop};
        atomic_int drops = 0;
        held_begin(&held, other);
        cr_assert_eq(filch_submit_with(closed, after, count_up, &drops, &options), 0);
        cr_assert_eq(filch_pool_close(closed, FILCH_CLOSE_DRAIN, 0), -ETIMEDOUT, "what is held has not ended");
        cr_assert_eq(filch_pool_close(closed, FILCH_CLOSE_CANCEL, FILCH_NO_DEADLINE), 0);
        cr_assert_eq(filch_status(after), -ECANCELED);
        cr_assert_eq(atomic_load(&drops), 1);
        filch_pool_free(closed);
        free(after);
        held_end(&held);
        pool_end(other);
    }
}

/* ---- scopes ---- */

struct branch {
    struct filch_pool *pool;
    sem_t began;
    enum filch_policy policy;
    int fails; /* status of one of the tasks; 0: none */
};

static int fail(void *data)
{
    const struct branch *branch = data;
    return branch->fails;
}

/* A task that opens a scope over another pool, whose tasks end when they are cancelled, and closes it. */
static int branch_out(void *data)
{
    enum { count = 5 };
    struct branch *branch = data;
    struct filch_scope scope;
    struct filch_future futures[count] = {{{0}}}, failing = {0};
    struct filch_scope_config config = {.policy = branch->policy};
    must(filch_scope_open(&scope, branch->pool, &config) == 0);
    for (int i = 0; i < count; i++)
        (void)filch_scope_submit(&scope, &futures[i], until_cancelled, &branch->began, NULL);
    if (branch->fails != 0)
        must(filch_scope_submit(&scope, &failing, fail, branch, NULL) == 0);
    int status = filch_scope_close(&scope);
    for (int i = 0; i < count; i++) /* 7: it had begun */
        must(filch_status(&futures[i]) == 7 || filch_status(&futures[i]) == -ECANCELED);
    return status;
}

Test(composition_scopes, a_failure_in_one_pool_ends_a_scope_that_a_task_of_another_closes, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *caller = pool_of(1), *called = pool_of(8);
    struct branch branch = {.pool = called, .policy = FILCH_SCOPE_FAIL_FAST, .fails = -EIO};
    cr_assert_eq(sem_init(&branch.began, 0, 0), 0);
    for (int round = 0; round < TEST_SHARE(200); round++) {
        struct filch_future future = {0};
        cr_assert_eq(filch_submit(caller, &future, branch_out, &branch), 0);
        cr_assert_eq(filch_wait(&future), -EIO);
    }
    sem_destroy(&branch.began);
    pool_end(caller);
    pool_end(called);
}

Test(composition_scopes, a_cancel_of_the_task_that_closes_it_reaches_the_other_pool, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *caller = pool_of(1), *called = pool_of(1);
    struct branch branch = {.pool = called};
    cr_assert_eq(sem_init(&branch.began, 0, 0), 0);
    for (int round = 0; round < TEST_SHARE(200); round++) {
        struct filch_future future = {0};
        cr_assert_eq(filch_submit(caller, &future, branch_out, &branch), 0);
        sem_take(&branch.began);
        cr_assert_eq(filch_cancel(&future), -EINPROGRESS);
        cr_assert_eq(filch_wait(&future), -ECANCELED);
        while (sem_trywait(&branch.began) == 0)
            ;
    }
    sem_destroy(&branch.began);
    pool_end(caller);
    pool_end(called);
}

Test(composition_scopes, a_parents_cancel_reaches_scopes_of_other_pools, .timeout = TEST_TIMEOUT)
{
    enum { pools = 3 };
    struct filch_pool *pool[pools];
    sem_t began;
    cr_assert_eq(sem_init(&began, 0, 0), 0);
    for (int i = 0; i < pools; i++)
        pool[i] = pool_of(1);
    for (int round = 0; round < TEST_SHARE(200); round++) {
        struct filch_scope scopes[pools];
        struct filch_future futures[pools] = {{{0}}};
        for (int i = 0; i < pools; i++) {
            struct filch_scope_config config = {.parent = i > 0 ? &scopes[i - 1] : NULL};
            cr_assert_eq(filch_scope_open(&scopes[i], pool[i], &config), 0);
            cr_assert_eq(filch_scope_submit(&scopes[i], &futures[i], until_cancelled, &began, NULL), 0);
            sem_take(&began);
        }
        filch_scope_cancel(&scopes[0]);
        for (int i = pools - 1; i >= 0; i--) {
            int status = filch_scope_close(&scopes[i]);
            cr_assert(status == 0 || status == -ECANCELED, "its task has ended well, or the cancel is told: %d",
                      status);
            cr_assert_eq(filch_status(&futures[i]), 7);
        }
    }
    for (int i = 0; i < pools; i++)
        pool_end(pool[i]);
    sem_destroy(&began);
}
