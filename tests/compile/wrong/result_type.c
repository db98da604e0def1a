/* SPDX-License-Identifier: MIT */
#include "tasks.h"

FILCH_TASK(int, use)
{
    struct point a;
    FILCH_SPAWN(add, 1, 2);
    a = FILCH_SYNC(add); /* wrong */
    return a.x;
}
