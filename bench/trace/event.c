/* SPDX-License-Identifier: MIT */
/* event.c - what an event of a trace costs the thread that writes it, in ns of its CPU time.
 *
 *     event EVENTS
 *
 * event_ns, by WAY:
 *   off      no trace is taken: the look whether there is one
 *   ticks    its time alone
 *   after    the same where it must not lie before what the thread has just read
 *   fresh    an event into memory that was never touched, as in a trace that stops when it is full
 *   warm     into memory that was written before, as in one that runs round
 *   full     an event that finds no room, and is counted
 *   read     per event that somebody copies
 */
#include "../harness/bench.h"

#include <trace.h>

#include <stdlib.h>

enum { POOL = 1, CHUNK = 512 };

static struct filch__track *track;

/* As the runtime does it at each place where it has something to tell. */
static inline void tell(uint64_t i)
{
    if (filch__trace_on() && (filch__trace_attached(track) || filch__trace_attach(&track, POOL, 0, "bench")))
        filch__trace_put(track, filch__os_ticks(), FILCH__EVENT_READY, 0, 0, i, i);
}

/* `count` events, from number `from` on. */
static double tell_all(uint64_t from, uint64_t count)
{
    uint64_t begin_ns = bench_thread_cpu_ns();
    for (uint64_t i = from; i < from + count; i++) {
        BENCH_OPAQUE(i);
        tell(i);
    }
    return (double)(bench_thread_cpu_ns() - begin_ns) / (double)count;
}

static double time_of(uint64_t (*ticks)(void), uint64_t count)
{
    uint64_t begin_ns = bench_thread_cpu_ns(), sum = 0;
    for (uint64_t i = 0; i < count; i++)
        sum += ticks();
    BENCH_OPAQUE(sum);
    return (double)(bench_thread_cpu_ns() - begin_ns) / (double)count;
}

struct copied {
    uint64_t count, lost;
    double ns;
};

/* They come in order, and the last one is the last. */
static void copy_all(struct filch__track *found, void *ctx)
{
    struct copied *copied = ctx;
    struct filch__event events[CHUNK];
    uint64_t at = 0, begin_ns = bench_thread_cpu_ns();
    size_t got;
    while ((got = filch__ring_read(&found->ring, &at, events, CHUNK, &copied->lost))) {
        BENCH_CHECK(events[got - 1].a - events[0].a == got - 1);
        copied->count += got;
    }
    copied->ns = (double)(bench_thread_cpu_ns() - begin_ns) / (double)copied->count;
}

static void begin(size_t bytes, bool wraps)
{
    BENCH_CHECK(filch__trace_begin(bytes, bytes, wraps) == 0);
}

static void end(void)
{
    BENCH_CHECK(filch__trace_end() == 0);
}

int main(int argc, char **argv)
{
    uint64_t count = (uint64_t)bench_argument(argc, argv, 1, 500000), room = 2;
    while (room <= count)
        room *= 2;
    size_t bytes = room * sizeof(struct filch__event);
    bench_sample("off", "event_ns", tell_all(0, count));
    (void)filch__os_ticks();
    bench_sample("ticks", "event_ns", time_of(filch__os_ticks, count));
    bench_sample("after", "event_ns", time_of(filch__os_ticks_after, count));

    begin(bytes, false);
    bench_sample("fresh", "event_ns", tell_all(0, count));
    end();
    struct copied copied = {.count = 0};
    filch__trace_visit(copy_all, &copied);
    BENCH_CHECK(copied.count == count && !copied.lost && !filch__trace_lost());
    bench_sample("read", "event_ns", copied.ns);

    begin(bytes, true);
    tell_all(0, 2 * room);
    bench_sample("warm", "event_ns", tell_all(2 * room, count));
    end();
    copied = (struct copied){.count = 0};
    filch__trace_visit(copy_all, &copied);
    BENCH_CHECK(copied.count == room - 1 && copied.count + copied.lost == 2 * room + count);

    begin(sizeof(struct filch__event) * 2, false);
    bench_sample("full", "event_ns", tell_all(0, count));
    end();
    BENCH_CHECK(filch__trace_lost() == count - 1);
    filch__trace_detach(track, true);
    filch__trace_forget();
}
