/* SPDX-License-Identifier: MIT */
/* matmul.c - a product of two square matrices by halving, whatever the caches' sizes (Frigo et al., FOCS 1999).
 *
 *     matmul WORKERS SIZE
 */
#include "../fork/fork.h"

#include <stdlib.h>
#include <string.h>

#include "multiply_task.h"

static int size;
static double *a, *b, *c;

void kernel_open(int argc, char **argv)
{
    size = (int)bench_argument(argc, argv, 1, 1024);
    size_t count = (size_t)size * (size_t)size;
    a = (double *)bench_allocate(count, sizeof *a);
    b = (double *)bench_allocate(count, sizeof *b);
    c = (double *)bench_allocate(count, sizeof *c);
    fill_with_digits(a, count, 1);
    fill_with_digits(b, count, 2);
    multiply_stride = size;
}

void kernel_reset(void)
{
    memset(c, 0, (size_t)size * (size_t)size * sizeof *c);
}

void kernel_run(bool warm)
{
    int side = warm ? size / 4 : size;
    struct extent extent = {side, side, side};
    RUN_VOID(multiply, c, a, b, extent, 1.0);
}

void kernel_check(void)
{
    BENCH_CHECK(is_product(c, a, b, size));
}

double kernel_tasks(void)
{
    return 0;
}
