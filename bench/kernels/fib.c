/* SPDX-License-Identifier: MIT */
/* fib.c - W1: one spawn per pair of calls, no cut-off: what a spawn and its sync cost, and nothing else.
 *
 *     fib WORKERS N [TIMES]        fib(N), computed TIMES times within one run
 */
#include "../fork/fork.h"

TASK(long, fib, (long, n))
{
    if (n < 2)
        return n;
    ONE(long, first);
    SPAWN_ONE(first, fib, n - 1);
    long second = CALL(fib, n - 2);
    SYNC_ONE(first, fib);
    return first + second;
}

TASK(long, fib_often, (long, n), (long, times))
{
    long sum = 0;
    for (long i = 0; i < times; i++) {
        BENCH_OPAQUE(n);
        sum += CALL(fib, n);
    }
    return sum;
}

static long order, times, result;

void kernel_open(int argc, char **argv)
{
    order = bench_argument(argc, argv, 1, 40);
    times = bench_argument(argc, argv, 2, 1);
}

void kernel_reset(void)
{
}

void kernel_run(bool warm)
{
    if (warm)
        RUN(result, fib, order < 24 ? order : 24);
    else
        RUN(result, fib_often, order, times);
}

void kernel_check(void)
{
    BENCH_CHECK(result == times * bench_fibonacci(order));
}

double kernel_tasks(void)
{
    return (double)times * (double)(bench_fibonacci(order + 1) - 1);
}
