/* SPDX-License-Identifier: MIT */
/* closing.c - the end of a pool: drain what was accepted, with a deadline, or cancel the rest. No task hangs.
 *
 * A close that reached its deadline has closed the pool to new tasks already; a second call goes on from there, and may
 * choose to cancel. Then what has not started ends with -ECANCELED, and what runs is asked to stop.
 */
#define _GNU_SOURCE
#include <filch/filch.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { TASKS = 100 };

static int poll_for_ever(void *data)
{
    (void)data;
    while (!filch_cancelled())
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    return -ECANCELED;
}

static int count(void *data)
{
    atomic_fetch_add((atomic_int *)data, 1);
    return 0;
}

static struct filch_pool *open_pool(void)
{
    struct filch_pool *pool = NULL;
    int error = filch_pool_open(&pool, &(struct filch_pool_config){.max_concurrency = 1});
    if (error)
        fprintf(stderr, "closing: no pool: %s\n", strerror(-error));
    return pool;
}

/* Everything accepted runs, also what stands in the queue. */
static int drain(void)
{
    static struct filch_future futures[TASKS];
    atomic_int ran = 0;
    struct filch_pool *pool = open_pool();
    if (!pool)
        return -EAGAIN;
    for (int i = 0; i < TASKS; i++)
        filch_submit(pool, &futures[i], count, &ran);
    int error = filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE);
    filch_pool_free(pool);
    printf("drained: %d of %d ran\n", atomic_load(&ran), TASKS);
    return error ? error : atomic_load(&ran) == TASKS ? 0 : -EIO;
}

/* The first never ends by itself, and the others wait for its place. */
static int cancel(void)
{
    static struct filch_future futures[TASKS];
    atomic_int ran = 0;
    int stopped = 0, late;
    struct filch_pool *pool = open_pool();
    if (!pool)
        return -EAGAIN;
    filch_submit(pool, &futures[0], poll_for_ever, NULL);
    for (int i = 1; i < TASKS; i++)
        filch_submit(pool, &futures[i], count, &ran);
    int in_time = filch_pool_close(pool, FILCH_CLOSE_DRAIN, filch_in_ns(FILCH_MS(10)));
    struct filch_future refused = {0};
    late = filch_submit(pool, &refused, count, &ran);
    int error = filch_pool_close(pool, FILCH_CLOSE_CANCEL, FILCH_NO_DEADLINE);
    for (int i = 0; i < TASKS; i++)
        stopped += filch_done(&futures[i]) && filch_status(&futures[i]) == -ECANCELED;
    filch_pool_free(pool);
    printf("draining in vain: %s; a submit then: %s\n", strerror(-in_time), strerror(-late));
    printf("cancelled: %d ran, %d ended with a status\n", atomic_load(&ran), stopped);
    return error ? error : in_time == -ETIMEDOUT && late == -ESHUTDOWN && stopped == TASKS ? 0 : -EIO;
}

int main(void)
{
    int error = drain();
    error = error ? error : cancel();
    return error ? 1 : 0;
}
