/* SPDX-License-Identifier: MIT */
/* onetbb.cpp - oneTBB as a pool of the benches: task_arena::enqueue, the one way in for a thread that does not join in.
 *
 * The arena reserves no slot for the producer, and the process allows one thread more than the arena has, so that
 * `workers` threads serve it on any machine.
 */
#include "tally.h"

#include <cstdio>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/version.h>

static tbb::global_control *control;
static tbb::task_arena *arena;

void bench_pool_open(unsigned workers)
{
    control = new tbb::global_control(tbb::global_control::max_allowed_parallelism, workers + 1);
    arena = new tbb::task_arena(static_cast<int>(workers), 0);
    arena->initialize();
    std::printf("version %s\n", TBB_runtime_version());
}

void bench_pool_close(void)
{
    delete arena;
    delete control;
}

void bench_lot_submit(struct bench_lot *lot, size_t count)
{
    for (size_t i = 0; i < count; i++)
        arena->enqueue([lot] { bench_tally_run(lot); });
    lot->submitted += count;
}
