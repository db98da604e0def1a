/* SPDX-License-Identifier: MIT */
/* integrate.c - the area under x^3 + x by trapezoids, halved until a half makes no difference.
 *
 *     integrate WORKERS END
 */
#include "../fork/fork.h"

#include <math.h>

static const double precision = 1e-6;

static double curve(double x)
{
    return (x * x + 1) * x;
}

TASK(double, integrate, (double, x1), (double, y1), (double, x2), (double, y2), (double, area))
{
    double half = (x2 - x1) / 2, x = x1 + half, y = curve(x);
    double left = (y1 + y) / 2 * half, right = (y + y2) / 2 * half;
    if (fabs(left + right - area) < precision)
        return left + right;
    ONE(double, first);
    SPAWN_ONE(first, integrate, x1, y1, x, y, left);
    double second = CALL(integrate, x, y, x2, y2, right);
    SYNC_ONE(first, integrate);
    return first + second;
}

static double end, result;

void kernel_open(int argc, char **argv)
{
    end = (double)bench_argument(argc, argv, 1, 2000);
}

void kernel_reset(void)
{
}

void kernel_run(bool warm)
{
    double x = warm ? end / 100 : end;
    RUN(result, integrate, 0.0, 0.0, x, curve(x), curve(x) * x / 2);
}

void kernel_check(void)
{
    double exact = end * end * (end * end / 4 + 0.5);
    BENCH_CHECK(fabs(result - exact) <= 1e-6 * exact);
}

double kernel_tasks(void)
{
    return 0;
}
