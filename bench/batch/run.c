/* SPDX-License-Identifier: MIT */
/* run.c - the main thread of a job: it counts what has ended, shows how far it is, and stops it.
 *
 * It sleeps in poll() on the signals, on the list of ended files, and on the backend's own descriptor if it has one
 * (filch's completions). Nothing is polled at intervals; the bar has a thread of its own (progress.c).
 * Each record (a file, or a directory that failed) is reported once. The job has ended when the carrier has returned
 * and as many records were counted as the walk made.
 */
#define _GNU_SOURCE
#include "run.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* From here on the next Ctrl-C ends the process, in case something hangs. */
static void stop(struct run *run)
{
    if (run_stopping(run))
        return;
    atomic_store_explicit(&run->stopping, true, memory_order_relaxed);
    pthread_sigmask(SIG_UNBLOCK, &run->signals, NULL);
    if (run->options->backend->stop)
        run->options->backend->stop(run->state);
}

static void print_failure(struct run *run, const struct file *file)
{
    filch_progress_hide(run->progress);
    fputs("batch: ", stderr);
    text_name(stderr, file->path);
    fprintf(stderr, ": %s: %s\n", file_stage_text(file), file_error_text(file));
    filch_progress_show(run->progress);
}

static void count(struct run *run, struct file *file)
{
    struct totals *totals = &run->totals;
    run->counted++;
    if (!file->directory) {
        run->ended_files++;
        filch_progress_add(run->progress, WORK_PER_FILE);
    }
    switch (file->end) {
    case FILE_DONE:
        totals->files++;
        totals->bytes += file->bytes;
        totals->compressed += file->compressed;
        totals->changed += file->changed;
        break;
    case FILE_FAILED:
        *(file->directory ? &totals->failed_directories : &totals->failed_files) += 1;
        run->errors++;
        print_failure(run, file);
        if (!run->options->keep_going && !run_stopping(run)) {
            totals->stopped_by = file;
            stop(run);
        }
        break;
    case FILE_WAITING:
    case FILE_STOPPED:
        totals->not_processed++;
        break;
    }
}

/* Files reported by run_report. Called when ended_fd was readable; each report after this makes it so again. */
static void count_reported(struct run *run)
{
    struct file *file;
    uint64_t ignored;
    while (read(run->ended_fd, &ignored, sizeof ignored) < 0 && errno == EINTR)
        ;
    pthread_mutex_lock(&run->lock);
    struct file *list = run->ended_first;
    run->ended_first = NULL;
    run->ended_last = &run->ended_first;
    run->carried_seen = run->carried;
    pthread_mutex_unlock(&run->lock);
    while ((file = list)) {
        list = file->next_finished;
        count(run, file);
    }
}

/* Files that the backend hands out itself. */
static void count_finished(struct run *run)
{
    const struct backend *backend = run->options->backend;
    struct file *file;
    while (backend->next && (file = backend->next(run->state)))
        count(run, file);
}

static void watch(struct run *run)
{
    const struct backend *backend = run->options->backend;
    struct pollfd fds[] = {
        {.fd = run->signal_fd, .events = POLLIN},
        {.fd = run->ended_fd, .events = POLLIN},
        {.fd = backend->fd ? backend->fd(run->state) : -1, .events = POLLIN},
    };
    while (!run->carried_seen || run->counted < run->records) {
        int ready = poll(fds, sizeof fds / sizeof fds[0], -1);
        struct signalfd_siginfo info;
        if (ready > 0 && (fds[0].revents & POLLIN) && read(run->signal_fd, &info, sizeof info) == sizeof info) {
            run->totals.signal = (int)info.ssi_signo;
            stop(run);
        }
        if (ready > 0 && fds[1].revents)
            count_reported(run);
        if (ready > 0 && fds[2].revents)
            count_finished(run);
    }
}

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* Signals are blocked before any thread exists, so that all inherit it and only signal_fd sees them. One that was
 * ignored from the start (nohup) stays so. */
static void block_signals(struct run *run)
{
    static const int wanted[] = {SIGINT, SIGTERM};
    sigemptyset(&run->signals);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        struct sigaction action;
        if (sigaction(wanted[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            sigaddset(&run->signals, wanted[i]);
    }
    pthread_sigmask(SIG_BLOCK, &run->signals, NULL);
}

static int run_open(struct run *run, const struct options *options)
{
    *run = (struct run){.options = options, .lock = PTHREAD_MUTEX_INITIALIZER, .start_ns = filch_now_ns()};
    run->last = &run->first;
    run->ended_last = &run->ended_first;
    block_signals(run);
    run->ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    run->signal_fd = signalfd(-1, &run->signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (run->ended_fd < 0 || run->signal_fd < 0)
        return -errno;
    int error = progress_open(run);
    return error || !options->backend->open ? error : options->backend->open(run, &run->state);
}

static void run_free(struct run *run)
{
    filch_progress_close(run->progress);
    if (run->ended_fd >= 0)
        close(run->ended_fd);
    if (run->signal_fd >= 0)
        close(run->signal_fd);
    for (struct file *file = run->first, *next; file; file = next) {
        next = file->next;
        free(file);
    }
}

static int finish(struct run *run)
{
    const struct options *options = run->options;
    struct totals *totals = &run->totals;
    totals->found = run->found;
    totals->found_bytes = run->found_bytes;
    totals->skipped = run->skipped;
    totals->walk_complete = run->walk_complete;
    totals->seconds = (double)(filch_now_ns() - run->start_ns) / 1e9;
    totals->cpu_seconds = cpu_seconds();
    filch_progress_hide(run->progress);
    summary_print(output_is_stdout(options->json) || output_is_stdout(options->manifest) ? stderr : stdout, options,
                  totals, run->first);
    int error = options->json ? summary_json(options, totals, run->first) : 0;
    int manifest_error = options->manifest ? manifest_write(options->manifest, run->first) : 0;
    if (totals->signal)
        return 128 + totals->signal;
    bool errors = totals->failed_files + totals->failed_directories > 0;
    return errors || error || manifest_error || run->carry_error ? STATUS_ERRORS : STATUS_OK;
}

int run_job(const struct options *options)
{
    struct run run;
    pthread_t carrier;
    int status = STATUS_ERRORS;
    int error = run_open(&run, options);
    if (!error)
        error = -pthread_create(&carrier, NULL, run_carry, &run);
    if (!error) {
        watch(&run);
        pthread_join(carrier, NULL);
        error = run.carry_error;
    }
    if (run.state)
        options->backend->close(run.state);
    if (error)
        fprintf(stderr, "batch: %s: %s\n", options->backend->name, strerror(-error));
    if (!error || run.records > 0)
        status = finish(&run);
    run_free(&run);
    return status;
}
