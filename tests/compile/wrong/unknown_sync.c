/* SPDX-License-Identifier: MIT */
#include "tasks.h"

FILCH_TASK(int, use)
{
    FILCH_SPAWN(add, 1, 2);
    return FILCH_SYNC(subtract); /* wrong */
}
