/* SPDX-License-Identifier: MIT */
/* instructions.c - how many instructions an operation takes, counted by callgrind: check.py runs it, reads the counts.
 *
 * Each operation is done n times and then 2n times within a task, in a pool of limit 1, so that nobody steals and
 * nothing runs beside it; the difference, by n, leaves out whatever is done once. Each of the two ends with a dump that
 * carries its name. At the end it prints what there is to be read:
 *
 *     compiler gcc 12.2.0
 *     row NAME N TITLE           the dumps are "NAME 1" and "NAME 2"
 */
#include "../harness/bench.h"

#include <filch/filch.h>

#include <stdio.h>
#include <string.h>
#include <valgrind/callgrind.h>

enum { FIB_ORDER = 12, FIB_SPAWNS = 232, MANY = 64, LOOP = 1000 };

/* Volatile, so that nothing is computed when it is compiled, and nothing left out. */
static volatile long sink, order = FIB_ORDER;

FILCH_TASK(long, same, (long, value))
{
    return value;
}

FILCH_TASK(long, spawn_and_sync, (long, n))
{
    long sum = 0;
    for (long i = 0; i < n; i++) {
        FILCH_SPAWN(same, i);
        sum += FILCH_SYNC(same);
    }
    return sum;
}

FILCH_TASK(long, fib, (long, n))
{
    if (n < 2)
        return n;
    FILCH_SPAWN(fib, n - 1);
    long second = FILCH_CALL(fib, n - 2);
    return FILCH_SYNC(fib) + second;
}

FILCH_TASK(long, fib_often, (long, of), (long, n))
{
    long sum = 0;
    for (long i = 0; i < n; i++)
        sum += FILCH_CALL(fib, of);
    return sum;
}

static long serial_fib(long n)
{
    if (n < 2)
        return n;
    long first = serial_fib(n - 1);
    return first + serial_fib(n - 2);
}

static int empty(void *data)
{
    (void)data;
    return 0;
}

static int empty_piece(void *data, size_t begin, size_t end, unsigned slot)
{
    (void)data, (void)begin, (void)end, (void)slot;
    return 0;
}

static void do_spawn(long n)
{
    sink = FILCH_RUN(filch_pool_current(), spawn_and_sync, n);
}

static void do_fib(long n)
{
    sink = FILCH_RUN(filch_pool_current(), fib_often, order, n / FIB_SPAWNS);
}

static void do_serial_fib(long n)
{
    for (long i = 0; i < n / FIB_SPAWNS; i++)
        sink = serial_fib(order);
}

static void do_run(long n)
{
    for (long i = 0; i < n; i++)
        sink = FILCH_RUN(filch_pool_current(), same, i);
}

static void do_submit(long n)
{
    struct filch_future future = {0};
    for (long i = 0; i < n; i++) {
        BENCH_CHECK(filch_submit(NULL, &future, empty, NULL) == 0);
        BENCH_CHECK(filch_wait(&future) == 0);
    }
}

static struct filch_future futures[MANY];
static const struct filch_batch batch = {.futures = futures, .count = MANY};

static void do_submit_group(long n)
{
    for (long done = 0; done < n; done += MANY) {
        for (int i = 0; i < MANY; i++)
            BENCH_CHECK(filch_submit(NULL, &futures[i], empty, NULL) == 0);
        BENCH_CHECK(filch_wait_many(&batch, FILCH_NO_DEADLINE) == 0);
    }
}

static void do_submit_many(long n)
{
    for (long done = 0; done < n; done += MANY) {
        BENCH_CHECK(filch_submit_many(NULL, &batch, empty, NULL) == 0);
        BENCH_CHECK(filch_wait_many(&batch, FILCH_NO_DEADLINE) == 0);
    }
}

static void do_loops(long n)
{
    for (long i = 0; i < n; i++)
        BENCH_CHECK(filch_for(filch_pool_current(), 0, LOOP, NULL, empty_piece, NULL) == 0);
}

