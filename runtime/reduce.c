/* SPDX-License-Identifier: MIT */
#include "pieces.h"

#include <errno.h>

/* Of a reduction whose grouping is fixed, if no grain is given: how many blocks there are, and how many of them go
 * together. */
enum { FIXED_BLOCKS = 128, FIXED_TOGETHER = 4 };

struct reduction {
    struct filch__loop loop;
    bool fixed;
    size_t together; /* blocks that one worker does */
    void *ret_sum;
};

static int call_fold(struct filch__run *run, const struct filch_area *area)
{
    const struct filch__loop *loop = run->loop;
    struct filch_area at = filch__loop_indices(loop, area);
    return loop->reducer->fold(loop->ctx, at.row_begin, at.row_end, run->sum);
}

/* The tree of sums is that of the blocks, whoever runs them. */
FILCH_VOID_TASK(fold_fixed, (struct reduction *, reduction), (size_t, begin), (size_t, end), (void *, sum))
{
    _Alignas(16) char near[FILCH__SUM_NEAR];
    struct filch__loop *loop = &reduction->loop;
    size_t middle = begin + (end - begin + 1) / 2;
    if (filch__load_relaxed(&loop->result))
        return;
    if (end - begin == 1) {
        struct filch__run run = {.loop = loop, .sum = sum};
        filch__loop_call(&run, &(struct filch_area){begin, end, 0, 1});
        return;
    }
    void *upper = filch__sum_get(loop->reducer, near);
    if (!upper) {
        filch__loop_stop(loop, -ENOMEM);
        return;
    }
    if (end - begin <= reduction->together) {
        FILCH_CALL(fold_fixed, reduction, begin, middle, sum);
        FILCH_CALL(fold_fixed, reduction, middle, end, upper);
    } else {
        FILCH_SPAWN(fold_fixed, reduction, middle, end, upper);
        FILCH_CALL(fold_fixed, reduction, begin, middle, sum);
        FILCH_SYNC(fold_fixed);
    }
    filch__loop_combine(loop, sum, upper);
    filch__sum_put(loop->reducer, near, upper);
}

FILCH_VOID_TASK(reduce_task, (struct reduction *, reduction))
{
    _Alignas(16) char near[FILCH__SUM_NEAR];
    struct filch__loop *loop = &reduction->loop;
    loop->sum = filch__sum_get(loop->reducer, near);
    if (!loop->sum) {
        loop->result = -ENOMEM;
        return;
    }
    if (!reduction->fixed)
        FILCH_CALL(filch__loop_task, loop);
    else if (loop->all.row_end)
        FILCH_CALL(fold_fixed, reduction, 0, loop->all.row_end, loop->sum);
    if (!loop->result)
        memcpy(reduction->ret_sum, loop->sum, loop->reducer->size);
    filch__sum_put(loop->reducer, near, loop->sum);
}

int filch_reduce(struct filch_pool *pool, size_t begin, size_t end, const struct filch_for_options *options,
                 const struct filch_reducer *reducer, void *ctx, void *ret_sum)
{
    struct reduction reduction = {.ret_sum = ret_sum};
    size_t grain = options ? options->grain : 0;
    int status;
    if (!filch__reducer_is_valid(reducer) || !ret_sum || begin > end ||
        filch__for_options_check(options, FILCH_FOR_FIXED) || (options && options->grain_columns))
        return -EINVAL;
    reduction.fixed = options && options->flags & FILCH_FOR_FIXED;
    reduction.together = grain ? 1 : FIXED_TOGETHER;
    if (reduction.fixed && !grain)
        grain = (end - begin) / FIXED_BLOCKS + 1;
    filch__loop_init(&reduction.loop, &(struct filch_area){begin, end, 0, 1}, grain, 0);
    reduction.loop.call = call_fold;
    reduction.loop.ctx = ctx;
    reduction.loop.reducer = reducer;
    reduction.loop.slotted = false;
    FILCH_TRY_RUN(&status, pool, reduce_task, &reduction);
    return status ? status : reduction.loop.result;
}
