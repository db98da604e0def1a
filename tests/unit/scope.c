/* SPDX-License-Identifier: MIT */
/* scope.c - tasks that are waited for and cancelled together. */
#include "support/tasks.h"
#include "support/test.h"

#include <errno.h>
#include <signal.h>

static int fails(void *data)
{
    (void)data;
    return -EIO;
}

static int succeeds(void *data)
{
    (void)data;
    return 0;
}

static struct filch_scope_config of_policy(enum filch_policy policy)
{
    return (struct filch_scope_config){.policy = policy};
}

/* Runs until it is asked to stop. */
static int run_until_cancelled(void *data)
{
    atomic_fetch_add((atomic_int *)data, 1);
    while (!filch_cancelled())
        sched_yield();
    return -ECANCELED;
}

static int wait_on(void *data)
{
    return filch_wait(data);
}

Test(scope, close_waits_for_all_and_says_that_they_succeeded, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    struct filch_scope scope;
    struct filch_future futures[100] = {{{0}}};
    atomic_int runs = 0;
    cr_assert_eq(filch_scope_open(&scope, pool, NULL), 0);
    for (int i = 0; i < 100; i++)
        cr_assert_eq(filch_scope_submit(&scope, i % 2 ? &futures[i] : NULL, count_up, &runs, NULL), 0);
    cr_assert_eq(filch_scope_close(&scope), 0);
    cr_assert_eq(atomic_load(&runs), 100);
    for (int i = 1; i < 100; i += 2)
        cr_assert(filch_done(&futures[i]));
    pool_end(pool);
}

Test(scope, the_first_failure_is_told_and_the_others_run, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    struct filch_scope scope;
    atomic_int runs = 0;
    cr_assert_eq(filch_scope_open(&scope, pool, NULL), 0);
    cr_assert_eq(filch_scope_submit(&scope, NULL, fails, NULL, NULL), 0);
    for (int i = 0; i < 50; i++)
        cr_assert_eq(filch_scope_submit(&scope, NULL, count_up, &runs, NULL), 0);
    cr_assert_eq(filch_scope_close(&scope), -EIO);
    cr_assert_eq(atomic_load(&runs), 50);
    pool_end(pool);
}

Test(scope, fail_fast_stops_what_runs_waits_and_has_not_begun, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    struct filch_scope scope;
    struct filch_scope_config config = of_policy(FILCH_SCOPE_FAIL_FAST);
    struct filch_future never = {{0}}, waits = {{0}}, runs_on = {{0}}, queued = {{0}};
    struct filch_future *const after[] = {&never};
    atomic_int started = 0;
    filch_promise_init(&never);
    cr_assert_eq(filch_scope_open(&scope, pool, &config), 0);
    cr_assert_eq(filch_scope_submit(&scope, &waits, wait_on, &never, NULL), 0);
    cr_assert_eq(filch_scope_submit(&scope, &runs_on, run_until_cancelled, &started, NULL), 0);
    cr_assert_eq(filch_scope_submit(&scope, &queued, count_up, &started,
                                    &(struct filch_task_options){.after = after, .after_count = 1}),
                 0);
    wait_until(atomic_load(&started) == 1); /* the one that runs on: the other two wait */
    cr_assert_eq(filch_scope_submit(&scope, NULL, fails, NULL, NULL), 0);
    cr_assert_eq(filch_scope_close(&scope), -EIO);
    cr_assert_eq(filch_status(&waits), -ECANCELED, "the promise was cancelled, and its status returned");
    cr_assert_eq(filch_status(&runs_on), -ECANCELED);
    cr_assert_eq(filch_status(&queued), -ECANCELED);
    cr_assert_eq(atomic_load(&started), 1);
    pool_end(pool);
}

Test(scope, a_first_success_ends_the_rest, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(3);
    struct filch_scope scope;
    struct filch_scope_config config = of_policy(FILCH_SCOPE_FIRST_SUCCESS);
    atomic_int started = 0;
    cr_assert_eq(filch_scope_open(&scope, pool, &config), 0);
    cr_assert_eq(filch_scope_submit(&scope, NULL, fails, NULL, NULL), 0);
    cr_assert_eq(filch_scope_submit(&scope, NULL, run_until_cancelled, &started, NULL), 0);
    cr_assert_eq(filch_scope_submit(&scope, NULL, succeeds, NULL, NULL), 0);
    cr_assert_eq(filch_scope_close(&scope), 0);

    cr_assert_eq(filch_scope_open(&scope, pool, &config), 0);
    cr_assert_eq(filch_scope_submit(&scope, NULL, fails, NULL, NULL), 0);
    cr_assert_eq(filch_scope_close(&scope), -EIO, "none succeeded");
    pool_end(pool);
}

