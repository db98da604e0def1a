/* SPDX-License-Identifier: MIT */
#include "tasks.h"

FILCH_TASK(int, use, (unknown_type, a)) /* wrong */
{
    return a != 0;
}
