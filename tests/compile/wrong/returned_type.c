/* SPDX-License-Identifier: MIT */
#include "tasks.h"

FILCH_TASK(int, use, (struct point, a))
{
    return a; /* wrong */
}
