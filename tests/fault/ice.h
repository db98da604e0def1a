/* SPDX-License-Identifier: MIT */
/* ice.h - make a thread stand still wherever it is, in a signal handler, until it is told to go on. */
#ifndef TESTS_ICE_H
#define TESTS_ICE_H

#include "support/tasks.h"

#include <linux/futex.h>

static struct {
    atomic_uint thaw; /* a futex: 0 while the frozen one stands still */
    atomic_int frozen;
} ice;

static inline void stand_still(int signal_number)
{
    int before = errno;
    (void)signal_number;
    atomic_store(&ice.frozen, 1);
    while (atomic_load(&ice.thaw) == 0)
        syscall(SYS_futex, &ice.thaw, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
    atomic_store(&ice.frozen, 0);
    errno = before;
}

static inline void freeze(long thread)
{
    struct sigaction action = {.sa_handler = stand_still};
    sigemptyset(&action.sa_mask);
    must(sigaction(SIGPROF, &action, NULL) == 0);
    atomic_store(&ice.thaw, 0);
    atomic_store(&ice.frozen, 0);
    must(syscall(SYS_tgkill, getpid(), thread, SIGPROF) == 0);
    wait_until(atomic_load(&ice.frozen));
}

static inline void thaw(void)
{
    atomic_store(&ice.thaw, 1);
    syscall(SYS_futex, &ice.thaw, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
    wait_until(!atomic_load(&ice.frozen));
}

/* The threads of a pool's workers: note_thread is its worker_init. */
static atomic_long worker_thread[64];

static inline int note_thread(void *ctx, unsigned worker, void **ret_local)
{
    (void)ctx, (void)ret_local;
    atomic_store(&worker_thread[worker], thread_id());
    return 0;
}

/* Work that a thread of its own keeps up. */
struct load {
    struct filch_pool *pool;
    atomic_int stop, rounds;
};

/* Whether the load comes round twice more, in some 5 ms, while one stands still. */
static inline bool goes_on_without(struct load *load)
{
    int before = atomic_load(&load->rounds);
    for (int tries = 0; tries < 50; tries++) {
        if (atomic_load(&load->rounds) >= before + 2)
            return true;
        usleep(100);
    }
    return false;
}

/* Freezes the workers in turn, each wherever it is, while the load goes on; how often that went on meanwhile. */
static inline int freeze_at_random(struct load *load, int workers, int rounds)
{
    int went_on = 0;
    for (int i = 0; i < rounds; i++) {
        int before = atomic_load(&load->rounds);
        wait_until(atomic_load(&load->rounds) != before);
        dawdle(i * 37 % 200);
        freeze(atomic_load(&worker_thread[i % workers]));
        went_on += goes_on_without(load);
        thaw();
    }
    return went_on;
}

#endif
