/* SPDX-License-Identifier: MIT */
/* limits.c - what the machine itself charges, measured beside every run: no runtime can be faster than these.
 *
 * call_ns         a call of an empty function, through a pointer
 * locked_add_ns   a locked instruction on a cache line that nobody else uses
 * spin_trip_ns    a cache line there and back between two threads that spin
 * memcpy_gbs      memcpy of 64 MiB, 10^9 bytes a second
 *
 * The futex round trip stands beside them in bench/wake (bare_futex.c), after an idle millisecond.
 */
#include "bench.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { CALLS = 50000000, LOCKED_ADDS = 20000000, TRIPS = 200000, COPY_BYTES = 64 << 20, COPIES = 8 };

static __attribute__((noinline)) int empty(void *data)
{
    /* Keeps the compiler from folding the call away. */
    __asm__ volatile("" : : "r"(data) : "memory");
    return 0;
}

static double call_ns(void)
{
    int (*volatile loaded)(void *) = empty;
    int (*call)(void *) = loaded;
    uint64_t begin_ns = bench_now_ns();
    for (long i = 0; i < CALLS; i++)
        call(NULL);
    return (double)(bench_now_ns() - begin_ns) / CALLS;
}

static double locked_add_ns(void)
{
    static __attribute__((aligned(64))) uint64_t counter;
    uint64_t begin_ns = bench_now_ns();
    for (long i = 0; i < LOCKED_ADDS; i++)
        __atomic_fetch_add(&counter, 1, __ATOMIC_SEQ_CST);
    double elapsed_ns = (double)(bench_now_ns() - begin_ns);
    BENCH_CHECK(counter == LOCKED_ADDS);
    return elapsed_ns / LOCKED_ADDS;
}

static __attribute__((aligned(64))) uint32_t ping;
static __attribute__((aligned(64))) uint32_t pong;

static void spin_until(const uint32_t *word, uint32_t value)
{
    while (__atomic_load_n(word, __ATOMIC_ACQUIRE) != value)
        ;
}

static void *answer(void *unused)
{
    for (uint32_t i = 1; i <= TRIPS; i++) {
        spin_until(&ping, i);
        __atomic_store_n(&pong, i, __ATOMIC_RELEASE);
    }
    return unused;
}

static double spin_trip_ns(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, answer, NULL))
        bench_die("pthread_create failed");
    uint64_t begin_ns = 0;
    for (uint32_t i = 1; i <= TRIPS; i++) {
        __atomic_store_n(&ping, i, __ATOMIC_RELEASE);
        spin_until(&pong, i);
        /* The first trip waits for the thread to start. */
        if (i == 1)
            begin_ns = bench_now_ns();
    }
    double elapsed_ns = (double)(bench_now_ns() - begin_ns);
    pthread_join(thread, NULL);
    return elapsed_ns / (TRIPS - 1);
}

static double memcpy_gbs(void)
{
    char *from = malloc(COPY_BYTES);
    char *to = malloc(COPY_BYTES);
    if (!from || !to)
        bench_die("no memory to copy");
    memset(from, 1, COPY_BYTES);
    memset(to, 2, COPY_BYTES);
    uint64_t begin_ns = bench_now_ns();
    for (int i = 0; i < COPIES; i++) {
        from[i] = (char)i;
        memcpy(to, from, COPY_BYTES);
        __asm__ volatile("" : : "r"(to) : "memory");
    }
    double elapsed_ns = (double)(bench_now_ns() - begin_ns);
    BENCH_CHECK(memcmp(from, to, COPY_BYTES) == 0);
    free(from);
    free(to);
    return (double)COPIES * COPY_BYTES / elapsed_ns;
}

int main(void)
{
    bench_sample("-", "call_ns", call_ns());
    bench_sample("-", "locked_add_ns", locked_add_ns());
    bench_sample("-", "spin_trip_ns", spin_trip_ns());
    bench_sample("-", "memcpy_gbs", memcpy_gbs());
}
