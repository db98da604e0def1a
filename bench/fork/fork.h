/* SPDX-License-Identifier: MIT */
/* fork.h - one vocabulary for fork-join kernels, and the systems it is spelled for. Included by a kernel, once.
 *
 * The spelling for each system is what its user would write, and no more: on_<system>.h.
 *
 *     TASK(type, name, (type, parameter)...) { body }        VOID_TASK(name, (type, parameter)...) { body }
 *     CALL(name, arguments...)                               a plain call of a task
 *
 * One child with a value:                                    Children without one:
 *     ONE(type, value);                                          CHILDREN();
 *     SPAWN_ONE(value, name, arguments...);                      SPAWN(name, arguments...);
 *     SYNC_ONE(value, name);                                     SYNC_ALL();
 *
 * Up to `most` children, whose values are added up:
 *     TERMS(type, name, most);
 *     SPAWN_TERM(name, arguments...);
 *     ADD_TERMS(sum, name);
 *
 *     RUN(value, name, arguments...)    RUN_VOID(name, arguments...)        from outside, on the system that is open
 *
 * ONE, TERMS and CHILDREN stand in the block of their sync, one of them per block, after the cases that spawn nothing.
 * Arguments are copied when the child is spawned.
 */
#ifndef FILCH_BENCH_FORK_H
#define FILCH_BENCH_FORK_H

#include "../harness/bench.h"
#include "kernel.h"

#include <stddef.h>

/* (type, a), (type, b) -> type a, type b */
#define FORK_PARAMETERS(...) FORK_SEVENTH(__VA_ARGS__, FORK_6, FORK_5, FORK_4, FORK_3, FORK_2, FORK_1, )(__VA_ARGS__)
#define FORK_SEVENTH(a, b, c, d, e, f, g, ...) g
#define FORK_1(a) FORK_PAIR a
#define FORK_2(a, ...) FORK_PAIR a, FORK_1(__VA_ARGS__)
#define FORK_3(a, ...) FORK_PAIR a, FORK_2(__VA_ARGS__)
#define FORK_4(a, ...) FORK_PAIR a, FORK_3(__VA_ARGS__)
#define FORK_5(a, ...) FORK_PAIR a, FORK_4(__VA_ARGS__)
#define FORK_6(a, ...) FORK_PAIR a, FORK_5(__VA_ARGS__)
#define FORK_PAIR(type, name) type name

#if defined(FORK_ON_FILCH)
#include "on_filch.h"
#elif defined(FORK_ON_OPENMP)
#include "on_openmp.h"
#elif defined(FORK_ON_ONETBB)
#include "on_onetbb.h"
#elif defined(FORK_ON_SERIAL)
#include "on_serial.h"
#else
#error "which system?"
#endif

#endif
