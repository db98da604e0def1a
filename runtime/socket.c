/* SPDX-License-Identifier: MIT */
#include "socket.h"

#include "os.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 8 };

static bool is_private(const char *directory)
{
    struct stat found;
    return directory[0] == '/' && !stat(directory, &found) && S_ISDIR(found.st_mode) && found.st_uid == geteuid() &&
           !(found.st_mode & (S_IRWXG | S_IRWXO));
}

bool filch__socket_path(char *path, size_t size)
{
    char own[32];
    const char *directory = secure_getenv("XDG_RUNTIME_DIR");
    if (!directory) {
        snprintf(own, sizeof own, "/run/user/%lu", (unsigned long)geteuid());
        directory = own;
    }
    int length = snprintf(path, size, "%s/filch-%ld.sock", directory, (long)getpid());
    return length > 0 && (size_t)length < size && (size_t)length < sizeof(((struct sockaddr_un *)NULL)->sun_path) &&
           is_private(directory);
}

static int open_socket(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return fd < 0 ? -errno : fd;
}

/* Refused: nobody listens there any more. */
static bool is_dead(const struct sockaddr_un *address)
{
    int fd = open_socket();
    bool dead = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) && errno == ECONNREFUSED;
    if (fd >= 0)
        close(fd);
    return dead;
}

static int bind_to(int fd, const struct sockaddr_un *address)
{
    return bind(fd, (const struct sockaddr *)address, sizeof *address) ? -errno : 0;
}

int filch__socket_listen(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = open_socket();
    if (fd < 0)
        return fd;
    memcpy(address.sun_path, path, strlen(path) + 1);
    int r = fchmod(fd, S_IRUSR | S_IWUSR) ? -errno : 0; /* before it has a name, which then is of this mode */
    if (!r)
        r = bind_to(fd, &address);
    if (r == -EADDRINUSE && is_dead(&address)) {
        unlink(path);
        r = bind_to(fd, &address);
    }
    if (!r && listen(fd, BACKLOG)) {
        r = -errno;
        unlink(path);
    }
    if (!r)
        return fd;
    close(fd);
    return r;
}

void filch__socket_unlink(const char *path)
{
    unlink(path);
}

static bool is_ours(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) && (peer.uid == geteuid() || !peer.uid);
}

int filch__socket_accept(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return errno == EINTR || errno == ECONNABORTED ? -EAGAIN : -errno;
    if (is_ours(fd))
        return fd;
    close(fd);
    return -EACCES;
}

long filch__socket_send(int fd, const char *data, size_t length)
{
    ssize_t sent = send(fd, data, length, MSG_NOSIGNAL);
    return sent >= 0 ? sent : errno == EINTR ? -EAGAIN : -errno;
}

long filch__socket_receive(int fd, char *data, size_t size)
{
    ssize_t got = recv(fd, data, size, 0);
    return got >= 0 ? got : errno == EINTR ? -EAGAIN : -errno;
}

void filch__socket_close(int fd)
{
    close(fd);
}

void filch__socket_poll(struct pollfd *fds, size_t count, uint64_t deadline_ns)
{
    uint64_t now_ns = filch__os_now_ns();
    uint64_t left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
    struct timespec left = {.tv_sec = (time_t)(left_ns / 1000000000u), .tv_nsec = (long)(left_ns % 1000000000u)};
    if (ppoll(fds, count, deadline_ns == UINT64_MAX ? NULL : &left, NULL) <= 0)
        for (size_t i = 0; i < count; i++)
            fds[i].revents = 0;
}
