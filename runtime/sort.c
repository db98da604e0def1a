/* SPDX-License-Identifier: MIT */
#include "merge.h"
#include "pieces.h"

#include "work.h"

#include <errno.h>

/* A merge sort whose halves are sorted, and whose merges are cut at the same place of both runs (merge path: Odeh et
 * al. 2012), in parallel. Items go from the array to scratch memory and back by turns, so each level moves them once.
 * Large items stay where they are until the order of pointers to them is known.
 *
 * When the task is cancelled, what is left to do is done by copying: so every item arrives.
 */

enum {
    LEAF = 4096,        /* items sorted by one worker */
    MERGE_LEAF = 16384, /* items merged by one worker */
    MOVE_LEAF = 4096,
};

struct sort {
    struct filch__order order;
    const struct filch__merger *merger;
    char *items, *scratch;
    int result;
};

static bool stopped(struct sort *sort)
{
    if (filch__unlikely(filch_cancelled()))
        filch__store_relaxed(&sort->result, -ECANCELED);
    return filch__load_relaxed(&sort->result);
}

FILCH_VOID_TASK(merge_task, (struct sort *, sort), (const char *, left), (size_t, lefts), (const char *, right),
                (size_t, rights), (char *, to))
{
    size_t size = sort->order.size, count = lefts + rights;
    if (count > MERGE_LEAF) {
        size_t half = count / 2, a = sort->merger->split(&sort->order, left, lefts, right, rights, half), b = half - a;
        FILCH_SPAWN(merge_task, sort, left + a * size, lefts - a, right + b * size, rights - b, to + half * size);
        FILCH_CALL(merge_task, sort, left, a, right, b, to);
        FILCH_SYNC(merge_task);
    } else if (!stopped(sort)) {
        sort->merger->merge(&sort->order, left, lefts, right, rights, to);
    } else {
        memcpy(to, left, lefts * size);
        memcpy(to + lefts * size, right, rights * size);
    }
}

/* Sort [begin, end) of the items, there or into the same place of the scratch memory. */
FILCH_VOID_TASK(sort_task, (struct sort *, sort), (size_t, begin), (size_t, end), (bool, into_scratch))
{
    size_t size = sort->order.size, count = end - begin, half = count / 2;
    char *items = sort->items + begin * size, *scratch = sort->scratch + begin * size;
    char *to = into_scratch ? scratch : items, *from = into_scratch ? items : scratch;
    if (count > LEAF) {
        FILCH_SPAWN(sort_task, sort, begin + half, end, !into_scratch);
        FILCH_CALL(sort_task, sort, begin, begin + half, !into_scratch);
        FILCH_SYNC(sort_task);
        FILCH_CALL(merge_task, sort, from, half, from + half * size, count - half, to);
    } else if (!stopped(sort)) {
        sort->merger->sort(&sort->order, items, count, to, from);
    } else if (to != items) {
        memcpy(to, items, count * size);
    }
}

/* ---- large items ---- */

struct large {
    struct sort sort; /* of pointers */
    char *items, *copies;
    size_t size;
};

/* What is done with [begin, end) of the items. */
enum move { POINT_TO_THEM, GATHER, COPY_BACK };

static void move_items(struct large *large, size_t begin, size_t end, enum move move)
{
    char **pointer = (char **)(void *)large->sort.items;
    size_t size = large->size;
    if (move == COPY_BACK)
        memcpy(large->items + begin * size, large->copies + begin * size, (end - begin) * size);
    for (size_t i = begin; i < end && move == POINT_TO_THEM; i++)
        pointer[i] = large->items + i * size;
    for (size_t i = begin; i < end && move == GATHER; i++)
        memcpy(large->copies + i * size, pointer[i], size);
}

FILCH_VOID_TASK(move_task, (struct large *, large), (size_t, begin), (size_t, end), (enum move, move))
{
    size_t half = (end - begin) / 2;
    if (end - begin <= MOVE_LEAF) {
        move_items(large, begin, end, move);
        return;
    }
    FILCH_SPAWN(move_task, large, begin + half, end, move);
    FILCH_CALL(move_task, large, begin, begin + half, move);
    FILCH_SYNC(move_task);
}

/* ---- all of it ---- */

struct request {
    struct filch__order order;
    char *base;
    size_t count, scratch_bytes;
    bool by_pointers;
    bool down; /* the first two items are in descending order */
    int result;
};

static bool is_less(const struct request *request, const char *a, const char *b)
{
    return request->order.compare(a, b, request->order.ctx) < 0;
}

