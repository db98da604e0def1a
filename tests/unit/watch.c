/* SPDX-License-Identifier: MIT */
/* watch.c - what a trace is told of: each thing that happened, as often as it did. */
#include "support/tasks.h"
#include "support/test.h"

#include "trace.h"

#include <filch/filch.h>

struct search {
    enum filch__event_kind kind;
    uint64_t key;
    int found;
};

static void search_track(struct filch__track *track, void *ctx)
{
    struct search *search = ctx;
    struct filch__event event;
    uint64_t at = 0, lost = 0;
    while (filch__ring_read(&track->ring, &at, &event, 1, &lost))
        search->found += (event.head & 0xff) == search->kind && event.a == search->key;
}

/* How often the last session was told so of the future. */
static int told(enum filch__event_kind kind, const struct filch_future *future)
{
    struct search search = {.kind = kind, .key = (uintptr_t)future};
    filch__trace_visit(search_track, &search);
    return search.found;
}

Test(watch, a_promise_is_completed_once, .timeout = TEST_TIMEOUT)
{
    struct filch_future promise = {{0}}, none = {{0}};
    filch_promise_init(&promise);
    cr_assert_eq(filch_trace_start(NULL), 0);
    cr_assert_eq(filch_complete(&promise, 3), 0);
    cr_assert_eq(filch_complete(&promise, 4), -EALREADY);
    cr_assert_eq(filch_complete(&none, 5), -EINVAL);
    cr_assert_eq(filch_trace_stop(), 0);
    cr_assert_eq(told(FILCH__EVENT_COMPLETE, &promise), 1);
    cr_assert_eq(told(FILCH__EVENT_COMPLETE, &none), 0);
}
