/* SPDX-License-Identifier: MIT */
/* bench.h - what every bench program shares: the clock, arguments, samples, and the end when something is wrong.
 *
 * A program measures one workload on one system, takes its sizes as arguments and prints lines that bench/run reads:
 *
 *     version 2.74.6                 of the system, once
 *     sample WAY METRIC VALUE        WAY tells several ways to do the work apart; - where there is one
 *
 * It checks its own results. Where one is wrong it says so on stderr and exits with 1: no figure without its check.
 */
#ifndef FILCH_BENCH_H
#define FILCH_BENCH_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t bench_now_ns(void);

/* CPU time of the whole process, and of the calling thread, in nanoseconds. */
uint64_t bench_process_cpu_ns(void);
uint64_t bench_thread_cpu_ns(void);

/* Sleep for that long, whatever signals arrive. */
void bench_sleep_ns(uint64_t duration_ns);

/* Argument `index` as a number; `fallback` where it is not given. */
long bench_argument(int argc, char **argv, int index, long fallback);

void bench_sample(const char *way, const char *metric, double value);

/* Print the message as printf does, and exit with 1. */
__attribute__((noreturn, format(printf, 1, 2))) void bench_die(const char *format, ...);

#define BENCH_CHECK(condition)                                                                                         \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            bench_die("%s:%d: %s does not hold", __FILE__, __LINE__, #condition);                                      \
    } while (0)

/* Zeroed memory for `count` items of `size` bytes; ends the program when there is none. For free(). */
void *bench_allocate(size_t count, size_t size);

/* The next of a sequence of pseudo-random numbers (splitmix64): the same for the same first *state. */
uint64_t bench_random(uint64_t *state);

/* The n-th Fibonacci number: what fib has to give, the sum of its leaves. fib(n) spawns one less than fib(n + 1) times. */
long bench_fibonacci(long n);

/* The compiler forgets what it knows about an integer: so a repeated call is not computed once and multiplied. */
#define BENCH_OPAQUE(variable) __asm__ volatile("" : "+r"(variable))

/* The number behind `key` in a file of "key: number unit" lines, such as /proc/self/status. */
long bench_proc_value(const char *path, const char *key);

/* Times that the threads other than the calling one went to sleep of their own accord, summed since each began. */
long bench_other_threads_switches(void);

#ifdef __cplusplus
}
#endif

#endif
