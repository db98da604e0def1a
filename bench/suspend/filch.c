/* SPDX-License-Identifier: MIT */
/* filch.c - W9: what a task pays for a wait that suspends it, over one that finds its future done.
 *
 *     filch CHILDREN
 *
 * Two tasks in a pool of limit 1 do the same: submit CHILDREN empty tasks and call filch_wait on each. The one waits
 * for each child before it submits the next, so every wait suspends. The other submits a group first: its first wait
 * suspends until the group has run, since a worker's own tasks are taken newest first, and the other waits find their
 * futures done. The pool counts the suspensions; the difference in time by the difference in suspensions is the figure.
 */
#include "../harness/bench.h"

#include <filch/filch.h>

#include <string.h>

enum { GROUP_MAX = 64 };

struct pass {
    struct filch_pool *pool;
    long children;
    int group;
    uint64_t elapsed_ns;
    uint64_t suspensions;
};

static int empty(void *data)
{
    (void)data;
    return 1;
}

static int submit_and_wait(void *data)
{
    struct pass *pass = data;
    struct filch_future futures[GROUP_MAX];
    memset(futures, 0, sizeof futures);
    uint64_t begin_ns = bench_now_ns();
    for (long done = 0; done < pass->children; done += pass->group) {
        for (int i = 0; i < pass->group; i++)
            BENCH_CHECK(filch_submit(NULL, &futures[i], empty, NULL) == 0);
        for (int i = 0; i < pass->group; i++)
            BENCH_CHECK(filch_wait(&futures[i]) == 1);
    }
    pass->elapsed_ns = bench_now_ns() - begin_ns;
    return 0;
}

static uint64_t suspensions(const struct filch_pool *pool)
{
    struct filch_pool_stats stats;
    BENCH_CHECK(filch_pool_get_stats(pool, &stats, sizeof stats) == 0);
    return stats.suspensions;
}

static struct pass run(struct filch_pool *pool, int group, long children)
{
    struct pass pass = {.pool = pool, .children = children, .group = group};
    struct filch_future future = {0};
    uint64_t before = suspensions(pool);
    BENCH_CHECK(filch_submit(pool, &future, submit_and_wait, &pass) == 0);
    BENCH_CHECK(filch_wait(&future) == 0);
    pass.suspensions = suspensions(pool) - before;
    return pass;
}

int main(int argc, char **argv)
{
    long children = bench_argument(argc, argv, 1, 1000000) / GROUP_MAX * GROUP_MAX;
    struct filch_pool *pool;
    int error = filch_pool_open(&pool, &(struct filch_pool_config){.min_workers = 1, .max_concurrency = 1});
    if (error)
        bench_die("filch_pool_open: %s", strerror(-error));
    run(pool, 1, children / 10);
    run(pool, GROUP_MAX, children / 10);
    struct pass one_by_one = run(pool, 1, children);
    struct pass grouped = run(pool, GROUP_MAX, children);
    BENCH_CHECK(one_by_one.suspensions >= (uint64_t)children);
    BENCH_CHECK(grouped.suspensions <= (uint64_t)children / 16);
    bench_sample("-", "suspend_ns",
                 ((double)one_by_one.elapsed_ns - (double)grouped.elapsed_ns) /
                     (double)(one_by_one.suspensions - grouped.suspensions));
    bench_sample("-", "submit_and_wait_ns", (double)grouped.elapsed_ns / (double)children);
    BENCH_CHECK(filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE) == 0);
    filch_pool_free(pool);
}
