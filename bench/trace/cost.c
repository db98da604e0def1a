/* SPDX-License-Identifier: MIT */
/* cost.c - what profiling adds to the time of programs that do nothing but make tasks: the same work with and without it, in
 * one process, turn and turn about, so that what else the machine does meets each way alike.
 *
 *     cost ROUNDS [ORDER]            ORDER: of fib
 *
 * Ways: fib, many (submit_many of 100,000 empty tasks), wavefront (a graph of 128 x 128 nodes). Metrics, medians over the rounds:
 *   plain_ns    CPU time per spawn, task or node: as always, with its histograms and 1 of 256 tasks sampled
 *   traced_ns   the same while a trace is taken, into rings that run round
 *   event_ns    what tracing adds, per event that it wrote; not for fib, which is timed at each spawn and rarely writes
 *   events      per spawn, task or node
 */
#include "../harness/bench.h"

#include <filch/filch.h>
#include <trace.h>

#include <stdlib.h>

enum { MANY = 100000, SIDE = 128, ROUNDS_MAX = 1000, RING = 1 << 22 };

static long order;

FILCH_TASK(long, fib, (long, n))
{
    if (n < 2)
        return n;
    FILCH_SPAWN(fib, n - 1);
    long second = FILCH_CALL(fib, n - 2);
    return FILCH_SYNC(fib) + second;
}

static void do_fib(struct filch_pool *pool)
{
    BENCH_CHECK(FILCH_RUN(pool, fib, order) == bench_fibonacci(order));
}

static int empty(void *data)
{
    (void)data;
    return 0;
}

static struct filch_future futures[MANY];

static void do_many(struct filch_pool *pool)
{
    const struct filch_batch batch = {.futures = futures, .count = MANY};
    BENCH_CHECK(filch_submit_many(pool, &batch, empty, NULL) == 0);
    BENCH_CHECK(filch_wait_many(&batch, FILCH_NO_DEADLINE) == 0);
}

static struct filch_graph *graph;

static void make_graph(void)
{
    static size_t nodes[SIDE][SIDE];
    BENCH_CHECK(filch_graph_open(&graph, NULL) == 0);
    for (int i = 0; i < SIDE; i++)
        for (int k = 0; k < SIDE; k++) {
            BENCH_CHECK(filch_graph_add(graph, empty, NULL, NULL, &nodes[i][k]) == 0);
            BENCH_CHECK(!i || filch_graph_edge(graph, nodes[i - 1][k], nodes[i][k]) == 0);
            BENCH_CHECK(!k || filch_graph_edge(graph, nodes[i][k - 1], nodes[i][k]) == 0);
        }
}

static void do_wavefront(struct filch_pool *pool)
{
    BENCH_CHECK(filch_graph_run(pool, graph) == 0);
}

/* CPU time of the process: what others do to the machine is not in it. */
static double time_of(void (*work)(struct filch_pool *pool), struct filch_pool *pool)
{
    uint64_t begin_ns = bench_process_cpu_ns();
    work(pool);
    return (double)(bench_process_cpu_ns() - begin_ns);
}

static void count_events(struct filch__track *track, void *events)
{
    *(double *)events += (double)(filch__load_acquire(&track->ring.head) - filch__load_relaxed(&track->ring.first));
}

struct round {
    double plain, traced, events;
};

static struct round measure(void (*work)(struct filch_pool *pool), struct filch_pool *pool)
{
    const struct filch_trace_config config = {.bytes_per_thread = RING, .last_ns = 1};
    struct round round = {.plain = time_of(work, pool)};
    BENCH_CHECK(filch_trace_start(&config) == 0);
    round.traced = time_of(work, pool);
    BENCH_CHECK(filch_trace_stop() == 0);
    filch__trace_visit(count_events, &round.events);
    return round;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, long count)
{
    qsort(values, (size_t)count, sizeof *values, compare);
    return values[count / 2];
}

static void report(const char *way, const struct round *rounds, long count, double units)
{
    static double plain[ROUNDS_MAX], traced[ROUNDS_MAX], event[ROUNDS_MAX], events[ROUNDS_MAX];
    for (long i = 0; i < count; i++) {
        plain[i] = rounds[i].plain / units;
        traced[i] = rounds[i].traced / units;
        events[i] = rounds[i].events / units;
        event[i] = (rounds[i].traced - rounds[i].plain) / rounds[i].events;
    }
    bench_sample(way, "plain_ns", median(plain, count));
    bench_sample(way, "traced_ns", median(traced, count));
    double each = median(events, count);
    bench_sample(way, "events", each);
    if (each > 1)
        bench_sample(way, "event_ns", median(event, count));
}

int main(int argc, char **argv)
{
    long count = bench_argument(argc, argv, 1, 21);
    order = bench_argument(argc, argv, 2, 24);
    BENCH_CHECK(count > 0 && count <= ROUNDS_MAX);
    const struct {
        const char *name;
        void (*work)(struct filch_pool *pool);
        double units;
    } ways[] = {{"fib", do_fib, (double)(bench_fibonacci(order + 1) - 1)},
                {"many", do_many, MANY},
                {"wavefront", do_wavefront, SIDE * SIDE}};
    static struct round rounds[3][ROUNDS_MAX];
    struct filch_pool *pool;
    BENCH_CHECK(filch_pool_open(&pool, NULL) == 0);
    make_graph();
    for (long i = -1; i < count; i++) /* the first one is not counted */
        for (int way = 0; way < 3; way++)
            rounds[way][i < 0 ? 0 : i] = measure(ways[way].work, pool);
    for (int way = 0; way < 3; way++)
        report(ways[way].name, rounds[way], count, ways[way].units);
    BENCH_CHECK(filch_graph_close(graph) == 0);
    BENCH_CHECK(filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE) == 0);
    filch_pool_free(pool);
}
