/* SPDX-License-Identifier: MIT */
/* child.h - run something that may end its process, in a process of its own: how it ended and what it wrote.
 *
 * child_run starts a program afresh (no threads of ours are in it); child_fork continues in a fork of this process,
 * for the tests of fork itself. A child that hangs is killed by its alarm, which the parent sees as SIGALRM.
 *
 * Programs for another architecture need an emulator, which FILCH_TEST_EMULATOR in the environment names: the kernel
 * cannot start a program of theirs by itself.
 */
#ifndef TESTS_CHILD_H
#define TESTS_CHILD_H

#include "build.h"
#include "watchdog.h"

#include <errno.h>
#include <fcntl.h>

struct child {
    int exit_status;   /* -1 when a signal ended it */
    int signal;        /* 0 when it exited */
    char output[8192]; /* stdout and stderr, cut to fit */
};

static inline void child_collect(struct child *child, pid_t pid, int fd)
{
    size_t used = 0;
    char rest[512];
    for (;;) {
        bool full = used == sizeof child->output - 1;
        size_t room = full ? sizeof rest : sizeof child->output - 1 - used;
        ssize_t got = read(fd, full ? rest : child->output + used, room);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        if (!full)
            used += (size_t)got;
    }
    close(fd);
    child->output[used] = '\0';
    int status;
    while (waitpid(pid, &status, 0) != pid)
        must(errno == EINTR);
    child->exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    child->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/* The emulator that runs this process; NULL: none. */
static inline const char *child_emulator(void)
{
    const char *emulator = getenv("FILCH_TEST_EMULATOR");
    return emulator && *emulator ? emulator : NULL;
}

/* In a child: become the program that argv[1] names; argv[0] is left for the emulator. child_exec adds that, and the end. */
static inline void child_execv(const char **argv)
{
    if (!(argv[0] = child_emulator()))
        argv++;
    execv(argv[0], (char **)(uintptr_t)argv);
    _exit(127);
}

#define child_exec(...) child_execv((const char *[]){NULL, __VA_ARGS__, NULL})

/* In the child: output into the pipe, an end by alarm, no orphan. */
static inline void child_prepare(const int pipe_fds[2])
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(pipe_fds[1], STDOUT_FILENO);
    dup2(pipe_fds[1], STDERR_FILENO);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    signal(SIGALRM, SIG_DFL);
    alarm(TEST_TIMEOUT - 30);
}

/* Run `program` with one argument; `setting` is NAME=value for its environment, or NULL. */
static inline void child_run(struct child *child, const char *program, const char *argument, const char *setting)
{
    int fds[2];
    must(pipe2(fds, O_CLOEXEC) == 0);
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) {
        child_prepare(fds);
        if (setting)
            putenv((char *)(uintptr_t)setting);
        child_exec(program, argument);
    }
    close(fds[1]);
    child_collect(child, pid, fds[0]);
}

/* Run fn(data) in a fork; its value is the exit status. */
static inline void child_fork(struct child *child, int (*fn)(void *data), void *data)
{
    int fds[2];
    must(pipe2(fds, O_CLOEXEC) == 0);
    fflush(NULL);
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) {
        child_prepare(fds);
        int result = fn(data);
        fflush(NULL);
        _exit(result);
    }
    close(fds[1]);
    child_collect(child, pid, fds[0]);
}

/* Print what it wrote when it did not end with this exit status. */
static inline bool child_exited(const struct child *child, int exit_status)
{
    bool as_expected = child->signal == 0 && child->exit_status == exit_status;
    if (!as_expected)
        fprintf(stderr, "child: exit %d, signal %d, output:\n%s\n", child->exit_status, child->signal, child->output);
    return as_expected;
}

static inline bool child_died_of(const struct child *child, int signal_number)
{
    if (child->signal != signal_number)
        fprintf(stderr, "child: exit %d, signal %d, output:\n%s\n", child->exit_status, child->signal, child->output);
    return child->signal == signal_number;
}

#endif
