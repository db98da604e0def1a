/* SPDX-License-Identifier: MIT */
/* trace.c - sessions and tracks: who gets one, what readers find, how much memory there is, forks and ends of threads. */
#include "trace.h"

#include "support/child.h"
#include "support/tasks.h"
#include "support/test.h"

enum { BYTES = 64 * sizeof(struct filch__event), ROOM = 63, PLENTY = 1 << 30 };

/* ---- writing ---- */

static void put(struct filch__track *track, uint64_t a)
{
    filch__trace_put(track, filch__os_ticks(), FILCH__EVENT_READY, 0, 0, a, ~a);
}

/* As a worker does: false when it is told of no session. */
static bool tell(struct filch__track **track, uint64_t pool, uint32_t worker, uint64_t a)
{
    if (!filch__trace_on())
        return false;
    if (filch__trace_attached(*track) || filch__trace_attach(track, pool, worker, "worker"))
        put(*track, a);
    return true;
}

/* ---- reading ---- */

enum { FOUND = 64 };

struct found {
    unsigned tracks;
    uint64_t events, lost;
    struct {
        uint64_t pool, first, last, events, lost; /* `a` of its events */
        uint32_t worker, number;
        int32_t tid;
        char name[32];
    } track[FOUND];
};

static void find_in(struct filch__track *track, void *ctx)
{
    struct found *found = ctx;
    must(found->tracks < FOUND);
    unsigned i = found->tracks++;
    found->track[i].pool = track->pool;
    found->track[i].worker = track->worker;
    found->track[i].number = track->number;
    found->track[i].tid = filch__load_relaxed(&track->tid);
    found->track[i].lost = filch__ring_lost(&track->ring);
    memcpy(found->track[i].name, track->name, sizeof track->name);
    struct filch__event event;
    uint64_t at = 0;
    while (filch__ring_read(&track->ring, &at, &event, 1, &found->track[i].lost)) {
        must(event.head == filch__event_head(FILCH__EVENT_READY, 0, 0) && event.b == ~event.a);
        found->track[i].first = found->track[i].events++ ? found->track[i].first : event.a;
        found->track[i].last = event.a;
    }
    found->events += found->track[i].events;
    found->lost += found->track[i].lost;
}

static struct found find(void)
{
    struct found found = {.tracks = 0};
    filch__trace_visit(find_in, &found);
    return found;
}

static void begin(void)
{
    must(filch__trace_begin(BYTES, PLENTY, false) == 0);
}

static void end(void)
{
    must(filch__trace_end() == 0);
}

Test(trace, smoke, .timeout = TEST_TIMEOUT)
{
    struct filch__track *track = NULL;
    cr_assert_not(filch__trace_on());
    cr_assert_not(filch__trace_attached(track));
    cr_assert_not(tell(&track, 7, 3, 1));
    begin();
    cr_assert(filch__trace_on());
    cr_assert_eq(find().tracks, 0);
    cr_assert(tell(&track, 7, 3, 10));
    cr_assert(tell(&track, 7, 3, 11));
    end();
    cr_assert_not(tell(&track, 7, 3, 12));
    struct found found = find();
    cr_assert_eq(found.tracks, 1);
    cr_assert_eq(found.events, 2);
    cr_assert_eq(found.lost, 0);
    cr_assert_eq(found.track[0].pool, 7);
    cr_assert_eq(found.track[0].worker, 3);
    cr_assert_eq(found.track[0].tid, filch__os_thread_id());
    cr_assert_eq(found.track[0].first, 10);
    cr_assert_eq(found.track[0].last, 11);
    cr_assert_str_eq(found.track[0].name, "worker");
    filch__trace_detach(track, true);
    filch__trace_forget();
    cr_assert_eq(find().tracks, 0);
}

/* What each test leaves behind: no session, no tracks. */
static void clear(struct filch__track **tracks, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        filch__trace_detach(tracks[i], true);
        tracks[i] = NULL;
    }
    filch__trace_forget();
    cr_assert_eq(find().tracks, 0);
}

Test(trace, one_session_at_a_time, .timeout = TEST_TIMEOUT)
{
    cr_assert_eq(filch__trace_end(), -EINVAL);
    begin();
    cr_assert_eq(filch__trace_begin(BYTES, PLENTY, false), -EALREADY);
    end();
    cr_assert_eq(filch__trace_end(), -EINVAL);
    begin();
    end();
    clear(NULL, 0);
}

