/* SPDX-License-Identifier: MIT */
/* kernel.h - what a kernel is to main.c, beside the system that it runs on (harness/system.h).
 *
 * A kernel (kernels/<name>.c) is written once, in the words of fork.h, and compiled once per system and compiler;
 * main.c is the same for all of them.
 */
#ifndef FILCH_BENCH_KERNEL_H
#define FILCH_BENCH_KERNEL_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Read the arguments, from index 1 on, and make the input. */
void kernel_open(int argc, char **argv);

/* Run it on the system that is open. warm: a small part, so that its threads and its memory are there; else the whole,
 * which is timed, after kernel_reset() has made the input anew where a run changes it. */
void kernel_reset(void);
void kernel_run(bool warm);

/* End the program unless the whole run's result is right. */
void kernel_check(void);

/* What a run's time is divided by for the figure ns_per_task: its tasks, or 0 where that says nothing. */
double kernel_tasks(void);

#ifdef __cplusplus
}
#endif

#endif
