/* SPDX-License-Identifier: MIT */
/* run.h - one job: what its carrier (carrier.c), the backend's threads and the main thread (run.c) share. */
#ifndef BATCH_RUN_H
#define BATCH_RUN_H

#include "batch.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

struct run {
    /* immutable once the carrier runs */
    const struct options *options;
    void *state;  /* the backend's */
    int ended_fd; /* eventfd: the list below is not empty, or the carrier has returned */
    int signal_fd;
    sigset_t signals;
    uint64_t start_ns;

    /* the walk writes, the main thread reads */
    _Atomic uint64_t found, found_bytes, skipped;
    _Atomic bool walk_complete;
    uint64_t records; /* after carried */
    struct file *first, **last;
    void (*hand)(struct run *run, struct file *file);

    _Atomic uint64_t read_bytes;          /* jobs write */
    _Atomic uint64_t ended_files, errors; /* the main thread writes, the bar shows */
    struct filch_progress *progress;
    _Atomic bool stopping; /* the main thread writes */

    pthread_mutex_t lock; /* of the next four */
    struct file *ended_first, **ended_last;
    bool carried;
    int carry_error;

    /* main thread only */
    struct totals totals;
    uint64_t counted;
    bool carried_seen;
};

/* progress.c: what opening a file costs, in bytes compressed. */
enum { WORK_PER_FILE = 8192 };
int progress_open(struct run *run);

/* The carrier's thread; `arg` is the run. */
void *run_carry(void *arg);

#endif
