/* SPDX-License-Identifier: MIT */
/* run_onetbb.cpp - the job on oneTBB: a task group in an arena of the limit's size, parallel_for over a list. */
#include "backends.h"

#include <cerrno>
#include <exception>
#include <memory>

#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/enumerable_thread_specific.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>

namespace {

struct close_context {
    void operator()(struct job_context *context) const
    {
        job_context_close(context);
    }
};

using context_ptr = std::unique_ptr<struct job_context, close_context>;

/* The arena, and the contexts of the threads that enter it. */
struct tbb_job {
    struct run *run;
    int level;
    tbb::global_control control;
    tbb::task_arena arena;
    tbb::task_group group;
    tbb::enumerable_thread_specific<context_ptr> contexts;

    tbb_job(struct run *job_run, const struct options *options)
        : run(job_run), level(options->level),
          control(tbb::global_control::max_allowed_parallelism, options->max_concurrency),
          arena(static_cast<int>(options->max_concurrency))
    {
    }

    /* nullptr when memory is short. */
    struct job_context *context()
    {
        context_ptr &mine = contexts.local();
        if (!mine)
            mine.reset(job_context_open(run, level, run ? run_stopping : nullptr));
        return mine.get();
    }

    void do_file(struct file *file)
    {
        struct job_context *mine = context();
        if (mine)
            job_file(mine, file);
        if (run && mine)
            run_report(run, file);
        else if (run)
            run_refused(run, file, -ENOMEM);
    }
};

/* One job per process. */
tbb_job *tbb_now;

void submit(struct run *run, struct file *file)
{
    (void)run;
    tbb_now->group.run([file] { tbb_now->do_file(file); });
}

/* The carrier walks in the arena, and works there once the walk is done. */
int carry(struct run *run)
{
    try {
        tbb_job job(run, run_options(run));
        int error = 0;
        tbb_now = &job;
        job.arena.execute([&] {
            error = run_walk(run, submit);
            job.group.wait();
        });
        return error;
    } catch (const std::exception &) {
        return -ENOMEM;
    }
}

int all(const struct options *options, struct file *files, size_t count)
{
    try {
        tbb_job job(nullptr, options);
        job.arena.execute([&] {
            tbb::parallel_for(tbb::blocked_range<size_t>(0, count, 1), [&](const tbb::blocked_range<size_t> &range) {
                for (size_t i = range.begin(); i < range.end(); i++)
                    job.do_file(&files[i]);
            });
        });
        return 0;
    } catch (const std::exception &) {
        return -ENOMEM;
    }
}

} // namespace

extern "C" const struct backend backend_onetbb = {
    "onetbb", "oneTBB: a task group; parallel_for over a list", carry, all, nullptr, nullptr, nullptr, nullptr, nullptr,
};
