/* SPDX-License-Identifier: MIT */
/* traces.c - sessions of tracing: the calls, what they refuse, and what is in a session. */
#include "support/child.h"
#include "support/tasks.h"
#include "support/test.h"

#include "peek.h"
#include "traces.h"

#include <filch/filch.h>

/* What filch_trace_write writes, to be freed. */
static char *snapshot(void)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    must(out && filch_trace_write(out) == 0);
    fclose(out);
    return text;
}

static unsigned snapshot_count(const char *word)
{
    char *text = snapshot();
    unsigned count = occurrences(text, word);
    free(text);
    return count;
}

static void run_tasks(struct filch_pool *pool, const char *name, int count)
{
    const struct filch_task_options options = {.name = name};
    for (int i = 0; i < count; i++) {
        struct filch_future future = {{0}};
        cr_assert_eq(filch_submit_with(pool, &future, nothing, NULL, &options), 0);
        cr_assert_eq(filch_wait(&future), 0);
    }
}

/* The name of a file of this process's own, and of what is beside it. */
static const char *path_of(const char *ending)
{
    static char path[64];
    snprintf(path, sizeof path, "/tmp/filch-traces-%d%s", (int)getpid(), ending);
    return path;
}

/* Is there a file, and is it whole? */
static bool is_whole(const char *path)
{
    char last[4] = "";
    FILE *file = fopen(path, "re");
    bool whole = file && fseek(file, -4, SEEK_END) == 0 && fread(last, 1, 4, file) == 4 && !memcmp(last, "]}}\n", 4);
    if (file)
        fclose(file);
    return whole;
}

static void on_signal(int number)
{
    (void)number;
}

Test(traces, what_is_refused, .timeout = TEST_TIMEOUT)
{
    struct filch_trace_config config = {.bytes_per_thread = 100};
    cr_assert_eq(filch_trace_write(NULL), -EINVAL);
    cr_assert_eq(filch_trace_write(stdout), -EINVAL, "there was no session");
    cr_assert_eq(filch_trace_stop(), -EINVAL);
    cr_assert_eq(filch_trace_start(&config), -EINVAL);
    config = (struct filch_trace_config){.reserved = {0, 0, 0, 1}};
    cr_assert_eq(filch_trace_start(&config), -EINVAL);
    config = (struct filch_trace_config){.reserved32 = 1};
    cr_assert_eq(filch_trace_start(&config), -EINVAL);
    config = (struct filch_trace_config){.file = ""};
    cr_assert_eq(filch_trace_start(&config), -EINVAL);
    config = (struct filch_trace_config){.signal = SIGUSR1};
    cr_assert_eq(filch_trace_start(&config), -EINVAL, "where to?");
    config = (struct filch_trace_config){.signal = SIGKILL, .file = path_of("")};
    cr_assert_eq(filch_trace_start(&config), -EINVAL);
    config = (struct filch_trace_config){.file = "/nonexistent/trace.json"};
    cr_assert_eq(filch_trace_start(&config), -ENOENT);
    signal(SIGUSR1, on_signal);
    config = (struct filch_trace_config){.signal = SIGUSR1, .file = path_of("")};
    cr_assert_eq(filch_trace_start(&config), -EBUSY);
    signal(SIGUSR1, SIG_DFL);
    cr_assert_eq(filch_trace_start(NULL), 0, "none of them has left anything behind");
    cr_assert_eq(filch_trace_start(NULL), -EALREADY);
    cr_assert_eq(filch_trace_stop(), 0);
    cr_assert_eq(filch_trace_stop(), -EINVAL);
    unlink(path_of(""));
}

