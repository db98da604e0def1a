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

static int take_next(void *data)
{
    struct filch_future *future = NULL;
    int r = filch_completions_next(data, FILCH_NO_DEADLINE, &future);
    must((r == 0) == (future != NULL));
    return r;
}

/* One that waits, and is cancelled; before it goes on, there is something for it. */
Test(watch, what_a_cancelled_wait_takes_was_awaited, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1), *other = NULL;
    struct filch_completions *queue;
    struct filch_future taker = {{0}}, taken = {{0}};
    struct held held;
    cr_assert_eq(filch_completions_open(&queue), 0);
    cr_assert_eq(filch_trace_start(NULL), 0);
    cr_assert_eq(filch_submit(pool, &taker, take_next, queue), 0);
    wait_until(stats_of(pool).suspended == 1);
    held_begin(&held, pool);
    cr_assert_eq(filch_cancel(&taker), -EINPROGRESS);
    cr_assert_eq(filch_pool_open(&other, &(struct filch_pool_config){.max_concurrency = 1}), 0);
    cr_assert_eq(filch_submit_with(other, &taken, nothing, NULL, &(struct filch_task_options){.completions = queue}),
                 0);
    cr_assert_eq(filch_pool_close(other, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE), 0); /* it is in the queue */
    filch_pool_free(other);
    held_end(&held);
    cr_assert_eq(filch_wait(&taker), 0);
    cr_assert_eq(filch_trace_stop(), 0);
    cr_assert_eq(told(FILCH__EVENT_AWAITED, &taken), 1);
    filch_completions_close(queue);
    pool_end(pool);
}
