/* SPDX-License-Identifier: MIT */
/* os.h - the wall: what filch needs of Linux, and the only place that calls it.
 *
 * Everything here is thread-safe. Times are CLOCK_MONOTONIC nanoseconds, deadlines absolute, UINT64_MAX for none.
 */
#ifndef FILCH_OS_H
#define FILCH_OS_H

#include "compiler.h"

#include <pthread.h>

uint64_t filch__os_now_ns(void);

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

/* Address space for stacks: lazily committed, not counted against overcommit, no huge pages. NULL when refused. */
void *filch__os_map_stacks(size_t size);
void filch__os_unmap_stacks(void *base, size_t size);
/* Has this process a limit of address space (RLIMIT_AS)? */
bool filch__os_space_is_limited(void);
/* Whole pages of it go back to the system, and read as zero. */
void filch__os_release_pages(void *from, size_t size);
size_t filch__os_page_size(void);

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
