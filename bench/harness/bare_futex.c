/* SPDX-License-Identifier: MIT */
/* bare_futex.c - one thread behind a futex word, as a floor for the benches; one task at a time.
 *
 * Each side counts: the producer in `requests`, the thread in `replies`; each sleeps while the other's count stands.
 */
#define _GNU_SOURCE
#include "bench.h"
#include "pool.h"

#include <linux/futex.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static pthread_t thread;
static struct bench_lot *requested; /* written before the count; NULL ends the thread */
static __attribute__((aligned(64))) uint32_t requests;
static __attribute__((aligned(64))) uint32_t replies;

static void count_and_wake(uint32_t *word)
{
    __atomic_fetch_add(word, 1, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void sleep_while(const uint32_t *word, uint32_t seen)
{
    while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == seen)
        syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void *work(void *unused)
{
    (void)unused;
    for (uint32_t seen = 0;; seen++) {
        sleep_while(&requests, seen);
        if (!requested)
            return NULL;
        requested->body(requested->data);
        count_and_wake(&replies);
    }
}

void bench_pool_open(unsigned workers)
{
    (void)workers;
    if (pthread_create(&thread, NULL, work, NULL))
        bench_die("pthread_create failed");
    puts("version -");
}

void bench_pool_close(void)
{
    requested = NULL;
    count_and_wake(&requests);
    pthread_join(thread, NULL);
}

void bench_lot_open(struct bench_lot *lot, size_t capacity, bench_body *body, void *data)
{
    *lot = (struct bench_lot){.body = body, .data = data, .capacity = capacity};
}

void bench_lot_close(struct bench_lot *lot)
{
    (void)lot;
}

void bench_lot_submit(struct bench_lot *lot, size_t count)
{
    BENCH_CHECK(count == 1 && lot->submitted == 0);
    lot->submitted = 1;
    requested = lot;
    count_and_wake(&requests);
}

const bool bench_pool_has_batch = false;

void bench_lot_submit_batch(struct bench_lot *lot, size_t count)
{
    bench_lot_submit(lot, count);
}

void bench_lot_wait(struct bench_lot *lot)
{
    /* The request's number is the reply's that is waited for. */
    sleep_while(&replies, requests - 1);
    lot->ended = 1;
    lot->submitted = 0;
}

size_t bench_lot_ended(struct bench_lot *lot)
{
    return lot->ended;
}
