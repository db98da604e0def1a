/* SPDX-License-Identifier: MIT */
/* heat.c - heat spreads over a plate: Jacobi's steps one after the other, each halved by rows.
 *
 *     heat WORKERS SIZE STEPS
 *
 * The plate begins as the slowest mode of the discrete equation, which every step scales by one known factor.
 */
#include "../fork/fork.h"

#include <math.h>
#include <string.h>

enum { ROWS_MIN = 16 };

static const double conductivity = 0.2;
static int size, steps; /* inner points of a side; the rim is kept at zero */
static double *input, *plate, *next;

static size_t points(void)
{
    return (size_t)(size + 2) * (size_t)(size + 2);
}

VOID_TASK(spread, (const double *, from), (double *, to), (int, row), (int, rows))
{
    if (rows > ROWS_MIN) {
        CHILDREN();
        SPAWN(spread, from, to, row, rows / 2);
        CALL(spread, from, to, row + rows / 2, rows - rows / 2);
        SYNC_ALL();
        return;
    }
    const ptrdiff_t stride = size + 2;
    for (int i = row; i < row + rows; i++) {
        const double *here = from + i * stride;
        double *there = to + i * stride;
        for (int j = 1; j <= size; j++) {
            double around = here[j - 1] + here[j + 1] + here[j - stride] + here[j + stride];
            there[j] = here[j] + conductivity * (around - 4 * here[j]);
        }
    }
}

VOID_TASK(heat, (int, count))
{
    for (int i = 0; i < count; i++)
        CALL(spread, i % 2 ? next : plate, i % 2 ? plate : next, 1, size);
}

void kernel_open(int argc, char **argv)
{
    size = (int)bench_argument(argc, argv, 1, 1024);
    steps = (int)bench_argument(argc, argv, 2, 200);
    input = (double *)bench_allocate(points(), sizeof *input);
    plate = (double *)bench_allocate(points(), sizeof *plate);
    next = (double *)bench_allocate(points(), sizeof *next);
    double angle = acos(-1) / (size + 1);
    for (int i = 1; i <= size; i++)
        for (int j = 1; j <= size; j++)
            input[(ptrdiff_t)i * (size + 2) + j] = sin(i * angle) * sin(j * angle);
}

void kernel_reset(void)
{
    memcpy(plate, input, points() * sizeof *plate);
}

void kernel_run(bool warm)
{
    RUN_VOID(heat, warm ? 2 : steps);
}

void kernel_check(void)
{
    const double *last = steps % 2 ? next : plate;
    double factor = pow(1 - 4 * conductivity * (1 - cos(acos(-1) / (size + 1))), steps);
    for (size_t i = 0; i < points(); i++)
        BENCH_CHECK(fabs(last[i] - factor * input[i]) <= 1e-9);
}

double kernel_tasks(void)
{
    return 0;
}
