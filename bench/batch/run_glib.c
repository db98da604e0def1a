/* SPDX-License-Identifier: MIT */
/* run_glib.c - the job on GLib's GThreadPool with threads of its own (exclusive). */
#include "backends.h"

#include <errno.h>
#include <glib.h>

static void close_context(void *context)
{
    job_context_close(context);
}

/* One job per process. */
static struct run *glib_run;
static int glib_level;
static GThreadPool *glib_pool;
static GPrivate glib_context = G_PRIVATE_INIT(close_context);

/* NULL when memory is short. */
static struct job_context *thread_context(void)
{
    struct job_context *context = g_private_get(&glib_context);
    if (!context) {
        context = job_context_open(glib_run, glib_level, glib_run ? run_stopping : NULL);
        g_private_set(&glib_context, context);
    }
    return context;
}

static void do_file(gpointer data, gpointer user_data)
{
    struct file *file = data;
    struct job_context *context = thread_context();
    (void)user_data;
    if (context)
        job_file(context, file);
    if (glib_run && context)
        run_report(glib_run, file);
    else if (glib_run)
        run_refused(glib_run, file, -ENOMEM);
}

static int open_pool(struct run *run, const struct options *options)
{
    GError *error = NULL;
    glib_run = run;
    glib_level = options->level;
    glib_pool = g_thread_pool_new(do_file, NULL, (gint)options->max_concurrency, TRUE, &error);
    if (!error)
        return 0;
    g_error_free(error);
    return -EAGAIN;
}

/* A file stays queued also when g_thread_pool_push reports that a thread could not be started. */
static void submit(struct run *run, struct file *file)
{
    (void)run;
    g_thread_pool_push(glib_pool, file, NULL);
}

static int carry(struct run *run)
{
    int error = open_pool(run, run_options(run));
    if (error)
        return error;
    error = run_walk(run, submit);
    g_thread_pool_free(glib_pool, FALSE, TRUE);
    return error;
}

static int all(const struct options *options, struct file *files, size_t count)
{
    int error = open_pool(NULL, options);
    if (error)
        return error;
    for (size_t i = 0; i < count; i++)
        g_thread_pool_push(glib_pool, &files[i], NULL);
    g_thread_pool_free(glib_pool, FALSE, TRUE);
    return 0;
}

const struct backend backend_glib = {
    .name = "glib",
    .what = "GLib GThreadPool",
    .carry = carry,
    .all = all,
};
