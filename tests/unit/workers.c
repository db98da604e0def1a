/* SPDX-License-Identifier: MIT */
/* workers.c - the pool's threads: what runs as they start and end, what each has of its own, when they retire. */
#include "support/tasks.h"
#include "support/test.h"

enum { workers_most = 64 };

/* What worker_init makes: who made it. */
struct local {
    unsigned worker;
    long thread;
};

/* The ctx of the pools here. */
struct crew {
    atomic_int inits, finis, living, wrong;
    atomic_int in_use[workers_most]; /* numbers of living workers */
    atomic_int fail_from;            /* the worker_init that fails first, from 1; 0: none */
};

static int crew_init(void *ctx, unsigned worker, void **ret_local)
{
    struct crew *crew = ctx;
    int nth = atomic_fetch_add(&crew->inits, 1) + 1, fail_from = atomic_load(&crew->fail_from);
    if (fail_from != 0 && nth >= fail_from) {
        atomic_fetch_sub(&crew->inits, 1);
        return -EPERM;
    }
    if (worker >= workers_most || atomic_exchange(&crew->in_use[worker], 1) != 0)
        atomic_fetch_add(&crew->wrong, 1);
    struct local *local = malloc(sizeof *local);
    must(local != NULL);
    *local = (struct local){worker, thread_id()};
    *ret_local = local;
    atomic_fetch_add(&crew->living, 1);
    return 0;
}

static void crew_fini(void *ctx, unsigned worker, void *data)
{
    struct crew *crew = ctx;
    struct local *local = data;
    if (local->worker != worker || local->thread != thread_id() || atomic_exchange(&crew->in_use[worker], 0) != 1)
        atomic_fetch_add(&crew->wrong, 1);
    free(local);
    atomic_fetch_add(&crew->finis, 1);
    atomic_fetch_sub(&crew->living, 1);
}

static struct filch_pool_config crew_config(struct crew *crew, unsigned minimum, unsigned maximum)
{
    return (struct filch_pool_config){.min_workers = minimum,
                                      .max_concurrency = maximum,
                                      .worker_init = crew_init,
                                      .worker_fini = crew_fini,
                                      .ctx = crew};
}

static void crew_check(const struct crew *crew)
{
    cr_assert_eq(atomic_load(&crew->inits), atomic_load(&crew->finis));
    cr_assert_eq(atomic_load(&crew->living), 0);
    cr_assert_eq(atomic_load(&crew->wrong), 0);
}

Test(workers, init_and_fini_run_once_each_on_the_worker, .timeout = TEST_TIMEOUT)
{
    struct crew crew = {0};
    struct filch_pool_config config = crew_config(&crew, 3, 5);
    struct filch_pool *pool = pool_open(&config);
    cr_assert_eq(atomic_load(&crew.living), 3);
    meet_all(pool, 5);
    cr_assert_eq(atomic_load(&crew.living), 5);
    for (unsigned i = 0; i < 5; i++)
        cr_assert_eq(atomic_load(&crew.in_use[i]), 1, "numbers are dense");
    pool_end(pool);
    crew_check(&crew);
    cr_assert_eq(atomic_load(&crew.inits), 5);
}

static int check_local(void *data)
{
    struct filch_future *promise = data;
    struct local *local = filch_worker_local();
    must(local && local->thread == thread_id());
    if (promise) {
        must(filch_wait(promise) == 0);
        local = filch_worker_local();
        must(local && local->thread == thread_id());
    }
    return 0;
}

Test(workers, local_is_the_one_of_the_running_worker_also_after_a_wait, .timeout = TEST_TIMEOUT)
{
    enum { count = 400 };
    static struct filch_future futures[count], promises[count];
    struct crew crew = {0};
    struct filch_pool_config config = crew_config(&crew, 2, 4);
    struct filch_pool *pool = pool_open(&config);
    memset(futures, 0, sizeof futures);
    memset(promises, 0, sizeof promises);
    cr_assert_null(filch_worker_local(), "no worker");
    for (int i = 0; i < count; i++) {
        filch_promise_init(&promises[i]);
        cr_assert_eq(filch_submit(pool, &futures[i], check_local, i % 4 ? &promises[i] : NULL), 0);
    }
    for (int i = count - 1; i >= 0; i--)
        cr_assert_eq(filch_complete(&promises[i], 0), 0);
    for (int i = 0; i < count; i++)
        cr_assert_eq(filch_wait(&futures[i]), 0);
    pool_end(pool);
    crew_check(&crew);
}

static int local_is_null(void *data)
{
    (void)data;
    return filch_worker_local() == NULL;
}

Test(workers, local_is_null_without_an_init, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct filch_future future = {0};
    cr_assert_eq(filch_submit(pool, &future, local_is_null, NULL), 0);
    cr_assert_eq(filch_wait(&future), 1);
    pool_end(pool);
}

Test(workers, an_init_that_fails_at_open_fails_the_open, .timeout = TEST_TIMEOUT)
{
    for (int fail_from = 1; fail_from <= 4; fail_from++) {
        struct crew crew = {0};
        atomic_store(&crew.fail_from, fail_from);
        struct filch_pool_config config = crew_config(&crew, 4, 4);
        struct filch_pool *untouched = (struct filch_pool *)&crew, *pool = untouched;
        cr_assert_eq(filch_pool_open(&pool, &config), -EPERM);
        cr_assert_eq(pool, untouched);
        crew_check(&crew); /* those that did start have ended, and their fini has run, on return */
    }
}

