/* SPDX-License-Identifier: MIT */
/* multiply_task.h - c += factor * a * b as tasks: halves the longest side, and adds up one after the other where
 * that is the inner one. All matrices have one stride, which keeps the arguments within a slot of filch's.
 */
#ifndef FILCH_BENCH_MULTIPLY_TASK_H
#define FILCH_BENCH_MULTIPLY_TASK_H

#include "multiply.h"

enum { MULTIPLY_MIN = 32 };

static ptrdiff_t multiply_stride;

VOID_TASK(multiply, (double *, c), (double *, a), (double *, b), (struct extent, extent), (double, factor))
{
    const ptrdiff_t stride = multiply_stride;
    if (extent.rows <= MULTIPLY_MIN && extent.inner <= MULTIPLY_MIN && extent.columns <= MULTIPLY_MIN) {
        struct part parts[3] = {{c, stride}, {a, stride}, {b, stride}};
        multiply_serially(parts[0], parts[1], parts[2], extent, factor);
        return;
    }
    struct extent first = extent, second = extent;
    if (extent.inner > extent.rows && extent.inner > extent.columns) {
        first.inner /= 2;
        second.inner -= first.inner;
        CALL(multiply, c, a, b, first, factor);
        CALL(multiply, c, a + first.inner, b + first.inner * stride, second, factor);
        return;
    }
    CHILDREN();
    if (extent.rows >= extent.columns) {
        first.rows /= 2;
        second.rows -= first.rows;
        SPAWN(multiply, c, a, b, first, factor);
        CALL(multiply, c + first.rows * stride, a + first.rows * stride, b, second, factor);
    } else {
        first.columns /= 2;
        second.columns -= first.columns;
        SPAWN(multiply, c, a, b, first, factor);
        CALL(multiply, c + first.columns, a, b + first.columns, second, factor);
    }
    SYNC_ALL();
}

#endif
