/* SPDX-License-Identifier: MIT */
/* filch.c - filch_for, called in a task. */
#include "../harness/with_filch.h"
#include "loop.h"

#include <filch/parallel.h>

struct inside {
    void (*measure)(void *data);
    void *data;
};

static int run_inside(void *data)
{
    const struct inside *inside = data;
    inside->measure(inside->data);
    return 0;
}

void loop_inside(void (*measure)(void *data), void *data)
{
    struct inside inside = {measure, data};
    struct filch_future future = {0};
    if (filch_submit(pool, &future, run_inside, &inside) || filch_wait(&future))
        bench_die("the task did not run");
}

/* Which thread, not which slot: a stolen half may run with its parent's slot, while the parent waits for it. The body does
 * not wait, so it stays on its thread. */
static unsigned this_thread(void)
{
    static uint32_t threads;
    static _Thread_local uint32_t mine;
    if (!mine)
        mine = __atomic_add_fetch(&threads, 1, __ATOMIC_RELAXED);
    return (mine - 1) % LOOP_WORKERS_MAX;
}

static int part(void *ctx, size_t begin, size_t end, unsigned slot)
{
    (void)slot;
    loop_part(ctx, begin, end, this_thread());
    return 0;
}

void loop_run(struct loop_data *data, size_t count)
{
    int error = filch_for(pool, 0, count, NULL, part, data);
    if (error)
        bench_die("filch_for: %s", strerror(-error));
}
