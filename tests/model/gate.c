/* SPDX-License-Identifier: MIT */
/* gate.c - models of the pool's gate, the idle stack and the line for permits, in whole pools: no wake-up is lost, no
 * permit idles while work waits, none is lost or made, no more bodies run than the limit.
 *
 * Each begins when the workers have parked.
 * A whole pool takes hundreds of steps, so each declares the largest bounds that are exhausted in some seconds; random
 * schedules (models --random SEED) go beyond.
 */
#include "model.h"

/* ---- the word alone: who publishes work and then reads it, or the worker that looks, sees the other (G1) ---- */

static struct filch__inject *published;
static uint64_t *word;

static void begin_word(unsigned limit)
{
    model_begin(0, FILCH__IDLE);
    word = mc_zalloc(sizeof *word);
    published = mc_zalloc(sizeof *published);
    filch__gate_init(word, limit);
    filch__inject_init(published);
    mc_assert(filch__gate_notify(word, true) == FILCH__NOTIFY_START); /* a worker that searches */
}

static enum filch__gate_notify publish(bool may_start)
{
    struct filch__link *link = mc_zalloc(sizeof *link);
    filch__inject_push(published, link);
    return filch__gate_notify(word, may_start);
}

static void *parks(void *ret_seen)
{
    mc_assert(filch__gate_park(word, true) == FILCH__PARK_PLAIN);
    *(bool *)ret_seen = filch__inject_has_items(published);
    return NULL;
}

static void *finds(void *ret_seen)
{
    filch__gate_found(word);
    *(bool *)ret_seen = filch__inject_has_items(published);
    return NULL;
}

MC_MODEL(gate_word_park, "work is published || the searching worker parks", .preemptions = MC_ANY, .stale = MC_ANY)
{
    bool seen;
    begin_word(1);
    int a = mc_spawn(parks, &seen);
    enum filch__gate_notify how = publish(false);
    mc_join(a);
    mc_assert(seen || how == FILCH__NOTIFY_WAKE);
}

MC_MODEL(gate_word_found, "work is published || the searching worker found other work", .preemptions = MC_ANY,
         .stale = MC_ANY)
{
    bool seen;
    begin_word(2);
    int a = mc_spawn(finds, &seen);
    enum filch__gate_notify how = publish(true);
    mc_join(a);
    mc_assert(seen || how == FILCH__NOTIFY_START);
}

static void *rests(void *ret_seen)
{
    filch__gate_rest(word);
    *(bool *)ret_seen = filch__inject_has_items(published);
    return NULL;
}

MC_MODEL(gate_word_rest, "work is published || a worker without a permit goes to rest", .preemptions = MC_ANY,
         .stale = MC_ANY)
{
    bool seen;
    begin_word(1);
    mc_assert(filch__gate_leave_search(word) == FILCH__PARK_PLAIN);
    int a = mc_spawn(rests, &seen);
    enum filch__gate_notify how = publish(false);
    mc_join(a);
    mc_assert(seen || how == FILCH__NOTIFY_WAKE);
}

static void *publisher(void *arg)
{
    if (publish(false) == FILCH__NOTIFY_WAKE) {
        model_add(0);
        filch__gate_found(word);
    }
    return arg;
}

MC_MODEL(gate_word_limit, "two publish || two workers are parked, for one permit: one is woken (I1)",
         .preemptions = MC_ANY, .stale = MC_ANY)
{
    begin_word(1);
    mc_assert(filch__gate_leave_search(word) == FILCH__PARK_PLAIN);
    filch__gate_rest(word);
    filch__gate_rest(word);
    int a = mc_spawn(publisher, NULL);
    publisher(NULL);
    mc_join(a);
    mc_assert(model_count(0) == 1 && filch__gate_admitted(*word) == 1 && filch__gate_parked(*word) == 1);
}

/* ---- whole pools ---- */

