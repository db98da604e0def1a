/* SPDX-License-Identifier: MIT */
/* local.c - worker-local instances: each task finds its worker's own, nobody shares one, nothing that was put there is
 * lost.
 */
#include "support/ledger.h"
#include "support/tasks.h"
#include "support/test.h"

struct tally {
    atomic_int users; /* bodies between a get and their next wait: never two */
    uint64_t sum;
    uint64_t calls;
};

/* The ctx of the keys here. */
struct keeper {
    atomic_int inits, finis;
    atomic_int fail; /* so many calls of init fail from now on */
    uint64_t sum, calls, instances;
};

static int tally_init(void *ctx, void *instance)
{
    struct keeper *keeper = ctx;
    struct tally *tally = instance;
    must(tally->sum == 0 && tally->calls == 0 && (uintptr_t)instance % 128 == 0);
    if (atomic_load(&keeper->fail) > 0 && atomic_fetch_sub(&keeper->fail, 1) > 0)
        return -EPERM;
    atomic_fetch_add(&keeper->inits, 1);
    return 1;
}

static void tally_fini(void *ctx, void *instance)
{
    struct keeper *keeper = ctx;
    must(instance != NULL);
    atomic_fetch_add(&keeper->finis, 1);
}

static int tally_collect(void *ctx, void *instance)
{
    struct keeper *keeper = ctx;
    const struct tally *tally = instance;
    keeper->sum += tally->sum;
    keeper->calls += tally->calls;
    keeper->instances++;
    return 0;
}

static struct filch_local *local_open(struct filch_pool *pool, struct keeper *keeper)
{
    struct filch_local *local = NULL;
    const struct filch_local_config config = {
        .size = sizeof(struct tally), .init = tally_init, .fini = tally_fini, .ctx = keeper};
    must(filch_local_open(&local, pool, &config) == 0 && local != NULL);
    return local;
}

/* Sums up what is in the instances, and closes the key. */
static void local_end(struct filch_local *local, struct keeper *keeper)
{
    keeper->sum = keeper->calls = keeper->instances = 0;
    must(filch_local_each(local, tally_collect, keeper) == 0);
    filch_local_close(local);
    must(atomic_load(&keeper->inits) == (int)keeper->instances);
    must(atomic_load(&keeper->finis) == atomic_load(&keeper->inits));
}

static void put(struct filch_local *local, uint64_t value)
{
    void *instance = NULL;
    must(filch_local_get(local, &instance) == 0 && instance != NULL);
    struct tally *tally = instance;
    must(atomic_fetch_add(&tally->users, 1) == 0);
    tally->sum += value;
    tally->calls++;
    dawdle((int)(value % 16));
    void *again = NULL;
    must(filch_local_get(local, &again) == 0 && again == instance);
    atomic_fetch_sub(&tally->users, 1);
}

/* One task: puts, waits if it has something to wait for, and puts again. */
struct item {
    struct filch_future future, promise;
    struct filch_local *local, *other;
    uint64_t value;
    bool waits;
};

static int run_item(void *data)
{
    struct item *item = data;
    put(item->local, item->value);
    if (item->waits)
        must(filch_wait(&item->promise) == 0);
    put(item->other ? item->other : item->local, item->value);
    return 0;
}

enum { item_count = TEST_SHARE(2000) };
static const uint64_t item_sum = (uint64_t)item_count * (item_count - 1) / 2;

static struct item *items_submit(struct filch_pool *pool, struct filch_local *local, struct filch_local *other,
                                 bool wait)
{
    struct item *items = calloc(item_count, sizeof *items);
    must(items != NULL);
    for (int i = 0; i < item_count; i++) {
        items[i].local = local;
        items[i].other = other;
        items[i].value = (uint64_t)i;
        items[i].waits = wait && i % 3 == 0;
        filch_promise_init(&items[i].promise);
        must(filch_submit(pool, &items[i].future, run_item, &items[i]) == 0);
    }
    return items;
}

static void items_end(struct item *items)
{
    for (int i = item_count - 1; i >= 0; i--)
        must(filch_complete(&items[i].promise, 0) == 0);
    for (int i = 0; i < item_count; i++)
        must(filch_wait(&items[i].future) == 0);
    free(items);
}