Test(scope, n_of_m_successes_end_the_rest, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    struct filch_scope scope;
    struct filch_scope_config config = {.policy = FILCH_SCOPE_COUNT, .need = 3};
    atomic_int started = 0;
    cr_assert_eq(filch_scope_open(&scope, pool, &config), 0);
    cr_assert_eq(filch_scope_submit(&scope, NULL, run_until_cancelled, &started, NULL), 0);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(filch_scope_submit(&scope, NULL, succeeds, NULL, NULL), 0);
    cr_assert_eq(filch_scope_close(&scope), 0);

    cr_assert_eq(filch_scope_open(&scope, pool, &config), 0);
    cr_assert_eq(filch_scope_submit(&scope, NULL, succeeds, NULL, NULL), 0);
    cr_assert_eq(filch_scope_close(&scope), -ENODATA);
    pool_end(pool);
}

Test(scope, a_time_out_ends_it, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    struct filch_scope scope;
    struct filch_scope_config config = {.timeout_ns = FILCH_MS(5)};
    atomic_int started = 0;
    cr_assert_eq(filch_scope_open(&scope, pool, &config), 0);
    int r = filch_scope_submit(&scope, NULL, run_until_cancelled, &started, NULL);
    cr_assert(r == 0 || r == -ECANCELED, "%d", r);
    cr_assert_eq(filch_scope_close(&scope), -ETIMEDOUT);

    config.timeout_ns = FILCH_S(1000);
    cr_assert_eq(filch_scope_open(&scope, pool, &config), 0);
    cr_assert_eq(filch_scope_submit(&scope, NULL, count_up, &started, NULL), 0);
    cr_assert_eq(filch_scope_close(&scope), 0);
    pool_end(pool);
}

struct errors {
    atomic_int count, named;
};

static void note_error(void *ctx, struct filch_future *future, int status)
{
    struct errors *errors = ctx;
    const char *name = filch_future_name(future);
    cr_assert_eq(status, -EIO);
    cr_assert(!filch_done(future));
    atomic_fetch_add(&errors->count, 1);
    if (name && strcmp(name, "broken") == 0)
        atomic_fetch_add(&errors->named, 1);
}

Test(scope, each_error_is_told_with_the_name_of_its_task, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    struct filch_scope scope;
    struct errors errors = {0, 0};
    struct filch_scope_config config = {.on_error = note_error, .ctx = &errors};
    cr_assert_eq(filch_scope_open(&scope, pool, &config), 0);
    for (int i = 0; i < 20; i++)
        cr_assert_eq(filch_scope_submit(&scope, NULL, fails, NULL,
                                        &(struct filch_task_options){.name = i % 2 ? "broken" : NULL}),
                     0);
    cr_assert_eq(filch_scope_close(&scope), -EIO);
    cr_assert_eq(atomic_load(&errors.count), 20);
    cr_assert_eq(atomic_load(&errors.named), 10);
    pool_end(pool);
}

Test(scope, a_cancel_flows_down_to_scopes_inside, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2), *other = pool_of(1);
    struct filch_scope outer, inner, innermost;
    struct filch_scope_config in_outer = {.parent = &outer}, in_inner = {.parent = &inner};
    struct filch_future never = {{0}}, waits = {{0}};
    atomic_int started = 0;
    filch_promise_init(&never);
    cr_assert_eq(filch_scope_open(&outer, pool, NULL), 0);
    cr_assert_eq(filch_scope_open(&inner, other, &in_outer), 0);
    cr_assert_eq(filch_scope_open(&innermost, pool, &in_inner), 0);
    cr_assert_eq(filch_scope_submit(&innermost, NULL, run_until_cancelled, &started, NULL), 0);
    cr_assert_eq(filch_scope_submit(&inner, &waits, wait_on, &never, NULL), 0);
    wait_until(atomic_load(&started) == 1);
    filch_scope_cancel(&outer);
    cr_assert_eq(filch_scope_close(&innermost), -ECANCELED);
    cr_assert_eq(filch_scope_close(&inner), -ECANCELED);
    cr_assert_eq(filch_scope_open(&inner, other, &in_outer), -ECANCELED, "born too late");
    cr_assert_eq(filch_scope_close(&outer), -ECANCELED);
    cr_assert_eq(filch_status(&waits), -ECANCELED);
    cr_assert_eq(filch_scope_open(&inner, other, &in_outer), -ESHUTDOWN, "the parent is closed");
    pool_end(pool);
    pool_end(other);
}

/* A task that opens a scope and waits in its close. */
struct nested {
    struct filch_pool *pool;
    atomic_int started;
    int result;
};

