/* SPDX-License-Identifier: MIT */
/* multiply.h - products of matrices that lie row by row: what matmul, strassen and lu share. Included after fork.h. */
#ifndef FILCH_BENCH_MULTIPLY_H
#define FILCH_BENCH_MULTIPLY_H

/* A part of a matrix whose rows are `stride` apart. */
struct part {
    double *at;
    ptrdiff_t stride;
};

struct extent {
    int rows, inner, columns;
};

static inline struct part part_of(struct part whole, int row, int column)
{
    whole.at += row * whole.stride + column;
    return whole;
}

/* c += factor * a * b. */
static inline void multiply_serially(struct part c, struct part a, struct part b, struct extent extent, double factor)
{
    for (int i = 0; i < extent.rows; i++) {
        double *sums = c.at + i * c.stride;
        for (int k = 0; k < extent.inner; k++) {
            double scaled = factor * a.at[i * a.stride + k];
            const double *row = b.at + k * b.stride;
            for (int j = 0; j < extent.columns; j++)
                sums[j] += scaled * row[j];
        }
    }
}

/* Small whole numbers, so that the products and sums of doubles are exact. */
static inline void fill_with_digits(double *matrix, size_t count, uint64_t seed)
{
    for (size_t i = 0; i < count; i++)
        matrix[i] = (double)(bench_random(&seed) % 19) - 9;
}

/* y = matrix * x, all of them `size` long and wide. */
static inline void multiply_vector(double *y, const double *matrix, const double *x, int size)
{
    for (int i = 0; i < size; i++) {
        double sum = 0;
        for (int j = 0; j < size; j++)
            sum += matrix[(ptrdiff_t)i * size + j] * x[j];
        y[i] = sum;
    }
}

/* Freivalds: c = a * b is wrong by a chance that vanishes if c * x = a * (b * x) for a random x. Exact numbers only. */
static inline bool is_product(const double *c, const double *a, const double *b, int size)
{
    double *x = (double *)bench_allocate((size_t)size * 4, sizeof *x);
    double *bx = x + size, *abx = bx + size, *cx = abx + size;
    fill_with_digits(x, (size_t)size, 3);
    multiply_vector(bx, b, x, size);
    multiply_vector(abx, a, bx, size);
    multiply_vector(cx, c, x, size);
    bool equal = !memcmp(abx, cx, (size_t)size * sizeof *x);
    free(x);
    return equal;
}

#endif
