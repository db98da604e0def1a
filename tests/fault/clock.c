/* SPDX-License-Identifier: MIT */
/* clock.c - time-outs are on CLOCK_MONOTONIC, and absolute.
 *
 * To the library every other clock jumps at each reading (faults.c), and is not read: clock_gettime is asked for the
 * monotonic one only, no futex wait names the other clock or a relative time, and the library calls nothing else that
 * knows the time. A wait that a signal interrupts goes back to sleep until the same deadline.
 */
#include "faults.h"
#include "scenario.h"
#include "support/test.h"

static void must_be_monotonic(void)
{
    struct clock_use use = faults_clock();
    cr_assert_eq(use.other, 0, "no other clock is read");
    cr_assert_eq(use.realtime_sleeps, 0, "every sleep is absolute, on the monotonic clock");
}

Test(clock, is_the_monotonic_one_in_all_calls, .timeout = TEST_TIMEOUT)
{
    for (int i = 0; i < TEST_SHARE(30); i++) {
        const struct scenario scenario = {
            .config = {.min_workers = 2, .max_concurrency = 3, .queue_limit = i % 3 ? 0 : 5},
            .keep_threads = i % 2,
            .mode = i % 5 ? FILCH_CLOSE_DRAIN : FILCH_CLOSE_CANCEL};
        (void)scenario_run(&scenario);
        (void)filch_cpu_count();
    }
    must_be_monotonic();
    cr_assert_gt(faults_clock().monotonic, 0);
    cr_assert_gt(faults_clock().sleeps, 0);
    printf("figure: P15 %ld readings of the clock, %ld timed sleeps: all monotonic\n", faults_clock().monotonic,
           faults_clock().sleeps);
}

/* ---- deadlines against interruptions ---- */

static void ignore(int signal_number)
{
    (void)signal_number;
}

struct storm {
    pthread_t target;
    atomic_int stop, sent;
};

static void *interrupt(void *data)
{
    struct storm *storm = data;
    while (!atomic_load(&storm->stop)) {
        must(pthread_kill(storm->target, SIGUSR1) == 0);
        atomic_fetch_add(&storm->sent, 1);
        usleep(500);
    }
    return NULL;
}

/* A signal each half millisecond: were the time-out relative, or begun anew, the wait would have no end. */
static void wait_interrupted(int (*wait)(uint64_t deadline_ns, void *data), void *data)
{
    struct sigaction action = {.sa_handler = ignore};
    struct storm storm = {.target = pthread_self()};
    sigemptyset(&action.sa_mask);
    must(sigaction(SIGUSR1, &action, NULL) == 0);
    pthread_t thread = thread_start(interrupt, &storm);
    while (!atomic_load(&storm.sent))
        sched_yield();
    for (int slept = 0; slept < 5;) {
        struct clock_use before = faults_clock();
        uint64_t deadline_ns = filch_in_ns(FILCH_MS(20));
        cr_assert_eq(wait(deadline_ns, data), -ETIMEDOUT);
        cr_assert_geq(filch_now_ns(), deadline_ns, "not before it");
        struct clock_use after = faults_clock();
        if (after.sleeps == before.sleeps)
            continue; /* a busy machine let the deadline pass before the wait looked */
        cr_assert_eq(after.last_deadline_ns, deadline_ns);
        cr_assert_leq(after.deadlines_moved - before.deadlines_moved, 1, "the first sleep is a new one");
        slept++;
    }
    atomic_store(&storm.stop, 1);
    thread_join(thread);
    must_be_monotonic();
}

static int wait_for_future(uint64_t deadline_ns, void *data)
{
    return filch_wait_until(data, deadline_ns);
}

static int wait_for_either(uint64_t deadline_ns, void *data)
{
    struct filch_future *list[2] = {data, (struct filch_future *)data + 1};
    size_t index;
    return filch_wait_any(list, 2, deadline_ns, &index);
}

static int wait_for_both(uint64_t deadline_ns, void *data)
{
    struct filch_future *list[2] = {data, (struct filch_future *)data + 1};
    return filch_wait_all(list, 2, deadline_ns);
}

static int wait_for_completion(uint64_t deadline_ns, void *data)
{
    struct filch_future *future;
    return filch_completions_next(data, deadline_ns, &future);
}

Test(clock, deadlines_of_threads_outlast_interruptions, .timeout = TEST_TIMEOUT)
{
    struct filch_future promises[2] = {{{0}}};
    struct filch_completions *completions;
    filch_promise_init(&promises[0]);
    filch_promise_init(&promises[1]);
    cr_assert_eq(filch_completions_open(&completions), 0);
    wait_interrupted(wait_for_future, promises);
    wait_interrupted(wait_for_either, promises);
    wait_interrupted(wait_for_both, promises);
    wait_interrupted(wait_for_completion, completions);
    filch_completions_close(completions);
}

static int close_held(uint64_t deadline_ns, void *data)
{
    return filch_pool_close(data, FILCH_CLOSE_DRAIN, deadline_ns);
}

Test(clock, deadlines_of_close_outlast_interruptions, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct held held;
    held_begin(&held, pool);
    wait_interrupted(close_held, pool);
    sem_post(&held.go);
    cr_assert_eq(filch_wait(&held.future), 0);
    pool_end(pool);
}

/* Tasks' deadlines are the timekeeper's: none fires before its time, and all do, though other clocks jump. */
struct sleeper {
    struct filch_future future;
    uint64_t deadline_ns;
};

static int sleep_until(void *data)
{
    struct sleeper *sleeper = data;
    struct filch_future promise = {0};
    filch_promise_init(&promise);
    int result = filch_wait_until(&promise, sleeper->deadline_ns);
    must(result == -ETIMEDOUT && filch_now_ns() >= sleeper->deadline_ns);
    must(filch_complete(&promise, 0) == 0);
    return 0;
}

Test(clock, deadlines_of_tasks_are_kept, .timeout = TEST_TIMEOUT)
{
    enum { count = 200 };
    static struct sleeper sleepers[count];
    struct filch_pool *pool = pool_of(2);
    uint64_t now_ns = filch_now_ns();
    memset(sleepers, 0, sizeof sleepers);
    for (int i = 0; i < count; i++) {
        struct filch_task_options own = {.flags = i % 10 ? 0 : FILCH_TASK_OWN_THREAD};
        sleepers[i].deadline_ns = now_ns + FILCH_US(200) * (uint64_t)(i * 37 % count);
        cr_assert_eq(filch_submit_with(pool, &sleepers[i].future, sleep_until, &sleepers[i], &own), 0);
    }
    for (int i = 0; i < count; i++)
        cr_assert_eq(filch_wait(&sleepers[i].future), 0);
    pool_end(pool);
    must_be_monotonic();
}
