/* SPDX-License-Identifier: MIT */
#include "pieces.h"

#include "work.h"

#include <errno.h>

/* A scan in two passes, of which the first does all it can: the pieces that the first run comes to, one after another,
 * have their sum before them, and are scanned at once. What is stolen is folded, block by block, and scanned in the
 * second pass, when the sums before are known. So one worker alone makes a single pass, and two take three quarters of
 * its time instead of all of it. (Two passes over fixed blocks: Blelloch 1990.) With FILCH_FOR_FIXED every block is
 * folded first.
 */

enum { BLOCKS = 64, NEAR_BYTES = (BLOCKS + 2) * 32 /* sums of up to 16 bytes, if no grain is given */ };

/* One block's sum follows. */
struct block {
    _Alignas(16) bool scanned;
};

struct scan {
    struct filch__loop loop; /* over the blocks */
    size_t begin, end, grain;
    int (*scan)(void *ctx, size_t begin, size_t end, void *sum);
    const struct filch_reducer *reducer;
    bool fixed;
    char *blocks;
    size_t stride;
    void *ret_sum;
};

static struct block *block_at(const struct scan *scan, size_t i)
{
    return (struct block *)(void *)(scan->blocks + i * scan->stride);
}

static void *sum_of(struct block *block)
{
    return block + 1;
}

/* The user's indices that a block stands for. */
struct bounds {
    size_t begin, end;
};

static struct bounds bounds_of(const struct scan *scan, size_t i)
{
    size_t begin = scan->begin + i * scan->grain;
    return (struct bounds){begin, scan->end - begin < scan->grain ? scan->end : begin + scan->grain};
}

static int scan_block(const struct scan *scan, size_t i, void *sum)
{
    struct bounds at = bounds_of(scan, i);
    block_at(scan, i)->scanned = true;
    return scan->scan(scan->loop.ctx, at.begin, at.end, sum);
}

static int fold_block(const struct scan *scan, size_t i)
{
    struct bounds at = bounds_of(scan, i);
    struct block *block = block_at(scan, i);
    block->scanned = false;
    filch__sum_set_identity(scan->reducer, sum_of(block));
    return scan->reducer->fold(scan->loop.ctx, at.begin, at.end, sum_of(block));
}

/* Leaves with each block its sum, or, if it could be scanned, the sum of all up to its end. */
static int call_first(struct filch__run *run, const struct filch_area *area)
{
    const struct scan *scan = run->loop->user;
    int r = 0;
    for (size_t i = area->row_begin; i < area->row_end && !r; i++) {
        void *sum = sum_of(block_at(scan, i));
        r = run->first ? scan_block(scan, i, run->sum) : fold_block(scan, i);
        if (!r && run->first)
            memcpy(sum, run->sum, scan->reducer->size);
        else if (!r)
            r = scan->reducer->combine(run->loop->ctx, run->sum, sum);
    }
    return r;
}

static int call_fixed(struct filch__run *run, const struct filch_area *area)
{
    int r = 0;
    for (size_t i = area->row_begin; i < area->row_end && !r; i++)
        r = fold_block(run->loop->user, i);
    return r;
}

static int call_second(struct filch__run *run, const struct filch_area *area)
{
    const struct scan *scan = run->loop->user;
    int r = 0;
    for (size_t i = area->row_begin; i < area->row_end && !r; i++)
        if (!block_at(scan, i)->scanned)
            r = scan_block(scan, i, sum_of(block_at(scan, i)));
    return r;
}

/* Between the passes: blocks that were folded get the sum of all before them. Two spare blocks hold what is between. */
static bool sum_up(struct scan *scan, size_t count, int *ret_status)
{
    void *sum = sum_of(block_at(scan, count)), *spare = sum_of(block_at(scan, count + 1));
    size_t size = scan->reducer->size;
    bool left = false;
    filch__sum_set_identity(scan->reducer, sum);
    for (size_t i = 0; i < count && !*ret_status; i++) {
        struct block *block = block_at(scan, i);
        if (block->scanned) {
            memcpy(sum, sum_of(block), size);
            continue;
        }
        left = true;
        memcpy(spare, sum_of(block), size);
        memcpy(sum_of(block), sum, size);
        *ret_status = scan->reducer->combine(scan->loop.ctx, sum, spare);
    }
    return left;
}

FILCH_VOID_TASK(scan_blocks, (struct scan *, scan))
{
    struct filch__loop *loop = &scan->loop;
    size_t count = loop->all.row_end;
    if (!scan->fixed) {
        loop->reducer = scan->reducer;
        loop->sum = sum_of(block_at(scan, count));
        filch__sum_set_identity(scan->reducer, loop->sum);
    }
    loop->call = scan->fixed ? call_fixed : call_first;
    FILCH_CALL(filch__loop_task, loop);
    if (loop->result)
        return;
    loop->reducer = NULL;
    loop->call = call_second;
    if (sum_up(scan, count, &loop->result) && !loop->result)
        FILCH_CALL(filch__loop_task, loop);
    if (!loop->result && scan->ret_sum)
        memcpy(scan->ret_sum, sum_of(block_at(scan, count)), scan->reducer->size);
}

FILCH_VOID_TASK(scan_task, (struct scan *, scan))
{
    _Alignas(16) char near[NEAR_BYTES];
    const struct filch_allocator *allocator = &filch_pool_current()->allocator;
    size_t bytes;
    scan->stride = sizeof(struct block) + (scan->reducer->size + 15) / 16 * 16;
    if (__builtin_mul_overflow(scan->loop.all.row_end + 2, scan->stride, &bytes))
        bytes = SIZE_MAX;
    scan->blocks = bytes <= sizeof near ? near : bytes == SIZE_MAX ? NULL : allocator->alloc(allocator->ctx, bytes);
    if (!scan->blocks) {
        scan->loop.result = -ENOMEM;
        return;
    }
    FILCH_CALL(scan_blocks, scan);
    allocator = &filch_pool_current()->allocator;
    if (scan->blocks != near)
        allocator->free(allocator->ctx, scan->blocks, bytes);
}

int filch_scan(struct filch_pool *pool, size_t begin, size_t end, const struct filch_for_options *options,
               const struct filch_reducer *reducer, int (*scan)(void *ctx, size_t begin, size_t end, void *sum),
               void *ctx, void *ret_sum)
{
    struct scan all = {.begin = begin, .end = end, .scan = scan, .reducer = reducer, .ret_sum = ret_sum};
    size_t grain = options ? options->grain : 0;
    int status;
    if (!filch__reducer_is_valid(reducer) || !scan || begin > end ||
        filch__for_options_check(options, FILCH_FOR_FIXED) || (options && options->grain_columns))
        return -EINVAL;
    all.fixed = options && options->flags & FILCH_FOR_FIXED;
    all.grain = grain ? grain : (end - begin) / BLOCKS + 1;
    size_t blocks = begin == end ? 0 : (end - begin - 1) / all.grain + 1;
    filch__loop_init(&all.loop, &(struct filch_area){0, blocks, 0, 1}, grain ? 1 : 0, 0);
    all.loop.user = &all;
    all.loop.ctx = ctx;
    all.loop.slotted = false;
    all.loop.sum = NULL;
    FILCH_TRY_RUN(&status, pool, scan_task, &all);
    return status ? status : all.loop.result;
}
