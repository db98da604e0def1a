/* SPDX-License-Identifier: MIT */
#include "tasks.h"

int use(void);
int use(void)
{
    FILCH_SPAWN(add, 1, 2); /* wrong */
    return 0;
}
