/* SPDX-License-Identifier: MIT */
/* bare_sem.c - one thread behind a sem_t, as a floor for the benches: what a pool would cost that does nothing else. */
#include "tally.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>

static pthread_t thread;
static sem_t requests;
static struct bench_lot *requested; /* written before the post; NULL ends the thread */

static void *work(void *unused)
{
    (void)unused;
    for (;;) {
        while (sem_wait(&requests) && errno == EINTR)
            ;
        if (!requested)
            return NULL;
        bench_tally_run(requested);
    }
}

void bench_pool_open(unsigned workers)
{
    (void)workers;
    sem_init(&requests, 0, 0);
    if (pthread_create(&thread, NULL, work, NULL))
        bench_die("pthread_create failed");
    puts("version -");
}

void bench_pool_close(void)
{
    requested = NULL;
    sem_post(&requests);
    pthread_join(thread, NULL);
}

void bench_lot_submit(struct bench_lot *lot, size_t count)
{
    requested = lot;
    lot->submitted += count;
    for (size_t i = 0; i < count; i++)
        sem_post(&requests);
}
