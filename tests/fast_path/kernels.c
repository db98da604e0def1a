/* SPDX-License-Identifier: MIT */
#include "kernels.h"

#include "seeded.h"

#include <filch/fork.h>

FILCH_TASK(long, fib, (int, n))
{
    if (n < 2)
        return n;
    FILCH_SPAWN(fib, n - 1);
    long second = FILCH_CALL(fib, n - 2);
    return FILCH_SYNC(fib) + second;
}

FILCH_TASK(long, spread, (int, n), (long, weight))
{
    long sum = weight;
    for (int i = 0; i < n; i++)
        FILCH_SPAWN(spread, n - 1, weight + i);
    for (int i = 0; i < n; i++)
        sum += FILCH_SYNC(spread);
    return sum;
}

/* The names are those that FILCH_CALL uses in a task's body. */
long kernel_fib(struct filch__forks *filch__forks, struct filch__slot *filch__head, int n)
{
    return FILCH_CALL(fib, n);
}

long kernel_spread(struct filch__forks *filch__forks, struct filch__slot *filch__head, int n)
{
    return FILCH_CALL(spread, n, 1);
}
