/* SPDX-License-Identifier: MIT */
/* openmp.c - a static loop of a team that the thread leads. */
#include "../harness/with_openmp.h"
#include "loop.h"

void loop_inside(void (*measure)(void *data), void *data)
{
    measure(data);
}

/* What schedule(static) does, with the range in one piece, so that each thread can say how much it did. */
void loop_run(struct loop_data *data, size_t count)
{
#pragma omp parallel num_threads(team)
    {
        size_t thread = (size_t)omp_get_thread_num(), threads = (size_t)omp_get_num_threads();
        loop_part(data, count * thread / threads, count * (thread + 1) / threads, (unsigned)thread);
    }
}
