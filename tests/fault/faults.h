/* SPDX-License-Identifier: MIT */
/* faults.h - the operating system as the library sees it in a test: calls that fail on demand, and what is held.
 *
 * The programs of this directory are linked with --wrap for the functions in faults.txt, so calls of the static library
 * and of the test itself come here, and go on to the real ones (a sanitizer's, where there is one). Calls inside the
 * shared C library do not: a thread's stack, a FILE's buffer are its own affair. The test makes no such call while a
 * fault is armed.
 */
#ifndef TESTS_FAULTS_H
#define TESTS_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

enum fault {
    FAULT_MEMORY,  /* malloc and its kin: NULL */
    FAULT_HOOK,    /* the allocator of faults_allocator: NULL */
    FAULT_MAP,     /* mmap: ENOMEM */
    FAULT_GUARD,   /* madvise and mprotect: ENOMEM */
    FAULT_THREAD,  /* pthread_create: EAGAIN */
    FAULT_SLEEP,   /* a futex wait returns without a wake: EINTR, EAGAIN or 0 */
    FAULT_BARRIER, /* membarrier: EPERM */
    FAULT_EVENT,   /* eventfd: EMFILE */
    FAULT_KINDS
};

/* From now on the `nth` call of this kind (from 1) fails, and `more` calls after it, with `error` (0: the usual one).
 * nth 0: none fails, they are only counted. */
void faults_arm(enum fault kind, long nth, long more, int error);

/* Stop that. How many calls there were, and how many of them failed; or so far. */
struct fault_count {
    long calls, failed;
};
struct fault_count faults_disarm(void);
struct fault_count faults_so_far(void);

void faults_slow_down(unsigned us); /* a call that fails takes so long, 0: no time */

/* What was obtained by the wrapped calls, and not given back. */
struct held_resources {
    long blocks, bytes;      /* of malloc and its kin */
    long hook_blocks;        /* of faults_allocator */
    long maps, mapped_bytes; /* mmap */
    long threads;            /* started and not joined */
    long events;             /* eventfds */
};
struct held_resources faults_held(void);

/* True when both are the same; else the difference is printed. */
bool faults_same(const struct held_resources *before, const struct held_resources *after);

struct filch_allocator;
extern const struct filch_allocator faults_allocator;

/* What was asked of the clock. */
struct clock_use {
    long monotonic;       /* clock_gettime(CLOCK_MONOTONIC) */
    long other;           /* any other clock, time(), gettimeofday() */
    long sleeps;          /* futex waits with a deadline */
    long realtime_sleeps; /* futex waits with FUTEX_CLOCK_REALTIME, or with a relative time-out, or of another kind */
    uint64_t last_deadline_ns; /* of the last futex wait with one */
    long deadlines_moved;      /* a futex wait with another deadline than the one before, on the same word and thread */
};
struct clock_use faults_clock(void);

#endif
