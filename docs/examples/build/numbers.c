/* SPDX-License-Identifier: MIT */
#include "numbers.h"

int number(int n)
{
    return n < 2 ? n : number(n - 1) + number(n - 2);
}