Test(workers, an_init_that_fails_later_costs_that_worker_only, .timeout = TEST_TIMEOUT)
{
    struct crew crew = {0};
    atomic_store(&crew.fail_from, 2);
    struct filch_pool_config config = crew_config(&crew, 1, 4);
    struct filch_pool *pool = pool_open(&config);
    atomic_int runs = 0;
    static struct filch_future futures[200];
    memset(futures, 0, sizeof futures);
    struct held held;
    held_begin(&held, pool); /* the first worker is busy, so that others are wanted */
    for (int i = 0; i < 200; i++)
        cr_assert_eq(filch_submit(pool, &futures[i], count_up, &runs), 0);
    wait_until(stats_of(pool).failed_starts >= 1);
    held_end(&held);
    for (int i = 0; i < 200; i++)
        cr_assert_eq(filch_wait(&futures[i]), 0);
    cr_assert_eq(atomic_load(&runs), 200);
    cr_assert_eq(atomic_load(&crew.living), 1);
    atomic_store(&crew.fail_from, 0); /* and when it can succeed again, the pool grows again */
    meet_all(pool, 4);
    pool_end(pool);
    crew_check(&crew);
}

Test(workers, above_the_minimum_they_retire, .timeout = TEST_TIMEOUT)
{
    struct crew crew = {0};
    struct filch_pool_config config = crew_config(&crew, 2, 6);
    config.idle_timeout_ns = FILCH_MS(1);
    struct filch_pool *pool = pool_open(&config);
    for (int round = 0; round < 5; round++) {
        meet_all(pool, 6);
        wait_until(stats_of(pool).workers == 2);
        wait_until(atomic_load(&crew.living) == 2);
    }
    pool_end(pool);
    crew_check(&crew);
    cr_assert_geq(atomic_load(&crew.inits), 6);
}

Test(workers, none_is_left_where_none_is_wanted, .timeout = TEST_TIMEOUT)
{
    struct crew crew = {0};
    struct filch_pool_config config = crew_config(&crew, 0, 3);
    config.idle_timeout_ns = FILCH_MS(1);
    config.flags = FILCH_POOL_NO_IDLE_WORKERS;
    struct filch_pool *pool = pool_open(&config);
    for (int round = 0; round < 20; round++) {
        meet_all(pool, 1 + (unsigned)round % 3);
        wait_until(stats_of(pool).workers == 0);
    }
    wait_until(filch_pool_available(pool) == 3);
    pool_end(pool);
    crew_check(&crew);
}

/* A worker that goes while work comes: whoever submits must find either it or a way to start another. */
static void race_with_retiring(unsigned limit)
{
    struct filch_pool_config config = {
        .max_concurrency = limit, .idle_timeout_ns = 1, .flags = FILCH_POOL_NO_IDLE_WORKERS};
    struct filch_pool *pool = pool_open(&config);
    for (int i = 0; i < TEST_SHARE(2000); i++) {
        struct filch_future futures[2] = {{{0}}};
        atomic_int runs = 0;
        for (int k = 0; k < 2; k++)
            cr_assert_eq(filch_submit(pool, &futures[k], count_up, &runs), 0);
        for (int k = 0; k < 2; k++)
            cr_assert_eq(filch_wait(&futures[k]), 0);
        cr_assert_eq(atomic_load(&runs), 2);
        dawdle(i * 7 % 3000);
    }
    pool_end(pool);
}

Test(workers, retiring_races_with_submitting_and_loses_nothing, .timeout = TEST_TIMEOUT)
{
    race_with_retiring(1);
    race_with_retiring(2);
}

/* A task that waits holds no worker, so its worker may retire; the strand must come back on a worker all the same. One
 * stays meanwhile: whether a thread can be started may not decide whether the task goes on. */
Test(workers, a_waiting_task_survives_its_worker, .timeout = TEST_TIMEOUT)
{
    struct filch_pool_config config = {
        .max_concurrency = 2, .idle_timeout_ns = FILCH_MS(1), .flags = FILCH_POOL_NO_IDLE_WORKERS};
    struct filch_pool *pool = pool_open(&config);
    for (int round = 0; round < 20; round++) {
        struct filch_future future = {0}, promise = {0};
        filch_promise_init(&promise);
        cr_assert_eq(filch_submit(pool, &future, wait_for, &promise), 0);
        wait_until(stats_of(pool).suspended == 1);
        meet_all(pool, 2);
        wait_until(stats_of(pool).workers == 1);
        cr_assert_eq(filch_complete(&promise, round), 0);
        cr_assert_eq(filch_wait(&future), round);
        wait_until(stats_of(pool).workers == 0);
    }
    pool_end(pool);
}

Test(workers, lowering_the_minimum_lets_them_go, .timeout = TEST_TIMEOUT)
{
    struct filch_pool_config config = {.min_workers = 5, .max_concurrency = 5, .idle_timeout_ns = FILCH_MS(1)};
    struct filch_pool *pool = pool_open(&config);
    cr_assert_eq(stats_of(pool).workers, 5);
    cr_assert_eq(filch_pool_resize(pool, 2, 0), 0);
    wait_until(stats_of(pool).workers == 2);
    meet_all(pool, 5);
    pool_end(pool);
}
