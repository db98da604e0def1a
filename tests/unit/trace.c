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
