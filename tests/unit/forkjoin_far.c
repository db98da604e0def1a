/* SPDX-License-Identifier: MIT */
#include "forkjoin_far.h"

atomic_int far_noted;

FILCH_TASK_DEF(long, far_fib, (int, n))
{
    if (n < 2)
        return n;
    FILCH_SPAWN(far_fib, n - 1);
    long below = FILCH_CALL(far_fib, n - 2);
    return FILCH_SYNC(far_fib) + below;
}

FILCH_VOID_TASK_DEF(far_note, (int, n))
{
    atomic_fetch_add(&far_noted, n);
}