Test(local, instances_add_up_to_the_total, .timeout = TEST_TIMEOUT)
{
    struct keeper keeper = {0};
    struct filch_pool *pool = pool_of(4);
    struct filch_local *local = local_open(pool, &keeper);
    meet_all(pool, 4);
    items_end(items_submit(pool, local, NULL, false));
    local_end(local, &keeper);
    cr_assert_eq(keeper.sum, 2 * item_sum);
    cr_assert_eq(keeper.calls, 2 * item_count);
    cr_assert(keeper.instances >= 1 && keeper.instances <= 4);
    pool_end(pool);
}

Test(local, after_a_wait_the_instance_is_the_new_workers, .timeout = TEST_TIMEOUT)
{
    struct keeper keeper = {0};
    struct filch_pool *pool = pool_of(3);
    struct filch_local *local = local_open(pool, &keeper);
    items_end(items_submit(pool, local, NULL, true));
    local_end(local, &keeper);
    cr_assert_eq(keeper.sum, 2 * item_sum);
    cr_assert(keeper.instances <= 3);
    pool_end(pool);
}

Test(local, two_keys_of_a_pool_have_nothing_in_common, .timeout = TEST_TIMEOUT)
{
    struct keeper keeper[2] = {{0}, {0}};
    struct filch_pool *pool = pool_of(3);
    struct filch_local *one = local_open(pool, &keeper[0]), *two = local_open(pool, &keeper[1]);
    items_end(items_submit(pool, one, two, true));
    local_end(two, &keeper[1]);
    local_end(one, &keeper[0]);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(keeper[i].sum, item_sum);
        cr_assert_eq(keeper[i].calls, item_count);
    }
    pool_end(pool);
}

static int get_in_wrong_pool(void *data)
{
    void *instance = data;
    must(filch_local_get(data, &instance) == -EINVAL && instance == data);
    return 0;
}

Test(local, each_pool_has_its_own_and_refuses_the_others, .timeout = TEST_TIMEOUT)
{
    struct keeper keeper[2] = {{0}, {0}};
    struct filch_pool *pools[2] = {pool_of(2), pool_of(2)};
    struct filch_local *local[2] = {local_open(pools[0], &keeper[0]), local_open(pools[1], &keeper[1])};
    struct item *one = items_submit(pools[0], local[0], NULL, true);
    struct item *two = items_submit(pools[1], local[1], NULL, true);
    struct filch_future wrong = {{0}};
    cr_assert_eq(filch_submit(pools[0], &wrong, get_in_wrong_pool, local[1]), 0);
    cr_assert_eq(filch_wait(&wrong), 0);
    items_end(two);
    items_end(one);
    for (int i = 0; i < 2; i++) {
        local_end(local[i], &keeper[i]);
        cr_assert_eq(keeper[i].sum, 2 * item_sum);
        pool_end(pools[i]);
    }
}

enum { numbers_most = 64 };

static int note_number(void *ctx, unsigned worker, void **ret_local)
{
    atomic_int *numbers = ctx;
    (void)ret_local;
    must(worker < numbers_most);
    atomic_store(&numbers[worker], 1);
    return 0;
}

Test(local, workers_that_come_and_go_take_over_what_is_there, .timeout = TEST_TIMEOUT)
{
    enum { rounds = TEST_SHARE(60), together = 3 };
    struct keeper keeper = {0};
    atomic_int numbers[numbers_most] = {0}; /* that workers had */
    const struct filch_pool_config config = {.max_concurrency = together,
                                             .idle_timeout_ns = 1,
                                             .flags = FILCH_POOL_NO_IDLE_WORKERS,
                                             .worker_init = note_number,
                                             .ctx = numbers};
    struct filch_pool *pool = pool_open(&config);
    struct filch_local *local = local_open(pool, &keeper);
    for (int round = 0; round < rounds; round++) {
        struct item items[together] = {{.value = 1}, {.value = 2}, {.value = 3}};
        meet_all(pool, together);
        for (int i = 0; i < together; i++) {
            items[i].local = local;
            cr_assert_eq(filch_submit(pool, &items[i].future, run_item, &items[i]), 0);
        }
        for (int i = 0; i < together; i++)
            cr_assert_eq(filch_wait(&items[i].future), 0);
        wait_until(stats_of(pool).workers == 0);
    }
    local_end(local, &keeper);
    cr_assert_eq(keeper.sum, (uint64_t)rounds * 12);
    unsigned had = 0;
    for (int i = 0; i < numbers_most; i++)
        had += (unsigned)atomic_load(&numbers[i]);
    cr_assert_leq(keeper.instances, had, "one per number");
    cr_assert_lt(had, rounds * together);
    pool_end(pool);
}

