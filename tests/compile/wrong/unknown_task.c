/* SPDX-License-Identifier: MIT */
#include "tasks.h"

FILCH_TASK(int, use)
{
    FILCH_SPAWN(subtract, 1, 2); /* wrong */
    return 0;
}
