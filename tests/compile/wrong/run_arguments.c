/* SPDX-License-Identifier: MIT */
#include "tasks.h"

int use(void);
int use(void)
{
    return FILCH_RUN(NULL, add, 1); /* wrong */
}