Test(traces, pools_are_in_it_from_their_opening_to_their_end, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *before = pool_of(1), *during;
    run_tasks(before, "too early", 10);
    cr_assert_eq(filch_trace_start(NULL), 0);
    run_tasks(before, "old pool", 20);
    during = pool_of(1);
    run_tasks(during, "new pool", 30);
    pool_end(during);
    cr_assert_eq(filch_trace_stop(), 0);
    run_tasks(before, "too late", 40);
    char *text = snapshot();
    cr_assert_eq(occurrences(text, "\"cat\":\"task\",\"name\":\"old pool\""), 20);
    cr_assert_eq(occurrences(text, "\"cat\":\"task\",\"name\":\"new pool\""), 30);
    cr_assert_eq(occurrences(text, "too early") + occurrences(text, "too late"), 0);
    cr_assert_eq(occurrences(text, "\"stats\":{\"submitted\":20,\"run\":20,"), 1);
    cr_assert_eq(occurrences(text, "\"stats\":{\"submitted\":30,\"run\":30,"), 1);
    free(text);
    pool_end(before);
}

Test(traces, a_session_has_nothing_of_the_one_before, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    for (int round = 0; round < 3; round++) {
        cr_assert_eq(filch_trace_start(NULL), 0);
        run_tasks(pool, round % 2 ? "odd" : "even", 10);
        cr_assert_eq(snapshot_count("\"cat\":\"task\",\"name\":\"even\""), round % 2 ? 0 : 10);
        cr_assert_eq(snapshot_count("\"cat\":\"task\",\"name\":\"odd\""), round % 2 ? 10 : 0);
        cr_assert_eq(filch_trace_stop(), 0);
    }
    pool_end(pool);
}

Test(traces, what_is_in_the_file_is_kept_no_longer, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    const struct filch_trace_config config = {.file = path_of("-%p")};
    cr_assert_eq(filch_trace_start(&config), 0);
    run_tasks(pool, "task", 5);
    cr_assert_eq(filch_trace_stop(), 0);
    cr_assert_eq(filch_trace_write(stdout), -EINVAL);
    char number[32];
    snprintf(number, sizeof number, "-%d", (int)getpid());
    cr_assert(is_whole(path_of(number)));
    unlink(path_of(number));
    pool_end(pool);
}

struct busy {
    struct filch_pool *pool;
    atomic_bool stop;
};

static int say(void *data)
{
    filch_trace_note("busy");
    return nothing(data);
}

static void *keep_busy(void *data)
{
    struct busy *busy = data;
    while (!atomic_load(&busy->stop)) {
        struct filch_future futures[20] = {{{0}}};
        for (int i = 0; i < 20; i++)
            must(filch_submit(busy->pool, &futures[i], say, NULL) == 0);
        for (int i = 0; i < 20; i++)
            must(filch_wait(&futures[i]) == 0);
    }
    return NULL;
}

/* Sessions begin and end, are written and forgotten, while tasks run. */
static void check_sessions(uint64_t last_ns)
{
    struct busy busy = {.pool = pool_of(2)};
    const struct filch_trace_config config = {.bytes_per_thread = 1 << 16, .last_ns = last_ns};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        threads[i] = thread_start(keep_busy, &busy);
    for (int round = 0; round < TEST_SHARE(30); round++) {
        cr_assert_eq(filch_trace_start(&config), 0);
        wait_until(snapshot_count("\"note\":\"busy\"") > 0);
        cr_assert_eq(filch_trace_stop(), 0);
        cr_assert(snapshot_count("\"note\":\"busy\"") > 0);
    }
    atomic_store(&busy.stop, true);
    for (int i = 0; i < 2; i++)
        thread_join(threads[i]);
    pool_end(busy.pool);
}

Test(traces, sessions_while_tasks_run, .timeout = TEST_TIMEOUT)
{
    check_sessions(0);
}

Test(traces, flight_recorders_while_tasks_run, .timeout = TEST_TIMEOUT)
{
    check_sessions(FILCH_S(1));
}

