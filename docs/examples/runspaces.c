/* SPDX-License-Identifier: MIT */
/* runspaces.c - ten scripts, at most five at a time, each result taken as soon as it is there.
 *
 * The program that one writes with a pool of five runspaces, BeginInvoke, and a loop that sleeps and asks IsCompleted:
 * without the loop. filch_completions_next sleeps until something has ended, in whatever order things end.
 */
#define _GNU_SOURCE
#include <filch/filch.h>

#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { SCRIPTS = 10, AT_ONCE = 5 };

struct script {
    struct filch_future future;
    int number;
    int result;
};

static atomic_int running, most_running;

static int run_script(void *data)
{
    struct script *script = data;
    int now = atomic_fetch_add(&running, 1) + 1, most = atomic_load(&most_running);
    while (now > most && !atomic_compare_exchange_weak(&most_running, &most, now))
        ;
    /* Stands for a call that blocks, such as a request to some server; later scripts get their answer sooner. */
    struct timespec answer_time = {0, (SCRIPTS - script->number) * 5 * 1000000L};
    nanosleep(&answer_time, NULL);
    script->result = script->number * script->number;
    atomic_fetch_sub(&running, 1);
    return 0;
}

static struct script *script_of(struct filch_future *future)
{
    return (struct script *)((char *)future - offsetof(struct script, future));
}

static int fail(const char *what, int error)
{
    fprintf(stderr, "runspaces: %s: %s\n", what, strerror(-error));
    return 1;
}

/* Submits all of them; returns how many were accepted. */
static int begin_all(struct filch_pool *pool, struct filch_completions *completions, struct script scripts[])
{
    const struct filch_task_options options = {.completions = completions};
    int accepted = 0;
    for (int i = 0; i < SCRIPTS; i++) {
        scripts[i] = (struct script){.number = i};
        int error = filch_submit_with(pool, &scripts[i].future, run_script, &scripts[i], &options);
        if (error)
            fail("a script was not accepted", error);
        else
            accepted++;
    }
    return accepted;
}

int main(void)
{
    struct filch_pool *pool;
    struct filch_completions *completions;
    struct script scripts[SCRIPTS];
    int error = filch_pool_open(&pool, &(struct filch_pool_config){.max_concurrency = AT_ONCE});
    if (error)
        return fail("no pool", error);
    error = filch_completions_open(&completions);
    if (error)
        return fail("no completions", error);

    int accepted = begin_all(pool, completions, scripts), correct = 0;
    for (int i = 0; i < accepted; i++) {
        struct filch_future *future;
        error = filch_completions_next(completions, FILCH_NO_DEADLINE, &future);
        if (error)
            return fail("no result", error);
        struct script *script = script_of(future);
        printf("script %d: status %d, result %d\n", script->number, filch_status(future), script->result);
        correct += filch_status(future) == 0 && script->result == script->number * script->number;
    }
    filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE);
    filch_pool_free(pool);
    filch_completions_close(completions);
    printf("%d of %d correct, never more than %d at once: %s\n", correct, SCRIPTS, AT_ONCE,
           atomic_load(&most_running) <= AT_ONCE ? "yes" : "no");
    return correct == SCRIPTS && atomic_load(&most_running) <= AT_ONCE ? 0 : 1;
}