/* Stops where the run does that the items begin with. */
static int call_check_run(struct filch__run *run, const struct filch_area *area)
{
    const struct request *request = run->loop->user;
    size_t size = request->order.size;
    const char *item = request->base + area->row_begin * size, *end = request->base + area->row_end * size;
    for (; item < end; item += size)
        if (is_less(request, item + size, item) != request->down)
            return 1;
    return 0;
}

static int call_reverse(struct filch__run *run, const struct filch_area *area)
{
    const struct request *request = run->loop->user;
    size_t size = request->order.size;
    for (size_t i = area->row_begin; i < area->row_end; i++)
        filch__swap(request->base + i * size, request->base + (request->count - 1 - i) * size, size);
    return 0;
}

/* Over [0, end). */
FILCH_TASK(int, run_loop, (struct request *, request), (size_t, end), (filch__piece_fn *, call))
{
    struct filch__loop loop;
    filch__loop_init(&loop, &(struct filch_area){0, end, 0, 1}, 0, 0);
    loop.call = call;
    loop.user = request;
    loop.slotted = false;
    loop.sum = NULL;
    FILCH_CALL(filch__loop_task, &loop);
    return loop.result;
}

/* 1: the items are no run, ascending or strictly descending. Else they are sorted, or the task was cancelled. */
FILCH_TASK(int, sort_run, (struct request *, request))
{
    request->down = is_less(request, request->base + request->order.size, request->base);
    int r = FILCH_CALL(run_loop, request, request->count - 1, call_check_run);
    return r || !request->down ? r : FILCH_CALL(run_loop, request, request->count / 2, call_reverse);
}

FILCH_TASK(int, sort_directly, (struct request *, request), (char *, scratch))
{
    const struct filch__merger *merger = filch__merger_for(request->order.size, false);
    struct sort sort = {request->order, merger, request->base, scratch, 0};
    FILCH_CALL(sort_task, &sort, 0, request->count, false);
    return sort.result;
}

FILCH_TASK(int, sort_by_pointers, (struct request *, request), (char *, scratch))
{
    size_t count = request->count, pointer_bytes = count * sizeof(char *);
    struct large large = {.items = request->base, .copies = scratch + 2 * pointer_bytes, .size = request->order.size};
    large.sort = (struct sort){request->order, filch__merger_for(0, true), scratch, scratch + pointer_bytes, 0};
    large.sort.order.size = sizeof(char *);
    FILCH_CALL(move_task, &large, 0, count, POINT_TO_THEM);
    FILCH_CALL(sort_task, &large.sort, 0, count, false);
    FILCH_CALL(move_task, &large, 0, count, GATHER);
    FILCH_CALL(move_task, &large, 0, count, COPY_BACK);
    return large.sort.result;
}

FILCH_VOID_TASK(sort_all, (struct request *, request))
{
    request->result = FILCH_CALL(sort_run, request);
    if (request->result <= 0)
        return;
    char *scratch = filch__alloc_aligned(&filch_pool_current()->allocator, request->scratch_bytes);
    if (!scratch)
        request->result = -ENOMEM;
    else if (request->by_pointers)
        request->result = FILCH_CALL(sort_by_pointers, request, scratch);
    else
        request->result = FILCH_CALL(sort_directly, request, scratch);
    filch__free_aligned(&filch_pool_current()->allocator, scratch, request->scratch_bytes);
}

static int options_check(const struct filch_sort_options *options)
{
    bool valid = !options ||
                 !(options->reserved32 || filch__any_set(options->reserved, 4) || options->flags & ~FILCH_SORT_STABLE);
    return valid ? 0 : -EINVAL;
}

int filch_sort(struct filch_pool *pool, void *base, size_t count, size_t size, const struct filch_sort_options *options,
               int (*compare)(const void *a, const void *b, void *ctx), void *ctx)
{
    struct request request = {{compare, ctx, size}, base, count, 0, size > FILCH__MERGE_SIZE_MOST, false, 0};
    size_t per_item = size, bytes;
    int status;
    if (!compare || !size || (!base && count) || options_check(options))
        return -EINVAL;
    if (request.by_pointers && __builtin_add_overflow(per_item, 2 * sizeof(char *), &per_item))
        return -EOVERFLOW;
    if (__builtin_mul_overflow(count, per_item, &request.scratch_bytes) ||
        __builtin_add_overflow(request.scratch_bytes, FILCH_CACHELINE, &bytes))
        return -EOVERFLOW;
    if (count < 2)
        return 0;
    FILCH_TRY_RUN(&status, pool, sort_all, &request);
    return status ? status : request.result;
}
