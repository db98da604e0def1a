/* SPDX-License-Identifier: MIT */
#include "tasks.h"

FILCH_TASK(int, add, (int, a), (int, b)) /* wrong */
{
    return a - b;
}
