/* SPDX-License-Identifier: MIT */
/* with_filch.h - system.h for filch: `pool`, whose workers are all running when it is open. */
#include "system.h"

#include <filch/filch.h>

#include <stdio.h>
#include <string.h>

static struct filch_pool *pool;
static size_t pool_stack_size; /* 0: the default; set before the pool is opened */

const char bench_system_compiler[] = BENCH_COMPILER;
const bool bench_system_is_serial = false;

void bench_system_open(unsigned workers)
{
    struct filch_pool_config config = {
        .min_workers = workers, .max_concurrency = workers, .stack_size = pool_stack_size};
    int error = filch_pool_open(&pool, &config);
    if (error)
        bench_die("filch_pool_open: %s", strerror(-error));
}

/* Closed, not freed: its counters can still be read. */
static void close_pool(void)
{
    int error = filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE);
    if (error)
        bench_die("filch_pool_close: %s", strerror(-error));
}

void bench_system_close(void)
{
    close_pool();
    filch_pool_free(pool);
}

const char *bench_system_version(void)
{
    static char text[16];
    unsigned version = filch_version();
    snprintf(text, sizeof text, "%u.%u.%u", version / 10000, version / 100 % 100, version % 100);
    return text;
}