Test(trace, tracks_go_from_session_to_session, .timeout = TEST_TIMEOUT)
{
    struct filch__track *tracks[2] = {NULL, NULL}, *first;
    begin();
    must(tell(&tracks[0], 1, 0, 1) && tell(&tracks[1], 1, 1, 2));
    end();
    first = tracks[0];
    filch__trace_detach(tracks[1], true);
    tracks[1] = NULL;
    cr_assert_eq(find().tracks, 2, "also that without a writer");
    begin();
    cr_assert_eq(find().tracks, 0);
    cr_assert_not(filch__trace_attached(first));
    must(tell(&tracks[0], 1, 0, 3));
    cr_assert_eq(tracks[0], first);
    struct found found = find();
    cr_assert_eq(found.tracks, 1);
    cr_assert_eq(found.events, 1);
    cr_assert_eq(found.track[0].first, 3);
    must(tell(&tracks[1], 2, 0, 4));
    cr_assert_gt(tracks[1]->number, tracks[0]->number);
    end();
    clear(tracks, 2);
}

/* A ring of one session is of another size in the next. */
Test(trace, what_finds_no_room_is_counted, .timeout = TEST_TIMEOUT)
{
    struct filch__track *track = NULL;
    for (unsigned size = 1; size <= 4; size *= 2) {
        for (unsigned wraps = 0; wraps < 2; wraps++) {
            uint64_t room = (ROOM + 1) * size - 1, count = 3 * room;
            must(filch__trace_begin(BYTES * size + size % 2, PLENTY, wraps) == 0);
            for (uint64_t i = 0; i < count; i++)
                tell(&track, 1, 0, i);
            end();
            struct found found = find();
            cr_assert_eq(found.events, room);
            cr_assert_eq(found.lost, count - room);
            cr_assert_eq(found.track[0].first, wraps ? count - room : 0);
            cr_assert_eq(filch__trace_lost(), wraps ? 0 : count - room, "a ring that runs round has found room");
        }
    }
    clear(&track, 1);
}

Test(trace, memory_is_bounded, .timeout = TEST_TIMEOUT)
{
    enum { TRACKS = 5, HAVE = 3 };
    struct filch__track *tracks[TRACKS] = {NULL};
    for (int session = 0; session < 3; session++) {
        must(filch__trace_begin(BYTES, HAVE * BYTES + BYTES / 2, session % 2) == 0);
        for (uint64_t i = 0; i < 10 * TRACKS; i++) /* the last one comes first in the second session */
            tell(&tracks[session ? TRACKS - 1 - i % TRACKS : i % TRACKS], 1, 0, i);
        end();
        struct found found = find();
        cr_assert_eq(found.tracks, TRACKS);
        cr_assert_eq(found.events, 10 * HAVE);
        cr_assert_eq(found.lost, 10 * (TRACKS - HAVE));
        cr_assert_eq(filch__trace_lost(), found.lost);
    }
    must(filch__trace_begin((size_t)1 << 60, SIZE_MAX, false) == 0);
    must(tell(&tracks[0], 1, 0, 1));
    end();
    cr_assert_eq(filch__trace_lost(), 1, "that much memory there is not");
    clear(tracks, TRACKS);
}

/* ---- threads outside ---- */

struct outsider {
    const char *name;
    uint64_t events;
    int32_t tid;
};

static void *outside(void *data)
{
    struct outsider *outsider = data;
    outsider->tid = filch__os_thread_id();
    if (outsider->name)
        must(pthread_setname_np(pthread_self(), outsider->name) == 0);
    struct filch__track *track = NULL;
    for (uint64_t i = 0; i < outsider->events; i++) {
        must(!track || track == filch__trace_outside());
        track = filch__trace_outside();
        put(track, i);
    }
    return NULL;
}

static void outside_in_thread(struct outsider *outsider)
{
    thread_join(thread_start(outside, outsider));
}

/* The newest track comes first. */
Test(trace, threads_outside_have_names, .timeout = TEST_TIMEOUT)
{
    struct outsider named = {.name = "reader", .events = 3}, plain = {.events = 2};
    char number[32];
    cr_assert_null(filch__trace_outside());
    begin();
    outside_in_thread(&named);
    outside_in_thread(&plain);
    snprintf(number, sizeof number, "thread %d", (int)plain.tid);
    struct found found = find();
    cr_assert_eq(found.tracks, 2);
    cr_assert_str_eq(found.track[0].name, number);
    cr_assert_str_eq(found.track[1].name, "thread reader");
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(found.track[i].tid, 0, "its thread has ended");
        cr_assert_eq(found.track[i].pool, 0);
        cr_assert_eq(found.track[i].worker, UINT32_MAX);
        cr_assert_eq(found.track[i].events, 2 + i);
    }
    cr_assert_eq(filch__trace_outside() != NULL, true);
    found = find();
    cr_assert_eq(found.tracks, 3);
    cr_assert_eq(found.track[0].tid, filch__os_thread_id());
    if (filch__os_thread_id() == getpid())
        cr_assert_str_eq(found.track[0].name, "thread main");
    end();
    begin();
    end();
    cr_assert_eq(find().tracks, 0);
    clear(NULL, 0);
}

