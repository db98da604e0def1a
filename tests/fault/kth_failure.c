/* SPDX-License-Identifier: MIT */
/* kth_failure.c - whichever call of the system fails, nothing is lost and nothing leaks.
 *
 * For each kind of call the scenario runs again and again: the first such call fails, then the second, until a run that
 * makes fewer of them (under a sanitizer every tenth from the sixteenth on). Each run must keep its books (scenario.h)
 * and give back all that it obtained. Then the same with the k-th call and all after it.
 */
#include "faults.h"
#include "scenario.h"
#include "support/test.h"

enum { for_good = 1 << 30, steps_most = 400, sleeps_most = 40 };

struct sweep {
    enum fault kind;
    const char *name;
    long more;
    int error;
};

struct sweep_result {
    long runs, failures, unopened, refused, dropped;
    bool clean; /* the last run met no failure */
};

static struct outcome run_of(const struct scenario *scenario)
{
    return scenario->held ? scenario_held_run(scenario) : scenario_run(scenario);
}

static void one_run(const struct scenario *scenario, const struct sweep *sweep, long nth, struct sweep_result *result)
{
    struct held_resources before = faults_held();
    faults_arm(sweep->kind, nth, sweep->more, sweep->error);
    struct outcome outcome = run_of(scenario);
    struct fault_count count = faults_disarm();
    struct held_resources after = faults_held();
    cr_assert(faults_same(&before, &after), "%s %ld: everything is given back", sweep->name, nth);
    cr_assert(outcome.open == 0 || count.failed != 0);
    result->runs++;
    result->failures += count.failed;
    result->unopened += outcome.open != 0;
    result->refused += outcome.refused;
    result->dropped += outcome.dropped;
    result->clean = count.failed == 0;
}

static struct sweep_result sweep_through(const struct scenario *scenario, const struct sweep *sweep)
{
    struct sweep_result result = {0};
    /* Of sleeps there is no fixed number. */
    long most = sweep->kind == FAULT_SLEEP ? TEST_SHARE(sleeps_most) : steps_most;
    for (long nth = 1; nth <= most && !result.clean; nth += TEST_SANITIZED && nth >= 16 ? 10 : 1)
        one_run(scenario, sweep, nth, &result);
    return result;
}

static void sweep_all(const struct scenario *scenario, const struct sweep *list, size_t count)
{
    long runs = 0, failures = 0;
    (void)run_of(scenario); /* the first run of a process also obtains what stays */
    for (size_t i = 0; i < count; i++) {
        struct scenario copy = *scenario;
        if (list[i].kind == FAULT_HOOK)
            copy.config.allocator = &faults_allocator;
        struct sweep_result result = sweep_through(&copy, &list[i]);
        if (result.failures == 0 && list[i].kind == FAULT_EVENT && scenario->held)
            continue; /* it has no completions queue */
        printf("    %-24s %3ld runs, %5ld calls failed: %3ld pools did not open, %4ld tasks refused, %3ld dropped\n",
               list[i].name, result.runs, result.failures, result.unopened, result.refused, result.dropped);
        cr_assert(result.clean || list[i].kind == FAULT_SLEEP, "%s: no run was clean", list[i].name);
        cr_assert_gt(result.failures, 0, "%s: the scenario makes such calls", list[i].name);
        runs += result.runs;
        failures += result.failures;
    }
    printf("figure: P6 P7 %ld runs, %ld failed calls, nothing lost, 0 bytes leaked\n", runs, failures);
}

#define sweep_list(scenario_, list_) sweep_all(scenario_, list_, sizeof(list_) / sizeof(list_)[0])

static const struct sweep resources[] = {
    {FAULT_MEMORY, "malloc", 0, 0},
    {FAULT_MEMORY, "malloc for good", for_good, 0},
    {FAULT_HOOK, "allocator", 0, 0},
    {FAULT_HOOK, "allocator for good", for_good, 0},
    {FAULT_MAP, "mmap", 0, 0},
    {FAULT_MAP, "mmap for good", for_good, 0},
    {FAULT_GUARD, "madvise", 0, 0},
    {FAULT_GUARD, "madvise for good", for_good, 0},
    {FAULT_THREAD, "pthread_create", 0, 0},
    {FAULT_THREAD, "pthread_create for good", for_good, 0},
    {FAULT_EVENT, "eventfd", 0, 0},
};

/* How a futex wait may end without a wake; once, and a run of them. */
static const struct sweep sleeps[] = {
    {FAULT_SLEEP, "sleep: EINTR", 0, EINTR},   {FAULT_SLEEP, "sleeps: EINTR", 30, EINTR},
    {FAULT_SLEEP, "sleep: EAGAIN", 0, EAGAIN}, {FAULT_SLEEP, "sleeps: EAGAIN", 30, EAGAIN},
    {FAULT_SLEEP, "sleep: spurious", 0, 0},    {FAULT_SLEEP, "sleeps: spurious", 30, 0},
};

