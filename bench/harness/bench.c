/* SPDX-License-Identifier: MIT */
/* bench.c - see bench.h. */
#define _GNU_SOURCE
#include "bench.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t bench_now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

uint64_t bench_process_cpu_ns(void)
{
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

uint64_t bench_thread_cpu_ns(void)
{
    return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

void bench_sleep_ns(uint64_t duration_ns)
{
    struct timespec left = {.tv_sec = (time_t)(duration_ns / 1000000000u),
                            .tv_nsec = (long)(duration_ns % 1000000000u)};
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR)
        ;
}

long bench_argument(int argc, char **argv, int index, long fallback)
{
    if (index >= argc)
        return fallback;
    char *end;
    long value = strtol(argv[index], &end, 10);
    if (end == argv[index] || *end || value < 0)
        bench_die("%s: argument %d, \"%s\", is not a count", argv[0], index, argv[index]);
    return value;
}

void bench_sample(const char *way, const char *metric, double value)
{
    printf("sample %s %s %.6g\n", way, metric, value);
}

void bench_die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    _exit(1);
}

void *bench_allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (!memory)
        bench_die("no memory for %zu times %zu bytes", count, size);
    return memory;
}

uint64_t bench_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

long bench_fibonacci(long n)
{
    long low = 0, high = 1;
    for (; n > 0; n--) {
        long next = low + high;
        low = high;
        high = next;
    }
    return low;
}

/* -1 where the file or the key is missing: a thread may end between the listing and the look at it. */
static long find_value(const char *path, const char *key)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return -1;
    char line[256];
    size_t length = strlen(key);
    long value = -1;
    while (value < 0 && fgets(line, sizeof line, file))
        if (!strncmp(line, key, length) && line[length] == ':')
            value = strtol(line + length + 1, NULL, 10);
    fclose(file);
    return value;
}

long bench_proc_value(const char *path, const char *key)
{
    long value = find_value(path, key);
    if (value < 0)
        bench_die("%s has no %s", path, key);
    return value;
}

long bench_other_threads_switches(void)
{
    DIR *tasks = opendir("/proc/self/task");
    if (!tasks)
        bench_die("/proc/self/task: %s", strerror(errno));
    long switches = 0;
    for (const struct dirent *entry; (entry = readdir(tasks));) {
        if (entry->d_name[0] == '.' || strtol(entry->d_name, NULL, 10) == (long)gettid())
            continue;
        char path[sizeof entry->d_name + 32];
        snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
        long value = find_value(path, "voluntary_ctxt_switches");
        switches += value > 0 ? value : 0;
    }
    closedir(tasks);
    return switches;
}
