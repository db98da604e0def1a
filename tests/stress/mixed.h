/* SPDX-License-Identifier: MIT */
/* mixed.h - for mixed.c: what its tasks do, metered. */
#ifndef TESTS_STRESS_MIXED_H
#define TESTS_STRESS_MIXED_H

#include "support/gates.h"
#include "support/stress.h"

enum { pools = 2, gates = 3, threads = 2, batch_most = 24, edges_most = 3, own_threads_most = 60, deepest = 2 };

struct tally {
    atomic_long submitted, refused, ran, dropped, timed_out;
    long searches, clear; /* for circles of tasks that wait; those that nothing had disturbed */
};

struct field {
    struct filch_pool *pool[pools];
    unsigned limit[pools];          /* the highest of the round; in a steady round: the limit */
    struct meter bodies[pools];     /* of tasks that cannot get stuck */
    struct meter all_bodies[pools]; /* a stuck one gives its permit to others while it runs */
    atomic_flag meeting[pools];
    struct filch_gate *gate[gates];
    unsigned permits[gates];
    struct meter holders[gates];
    long guarded[gates]; /* where one may enter: a lock */
    atomic_long entered[gates];
    struct tally *tally;
    atomic_int own_threads, players;
    bool steady;
};

struct batch;

struct task {
    struct filch_future future;
    struct batch *batch;
    int pool, gate; /* -1: no gate */
    struct filch_future *after[edges_most];
    unsigned edges;
    bool owned; /* by the scope: no future of ours */
    bool always, timed, own_thread;
    int refused, returned, dropped_with;
    atomic_int runs, drops, cancelled; /* somebody called filch_cancel */
    uint64_t random;
};

struct batch {
    struct field *field;
    struct filch_scope scope, *in_scope; /* NULL: no scope */
    enum filch_policy policy;
    unsigned need;
    bool may_cancel_scope, may_cancel_tasks;
    atomic_int scope_cancelled, errors;
    struct filch_future promise;
    int first_gate, depth;
    unsigned count;
    uint64_t random;
    struct task task[batch_most];
};

static void play(struct field *field, struct filch_scope *parent, int first_gate, int depth, uint64_t seed);

/* ---- what is metered ---- */

static void body_in(struct task *task)
{
    struct field *field = task->batch->field;
    meter_enter(&field->all_bodies[task->pool]);
    if (!task->timed)
        meter_enter(&field->bodies[task->pool]);
    claim(atomic_load(&field->bodies[task->pool].high) <= (int)field->limit[task->pool]);
}

static void body_out(struct task *task)
{
    struct field *field = task->batch->field;
    if (!task->timed)
        meter_leave(&field->bodies[task->pool]);
    meter_leave(&field->all_bodies[task->pool]);
}

static void hold_gate(struct field *field, int gate)
{
    meter_enter(&field->holders[gate]);
    claim(atomic_load(&field->holders[gate].now) <= (int)field->permits[gate]);
    if (field->permits[gate] == 1)
        field->guarded[gate]++;
    atomic_fetch_add(&field->entered[gate], 1);
}

/* ---- what tasks do; the meter is left around what is not running ---- */

static int enter_gate(struct field *field, int gate, uint64_t *random)
{
    uint64_t deadline_ns = random_below(random, 3) ? FILCH_NO_DEADLINE : filch_in_ns(random_below(random, 100000));
    int result = filch_gate_enter(field->gate[gate], deadline_ns);
    claim(result == 0 || result == -ECANCELED || (result == -ETIMEDOUT && deadline_ns != FILCH_NO_DEADLINE));
    if (result == 0)
        hold_gate(field, gate);
    return result;
}

static void leave_gate(struct field *field, int gate)
{
    meter_leave(&field->holders[gate]);
    filch_gate_leave(field->gate[gate]);
}

static int dawdle_elsewhere(void *data)
{
    dawdle((int)random_below(data, 200));
    return 5;
}

static void step_aside(struct task *task, unsigned how, int first_gate)
{
    struct batch *batch = task->batch;
    uint64_t *random = &task->random;
    int result = 0;
    body_out(task);
    if (how == 0)
        result = filch_sleep_until(filch_in_ns(random_below(random, 50000)));
    else if (how == 1)
        claim(filch_blocking(dawdle_elsewhere, random) == 5);
    else if (how == 2)
        result = filch_wait_until(&batch->promise, FILCH_NO_DEADLINE);
    else if (batch->depth < deepest)
        play(batch->field, batch->in_scope, first_gate, batch->depth + 1, random_next(random));
    claim(result == 0 || result == -ECANCELED);
    body_in(task);
}

static void go_through_gate(struct task *task, int first_gate)
{
    struct field *field = task->batch->field;
    if (first_gate >= gates)
        return;
    int gate = first_gate + (int)random_below(&task->random, (unsigned)(gates - first_gate));
    body_out(task);
    int result = enter_gate(field, gate, &task->random);
    body_in(task);
    if (result)
        return;
    if (random_below(&task->random, 8) == 0)
        step_aside(task, random_below(&task->random, 4), gate + 1);
    leave_gate(field, gate);
}

static void cancel_task(struct task *task)
{
    if (task->owned)
        return;
    atomic_store(&task->cancelled, 1);
    int result = filch_cancel(&task->future);
    claim(result == 0 || result == -EINPROGRESS || result == -EALREADY);
}

static void cancel_scope(struct batch *batch)
{
    if (!batch->in_scope)
        return;
    atomic_store(&batch->scope_cancelled, 1);
    filch_scope_cancel(batch->in_scope);
}

static void act(struct task *task)
{
    struct batch *batch = task->batch;
    uint64_t *random = &task->random;
    int first_gate = task->gate + 1 > batch->first_gate ? task->gate + 1 : batch->first_gate;
    unsigned choice = random_below(random, 128);
    if (choice < 8)
        step_aside(task, choice % 4, first_gate);
    else if (choice < 24)
        go_through_gate(task, first_gate);
    else if (choice < 26) /* an earlier one, which is in flight or has ended */
        cancel_task(&batch->task[random_below(random, (unsigned)(task - batch->task) + 1)]);
    else if (choice < 27)
        cancel_scope(batch);
    else if (choice < 29)
        for (int i = 0; i < 100 && !filch_cancelled(); i++)
            dawdle(20);
    else
        dawdle((int)random_below(random, 10));
}

static void leave_thread(struct task *task)
{
    if (task->own_thread)
        atomic_fetch_sub(&task->batch->field->own_threads, 1);
}

static int run_task(void *data)
{
    struct task *task = data;
    struct field *field = task->batch->field;
    claim(atomic_fetch_add(&task->runs, 1) == 0);
    for (unsigned i = 0; i < task->edges; i++)
        claim(filch_done(task->after[i]));
    body_in(task);
    if (task->gate >= 0)
        hold_gate(field, task->gate);
    act(task);
    task->returned = random_below(&task->random, 24) ? (int)random_below(&task->random, 100) : -EIO;
    if (task->gate >= 0)
        meter_leave(&field->holders[task->gate]);
    leave_thread(task);
    body_out(task);
    return task->returned;
}

static void drop_task(void *data, int status)
{
    struct task *task = data;
    task->dropped_with = status;
    leave_thread(task);
    claim(atomic_fetch_add(&task->drops, 1) == 0);
}

static void count_error(void *ctx, struct filch_future *future, int status)
{
    claim(status < 0 && !filch_done(future));
    atomic_fetch_add((atomic_int *)ctx, 1);
}

#endif
