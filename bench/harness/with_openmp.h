/* SPDX-License-Identifier: MIT */
/* with_openmp.h - system.h for OpenMP: `team` is the number of threads. libgomp where gcc compiles it, libomp where
 * clang does.
 */
#include "system.h"

#include <omp.h>
#include <stdio.h>

static int team;

const char bench_system_compiler[] = BENCH_COMPILER;
const bool bench_system_is_serial = false;

void bench_system_open(unsigned workers)
{
    team = (int)workers;
    omp_set_dynamic(0);
}

void bench_system_close(void)
{
}

/* That of the interface; the library's is the compiler's. */
const char *bench_system_version(void)
{
    static char text[24];
    snprintf(text, sizeof text, "OpenMP-%d", _OPENMP);
    return text;
}
