/* SPDX-License-Identifier: MIT */
/* victim.c - programs that end badly, or that must end at all: `victim SCENARIO`, run by the tests as a process.
 *
 * A scenario that survives returns 0, which its test does not expect.
 */
#include "support/tasks.h"

#define EXIT_STATUS 23

static volatile int frames_left = INT32_MAX;

static int overflow_by(volatile char *above)
{
    volatile char frame[512]; /* small against the guard page */
    frame[0] = above ? above[0] : 1;
    if (frames_left-- == 0) /* never: 1 TiB of stack */
        return 0;
    int below = overflow_by(frame);
    return below + frame[0];
}

static int overflow(void *data)
{
    (void)data;
    return overflow_by(NULL);
}

static int exit_here(void *data)
{
    (void)data;
    exit(EXIT_STATUS);
}

static int wild_write(void *data)
{
    (void)data;
    volatile int *volatile wild = (volatile int *)(uintptr_t)64;
    *wild = 1;
    return 0;
}

static int run_in(const struct filch_pool_config *config, filch_fn *fn, unsigned flags)
{
    struct filch_pool *pool = pool_open(config);
    struct filch_future future = {0};
    struct filch_task_options options = {.name = "the_victim", .flags = flags};
    must(filch_submit_with(pool, &future, fn, NULL, &options) == 0);
    (void)filch_wait(&future);
    return 0;
}

static int run(filch_fn *fn, unsigned flags)
{
    return run_in(NULL, fn, flags);
}

static int overflow_silently(void)
{
    return run_in(&(struct filch_pool_config){.flags = FILCH_POOL_NO_OVERFLOW_MESSAGE}, overflow, 0);
}

/* The stack overflows in a task that has waited, and in another strand than the worker's first. */
static int overflow_after_wait(void *data)
{
    struct filch_future future = {0};
    must(filch_submit(NULL, &future, nothing, NULL) == 0 && filch_wait(&future) == 0);
    return overflow(data);
}

static int exit_after_wait(void *data)
{
    struct filch_future future = {0};
    must(filch_submit(NULL, &future, nothing, NULL) == 0 && filch_wait(&future) == 0);
    return exit_here(data);
}

/* main returns with tasks running, waiting and queued, and the pool open. */
static int leave_everything(void)
{
    static struct filch_future promise, waiting[10], queued[100];
    static struct held held[2];
    struct filch_pool *pool = pool_of(2);
    filch_promise_init(&promise);
    for (int i = 0; i < 10; i++)
        must(filch_submit(pool, &waiting[i], wait_for, &promise) == 0);
    for (int i = 0; i < 2; i++)
        held_begin(&held[i], pool);
    for (int i = 0; i < 100; i++)
        must(filch_submit(pool, &queued[i], nothing, NULL) == 0);
    exit(EXIT_STATUS);
}

static int free_open_pool(void)
{
    filch_pool_free(pool_of(1));
    return 0;
}

static int free_after_failed_close(void)
{
    static struct held held;
    struct filch_pool *pool = pool_of(1);
    held_begin(&held, pool);
    must(filch_pool_close(pool, FILCH_CLOSE_CANCEL, 0) == -ETIMEDOUT);
    filch_pool_free(pool);
    return 0;
}

static int enter_gate(void *data)
{
    return filch_gate_enter(data, FILCH_NO_DEADLINE);
}

/* Of three permits two are out; or none is there, and somebody stands in line. */
static int leave_gate_too_often(bool in_line)
{
    struct filch_gate *gate;
    struct filch_future waiting = {0};
    must(filch_gate_open(&gate, in_line ? 0 : 3) == 0);
    if (in_line) {
        struct filch_pool *pool = pool_of(1);
        must(filch_submit(pool, &waiting, enter_gate, gate) == 0);
        wait_until(stats_of(pool).suspended == 1);
        filch_gate_leave(gate);
        return 0;
    }
    must(filch_gate_enter(gate, 0) == 0 && filch_gate_enter(gate, 0) == 0);
    for (int i = 0; i < 3; i++)
        filch_gate_leave(gate);
    return 0;
}

static int print_cpus(void)
{
    printf("%u\n", filch_cpu_count());
    return 0;
}

int main(int argc, char **argv)
{
    const char *scenario = argc > 1 ? argv[1] : "";
    if (strcmp(scenario, "cpus") == 0)
        return print_cpus();
    if (strcmp(scenario, "overflow") == 0)
        return run(overflow, 0);
    if (strcmp(scenario, "overflow_after_wait") == 0)
        return run(overflow_after_wait, 0);
    if (strcmp(scenario, "overflow_silently") == 0)
        return overflow_silently();
    if (strcmp(scenario, "wild_write") == 0)
        return run(wild_write, 0);
    if (strcmp(scenario, "exit") == 0)
        return run(exit_here, 0);
    if (strcmp(scenario, "exit_after_wait") == 0)
        return run(exit_after_wait, 0);
    if (strcmp(scenario, "exit_own_thread") == 0)
        return run(exit_here, FILCH_TASK_OWN_THREAD);
    if (strcmp(scenario, "leave_everything") == 0)
        return leave_everything();
    if (strcmp(scenario, "free_open_pool") == 0)
        return free_open_pool();
    if (strcmp(scenario, "free_after_failed_close") == 0)
        return free_after_failed_close();
    if (strcmp(scenario, "leave_gate_too_often") == 0)
        return leave_gate_too_often(false);
    if (strcmp(scenario, "leave_gate_in_line") == 0)
        return leave_gate_too_often(true);
    fprintf(stderr, "unknown scenario: %s\n", scenario);
    return 2;
}