/* What a scenario of few strands to a mapping asks for again and again. */
static const struct sweep mappings[] = {
    {FAULT_MAP, "mmap", 0, 0},
    {FAULT_MAP, "mmap, three times", 2, 0},
    {FAULT_GUARD, "madvise", 0, 0},
    {FAULT_GUARD, "madvise for good", for_good, 0},
};

#define COMMON .min_workers = 2, .max_concurrency = 3, .stack_size = 256 * 1024

Test(kth_failure, with_all_calls, .timeout = TEST_TIMEOUT)
{
    const struct scenario scenario = {.config = {COMMON}};
    sweep_list(&scenario, resources);
}

Test(kth_failure, in_a_pool_that_is_closed_by_a_cancel, .timeout = TEST_TIMEOUT)
{
    const struct scenario scenario = {.config = {COMMON}, .mode = FILCH_CLOSE_CANCEL};
    sweep_list(&scenario, resources);
}

Test(kth_failure, in_a_pool_whose_queue_blocks, .timeout = TEST_TIMEOUT)
{
    const struct scenario scenario = {.config = {COMMON, .queue_limit = 5}};
    sweep_list(&scenario, resources);
}

Test(kth_failure, in_a_pool_whose_callers_run_tasks, .timeout = TEST_TIMEOUT)
{
    const struct scenario scenario = {.config = {COMMON, .queue_limit = 5, .when_full = FILCH_FULL_RUN}};
    sweep_list(&scenario, resources);
}

Test(kth_failure, of_a_mapping_for_stacks, .timeout = TEST_TIMEOUT)
{
    const struct scenario scenario = {.config = {.min_workers = 2, .max_concurrency = 3, .stack_size = 32 << 20}};
    sweep_list(&scenario, mappings);
}

Test(kth_failure, under_bodies_that_keep_their_threads, .timeout = TEST_TIMEOUT)
{
    const struct scenario scenario = {.config = {COMMON}, .keep_threads = true};
    sweep_list(&scenario, resources);
}

Test(kth_failure, in_a_pool_that_keeps_no_idle_worker, .timeout = TEST_TIMEOUT)
{
    const struct scenario scenario = {
        .config = {.max_concurrency = 3, .idle_timeout_ns = 1000, .flags = FILCH_POOL_NO_IDLE_WORKERS}};
    sweep_list(&scenario, resources);
}

Test(kth_failure, with_tasks_that_are_held_back, .timeout = TEST_TIMEOUT)
{
    const struct scenario scenario = {.config = {COMMON}, .held = true};
    sweep_list(&scenario, resources);
}

Test(kth_failure, with_tasks_that_are_held_back_and_keep_their_threads, .timeout = TEST_TIMEOUT)
{
    const struct scenario scenario = {.config = {COMMON}, .held = true, .keep_threads = true};
    sweep_list(&scenario, resources);
}

Test(kth_failure, with_tasks_that_are_held_back_when_their_pool_is_cancelled, .timeout = TEST_TIMEOUT)
{
    const struct scenario scenario = {.config = {COMMON}, .held = true, .mode = FILCH_CLOSE_CANCEL};
    sweep_list(&scenario, resources);
}

Test(kth_failure, with_tasks_that_are_held_back_in_a_pool_that_keeps_no_idle_worker, .timeout = TEST_TIMEOUT)
{
    const struct scenario scenario = {
        .config = {.max_concurrency = 3, .idle_timeout_ns = 1000, .flags = FILCH_POOL_NO_IDLE_WORKERS}, .held = true};
    sweep_list(&scenario, resources);
}

Test(kth_failure, of_a_sleep, .timeout = TEST_TIMEOUT)
{
    const struct scenario scenario = {.config = {COMMON}, .keep_threads = true};
    sweep_list(&scenario, sleeps);
}

/* Last, for it is never closed: not there, and nothing held, as long as something fails; then there. */
Test(kth_failure, of_the_default_pool, .timeout = TEST_TIMEOUT)
{
    const enum fault kinds[] = {FAULT_MEMORY, FAULT_MAP, FAULT_THREAD};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct held_resources before = faults_held();
        struct filch_future future = {0};
        faults_arm(kinds[i], 1, for_good, 0);
        cr_assert_null(filch_pool_default());
        cr_assert_eq(filch_submit(NULL, &future, nothing, NULL), -ENOMEM);
        cr_assert_eq(filch_wait(&future), -ENOMEM);
        cr_assert_gt(faults_disarm().failed, 0);
        struct held_resources after = faults_held();
        cr_assert(faults_same(&before, &after));
    }
    struct filch_future future = {0};
    cr_assert_eq(filch_submit(NULL, &future, nothing, NULL), 0);
    cr_assert_eq(filch_wait(&future), 0);
    cr_assert_not_null(filch_pool_default());
}
