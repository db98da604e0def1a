/* SPDX-License-Identifier: MIT */
/* nested.c - tasks that wait for tasks, fifty deep, in a pool that runs one at a time.
 *
 * With threads under a queue this hangs: the first task waits for the second, and nobody is left to run that. Here a
 * task that waits gives its place back and keeps only its stack; when its child has ended it goes on where it stood.
 * What it waits for may lie in its own local variables.
 */
#include <filch/filch.h>

#include <stdio.h>
#include <string.h>

enum { DEPTH = 50 };

/* The sum of 1 to `upto`, the long way: one task per number. */
struct sum {
    int upto;
    long result;
};

static int add_up(void *data)
{
    struct sum *sum = data;
    if (sum->upto == 0)
        return 0;
    struct sum rest = {.upto = sum->upto - 1};
    struct filch_future future = {0};
    filch_submit(NULL, &future, add_up, &rest); /* NULL: the pool that this task runs in */
    int status = filch_wait(&future);           /* the submit's error too, if it failed */
    if (status < 0)
        return status;
    sum->result = rest.result + sum->upto;
    return 0;
}

int main(void)
{
    struct filch_pool *pool;
    int status = filch_pool_open(&pool, &(struct filch_pool_config){.max_concurrency = 1});
    if (status < 0) {
        fprintf(stderr, "nested: no pool: %s\n", strerror(-status));
        return 1;
    }
    struct sum sum = {.upto = DEPTH};
    struct filch_future future = {0};
    filch_submit(pool, &future, add_up, &sum);
    status = filch_wait(&future);

    struct filch_pool_stats stats = {0}; /* exact once the pool is closed */
    filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE);
    filch_pool_get_stats(pool, &stats, sizeof stats);
    filch_pool_free(pool);
    printf("status %d, 1 + ... + %d = %ld, by %llu tasks of which %llu waited for another\n", status, DEPTH, sum.result,
           (unsigned long long)stats.run, (unsigned long long)stats.suspensions);
    return status == 0 && sum.result == DEPTH * (DEPTH + 1) / 2 ? 0 : 1;
}