static int closes_a_scope(void *data)
{
    struct nested *nested = data;
    struct filch_scope scope;
    cr_assert_eq(filch_scope_open(&scope, NULL, NULL), 0);
    cr_assert_eq(filch_scope_submit(&scope, NULL, run_until_cancelled, &nested->started, NULL), 0);
    nested->result = filch_scope_close(&scope);
    return nested->result;
}

Test(scope, a_cancel_flows_down_through_a_wait_in_close, .timeout = TEST_TIMEOUT)
{
    struct nested nested = {.pool = pool_of(2)};
    struct filch_future future = {{0}};
    cr_assert_eq(filch_submit(nested.pool, &future, closes_a_scope, &nested), 0);
    wait_until(atomic_load(&nested.started) == 1);
    cr_assert_eq(filch_cancel(&future), -EINPROGRESS);
    cr_assert_eq(filch_wait(&future), -ECANCELED);
    cr_assert_eq(nested.result, -ECANCELED);
    pool_end(nested.pool);
}

/* A task that submits further ones to its own scope, while that is being closed. */
struct tree {
    struct filch_scope scope;
    atomic_int runs;
    atomic_int depth;
};

static int grows(void *data)
{
    struct tree *tree = data;
    if (atomic_fetch_add(&tree->runs, 1) < 500)
        for (int i = 0; i < 2; i++)
            cr_assert_eq(filch_scope_submit(&tree->scope, NULL, grows, tree, NULL), 0);
    return 0;
}

static int closes_its_own(void *data)
{
    return filch_scope_close(data);
}

Test(scope, its_tasks_may_add_to_it_while_it_closes, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    struct tree tree = {.runs = 0};
    struct filch_future own = {{0}};
    cr_assert_eq(filch_scope_open(&tree.scope, pool, NULL), 0);
    cr_assert_eq(filch_scope_submit(&tree.scope, NULL, grows, &tree, NULL), 0);
    cr_assert_eq(filch_scope_submit(&tree.scope, &own, closes_its_own, &tree.scope, NULL), 0);
    cr_assert_eq(filch_scope_close(&tree.scope), -EDEADLK, "what the task returned, which closed its own scope");
    cr_assert_geq(atomic_load(&tree.runs), 501);
    cr_assert_eq(filch_scope_submit(&tree.scope, NULL, grows, &tree, NULL), -ESHUTDOWN);
    cr_assert_eq(filch_scope_close(&tree.scope), -EINVAL);
    filch_scope_cancel(&tree.scope); /* nothing is there */
    pool_end(pool);
}

static struct filch_scope interrupted;

static void on_signal(int number)
{
    (void)number;
    filch_scope_cancel(&interrupted);
}

Test(scope, a_signal_handler_may_cancel_it, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    struct filch_future queued[8] = {{{0}}};
    atomic_int started = 0;
    struct sigaction action = {.sa_handler = on_signal}, before;
    sigemptyset(&action.sa_mask);
    cr_assert_eq(sigaction(SIGUSR2, &action, &before), 0);
    cr_assert_eq(filch_scope_open(&interrupted, pool, NULL), 0);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(filch_scope_submit(&interrupted, NULL, run_until_cancelled, &started, NULL), 0);
    wait_until(atomic_load(&started) == 2);
    for (int i = 0; i < 8; i++)
        cr_assert_eq(filch_scope_submit(&interrupted, &queued[i], count_up, &started, NULL), 0);
    cr_assert_eq(raise(SIGUSR2), 0);
    cr_assert_eq(filch_scope_submit(&interrupted, NULL, succeeds, NULL, NULL), -ECANCELED);
    cr_assert_eq(filch_scope_close(&interrupted), -ECANCELED);
    for (int i = 0; i < 8; i++)
        cr_assert_eq(filch_status(&queued[i]), -ECANCELED);
    cr_assert_eq(raise(SIGUSR2), 0);
    cr_assert_eq(sigaction(SIGUSR2, &before, NULL), 0);
    pool_end(pool);
}