/* Their rings are large, and they use little of them. */
Test(trace, threads_that_come_and_go_share_memory, .timeout = TEST_TIMEOUT)
{
    enum { THREADS = 50, LARGE = 1 << 20 };
    must(filch__trace_begin(LARGE, LARGE + THREADS * 3 * filch__os_page_size(), false) == 0);
    for (int i = 0; i < THREADS; i++)
        outside_in_thread(&(struct outsider){.events = 100});
    end();
    struct found found = find();
    cr_assert_eq(found.tracks, THREADS);
    cr_assert_eq(found.events, 100 * THREADS);
    cr_assert_eq(filch__trace_lost(), 0);
    clear(NULL, 0);
}

/* ---- time ---- */

Test(trace, ticks_become_times, .timeout = TEST_TIMEOUT)
{
    begin();
    uint64_t before = filch__os_now_ns(), ticks = filch__os_ticks_after(), after = filch__os_now_ns();
    struct filch__trace_times now = filch__trace_times();
    must(filch__os_ticks_after() >= now.end_ticks);
    wait_until(filch__os_now_ns() - now.end_ns > FILCH_MS(5));
    end();
    struct filch__trace_times times = filch__trace_times(), again = filch__trace_times();
    cr_assert_eq(again.end_ticks, times.end_ticks, "it has ended");
    cr_assert_eq(again.end_ns, times.end_ns);
    cr_assert_geq(times.end_ns - times.begin_ns, FILCH_MS(5));
    cr_assert_gt(times.end_ticks, now.end_ticks);
    double rate = (double)(times.end_ns - times.begin_ns) / (double)(times.end_ticks - times.begin_ticks);
    double ns = (double)times.begin_ns + (double)(int64_t)(ticks - times.begin_ticks) * rate;
    cr_assert_gt(ns, (double)before - 1e6);
    cr_assert_lt(ns, (double)after + 1e6);
    clear(NULL, 0);
}

/* ---- many at once ---- */

enum { WRITERS = 6, SESSIONS = 300 };

struct writer {
    pthread_t thread;
    uint32_t number;
    uint64_t told;
};

static atomic_bool writers_end;

/* `a` of an event: the session that the writer's track was of, and which event of the writer's it is. */
static void *write_always(void *data)
{
    struct writer *writer = data;
    struct filch__track *track = NULL;
    while (!atomic_load_explicit(&writers_end, memory_order_relaxed)) {
        if (filch__trace_on() &&
            (filch__trace_attached(track) || filch__trace_attach(&track, 1, writer->number, "writer"))) {
            dawdle((int)(writer->told % 8));
            put(track, (uint64_t)track->session << 32 | ++writer->told);
        }
    }
    filch__trace_detach(track, true);
    return NULL;
}

static void writers_start(struct writer *writers)
{
    atomic_store(&writers_end, false);
    for (uint32_t i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){.number = i};
        writers[i].thread = thread_start(write_always, &writers[i]);
    }
}

static void writers_stop(struct writer *writers)
{
    atomic_store(&writers_end, true);
    for (int i = 0; i < WRITERS; i++)
        thread_join(writers[i].thread);
}

static void check_session(struct filch__track *track, void *session)
{
    struct filch__event event;
    uint64_t at = 0, lost = 0, before = 0;
    must(track->worker < WRITERS);
    while (filch__ring_read(&track->ring, &at, &event, 1, &lost)) {
        must(event.b == ~event.a && event.a > before);
        must(event.a >> 32 == *(uint32_t *)session);
        before = event.a;
    }
}

/* Writers that are late for their session write into no other; readers come at any time. */
Test(trace, sessions_are_told_apart, .timeout = TEST_TIMEOUT)
{
    struct writer writers[WRITERS];
    writers_start(writers);
    for (int i = 0; i < TEST_SHARE(SESSIONS); i++) {
        size_t bytes = BYTES << i % 3;
        must(filch__trace_begin(bytes, i % 5 ? PLENTY : 3 * bytes, i % 2) == 0);
        uint32_t session = filch__load_relaxed(&filch__trace_session);
        filch__trace_visit(check_session, &session);
        dawdle(i * 10 % 1000);
        filch__trace_visit(check_session, &session);
        end();
        filch__trace_visit(check_session, &session);
        if (i % 4 == 0)
            filch__trace_forget();
    }
    writers_stop(writers);
    clear(NULL, 0);
}

