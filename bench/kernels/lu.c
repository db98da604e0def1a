/* SPDX-License-Identifier: MIT */
/* lu.c - LU decomposition by halving, without pivoting, of a matrix whose diagonal dominates.
 *
 *     lu WORKERS SIZE
 *
 * The factors take the matrix's place: U on and above the diagonal, L below it, with a diagonal of ones.
 */
#include "../fork/fork.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "multiply_task.h"

enum { SIZE_MIN = 32 };

static void subtract_product_serially(double *c, double *a, double *b, int rows, int inner, int columns)
{
    struct part parts[3] = {{c, multiply_stride}, {a, multiply_stride}, {b, multiply_stride}};
    struct extent extent = {rows, inner, columns};
    multiply_serially(parts[0], parts[1], parts[2], extent, -1);
}

/* m = L^-1 * m, L being `size` long and wide; the columns are independent of each other. */
VOID_TASK(solve_lower, (double *, l), (double *, m), (int, size), (int, columns))
{
    const ptrdiff_t stride = multiply_stride;
    if (columns > SIZE_MIN) {
        int half = columns / 2;
        CHILDREN();
        SPAWN(solve_lower, l, m, size, half);
        CALL(solve_lower, l, m + half, size, columns - half);
        SYNC_ALL();
    } else if (size > SIZE_MIN) {
        int half = size / 2;
        struct extent extent = {size - half, half, columns};
        CALL(solve_lower, l, m, half, columns);
        CALL(multiply, m + half * stride, l + half * stride, m, extent, -1.0);
        CALL(solve_lower, l + half * stride + half, m + half * stride, size - half, columns);
    } else {
        for (int i = 1; i < size; i++)
            subtract_product_serially(m + i * stride, l + i * stride, m, 1, i, columns);
    }
}

/* m = m * U^-1; the rows are independent of each other. */
VOID_TASK(solve_upper, (double *, u), (double *, m), (int, size), (int, rows))
{
    const ptrdiff_t stride = multiply_stride;
    if (rows > SIZE_MIN) {
        int half = rows / 2;
        CHILDREN();
        SPAWN(solve_upper, u, m, size, half);
        CALL(solve_upper, u, m + half * stride, size, rows - half);
        SYNC_ALL();
    } else if (size > SIZE_MIN) {
        int half = size / 2;
        struct extent extent = {rows, half, size - half};
        CALL(solve_upper, u, m, half, rows);
        CALL(multiply, m + half, m, u + half, extent, -1.0);
        CALL(solve_upper, u + half * stride + half, m + half, size - half, rows);
    } else {
        for (int i = 0; i < rows; i++)
            for (int k = 0; k < size; k++) {
                double factor = m[i * stride + k] /= u[k * stride + k];
                for (int j = k + 1; j < size; j++)
                    m[i * stride + j] -= factor * u[k * stride + j];
            }
    }
}

static void decompose_serially(double *m, int size)
{
    const ptrdiff_t stride = multiply_stride;
    for (int k = 0; k < size; k++)
        for (int i = k + 1; i < size; i++) {
            double factor = m[i * stride + k] /= m[k * stride + k];
            for (int j = k + 1; j < size; j++)
                m[i * stride + j] -= factor * m[k * stride + j];
        }
}

VOID_TASK(decompose, (double *, m), (int, size))
{
    if (size <= SIZE_MIN) {
        decompose_serially(m, size);
        return;
    }
    int half = size / 2, rest = size - half;
    double *right = m + half, *below = m + half * multiply_stride, *opposite = below + half;
    struct extent extent = {rest, half, rest};
    CALL(decompose, m, half);
    CHILDREN();
    SPAWN(solve_lower, m, right, half, rest);
    CALL(solve_upper, m, below, half, rest);
    SYNC_ALL();
    CALL(multiply, opposite, below, right, extent, -1.0);
    CALL(decompose, opposite, rest);
}

static int size;
static double *input, *matrix;

void kernel_open(int argc, char **argv)
{
    size = (int)bench_argument(argc, argv, 1, 1024);
    size_t count = (size_t)size * (size_t)size;
    input = (double *)bench_allocate(count, sizeof *input);
    matrix = (double *)bench_allocate(count, sizeof *matrix);
    fill_with_digits(input, count, 1);
    for (int i = 0; i < size; i++)
        input[(ptrdiff_t)i * size + i] += 10.0 * size;
    multiply_stride = size;
}

void kernel_reset(void)
{
    memcpy(matrix, input, (size_t)size * (size_t)size * sizeof *matrix);
}

void kernel_run(bool warm)
{
    RUN_VOID(decompose, matrix, warm ? size / 4 : size);
}

/* L * (U * x) is A * x, but for rounding. */
void kernel_check(void)
{
    double *x = (double *)bench_allocate((size_t)size * 4, sizeof *x);
    double *ux = x + size, *lux = ux + size, *ax = lux + size;
    fill_with_digits(x, (size_t)size, 3);
    for (int i = 0; i < size; i++)
        for (int j = i; j < size; j++)
            ux[i] += matrix[(ptrdiff_t)i * size + j] * x[j];
    for (int i = 0; i < size; i++) {
        lux[i] = ux[i];
        for (int j = 0; j < i; j++)
            lux[i] += matrix[(ptrdiff_t)i * size + j] * ux[j];
    }
    multiply_vector(ax, input, x, size);
    for (int i = 0; i < size; i++)
        BENCH_CHECK(fabs(lux[i] - ax[i]) <= 1e-9 * (100.0 * size + fabs(ax[i])));
    free(x);
}

double kernel_tasks(void)
{
    return 0;
}