Test(scope, misuse_is_refused, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1), *other = pool_of(1);
    struct filch_scope scope, second, none = {{0}};
    struct filch_future future = {{0}};
    const struct filch_scope_config wrong[] = {
        {.policy = (enum filch_policy)4}, {.policy = FILCH_SCOPE_COUNT}, {.need = 1}, {.reserved = {1}}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        cr_assert_eq(filch_scope_open(&scope, pool, &wrong[i]), -EINVAL);
    cr_assert_eq(filch_scope_open(NULL, pool, NULL), -EINVAL);
    cr_assert_eq(filch_scope_close(NULL), -EINVAL);
    cr_assert_eq(filch_scope_close(&none), -EINVAL);
    cr_assert_eq(filch_scope_submit(NULL, &future, succeeds, NULL, NULL), -EINVAL);
    cr_assert_eq(filch_scope_submit(&none, &future, succeeds, NULL, NULL), -ESHUTDOWN);
    cr_assert_eq(filch_wait(&future), -ESHUTDOWN);
    filch_scope_cancel(NULL);
    filch_scope_cancel(&none);
    cr_assert_eq(filch_scope_open(&scope, pool, NULL), 0);
    cr_assert_eq(filch_scope_open(&second, pool, NULL), 0);
    cr_assert_eq(filch_scope_submit(&scope, &future, succeeds, NULL,
                                    &(struct filch_task_options){.scope = &second}),
                 -EINVAL);
    cr_assert_eq(filch_wait(&future), -EINVAL);
    cr_assert_eq(filch_scope_submit(&scope, NULL, NULL, NULL, NULL), -EINVAL);
    cr_assert_eq(filch_submit_with(other, &future, succeeds, NULL, &(struct filch_task_options){.scope = &scope}),
                 -EINVAL);
    cr_assert_eq(filch_submit_with(NULL, &future, succeeds, NULL, &(struct filch_task_options){.scope = &scope}), 0);
    cr_assert_eq(filch_scope_close(&second), 0);
    cr_assert_eq(filch_scope_close(&scope), 0);
    pool_end(other);
    pool_end(pool);
    cr_assert_eq(filch_scope_open(&scope, NULL, NULL), 0);
    cr_assert_eq(filch_scope_close(&scope), 0);
}

Test(scope, it_may_be_closed_after_its_pool, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2), *other = pool_of(1);
    struct filch_scope scope, inside;
    struct filch_scope_config config = {.parent = &scope};
    atomic_int started = 0;
    cr_assert_eq(filch_scope_open(&scope, pool, NULL), 0);
    cr_assert_eq(filch_scope_open(&inside, other, &config), 0);
    cr_assert_eq(filch_scope_submit(&inside, NULL, run_until_cancelled, &started, NULL), 0);
    cr_assert_eq(filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE), 0);
    cr_assert_eq(filch_scope_submit(&scope, NULL, succeeds, NULL, NULL), -ESHUTDOWN);
    filch_scope_cancel(&scope); /* flows down all the same */
    cr_assert_eq(filch_scope_close(&inside), -ECANCELED);
    cr_assert_eq(filch_scope_close(&scope), -ECANCELED);
    cr_assert_eq(filch_scope_open(&scope, pool, NULL), -ESHUTDOWN);
    watchdog_pool(NULL);
    filch_pool_free(pool);
    pool_end(other);
}

/* Cancels what the main thread opens and closes all the time. */
struct race {
    struct filch_scope scope;
    atomic_int stop;
};

static void *cancel_always(void *data)
{
    struct race *race = data;
    while (!atomic_load(&race->stop))
        filch_scope_cancel(&race->scope);
    return NULL;
}

Test(scope, a_cancel_may_come_at_any_time, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    static struct race race;
    memset(&race, 0, sizeof race);
    pthread_t thread = thread_start(cancel_always, &race);
    int cancelled = 0;
    for (int i = 0; i < TEST_SHARE(20000); i++) {
        cr_assert_eq(filch_scope_open(&race.scope, pool, NULL), 0);
        int r = filch_scope_submit(&race.scope, NULL, succeeds, NULL, NULL);
        cr_assert(r == 0 || r == -ECANCELED);
        r = filch_scope_close(&race.scope);
        cr_assert(r == 0 || r == -ECANCELED);
        cancelled += r != 0;
    }
    atomic_store(&race.stop, 1);
    thread_join(thread);
    printf("figure: %d of the scopes were cancelled\n", cancelled);
    pool_end(pool);
}

static struct filch_scope cancelled_late;

static void *cancel_late(void *data)
{
    dawdle(*(int *)data % 64);
    filch_scope_cancel(&cancelled_late);
    return NULL;
}

/* A scope's memory stays, and so it may be cancelled by whoever does not know how far its owner is: not begun, or done
 * with it, its pool and all. */
Test(scope, a_cancel_may_come_when_the_pool_goes, .timeout = TEST_TIMEOUT)
{
    for (int round = 0; round < TEST_SHARE(3000); round++) {
        struct filch_pool *pool = pool_of(1);
        pthread_t thread = thread_start(cancel_late, &round);
        cr_assert_eq(filch_scope_open(&cancelled_late, pool, NULL), 0);
        (void)filch_scope_submit(&cancelled_late, NULL, succeeds, NULL, NULL);
        int status = filch_scope_close(&cancelled_late);
        cr_assert(status == 0 || status == -ECANCELED);
        pool_end(pool);
        thread_join(thread);
    }
}
