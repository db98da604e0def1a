/* SPDX-License-Identifier: MIT */
#include "os.h"

#include <filch/detail/atomic.h>

#include <errno.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifdef __x86_64__
#include <cpuid.h>
#endif

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102 /* Linux 6.13 */
#endif

/* glibc's default stack follows RLIMIT_STACK, which may be unlimited; bodies of FILCH_TASK_OWN_THREAD get this much. */
enum { THREAD_STACK_SIZE = 8 << 20 };

uint32_t filch__generation;

uint64_t filch__os_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The first line of a file, cut to fit. */
static bool read_line(const char *path, char *ret_line, size_t size)
{
    FILE *f = fopen(path, "re");
    bool found = f && fgets(ret_line, (int)size, f);
    if (f)
        fclose(f);
    return found;
}

/* ---- ticks ---- */

uint32_t filch__os_tick_source;

#if defined(__x86_64__)
/* Kernels that have found the processors' counters apart, or stopping, take another clock. */
static bool kernel_distrusts_counter(void)
{
    char name[32];
    if (!read_line("/sys/devices/system/clocksource/clocksource0/current_clocksource", name, sizeof name))
        return false;
    return !strncmp(name, "hpet", 4) || !strncmp(name, "acpi_pm", 7) || !strncmp(name, "jiffies", 7);
}

static bool counter_serves(void)
{
    enum { INVARIANT = 1 << 8 };
    unsigned a, b, c, d;
    int may = PR_TSC_ENABLE;
    if (!__get_cpuid(0x80000007, &a, &b, &c, &d) || !(d & INVARIANT))
        return false;
    return !prctl(PR_GET_TSC, &may) && may == PR_TSC_ENABLE && !kernel_distrusts_counter();
}
#elif defined(__aarch64__)
static bool counter_serves(void)
{
    return true; /* the architecture says so, and Linux lets programs read it */
}
#endif

filch__cold uint64_t filch__os_ticks_slow(void)
{
#ifdef FILCH__OS_COUNTER
    if (filch__load_relaxed(&filch__os_tick_source) == FILCH__TICKS_UNKNOWN) {
        bool serves = counter_serves();
        filch__store_relaxed(&filch__os_tick_source, serves ? FILCH__TICKS_COUNTER : FILCH__TICKS_CLOCK);
        return serves ? filch__os_counter_after() : filch__os_now_ns();
    }
#endif
    return filch__os_now_ns();
}

/* Of a few tries the one that took the shortest time: in the others the thread may have been interrupted. */
void filch__os_read_clocks(uint64_t *ret_ticks, uint64_t *ret_ns)
{
    uint64_t shortest = UINT64_MAX;
    (void)filch__os_ticks();
    for (int i = 0; i < 8; i++) {
        uint64_t before = filch__os_ticks_after(), now = filch__os_now_ns(), after = filch__os_ticks_after();
        if (after - before >= shortest)
            continue;
        shortest = after - before;
        *ret_ticks = before + shortest / 2;
        *ret_ns = now;
    }
}

/* ---- futexes, barriers ---- */

int filch__os_futex_wait(uint32_t *word, uint32_t expected, uint64_t deadline_ns)
{
    struct timespec deadline = {.tv_sec = (time_t)(deadline_ns / 1000000000u),
                                .tv_nsec = (long)(deadline_ns % 1000000000u)};
    long r = syscall(SYS_futex, word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, expected,
                     deadline_ns == UINT64_MAX ? NULL : &deadline, NULL, FUTEX_BITSET_MATCH_ANY);
    return r < 0 && errno == ETIMEDOUT ? -ETIMEDOUT : 0;
}

void filch__os_futex_wake(uint32_t *word, int count)
{
    syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, count, NULL, NULL, 0);
}

bool filch__os_barrier_works;

static long membarrier(int command)
{
    return syscall(SYS_membarrier, command, 0, 0);
}

static void register_barrier(void)
{
    filch__os_barrier_works = !membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
}

void filch__os_barrier_init(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, register_barrier);
}

void filch__os_barrier(void)
{
    if (membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED))
        filch__os_die("membarrier(2) was granted and is refused now");
}

void filch__os_yield(void)
{
    sched_yield();
}

void filch__lock_init(struct filch__lock *lock)
{
    pthread_mutex_init(&lock->mutex, NULL);
}

void filch__lock_destroy(struct filch__lock *lock)
{
    pthread_mutex_destroy(&lock->mutex);
}

void filch__lock(struct filch__lock *lock)
{
    if (pthread_mutex_lock(&lock->mutex))
        filch__os_die("a lock is broken");
}

void filch__unlock(struct filch__lock *lock)
{
    if (pthread_mutex_unlock(&lock->mutex))
        filch__os_die("a lock is broken");
}

