/* SPDX-License-Identifier: MIT */
/* parallel.h - parallel loops: for, reduce, scan, sort, and a few calls at once.
 *
 *     static int scale(void *ctx, size_t begin, size_t end, unsigned slot)
 *     {
 *         double *item = ctx;
 *         for (size_t i = begin; i < end; i++)
 *             item[i] *= 2;
 *         return 0;
 *     }
 *     int error = filch_for(NULL, 0, count, NULL, scale, items);
 *
 * What holds for all of them
 *   - Any thread may call them, inside a task or outside, also in the body of another loop. The work runs as tasks of
 *     the pool (NULL: see pool.h): in a task of that pool the calling task does its part, elsewhere the caller waits.
 *     They return when all of their bodies have ended. What the caller wrote before is visible to the bodies, and what
 *     they wrote is visible to the caller.
 *   - Inside a task the call is a wait (future.h): the task may be suspended, and go on on another thread.
 *   - The range is cut into pieces by halving: a few at first, and further where an idle worker takes a piece, down to
 *     the grain. One body call gets one contiguous piece. The order of the calls is not specified; bodies may run at
 *     the same time, and each of them may wait.
 *   - A body that returns anything but 0 stops the loop: no body begins from then on, those that run are waited for,
 *     and the loop returns that value, the first if there are several. When the calling task is cancelled
 *     (filch_cancelled()) the loop stops in the same way, with -ECANCELED. A body that runs long may look at
 *     filch_cancelled() too.
 *   - Errors of all: -EINVAL (a NULL function, begin > end, options); what filch_submit answers for a pool that takes
 *     no tasks (-ESHUTDOWN, -ESTALE, -EAGAIN, -ENOMEM): then nothing was called.
 *   - Nothing is allocated, except where it is said.
 */
#ifndef FILCH_PARALLEL_H
#define FILCH_PARALLEL_H

#include "pool.h"

