/* SPDX-License-Identifier: MIT */
/* strassen.c - a product of two square matrices by seven products of their quarters (Strassen 1969).
 *
 *     strassen WORKERS SIZE        a power of two
 */
#include "../fork/fork.h"

#include <stdlib.h>
#include <string.h>

#include "multiply.h"

enum { SIZE_MIN = 64 };

/* to = x + factor * y */
static void add(struct part to, struct part x, struct part y, double factor, int size)
{
    for (int i = 0; i < size; i++)
        for (int j = 0; j < size; j++)
            to.at[i * to.stride + j] = x.at[i * x.stride + j] + factor * y.at[i * y.stride + j];
}

static void set_to_zero(struct part c, int size)
{
    for (int i = 0; i < size; i++)
        memset(c.at + i * c.stride, 0, (size_t)size * sizeof *c.at);
}

/* The `index`-th of the square matrices that lie one after the other. */
static struct part scratch_part(double *scratch, int index, int size)
{
    struct part part = {scratch + (ptrdiff_t)index * size * size, size};
    return part;
}

/* The sums that are multiplied: left[i] * right[i] is the i-th product. */
static void make_factors(struct part a, struct part b, double *scratch, int half, struct part left[7],
                         struct part right[7])
{
    struct part a11 = a, a12 = part_of(a, 0, half), a21 = part_of(a, half, 0), a22 = part_of(a, half, half);
    struct part b11 = b, b12 = part_of(b, 0, half), b21 = part_of(b, half, 0), b22 = part_of(b, half, half);
    struct part sum[10];
    for (int i = 0; i < 10; i++)
        sum[i] = scratch_part(scratch, i, half);
    add(sum[0], a11, a22, 1, half);
    add(sum[1], b11, b22, 1, half);
    add(sum[2], a21, a22, 1, half);
    add(sum[3], b12, b22, -1, half);
    add(sum[4], b21, b11, -1, half);
    add(sum[5], a11, a12, 1, half);
    add(sum[6], a21, a11, -1, half);
    add(sum[7], b11, b12, 1, half);
    add(sum[8], a12, a22, -1, half);
    add(sum[9], b21, b22, 1, half);
    struct part lefts[7] = {sum[0], sum[2], a11, a22, sum[5], sum[6], sum[8]};
    struct part rights[7] = {sum[1], b11, sum[3], sum[4], b22, sum[7], sum[9]};
    memcpy(left, lefts, sizeof lefts);
    memcpy(right, rights, sizeof rights);
}

static void add_products(struct part c, const struct part m[7], int half)
{
    struct part c11 = c, c12 = part_of(c, 0, half), c21 = part_of(c, half, 0), c22 = part_of(c, half, half);
    add(c11, m[0], m[3], 1, half);
    add(c11, c11, m[4], -1, half);
    add(c11, c11, m[6], 1, half);
    add(c12, m[2], m[4], 1, half);
    add(c21, m[1], m[3], 1, half);
    add(c22, m[0], m[1], -1, half);
    add(c22, c22, m[2], 1, half);
    add(c22, c22, m[5], 1, half);
}

/* c = a * b. The matrices are passed by address: they outlive the call, and three parts have no room in a slot. */
VOID_TASK(strassen, (const struct part *, c), (const struct part *, a), (const struct part *, b), (int, size))
{
    if (size <= SIZE_MIN) {
        struct extent extent = {size, size, size};
        set_to_zero(*c, size);
        multiply_serially(*c, *a, *b, extent, 1);
        return;
    }
    int half = size / 2;
    double *scratch = (double *)malloc((size_t)half * (size_t)half * 17 * sizeof *scratch);
    if (!scratch)
        bench_die("no memory for the sums");
    struct part left_array[7], right_array[7], product_array[7];
    struct part *left = left_array, *right = right_array, *product = product_array;
    make_factors(*a, *b, scratch, half, left, right);
    CHILDREN();
    for (int i = 0; i < 7; i++) {
        product[i] = scratch_part(scratch, 10 + i, half);
        SPAWN(strassen, product + i, left + i, right + i, half);
    }
    SYNC_ALL();
    add_products(*c, product, half);
    free(scratch);
}

static int size;
static struct part a, b, c;

void kernel_open(int argc, char **argv)
{
    size = (int)bench_argument(argc, argv, 1, 1024);
    if (size & (size - 1))
        bench_die("the size is a power of two");
    size_t count = (size_t)size * (size_t)size;
    struct part *all[3] = {&a, &b, &c};
    for (int i = 0; i < 3; i++) {
        all[i]->at = (double *)bench_allocate(count, sizeof *a.at);
        all[i]->stride = size;
    }
    fill_with_digits(a.at, count, 1);
    fill_with_digits(b.at, count, 2);
}

void kernel_reset(void)
{
    set_to_zero(c, size);
}

void kernel_run(bool warm)
{
    RUN_VOID(strassen, &c, &a, &b, warm ? size / 4 : size);
}

void kernel_check(void)
{
    BENCH_CHECK(is_product(c.at, a.at, b.at, size));
}

double kernel_tasks(void)
{
    return 0;
}
