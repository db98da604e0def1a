/* SPDX-License-Identifier: MIT */
/* graphs.h - graphs that check themselves: each task looks whether those before it have ended in this run, and whether
 * it runs for the first time in it.
 */
#ifndef TESTS_GRAPHS_H
#define TESTS_GRAPHS_H

#include "build.h"

#include <filch/graph.h>

#include <stdatomic.h>
#include <string.h>

struct plan_task {
    struct plan *plan;
    unsigned ended_in; /* the run in which it ended last. Plain: the graph's edges order it, or a sanitizer tells */
    size_t *before, before_count;
};

struct plan {
    struct filch_graph *graph;
    struct plan_task *tasks;
    size_t count;
    unsigned run;
    atomic_size_t ran;
};

static inline int plan_task_run(void *data)
{
    struct plan_task *task = data;
    struct plan *plan = task->plan;
    must(task->ended_in != plan->run);
    for (size_t i = 0; i < task->before_count; i++)
        must(plan->tasks[task->before[i]].ended_in == plan->run);
    task->ended_in = plan->run;
    atomic_fetch_add_explicit(&plan->ran, 1, memory_order_relaxed);
    return 0;
}

static inline void plan_open(struct plan *plan, size_t count)
{
    memset(plan, 0, sizeof *plan);
    must(filch_graph_open(&plan->graph, NULL) == 0);
    plan->count = count;
    plan->tasks = calloc(count, sizeof *plan->tasks);
    must(plan->tasks != NULL);
    for (size_t i = 0; i < count; i++) {
        size_t number;
        plan->tasks[i].plan = plan;
        must(filch_graph_add(plan->graph, plan_task_run, &plan->tasks[i], NULL, &number) == 0 && number == i);
    }
}

static inline void plan_edge(struct plan *plan, size_t before, size_t after)
{
    struct plan_task *task = &plan->tasks[after];
    if (!(task->before_count & (task->before_count - 1))) { /* a power of two is full */
        task->before = realloc(task->before, (task->before_count ? 2 * task->before_count : 1) * sizeof *task->before);
        must(task->before != NULL);
    }
    task->before[task->before_count++] = before;
    must(filch_graph_edge(plan->graph, before, after) == 0);
}

static inline size_t plan_draw(uint64_t *random, size_t below)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(*random >> 33) % below;
}

/* Some edges per task, in the direction of a random order of the tasks. */
static inline void plan_random(struct plan *plan, uint64_t *random, size_t count)
{
    plan_open(plan, count);
    size_t *order = calloc(count, sizeof *order), edges = plan_draw(random, 4 * count);
    must(order != NULL);
    for (size_t i = 0; i < count; i++) {
        size_t at = plan_draw(random, i + 1);
        order[i] = order[at];
        order[at] = i;
    }
    for (size_t i = 0; i < edges && count > 1; i++) {
        size_t later = 1 + plan_draw(random, count - 1);
        plan_edge(plan, order[plan_draw(random, later)], order[later]);
    }
    free(order);
}

static inline int plan_run(struct plan *plan, struct filch_pool *pool)
{
    plan->run++;
    atomic_store(&plan->ran, 0);
    return filch_graph_run(pool, plan->graph);
}

static inline void plan_check_all_ran(struct plan *plan)
{
    must(atomic_load(&plan->ran) == plan->count);
    for (size_t i = 0; i < plan->count; i++)
        must(plan->tasks[i].ended_in == plan->run && filch_graph_status(plan->graph, i) == 0);
}

static inline void plan_close(struct plan *plan)
{
    must(filch_graph_close(plan->graph) == 0);
    for (size_t i = 0; i < plan->count; i++)
        free(plan->tasks[i].before);
    free(plan->tasks);
}

#endif