/* `tasks` from one thread, `limit` at a time. */
static void submits(unsigned workers, unsigned limit, int tasks)
{
    model_begin(tasks, FILCH__IDLE);
    model_open(workers, workers, 0);
    if (limit != workers)
        filch__gate_resize(&model_pool->gate, limit);
    model_run(tasks);
    mc_quiet(true);
    mc_assert(model_highest() <= (int)limit);
    for (int i = 0; i < tasks; i++)
        mc_assert(model_ran(i) == 1);
    model_close();
}

MC_MODEL(park_1_worker, "a parked worker || a submit", .preemptions = 3, .stale = 2, .spurious = 1)
{
    submits(1, 1, 1);
}

MC_MODEL(park_2_workers, "two parked workers || a submit", .preemptions = 3, .stale = 2)
{
    submits(2, 2, 1);
}

MC_MODEL(park_2_tasks, "one worker, perhaps on its way to park || two submits (G1, N2)", .preemptions = 2, .stale = 1)
{
    submits(1, 1, 2);
}

MC_MODEL(park_2_by_2, "two workers || two submits", .preemptions = 1, .stale = 1)
{
    submits(2, 2, 2);
}

MC_MODEL(gate_limit, "two workers, one permit || two submits: never two bodies at a time", .preemptions = 2, .stale = 1)
{
    submits(2, 1, 2);
}

static void *submitter(void *arg)
{
    model_submit(1, model_body);
    mc_assert(filch_wait(future[1]) == 7);
    return arg;
}

MC_MODEL(park_2_submitters, "two workers || two submitters", .preemptions = 1, .stale = 0)
{
    model_begin(2, FILCH__IDLE);
    model_open(2, 2, 0);
    int a = mc_spawn(submitter, NULL);
    model_run(1);
    mc_join(a);
    mc_quiet(true);
    mc_assert(model_ran(0) == 1 && model_ran(1) == 1);
    model_close();
}

/* ---- tasks of high priority, whose queue is looked at only when there ever was one (E1) ---- */

static void begin_entry(void)
{
    model_begin(2, FILCH__IDLE);
    model_pool = mc_zalloc(sizeof *model_pool);
    filch__gate_init(&model_pool->gate, 1);
    filch__entry_init(model_pool);
    mc_assert(filch__gate_notify(&model_pool->gate, true) == FILCH__NOTIFY_START); /* a worker that searches */
}

static enum filch__gate_notify publish_high(int i)
{
    future[i]->priv.flags = FILCH__FUTURE_HIGH;
    filch__entry_push(model_pool, future[i]);
    return filch__gate_notify(&model_pool->gate, false);
}

static void *parks_and_looks(void *ret_seen)
{
    mc_assert(filch__gate_park(&model_pool->gate, true) == FILCH__PARK_PLAIN);
    *(bool *)ret_seen = filch__entry_has_items(model_pool);
    return NULL;
}

MC_MODEL(entry_flag, "the first task of high priority || the searching worker parks", .preemptions = MC_ANY,
         .stale = MC_ANY)
{
    bool seen;
    begin_entry();
    int a = mc_spawn(parks_and_looks, &seen);
    enum filch__gate_notify how = publish_high(0);
    mc_join(a);
    mc_assert(seen || how == FILCH__NOTIFY_WAKE);
}

static void *first_of_high(void *ret_how)
{
    *(enum filch__gate_notify *)ret_how = publish_high(1);
    return NULL;
}

/* The first may be anywhere between its flag and its item, so that only the second one's own look counts. */
MC_MODEL(entry_flag_of_another, "two tasks of high priority || the searching worker parks", .preemptions = 3, .stale = 3)
{
    bool seen;
    enum filch__gate_notify first, second;
    begin_entry();
    int a = mc_spawn(parks_and_looks, &seen), b = mc_spawn(first_of_high, &first);
    second = publish_high(0);
    mc_join(a);
    mc_assert(seen || second == FILCH__NOTIFY_WAKE || filch__gate_admitted(filch__load_relaxed(&model_pool->gate)));
    mc_join(b);
}

