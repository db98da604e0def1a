/* SPDX-License-Identifier: MIT */
/* Sessions of tracing. One at a time; `lock` is held by who begins or ends one, or writes a file, so it is not for those who
 * must not wait: signal handlers and others that only ask read `running` and count. */
#include "traces.h"

#include "peek.h"
#include "pool.h"
#include "sampler.h"
#include "symbols.h"
#include "tracefile.h"
#include "tracepools.h"
#include "watch.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum {
    BYTES_LEAST = 4096,
    BYTES_DEFAULT = 64 << 20,
    BYTES_DEFAULT_LAST = 16 << 20,
    COMMAND_MOST = 4096,
};
#define BYTES_IN_ALL_DEFAULT ((size_t)16 << 30) /* of address space: threads may be many that tell little */

static struct filch__lock lock = {PTHREAD_MUTEX_INITIALIZER};
static struct filch__sampler sampler = {.lock = {PTHREAD_MUTEX_INITIALIZER}};

/* under the lock */
static struct {
    bool known;       /* there is something to be written */
    bool asked;       /* by the environment: what goes wrong is said */
    bool ending;      /* filch_trace_stop is at work */
    char *file;       /* or NULL */
    uint64_t last_ns; /* of a flight recorder, whose rings run round; else 0 */
    uint64_t realtime_ns, begin_cpu_ns, end_cpu_ns;
    uint64_t price_ps; /* of an event; 0: not measured yet */
    unsigned snapshots;
    uint64_t stuck_ns; /* when the last file was written for a stuck task */
    int signal;
    struct sigaction before; /* the program's */
} session;

/* anybody reads */
static uint32_t running, records_last;
/* anybody counts up */
static uint32_t signals, stucks;

/* ---- writing ---- */

static int write_locked(FILE *out)
{
    char *command = malloc(COMMAND_MOST);
    struct filch__trace_info info = {.command = command ? command : "",
                                     .program = filch__peek_program(),
                                     .cpus = filch_cpu_count(),
                                     .start_realtime_ns = session.realtime_ns,
                                     .event_price_ps = session.price_ps,
                                     .last_ns = session.last_ns};
    if (command)
        filch__peek_command(command, COMMAND_MOST);
    info.cpu_ns = (session.end_cpu_ns ? session.end_cpu_ns : filch__peek_process_cpu_ns()) - session.begin_cpu_ns;
    struct filch__trace_pool *pools = filch__trace_pools_copy();
    struct filch__sample *samples = filch__sampler_copy(&sampler, &info.sample_count, &info.samples_lost);
    info.pools = pools;
    info.samples = samples;
    int r = filch__trace_json(out, &info);
    filch__trace_pools_free(pools);
    free(samples);
    free(command);
    return r;
}

/* Without a buffer of the stream's: a child that is forked meanwhile would write it once more. */
static int write_file_locked(const char *path)
{
    FILE *out = fopen(path, "we");
    if (!out)
        return -errno;
    setvbuf(out, NULL, _IONBF, 0);
    int r = write_locked(out);
    return fclose(out) && !r ? -errno : r;
}

int filch_trace_write(FILE *out)
{
    if (!out)
        return -EINVAL;
    filch__lock(&lock);
    int r = session.known ? write_locked(out) : -EINVAL;
    filch__unlock(&lock);
    return r;
}

/* Nothing is printed unasked. */
static void complain_locked(const char *what, int error)
{
    if (error && session.asked)
        filch__trace_complain(what, error);
}

/* ---- files written while the session goes on ---- */

static void write_snapshot_locked(void)
{
    size_t size = strlen(session.file) + 16;
    char *path = malloc(size);
    if (!path)
        return;
    snprintf(path, size, "%s.%u", session.file, ++session.snapshots);
    complain_locked(path, write_file_locked(path));
    free(path);
}

/* Files of one window after another, not one for each of many stuck tasks. */
static bool is_new_window_locked(void)
{
    uint64_t now_ns = filch__os_now_ns();
    if (session.stuck_ns && now_ns - session.stuck_ns < session.last_ns)
        return false;
    session.stuck_ns = now_ns;
    return true;
}

/* The sampler's thread, asked by one of those below, or by stop. */
static void do_what_was_asked(void)
{
    static uint32_t signals_done, stucks_done;
    uint32_t signals_now = filch__load_seq_cst(&signals), stucks_now = filch__load_seq_cst(&stucks);
    bool signalled = signals_now != signals_done, stuck = stucks_now != stucks_done;
    signals_done = signals_now;
    stucks_done = stucks_now;
    if (!signalled && !stuck)
        return;
    filch__lock(&lock);
    if (session.known && session.file && (signalled || is_new_window_locked()))
        write_snapshot_locked();
    filch__unlock(&lock);
}

static void ask(uint32_t *count)
{
    filch__add_seq_cst(count, 1);
    filch__sampler_ask(&sampler);
}

void filch__trace_stuck(void)
{
    if (filch__load_relaxed(&records_last))
        ask(&stucks);
}

static void on_signal(int number)
{
    int error = errno;
    (void)number;
    if (filch__load_relaxed(&running))
        ask(&signals);
    errno = error;
}

static int take_signal_locked(int number)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, before;
    sigfillset(&action.sa_mask);
    if (!number)
        return 0;
    if (sigaction(number, NULL, &before))
        return -EINVAL;
    if (before.sa_flags & SA_SIGINFO || (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN))
        return -EBUSY;
    if (sigaction(number, &action, &session.before))
        return -EINVAL;
    session.signal = number;
    return 0;
}

