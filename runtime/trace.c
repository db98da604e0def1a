/* SPDX-License-Identifier: MIT */
#include "trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { CALIBRATION_NS = 20000 };

uint32_t filch__trace_session;
uint64_t filch__trace_ticks_per_us;

static struct filch__lock lock = {PTHREAD_MUTEX_INITIALIZER};
/* under the lock */
static struct {
    struct filch__track *tracks; /* the newest first */
    uint32_t made, read;         /* tracks; the session that visits see, 0: none */
    size_t bytes, bytes_left;    /* of a ring; of the session */
    bool wraps;
    struct filch__trace_times times;
} traces;
static uint32_t visitors; /* a futex; changes under the lock */
static uint64_t refused;  /* events that found no track */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int once_status;
static pthread_key_t own_key; /* its destructor tells the end of a thread that has a track */
static _Thread_local struct filch__track *own;

/* Workers write much; other threads a little each, and there may be many. */
static bool is_worker(const struct filch__track *track)
{
    return track->pool;
}

/* ---- fork and the ends of threads ---- */

static void before_fork(void)
{
    filch__lock(&lock);
}

static void after_fork_parent(void)
{
    filch__unlock(&lock);
}

/* Who forks may be reading: it finds nothing more. Workers' tracks are pointed to; threads outside are no more. */
static void bury_all(void)
{
    for (struct filch__track *track = traces.tracks; track; track = track->next) {
        filch__store_relaxed(&track->session, 0);
        track->orphan |= !is_worker(track);
        filch__ring_destroy(&track->ring);
        filch__ring_begin(&track->ring, false);
    }
}

static void after_fork_child(void)
{
    filch__store_relaxed(&filch__trace_session, (filch__trace_session + 1) & ~1u);
    bury_all();
    traces.read = 0;
    filch__store_relaxed(&visitors, 0);
    if (own)
        pthread_setspecific(own_key, NULL);
    own = NULL;
    filch__unlock(&lock);
}

static void own_ends(void *track)
{
    own = NULL;
    filch__trace_detach(track, true);
}

static void watch_process(void)
{
    once_status = -pthread_key_create(&own_key, own_ends);
    if (!once_status)
        once_status = -pthread_atfork(before_fork, after_fork_parent, after_fork_child);
}

/* ---- sessions ---- */

/* Nobody visits, and no session runs: rings are emptied, and those without a writer go. */
static void empty_locked(void)
{
    struct filch__track **at = &traces.tracks, *track;
    traces.read = 0;
    while ((track = *at)) {
        if (!track->orphan) {
            filch__ring_release(&track->ring);
            at = &track->next;
            continue;
        }
        *at = track->next;
        filch__ring_destroy(&track->ring);
        free(track);
    }
}

static void await_visitors_locked(void)
{
    uint32_t count;
    while ((count = visitors)) {
        filch__unlock(&lock);
        filch__os_futex_wait(&visitors, count, UINT64_MAX);
        filch__lock(&lock);
    }
}

static uint64_t measure_ticks_per_us(void)
{
    uint64_t begin_ticks, begin_ns, end_ticks, end_ns;
    filch__os_read_clocks(&begin_ticks, &begin_ns);
    do
        filch__os_read_clocks(&end_ticks, &end_ns);
    while (end_ns < begin_ns + CALIBRATION_NS);
    return (end_ticks - begin_ticks) * 1000 / (end_ns - begin_ns);
}

int filch__trace_begin(size_t bytes, size_t bytes_in_all, bool wraps)
{
    uint64_t ticks_per_us = measure_ticks_per_us();
    pthread_once(&once, watch_process);
    if (once_status)
        return -ENOMEM;
    filch__lock(&lock);
    await_visitors_locked();
    bool on = filch__trace_on();
    if (!on) {
        empty_locked();
        traces.bytes = bytes;
        traces.bytes_left = bytes_in_all;
        traces.wraps = wraps;
        filch__store_relaxed(&filch__trace_ticks_per_us, ticks_per_us);
        traces.read = filch__trace_session + 1;
        filch__store_relaxed(&refused, 0);
        filch__os_read_clocks(&traces.times.begin_ticks, &traces.times.begin_ns);
        filch__store_relaxed(&filch__trace_session, filch__trace_session + 1);
    }
    filch__unlock(&lock);
    return on ? -EALREADY : 0;
}

int filch__trace_end(void)
{
    filch__lock(&lock);
    bool on = filch__trace_on();
    if (on) {
        filch__store_relaxed(&filch__trace_session, filch__trace_session + 1);
        filch__os_read_clocks(&traces.times.end_ticks, &traces.times.end_ns);
    }
    filch__unlock(&lock);
    return on ? 0 : -EINVAL;
}

void filch__trace_forget(void)
{
    filch__lock(&lock);
    await_visitors_locked();
    if (!filch__trace_on())
        empty_locked();
    filch__unlock(&lock);
}

