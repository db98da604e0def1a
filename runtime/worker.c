/* SPDX-License-Identifier: MIT */
#include "hold.h"
#include "lend.h"
#include "scope.h"
#include "watch.h"

#include <errno.h>

struct filch__worker *filch__worker_current(void)
{
    struct filch__strand *strand = filch__strand_current();
    return strand ? strand->worker : NULL;
}

void filch__record_release(struct filch__record *record)
{
    if (filch__sub_acq_rel(&record->refs, 1) > 1)
        return;
    const struct filch_allocator allocator = record->allocator;
    if (record->copy)
        filch__lines_free(&record->future->priv.lines);
    allocator.free(allocator.ctx, record, record->size);
}

/* ---- tasks ---- */

void filch__task_make_room_slow(struct filch_pool *pool, const struct filch_future *future)
{
    if (future->priv.flags & FILCH__FUTURE_UNCOUNTED)
        return;
    filch__sub_seq_cst(&pool->accepted, 1);
    filch__eventcount_notify(&pool->room);
}

/* The future's last step. What waited for it becomes ready on this worker, which looks at its deque next. */
static void finish(struct filch__worker *worker, struct filch_future *future, int status)
{
    if (worker)
        worker->ending = true;
    filch__future_finish(future, status);
    if (worker)
        worker->ending = false;
}

static filch__cold void finish_recorded(struct filch__worker *worker, struct filch_future *future,
                                        struct filch__record *record, int status)
{
    struct filch__scope *scope = record->scope;
    if (record->hold)
        filch__hold_end(record->hold);
    if (scope) {
        filch__scope_note(scope, future, status);
        filch__watch_after(&scope->ended, future);
    }
    finish(worker, future, status);
    if (scope)
        filch__scope_leave(scope); /* after it: who closes the scope may free the future */
    filch__record_release(record);
}

void filch__task_drop(struct filch_pool *pool, struct filch_future *future, int status)
{
    struct filch__worker *worker = filch__worker_current();
    struct filch__record *record = future->priv.record;
    if (worker && worker->pool == pool)
        filch__count(&worker->count.dropped);
    else
        filch__add_relaxed(&pool->outside_dropped, 1);
    filch__watch_drop(pool, future, status);
    if (record && record->dropped)
        record->dropped(future->priv.data, status);
    worker = filch__worker_current(); /* the callback may have waited */
    if (record)
        finish_recorded(worker, future, record, status);
    else
        finish(worker, future, status);
}

/* A body that is on its way: what is left to do when it returns, or when its thread is made to exit. */
struct body {
    struct filch__strand *strand;
    struct filch_future *future;
    struct filch_future *outer; /* the task that runs this one inside itself, or NULL */
    bool returned;
    struct filch__watched watched;
};

static void body_end(struct body *body, int status)
{
    struct filch__strand *strand = body->strand;
    struct filch__record *record = body->future->priv.record;
    if (filch__unlikely(record && record->timeout_ns) && filch__lend_end(strand->pool, record))
        status = -ETIMEDOUT;
    FILCH__PROBE3(end, strand->pool, body->future, status);
    filch__watch_end(strand, status, &body->watched);
    if (filch__unlikely(strand->typed) && filch__load_relaxed(&strand->forks.task) == body->future)
        filch__forks_end(strand);
    filch__store_relaxed(&strand->task, body->outer);
    if (filch__unlikely(body->outer != NULL))
        filch__lend_on(strand, body->outer);
    struct filch__worker *worker = strand->worker; /* perhaps another one than at the start */
    if (worker) {
        filch__count(&worker->count.run);
        filch__watch_count(worker);
    } else {
        filch__add_relaxed(&strand->pool->outside_run, 1);
    }
    /* Inside another task, that one goes on: then the worker does not come to look. */
    worker = filch__unlikely(body->outer != NULL) ? NULL : worker;
    if (filch__unlikely(record != NULL))
        finish_recorded(worker, body->future, record, status);
    else
        finish(worker, body->future, status);
}

/* Runs when the scope is left; by unwinding, too: pthread_exit in a task. The thread's key then ends the worker
 * (crew.c). In a child of fork(2) the task is the parent's, and ends there. */
static void body_left(struct body *body)
{
    if (filch__unlikely(!body->returned) && !filch__pool_stale(body->strand->pool))
        body_end(body, -ECANCELED);
}

