/* SPDX-License-Identifier: MIT */
/* wake.c - W4: a pool that has been idle for a millisecond gets one task that does next to nothing.
 *
 *     wake WORKERS SAMPLES          start_us: from before the submit to the body; trip_us: until the wait has returned
 */
#include "../harness/bench.h"
#include "../harness/pool.h"

enum { UNCOUNTED = 20, IDLE_NS = 1000000 };

static int stamp(void *data)
{
    *(uint64_t *)data = bench_now_ns();
    return 0;
}

int main(int argc, char **argv)
{
    unsigned workers = (unsigned)bench_argument(argc, argv, 1, 2);
    long samples = bench_argument(argc, argv, 2, 200);
    uint64_t started_ns = 0;
    struct bench_lot lot;
    bench_pool_open(workers);
    bench_lot_open(&lot, 1, stamp, &started_ns);
    for (long i = -UNCOUNTED; i < samples; i++) {
        bench_sleep_ns(IDLE_NS);
        started_ns = 0;
        uint64_t begin_ns = bench_now_ns();
        bench_lot_submit(&lot, 1);
        bench_lot_wait(&lot);
        uint64_t end_ns = bench_now_ns();
        BENCH_CHECK(bench_lot_ended(&lot) == 1 && started_ns >= begin_ns && started_ns <= end_ns);
        if (i < 0)
            continue;
        bench_sample("-", "start_us", (double)(started_ns - begin_ns) * 1e-3);
        bench_sample("-", "trip_us", (double)(end_ns - begin_ns) * 1e-3);
    }
    bench_lot_close(&lot);
    bench_pool_close();
}
