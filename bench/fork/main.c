/* SPDX-License-Identifier: MIT */
/* main.c - one kernel on one system, with each number of workers in turn.
 *
 *     KERNEL WORKERS[,WORKERS...] ARGUMENTS...        the way of a sample is its number of workers
 *
 * The system is opened, warmed up with a small run, and closed again for each number; only the whole run between is
 * timed, and its result is checked.
 */
#include "../harness/system.h"
#include "kernel.h"

#include <stdio.h>
#include <stdlib.h>

static uint64_t timed_run(unsigned workers)
{
    bench_system_open(workers);
    kernel_reset();
    kernel_run(true);
    kernel_reset();
    uint64_t begin_ns = bench_now_ns();
    kernel_run(false);
    uint64_t elapsed_ns = bench_now_ns() - begin_ns;
    bench_system_close();
    kernel_check();
    return elapsed_ns;
}

static void measure(unsigned workers)
{
    double elapsed_ns = (double)timed_run(workers);
    char way[16];
    snprintf(way, sizeof way, "%u", workers);
    bench_sample(way, "ms", elapsed_ns / 1e6);
    if (kernel_tasks() > 0)
        bench_sample(way, "ns_per_task", elapsed_ns / kernel_tasks());
}

int main(int argc, char **argv)
{
    if (argc < 2)
        bench_die("usage: %s WORKERS[,WORKERS...] ARGUMENTS...", argv[0]);
    kernel_open(argc - 1, argv + 1);
    bench_system_describe();
    for (char *at = argv[1]; *at;) {
        char *end;
        unsigned long workers = strtoul(at, &end, 10);
        if (end == at || !workers || (*end && *end != ','))
            bench_die("%s: \"%s\" is not a list of numbers of workers", argv[0], argv[1]);
        if (!bench_system_is_serial || workers == 1)
            measure((unsigned)workers);
        at = *end ? end + 1 : end;
    }
}
