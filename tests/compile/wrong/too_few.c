/* SPDX-License-Identifier: MIT */
#include "tasks.h"

FILCH_TASK(int, use)
{
    FILCH_SPAWN(add, 1); /* wrong */
    return FILCH_SYNC(add);
}
