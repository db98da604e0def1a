/* SPDX-License-Identifier: MIT */
#include "tasks.h"

FILCH_TASK_DECL(int, use, (int, a));

FILCH_TASK_DEF(int, use, (double, a)) /* wrong */
{
    return a > 0;
}
