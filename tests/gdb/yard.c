/* SPDX-License-Identifier: MIT */
/* yard.c - a pool with some of everything: tasks that run, that wait in each way, that are queued, and held back. It stops
 * in everything_waits(), where a debugger looks at it; then lets all go on, and ends. With an argument it aborts there. */
#include "support/tasks.h"

#include <filch/filch.h>

static atomic_int may_end;
static struct filch_gate *shed;

static int saw(void *data)
{
    (void)data;
    wait_until(atomic_load(&may_end));
    return 0;
}

static int enter_shed(void *data)
{
    (void)data;
    must(filch_gate_enter(shed, FILCH_NO_DEADLINE) == 0);
    filch_gate_leave(shed);
    return 0;
}

static int nap(void *data)
{
    (void)data;
    return filch_sleep_until(filch_in_ns(FILCH_S(3600))) == -ECANCELED ? 0 : -EINVAL;
}

static int saw_branch(void *data)
{
    struct filch_future leaf = {{0}};
    must(filch_submit_with(NULL, &leaf, saw, data, &(struct filch_task_options){.name = "leaf"}) == 0);
    return filch_wait(&leaf);
}

static int fell_tree(void *data)
{
    struct filch_future branches[2] = {{{0}}}, *both[] = {&branches[0], &branches[1]};
    for (int i = 0; i < 2; i++)
        must(filch_submit(NULL, both[i], i ? saw_branch : enter_shed, data) == 0);
    return filch_wait_all(both, 2, FILCH_NO_DEADLINE);
}

/* A graph of two tasks in a row, of which the first runs. */
static int build_wall(void *data)
{
    size_t stone, mortar;
    struct filch_graph *graph;
    must(filch_graph_open(&graph, NULL) == 0);
    must(filch_graph_add(graph, saw, data, &(struct filch_graph_task){.name = "stone"}, &stone) == 0);
    must(filch_graph_add(graph, nothing, data, NULL, &mortar) == 0);
    must(filch_graph_edge(graph, stone, mortar) == 0);
    int r = filch_graph_run(NULL, graph);
    must(filch_graph_close(graph) == 0);
    return r;
}

/* On a thread of its own, which blocks. */
static int keep_watch(void *data)
{
    int status = filch_wait(data);
    __asm__ volatile(""); /* its frame is there while it waits */
    return status;
}

/* Until so many tasks wait, and so many run. */
static void settle(struct filch_pool *pool, uint64_t waiting, unsigned running)
{
    wait_until(stats_of(pool).suspended == waiting && stats_of(pool).running == running);
}

static __attribute__((noinline)) void everything_waits(void)
{
    __asm__ volatile("");
}

int main(int argc, char **argv)
{
    (void)argv;
    struct filch_pool *pool = pool_open(&(struct filch_pool_config){.max_concurrency = 2, .name = "yard"});
    struct filch_future napping = {{0}}, tree = {{0}}, wall = {{0}}, queued[3] = {{{0}}}, promise = {{0}},
                        paint = {{0}};
    struct filch_future watch = {{0}};
    filch_promise_init(&promise);
    must(filch_gate_open(&shed, 0) == 0);
    must(filch_submit_with(pool, &watch, keep_watch, &promise,
                           &(struct filch_task_options){.flags = FILCH_TASK_OWN_THREAD}) == 0);
    must(filch_submit_with(pool, &napping, nap, NULL, &(struct filch_task_options){.name = "after lunch"}) == 0);
    must(filch_submit(pool, &tree, fell_tree, NULL) == 0);
    settle(pool, 5, 1);
    must(filch_submit(pool, &wall, build_wall, NULL) == 0);
    settle(pool, 6, 2);
    for (int i = 0; i < 3; i++)
        must(filch_submit(pool, &queued[i], saw, NULL) == 0);
    must(filch_submit_with(pool, &paint, nothing, NULL,
                           &(struct filch_task_options){
                               .name = "paint", .after = (struct filch_future *[]){&promise}, .after_count = 1}) == 0);
    everything_waits();
    if (argc > 1)
        abort();

    atomic_store(&may_end, 1);
    must(filch_gate_resize(shed, 1) == 0);
    filch_cancel(&napping);
    must(filch_complete(&promise, 0) == 0);
    struct filch_future *all[] = {&napping, &tree, &wall, &queued[0], &queued[1], &queued[2], &paint, &watch};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        must(filch_wait(all[i]) == 0);
    pool_end(pool);
    must(filch_gate_close(shed) == 0);
}
