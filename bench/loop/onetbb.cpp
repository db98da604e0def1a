// SPDX-License-Identifier: MIT
// onetbb.cpp - parallel_for within an arena whose first slot is the caller's.
#include "../harness/with_onetbb.h"
#include "loop.h"

#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/parallel_for.h>

static tbb::static_partitioner partitioner;

void loop_inside(void (*measure)(void *data), void *data)
{
    arena->execute([&] { measure(data); });
}

void loop_run(struct loop_data *data, size_t count)
{
    tbb::parallel_for(
        tbb::blocked_range<size_t>(0, count),
        [data](const tbb::blocked_range<size_t> &range) {
            loop_part(data, range.begin(), range.end(),
                      static_cast<unsigned>(tbb::this_task_arena::current_thread_index()));
        },
        partitioner);
}
