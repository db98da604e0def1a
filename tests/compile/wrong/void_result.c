/* SPDX-License-Identifier: MIT */
#include "tasks.h"

FILCH_TASK(int, use)
{
    FILCH_SPAWN(nothing, 1);
    return FILCH_SYNC(nothing); /* wrong */
}
