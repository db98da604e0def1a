/* SPDX-License-Identifier: MIT */
/* live.c - FILCH_LIVE=1: a Unix socket that says what the pools of this process do.
 *
 * Where    $XDG_RUNTIME_DIR/filch-PID.sock (/run/user/UID without that variable), if that directory is the user's alone; of
 *          mode 0600, and for root. Made when the first pool is opened, gone when the process exits. A forked child has
 *          nothing to do with its parent's, and makes its own with its first pool.
 * Protocol text. The other side sends a command and a newline; what comes back ends with an empty line. The first answer
 *          comes unasked: `filch-live 1 0.1.0`, the protocol's version and the library's.
 *
 *   version  the first answer again
 *   stats    a line `KEY VALUE` per figure. `now_ns`; then for each pool `pool NUMBER`, which begins it, `name`, `phase`,
 *            `permits` (in use), `searching` and `parked` workers, and the fields of struct filch_pool_stats
 *   workers  for each pool `pool NUMBER`, then a line per thread:
 *              worker ID queued N runs NS TASK     it has run this task for NS nanoseconds at least
 *              worker ID queued N blocked NS TASK  the same; the body blocks its thread, and its permit serves others
 *              worker ID queued N idle
 *            TASK: its name, its function's, or that one's address. NS: since somebody asked first; nobody takes the time at a start
 *   stuck    for each pool `pool NUMBER`, `stuck COUNT`, and if there was one `last NS TASK`: the last that did not return
 *            when it was timed out, or ran for stuck_after_ns, and for how long it had run when that was noticed
 *   dump     filch_pool_dump of each pool
 *   metrics  filch_metrics_write
 *
 *   Anything else is answered by `error: ...`. Control characters in names become '?'.
 *
 * One thread serves, and sleeps in poll(2) without a deadline while nobody asks. An answer is made whole under the list
 * of pools' lock, then sent without any. A client that does not take its answer is dropped, and meanwhile holds up
 * nobody.
 */
#include "live.h"

#include "os.h"
#include "socket.h"

#include <filch/base.h>
#include <filch/detail/atomic.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CLIENTS = 16, PATIENCE_S = 2 };

struct client {
    int fd; /* -1: nobody */
    char line[64];
    size_t used;
    char *answer; /* or NULL */
    size_t length, sent;
    uint64_t until_ns; /* something of the answer must be taken by then */
};

/* The thread changes descriptors and answers under the lock, so that a fork finds them whole. */
static struct {
    struct filch__lock lock;
    bool decided; /* begin has looked at the environment */
    pid_t server; /* whose thread serves; 0: nobody's */
    bool stop;
    pthread_t thread;
    int event, listener;
    uint64_t full_until_ns; /* there is no room for further descriptors */
    char path[128];
    struct client client[CLIENTS];
} live = {.lock = {PTHREAD_MUTEX_INITIALIZER}};

/* ---- clients ---- */

static void set_answer(struct client *client, char *answer, size_t length)
{
    filch__lock(&live.lock);
    free(client->answer);
    client->answer = answer;
    client->length = length;
    client->sent = 0;
    client->until_ns = filch__os_now_ns() + FILCH_S(PATIENCE_S);
    filch__unlock(&live.lock);
}

static void drop(struct client *client)
{
    filch__lock(&live.lock);
    filch__socket_close(client->fd);
    free(client->answer);
    *client = (struct client){.fd = -1};
    filch__unlock(&live.lock);
}

static char *line_end(struct client *client)
{
    return memchr(client->line, '\n', client->used);
}

/* False: the client is to be dropped. */
static bool receive(struct client *client)
{
    long got = filch__socket_receive(client->fd, client->line + client->used, sizeof client->line - client->used);
    if (got <= 0)
        return got == -EAGAIN;
    client->used += (size_t)got;
    return client->used < sizeof client->line || line_end(client);
}

static bool send_rest(struct client *client)
{
    while (client->sent < client->length) {
        long sent = filch__socket_send(client->fd, client->answer + client->sent, client->length - client->sent);
        if (sent <= 0)
            return sent == -EAGAIN && filch__os_now_ns() < client->until_ns;
        client->sent += (size_t)sent;
        client->until_ns = filch__os_now_ns() + FILCH_S(PATIENCE_S);
    }
    set_answer(client, NULL, 0);
    return true;
}

static bool answer_line(struct client *client)
{
    char *end = line_end(client);
    size_t taken = (size_t)(end + 1 - client->line), length;
    *end = '\0';
    char *answer = filch__live_answer(client->line, &length);
    client->used -= taken;
    memmove(client->line, client->line + taken, client->used);
    if (!answer)
        return false;
    set_answer(client, answer, length);
    return true;
}

/* Its turn: take up what came, or go on with the answer. */
static bool serve_client(struct client *client)
{
    if (client->answer)
        return send_rest(client);
    if (!line_end(client) && !receive(client))
        return false;
    return !line_end(client) || (answer_line(client) && send_rest(client));
}

