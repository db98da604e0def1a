/* SPDX-License-Identifier: MIT */
/* run_filch.c - the job on filch.
 *
 * The carrier submits each file as it finds it, to a scope; the future lies in the file's own record. Each worker has its
 * buffers and its zstd context from worker_init. A gate sees to it that no more files are open than half of the descriptors
 * allow, however many tasks run at once. The main thread gets the files in the order in which they end from a completions
 * queue, whose descriptor lies in its poll(). The first failure cancels the scope, unless all are wanted, and so does
 * Ctrl-C: what has not started ends with -ECANCELED, what runs sees filch_cancelled(), and all of it comes out of the queue.
 */
#include "backends.h"

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

/* One job per process. */
static struct run *filch_run; /* NULL in a comparison */
static const struct options *filch_options;
static struct filch_pool *pool;
static struct filch_scope scope;
static struct filch_gate *open_files;
static struct filch_completions *completions;

static bool cancelled(struct run *run)
{
    (void)run;
    return filch_cancelled();
}

static int start_worker(void *ctx, unsigned worker, void **ret_local)
{
    (void)ctx;
    (void)worker;
    *ret_local = job_context_open(filch_run, filch_options->level, cancelled);
    return *ret_local ? 0 : -ENOMEM;
}

static void end_worker(void *ctx, unsigned worker, void *local)
{
    (void)ctx;
    (void)worker;
    job_context_close(local);
}

static int do_file(void *data)
{
    const struct file *file = data;
    filch_trace_note(file->path);
    return job_file(filch_worker_local(), data);
}

static int open_pool(struct run *run, const struct options *options)
{
    const struct filch_pool_config config = {
        .max_concurrency = options->max_concurrency,
        .name = "batch",
        .worker_init = start_worker,
        .worker_fini = end_worker,
    };
    filch_run = run;
    filch_options = options;
    return filch_pool_open(&pool, &config);
}

static void close_pool(void)
{
    filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE);
    filch_pool_free(pool);
}

static void job_close(void *state)
{
    (void)state;
    filch_scope_close(&scope);
    close_pool();
    filch_gate_close(open_files);
    filch_completions_close(completions);
}

static int job_open(struct run *run, void **ret_state)
{
    const struct options *options = run_options(run);
    const struct filch_scope_config config = {.policy = options->keep_going ? FILCH_SCOPE_ALL : FILCH_SCOPE_FAIL_FAST};
    long descriptors = sysconf(_SC_OPEN_MAX);
    int error = filch_completions_open(&completions);
    *ret_state = &scope; /* job_close closes what is there */
    if (!error && filch_completions_fd(completions) < 0)
        error = filch_completions_fd(completions);
    if (!error)
        error = filch_gate_open(&open_files, descriptors > 1 && descriptors / 2 < FILCH_WORKERS_MAX
                                                 ? (unsigned)descriptors / 2
                                                 : FILCH_WORKERS_MAX);
    if (!error)
        error = open_pool(run, options);
    return error ? error : filch_scope_open(&scope, pool, &config);
}

static int job_fd(void *state)
{
    (void)state;
    return filch_completions_fd(completions);
}

static void submit(struct run *run, struct file *file)
{
    const struct filch_task_options options = {.gate = open_files, .completions = completions};
    int error = filch_scope_submit(&scope, &file->future, do_file, file, &options);
    if (error)
        run_refused(run, file, error);
}

static int carry(struct run *run)
{
    return run_walk(run, submit);
}

static struct file *next(void *state)
{
    struct filch_future *future;
    (void)state;
    if (filch_completions_next(completions, 0, &future))
        return NULL;
    return (struct file *)((char *)future - offsetof(struct file, future));
}

static void stop(void *state)
{
    filch_scope_cancel(state);
}

/* One call submits the whole list, one waits for it: futures and items are the same array, with the same stride. */
static int all(const struct options *options, struct file *files, size_t count)
{
    const struct filch_batch batch = {
        .futures = &files[0].future,
        .future_stride = sizeof files[0],
        .items = files,
        .item_stride = sizeof files[0],
        .count = count,
    };
    int error = open_pool(NULL, options);
    if (error)
        return error;
    error = filch_submit_many(pool, &batch, do_file, NULL);
    if (!error)
        error = filch_wait_many(&batch, FILCH_NO_DEADLINE);
    close_pool();
    return error;
}

const struct backend backend_filch = {
    .name = "filch",
    .what = "futures in the files' records, a scope, a gate for open files, completions",
    .carry = carry,
    .all = all,
    .open = job_open,
    .fd = job_fd,
    .next = next,
    .stop = stop,
    .close = job_close,
};