static void submit_high(int i)
{
    struct filch_task_options options = {.priority = 1};
    mc_assert(filch_submit_with(model_pool, future[i], model_body, MODEL_ARG(i), &options) == 0);
}

MC_MODEL(park_high, "one worker, perhaps on its way to park || a submit, and one of high priority", .preemptions = 2,
         .stale = 1)
{
    model_begin(2, FILCH__IDLE);
    model_open(1, 1, 0);
    model_submit(0, model_body);
    submit_high(1);
    mc_assert(filch_wait(future[0]) == 7 && filch_wait(future[1]) == 7);
    mc_quiet(true);
    mc_assert(model_ran(0) == 1 && model_ran(1) == 1);
    model_close();
}

/* ---- no permit idles while work waits: two tasks that need one another ---- */

MC_MODEL(gate_both, "two workers || two tasks, each of which ends only while the other runs", .preemptions = 1,
         .stale = 2)
{
    model_begin(2, FILCH__IDLE);
    model_open(2, 2, 0);
    model_run_both();
    model_close();
}

static int forks(void *arg)
{
    filch__store_seq_cst(&signals[0], 1);
    model_submit(1, model_needs_other);
    while (!filch__load_acquire(&signals[1]))
        mc_yield();
    return arg ? 0 : 7;
}

MC_MODEL(gate_fork, "a task pushes another on its deque, which must run beside it (D4)", .preemptions = 1, .stale = 2)
{
    model_begin(2, FILCH__IDLE);
    model_open(2, 2, 0);
    model_submit(0, forks);
    mc_assert(filch_wait(future[0]) == 7);
    mc_assert(filch_wait(future[1]) == 7);
    model_close();
}

/* ---- resize ---- */

static void *lowers(void *arg)
{
    mc_assert(filch_pool_resize(model_pool, 1, 1) == 0);
    return arg;
}

static void *lowers_and_raises(void *arg)
{
    lowers(arg);
    mc_assert(filch_pool_resize(model_pool, 2, 2) == 0);
    return arg;
}

MC_MODEL(gate_lower, "the limit falls from 2 to 1 || two submits", .preemptions = 1, .stale = 0, .timeouts = 1)
{
    model_begin(2, FILCH__IDLE);
    model_open(2, 2, 0);
    int a = mc_spawn(lowers, NULL);
    model_run(2);
    mc_join(a);
    model_close();
}

MC_MODEL(gate_raise, "the limit falls and rises again || two tasks that need one another", .preemptions = 1, .stale = 0)
{
    model_begin(2, FILCH__IDLE);
    model_open(2, 2, 0);
    int a = mc_spawn(lowers_and_raises, NULL);
    model_run_both();
    mc_join(a);
    model_close();
}

/* Two bodies run when the limit falls to 1; when they have ended, only one worker goes on. */
static int awaits_signal(void *i)
{
    filch__store_release(&signals[(uintptr_t)i], 1);
    while (!filch__load_acquire(counter))
        mc_yield();
    return 7;
}

MC_MODEL(gate_obeys, "the limit falls from 2 to 1 while two bodies run: of what comes after them, one runs at a time",
         .preemptions = 1, .stale = 0)
{
    model_begin(4, FILCH__IDLE);
    model_open(2, 2, 0);
    mc_quiet(true);
    for (int i = 0; i < 2; i++)
        model_submit(i, awaits_signal);
    while (!filch__load_acquire(&signals[0]) || !filch__load_acquire(&signals[1]))
        mc_yield();
    lowers(NULL);
    for (int i = 2; i < 4; i++)
        model_submit(i, model_body);
    mc_quiet(false);
    filch__store_release(counter, 1);
    for (int i = 0; i < 4; i++)
        mc_assert(filch_wait(future[i]) == 7);
    mc_assert(model_highest() == 1);
    model_close();
}
