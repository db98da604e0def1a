/* SPDX-License-Identifier: MIT */
/* steps.c - what each step of the way to fork.h saves: naive fib with one spawn per pair of calls, at one of the steps.
 *
 *     step-N ORDER TIMES      fib(ORDER), the best of TIMES; ns of the thread's own time per spawn
 *
 * STEP: 0 is serial, 1 to 9 stand in pointers.h, slots.h and private.h, 10 is fork.h as it is. The thread is alone, so
 * that every step is asked the same: what do a spawn and a sync cost that nobody interferes with?
 */
#include "study.h"

#include "../harness/bench.h"

#include <stdlib.h>

#if STEP == 0
static long fib(long n)
{
    if (n < 2)
        return n;
    long a = fib(n - 1);
    return a + fib(n - 2);
}
#define FIB(strand, n) ((void)(strand), fib(n))
#elif STEP <= 2
#include "pointers.h"
#elif STEP <= 4
#include "slots.h"
#elif STEP <= 9
#include "private.h"
#else
#include <filch/fork.h>
FILCH_TASK(long, fib, (long, n))
{
    if (n < 2)
        return n;
    FILCH_SPAWN(fib, n - 1);
    long b = FILCH_CALL(fib, n - 2);
    return FILCH_SYNC(fib) + b;
}

static long fib_library(struct strand *strand, long n)
{
    struct filch__forks forks = {(struct filch__slot *)strand->guard, (struct filch__slot *)strand->limit};
    fib__filch_run(&forks, (struct filch__slot *)strand->base, &n);
    return n;
}
#define FIB(strand, n) fib_library(strand, n)
#endif

static struct ring ring = {.mask = STUDY_SLOTS - 1};
static _Alignas(STUDY_LINE) struct slot slots[STUDY_SLOTS];
static struct strand strand = {
    .ring = &ring, .base = slots, .end = slots + STUDY_SLOTS - 1, .guard = slots, .limit = slots + STUDY_SLOTS - 1};

int main(int argc, char **argv)
{
    volatile long order = bench_argument(argc, argv, 1, 30); /* read for each run, so that none is left out */
    long times = bench_argument(argc, argv, 2, 7);
    double spawns = (double)bench_fibonacci(order + 1) - 1, best = 0;
    for (long i = 0; i < times; i++) {
        uint64_t begin = bench_thread_cpu_ns();
        long result = FIB(&strand, order);
        double ns = (double)(bench_thread_cpu_ns() - begin) / spawns;
        BENCH_CHECK(result == bench_fibonacci(order));
        best = i == 0 || ns < best ? ns : best;
    }
    bench_sample("-", "ns_per_spawn", best);
    return EXIT_SUCCESS;
}