/* ---- typed tasks, loops, other threads ---- */

FILCH_VOID_TASK(put_tree, (struct filch_local *, local), (int, depth))
{
    put(local, 1);
    if (!depth)
        return;
    FILCH_SPAWN(put_tree, local, depth - 1);
    FILCH_CALL(put_tree, local, depth - 1);
    FILCH_SYNC(put_tree);
}

static int put_range(void *ctx, size_t begin, size_t end, unsigned slot)
{
    (void)slot;
    for (size_t i = begin; i < end; i++)
        put(ctx, i);
    return 0;
}

Test(local, typed_tasks_and_bodies_of_loops_find_theirs, .timeout = TEST_TIMEOUT)
{
    enum { depth = 9, range = TEST_SHARE(3000) };
    struct keeper keeper = {0};
    struct filch_pool *pool = pool_of(4);
    struct filch_local *local = local_open(pool, &keeper);
    FILCH_RUN(pool, put_tree, local, depth);
    cr_assert_eq(filch_for(pool, 0, range, &(struct filch_for_options){.grain = 1}, put_range, local), 0);
    local_end(local, &keeper);
    cr_assert_eq(keeper.sum, (2u << depth) - 1 + (uint64_t)range * (range - 1) / 2);
    pool_end(pool);
}

Test(local, a_task_on_a_thread_of_its_own_has_one, .timeout = TEST_TIMEOUT)
{
    struct keeper keeper = {0};
    struct filch_pool *pool = pool_of(2);
    struct filch_local *local = local_open(pool, &keeper);
    struct item item = {.local = local, .value = 5, .waits = true};
    filch_promise_init(&item.promise);
    const struct filch_task_options options = {.flags = FILCH_TASK_OWN_THREAD};
    cr_assert_eq(filch_submit_with(pool, &item.future, run_item, &item, &options), 0);
    cr_assert_eq(filch_complete(&item.promise, 0), 0);
    cr_assert_eq(filch_wait(&item.future), 0);
    local_end(local, &keeper);
    cr_assert_eq(keeper.sum, 10);
    pool_end(pool);
}

/* Outside threads that submit to a full queue run tasks themselves. */
struct submitter {
    struct filch_pool *pool;
    struct filch_local *local;
    pthread_t thread;
    uint64_t count; /* submitted */
};

static atomic_int run_outside;

static int put_one(void *data)
{
    atomic_fetch_add(&run_outside, filch_worker_local() == NULL);
    put(data, 1);
    return 0;
}

static void *submit_until_one_ran_outside(void *data)
{
    struct submitter *submitter = data;
    while (submitter->count < 100 || atomic_load(&run_outside) == 0) {
        struct filch_future future[4] = {{{0}}};
        for (int i = 0; i < 4; i++)
            must(filch_submit(submitter->pool, &future[i], put_one, submitter->local) == 0);
        for (int i = 0; i < 4; i++)
            must(filch_wait(&future[i]) == 0);
        submitter->count += 4;
    }
    return NULL;
}

static int keep_something(void *ctx, unsigned worker, void **ret_local)
{
    (void)worker;
    *ret_local = ctx; /* anything but NULL */
    return 0;
}

