/* SPDX-License-Identifier: MIT */
#include "tasks.h"

FILCH_TASK(int, use)
{
    FILCH_SPAWN(add); /* wrong */
    return FILCH_SYNC(add);
}
