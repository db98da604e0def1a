/* SPDX-License-Identifier: MIT */
#include "faults.h"

#include <filch/base.h>

#include <errno.h>
#include <linux/futex.h>
#include <malloc.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#pragma GCC diagnostic ignored "-Wmissing-prototypes" /* the linker's names have no header */

enum { EVENTS_MOST = 4096 };

static struct {
    atomic_int kind; /* FAULT_KINDS: none */
    atomic_long nth, more, calls, failed;
    atomic_int error;
    atomic_uint us;
} armed = {.kind = FAULT_KINDS};

static struct {
    atomic_long blocks, bytes, hook_blocks, maps, mapped_bytes, threads, events;
    atomic_bool is_event[EVENTS_MOST];
} held;

static struct {
    atomic_long monotonic, other, sleeps, realtime_sleeps, deadlines_moved;
    _Atomic uint64_t last_deadline_ns;
} used;

void faults_arm(enum fault kind, long nth, long more, int error)
{
    atomic_store(&armed.calls, 0);
    atomic_store(&armed.failed, 0);
    atomic_store(&armed.nth, nth);
    atomic_store(&armed.more, more);
    atomic_store(&armed.error, error);
    atomic_store(&armed.kind, kind);
}

struct fault_count faults_disarm(void)
{
    atomic_store(&armed.kind, FAULT_KINDS);
    return faults_so_far();
}

struct fault_count faults_so_far(void)
{
    return (struct fault_count){atomic_load(&armed.calls), atomic_load(&armed.failed)};
}

void faults_slow_down(unsigned us)
{
    atomic_store(&armed.us, us);
}

/* Is this call to fail? errno is then as the armed fault says, else `usual`. */
static bool fails(enum fault kind, int usual)
{
    if (atomic_load(&armed.kind) != (int)kind)
        return false;
    long call = atomic_fetch_add(&armed.calls, 1) + 1, nth = atomic_load(&armed.nth);
    if (nth == 0 || call < nth || call - nth > atomic_load(&armed.more))
        return false;
    atomic_fetch_add(&armed.failed, 1);
    if (atomic_load(&armed.us))
        usleep(atomic_load(&armed.us));
    int error = atomic_load(&armed.error);
    errno = error ? error : usual;
    return true;
}

struct held_resources faults_held(void)
{
    return (struct held_resources){atomic_load(&held.blocks),       atomic_load(&held.bytes),
                                   atomic_load(&held.hook_blocks),  atomic_load(&held.maps),
                                   atomic_load(&held.mapped_bytes), atomic_load(&held.threads),
                                   atomic_load(&held.events)};
}

static bool same(const char *what, long before, long after)
{
    if (before != after)
        fprintf(stderr, "%s: %ld before, %ld after\n", what, before, after);
    return before == after;
}

bool faults_same(const struct held_resources *before, const struct held_resources *after)
{
    bool all = same("blocks of memory", before->blocks, after->blocks);
    all &= same("bytes of memory", before->bytes, after->bytes);
    all &= same("blocks of the allocator's", before->hook_blocks, after->hook_blocks);
    all &= same("mappings", before->maps, after->maps);
    all &= same("bytes mapped", before->mapped_bytes, after->mapped_bytes);
    all &= same("threads", before->threads, after->threads);
    all &= same("event descriptors", before->events, after->events);
    return all;
}

/* ---- memory ---- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
int __real_posix_memalign(void **ret_memory, size_t alignment, size_t size);
void __real_free(void *memory);

static void *obtained(void *memory)
{
    if (memory) {
        atomic_fetch_add(&held.blocks, 1);
        atomic_fetch_add(&held.bytes, (long)malloc_usable_size(memory));
    }
    return memory;
}

void *__wrap_malloc(size_t size)
{
    return fails(FAULT_MEMORY, ENOMEM) ? NULL : obtained(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails(FAULT_MEMORY, ENOMEM) ? NULL : obtained(__real_calloc(count, size));
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return fails(FAULT_MEMORY, ENOMEM) ? NULL : obtained(__real_aligned_alloc(alignment, size));
}

int __wrap_posix_memalign(void **ret_memory, size_t alignment, size_t size)
{
    if (fails(FAULT_MEMORY, ENOMEM))
        return ENOMEM;
    int r = __real_posix_memalign(ret_memory, alignment, size);
    if (r == 0)
        (void)obtained(*ret_memory);
    return r;
}

void __wrap_free(void *memory)
{
    if (memory) {
        atomic_fetch_sub(&held.blocks, 1);
        atomic_fetch_sub(&held.bytes, (long)malloc_usable_size(memory));
    }
    __real_free(memory);
}

void *__wrap_realloc(void *memory, size_t size)
{
    if (fails(FAULT_MEMORY, ENOMEM))
        return NULL;
    long before = memory ? (long)malloc_usable_size(memory) : 0;
    bool had = memory != NULL;
    void *moved = __real_realloc(memory, size);
    if (moved && had) {
        atomic_fetch_sub(&held.blocks, 1);
        atomic_fetch_sub(&held.bytes, before);
    }
    return obtained(moved);
}

static void *hook_alloc(void *ctx, size_t size)
{
    (void)ctx;
    if (fails(FAULT_HOOK, ENOMEM))
        return NULL;
    void *memory = __real_malloc(size);
    if (memory)
        atomic_fetch_add(&held.hook_blocks, 1);
    return memory;
}

static void hook_free(void *ctx, void *memory, size_t size)
{
    (void)ctx, (void)size;
    atomic_fetch_sub(&held.hook_blocks, 1);
    __real_free(memory);
}

const struct filch_allocator faults_allocator = {.alloc = hook_alloc, .free = hook_free};

void *__real_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
int __real_munmap(void *address, size_t size);
int __real_madvise(void *address, size_t size, int advice);
int __real_mprotect(void *address, size_t size, int protection);

void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    if (fails(FAULT_MAP, ENOMEM))
        return MAP_FAILED;
    void *base = __real_mmap(address, size, protection, flags, fd, offset);
    if (base != MAP_FAILED) {
        atomic_fetch_add(&held.maps, 1);
        atomic_fetch_add(&held.mapped_bytes, (long)size);
    }
    return base;
}

int __wrap_munmap(void *address, size_t size)
{
    atomic_fetch_sub(&held.maps, 1);
    atomic_fetch_sub(&held.mapped_bytes, (long)size);
    return __real_munmap(address, size);
}

int __wrap_madvise(void *address, size_t size, int advice)
{
    return fails(FAULT_GUARD, ENOMEM) ? -1 : __real_madvise(address, size, advice);
}

int __wrap_mprotect(void *address, size_t size, int protection)
{
    return fails(FAULT_GUARD, ENOMEM) ? -1 : __real_mprotect(address, size, protection);
}

/* ---- threads ---- */