/* A predecessor has failed, or the task's scope was cancelled. */
static int why_dropped(const struct filch__record *record)
{
    int status = record->hold && !record->always ? filch__load_relaxed(&record->hold->status) : 0;
    if (status)
        return status;
    return filch__scope_stops(record) ? -ECANCELED : 0;
}

void filch__task_run(struct filch__strand *strand, struct filch_future *future)
{
    struct filch_pool *pool = strand->pool;
    struct filch__record *record = future->priv.record;
    filch__task_make_room(pool, future);
    int refused = filch__unlikely(record != NULL) ? why_dropped(record) : 0;
    if (filch__unlikely(refused || filch__load_relaxed(&pool->phase) == FILCH__POOL_CANCELLING))
        filch__future_drop(future);
    if (filch__unlikely(!filch__future_start(future, strand))) {
        filch__task_drop(pool, future, refused ? refused : -ECANCELED);
        return;
    }
    struct body body __attribute__((cleanup(body_left)));
    body.strand = strand;
    body.future = future;
    body.outer = strand->task;
    body.returned = false;
    filch_fn *fn = future->priv.fn;
    const char *name = record ? record->name : NULL;
    filch__store_relaxed(&strand->task, future);
    filch__store_relaxed(&strand->fn, fn);
    filch__store_relaxed(&strand->label, name);
    body.watched.on = false;
    if (filch__unlikely(body.outer != NULL)) {
        filch__lend_off(strand, body.outer);
        filch__watch_begin_inside(strand, future, &body.watched);
    }
    if (filch__unlikely(record && record->timeout_ns))
        filch__lend_start(pool, record);
    FILCH__PROBE4(start, pool, future, fn, name);
    filch__watch_begin(strand, pool, future, &body.watched);
    int status = fn(future->priv.data);
    body.returned = true;
    if (filch__pool_stale(pool))
        filch__os_thread_end(); /* the body forked, and this is the child: the pool's other threads are not here */
    body_end(&body, status);
}

/* ---- strands of a worker ---- */

/* The first thing that a strand does when it runs again: what the one before left to it. */
static void arrive(struct filch__strand *strand, struct filch__strand *before)
{
    struct filch__worker *worker = strand->worker;
    enum filch__after after = worker->after;
    worker->after = FILCH__AFTER_NOTHING;
    if (after == FILCH__AFTER_CACHE)
        filch__crew_cache_strand(worker, before);
    else if (after == FILCH__AFTER_COMMIT && !filch__waiter_commit(worker->commit))
        filch__ready_next(worker, before); /* it fired meanwhile: nobody else will resume it */
    else if (after == FILCH__AFTER_YIELD)
        filch__strand_yielded(before);
}

void filch__worker_switch(struct filch__strand *from, struct filch__strand *to, enum filch__after after)
{
    struct filch__worker *worker = from->worker;
    worker->after = after;
    filch__store_relaxed(&to->worker, worker); /* thieves of its children look, and may be late */
    filch__store_release(&worker->running, to); /* for filch_pool_dump */
    arrive(from, filch__strand_switch(from, to)); /* from->worker is whoever came back to it */
}

void filch__worker_main(struct filch__strand *strand, struct filch__strand *from)
{
    arrive(strand, from);
    for (;;) {
        struct filch__worker *worker = strand->worker;
        uintptr_t item = filch__worker_next(worker);
        struct filch_future *future = (struct filch_future *)item;
        if (item == FILCH__LOOT) {
            filch__loot_run(strand, NULL, worker->loot);
        } else if (item & 1) {
            filch__worker_switch(strand, (struct filch__strand *)(item - 1), FILCH__AFTER_CACHE);
        } else if (!item || filch__unlikely(future->priv.flags & FILCH__FUTURE_OWN_THREAD)) {
            worker->own_task = future;
            filch__worker_switch(strand, &worker->native, FILCH__AFTER_CACHE);
        } else {
            filch__task_run(strand, future);
        }
    }
}

void filch__worker_native(struct filch__worker *worker)
{
    for (;;) {
        filch__worker_switch(&worker->native, filch__crew_take_strand(worker), FILCH__AFTER_NOTHING);
        struct filch_future *future = worker->own_task;
        if (!future)
            return;
        worker->own_task = NULL;
        filch__task_run(&worker->native, future);
    }
}
