/* SPDX-License-Identifier: MIT */
#include "pieces.h"

#include <errno.h>

/* ---- for ---- */

struct for_body {
    int (*body)(void *ctx, size_t begin, size_t end, unsigned slot);
};

static int call_for(struct filch__run *run, const struct filch_area *area)
{
    const struct for_body *user = run->loop->user;
    struct filch_area at = filch__loop_indices(run->loop, area);
    return user->body(run->loop->ctx, at.row_begin, at.row_end, run->slot);
}

int filch_for(struct filch_pool *pool, size_t begin, size_t end, const struct filch_for_options *options,
              int (*body)(void *ctx, size_t begin, size_t end, unsigned slot), void *ctx)
{
    struct for_body user = {body};
    if (!body || begin > end || filch__for_options_check(options, 0) || (options && options->grain_columns))
        return -EINVAL;
    struct filch__loop loop;
    filch__loop_init(&loop, &(struct filch_area){begin, end, 0, 1}, options ? options->grain : 0, 0);
    loop.call = call_for;
    loop.user = &user;
    loop.ctx = ctx;
    loop.slotted = true;
    loop.sum = NULL;
    return filch__loop_run(pool, &loop);
}

/* ---- for over two indices ---- */

struct for_2d_body {
    int (*body)(void *ctx, const struct filch_area *area, unsigned slot);
};

static int call_for_2d(struct filch__run *run, const struct filch_area *area)
{
    const struct for_2d_body *user = run->loop->user;
    struct filch_area at = filch__loop_indices(run->loop, area);
    return user->body(run->loop->ctx, &at, run->slot);
}

int filch_for_2d(struct filch_pool *pool, const struct filch_area *area, const struct filch_for_options *options,
                 int (*body)(void *ctx, const struct filch_area *area, unsigned slot), void *ctx)
{
    struct for_2d_body user = {body};
    if (!body || !area || area->row_begin > area->row_end || area->column_begin > area->column_end ||
        filch__for_options_check(options, 0))
        return -EINVAL;
    struct filch__loop loop;
    filch__loop_init(&loop, area, options ? options->grain : 0, options ? options->grain_columns : 0);
    loop.call = call_for_2d;
    loop.user = &user;
    loop.ctx = ctx;
    loop.slotted = true;
    loop.sum = NULL;
    return filch__loop_run(pool, &loop);
}

/* ---- a few calls ---- */

static int call_one(struct filch__run *run, const struct filch_area *area)
{
    struct filch_call *call = (struct filch_call *)run->loop->user + area->row_begin;
    call->status = call->fn(call->data);
    return call->status < 0 ? call->status : 0;
}

int filch_invoke(struct filch_pool *pool, struct filch_call calls[], size_t count)
{
    if (!calls && count)
        return -EINVAL;
    for (size_t i = 0; i < count; i++)
        if (!calls[i].fn)
            return -EINVAL;
    for (size_t i = 0; i < count; i++)
        calls[i].status = -ECANCELED;
    struct filch__loop loop;
    filch__loop_init(&loop, &(struct filch_area){0, count, 0, 1}, 1, 0);
    loop.call = call_one;
    loop.user = calls;
    loop.ctx = NULL;
    loop.slotted = false;
    loop.sum = NULL;
    return filch__loop_run(pool, &loop);
}
