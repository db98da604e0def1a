/* SPDX-License-Identifier: MIT */
/* Kernels of tasks that wait for one another (spans.c), before they start or within. */
#define TEST_FURTHER_SOURCE
#include "spans.h"

/* ---- tasks with futures ---- */

struct cost run_chain(struct filch_pool *pool)
{
    static struct job jobs[CHAIN];
    struct cost all = {0};
    for (unsigned i = 0; i < CHAIN; i++) {
        jobs[i].us = LEAF_US * (1 + i % 3);
        must((i ? filch_then(&jobs[i - 1].future, &jobs[i].future, work_off, &jobs[i])
                : filch_submit(pool, &jobs[i].future, work_off, &jobs[i])) == 0);
    }
    wait_for_it(&jobs[CHAIN - 1]);
    for (unsigned i = 0; i < CHAIN; i++)
        all = then(all, jobs[i].cost);
    return all;
}

static void submit_after(struct filch_pool *pool, struct job *job, struct job *one, struct job *other)
{
    struct filch_future *before[] = {&one->future, &other->future};
    const struct filch_task_options options = {.after = before, .after_count = one == other ? 1 : 2};
    must(filch_submit_with(pool, &job->future, work_off, job, &options) == 0);
}

struct cost run_diamond(struct filch_pool *pool)
{
    static struct job jobs[4] = {{.us = 2 * LEAF_US}, {.us = 8 * LEAF_US}, {.us = 3 * LEAF_US}, {.us = 2 * LEAF_US}};
    must(filch_submit(pool, &jobs[0].future, work_off, &jobs[0]) == 0);
    submit_after(pool, &jobs[1], &jobs[0], &jobs[0]);
    submit_after(pool, &jobs[2], &jobs[0], &jobs[0]);
    submit_after(pool, &jobs[3], &jobs[1], &jobs[2]);
    wait_for_it(&jobs[3]);
    return then(then(jobs[0].cost, beside(jobs[1].cost, jobs[2].cost)), jobs[3].cost);
}

/* Each starts when those above it and to its left have ended. */
struct cost run_wavefront(struct filch_pool *pool)
{
    static struct job jobs[SIDE][SIDE];
    static uint64_t ends[SIDE + 1][SIDE + 1];
    size_t nodes[SIDE][SIDE];
    struct filch_graph *graph;
    struct cost all = {0};
    must(filch_graph_open(&graph, NULL) == 0);
    for (int i = 0; i < SIDE; i++)
        for (int k = 0; k < SIDE; k++) {
            jobs[i][k].us = LEAF_US;
            must(filch_graph_add(graph, work_off, &jobs[i][k], NULL, &nodes[i][k]) == 0);
            must(!i || filch_graph_edge(graph, nodes[i - 1][k], nodes[i][k]) == 0);
            must(!k || filch_graph_edge(graph, nodes[i][k - 1], nodes[i][k]) == 0);
        }
    must(filch_graph_run(pool, graph) == 0 && filch_graph_close(graph) == 0);
    for (int i = 0; i < SIDE; i++)
        for (int k = 0; k < SIDE; k++) {
            uint64_t above = ends[i][k + 1], left = ends[i + 1][k];
            ends[i + 1][k + 1] = (above > left ? above : left) + jobs[i][k].cost.span;
            all.work += jobs[i][k].cost.work;
        }
    all.span = ends[SIDE][SIDE];
    return all;
}

/* ---- tasks that wait ---- */

struct fan {
    struct cost cost;
    struct job jobs[CHILDREN];
};

/* Submits one after the other, and waits for the first one first. */
static int fan_out(void *data)
{
    struct fan *fan = data;
    struct cost all = {0}, ends[CHILDREN];
    uint64_t last = filch_now_ns();
    for (unsigned i = 0; i < CHILDREN; i++) {
        struct job *job = &fan->jobs[i];
        spin(LEAF_US);
        all = then(all, lap(&last));
        ends[i].span = all.span; /* it begins here */
        job->us = LEAF_US * (1 + i * 5 % 7);
        must(filch_submit(NULL, &job->future, work_off, job) == 0);
        if (filch_done(&job->future)) /* it ran inside this one */
            last = filch_now_ns();
    }
    for (unsigned i = 0; i < CHILDREN; i++) {
        wait_for_it(&fan->jobs[i]);
        ends[i] = then((struct cost){0, ends[i].span}, fan->jobs[i].cost);
        all = beside(all, ends[i]);
        last = filch_now_ns();
        spin(LEAF_US);
        all = then(all, lap(&last));
    }
    fan->cost = all;
    return 0;
}

struct cost run_fan(struct filch_pool *pool)
{
    static struct fan fan;
    struct filch_future future = {0};
    must(filch_submit(pool, &future, fan_out, &fan) == 0 && filch_wait(&future) == 0);
    return fan.cost;
}