Test(local, callers_that_run_tasks_have_one_that_is_kept, .timeout = TEST_TIMEOUT)
{
    enum { threads = 3, rounds = 3 };
    struct keeper keeper = {0};
    const struct filch_pool_config config = {.max_concurrency = 2,
                                             .queue_limit = 1,
                                             .when_full = FILCH_FULL_RUN,
                                             .worker_init = keep_something,
                                             .ctx = &keeper};
    struct filch_pool *pool = pool_open(&config);
    struct filch_local *local = local_open(pool, &keeper);
    uint64_t sum = 0;
    for (int round = 0; round < rounds; round++) {
        struct submitter submitters[threads];
        atomic_store(&run_outside, 0);
        for (int i = 0; i < threads; i++) {
            submitters[i] = (struct submitter){.pool = pool, .local = local};
            submitters[i].thread = thread_start(submit_until_one_ran_outside, &submitters[i]);
        }
        for (int i = 0; i < threads; i++) {
            thread_join(submitters[i].thread);
            sum += submitters[i].count;
        }
    }
    local_end(local, &keeper);
    cr_assert_eq(keeper.sum, sum);
    cr_assert_leq(keeper.instances, 2 + threads, "those of the first round's threads serve the next");
    pool_end(pool);
}

/* ---- errors ---- */

struct outcome {
    struct filch_local *local;
    int got;
    void *instance;
};

static int get_one(void *data)
{
    struct outcome *outcome = data;
    outcome->got = filch_local_get(outcome->local, &outcome->instance);
    return 0;
}

static void get_in(struct filch_pool *pool, struct outcome *outcome)
{
    struct filch_future future = {{0}};
    must(filch_submit(pool, &future, get_one, outcome) == 0);
    must(filch_wait(&future) == 0);
}

Test(local, an_init_that_fails_is_told_and_tried_again, .timeout = TEST_TIMEOUT)
{
    struct keeper keeper = {0};
    struct filch_pool *pool = pool_of(1);
    struct filch_local *local = local_open(pool, &keeper);
    struct outcome outcome = {.local = local, .instance = &keeper};
    atomic_store(&keeper.fail, 2);
    for (int i = 0; i < 2; i++) {
        get_in(pool, &outcome);
        cr_assert_eq(outcome.got, -EPERM);
        cr_assert_eq(outcome.instance, &keeper, "untouched");
    }
    get_in(pool, &outcome);
    cr_assert_eq(outcome.got, 0);
    cr_assert_neq(outcome.instance, &keeper);
    local_end(local, &keeper);
    cr_assert_eq(keeper.instances, 1, "those that failed have no fini");
    pool_end(pool);
}

static int init_that_waits(void *ctx, void *instance)
{
    (void)instance;
    return filch_wait(ctx);
}

/* It should not: but then nothing is lost and nothing is shared. */
Test(local, an_init_that_waits_gives_each_worker_one, .timeout = TEST_TIMEOUT)
{
    enum { count = 20 };
    struct filch_future promise = {{0}}, futures[count] = {{{0}}};
    struct outcome outcomes[count];
    struct filch_pool *pool = pool_of(2);
    struct filch_local *local;
    const struct filch_local_config config = {.size = 1, .init = init_that_waits, .ctx = &promise};
    filch_promise_init(&promise);
    cr_assert_eq(filch_local_open(&local, pool, &config), 0);
    for (int i = 0; i < count; i++) {
        outcomes[i] = (struct outcome){.local = local};
        cr_assert_eq(filch_submit(pool, &futures[i], get_one, &outcomes[i]), 0);
    }
    wait_until(stats_of(pool).suspended == count);
    cr_assert_eq(filch_complete(&promise, 0), 0);
    void *seen[2] = {NULL, NULL};
    for (int i = 0; i < count; i++) {
        cr_assert_eq(filch_wait(&futures[i]), 0);
        cr_assert(outcomes[i].got == 0 && outcomes[i].instance);
        void **place = !seen[0] || seen[0] == outcomes[i].instance ? &seen[0] : &seen[1];
        cr_assert(!*place || *place == outcomes[i].instance, "more instances than workers");
        *place = outcomes[i].instance;
    }
    filch_local_close(local);
    pool_end(pool);
}