#ifdef __cplusplus
extern "C" {
#endif

/* flags of struct filch_for_options */
#define FILCH_FOR_FIXED                                                                                                \
    1u /* reduce, scan: the same grouping whatever the number of workers, and whoever runs what */

/* All zero = all defaults; NULL works too. A reserved field that is not zero, or a flag that the call does not know, is
 * -EINVAL. */
struct filch_for_options {
    /* Indices per body call: each gets exactly so many, and the last of the range the rest. 0: pieces are cut on
     * demand, which suits bodies of nanoseconds to a few microseconds per index. Where one index takes longer, or
     * waits, 1 lets every index run on its own. */
    size_t grain;
    /* filch_for_2d: the same for columns, `grain` being for rows. With one of them given, the other side is not cut. */
    size_t grain_columns;
    unsigned flags; /* FILCH_FOR_... */
    unsigned reserved32;
    uint64_t reserved[4];
};

/* Call body(ctx, b, e, slot) for pieces [b, e) that make up [begin, end).
 * slot: a small number that no other running body of this loop has, for scratch memory of one's own. The lowest free
 * one is given out, so it is below the number of bodies in progress: below the pool's max_concurrency where bodies do
 * not wait (a loop or a sync within a body is a wait).
 *
 *     int error = filch_for(pool, 0, rows, &(struct filch_for_options){.grain = 1}, render_row, &image);
 */
FILCH_API int filch_for(struct filch_pool *pool, size_t begin, size_t end, const struct filch_for_options *options,
                        int (*body)(void *ctx, size_t begin, size_t end, unsigned slot), void *ctx);

struct filch_area {
    size_t row_begin, row_end, column_begin, column_end;
};

/* The same over two indices: pieces are cut across their longer side, in grains, so they stay compact.
 *
 *     struct filch_area all = {0, height, 0, width};
 *     int error = filch_for_2d(pool, &all, NULL, blur_tile, &image);
 */
FILCH_API int filch_for_2d(struct filch_pool *pool, const struct filch_area *area,
                           const struct filch_for_options *options,
                           int (*body)(void *ctx, const struct filch_area *area, unsigned slot), void *ctx);

/* What a reduction adds up. A sum is `size` bytes of plain data, aligned to 16: it is copied, and dropped when a loop
 * stops. */
struct filch_reducer {
    size_t size;
    const void *identity; /* what each sum begins with; NULL: zero bytes */
    /* Add what belongs to [begin, end), in order, to *sum. */
    int (*fold)(void *ctx, size_t begin, size_t end, void *sum);
    /* Add *right to *sum; what right stands for lies just behind. Associative; need not be commutative. */
    int (*combine)(void *ctx, void *sum, const void *right);
};

/* Add up [begin, end) into *ret_sum, which is untouched on failure; an empty range gives the identity. Every piece that
 * another worker takes gets a sum of its own, so fold is called one piece after another on one sum, and combine only
 * where a piece was taken. So the grouping differs from run to run, unless FILCH_FOR_FIXED is given: then it depends on
 * the range and the grain alone (0: an 128th of the range), and sums of floating-point numbers are the same bit for
 * bit. Sums of more than 64 bytes are allocated (-ENOMEM).
 *
 *     double sum;
 *     struct filch_reducer add = {.size = sizeof sum, .fold = add_items, .combine = add_sums};
 *     int error = filch_reduce(pool, 0, count, NULL, &add, items, &sum);
 */
FILCH_API int filch_reduce(struct filch_pool *pool, size_t begin, size_t end, const struct filch_for_options *options,
                           const struct filch_reducer *reducer, void *ctx, void *ret_sum);

/* Running sums. scan(ctx, b, e, sum) does what the reducer's fold does, and writes the results of [b, e) on its way,
 * from the sum of all before b, which it gets in *sum: behind each addition for an inclusive scan, before it for an
 * exclusive one. It is called once for each piece of [begin, end). A piece that another worker takes is first folded,
 * and scanned when the sum before it is known. ret_sum, the sum of all, may be NULL; it is untouched on failure.
 * FILCH_FOR_FIXED as for filch_reduce. The sums of 64 blocks, or one per grain, are kept meanwhile: allocated where
 * they take more than 2 KiB (-ENOMEM, and nothing was called).
 *
 *     static int scan_items(void *ctx, size_t begin, size_t end, void *sum)
 *     {
 *         struct table *table = ctx;
 *         for (size_t i = begin; i < end; i++)
 *             table->offset[i] = *(size_t *)sum, *(size_t *)sum += table->length[i];
 *         return 0;
 *     }
 */
FILCH_API int filch_scan(struct filch_pool *pool, size_t begin, size_t end, const struct filch_for_options *options,
                         const struct filch_reducer *reducer,
                         int (*scan)(void *ctx, size_t begin, size_t end, void *sum), void *ctx, void *ret_sum);

/* flags of struct filch_sort_options */
#define FILCH_SORT_STABLE 1u /* what compares equal keeps its order */

struct filch_sort_options {
    unsigned flags; /* FILCH_SORT_... */
    unsigned reserved32;
    uint64_t reserved[4];
};

/* Sort `count` items of `size` bytes at base by compare(a, b, ctx): < 0, 0 or > 0 as qsort has it; several workers call
 * it at the same time, for items that have been copied elsewhere, too. Allocates as much memory as the items take, and
 * two pointers for each that is larger than 32 bytes (-ENOMEM, nothing was moved); none for items that are in order, or
 * in descending order, already. Cancelled, it returns -ECANCELED, and the items are all there, in some order; so they
 * are after a sort by a comparison that contradicts itself. Further errors: -EINVAL (size 0, a NULL base with count >
 * 0), -EOVERFLOW (count * size).
 *
 *     static int by_name(const void *a, const void *b, void *ctx)
 *     {
 *         return strcoll(((const struct person *)a)->name, ((const struct person *)b)->name);
 *     }
 *     int error = filch_sort(pool, people, count, sizeof *people, NULL, by_name, NULL);
 */
FILCH_API int filch_sort(struct filch_pool *pool, void *base, size_t count, size_t size,
                         const struct filch_sort_options *options,
                         int (*compare)(const void *a, const void *b, void *ctx), void *ctx);

/* One of several calls. */
struct filch_call {
    filch_fn *fn;
    void *data;
    int status; /* what fn returned; -ECANCELED: it was not called */
};

/* Call all of them, at the same time where workers are idle. When one fails (< 0), those that have not begun are not
 * called; the failure, the first if there are several, is returned, otherwise 0.
 *
 *     struct filch_call calls[] = {{load_index, &index, 0}, {load_text, &text, 0}};
 *     int error = filch_invoke(NULL, calls, 2);
 */
FILCH_API int filch_invoke(struct filch_pool *pool, struct filch_call calls[], size_t count);

#ifdef __cplusplus
}
#endif

#endif
