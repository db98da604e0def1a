/* SPDX-License-Identifier: MIT */
/* os.h - the wall: what filch needs of Linux, and the only place that calls it.
 *
 * Everything here is thread-safe. Times are CLOCK_MONOTONIC nanoseconds, deadlines absolute, UINT64_MAX for none.
 */
#ifndef FILCH_OS_H
#define FILCH_OS_H

#include "compiler.h"

#include <filch/detail/atomic.h>

#include <pthread.h>

uint64_t filch__os_now_ns(void);

/* A clock for events: the processor's own, where all processors have the same and it never stops (then a tick is some
 * fraction of a nanosecond, or tens of them), else CLOCK_MONOTONIC; it is the same one all the time. Ticks are turned into
 * nanoseconds by two readings of both clocks.
 * The processor may read it before what precedes has been executed: a time is never too late, but may be too early. Where
 * it must not lie before what the thread has just read from others, ticks_after is right. In a model time stands still. */
enum filch__os_tick_source { FILCH__TICKS_UNKNOWN, FILCH__TICKS_COUNTER, FILCH__TICKS_CLOCK };
extern uint32_t filch__os_tick_source;
uint64_t filch__os_ticks_slow(void);
void filch__os_read_clocks(uint64_t *ret_ticks, uint64_t *ret_ns); /* both at one time, as near as can be */

#if !defined(FILCH_MODEL) && defined(__x86_64__)
#define FILCH__OS_COUNTER 1
static inline uint64_t filch__os_counter(void)
{
    return __builtin_ia32_rdtsc();
}
static inline uint64_t filch__os_counter_after(void)
{
    __builtin_ia32_lfence(); /* where rdtscp takes 17 ns this takes 15 */
    return __builtin_ia32_rdtsc();
}
#elif !defined(FILCH_MODEL) && defined(__aarch64__)
#define FILCH__OS_COUNTER 1
static inline uint64_t filch__os_counter(void)
{
    uint64_t ticks;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
}
static inline uint64_t filch__os_counter_after(void)
{
    uint64_t ticks;
    __asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(ticks)::"memory");
    return ticks;
}
#endif

static inline uint64_t filch__os_ticks(void)
{
#ifdef FILCH__OS_COUNTER
    if (filch__likely(filch__load_relaxed(&filch__os_tick_source) == FILCH__TICKS_COUNTER))
        return filch__os_counter();
#endif
    return filch__os_ticks_slow();
}

static inline uint64_t filch__os_ticks_after(void)
{
#ifdef FILCH__OS_COUNTER
    if (filch__likely(filch__load_relaxed(&filch__os_tick_source) == FILCH__TICKS_COUNTER))
        return filch__os_counter_after();
#endif
    return filch__os_ticks_slow();
}

/* Sleep while *word == expected, until woken or the deadline. May return for no reason: the caller looks at *word
 * again. 0 or -ETIMEDOUT. */
int filch__os_futex_wait(uint32_t *word, uint32_t expected, uint64_t deadline_ns);

/* Wake up to `count` sleepers. The word is only an address here: it may be unmapped by now. */
void filch__os_futex_wake(uint32_t *word, int count);

/* Asymmetric fences (membarrier(2), private expedited): the rare side calls barrier(), which makes every running thread
 * of the process execute a full fence somewhere inside the call; the frequent side needs only light(), which costs
 * nothing. has() is false where the kernel or a sandbox refuses: both sides must then order themselves by other means.
 * It never changes after filch__os_barrier_init. */
void filch__os_barrier_init(void);
void filch__os_barrier(void);
extern bool filch__os_barrier_works;
static inline bool filch__os_has_barrier(void)
{
    return filch__os_barrier_works;
}
static inline void filch__os_barrier_light(void)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* A hint that this is a spin loop; and one that somebody else should run. */
void filch__os_yield(void);
static inline void filch__os_pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory");
#endif
}

/* A lock for slow paths. Never held across a wait or a strand switch. */
struct filch__lock {
    pthread_mutex_t mutex;
};
void filch__lock_init(struct filch__lock *lock);
void filch__lock_destroy(struct filch__lock *lock);
void filch__lock(struct filch__lock *lock);
void filch__unlock(struct filch__lock *lock);

/* Start a joinable thread that receives no signals but those of its own faults, and SIGPROF. 0 or a negative errno. */
int filch__os_thread_start(pthread_t *ret_thread, void *(*run)(void *arg), void *arg);
void filch__os_thread_name(const char *name); /* of the calling thread; cut to 15 characters */
int32_t filch__os_thread_id(void);            /* the kernel's number of the calling thread */
/* The calling thread's name, "main" for the process's first; "" when it only has inherited that one's. */
void filch__os_thread_get_name(char *ret_name, size_t size);

/* Address space for stacks: lazily committed, not counted against overcommit, no huge pages. NULL when refused. */
void *filch__os_map_stacks(size_t size);
void filch__os_unmap_stacks(void *base, size_t size);
/* Has this process a limit of address space (RLIMIT_AS)? */
bool filch__os_space_is_limited(void);
/* Whole pages of it go back to the system, and read as zero. */
void filch__os_release_pages(void *from, size_t size);
size_t filch__os_page_size(void);

/* Address space for data, zero, lazily committed; a forked child finds it empty, and the parent's pages need no copy then.
 * dense: what is touched has neighbours that will be; then it may be committed in pieces of FILCH__OS_DENSE bytes. NULL
 * when refused. */
#define FILCH__OS_DENSE ((size_t)2 << 20)
void *filch__os_map_data(size_t size, bool dense);
void filch__os_unmap_data(void *base, size_t size);

/* Make one page fault on every access. False when the kernel has no room for one more guard. */
bool filch__os_guard_page(void *page);

/* A non-blocking, close-on-exec event descriptor: >= 0 or a negative errno; and its operations. */
int filch__os_event_open(void);
void filch__os_event_signal(int fd);
void filch__os_event_clear(int fd);
void filch__os_event_close(int fd);

/* Columns of a terminal, never 0 for one; 0: it is none. */
unsigned filch__os_terminal_columns(int fd);
/* All of it, unless an error comes first (then the rest is dropped). */
void filch__os_write(int fd, const char *text, size_t length);

/* Forks that this process descends from, as far as filch saw them. A pool of an older generation is stale. */
extern uint32_t filch__generation;

/* End the calling thread at once, running no handlers: in a forked child it is the only one. */
_Noreturn void filch__os_thread_end(void);

/* A broken invariant: print one line and abort. */
_Noreturn void filch__os_die(const char *message);

/* Processors that this process may use, at least 1 (cpus.c). */
unsigned filch__os_cpu_count(void);

/* For tests: the directory that stands for "/" when cgroup files are read. NULL: the real one. Not thread-safe. */
extern const char *filch__os_cgroup_root;

#endif
