/* SPDX-License-Identifier: MIT */
/* observed.h - start the program observed.c in a directory of its own for sockets, tell it what to do, and talk to its
 * socket. FILCH_OBSERVED names the program.
 */
#ifndef TESTS_OBSERVED_H
#define TESTS_OBSERVED_H

#include "child.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

struct observed {
    pid_t pid;
    long answered; /* the process that answered last */
    FILE *tell, *answers;
    char directory[64], path[108];
};

static inline void observed_path(const struct observed *observed, long pid, char path[108])
{
    snprintf(path, 108, "%s/filch-%ld.sock", observed->directory, pid);
}

/* live: the variable's value, or NULL; directory_mode: of the directory of sockets. */
static inline void observed_start(struct observed *observed, const char *live, mode_t directory_mode)
{
    int in[2], out[2];
    strcpy(observed->directory, "/tmp/filch-test-XXXXXX");
    must(mkdtemp(observed->directory) && chmod(observed->directory, directory_mode) == 0);
    must(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
    fflush(NULL);
    observed->pid = fork();
    must(observed->pid >= 0);
    if (observed->pid == 0) {
        umask(0);
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        setenv("XDG_RUNTIME_DIR", observed->directory, 1);
        unsetenv("FILCH_LIVE");
        if (live)
            setenv("FILCH_LIVE", live, 1);
        child_exec(FILCH_OBSERVED);
    }
    close(in[0]);
    close(out[1]);
    observed->tell = fdopen(in[1], "w");
    observed->answers = fdopen(out[0], "r");
    must(observed->tell && observed->answers);
    observed_path(observed, observed->pid, observed->path);
}

/* It does so; returns when it has answered. */
static inline void observed_do(struct observed *observed, const char *line)
{
    char answer[64];
    must(fprintf(observed->tell, "%s\n", line) > 0 && fflush(observed->tell) == 0);
    must(fgets(answer, sizeof answer, observed->answers) && sscanf(answer, "ok %ld", &observed->answered) == 1);
}

/* It is told something that ends it, or to end; its exit status, or the negative signal. */
static inline int observed_end(struct observed *observed, const char *line)
{
    int status;
    if (line)
        must(fprintf(observed->tell, "%s\n", line) > 0);
    fclose(observed->tell);
    while (waitpid(observed->pid, &status, 0) != observed->pid)
        must(errno == EINTR);
    fclose(observed->answers);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static inline void observed_forget(struct observed *observed)
{
    unlink(observed->path);
    must(rmdir(observed->directory) == 0);
}

/* ---- its socket ---- */

/* A connection, or a negative errno. */
static inline int observed_connect(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(fd >= 0);
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    int error = -errno;
    close(fd);
    return error;
}

/* The next answer, without the empty line at its end; NULL: the connection has ended. Free it. */
static inline char *observed_read(int fd)
{
    size_t used = 0, room = 1 << 20;
    char *text = malloc(room);
    must(text != NULL);
    for (;;) {
        must(used < room - 1);
        ssize_t got = read(fd, text + used, 1); /* no byte of the next answer */
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            free(text);
            return NULL;
        }
        used += (size_t)got;
        if (used >= 2 && text[used - 1] == '\n' && text[used - 2] == '\n') {
            text[used - 1] = '\0';
            return text;
        }
    }
}

/* Ask; the answer, which is not to be freed. */
static inline const char *observed_ask(int fd, const char *command)
{
    static char *answer;
    char line[128];
    int length = snprintf(line, sizeof line, "%s\n", command);
    free(answer);
    must(write(fd, line, (size_t)length) == length);
    answer = observed_read(fd);
    must(answer != NULL);
    return answer;
}

/* Connected, and greeted. */
static inline int observed_open(const struct observed *observed)
{
    int fd = observed_connect(observed->path);
    must(fd >= 0);
    char *greeting = observed_read(fd);
    must(greeting && strncmp(greeting, "filch-live 1 ", 13) == 0);
    free(greeting);
    return fd;
}

#endif
