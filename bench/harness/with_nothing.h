/* SPDX-License-Identifier: MIT */
/* with_nothing.h - system.h for serial code. */
#include "system.h"

const char bench_system_compiler[] = BENCH_COMPILER;
const bool bench_system_is_serial = true;

void bench_system_open(unsigned workers)
{
    (void)workers;
}

void bench_system_close(void)
{
}

const char *bench_system_version(void)
{
    return "-";
}
