/* SPDX-License-Identifier: MIT */
/* run_serial.c - the job on one thread, file after file: the carrier does what it finds; the others' check. */
#include "backends.h"

#include <errno.h>

static struct job_context *serial_context;

static void do_now(struct run *run, struct file *file)
{
    job_file(serial_context, file);
    run_report(run, file);
}

static int carry(struct run *run)
{
    serial_context = job_context_open(run, run_options(run)->level, run_stopping);
    if (!serial_context)
        return -ENOMEM;
    int error = run_walk(run, do_now);
    job_context_close(serial_context);
    return error;
}

static int all(const struct options *options, struct file *files, size_t count)
{
    struct job_context *context = job_context_open(NULL, options->level, NULL);
    if (!context)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        job_file(context, &files[i]);
    job_context_close(context);
    return 0;
}

const struct backend backend_serial = {
    .name = "serial",
    .what = "one thread, one file after the other",
    .carry = carry,
    .all = all,
};
