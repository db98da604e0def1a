/* SPDX-License-Identifier: MIT */
#include "pool.h"

#include "watch.h"

#include <errno.h>

/* FILCH_RUN: a typed task in the place that its caller is in. */

struct root {
    filch__task_fn *run;
    void *at;
    const char *name;
    bool ran;
};

/* Runs when the scope is left: by unwinding, when the body ends its thread. */
static void body_left(struct root **root)
{
    if (filch__unlikely(!(*root)->ran))
        filch__os_die("the body of a typed task has ended its thread");
}

static void run_body(struct root *root, struct filch__forks *forks, struct filch__slot *head)
{
    struct root *watched __attribute__((cleanup(body_left))) = root;
    root->run(forks, head, root->at);
    watched->ran = true;
}

/* On slots that nobody else sees: all children are called where they are synced. */
static int run_alone(struct root *root)
{
    struct filch__forkstack alone = {.active = false};
    if (!filch__forkstack_reserve(&alone))
        return -ENOMEM;
    run_body(root, &alone.fast, alone.base);
    filch__forkstack_destroy(&alone);
    return 0;
}

/* Inside a task, on its strand. */
static int run_here(struct filch__strand *strand, struct root *root)
{
    struct filch__forkstack *stack = &strand->forks;
    bool inside = stack->active;
    /* A task that the pool runs inside another one (FILCH_FULL_RUN) is not what the children on the stack belong to. */
    if (inside ? filch__load_relaxed(&stack->task) != strand->task : !filch__forks_begin(strand, strand->task))
        return run_alone(root);
    run_body(root, &stack->fast, filch__forkstack_head(stack));
    return 0; /* the stack stays in use until the task ends: it may call further roots */
}

static int run_root(void *data)
{
    struct filch__strand *strand = filch__strand_current();
    struct root *root = data;
    filch__store_relaxed(&strand->label, root->name);
    filch__watch_label(strand);
    return run_here(strand, root);
}

static int run_in(struct filch_pool *pool, struct root *root)
{
    struct filch__strand *strand = filch__strand_current();
    if (strand && strand->task && !strand->blocking && (!pool || pool == strand->pool))
        return run_here(strand, root);
    struct filch_future future = {{0}};
    int r = filch_submit(pool, &future, run_root, root);
    return r ? r : filch_wait(&future);
}

void filch__fork_run(struct filch_pool *pool, filch__task_fn *run, void *at, const char *name, int *ret_status)
{
    struct root root = {.run = run, .at = at, .name = name};
    int r = run_in(pool, &root);
    if (ret_status)
        *ret_status = root.ran ? 0 : r;
    else if (!root.ran && run_alone(&root))
        filch__os_die("no memory for a typed task");
}
