/* SPDX-License-Identifier: MIT */
/* glib.c - GThreadPool as a pool of the benches. Exclusive, so that its threads stand ready from the start. */
#include "tally.h"

#include <glib.h>
#include <stdio.h>

static GThreadPool *pool;

static void run(gpointer lot, gpointer user_data)
{
    (void)user_data;
    bench_tally_run(lot);
}

void bench_pool_open(unsigned workers)
{
    GError *error = NULL;
    pool = g_thread_pool_new(run, NULL, (gint)workers, TRUE, &error);
    if (error)
        bench_die("g_thread_pool_new: %s", error->message);
    printf("version %u.%u.%u\n", glib_major_version, glib_minor_version, glib_micro_version);
}

void bench_pool_close(void)
{
    g_thread_pool_free(pool, FALSE, TRUE);
}

void bench_lot_submit(struct bench_lot *lot, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!g_thread_pool_push(pool, lot, NULL))
            bench_die("g_thread_pool_push failed");
    lot->submitted += count;
}