Test(traces, a_signal_writes_a_file_and_the_session_goes_on, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    const struct filch_trace_config config = {.file = path_of(""), .signal = SIGUSR2};
    struct sigaction action;
    cr_assert_eq(filch_trace_start(&config), 0);
    run_tasks(pool, "first", 3);
    cr_assert_eq(raise(SIGUSR2), 0);
    wait_until(is_whole(path_of(".1")));
    run_tasks(pool, "second", 3);
    cr_assert_eq(raise(SIGUSR2), 0);
    wait_until(is_whole(path_of(".2")));
    cr_assert_eq(filch_trace_stop(), 0);
    cr_assert(is_whole(path_of("")));
    cr_assert_eq(sigaction(SIGUSR2, NULL, &action), 0);
    cr_assert(action.sa_handler == SIG_DFL, "it is the program's again");
    cr_assert_eq(filch_trace_start(&config), 0);
    signal(SIGUSR2, on_signal);
    cr_assert_eq(filch_trace_stop(), 0);
    cr_assert_eq(sigaction(SIGUSR2, NULL, &action), 0);
    cr_assert(action.sa_handler == on_signal, "the program has taken it back before");
    signal(SIGUSR2, SIG_DFL);
    unlink(path_of(""));
    unlink(path_of(".1"));
    unlink(path_of(".2"));
    pool_end(pool);
}

Test(traces, many_stuck_tasks_write_one_file, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    const struct filch_trace_config config = {.file = path_of(""), .last_ns = FILCH_S(3600)};
    filch__trace_stuck(); /* nobody listens */
    cr_assert_eq(filch_trace_start(&config), 0);
    run_tasks(pool, "task", 3);
    filch__trace_stuck();
    wait_until(is_whole(path_of(".1")));
    filch__trace_stuck();
    cr_assert_eq(filch_trace_stop(), 0);
    cr_assert(is_whole(path_of("")));
    cr_assert_neq(access(path_of(".2"), F_OK), 0);
    unlink(path_of(""));
    unlink(path_of(".1"));
    pool_end(pool);
}

static int until_written(void *data)
{
    (void)data;
    wait_until(is_whole(path_of(".1")));
    return 0;
}

/* The task runs until the recorder has written. */
static void check_stuck(const struct filch_pool_config *pool_config, const struct filch_task_options *options)
{
    struct filch_pool *pool = pool_open(pool_config);
    const struct filch_trace_config config = {.file = path_of(""), .last_ns = FILCH_S(3600)};
    struct filch_future future = {{0}};
    cr_assert_eq(filch_trace_start(&config), 0);
    cr_assert_eq(filch_submit_with(pool, &future, until_written, NULL, options), 0);
    (void)filch_wait(&future);
    cr_assert_eq(filch_trace_stop(), 0);
    unlink(path_of(""));
    unlink(path_of(".1"));
    pool_end(pool);
}

Test(traces, a_stuck_task_makes_the_recorder_write, .timeout = TEST_TIMEOUT)
{
    check_stuck(NULL, &(struct filch_task_options){.timeout_ns = FILCH_MS(1)});
}

Test(traces, a_slow_task_makes_the_recorder_write, .timeout = TEST_TIMEOUT)
{
    check_stuck(&(struct filch_pool_config){.stuck_after_ns = FILCH_MS(1)}, NULL);
}

static int run_inside(void *data)
{
    const struct filch_task_options options = {.name = "inner"};
    struct filch_future *futures = data; /* one is queued, and then the pool is full */
    for (int i = 0; i < 2; i++)
        must(filch_submit_with(NULL, &futures[i], nothing, NULL, &options) == 0);
    return 0;
}

Test(traces, a_task_keeps_its_name_when_another_has_run_inside_it, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool =
        pool_open(&(struct filch_pool_config){.max_concurrency = 1, .queue_limit = 1, .when_full = FILCH_FULL_RUN});
    const struct filch_task_options options = {.name = "outer"};
    struct filch_future outer = {{0}}, inner[2] = {{{0}}};
    cr_assert_eq(filch_trace_start(NULL), 0);
    cr_assert_eq(filch_submit_with(pool, &outer, run_inside, inner, &options), 0);
    cr_assert_eq(filch_wait(&outer), 0);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(filch_wait(&inner[i]), 0);
    cr_assert_eq(filch_trace_stop(), 0);
    cr_assert_eq(snapshot_count("\"cat\":\"task\",\"name\":\"outer\""), 2, "before and after the one inside it");
    cr_assert_eq(snapshot_count("\"cat\":\"task\",\"name\":\"inner\""), 2);
    pool_end(pool);
}