struct slow_visit {
    sem_t inside;
    atomic_bool calls, leaves;
};

static void visit_slowly(struct filch__track *track, void *data)
{
    struct slow_visit *slow = data;
    (void)track;
    sem_post(&slow->inside);
    wait_until(atomic_load(&slow->calls));
    usleep(10000); /* what is to wait for this has time to go wrong */
    atomic_store(&slow->leaves, true);
}

static void *visit_in_thread(void *slow)
{
    filch__trace_visit(visit_slowly, slow);
    return NULL;
}

Test(trace, no_session_begins_while_somebody_reads, .timeout = TEST_TIMEOUT)
{
    struct filch__track *track = NULL;
    struct slow_visit slow;
    begin();
    must(tell(&track, 1, 0, 1));
    end();
    must(sem_init(&slow.inside, 0, 0) == 0);
    atomic_init(&slow.calls, false);
    atomic_init(&slow.leaves, false);
    pthread_t thread = thread_start(visit_in_thread, &slow);
    sem_take(&slow.inside);
    atomic_store(&slow.calls, true);
    begin();
    cr_assert(atomic_load(&slow.leaves));
    end();
    thread_join(thread);
    clear(&track, 1);
}

/* ---- fork ---- */

struct forked {
    struct filch__track *worker, *own;
};

/* The tracks of the parent are nobody's here; who still points to one may give it back. */
static int in_child(void *data)
{
    struct forked *forked = data;
    struct filch__track *mine = NULL;
    must(!filch__trace_on() && find().tracks == 0);
    must(!filch__trace_outside());
    must(filch__trace_end() == -EINVAL);
    begin();
    must(filch__trace_outside() && find().tracks == 1);
    must(tell(&mine, 9, 0, 5) && find().events == 1);
    filch__trace_detach(forked->worker, false);
    must(tell(&forked->worker, 9, 1, 6) && find().events == 2);
    filch__trace_detach(forked->worker, true);
    end();
    filch__trace_detach(mine, true);
    filch__trace_forget();
    return find().tracks == 0 ? 0 : 1;
}

Test(trace, a_forked_child_has_no_session, .timeout = TEST_TIMEOUT)
{
    struct forked forked = {NULL, NULL};
    struct child child;
    struct writer writers[WRITERS];
    must(filch__trace_begin(BYTES, PLENTY, true) == 0);
    must(tell(&forked.worker, 1, WRITERS, 1));
    forked.own = filch__trace_outside();
    writers_start(writers);
    wait_until(find().tracks == WRITERS + 2);
    for (int i = 0; i < 5; i++) {
        child_fork(&child, in_child, &forked);
        cr_assert(child_exited(&child, 0));
    }
    cr_assert(filch__trace_on());
    cr_assert_eq(filch__trace_outside(), forked.own);
    must(tell(&forked.worker, 1, WRITERS, 2));
    writers_stop(writers);
    end();
    struct found found = find();
    cr_assert_eq(found.tracks, WRITERS + 2);
    unsigned i = 0;
    while (found.track[i].worker != WRITERS)
        i++;
    cr_assert_eq(found.track[i].first, 1, "what was told before the forks");
    cr_assert_eq(found.track[i].last, 2);
    clear(&forked.worker, 1);
}

static void fork_inside(struct filch__track *track, void *data)
{
    struct child *child = data;
    struct filch__event event;
    uint64_t at = 0, lost = 0;
    fflush(NULL);
    pid_t pid = fork();
    must(pid >= 0);
    size_t count = filch__ring_read(&track->ring, &at, &event, 1, &lost);
    if (pid == 0) {
        must(!filch__trace_on() && count == 0);
        return;
    }
    must(count == 1 && event.a == 7);
    int status;
    must(waitpid(pid, &status, 0) == pid);
    child->exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Who writes a trace may start a program, which begins with a fork. */
Test(trace, a_reader_may_fork, .timeout = TEST_TIMEOUT)
{
    struct filch__track *tracks[3] = {NULL};
    struct child child = {.exit_status = -1};
    pid_t parent = getpid();
    begin();
    for (uint32_t i = 0; i < 3; i++)
        must(tell(&tracks[i], 1, i, 7));
    filch__trace_visit(fork_inside, &child);
    if (getpid() != parent) {
        must(filch__trace_begin(BYTES, PLENTY, false) == 0 && filch__trace_end() == 0);
        _exit(3);
    }
    cr_assert_eq(child.exit_status, 3);
    end();
    clear(tracks, 3);
}
