/* SPDX-License-Identifier: MIT */
/* skynet.c - a tree of tasks, ten children each, down to a million leaves whose numbers are added up on the way back.
 *
 *     skynet WORKERS LEAVES TIMES        a power of ten; that often within one run
 */
#include "../fork/fork.h"

enum { ARITY = 10 };

TASK(long, skynet, (long, number), (long, leaves))
{
    if (leaves == 1)
        return number;
    long sum = 0, share = leaves / ARITY;
    TERMS(long, skynet, ARITY);
    for (long i = 0; i < ARITY; i++)
        SPAWN_TERM(skynet, number + i * share, share);
    ADD_TERMS(sum, skynet);
    return sum;
}

TASK(long, skynet_often, (long, leaves), (long, times))
{
    long sum = 0;
    for (long i = 0; i < times; i++) {
        BENCH_OPAQUE(leaves);
        sum += CALL(skynet, 0, leaves);
    }
    return sum;
}

static long leaves, times, result;

void kernel_open(int argc, char **argv)
{
    leaves = bench_argument(argc, argv, 1, 1000000);
    times = bench_argument(argc, argv, 2, 1);
}

void kernel_reset(void)
{
}

void kernel_run(bool warm)
{
    RUN(result, skynet_often, warm ? 1000 : leaves, warm ? 1 : times);
}

void kernel_check(void)
{
    BENCH_CHECK(result == times * (leaves * (leaves - 1) / 2));
}

/* All nodes but the roots are spawned. */
double kernel_tasks(void)
{
    return (double)times * (double)(leaves - 1) * ARITY / (ARITY - 1);
}
