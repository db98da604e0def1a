/* SPDX-License-Identifier: MIT */
#include "peek.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static uint64_t read_clock(clockid_t clock)
{
    struct timespec t;
    return clock_gettime(clock, &t) ? 0 : (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The number of a thread's CPU clock, as the kernel makes it: pthread_getcpuclockid needs a pthread_t, which may be void by
 * now. */
uint64_t filch__peek_cpu_ns(int32_t tid)
{
    enum { PER_THREAD = 4, SCHEDULED = 2 };
    return read_clock((clockid_t)(~(uint32_t)tid << 3 | PER_THREAD | SCHEDULED));
}

uint64_t filch__peek_process_cpu_ns(void)
{
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

uint64_t filch__peek_realtime_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}

/* Up to size - 1 bytes, and a 0. False: it cannot be read. */
static bool read_file(const char *path, char *buffer, size_t size, size_t *ret_length)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, buffer, size - 1);
    if (fd >= 0)
        close(fd);
    *ret_length = length > 0 ? (size_t)length : 0;
    buffer[*ret_length] = '\0';
    return length > 0;
}

int32_t filch__peek_call(int32_t tid)
{
    char path[48], text[64];
    size_t length;
    snprintf(path, sizeof path, "/proc/self/task/%d/syscall", (int)tid);
    if (!read_file(path, text, sizeof text, &length))
        return FILCH__CALL_UNKNOWN;
    if (!strncmp(text, "running", 7))
        return FILCH__CALL_RUNNING;
    long call = strtol(text, NULL, 10);
    return call < 0 ? FILCH__CALL_NONE : (int32_t)call;
}

const char *filch__peek_call_name(int32_t call)
{
    static const struct {
        int32_t call;
        const char *name;
    } known[] = {
        {SYS_futex, "futex"},
        {SYS_read, "read"},
        {SYS_write, "write"},
        {SYS_pread64, "pread64"},
        {SYS_pwrite64, "pwrite64"},
        {SYS_readv, "readv"},
        {SYS_writev, "writev"},
        {SYS_openat, "openat"},
        {SYS_close, "close"},
        {SYS_fsync, "fsync"},
        {SYS_fdatasync, "fdatasync"},
        {SYS_getdents64, "getdents64"},
        {SYS_ppoll, "ppoll"},
        {SYS_pselect6, "pselect6"},
        {SYS_epoll_pwait, "epoll_pwait"},
        {SYS_nanosleep, "nanosleep"},
        {SYS_clock_nanosleep, "clock_nanosleep"},
        {SYS_sched_yield, "sched_yield"},
        {SYS_mmap, "mmap"},
        {SYS_munmap, "munmap"},
        {SYS_madvise, "madvise"},
        {SYS_mprotect, "mprotect"},
        {SYS_recvfrom, "recvfrom"},
        {SYS_sendto, "sendto"},
        {SYS_recvmsg, "recvmsg"},
        {SYS_sendmsg, "sendmsg"},
        {SYS_accept4, "accept4"},
        {SYS_connect, "connect"},
        {SYS_wait4, "wait4"},
        {SYS_flock, "flock"},
        {SYS_fcntl, "fcntl"},
        {SYS_membarrier, "membarrier"},
        {SYS_copy_file_range, "copy_file_range"},
        {SYS_sendfile, "sendfile"},
        {SYS_splice, "splice"},
        {SYS_io_getevents, "io_getevents"},
        {SYS_io_uring_enter, "io_uring_enter"},
        {SYS_unlinkat, "unlinkat"},
        {SYS_renameat2, "renameat2"},
        {SYS_statx, "statx"},
        {SYS_semtimedop, "semtimedop"},
        {SYS_msync, "msync"},
#ifdef SYS_poll
        {SYS_poll, "poll"},
#endif
#ifdef SYS_select
        {SYS_select, "select"},
#endif
#ifdef SYS_epoll_wait
        {SYS_epoll_wait, "epoll_wait"},
#endif
#ifdef SYS_open
        {SYS_open, "open"},
#endif
#ifdef SYS_newfstatat
        {SYS_newfstatat, "newfstatat"},
#endif
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].call == call)
            return known[i].name;
    return NULL;
}

void filch__peek_command(char *buffer, size_t size)
{
    size_t length;
    (void)read_file("/proc/self/cmdline", buffer, size, &length);
    while (length && !buffer[length - 1])
        length--;
    for (size_t i = 0; i < length; i++)
        buffer[i] = buffer[i] ? buffer[i] : ' ';
}

const char *filch__peek_program(void)
{
    return program_invocation_short_name;
}
