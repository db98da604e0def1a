/* SPDX-License-Identifier: MIT */
/* close.c - pools that open, work and close in one cycle after another, with submitters, waiters, thieves and a second
 * closer at work as they close: what was accepted has run or was cancelled, each once, and every wait returns.
 */
#include "support/stress.h"

enum { submitters = 2, most_tasks = 64 };

struct cycle {
    struct filch_pool *pool;
    uint64_t random;
    atomic_int runs, drops, accepted;
    atomic_int go, threads;
    enum filch_close mode;
    atomic_int closed;
};

struct task {
    struct filch_future future;
    struct cycle *cycle;
    uint64_t random;
};

static void dropped(void *data, int status)
{
    struct task *task = data;
    claim(status == -ECANCELED);
    atomic_fetch_add(&task->cycle->drops, 1);
}

static int run_task(void *data)
{
    struct task *task = data;
    struct cycle *cycle = task->cycle;
    atomic_fetch_add(&cycle->runs, 1);
    if (random_below(&task->random, 4))
        return 0;
    /* Some submit a child to the closing pool and wait for it: refused or not, the wait must return. */
    struct task child = {.cycle = cycle, .random = random_next(&task->random)};
    struct filch_task_options options = {.dropped = dropped};
    int result = filch_submit_with(NULL, &child.future, run_task, &child, &options);
    claim(result == 0 || result == -ESHUTDOWN);
    atomic_fetch_add(&cycle->accepted, result == 0);
    (void)filch_wait(&child.future);
    return 0;
}

static void *submit_until_refused(void *data)
{
    struct cycle *cycle = data;
    struct filch_task_options options = {.dropped = dropped};
    struct task tasks[most_tasks];
    uint64_t random = cycle->random + (uint64_t)atomic_fetch_add(&cycle->threads, 1);
    memset(tasks, 0, sizeof tasks);
    while (!atomic_load(&cycle->go))
        sched_yield();
    for (int i = 0;; i = (i + 1) % most_tasks) {
        (void)(filch_status(&tasks[i].future) == -EINPROGRESS && filch_wait(&tasks[i].future));
        tasks[i].cycle = cycle;
        tasks[i].random = random_next(&random);
        int result = filch_submit_with(cycle->pool, &tasks[i].future, run_task, &tasks[i], &options);
        if (result != 0) {
            claim(result == -ESHUTDOWN && filch_wait(&tasks[i].future) == -ESHUTDOWN);
            break;
        }
        atomic_fetch_add(&cycle->accepted, 1);
        if (random_below(&random, 8) == 0)
            (void)filch_cancel(&tasks[i].future);
    }
    for (int i = 0; i < most_tasks; i++)
        if (filch_status(&tasks[i].future) != -EINVAL)
            (void)filch_wait(&tasks[i].future);
    return NULL;
}

static void *close_too(void *data)
{
    struct cycle *cycle = data;
    int result = filch_pool_close(cycle->pool, cycle->mode, FILCH_NO_DEADLINE);
    claim(result == 0 || result == -EALREADY);
    atomic_fetch_add(&cycle->closed, result == 0);
    return NULL;
}

static uint64_t run_cycle(struct cycle *cycle)
{
    uint64_t mine = random_next(&cycle->random), *random = &mine; /* the submitters read cycle->random */
    struct filch_pool_config config = {.min_workers = random_below(random, 3),
                                       .max_concurrency = 2 + random_below(random, 3),
                                       .idle_timeout_ns = random_below(random, 3) ? 0 : 1};
    pthread_t threads[submitters + 1];
    cycle->pool = pool_open(&config);
    cycle->mode = random_below(random, 2) ? FILCH_CLOSE_DRAIN : FILCH_CLOSE_CANCEL;
    for (int i = 0; i < submitters; i++)
        threads[i] = thread_start(submit_until_refused, cycle);
    atomic_store(&cycle->go, 1);
    dawdle((int)random_below(random, 20000));
    threads[submitters] = thread_start(close_too, cycle);
    (void)close_too(cycle);
    for (int i = 0; i <= submitters; i++)
        thread_join(threads[i]);
    claim(atomic_load(&cycle->closed) == 1);
    struct filch_pool_stats stats = stats_of(cycle->pool);
    claim(atomic_load(&cycle->accepted) == atomic_load(&cycle->runs) + atomic_load(&cycle->drops));
    claim(stats.submitted == (uint64_t)atomic_load(&cycle->accepted));
    claim(stats.run == (uint64_t)atomic_load(&cycle->runs) && stats.dropped == (uint64_t)atomic_load(&cycle->drops));
    watchdog_pool(NULL);
    filch_pool_free(cycle->pool);
    return stats.submitted;
}

/* A pool that nobody uses, and one that is closed while its first worker starts. */
static void empty_cycles(uint64_t *random)
{
    for (int i = 0; i < 5; i++) {
        struct filch_pool *pool = pool_of(1 + random_below(random, 3));
        struct filch_future future = {0};
        bool use = random_below(random, 2);
        if (use)
            claim(filch_submit(pool, &future, nothing, NULL) == 0);
        claim(filch_pool_close(pool, random_below(random, 2), FILCH_NO_DEADLINE) == 0);
        if (use)
            claim(filch_done(&future));
        watchdog_pool(NULL);
        filch_pool_free(pool);
    }
}

int main(int argc, char **argv)
{
    uint64_t tasks = 0;
    (void)argc;
    stress_begin(argv, "close", 6000, 100000);
    while (stress_next()) {
        struct cycle cycle = {.random = stress.seed};
        tasks += run_cycle(&cycle);
        empty_cycles(&cycle.random);
    }
    printf("figure: P8 %" PRIu64 " cycles, %" PRIu64 " tasks accepted: each run or cancelled once\n", stress.done,
           tasks);
    return 0;
}
