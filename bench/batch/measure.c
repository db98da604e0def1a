/* SPDX-License-Identifier: MIT */
/* measure.c - one system once, in a child process: so that each begins with nothing, and the kernel tells what it used.
 *
 * The parent has no thread and no pool of any system, so forking is safe. The time is taken in the child, from opening
 * the pool to having closed it.
 */
#define _GNU_SOURCE
#include "compare.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Above this share of the machine's time spent on others a sample is dropped. */
#define DIRTY_SHARE 0.1

/* What the child tells. */
struct told {
    double seconds;
    int error;
};

/* Seconds that all processors together were busy, or stolen, since boot. */
static double busy_seconds(void)
{
    unsigned long long user = 0, nice = 0, system = 0, idle, iowait, irq = 0, softirq = 0, steal = 0;
    FILE *stat = fopen("/proc/stat", "re");
    if (!stat)
        return 0;
    int fields = fscanf(stat, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle, &iowait,
                        &irq, &softirq, &steal);
    fclose(stat);
    if (fields != 8)
        return 0;
    return (double)(user + nice + system + irq + softirq + steal) / (double)sysconf(_SC_CLK_TCK);
}

static double seconds_of(const struct timeval *time)
{
    return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

static void be_child(const struct backend *backend, const struct options *options, struct sample_files *files,
                     struct told *told)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (backend) {
        uint64_t start_ns = filch_now_ns();
        told->error = backend->all(options, files->files, files->count);
        told->seconds = (double)(filch_now_ns() - start_ns) / 1e9;
    }
    _exit(0);
}

/* 0, or -errno: -ECHILD when it did not end by itself. */
static int wait_child(pid_t child, struct rusage *ret_usage)
{
    int status;
    while (wait4(child, &status, 0, ret_usage) < 0)
        if (errno != EINTR)
            return -errno;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (WIFSIGNALED(status))
        fprintf(stderr, "batch: the child was ended by signal %d\n", WTERMSIG(status));
    return -ECHILD;
}

int measure(const struct backend *backend, const struct options *options, struct sample_files *files,
            struct sample *ret_sample)
{
    struct told *told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (told == MAP_FAILED)
        return -errno;
    fflush(NULL);
    uint64_t start_ns = filch_now_ns();
    double busy = busy_seconds();
    pid_t child = fork();
    if (child == 0)
        be_child(backend, options, files, told);
    struct rusage usage = {0};
    int error = child < 0 ? -errno : wait_child(child, &usage);
    double passed = (double)(filch_now_ns() - start_ns) / 1e9 * (double)sysconf(_SC_NPROCESSORS_ONLN);
    double own = seconds_of(&usage.ru_utime) + seconds_of(&usage.ru_stime);
    double foreign = busy_seconds() - busy - own;
    if (!error)
        error = told->error;
    if (!error) {
        ret_sample->seconds = told->seconds;
        ret_sample->cpu_seconds = own;
        ret_sample->peak_bytes = (uint64_t)usage.ru_maxrss * 1024;
        ret_sample->foreign_share = foreign > 0 && passed > 0 ? foreign / passed : 0;
        ret_sample->dirty = ret_sample->foreign_share > DIRTY_SHARE;
    }
    munmap(told, sizeof *told);
    return error;
}