static struct client *free_client(void)
{
    for (size_t i = 0; i < CLIENTS; i++)
        if (live.client[i].fd < 0)
            return &live.client[i];
    return NULL;
}

/* One more; past the last place, and without memory for the greeting, it is sent away. */
static void admit(void)
{
    struct client *client = free_client();
    filch__lock(&live.lock);
    int fd = filch__socket_accept(live.listener);
    if (fd >= 0 && client)
        client->fd = fd;
    else if (fd >= 0)
        filch__socket_close(fd);
    filch__unlock(&live.lock);
    if (fd < 0 && fd != -EAGAIN && fd != -EACCES)
        live.full_until_ns = filch__os_now_ns() + FILCH_S(1);
    if (fd < 0 || !client)
        return;
    size_t length = 0;
    char *greeting = filch__live_answer("version", &length);
    set_answer(client, greeting, length);
    if (!greeting || !send_rest(client))
        drop(client);
}

/* ---- the thread ---- */

static bool can_go_on(struct client *client)
{
    return !client->answer && line_end(client);
}

/* Whom to listen to, and until when. */
static uint64_t prepare(struct pollfd *fds)
{
    uint64_t until_ns = UINT64_MAX;
    bool full = live.full_until_ns > filch__os_now_ns();
    fds[0] = (struct pollfd){.fd = live.event, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = full ? -1 : live.listener, .events = POLLIN};
    if (full)
        until_ns = live.full_until_ns;
    for (size_t i = 0; i < CLIENTS; i++) {
        struct client *client = &live.client[i];
        fds[2 + i] = (struct pollfd){.fd = client->fd, .events = client->answer ? POLLOUT : POLLIN};
        uint64_t client_ns = client->answer ? client->until_ns : can_go_on(client) ? 0 : UINT64_MAX;
        until_ns = client_ns < until_ns ? client_ns : until_ns;
    }
    return until_ns;
}

static void *serve(void *arg)
{
    (void)arg;
    filch__os_thread_name("filch-live");
    for (;;) {
        struct pollfd fds[2 + CLIENTS];
        uint64_t until_ns = prepare(fds);
        filch__socket_poll(fds, 2 + CLIENTS, until_ns);
        if (filch__load_acquire(&live.stop))
            return NULL;
        uint64_t now_ns = filch__os_now_ns();
        for (size_t i = 0; i < CLIENTS; i++) {
            struct client *client = &live.client[i];
            bool late = client->answer && now_ns >= client->until_ns;
            if ((fds[2 + i].revents || late || can_go_on(client)) && !serve_client(client))
                drop(client);
        }
        if (fds[1].revents)
            admit();
    }
}

/* ---- begin and end ---- */

static bool start_locked(void)
{
    for (size_t i = 0; i < CLIENTS; i++)
        live.client[i] = (struct client){.fd = -1};
    live.full_until_ns = 0;
    if (!filch__socket_path(live.path, sizeof live.path) || (live.listener = filch__socket_listen(live.path)) < 0)
        return false;
    live.event = filch__os_event_open();
    if (live.event >= 0 && !filch__os_thread_start(&live.thread, serve, NULL))
        return true;
    if (live.event >= 0)
        filch__os_event_close(live.event);
    filch__socket_unlink(live.path);
    filch__socket_close(live.listener);
    return false;
}

void filch__live_begin(void)
{
    if (filch__load_acquire(&live.decided))
        return;
    filch__lock(&live.lock);
    if (!live.decided) {
        const char *wanted = secure_getenv("FILCH_LIVE");
        if (wanted && !strcmp(wanted, "1") && start_locked())
            filch__store_release(&live.server, getpid());
        filch__store_release(&live.decided, true);
    }
    filch__unlock(&live.lock);
}

static void close_all(void)
{
    for (size_t i = 0; i < CLIENTS; i++)
        if (live.client[i].fd >= 0) {
            filch__socket_close(live.client[i].fd);
            free(live.client[i].answer);
        }
    filch__socket_close(live.listener);
    filch__os_event_close(live.event);
}

/* At exit, or when the library is unloaded. In a child that no fork handler has told of, the thread is not there. */
__attribute__((destructor)) static void end(void)
{
    filch__store_release(&live.decided, true);
    if (filch__load_acquire(&live.server) != getpid())
        return;
    filch__store_release(&live.stop, true);
    filch__os_event_signal(live.event);
    pthread_join(live.thread, NULL);
    filch__socket_unlink(live.path);
    close_all();
    filch__store_release(&live.server, 0);
}

void filch__live_before_fork(void)
{
    filch__lock(&live.lock);
}

void filch__live_after_fork_parent(void)
{
    filch__unlock(&live.lock);
}

void filch__live_after_fork_child(void)
{
    if (live.server)
        close_all();
    filch__store_release(&live.server, 0);
    filch__store_release(&live.decided, false);
    filch__unlock(&live.lock);
}
