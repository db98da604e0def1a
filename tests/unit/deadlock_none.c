/* SPDX-License-Identifier: MIT */
/* deadlock_none.c - what something else may end is not told of as a deadlock; nor is what changes while it is looked at. */
#include "support/circles.h"
#include "support/gates.h"
#include "support/test.h"

/* All of them wait, and were looked at. */
static void check_nothing(struct circle *circle, uint64_t waiting)
{
    atomic_store(&circle->go, 1);
    wait_until(stats_of(circle->pool).suspended == waiting && rests(circle));
    cr_assert_eq(atomic_load(&circle->found), 0);
    cr_assert_eq(stats_of(circle->pool).deadlocks, 0);
}

static int wait_for_promise(void *data)
{
    struct circle *circle = data;
    return filch_wait(&circle->promise);
}

Test(deadlock, a_promise_may_be_kept, .timeout = TEST_TIMEOUT)
{
    static struct circle circle;
    circle_of(&circle, wait_for_b, wait_for_promise);
    check_nothing(&circle, 2);
    cr_assert_eq(filch_complete(&circle.promise, 0), 0);
    circle_end(&circle, 2);
    cr_assert_eq(filch_status(future_of(&circle, 0)), 0);
}

static int wait_for_b_or_promise(void *data)
{
    struct circle *circle = data;
    struct filch_future *const futures[] = {future_of(circle, 1), &circle->promise};
    size_t first;
    return filch_wait_any(futures, 2, FILCH_NO_DEADLINE, &first);
}

Test(deadlock, one_of_several_may_be_kept, .timeout = TEST_TIMEOUT)
{
    static struct circle circle;
    circle_of(&circle, wait_for_b_or_promise, wait_for_a);
    check_nothing(&circle, 2);
    cr_assert_eq(filch_complete(&circle.promise, 0), 0);
    circle_end(&circle, 2);
}

static int wait_for_b_late(void *data)
{
    struct circle *circle = data;
    return filch_wait_until(future_of(circle, 1), filch_in_ns(FILCH_S(3600)));
}

Test(deadlock, a_deadline_may_come, .timeout = TEST_TIMEOUT)
{
    static struct circle circle;
    circle_of(&circle, wait_for_b_late, wait_for_a);
    check_nothing(&circle, 2);
    cr_assert_eq(filch_cancel(future_of(&circle, 0)), -EINPROGRESS);
    circle_end(&circle, 2);
}

Test(deadlock, a_time_out_may_come, .timeout = TEST_TIMEOUT)
{
    static struct circle circle;
    circle_begin(&circle);
    add_with(&circle, 0, wait_for_b, (struct filch_task_options){.timeout_ns = FILCH_S(3600)});
    add(&circle, 1, wait_for_a);
    check_nothing(&circle, 2);
    cr_assert_eq(filch_cancel(future_of(&circle, 0)), -EINPROGRESS);
    circle_end(&circle, 2);
}

static void check_scope(const struct filch_scope_config *config)
{
    static struct circle circle;
    circle_begin(&circle);
    cr_assert_eq(filch_scope_open(&circle.scope, circle.pool, config), 0);
    add_with(&circle, 0, wait_for_b, (struct filch_task_options){.scope = &circle.scope});
    add(&circle, 1, wait_for_a);
    check_nothing(&circle, 2);
    filch_scope_cancel(&circle.scope);
    cr_assert_eq(filch_scope_close(&circle.scope), -ECANCELED);
    circle_end(&circle, 2);
}

Test(deadlock, a_scope_may_stop_its_tasks, .timeout = TEST_TIMEOUT)
{
    check_scope(&(struct filch_scope_config){.timeout_ns = FILCH_S(3600)});
    check_scope(&(struct filch_scope_config){.policy = FILCH_SCOPE_FAIL_FAST});
}

Test(deadlock, a_task_of_another_pool_may_end, .timeout = TEST_TIMEOUT)
{
    static struct circle circle, other;
    circle_begin(&circle);
    circle_begin(&other);
    struct filch_pool *own = circle.pool;
    add(&circle, 0, wait_for_b);
    circle.pool = other.pool;
    add(&circle, 1, wait_for_promise);
    circle.pool = own;
    check_nothing(&circle, 1);
    cr_assert_eq(filch_complete(&circle.promise, 0), 0);
    (void)filch_wait(future_of(&circle, 1));
    watchdog_pool(NULL);
    pool_end(other.pool);
    circle_end(&circle, 1);
}

static int enter_gate(void *data)
{
    struct circle *circle = data;
    int r = filch_gate_enter(circle->gate, FILCH_NO_DEADLINE);
    if (!r)
        filch_gate_leave(circle->gate);
    return r;
}

Test(deadlock, a_gate_may_be_left, .timeout = TEST_TIMEOUT)
{
    static struct circle circle;
    circle_begin(&circle);
    circle.gate = gate_of(1);
    cr_assert_eq(filch_gate_enter(circle.gate, 0), 0);
    add(&circle, 0, wait_for_b);
    add(&circle, 1, enter_gate);
    check_nothing(&circle, 2);
    filch_gate_leave(circle.gate);
    circle_end(&circle, 2);
    cr_assert_eq(filch_gate_close(circle.gate), 0);
}

static int complete_when_seen(void *data)
{
    struct circle *circle = data;
    wait_until(atomic_load(&circle->seen));
    return 0;
}

static int blocking_call(void *data)
{
    return filch_blocking(complete_when_seen, data);
}