Test(local, whichever_allocation_fails_it_is_told, .timeout = TEST_TIMEOUT)
{
    struct ledger ledger = {.blocks = 0};
    struct filch_allocator allocator = ledger_allocator(&ledger);
    struct filch_pool *pool = pool_open(&(struct filch_pool_config){.max_concurrency = 1, .allocator = &allocator});
    struct keeper keeper = {0};
    const struct filch_local_config config = {.size = 24, .init = tally_init, .fini = tally_fini, .ctx = &keeper};
    struct outcome outcome = {.local = NULL};
    get_in(pool, &outcome); /* what running a task takes is there */
    cr_assert_eq(outcome.got, -EINVAL);
    for (long nth = 1; nth <= 3; nth++) { /* the key, a block of slots, the instance */
        int opened, failed = 0;
        ledger_fail(&ledger, nth, false);
        while ((opened = filch_local_open(&outcome.local, pool, &config)) == -ENOMEM)
            failed++;
        cr_assert_eq(opened, 0);
        for (get_in(pool, &outcome); outcome.got == -ENOMEM; get_in(pool, &outcome))
            failed++;
        cr_assert_eq(outcome.got, 0);
        cr_assert_eq(failed, 1, "allocation %ld", nth);
        ledger_fail(&ledger, 0, false);
        filch_local_close(outcome.local);
    }
    cr_assert_eq(atomic_load(&keeper.inits), atomic_load(&keeper.finis));
    cr_assert_eq(filch_local_open(&outcome.local, pool, &config), 0);
    get_in(pool, &outcome);
    pool_end(pool);
    filch_local_close(outcome.local); /* its pool is gone */
    ledger_check(&ledger);
}

static int stop_at_two(void *ctx, void *instance)
{
    (void)instance;
    return ++*(int *)ctx == 2 ? 17 : 0;
}

Test(local, each_ends_with_what_its_function_returns, .timeout = TEST_TIMEOUT)
{
    struct keeper keeper = {0};
    struct filch_pool *pool = pool_of(1);
    struct filch_local *local = local_open(pool, &keeper);
    int calls = 0;
    cr_assert_eq(filch_local_each(local, stop_at_two, &calls), 0);
    cr_assert_eq(calls, 0, "there is none yet");
    struct outcome outcome = {.local = local};
    get_in(pool, &outcome);
    cr_assert_eq(filch_local_each(local, stop_at_two, &calls), 0);
    cr_assert_eq(calls, 1);
    cr_assert_eq(filch_local_each(local, stop_at_two, &calls), 17);
    local_end(local, &keeper);
    pool_end(pool);
}

Test(local, misuse_is_refused, .timeout = TEST_TIMEOUT)
{
    struct keeper keeper = {0};
    struct filch_pool *pool = pool_of(1);
    struct filch_local *local = NULL;
    void *instance = NULL;
    struct filch_local_config config = {.size = 8};
    cr_assert_eq(filch_local_open(NULL, pool, &config), -EINVAL);
    cr_assert_eq(filch_local_open(&local, pool, NULL), -EINVAL);
    cr_assert_eq(filch_local_open(&local, pool, &(struct filch_local_config){.size = 0}), -EINVAL);
    config.reserved[3] = 1;
    cr_assert_eq(filch_local_open(&local, pool, &config), -EINVAL);
    config = (struct filch_local_config){.size = SIZE_MAX};
    cr_assert_eq(filch_local_open(&local, pool, &config), -EINVAL);
    cr_assert_null(local, "untouched");
    local = local_open(pool, &keeper);
    cr_assert_eq(filch_local_get(NULL, &instance), -EINVAL);
    cr_assert_eq(filch_local_get(local, NULL), -EINVAL);
    cr_assert_eq(filch_local_get(local, &instance), -EINVAL, "not in a task");
    cr_assert_null(instance, "untouched");
    cr_assert_eq(filch_local_each(NULL, stop_at_two, NULL), -EINVAL);
    cr_assert_eq(filch_local_each(local, NULL, NULL), -EINVAL);
    local_end(local, &keeper);
    filch_local_close(NULL);
    pool_end(pool);
}
