/* SPDX-License-Identifier: MIT */
/* carrier.c - the side of a job that finds files, does them and reports them: the carrier thread and the backend's. */
#define _GNU_SOURCE
#include "run.h"

#include <errno.h>
#include <unistd.h>

const struct options *run_options(const struct run *run)
{
    return run->options;
}

void *run_state(const struct run *run)
{
    return run->state;
}

bool run_stopping(struct run *run)
{
    return atomic_load_explicit(&run->stopping, memory_order_relaxed);
}

void run_count_bytes(struct run *run, uint64_t bytes)
{
    atomic_fetch_add_explicit(&run->read_bytes, bytes, memory_order_relaxed);
    filch_progress_add(run->progress, bytes);
}

static void wake_main(struct run *run)
{
    uint64_t one = 1;
    while (write(run->ended_fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

void run_report(struct run *run, struct file *file)
{
    file->next_finished = NULL;
    pthread_mutex_lock(&run->lock);
    bool was_empty = !run->ended_first;
    *run->ended_last = file;
    run->ended_last = &file->next_finished;
    pthread_mutex_unlock(&run->lock);
    if (was_empty)
        wake_main(run);
}

/* A file that a stopping backend refuses is one that was not processed; another refusal is a failure. */
void run_refused(struct run *run, struct file *file, int error)
{
    if (error != -ESHUTDOWN && error != -ECANCELED) {
        file->end = FILE_FAILED;
        file->stage = STAGE_SUBMIT;
        file->error = -error;
    }
    run_report(run, file);
}

static void add_record(struct run *run, struct file *file)
{
    *run->last = file;
    run->last = &file->next;
    run->records++;
}

static void walk_file(void *ctx, struct file *file)
{
    struct run *run = ctx;
    add_record(run, file);
    atomic_fetch_add_explicit(&run->found, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&run->found_bytes, file->size, memory_order_relaxed);
    run->hand(run, file);
}

static void walk_failed(void *ctx, struct file *file)
{
    struct run *run = ctx;
    add_record(run, file);
    if (!file->directory)
        atomic_fetch_add_explicit(&run->found, 1, memory_order_relaxed);
    run_report(run, file);
}

static void walk_skipped(void *ctx)
{
    struct run *run = ctx;
    atomic_fetch_add_explicit(&run->skipped, 1, memory_order_relaxed);
}

static bool walk_stopping(void *ctx)
{
    return run_stopping(ctx);
}

int run_walk(struct run *run, void (*hand)(struct run *run, struct file *file))
{
    const struct walk_hooks hooks = {walk_file, walk_failed, walk_skipped, walk_stopping, run};
    run->hand = hand;
    int error = walk_roots(&hooks, run->options->roots, run->options->root_count);
    if (!error && !run_stopping(run)) {
        run->walk_complete = true;
        filch_progress_set_total(run->progress, run->found_bytes + run->found * WORK_PER_FILE);
    }
    return error;
}

void *run_carry(void *arg)
{
    struct run *run = arg;
    pthread_setname_np(pthread_self(), "carrier"); /* as a trace shows it */
    int error = run->options->backend->carry(run);
    pthread_mutex_lock(&run->lock);
    run->carried = true;
    run->carry_error = error;
    pthread_mutex_unlock(&run->lock);
    wake_main(run);
    return NULL;
}
