/* SPDX-License-Identifier: MIT */
/* run_filch.c - the job on filch.
 *
 * The carrier submits each file as it finds it; the future lies in the file's own record, so nothing is allocated.
 * Each worker has its buffers and its zstd context from worker_init. The main thread gets the files in the order in
 * which they end from a completions queue, whose descriptor lies in its poll(). To stop, it closes the pool with
 * FILCH_CLOSE_CANCEL: what has not started ends with -ECANCELED, what runs sees filch_cancelled(), and all of it comes
 * out of the queue.
 */
#include "backends.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

struct filch_job {
    struct run *run; /* NULL in a comparison */
    const struct options *options;
    struct filch_pool *pool;
    struct filch_completions *completions;
    int completions_fd;
    bool closed;
};

static bool cancelled(struct run *run)
{
    (void)run;
    return filch_cancelled();
}

static int start_worker(void *ctx, unsigned worker, void **ret_local)
{
    struct filch_job *job = ctx;
    (void)worker;
    struct job_context *context = job_context_open(job->run, job->options->level, cancelled);
    if (!context)
        return -ENOMEM;
    *ret_local = context;
    return 0;
}

static void end_worker(void *ctx, unsigned worker, void *local)
{
    (void)ctx;
    (void)worker;
    job_context_close(local);
}

static int do_file(void *data)
{
    return job_file(filch_worker_local(), data);
}

static int open_pool(struct filch_job *job)
{
    const struct filch_pool_config config = {
        .max_concurrency = job->options->max_concurrency,
        .name = "batch",
        .worker_init = start_worker,
        .worker_fini = end_worker,
        .ctx = job,
    };
    return filch_pool_open(&job->pool, &config);
}

static int close_pool(struct filch_job *job, enum filch_close mode)
{
    if (job->closed)
        return 0;
    job->closed = true;
    return filch_pool_close(job->pool, mode, FILCH_NO_DEADLINE);
}

static void job_close(void *state)
{
    struct filch_job *job = state;
    if (job->pool) {
        close_pool(job, FILCH_CLOSE_DRAIN);
        filch_pool_free(job->pool);
    }
    filch_completions_close(job->completions);
    free(job);
}

static int job_open(struct run *run, void **ret_state)
{
    struct filch_job *job = calloc(1, sizeof *job);
    if (!job)
        return -ENOMEM;
    job->run = run;
    job->options = run_options(run);
    int error = filch_completions_open(&job->completions);
    if (!error) {
        job->completions_fd = filch_completions_fd(job->completions);
        error = job->completions_fd < 0 ? job->completions_fd : open_pool(job);
    }
    if (error) {
        job_close(job);
        return error;
    }
    *ret_state = job;
    return 0;
}

static int job_fd(void *state)
{
    struct filch_job *job = state;
    return job->completions_fd;
}

static void submit(struct run *run, struct file *file)
{
    struct filch_job *job = run_state(run);
    const struct filch_task_options options = {.completions = job->completions};
    int error = filch_submit_with(job->pool, &file->future, do_file, file, &options);
    if (error)
        run_refused(run, file, error);
}

static int carry(struct run *run)
{
    return run_walk(run, submit);
}

static struct file *next(void *state)
{
    struct filch_job *job = state;
    struct filch_future *future;
    if (filch_completions_next(job->completions, 0, &future))
        return NULL;
    return (struct file *)((char *)future - offsetof(struct file, future));
}

static void stop(void *state)
{
    close_pool(state, FILCH_CLOSE_CANCEL);
}

/* One call submits the whole list, one waits for it: futures and items are the same array, with the same stride. */
static int all(const struct options *options, struct file *files, size_t count)
{
    struct filch_job job = {.options = options};
    const struct filch_batch batch = {
        .futures = &files[0].future,
        .future_stride = sizeof files[0],
        .items = files,
        .item_stride = sizeof files[0],
        .count = count,
    };
    int error = open_pool(&job);
    if (error)
        return error;
    error = filch_submit_many(job.pool, &batch, do_file, NULL);
    if (!error)
        error = filch_wait_many(&batch, FILCH_NO_DEADLINE);
    int close_error = close_pool(&job, FILCH_CLOSE_DRAIN);
    filch_pool_free(job.pool);
    return error ? error : close_error;
}

const struct backend backend_filch = {
    .name = "filch",
    .what = "futures in the files' records, completions, cancellation",
    .carry = carry,
    .all = all,
    .open = job_open,
    .fd = job_fd,
    .next = next,
    .stop = stop,
    .close = job_close,
};
