/* SPDX-License-Identifier: MIT */
/* loop.c - W5: parallel loops back to back inside a task, of one increment per index; microseconds per loop.
 *
 *     loop WORKERS COUNT LOOPS        the way of a sample is its number of workers
 *
 * other_share says which part of the indices was not done by the busiest worker: a loop that one worker does alone is
 * no parallel loop.
 */
#include "loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct measurement {
    struct loop_data *data;
    size_t count;
    long loops;
    uint64_t elapsed_ns;
};

static void run_loops(void *argument)
{
    struct measurement *measurement = argument;
    uint64_t begin_ns = bench_now_ns();
    for (long i = 0; i < measurement->loops; i++)
        loop_run(measurement->data, measurement->count);
    measurement->elapsed_ns = bench_now_ns() - begin_ns;
}

static void check(const struct measurement *measurement)
{
    uint64_t items = 0;
    for (int i = 0; i < LOOP_WORKERS_MAX; i++)
        items += measurement->data->workers[i].items;
    BENCH_CHECK(items == measurement->count * (uint64_t)measurement->loops);
    for (size_t i = 0; i < measurement->count; i++)
        BENCH_CHECK(measurement->data->cells[i] == (uint32_t)measurement->loops);
}

static void clear(struct measurement *measurement, long loops)
{
    measurement->loops = loops;
    memset(measurement->data->cells, 0, measurement->count * sizeof *measurement->data->cells);
    memset(measurement->data->workers, 0, sizeof measurement->data->workers);
}

static double other_share(const struct measurement *measurement)
{
    uint64_t most = 0;
    for (int i = 0; i < LOOP_WORKERS_MAX; i++)
        if (measurement->data->workers[i].items > most)
            most = measurement->data->workers[i].items;
    return 100 - 100 * (double)most / ((double)measurement->count * (double)measurement->loops);
}

int main(int argc, char **argv)
{
    unsigned workers = (unsigned)bench_argument(argc, argv, 1, 2);
    long loops = bench_argument(argc, argv, 3, 1000);
    struct loop_data data = {0};
    struct measurement measurement = {.data = &data, .count = (size_t)bench_argument(argc, argv, 2, 1000)};
    if (!workers || workers > LOOP_WORKERS_MAX)
        bench_die("from 1 to %d workers", LOOP_WORKERS_MAX);
    data.cells = bench_allocate(measurement.count, sizeof *data.cells);
    bench_system_describe();

    bench_system_open(workers);
    clear(&measurement, loops / 8 + 1);
    loop_inside(run_loops, &measurement);
    check(&measurement);
    clear(&measurement, loops);
    loop_inside(run_loops, &measurement);
    check(&measurement);
    bench_system_close();

    char way[16];
    snprintf(way, sizeof way, "%u", bench_system_is_serial ? 1 : workers);
    bench_sample(way, "us_per_loop", (double)measurement.elapsed_ns / 1e3 / (double)loops);
    if (!bench_system_is_serial)
        bench_sample(way, "other_share", other_share(&measurement));
    free(data.cells);
}
