/* SPDX-License-Identifier: MIT */
/* system.c - see system.h. */
#include "system.h"

#include <stdio.h>

void bench_system_describe(void)
{
    printf("version %s\n", bench_system_version());
    printf("compiler %s\n", bench_system_compiler);
}