/* Unless the program has taken it back by itself. */
static void give_signal_back_locked(void)
{
    struct sigaction now;
    if (session.signal && !sigaction(session.signal, NULL, &now) && now.sa_handler == on_signal)
        sigaction(session.signal, &session.before, NULL);
    session.signal = 0;
}

/* ---- begin ---- */

static int check_config(const struct filch_trace_config *config)
{
    if (filch__any_set(config->reserved, 4) || config->reserved32 || config->signal < 0 ||
        (config->signal && !config->file) || (config->file && !config->file[0]))
        return -EINVAL;
    return config->bytes_per_thread && config->bytes_per_thread < BYTES_LEAST ? -EINVAL : 0;
}

static void watch(struct filch_pool *pool, void *on)
{
    filch__watch_trace(pool, on != NULL);
}

static void forget_file_locked(void)
{
    char *file = session.file;
    session.file = NULL; /* first, for a child that is forked meanwhile */
    free(file);
}

/* The opposite of what follows, as far as it was done. */
static void undo_locked(void)
{
    give_signal_back_locked();
    filch__trace_end();
    filch__trace_pools_end();
    forget_file_locked();
    session.known = false;
}

static int begin_session_locked(const struct filch_trace_config *config)
{
    size_t bytes = config->bytes_per_thread;
    if (!bytes)
        bytes = config->last_ns ? BYTES_DEFAULT_LAST : BYTES_DEFAULT;
    size_t all = config->bytes_in_all ? config->bytes_in_all : BYTES_IN_ALL_DEFAULT;
    if (!config->bytes_in_all && all < bytes)
        all = bytes;
    if (!session.price_ps)
        session.price_ps = filch__tracefile_price_ps();
    session.last_ns = config->last_ns;
    session.snapshots = 0;
    session.stuck_ns = session.end_cpu_ns = 0;
    session.begin_cpu_ns = filch__peek_process_cpu_ns();
    session.realtime_ns = filch__peek_realtime_ns();
    bool wraps = config->last_ns != 0;
    int r = filch__trace_begin(bytes, all, wraps);
    if (!r)
        r = filch__trace_pools_begin();
    if (!r)
        r = take_signal_locked(config->signal);
    if (!r)
        r = filch__sampler_start(&sampler, wraps, do_what_was_asked);
    return r;
}

static int begin_locked(const struct filch_trace_config *config)
{
    if (filch__load_relaxed(&running) || session.ending)
        return -EALREADY;
    char *file = config->file ? filch__tracefile_path(config->file) : NULL;
    int r = config->file && !file ? -ENOMEM : 0;
    if (!r && file)
        r = filch__tracefile_create(file);
    if (r) {
        free(file);
        return r;
    }
    session.file = file;
    r = begin_session_locked(config);
    if (r) {
        undo_locked();
        return r;
    }
    session.known = true;
    filch__store_seq_cst(&running, 1); /* before the visit: a pool that comes later sees it */
    filch__store_relaxed(&records_last, config->last_ns && file);
    static char on;
    filch__process_visit(watch, &on);
    return 0;
}

int filch_trace_start(const struct filch_trace_config *config)
{
    static const struct filch_trace_config none;
    if (!config)
        config = &none;
    int r = check_config(config);
    if (r)
        return r;
    filch__process_watch();
    filch__lock(&lock);
    r = begin_locked(config);
    filch__unlock(&lock);
    return r;
}

void filch__trace_session_asked(void)
{
    filch__lock(&lock);
    session.asked = true;
    filch__unlock(&lock);
}

/* ---- end ---- */

static int end_locked(void)
{
    if (!filch__load_relaxed(&running))
        return -EINVAL;
    filch__store_seq_cst(&running, 0);
    filch__store_relaxed(&records_last, 0);
    session.ending = true;
    filch__process_visit(watch, NULL);
    filch__trace_end();
    filch__trace_pools_end();
    session.end_cpu_ns = filch__peek_process_cpu_ns();
    give_signal_back_locked();
    return 0;
}

/* What is in the file is not kept in memory. */
static int write_and_forget_locked(void)
{
    int r = session.file ? write_file_locked(session.file) : 0;
    complain_locked(session.file, r);
    if (session.file && !r) {
        session.known = false;
        filch__trace_forget();
        filch__sampler_free(&sampler);
    }
    forget_file_locked();
    session.asked = session.ending = false;
    return r;
}

int filch_trace_stop(void)
{
    filch__lock(&lock);
    int r = end_locked();
    filch__unlock(&lock);
    if (r)
        return r;
    filch__sampler_stop(&sampler); /* which may be about to write a file */
    filch__lock(&lock);
    r = write_and_forget_locked();
    filch__unlock(&lock);
    return r;
}

/* ---- what others tell ---- */

void filch_trace_note(const char *text)
{
    if (text && filch__trace_on())
        filch__watch_note(text);
}

void filch__trace_pool_opens(struct filch_pool *pool)
{
    if (filch__load_seq_cst(&running))
        filch__watch_trace(pool, true);
}

void filch__trace_before_fork(void)
{
    filch__trace_pools_before_fork();
    filch__lock(&sampler.lock);
}

void filch__trace_after_fork_parent(void)
{
    filch__unlock(&sampler.lock);
    filch__trace_pools_after_fork(false);
}

/* The session is the parent's, and so is its file. */
void filch__trace_after_fork_child(void)
{
    filch__unlock(&sampler.lock);
    filch__sampler_abandon(&sampler);
    filch__trace_pools_after_fork(true);
    filch__trace_environment_after_fork();
    filch__symbols_after_fork();
    give_signal_back_locked();
    filch__lock_init(&lock);
    forget_file_locked();
    session.known = session.ending = session.asked = false;
    filch__store_relaxed(&running, 0);
    filch__store_relaxed(&records_last, 0);
}
