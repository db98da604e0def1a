/* SPDX-License-Identifier: MIT */
#include "tasks.h"

FILCH_TASK(int, use)
{
    return FILCH_CALL(add, 1, 2, 3); /* wrong */
}
