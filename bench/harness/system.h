/* SPDX-License-Identifier: MIT */
/* system.h - the system under test, as the programs of fork-join, loops and graphs open it.
 *
 * with_filch.h, with_openmp.h, with_onetbb.h and with_nothing.h define these for one program each; what they open is
 * there for the rest of that file.
 */
#ifndef FILCH_BENCH_SYSTEM_H
#define FILCH_BENCH_SYSTEM_H

#include "bench.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Serial code has one worker whatever is asked for. */
extern const bool bench_system_is_serial;

void bench_system_open(unsigned workers);
void bench_system_close(void);
const char *bench_system_version(void);

/* What the system's part of the program was compiled with. */
extern const char bench_system_compiler[];

#if defined(__clang__)
#define BENCH_COMPILER "clang " __clang_version__
#else
#define BENCH_COMPILER "gcc " __VERSION__
#endif

/* Print both, as bench/run reads them. */
void bench_system_describe(void);

#ifdef __cplusplus
}
#endif

#endif