int __real_pthread_create(pthread_t *ret_thread, const pthread_attr_t *attributes, void *(*run)(void *), void *data);
int __real_pthread_join(pthread_t thread, void **ret_value);

int __wrap_pthread_create(pthread_t *ret_thread, const pthread_attr_t *attributes, void *(*run)(void *), void *data)
{
    if (fails(FAULT_THREAD, EAGAIN))
        return errno;
    int r = __real_pthread_create(ret_thread, attributes, run, data);
    if (r == 0)
        atomic_fetch_add(&held.threads, 1);
    return r;
}

int __wrap_pthread_join(pthread_t thread, void **ret_value)
{
    int r = __real_pthread_join(thread, ret_value);
    if (r == 0)
        atomic_fetch_sub(&held.threads, 1);
    return r;
}

/* ---- futex and membarrier, which have no other name ---- */

long __real_syscall(long number, ...);

/* A thread that goes back to sleep on the same word has the same deadline as before. */
static void note_sleep(const long argument[6])
{
    static _Thread_local long last_word;
    static _Thread_local uint64_t last_ns;
    int operation = (int)argument[1];
    const struct timespec *deadline = (const struct timespec *)argument[3];
    bool absolute_monotonic = (operation & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET && !(operation & FUTEX_CLOCK_REALTIME);
    if (deadline) {
        uint64_t ns = (uint64_t)deadline->tv_sec * 1000000000u + (uint64_t)deadline->tv_nsec;
        if (last_word == argument[0] && last_ns != ns)
            atomic_fetch_add(&used.deadlines_moved, 1);
        last_word = argument[0];
        last_ns = ns;
        atomic_store(&used.last_deadline_ns, ns);
        atomic_fetch_add(&used.sleeps, 1);
    }
    if (!absolute_monotonic)
        atomic_fetch_add(&used.realtime_sleeps, 1);
}

static bool is_sleep(int operation)
{
    return (operation & FUTEX_CMD_MASK) != FUTEX_WAKE;
}

long __wrap_syscall(long number, ...)
{
    long argument[6];
    va_list arguments;
    va_start(arguments, number);
    for (int i = 0; i < 6; i++)
        argument[i] = va_arg(arguments, long);
    va_end(arguments);
    if (number == SYS_futex && is_sleep((int)argument[1])) {
        note_sleep(argument);
        if (fails(FAULT_SLEEP, 0))
            return errno ? -1 : 0;
    }
    if (number == SYS_membarrier && fails(FAULT_BARRIER, EPERM))
        return -1;
    return __real_syscall(number, argument[0], argument[1], argument[2], argument[3], argument[4], argument[5]);
}

/* ---- event descriptors ---- */

int __real_eventfd(unsigned count, int flags);
int __real_close(int fd);

int __wrap_eventfd(unsigned count, int flags)
{
    if (fails(FAULT_EVENT, EMFILE))
        return -1;
    int fd = __real_eventfd(count, flags);
    if (fd >= 0 && fd < EVENTS_MOST) {
        atomic_store(&held.is_event[fd], true);
        atomic_fetch_add(&held.events, 1);
    }
    return fd;
}

int __wrap_close(int fd)
{
    if (fd >= 0 && fd < EVENTS_MOST && atomic_exchange(&held.is_event[fd], false))
        atomic_fetch_sub(&held.events, 1);
    return __real_close(fd);
}

/* ---- clocks: all but the monotonic one jump about ---- */

int __real_clock_gettime(clockid_t clock, struct timespec *ret_time);
int __real_gettimeofday(struct timeval *ret_time, void *zone);

static time_t jumping_seconds(void)
{
    long reading = atomic_fetch_add(&used.other, 1);
    return (time_t)(reading % 2 ? 4000000000 : 1000);
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time)
{
    int r = __real_clock_gettime(clock, ret_time);
    if (clock == CLOCK_MONOTONIC)
        atomic_fetch_add(&used.monotonic, 1);
    else
        ret_time->tv_sec = jumping_seconds();
    return r;
}

int __wrap_gettimeofday(struct timeval *ret_time, void *zone)
{
    int r = __real_gettimeofday(ret_time, zone);
    ret_time->tv_sec = jumping_seconds();
    return r;
}

time_t __wrap_time(time_t *ret_time)
{
    time_t now = jumping_seconds();
    if (ret_time)
        *ret_time = now;
    return now;
}

struct clock_use faults_clock(void)
{
    return (struct clock_use){atomic_load(&used.monotonic),        atomic_load(&used.other),
                              atomic_load(&used.sleeps),           atomic_load(&used.realtime_sleeps),
                              atomic_load(&used.last_deadline_ns), atomic_load(&used.deadlines_moved)};
}
