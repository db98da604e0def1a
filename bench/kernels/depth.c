/* SPDX-License-Identifier: MIT */
/* depth.c - a recursion that leaves a spawned child behind at every level: so many are outstanding at its bottom.
 *
 *     depth WORKERS DEPTH TIMES
 */
#include "../fork/fork.h"

enum { FRAME_MAX = 512 }; /* of a level, by far */

TASK(long, count_one, (long, level))
{
    return level > 0;
}

TASK(long, dive, (long, levels))
{
    if (!levels)
        return 0;
    ONE(long, child);
    SPAWN_ONE(child, count_one, levels);
    long below = CALL(dive, levels - 1);
    SYNC_ONE(child, count_one);
    return below + child;
}

TASK(long, dive_often, (long, levels), (long, times))
{
    long sum = 0;
    for (long i = 0; i < times; i++) {
        BENCH_OPAQUE(levels);
        sum += CALL(dive, levels);
    }
    return sum;
}

static long depth, times, result;

void kernel_open(int argc, char **argv)
{
    depth = bench_argument(argc, argv, 1, 1000000);
    times = bench_argument(argc, argv, 2, 1);
#ifdef FORK_ON_FILCH
    pool_stack_size = (size_t)depth * FRAME_MAX + ((size_t)1 << 20);
#endif
}

void kernel_reset(void)
{
}

/* The small run is as deep as the whole: it brings in the pages of the stack. */
void kernel_run(bool warm)
{
    RUN(result, dive_often, depth, warm ? 1 : times);
}

void kernel_check(void)
{
    BENCH_CHECK(result == depth * times);
}

double kernel_tasks(void)
{
    return (double)depth * (double)times;
}