/* Waits for any of two; the other one is not waited for, and is the longest chain all the same where it is the longer. */
static int wait_for_any(void *data)
{
    struct fan *fan = data;
    struct filch_future *futures[] = {&fan->jobs[0].future, &fan->jobs[1].future};
    size_t first;
    uint64_t last = filch_now_ns();
    must(filch_submit(NULL, futures[0], work_off, &fan->jobs[0]) == 0);
    struct cost between = lap(&last);
    must(filch_submit(NULL, futures[1], work_off, &fan->jobs[1]) == 0);
    struct cost before = then(between, lap(&last));
    must(filch_wait_any(futures, 2, FILCH_NO_DEADLINE, &first) == 0);
    struct cost begins[] = {{0}, {0, between.span}};
    last = filch_now_ns();
    spin(2 * LEAF_US);
    fan->cost = then(beside(before, then(begins[first], fan->jobs[first].cost)), lap(&last));
    must(filch_wait_all(futures, 2, FILCH_NO_DEADLINE) == 0);
    fan->cost = then(beside(fan->cost, then(begins[!first], fan->jobs[!first].cost)), spin(LEAF_US));
    return 0;
}

struct cost run_any(struct filch_pool *pool)
{
    static struct fan fan = {.jobs = {{.us = 8 * LEAF_US}, {.us = 2 * LEAF_US}}};
    struct filch_future future = {0};
    must(filch_submit(pool, &future, wait_for_any, &fan) == 0 && filch_wait(&future) == 0);
    return (struct cost){fan.cost.work, fan.cost.span};
}

/* The first half of a body completes a promise, with which another goes on. */
struct two_halves {
    struct cost first, second, other;
    struct filch_future promise;
};

static int halves(void *data)
{
    struct two_halves *all = data;
    all->first = spin(4 * LEAF_US);
    must(filch_complete(&all->promise, 0) == 0);
    all->second = spin(8 * LEAF_US);
    return 0;
}

static int with_first_half(void *data)
{
    struct two_halves *all = data;
    must(filch_wait(&all->promise) == 0);
    all->other = spin(6 * LEAF_US);
    return 0;
}

struct cost run_promise(struct filch_pool *pool)
{
    static struct two_halves all;
    struct filch_future waits = {0}, runs = {0};
    filch_promise_init(&all.promise);
    must(filch_submit(pool, &waits, with_first_half, &all) == 0);
    must(filch_submit(pool, &runs, halves, &all) == 0);
    must(filch_wait(&waits) == 0 && filch_wait(&runs) == 0);
    return then(all.first, beside(all.second, all.other));
}

/* A scope ends with the last of its tasks; what its closer does then comes after all of them. */
struct scoped {
    struct job jobs[3];
    struct cost all;
};

static int close_scope(void *data)
{
    struct scoped *scoped = data;
    struct filch_scope scope;
    struct cost all = {0}, begins[3];
    uint64_t last = filch_now_ns();
    must(filch_scope_open(&scope, filch_pool_current(), NULL) == 0);
    for (int i = 0; i < 3; i++) {
        begins[i] = all = then(all, lap(&last));
        must(filch_scope_submit(&scope, &scoped->jobs[i].future, work_off, &scoped->jobs[i], NULL) == 0);
        if (filch_done(&scoped->jobs[i].future))
            last = filch_now_ns();
    }
    all = then(all, lap(&last));
    must(filch_scope_close(&scope) == 0);
    for (int i = 0; i < 3; i++)
        all = beside(all, then((struct cost){0, begins[i].span}, scoped->jobs[i].cost));
    scoped->all = then(all, spin(3 * LEAF_US));
    return 0;
}

struct cost run_scope(struct filch_pool *pool)
{
    static struct scoped scoped = {.jobs = {{.us = LEAF_US}, {.us = 9 * LEAF_US}, {.us = 4 * LEAF_US}}};
    struct filch_future future = {0};
    must(filch_submit(pool, &future, close_scope, &scoped) == 0 && filch_wait(&future) == 0);
    return scoped.all;
}

/* Results in the order of finishing: what a task does with each comes after that one alone. */
static int take_results(void *data)
{
    struct scoped *scoped = data;
    struct filch_completions *completions;
    struct cost all = {0}, begins[2];
    uint64_t last = filch_now_ns();
    must(filch_completions_open(&completions) == 0);
    const struct filch_task_options options = {.completions = completions};
    for (int i = 0; i < 2; i++) {
        begins[i] = all = then(all, lap(&last));
        must(filch_submit_with(NULL, &scoped->jobs[i].future, work_off, &scoped->jobs[i], &options) == 0);
    }
    for (int i = 0; i < 2; i++) {
        struct filch_future *future;
        all = then(all, lap(&last));
        must(filch_completions_next(completions, FILCH_NO_DEADLINE, &future) == 0);
        int which = future == &scoped->jobs[1].future;
        all = beside(all, then((struct cost){0, begins[which].span}, scoped->jobs[which].cost));
        last = filch_now_ns();
        spin(2 * LEAF_US);
    }
    scoped->all = then(all, lap(&last));
    filch_completions_close(completions);
    return 0;
}

struct cost run_completions(struct filch_pool *pool)
{
    static struct scoped scoped = {.jobs = {{.us = 9 * LEAF_US}, {.us = 2 * LEAF_US}}};
    struct filch_future future = {0};
    must(filch_submit(pool, &future, take_results, &scoped) == 0 && filch_wait(&future) == 0);
    return scoped.all;
}
