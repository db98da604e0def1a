/* SPDX-License-Identifier: MIT */
/* socket.h - a Unix stream socket for the user who runs the process, and for root: the wall's (os.h) part of it.
 *
 * Descriptors are closed on exec; those of connections do not block. Nothing here raises SIGPIPE. What fails gives a
 * negative errno.
 */
#ifndef FILCH_SOCKET_H
#define FILCH_SOCKET_H

#include "compiler.h"

#include <poll.h>

/* filch-PID.sock in $XDG_RUNTIME_DIR, without that in /run/user/UID. False: there is no such directory that is this user's,
 * and nobody else's; or the name is too long for a socket. */
bool filch__socket_path(char *path, size_t size);

/* A listening socket of that name, of mode 0600 from the first moment. One that a dead process has left there is replaced;
 * -EADDRINUSE: one of a living process (of another PID namespace) stays. */
int filch__socket_listen(const char *path);
void filch__socket_unlink(const char *path);

/* The next connection. -EAGAIN: there is none; -EACCES: somebody else's, refused. */
int filch__socket_accept(int listener);

/* How many bytes; 0 from receive: the other side has ended. -EAGAIN: none at the moment. */
long filch__socket_send(int fd, const char *data, size_t length);
long filch__socket_receive(int fd, char *data, size_t size);
void filch__socket_close(int fd);

/* As poll(2), until the deadline; may return for no reason, `revents` are 0 then. */
void filch__socket_poll(struct pollfd *fds, size_t count, uint64_t deadline_ns);

#endif
