/* SPDX-License-Identifier: MIT */
/* circles.h - for the tests of deadlocks: tasks of a pool that wait for each other, or seem to.
 *
 * Each circle is broken by the callback, or by the test when it has seen it: a cancel interrupts the wait of one task. That
 * nothing is told of is looked at when ticks rest: by then all that wait have been looked at.
 */
#ifndef TESTS_CIRCLES_H
#define TESTS_CIRCLES_H

#include "deadlock.h"
#include "tasks.h"

#include <filch/filch.h>

enum { WAITS = 8, TASKS = 6 };

struct circle;

struct player {
    struct circle *circle;
    filch_fn *wait;
    struct filch_future future;
};

struct circle {
    struct filch_pool *pool;
    struct filch_future *broken; /* what the callback cancels; or NULL */
    uint64_t others;
    atomic_int go, found, seen;
    struct player player[TASKS];
    struct filch_future promise;
    struct filch_scope scope;
    struct filch_graph *graph;
    struct filch_gate *gate;
    sem_t over;
    size_t count; /* of the last report */
    struct filch_deadlock_wait waits[WAITS];
};

static inline void note(void *ctx, const struct filch_deadlock *deadlock)
{
    struct circle *circle = ctx;
    circle->count = deadlock->count;
    for (size_t i = 0; i < deadlock->count && i < WAITS; i++)
        circle->waits[i] = deadlock->waits[i];
    atomic_fetch_add(&circle->found, 1);
    if (circle->broken)
        (void)filch_cancel(circle->broken);
}

static inline void circle_begin(struct circle *circle)
{
    memset(circle, 0, sizeof *circle);
    circle->pool = pool_open(&(struct filch_pool_config){
        .max_concurrency = 2, .stuck_after_ns = FILCH_MS(1), .deadlock = note, .ctx = circle});
    filch_promise_init(&circle->promise);
}

static const char *const names[TASKS] = {"a", "b", "c", "d", "e", "f"};

/* Waits as its player does, when all are there; the first one when the others wait, so that it closes the circle. */
static inline int play(void *data)
{
    struct player *player = data;
    struct circle *circle = player->circle;
    wait_until(atomic_load(&circle->go));
    if (player == &circle->player[0])
        wait_until(stats_of(circle->pool).suspended >= circle->others);
    return player->wait(player->circle);
}

static inline void add_with(struct circle *circle, int i, filch_fn *wait, struct filch_task_options options)
{
    circle->player[i] = (struct player){.circle = circle, .wait = wait};
    options.name = names[i];
    must(filch_submit_with(circle->pool, &circle->player[i].future, play, &circle->player[i], &options) == 0);
}

static inline void add(struct circle *circle, int i, filch_fn *wait)
{
    add_with(circle, i, wait, (struct filch_task_options){.flags = 0});
}

/* One that waits behind another. */
static inline void add_after(struct circle *circle, int i, filch_fn *wait, struct filch_future *first)
{
    add_with(circle, i, wait,
             (struct filch_task_options){.after = (struct filch_future *const[]){first}, .after_count = 1});
}

/* A circle with its first two. */
static inline void circle_of(struct circle *circle, filch_fn *a, filch_fn *b)
{
    circle_begin(circle);
    add(circle, 0, a);
    add(circle, 1, b);
}

static inline struct filch_future *future_of(struct circle *circle, int i)
{
    return &circle->player[i].future;
}

static inline int wait_for_player(struct circle *circle, int i)
{
    return filch_wait_until(future_of(circle, i), FILCH_NO_DEADLINE);
}

static inline int wait_for_a(void *data)
{
    return wait_for_player(data, 0);
}

static inline int wait_for_b(void *data)
{
    return wait_for_player(data, 1);
}

static inline int wait_for_c(void *data)
{
    return wait_for_player(data, 2);
}

/* The entry of a task's wait. */
static inline size_t entry_of(const struct circle *circle, const char *name)
{
    for (size_t i = 0; i < circle->count; i++)
        if (strcmp(circle->waits[i].name, name) == 0)
            return i;
    return SIZE_MAX;
}

static inline void circle_end(struct circle *circle, int tasks)
{
    for (int i = 0; i < tasks; i++)
        (void)filch_wait(future_of(circle, i));
    pool_end(circle->pool);
}

static inline bool rests(const struct circle *circle)
{
    return filch__load_seq_cst(&circle->pool->watching) == FILCH__WATCHING_RESTS;
}

#endif
