/* SPDX-License-Identifier: MIT */
#include "tasks.h"

FILCH_TASK(int, use, (struct point, a))
{
    FILCH_SPAWN(add, 1, a); /* wrong */
    return FILCH_SYNC(add);
}
