/* SPDX-License-Identifier: MIT */
/* server.c - an event loop that stays quick: the pool computes, and the loop answers when that is done.
 *
 * A request is a line with a number n; the answer is the count of primes up to n. The loop's thread does nothing but
 * input and output. The pool's completions are one more descriptor in its epoll set, so it is woken by a finished
 * computation as it is by a connection. The program is its own client: a thread that opens some connections, asks on
 * all of them, checks the answers, and hangs up; when the last connection is gone, the server ends.
 */
#define _GNU_SOURCE
#include <filch/filch.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS = 4, ROUNDS = 5, LINE = 64 };

/* One request at a time: while it is computed, the connection is not read. */
struct connection {
    struct filch_future future; /* of the request under way */
    int fd;
    size_t length;
    char line[LINE];
    long upto, primes;
};

struct server {
    struct filch_pool *pool;
    struct filch_completions *completions;
    int epoll_fd, listen_fd, completions_fd;
    int accepted, open, answered;
};

static void die(const char *what, int error)
{
    fprintf(stderr, "server: %s: %s\n", what, strerror(error));
    exit(1);
}

/* In the pool. */
static int count_primes(void *data)
{
    struct connection *connection = data;
    connection->primes = 0;
    for (long n = 2; n <= connection->upto; n++) {
        long divisor = 2;
        while (divisor * divisor <= n && n % divisor != 0)
            divisor++;
        connection->primes += divisor * divisor > n;
    }
    return 0;
}

static void watch(struct server *server, int fd, void *what)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = what};
    if (epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event))
        die("epoll_ctl", errno);
}

static void hang_up(struct server *server, struct connection *connection)
{
    close(connection->fd); /* which takes it out of the epoll set */
    free(connection);
    server->open--;
}

static void accept_connection(struct server *server)
{
    struct connection *connection = calloc(1, sizeof *connection);
    int fd = accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    if (!connection || fd < 0)
        die("accept", connection ? errno : ENOMEM);
    connection->fd = fd;
    watch(server, fd, connection);
    server->accepted++;
    server->open++;
}

static void answer(struct server *server, struct connection *connection, int status)
{
    char line[LINE];
    int length = status < 0 ? snprintf(line, sizeof line, "error %d\n", -status)
                            : snprintf(line, sizeof line, "%ld\n", connection->primes);
    server->answered++;
    /* An answer fits in any socket's buffer. A client that has gone is noticed here, or at the next read. */
    if (send(connection->fd, line, (size_t)length, MSG_NOSIGNAL) != length)
        hang_up(server, connection);
    else
        watch(server, connection->fd, connection);
}

/* A line is complete: from here on the connection is the pool's, until its future comes out of the completions. */
static void begin_request(struct server *server, struct connection *connection)
{
    const struct filch_task_options options = {.completions = server->completions};
    connection->upto = strtol(connection->line, NULL, 10);
    connection->length = 0;
    epoll_ctl(server->epoll_fd, EPOLL_CTL_DEL, connection->fd, NULL);
    int error = filch_submit_with(server->pool, &connection->future, count_primes, connection, &options);
    if (error)
        answer(server, connection, error);
}

static void read_request(struct server *server, struct connection *connection)
{
    ssize_t n = recv(connection->fd, connection->line + connection->length, LINE - 1 - connection->length, 0);
    if (n <= 0) {
        hang_up(server, connection);
        return;
    }
    connection->length += (size_t)n;
    connection->line[connection->length] = '\0';
    if (strchr(connection->line, '\n'))
        begin_request(server, connection);
    else if (connection->length == LINE - 1)
        hang_up(server, connection);
}

/* The descriptor is readable while there is something to take: take all of it, without waiting. */
static void take_completions(struct server *server)
{
    struct filch_future *future;
    while (filch_completions_next(server->completions, 0, &future) == 0) {
        struct connection *connection = (struct connection *)((char *)future - offsetof(struct connection, future));
        answer(server, connection, filch_status(future));
    }
}

static void serve(struct server *server)
{
    watch(server, server->listen_fd, &server->listen_fd);
    watch(server, server->completions_fd, &server->completions_fd);
    while (server->accepted < CONNECTIONS || server->open > 0) {
        struct epoll_event event; /* one at a time: handling one may end another's connection */
        int ready = epoll_wait(server->epoll_fd, &event, 1, -1);
        if (ready < 0 && errno != EINTR)
            die("epoll_wait", errno);
        if (ready <= 0)
            continue;
        if (event.data.ptr == &server->listen_fd)
            accept_connection(server);
        else if (event.data.ptr == &server->completions_fd)
            take_completions(server);
        else
            read_request(server, event.data.ptr);
    }
}

/* The client: asks on all connections before it reads the first answer. Returns NULL if all were right. */
static void *be_client(void *arg)
{
    static const long upto[CONNECTIONS] = {10, 100, 10000, 200000}, primes[CONNECTIONS] = {4, 25, 1229, 17984};
    static char failed[] = "";
    const struct sockaddr_in *address = arg;
    int fds[CONNECTIONS];
    bool right = true;
    for (int i = 0; i < CONNECTIONS; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fds[i] < 0 || connect(fds[i], (const struct sockaddr *)address, sizeof *address))
            die("connect", errno);
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < CONNECTIONS; i++)
            right &= dprintf(fds[i], "%ld\n", upto[i]) > 0;
        for (int i = 0; i < CONNECTIONS; i++) {
            char line[LINE] = "";
            for (size_t n = 0; n < LINE - 1 && !strchr(line, '\n'); n++)
                if (recv(fds[i], line + n, 1, 0) != 1)
                    break;
            right &= strtol(line, NULL, 10) == primes[i];
        }
    }
    for (int i = 0; i < CONNECTIONS; i++)
        close(fds[i]);
    return right ? NULL : failed;
}

static void listen_on_loopback(struct server *server, struct sockaddr_in *ret_address)
{
    socklen_t size = sizeof *ret_address;
    *ret_address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    server->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (server->listen_fd < 0 || bind(server->listen_fd, (struct sockaddr *)ret_address, size) ||
        listen(server->listen_fd, CONNECTIONS) || getsockname(server->listen_fd, (struct sockaddr *)ret_address, &size))
        die("listen", errno);
}

int main(void)
{
    struct server server = {.epoll_fd = epoll_create1(EPOLL_CLOEXEC)};
    struct sockaddr_in address;
    pthread_t client;
    void *failed;
    int error = filch_pool_open(&server.pool, NULL);
    if (!error)
        error = filch_completions_open(&server.completions);
    if (error)
        die("pool", -error);
    server.completions_fd = filch_completions_fd(server.completions);
    if (server.completions_fd < 0 || server.epoll_fd < 0)
        die("descriptors", server.epoll_fd < 0 ? errno : -server.completions_fd);
    listen_on_loopback(&server, &address);
    error = pthread_create(&client, NULL, be_client, &address);
    if (error)
        die("client", error);
    serve(&server);
    pthread_join(client, &failed);
    filch_pool_close(server.pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE);
    filch_pool_free(server.pool);
    filch_completions_close(server.completions);
    close(server.listen_fd);
    close(server.epoll_fd);
    printf("%d connections, %d requests, answers %s\n", server.accepted, server.answered, failed ? "wrong" : "right");
    return !failed && server.answered == CONNECTIONS * ROUNDS ? 0 : 1;
}