Test(deadlock, a_blocking_call_may_return, .timeout = TEST_TIMEOUT)
{
    static struct circle circle;
    circle_of(&circle, wait_for_b, blocking_call);
    check_nothing(&circle, 2);
    atomic_store(&circle.seen, 1);
    circle_end(&circle, 2);
}

Test(deadlock, a_held_task_may_begin, .timeout = TEST_TIMEOUT)
{
    static struct circle circle;
    circle_begin(&circle);
    add(&circle, 0, wait_for_c);
    add_after(&circle, 2, wait_for_promise, &circle.promise);
    check_nothing(&circle, 1);
    cr_assert_eq(filch_complete(&circle.promise, 0), 0);
    (void)filch_wait(future_of(&circle, 2));
    circle_end(&circle, 1);
}

/* ---- a search that is stopped, while everything changes ---- */

/* The searching thread stops at one of the allocations that it makes between its passes. */
static struct stop {
    atomic_long thread;
    atomic_int calls, at;
    sem_t stopped, go_on;
} stop;

static void *get(void *ctx, size_t size)
{
    (void)ctx;
    if (atomic_load(&stop.thread) == thread_id() && atomic_fetch_add(&stop.calls, 1) + 1 == atomic_load(&stop.at)) {
        sem_post(&stop.stopped);
        sem_take(&stop.go_on);
    }
    return malloc(size);
}

static void put(void *ctx, void *memory, size_t size)
{
    (void)ctx, (void)size;
    free(memory);
}

static const struct filch_allocator stopping = {.alloc = get, .free = put};

static void *search(void *data)
{
    struct circle *circle = data;
    struct filch_deadlock deadlock;
    atomic_store(&stop.thread, thread_id());
    enum filch__deadlock found = filch__deadlock_find(circle->pool, &deadlock);
    atomic_store(&stop.thread, 0);
    if (found == FILCH__DEADLOCK_FOUND)
        filch__deadlock_free(circle->pool, &deadlock);
    atomic_store(&circle->found, found);
    sem_post(&stop.stopped);
    return NULL;
}

/* When it is cancelled, it waits on, on the same strand: for a task of another pool, which does not listen. */
static int wait_for_b_then_for_c(void *data)
{
    int status = wait_for_b(data);
    (void)filch_wait(future_of(data, 2));
    return status;
}

static int be_awaited(void *data)
{
    struct circle *circle = data;
    sem_take(&circle->over);
    return 0;
}

static void begin_waits(struct circle *circle, filch_fn *a, filch_fn *b)
{
    atomic_store(&circle->go, 0);
    add(circle, 0, a);
    add(circle, 1, b);
    atomic_store(&circle->go, 1);
    wait_until(stats_of(circle->pool).suspended == 2);
}

/* Nobody ends for it. */
static void go_on_waiting(struct circle *circle)
{
    uint64_t suspensions = stats_of(circle->pool).suspensions;
    cr_assert_eq(filch_cancel(future_of(circle, 0)), -EINPROGRESS);
    wait_until(stats_of(circle->pool).suspensions == suspensions + 1);
}

/* Both end, and others wait on their strands, by the same calls, in a chain. */
static void become_a_chain(struct circle *circle)
{
    cr_assert_eq(filch_cancel(future_of(circle, 0)), -EINPROGRESS);
    sem_post(&circle->over);
    for (int i = 0; i < 3; i++)
        (void)filch_wait(future_of(circle, i));
    circle->player[2].future = (struct filch_future){{0}};
    filch_promise_init(future_of(circle, 2));
    begin_waits(circle, wait_for_b, wait_for_c);
}

/* Stopped at allocation `at`, the circle is broken, in one of two ways. Not broken, it is found. False: there are not so
 * many allocations. */
static bool check_search(int at, void (*break_it)(struct circle *circle))
{
    static struct circle circle;
    struct filch_pool *other = pool_of(1);
    memset(&circle, 0, sizeof circle);
    must(sem_init(&stop.stopped, 0, 0) == 0 && sem_init(&stop.go_on, 0, 0) == 0 && sem_init(&circle.over, 0, 0) == 0);
    atomic_store(&stop.calls, 0);
    atomic_store(&stop.at, at);
    circle.pool = other;
    atomic_store(&circle.go, 1);
    add(&circle, 2, be_awaited);
    circle.pool = pool_open(&(struct filch_pool_config){.max_concurrency = 1, .allocator = &stopping});
    begin_waits(&circle, wait_for_b_then_for_c, wait_for_a);
    pthread_t thread = thread_start(search, &circle);
    sem_take(&stop.stopped);
    bool stopped = atomic_load(&stop.thread);
    if (break_it)
        break_it(&circle);
    sem_post(&stop.go_on);
    thread_join(thread);
    if (stopped)
        cr_assert_eq(atomic_load(&circle.found) == FILCH__DEADLOCK_FOUND, !break_it, "at %d", at);
    (void)filch_complete(future_of(&circle, 2), 0);
    (void)filch_cancel(future_of(&circle, 0));
    sem_post(&circle.over);
    for (int i = 0; i < 3; i++)
        (void)filch_wait(future_of(&circle, i));
    pool_end(circle.pool);
    pool_end(other);
    return stopped;
}

Test(deadlock, what_changes_during_a_search_is_not_found, .timeout = TEST_TIMEOUT)
{
    int at = 1;
    while (check_search(at, NULL))
        at++;
    cr_assert_gt(at, 6);
    for (int i = 1; i < at - 1; i++) { /* the last one is for the report */
        (void)check_search(i, go_on_waiting);
        (void)check_search(i, become_a_chain);
    }
}
