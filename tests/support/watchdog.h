/* SPDX-License-Identifier: MIT */
/* watchdog.h - a thread that ends a process which hangs, after it has shown where: the watched pool's dump and the
 * stacks of all threads (by gdb where there is one, else by SIGPROF to each thread, which workers do not block).
 *
 * One watchdog per process, started by watchdog_set. It sleeps a second at a time and runs no code of the library
 * before the deadline has passed, so that it disturbs no measurement.
 */
#ifndef TESTS_WATCHDOG_H
#define TESTS_WATCHDOG_H

#include <filch/filch.h>

#include <dirent.h>
#include <errno.h>
#include <execinfo.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct {
    uint64_t deadline_ns; /* 0: nothing is watched */
    const char *what;
    const char *replay; /* the command that runs the same again; may be NULL */
    struct filch_pool *pool;
    int started;
    sem_t runs;
    int shown; /* stacks printed by signal so far */
} watchdog_state;

static inline uint64_t watchdog_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* For rounds in which threads take turns, each of which may cost a time slice on a busy machine: has the test been at it
 * for so long that the rounds so far must do? */
static inline int watchdog_enough(uint64_t begun_ns)
{
    return watchdog_now_ns() - begun_ns > 15u * 1000000000u;
}

/* The pool whose dump is printed when the watchdog acts; NULL before it is freed. Returns its argument. */
static inline struct filch_pool *watchdog_pool(struct filch_pool *pool)
{
    __atomic_store_n(&watchdog_state.pool, pool, __ATOMIC_RELEASE);
    return pool;
}

static inline void watchdog_on_signal(int signal_number)
{
    void *frames[64];
    (void)signal_number;
    backtrace_symbols_fd(frames, backtrace(frames, 64), STDERR_FILENO);
    __atomic_add_fetch(&watchdog_state.shown, 1, __ATOMIC_RELEASE);
}

static inline void watchdog_stacks_by_signal(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = watchdog_on_signal;
    sigaction(SIGPROF, &action, NULL);
    DIR *tasks = opendir("/proc/self/task");
    long self = syscall(SYS_gettid);
    for (struct dirent *entry; tasks && (entry = readdir(tasks));) {
        long thread = atol(entry->d_name);
        if (thread == 0 || thread == self)
            continue;
        int before = __atomic_load_n(&watchdog_state.shown, __ATOMIC_ACQUIRE);
        fprintf(stderr, "-- thread %ld\n", thread);
        syscall(SYS_tgkill, getpid(), thread, SIGPROF);
        for (int tries = 0; tries < 100 && __atomic_load_n(&watchdog_state.shown, __ATOMIC_ACQUIRE) == before; tries++)
            usleep(10000);
    }
    if (tasks)
        closedir(tasks);
}

/* True when gdb has printed them. */
static inline bool watchdog_stacks_by_gdb(void)
{
    char pid[32];
    if (access("/usr/bin/gdb", X_OK) != 0 || getenv("FILCH_TEST_NO_GDB"))
        return false;
    snprintf(pid, sizeof pid, "%ld", (long)getpid());
    prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(STDERR_FILENO, STDOUT_FILENO);
        execl("/usr/bin/gdb", "gdb", "-p", pid, "-batch", "-nx", "-ex", "thread apply all bt 24", (char *)NULL);
        _exit(127);
    }
    int status = -1;
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static inline void watchdog_act(void)
{
    fprintf(stderr, "\nTIMEOUT in %s\n", watchdog_state.what);
    if (watchdog_state.replay)
        fprintf(stderr, "replay: %s\n", watchdog_state.replay);
    struct filch_pool *pool = __atomic_load_n(&watchdog_state.pool, __ATOMIC_ACQUIRE);
    if (pool)
        filch_pool_dump(pool, stderr);
    fflush(stderr);
    if (!watchdog_stacks_by_gdb())
        watchdog_stacks_by_signal();
    abort();
}

static inline void *watchdog_main(void *unused)
{
    (void)unused;
    sem_post(&watchdog_state.runs);
    for (;;) {
        struct timespec second = {1, 0};
        nanosleep(&second, NULL);
        uint64_t deadline_ns = __atomic_load_n(&watchdog_state.deadline_ns, __ATOMIC_ACQUIRE);
        if (deadline_ns != 0 && watchdog_now_ns() > deadline_ns)
            watchdog_act();
    }
    return NULL;
}

/* Give `what` (a string that stays) so many seconds from now; 0 seconds: it has ended. */
static inline void watchdog_set(const char *what, unsigned seconds)
{
    watchdog_state.what = what;
    uint64_t deadline_ns = seconds == 0 ? 0 : watchdog_now_ns() + (uint64_t)seconds * 1000000000u;
    __atomic_store_n(&watchdog_state.deadline_ns, deadline_ns, __ATOMIC_RELEASE);
    if (seconds == 0 || watchdog_state.started)
        return;
    pthread_t thread;
    void *frame;
    backtrace(&frame, 1); /* loads what the signal handler must not load */
    sem_init(&watchdog_state.runs, 0, 0);
    if (pthread_create(&thread, NULL, watchdog_main, NULL) == 0) {
        pthread_detach(thread);
        /* A thread that begins holds locks of AddressSanitizer's, which a fork would leave locked in the child. */
        while (sem_wait(&watchdog_state.runs) != 0 && errno == EINTR)
            continue;
        watchdog_state.started = 1;
    }
}

#endif
