/* SPDX-License-Identifier: MIT */
/* watchdog.c - what a program is told of tasks that stand still: one that runs for too long, and two that wait for each other.
 *
 * With stuck_after_ns the pool looks at its bodies now and then, while any of them runs. A body that has been running for so
 * long is named; nothing is done to it. When nothing runs and tasks wait, the pool looks who waits for whom: a circle that
 * nothing else can open is told with all that belong to it. Here it is opened by a cancel, which the wait of the cashier
 * answers; the report says which task that is.
 */
#define _GNU_SOURCE
#include <filch/filch.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static struct filch_future counting, cashier, clerk;
static atomic_bool reported;
static atomic_int slow, circles;

/* Takes longer than it should: until somebody has noticed. */
static int count_slowly(void *data)
{
    (void)data;
    while (!atomic_load(&reported))
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    return 0;
}

static int wait_for(void *data)
{
    return filch_wait_until(data, FILCH_NO_DEADLINE); /* -ECANCELED when it is cancelled */
}

static void note_slow(void *ctx, const struct filch_stuck *task)
{
    (void)ctx;
    if (task->timed_out || !task->name || strcmp(task->name, "counting") != 0)
        return;
    printf("%s has been running for %s\n", task->name, task->running_ns >= FILCH_MS(50) ? "50 ms or more" : "less");
    atomic_fetch_add(&slow, 1);
    atomic_store(&reported, true);
}

static void note_circle(void *ctx, const struct filch_deadlock *deadlock)
{
    (void)ctx;
    for (size_t i = 0; i < deadlock->count; i++)
        printf("%s waits for %s\n", deadlock->waits[i].name, deadlock->waits[i].target_name);
    atomic_fetch_add(&circles, 1);
    filch_cancel(&cashier);
}

static int submit(struct filch_pool *pool, struct filch_future *future, const char *name, filch_fn *fn, void *data)
{
    return filch_submit_with(pool, future, fn, data, &(struct filch_task_options){.name = name});
}

/* Each needs what the other is to bring. The clerk is held until both have been submitted. */
static void begin_circle(struct filch_pool *pool)
{
    struct filch_future both = {{0}};
    struct filch_future *const after[] = {&both};
    filch_promise_init(&both);
    filch_submit_with(pool, &clerk, wait_for, &cashier,
                      &(struct filch_task_options){.name = "clerk", .after = after, .after_count = 1});
    submit(pool, &cashier, "cashier", wait_for, &clerk);
    filch_complete(&both, 0);
}

int main(void)
{
    struct filch_pool *pool;
    int error = filch_pool_open(
        &pool, &(struct filch_pool_config){
                   .max_concurrency = 2, .stuck_after_ns = FILCH_MS(50), .stuck = note_slow, .deadlock = note_circle});
    if (error) {
        fprintf(stderr, "watchdog: no pool: %s\n", strerror(-error));
        return 1;
    }
    submit(pool, &counting, "counting", count_slowly, NULL);
    filch_wait(&counting);
    begin_circle(pool);
    int cashiers = filch_wait(&cashier), clerks = filch_wait(&clerk);
    printf("cashier: %s, clerk: %s\n", strerror(-cashiers), strerror(-clerks));
    filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE);
    filch_pool_free(pool);
    printf("%d slow, %d in a circle\n", atomic_load(&slow), atomic_load(&circles));
    return atomic_load(&slow) == 1 && atomic_load(&circles) == 1 && cashiers == -ECANCELED && clerks == 0 ? 0 : 1;
}
