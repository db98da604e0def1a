// SPDX-License-Identifier: MIT
// with_onetbb.h - system.h for oneTBB: `arena`, whose first slot is the caller's.
#include "system.h"

#include <memory>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/version.h>

static std::unique_ptr<tbb::global_control> control;
static std::unique_ptr<tbb::task_arena> arena;

extern const char bench_system_compiler[] = BENCH_COMPILER;
extern const bool bench_system_is_serial = false;

void bench_system_open(unsigned workers)
{
    control = std::make_unique<tbb::global_control>(tbb::global_control::max_allowed_parallelism, workers);
    arena = std::make_unique<tbb::task_arena>(static_cast<int>(workers));
    arena->initialize();
}

void bench_system_close()
{
    arena.reset();
    control.reset();
}

const char *bench_system_version()
{
    return TBB_runtime_version();
}
