/* SPDX-License-Identifier: MIT */
/* run_openmp.c - the job on OpenMP: tasks while the tree is walked, a dynamic loop over a list.
 *
 * The thread that walks is one of the team: with a limit of 1 it walks and works by turns.
 */
#include "backends.h"

#include <errno.h>
#include <omp.h>
#include <stdlib.h>

/* One job per process. */
static struct job_context **openmp_contexts; /* by thread number */
static unsigned openmp_count;

static void close_contexts(void)
{
    for (unsigned i = 0; i < openmp_count; i++)
        job_context_close(openmp_contexts[i]);
    free(openmp_contexts);
}

static int open_contexts(struct run *run, const struct options *options)
{
    openmp_count = options->max_concurrency;
    openmp_contexts = calloc(openmp_count, sizeof *openmp_contexts);
    if (!openmp_contexts)
        return -ENOMEM;
    for (unsigned i = 0; i < openmp_count; i++) {
        openmp_contexts[i] = job_context_open(run, options->level, run ? run_stopping : NULL);
        if (!openmp_contexts[i]) {
            close_contexts();
            return -ENOMEM;
        }
    }
    return 0;
}

static void submit(struct run *run, struct file *file)
{
#pragma omp task firstprivate(run, file)
    {
        job_file(openmp_contexts[omp_get_thread_num()], file);
        run_report(run, file);
    }
}

static int carry(struct run *run)
{
    int error = open_contexts(run, run_options(run));
    if (error)
        return error;
#pragma omp parallel num_threads(openmp_count)
#pragma omp single
    error = run_walk(run, submit);
    close_contexts();
    return error;
}

static int all(const struct options *options, struct file *files, size_t count)
{
    int error = open_contexts(NULL, options);
    if (error)
        return error;
#pragma omp parallel for schedule(dynamic, 1) num_threads(openmp_count)
    for (size_t i = 0; i < count; i++)
        job_file(openmp_contexts[omp_get_thread_num()], &files[i]);
    close_contexts();
    return 0;
}

const struct backend backend_openmp = {
    .name = "openmp",
    .what = "OpenMP tasks; a dynamic loop over a list",
    .carry = carry,
    .all = all,
};