static void do_pieces(long n)
{
    struct filch_for_options options = {.grain = 1};
    BENCH_CHECK(filch_for(filch_pool_current(), 0, (size_t)n, &options, empty_piece, NULL) == 0);
}

static void do_gate(long n)
{
    struct filch_gate *gate;
    BENCH_CHECK(filch_gate_open(&gate, 1) == 0);
    for (long i = 0; i < n; i++) {
        BENCH_CHECK(filch_gate_enter(gate, FILCH_NO_DEADLINE) == 0);
        filch_gate_leave(gate);
    }
    BENCH_CHECK(filch_gate_close(gate) == 0);
}

/* traced: while a trace is taken, of which no file is written. */
static struct row {
    const char *name, *title;
    void (*work)(long n);
    long n;
    bool traced;
} rows[] = {
    {"spawn", "spawn + sync of an empty task", do_spawn, 10000, false},
    {"spawn_traced", "spawn + sync of an empty task, while a trace is taken", do_spawn, 1000, true},
    {"fib", "fib, per spawn, its pair of calls included", do_fib, 100 * FIB_SPAWNS, false},
    {"serial", "serial fib, per pair of calls", do_serial_fib, 100 * FIB_SPAWNS, false},
    {"run", "FILCH_RUN of an empty task, inside a task", do_run, 10000, false},
    {"submit", "submit + wait that suspends, inside a task", do_submit, 2000, false},
    {"submit_traced", "submit + wait that suspends, inside a task, while a trace is taken", do_submit, 2000, true},
    {"group", "64 submits + wait_many, inside a task, per submit", do_submit_group, 100 * MANY, false},
    {"many", "submit_many of 64 + wait_many, inside a task, per task", do_submit_many, 100 * MANY, false},
    {"many_traced", "submit_many of 64 + wait_many, inside a task, per task, while a trace is taken", do_submit_many,
     100 * MANY, true},
    {"loop", "filch_for over 1,000 indices, per loop", do_loops, 1000, false},
    {"piece", "filch_for with grain 1, per piece", do_pieces, 10000, false},
    {"gate", "enter + leave of a user gate with a permit free, inside a task", do_gate, 10000, false},
};

static int count(void *data)
{
    const struct row *row = data;
    row->work(row->n);
    for (int times = 1; times <= 2; times++) {
        char name[32];
        snprintf(name, sizeof name, "%s %d", row->name, times);
        CALLGRIND_DUMP_STATS; /* for what came before; to zero the counts leaves those of other threads */
        row->work(times * row->n);
        CALLGRIND_DUMP_STATS_AT(name);
    }
    printf("row %s %ld %s\n", row->name, row->n, row->title);
    return 0;
}

/* In a task of its own, that begins while the trace is taken. In a ring that runs round each event takes the same way,
 * however many they are. */
static void count_in_task(struct filch_pool *pool, struct row *row)
{
    const struct filch_trace_config config = {.bytes_per_thread = 1 << 16, .last_ns = 1};
    struct filch_future future = {0};
    BENCH_CHECK(!row->traced || filch_trace_start(&config) == 0);
    BENCH_CHECK(filch_submit(pool, &future, count, row) == 0);
    BENCH_CHECK(filch_wait(&future) == 0);
    BENCH_CHECK(!row->traced || filch_trace_stop() == 0);
}

#ifdef __clang__
#define COMPILER "clang", __clang_major__, __clang_minor__, __clang_patchlevel__
#else
#define COMPILER "gcc", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__
#endif

int main(void)
{
    printf("compiler %s %d.%d.%d\n", COMPILER);
    struct filch_pool *pool;
    BENCH_CHECK(filch_pool_open(&pool, &(struct filch_pool_config){.min_workers = 1, .max_concurrency = 1}) == 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        count_in_task(pool, &rows[i]);
    BENCH_CHECK(filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE) == 0);
    filch_pool_free(pool);
}
