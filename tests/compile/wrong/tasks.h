/* SPDX-License-Identifier: MIT */
/* tasks.h - what the wrong programs of this directory use. */
#include <filch/fork.h>

struct point {
    int x, y;
};

FILCH_TASK(int, add, (int, a), (int, b))
{
    return a + b;
}

FILCH_VOID_TASK(nothing, (int, a))
{
    (void)a;
}
