/* SPDX-License-Identifier: MIT */
#include "topfacts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { PATIENCE_S = 5 };

/* ---- where the socket is ---- */

/* XDG_RUNTIME_DIR as the process was started with. False: it is not to be seen, or not set. */
static bool directory_of(long pid, char *directory, size_t size)
{
    static const char name[] = "XDG_RUNTIME_DIR=";
    char path[64], *entry = NULL;
    size_t room = 0;
    bool found = false;
    snprintf(path, sizeof path, "/proc/%ld/environ", pid);
    FILE *file = fopen(path, "re");
    while (file && !found && getdelim(&entry, &room, '\0', file) > 0)
        if (!strncmp(entry, name, sizeof name - 1))
            found = (size_t)snprintf(directory, size, "%s", entry + sizeof name - 1) < size;
    free(entry);
    if (file)
        fclose(file);
    return found;
}

/* A descriptor, or a negative errno. */
static int try_directory(const char *directory, long pid, char *path, size_t size)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if ((size_t)snprintf(path, size, "%s/filch-%ld.sock", directory, pid) >= sizeof address.sun_path)
        return -ENAMETOOLONG;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    memcpy(address.sun_path, path, strlen(path) + 1);
    struct timeval patience = {.tv_sec = PATIENCE_S};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (!connect(fd, (const struct sockaddr *)&address, sizeof address))
        return fd;
    int error = -errno;
    close(fd);
    return error;
}

/* The process's own directory; where that cannot be seen, this one's, and its user's. The path is the last one tried. */
static int find(long pid, uid_t uid, char *path, size_t size)
{
    char directory[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
    const char *own = getenv("XDG_RUNTIME_DIR");
    if (directory_of(pid, directory, sizeof directory))
        return try_directory(directory, pid, path, size);
    int fd = own ? try_directory(own, pid, path, size) : -ENOENT;
    if (fd < 0 && fd != -ECONNREFUSED) {
        snprintf(directory, sizeof directory, "/run/user/%lu", (unsigned long)uid);
        int second = try_directory(directory, pid, path, size);
        fd = second < 0 && fd != -ENOENT ? fd : second;
    }
    return fd;
}

static void explain(int error, long pid, const char *path, char *reason, size_t size)
{
    if (error == -ENOENT)
        snprintf(reason, size, "process %ld has no socket %s: start it with FILCH_LIVE=1", pid, path);
    else if (error == -ECONNREFUSED)
        snprintf(reason, size, "nobody listens at %s any more", path);
    else if (error == -EACCES || error == -EPERM)
        snprintf(reason, size, "%s: only the user who runs process %ld may look, and root", path, pid);
    else
        snprintf(reason, size, "%s: %s", path, strerror(-error));
}

/* ---- lines ---- */

/* What comes from a process's memory is text for a terminal only without control characters. */
static void copy_text(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from);
    for (char *at = to; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            *at = '?';
}

struct reading {
    struct top_facts *facts;
    struct top_pool *about; /* the lines are about this pool; NULL: about none that is known */
    bool greeted;
};

/* Each line of an answer goes to `take`. False: the connection has ended, or nothing comes. */
static bool read_answer(FILE *process, void (*take)(struct reading *reading, char *line), struct reading *reading)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    reading->about = NULL;
    while ((length = getline(&line, &room, process)) > 0 && line[0] != '\n') {
        if (line[length - 1] == '\n')
            line[length - 1] = '\0';
        take(reading, line);
    }
    free(line);
    return length > 0;
}

static bool ask(FILE *process, const char *command, void (*take)(struct reading *reading, char *line),
                struct reading *reading)
{
    ssize_t length = (ssize_t)strlen(command);
    return send(fileno(process), command, (size_t)length, MSG_NOSIGNAL) == length &&
           read_answer(process, take, reading);
}

static void *grown(void *array, size_t count, size_t item)
{
    void *bigger = count & (count - 1) ? array : realloc(array, (count ? 2 * count : 1) * item);
    if (!bigger) {
        fprintf(stderr, "filch-top: no memory\n");
        exit(1);
    }
    return bigger;
}

static void take_pool_figure(struct top_pool *pool, const char *key, const char *value)
{
    static const char *const names[FIGURES] = {
        [SUBMITTED] = "submitted",
        [RUN] = "run",
        [DROPPED] = "dropped",
        [STOLEN] = "stolen",
        [PARKS] = "parks",
        [WAKES] = "wakes",
        [SUSPENSIONS] = "suspensions",
        [BUSY_NS] = "lifetime_ns",
        [SEARCH_NS] = "search_ns",
        [PARKED_NS] = "parked_ns",
        [PERMIT_NS] = "permit_ns",
        [BLOCKED_NS] = "blocked_ns",
        [QUEUED] = "queue_depth",
        [HELD] = "held",
        [SUSPENDED] = "suspended",
        [STUCK] = "stuck",
        [PERMITS] = "permits",
        [LIMIT] = "max_concurrency",
        [SEARCHING] = "searching",
        [PARKED] = "parked",
        [THREADS] = "workers",
        [KEPT] = "min_workers",
    };
    if (!strcmp(key, "name"))
        copy_text(pool->name, sizeof pool->name, value);
    else if (!strcmp(key, "phase"))
        copy_text(pool->phase, sizeof pool->phase, value);
    for (size_t i = 0; i < FIGURES; i++)
        if (!strcmp(key, names[i]))
            pool->figure[i] = strtoull(value, NULL, 10);
}

