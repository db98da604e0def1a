/* SPDX-License-Identifier: MIT */
#include "tasks.h"

FILCH_TASK(int, use, (int, a), (int, b), (int, c), (int, d), (int, e), (int, f), (int, g), (int, h), (int, i)) /* wrong */
{
    return a + b + c + d + e + f + g + h + i;
}