int filch__os_thread_start(pthread_t *ret_thread, void *(*run)(void *arg), void *arg)
{
    pthread_attr_t attributes;
    sigset_t block, before;
    int r = pthread_attr_init(&attributes);
    if (r)
        return -r;
    pthread_attr_setstacksize(&attributes, THREAD_STACK_SIZE);
    sigfillset(&block);
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGPROF};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        sigdelset(&block, own[i]);
    pthread_sigmask(SIG_SETMASK, &block, &before);
    r = pthread_create(ret_thread, &attributes, run, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return -r;
}

void filch__os_thread_name(const char *name)
{
    char cut[16];
    snprintf(cut, sizeof cut, "%s", name);
    pthread_setname_np(pthread_self(), cut);
}

int32_t filch__os_thread_id(void)
{
    return (int32_t)syscall(SYS_gettid);
}

static void first_thread_name(char *name, size_t size)
{
    if (!read_line("/proc/self/comm", name, size))
        snprintf(name, size, "%s", program_invocation_short_name);
    name[strcspn(name, "\n")] = '\0';
}

/* A thread inherits its parent's name, so most have that of the first one, which is the program's. */
void filch__os_thread_get_name(char *ret_name, size_t size)
{
    char name[16] = "", inherited[17];
    bool first = filch__os_thread_id() == getpid();
    if (!first && pthread_getname_np(pthread_self(), name, sizeof name))
        name[0] = '\0';
    first_thread_name(inherited, sizeof inherited);
    snprintf(ret_name, size, "%s", first ? "main" : strcmp(name, inherited) ? name : "");
}

void *filch__os_map_stacks(size_t size)
{
    void *base =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (base == MAP_FAILED)
        return NULL;
    madvise(base, size, MADV_NOHUGEPAGE); /* a stack's first page must not cost 2 MiB */
    return base;
}

void filch__os_unmap_stacks(void *base, size_t size)
{
    munmap(base, size);
}

bool filch__os_space_is_limited(void)
{
    struct rlimit limit;
    return !getrlimit(RLIMIT_AS, &limit) && limit.rlim_cur != RLIM_INFINITY;
}

void filch__os_release_pages(void *from, size_t size)
{
    madvise(from, size, MADV_DONTNEED);
}

size_t filch__os_page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static void *map_data(size_t size)
{
    void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return base == MAP_FAILED ? NULL : base;
}

/* Huge pages have to be aligned: what is around them goes back. */
static void *map_huge(size_t size)
{
    char *base = map_data(size + FILCH__OS_DENSE);
    if (!base)
        return NULL;
    size_t before = -(uintptr_t)base % FILCH__OS_DENSE;
    if (before)
        munmap(base, before);
    munmap(base + before + size, FILCH__OS_DENSE - before);
    madvise(base + before, size, MADV_HUGEPAGE);
    return base + before;
}

void *filch__os_map_data(size_t size, bool dense)
{
    bool huge = dense && size >= FILCH__OS_DENSE && size % FILCH__OS_DENSE == 0;
    void *base = huge ? map_huge(size) : map_data(size);
    if (base)
        madvise(base, size, MADV_WIPEONFORK);
    return base;
}

void filch__os_unmap_data(void *base, size_t size)
{
    munmap(base, size);
}

/* mprotect splits a mapping in three; a quarter of what the kernel allows leaves the rest to the program. */
static bool guard_by_mprotect(void *page)
{
    static long budget = -1;
    long left = filch__load_relaxed(&budget);
    if (left < 0) {
        long maps = 65530;
        FILE *f = fopen("/proc/sys/vm/max_map_count", "re");
        if (f) {
            if (fscanf(f, "%ld", &maps) != 1)
                maps = 65530;
            fclose(f);
        }
        filch__store_relaxed(&budget, maps / 8); /* two mappings a guard */
    }
    if (filch__sub_relaxed(&budget, 1) > 0 && !mprotect(page, filch__os_page_size(), PROT_NONE))
        return true;
    filch__add_relaxed(&budget, 1);
    return false;
}

bool filch__os_guard_page(void *page)
{
    return !madvise(page, filch__os_page_size(), MADV_GUARD_INSTALL) || guard_by_mprotect(page);
}

int filch__os_event_open(void)
{
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

void filch__os_event_signal(int fd)
{
    uint64_t one = 1;
    while (write(fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

void filch__os_event_clear(int fd)
{
    uint64_t count;
    while (read(fd, &count, sizeof count) < 0 && errno == EINTR)
        ;
}

void filch__os_event_close(int fd)
{
    close(fd);
}

unsigned filch__os_terminal_columns(int fd)
{
    struct winsize size;
    if (!isatty(fd))
        return 0;
    return !ioctl(fd, TIOCGWINSZ, &size) && size.ws_col ? size.ws_col : 80;
}

void filch__os_write(int fd, const char *text, size_t length)
{
    while (length) {
        ssize_t written = write(fd, text, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return;
        text += written;
        length -= (size_t)written;
    }
}

void filch__os_thread_end(void)
{
    for (;;)
        syscall(SYS_exit, 0);
}

void filch__os_die(const char *message)
{
    fprintf(stderr, "filch: %s\n", message);
    abort();
}