Test(traces, samples_of_pools_and_workers, .timeout = TEST_TIMEOUT)
{
    struct filch_pool_config named = {.name = "sampled", .max_concurrency = 1};
    struct filch_pool *pool = pool_open(&named);
    struct held held;
    cr_assert_eq(filch_trace_start(NULL), 0);
    held_begin(&held, pool);
    wait_until(snapshot_count("\"ph\":\"C\",\"name\":\"pool sampled\"") >= 2);
    wait_until(snapshot_count("\"cat\":\"sample\",\"name\":\"") >= 2);
    /* It blocks in its body, holding the permit, which the sampler sees in time. */
    wait_until(snapshot_count("\"permits\":1,\"running\":1,") >= 1);
    wait_until(snapshot_count("\"task\":") >= 1);
    held_end(&held);
    cr_assert_eq(filch_trace_stop(), 0);
    pool_end(pool);
}

static int in_forked_child(void *data)
{
    (void)data;
    must(filch_trace_write(stderr) == -EINVAL && filch_trace_stop() == -EINVAL);
    must(filch_trace_start(NULL) == 0);
    struct filch_pool *pool = pool_of(1);
    run_tasks(pool, "the child's", 7);
    pool_end(pool);
    must(snapshot_count("\"cat\":\"task\",\"name\":\"the child's\"") == 7);
    must(snapshot_count("the parent's") == 0);
    must(filch_trace_stop() == 0);
    return 0;
}

Test(traces, a_forked_child_begins_afresh, .timeout = TEST_TIMEOUT)
{
    if (TEST_SANITIZED || child_emulator())
        test_skip("no thread can be started there after a fork, or not every time");
    struct child child;
    struct filch_pool *pool = pool_of(1);
    cr_assert_eq(filch_trace_start(NULL), 0);
    run_tasks(pool, "the parent's", 5);
    child_fork(&child, in_forked_child, NULL);
    cr_assert(child_exited(&child, 0));
    run_tasks(pool, "the parent's", 5);
    cr_assert_eq(filch_trace_stop(), 0);
    cr_assert_eq(snapshot_count("\"cat\":\"task\",\"name\":\"the parent's\""), 10);
    pool_end(pool);
}

struct sleeper {
    sem_t go;
    atomic_int tid;
};

static void *sleep_in_kernel(void *data)
{
    struct sleeper *sleeper = data;
    atomic_store(&sleeper->tid, (int)thread_id());
    sem_take(&sleeper->go);
    return NULL;
}

Test(peek, a_thread_that_waits_is_in_its_system_call, .timeout = TEST_TIMEOUT)
{
    struct sleeper sleeper = {.tid = 0};
    int32_t call;
    cr_assert_eq(sem_init(&sleeper.go, 0, 0), 0);
    pthread_t thread = thread_start(sleep_in_kernel, &sleeper);
    wait_until(atomic_load(&sleeper.tid));
    /* Where /proc tells nothing, and under an emulator, which has calls of its own, this shows no more. */
    wait_until((call = filch__peek_call(atomic_load(&sleeper.tid))) != FILCH__CALL_RUNNING);
    if (call >= 0 && !child_emulator())
        wait_until(filch__peek_call_name(filch__peek_call(atomic_load(&sleeper.tid))) &&
                   !strcmp(filch__peek_call_name(filch__peek_call(atomic_load(&sleeper.tid))), "futex"));
    cr_assert(filch__peek_cpu_ns(atomic_load(&sleeper.tid)) > 0);
    sem_post(&sleeper.go);
    thread_join(thread);
    cr_assert_null(filch__peek_call_name(-1));
    cr_assert_null(filch__peek_call_name(1 << 20));
    sem_destroy(&sleeper.go);
}