static void take_figure(struct reading *reading, char *line)
{
    struct top_facts *facts = reading->facts;
    char *value = strchr(line, ' ');
    if (!value)
        return;
    *value++ = '\0';
    if (!strcmp(line, "now_ns")) {
        facts->now_ns = strtoull(value, NULL, 10);
    } else if (!strcmp(line, "pool")) {
        facts->pool = grown(facts->pool, facts->pools, sizeof *facts->pool);
        reading->about = &facts->pool[facts->pools++];
        *reading->about = (struct top_pool){.number = strtoull(value, NULL, 10)};
    } else if (reading->about) {
        take_pool_figure(reading->about, line, value);
    }
}

struct top_pool *top_find(const struct top_facts *facts, unsigned long long number)
{
    for (size_t i = 0; i < facts->pools; i++)
        if (facts->pool[i].number == number)
            return &facts->pool[i];
    return NULL;
}

/* `pool NUMBER`: what follows is about it, unless it was opened after the figures were asked for. */
static bool take_pool(struct reading *reading, const char *line)
{
    unsigned long long number;
    if (sscanf(line, "pool %llu", &number) != 1)
        return false;
    reading->about = top_find(reading->facts, number);
    return true;
}

static void take_worker(struct reading *reading, char *line)
{
    struct top_worker worker = {.for_ns = 0};
    struct top_pool *pool = reading->about;
    char state[8] = "";
    int used = 0;
    if (take_pool(reading, line) || !pool ||
        sscanf(line, "worker %u queued %llu %7s %llu %n", &worker.id, &worker.queued, state, &worker.for_ns, &used) < 3)
        return;
    worker.busy = used > 0;
    worker.blocked = !strcmp(state, "blocked");
    copy_text(worker.task, sizeof worker.task, line + used);
    pool->worker = grown(pool->worker, pool->workers, sizeof worker);
    pool->worker[pool->workers++] = worker;
}

/* What is left of the workers' lifetime they were busy. */
static void subtract_rest(struct top_pool *pool)
{
    for (size_t i = BUSY_NS + 1; i < TIMES; i++)
        pool->figure[BUSY_NS] -= pool->figure[i] < pool->figure[BUSY_NS] ? pool->figure[i] : pool->figure[BUSY_NS];
}

static void take_stuck(struct reading *reading, char *line)
{
    struct top_pool *pool = reading->about;
    int used = 0;
    unsigned long long running_ns;
    if (take_pool(reading, line) || !pool || sscanf(line, "last %llu %n", &running_ns, &used) != 1)
        return;
    pool->last_stuck_ns = running_ns;
    copy_text(pool->last_stuck, sizeof pool->last_stuck, line + used);
}

/* ---- */

static void take_greeting(struct reading *reading, char *line)
{
    reading->greeted = !strncmp(line, "filch-live 1 ", 13);
}

FILE *top_connect(long pid, char *reason, size_t size)
{
    char path[160] = "";
    struct stat process;
    struct reading reading = {.greeted = false};
    snprintf(path, sizeof path, "/proc/%ld", pid);
    if (stat(path, &process)) {
        snprintf(reason, size, "there is no process %ld", pid);
        return NULL;
    }
    int fd = find(pid, process.st_uid, path, sizeof path);
    FILE *stream = fd >= 0 ? fdopen(fd, "r") : NULL;
    if (!stream) {
        explain(fd, pid, path, reason, size);
        return NULL;
    }
    bool answers = read_answer(stream, take_greeting, &reading);
    if (answers && reading.greeted)
        return stream;
    snprintf(reason, size, "%s: %s", path,
             answers ? "another version speaks there"
                     : "the process does not answer: it is stopped, or another user's, or looked at by many already");
    fclose(stream);
    return NULL;
}

bool top_ask(FILE *process, struct top_facts *ret_facts)
{
    struct top_facts facts = {.pools = 0};
    struct reading reading = {.facts = &facts};
    bool all = ask(process, "stats\n", take_figure, &reading) && ask(process, "workers\n", take_worker, &reading) &&
               ask(process, "stuck\n", take_stuck, &reading);
    for (size_t i = 0; i < facts.pools; i++)
        subtract_rest(&facts.pool[i]);
    if (all)
        *ret_facts = facts;
    else
        top_free(&facts);
    return all;
}

void top_free(struct top_facts *facts)
{
    for (size_t i = 0; i < facts->pools; i++)
        free(facts->pool[i].worker);
    free(facts->pool);
    *facts = (struct top_facts){.pools = 0};
}
