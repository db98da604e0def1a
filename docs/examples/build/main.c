/* SPDX-License-Identifier: MIT */
#include "numbers.h"

#include <stdio.h>

int main(void)
{
    for (int n = 10; n < 13; n++)
        printf("%d %s\n", number(n), word(number(n)));
    return 0;
}
