/* SPDX-License-Identifier: MIT */
/* run_textbook.c - the job on a list under a mutex with a condition variable, as most C programs have it today. */
#include "../textbook_pool.h"
#include "backends.h"

#include <errno.h>

/* One job per process. */
static struct run *textbook_run;
static int textbook_level;
static struct textbook_pool *textbook_pool;
static pthread_key_t textbook_key; /* each thread's job_context */

static void close_context(void *context)
{
    job_context_close(context);
}

/* NULL when memory is short. */
static struct job_context *thread_context(void)
{
    struct job_context *context = pthread_getspecific(textbook_key);
    if (!context) {
        context = job_context_open(textbook_run, textbook_level, textbook_run ? run_stopping : NULL);
        pthread_setspecific(textbook_key, context);
    }
    return context;
}

static void do_file(void *data)
{
    struct file *file = data;
    struct job_context *context = thread_context();
    if (context)
        job_file(context, file);
    if (textbook_run && context)
        run_report(textbook_run, file);
    else if (textbook_run)
        run_refused(textbook_run, file, -ENOMEM);
}

static int open_pool(struct run *run, const struct options *options)
{
    textbook_run = run;
    textbook_level = options->level;
    int error = pthread_key_create(&textbook_key, close_context);
    if (error)
        return -error;
    textbook_pool = textbook_open(options->max_concurrency);
    return textbook_pool ? 0 : -EAGAIN;
}

static void close_pool(void)
{
    textbook_close(textbook_pool);
    pthread_key_delete(textbook_key);
}

static void submit(struct run *run, struct file *file)
{
    if (textbook_submit(textbook_pool, do_file, file))
        run_refused(run, file, -ENOMEM);
}

static int carry(struct run *run)
{
    int error = open_pool(run, run_options(run));
    if (error)
        return error;
    error = run_walk(run, submit);
    close_pool();
    return error;
}

static int all(const struct options *options, struct file *files, size_t count)
{
    int error = open_pool(NULL, options);
    if (error)
        return error;
    for (size_t i = 0; i < count && !error; i++)
        error = textbook_submit(textbook_pool, do_file, &files[i]) ? -ENOMEM : 0;
    close_pool();
    return error;
}

const struct backend backend_textbook = {
    .name = "textbook",
    .what = "a list under a mutex, a condition variable",
    .carry = carry,
    .all = all,
};