struct filch__trace_times filch__trace_times(void)
{
    filch__lock(&lock);
    struct filch__trace_times times = traces.times;
    if (filch__trace_on())
        filch__os_read_clocks(&times.end_ticks, &times.end_ns);
    filch__unlock(&lock);
    return times;
}

/* ---- writers ---- */

static size_t take_bytes_locked(void)
{
    size_t bytes = 1;
    while (bytes <= traces.bytes / 2)
        bytes *= 2;
    if (bytes > traces.bytes_left)
        return 0;
    traces.bytes_left -= bytes;
    return bytes;
}

static void attach_locked(struct filch__track *track)
{
    size_t bytes = take_bytes_locked();
    if (bytes != track->ring.capacity * sizeof(struct filch__event)) {
        filch__ring_destroy(&track->ring);
        (void)filch__ring_init(&track->ring, bytes, is_worker(track)); /* without memory it counts what is lost */
    }
    filch__ring_begin(&track->ring, traces.wraps);
    track->told_ticks = 0;
    filch__store_release(&track->session, filch__trace_session); /* S1 */
}

static struct filch__track *make_locked(uint64_t pool, uint32_t worker, const char *name)
{
    struct filch__track *track = aligned_alloc(FILCH_CACHELINE, sizeof *track);
    if (!track)
        return NULL;
    *track = (struct filch__track){.next = traces.tracks, .number = ++traces.made, .worker = worker, .pool = pool};
    snprintf(track->name, sizeof track->name, "%s", name);
    traces.tracks = track;
    return track;
}

filch__cold bool filch__trace_attach(struct filch__track **track, uint64_t pool, uint32_t worker, const char *name)
{
    filch__lock(&lock);
    bool on = filch__trace_on();
    if (on && !*track)
        *track = make_locked(pool, worker, name);
    if (on && *track) {
        if ((*track)->session != filch__trace_session)
            attach_locked(*track);
        filch__store_relaxed(&(*track)->tid, filch__os_thread_id());
    }
    filch__unlock(&lock);
    if (on && *track)
        return true;
    filch__add_relaxed(&refused, on);
    return false;
}

/* What its ring did not need serves others: so short-lived threads count with what they have told. */
static void give_back_locked(const struct filch__track *track)
{
    const struct filch__ring *ring = &track->ring;
    size_t used = (size_t)(ring->head - ring->first) * sizeof(struct filch__event);
    size_t page = is_worker(track) ? FILCH__OS_DENSE : filch__os_page_size();
    size_t all = (size_t)ring->capacity * sizeof(struct filch__event);
    used = (used / page + 2) * page; /* the first one and the last one may be parts of pages */
    if (track->session == filch__trace_session && used < all)
        traces.bytes_left += all - used;
}

void filch__trace_detach(struct filch__track *track, bool for_good)
{
    if (!track)
        return;
    filch__lock(&lock);
    filch__store_relaxed(&track->tid, 0);
    track->orphan = for_good;
    if (for_good)
        give_back_locked(track);
    filch__unlock(&lock);
}

/* Never inlined: a caller that has switched threads must not keep the address of the old one's variable. */
filch__noinline struct filch__track *filch__trace_outside(void)
{
    char name[16], shown[32];
    if (filch__trace_attached(own))
        return own;
    bool made = !own;
    filch__os_thread_get_name(name, sizeof name);
    if (name[0])
        snprintf(shown, sizeof shown, "thread %s", name);
    else
        snprintf(shown, sizeof shown, "thread %d", (int)filch__os_thread_id());
    if (!filch__trace_attach(&own, 0, UINT32_MAX, shown))
        return NULL;
    if (made)
        pthread_setspecific(own_key, own);
    return own;
}

/* ---- readers ---- */

static struct filch__track *visit_begin(uint32_t *ret_session)
{
    filch__lock(&lock);
    filch__store_relaxed(&visitors, visitors + 1);
    struct filch__track *tracks = traces.read ? traces.tracks : NULL;
    *ret_session = traces.read;
    filch__unlock(&lock);
    return tracks;
}

static void visit_end(void)
{
    filch__lock(&lock);
    if (visitors) /* else this is a child of the one that began */
        filch__store_relaxed(&visitors, visitors - 1);
    filch__unlock(&lock);
    filch__os_futex_wake(&visitors, INT32_MAX);
}

void filch__trace_visit(void (*visit)(struct filch__track *track, void *ctx), void *ctx)
{
    uint32_t session;
    for (struct filch__track *track = visit_begin(&session), *next; track; track = next) {
        next = track->next;
        if (filch__load_acquire(&track->session) == session) /* S1 */
            visit(track, ctx);
    }
    visit_end();
}

static void add_lost(struct filch__track *track, void *sum)
{
    *(uint64_t *)sum += filch__ring_lost(&track->ring);
}

uint64_t filch__trace_lost(void)
{
    uint64_t lost = filch__load_relaxed(&refused);
    filch__trace_visit(add_lost, &lost);
    return lost;
}
