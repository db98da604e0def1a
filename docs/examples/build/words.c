/* SPDX-License-Identifier: MIT */
#include "numbers.h"

const char *word(int n)
{
    return n % 2 ? "odd" : "even";
}
