/* SPDX-License-Identifier: MIT */
/* bodies.c - what the tasks do, and what happens instead of them. */
#define TEST_FURTHER_SOURCE
#include "fuzz.h"

bool lives_are_left(unsigned count)
{
    return world.lives_used + count <= LIVES;
}

/* A new entry in the books, with its kind and value; how it waits and what it is told is the caller's to say. */
struct life *life_new(struct pool_slot *pool)
{
    static const int values[] = {0, 1, 7, 100, INT32_MAX, -1, -EPERM, -5000};
    struct life *life = &world.lives[world.lives_used++];
    memset(life, 0, sizeof *life);
    world.items[life - world.lives] = life;
    life->pool = pool;
    life->kind = (enum kind)input_below(&world.input, KINDS);
    life->value = values[input_below(&world.input, 8)];
    if (TEST_TSAN && life->kind == EXIT) /* it allows no pthread_exit on a strand */
        life->kind = QUICK;
    must(sem_init(&life->go, 0, 0) == 0);
    if (life->kind == ENTER) {
        life->inside = &world.gates[input_below(&world.input, GATES)];
        if (!life->inside->gate) {
            life->inside = NULL;
            life->kind = QUICK;
        }
    }
    if (life->kind == WAIT || life->kind == WAIT_SOME) {
        struct slot *target = pick_slot();
        if (target->future && target->state >= PROMISE) {
            life->target = target;
            life->target_future = target->future;
        } else {
            life->kind = QUICK;
        }
    }
    return life;
}

void life_let_go(struct life *life)
{
    life->gone = true;
    atomic_store(&life->let_go, 1);
    sem_post(&life->go);
}

static void inside_expect(const char *call, int got, const struct codes *codes)
{
    if (!allowed(codes, got))
        deviate("%s in a task returned %d", call, got);
}

/* A child of the task's own, in whatever pool the task is in. */
static void nest(struct life *life)
{
    const struct codes refusals = {{-ESHUTDOWN, -EAGAIN, -ECANCELED}, 3}, drops = {{0, -ECANCELED}, 2};
    int r = filch_submit(NULL, &life->child, nothing, NULL);
    if (r == 0)
        atomic_fetch_add(&life->pool->children, 1);
    else
        inside_expect("filch_submit", r, &refusals);
    int status = filch_wait(&life->child);
    if (r == 0)
        inside_expect("filch_wait for a child", status, &drops);
    else if (status != r)
        deviate("a refused child's status is %d, not %d", status, r);
}

static void misuse_own_future(struct filch_future *own)
{
    const struct codes deadlock = {{-EDEADLK}, 1}, busy = {{-EBUSY}, 1}, running = {{-EINPROGRESS}, 1};
    struct filch_future *list[] = {own, own};
    const struct filch_batch batch = {own, 0, NULL, 0, 1};
    size_t index;
    inside_expect("filch_wait for itself", filch_wait(own), &deadlock);
    inside_expect("filch_wait_until for itself", filch_wait_until(own, FILCH_NO_DEADLINE), &deadlock);
    inside_expect("filch_wait_all for itself", filch_wait_all(list, 2, FILCH_NO_DEADLINE), &deadlock);
    inside_expect("filch_wait_any for itself", filch_wait_any(list, 2, FILCH_NO_DEADLINE, &index), &deadlock);
    inside_expect("filch_wait_many for itself", filch_wait_many(&batch, FILCH_NO_DEADLINE), &deadlock);
    inside_expect("filch_submit of itself", filch_submit(NULL, own, nothing, NULL), &busy);
    inside_expect("filch_status of itself", filch_status(own), &running);
    inside_expect("filch_complete of itself", filch_complete(own, 3), &(struct codes){{-EINVAL}, 1});
    filch_promise_init(own); /* a no-op in flight */
    inside_expect("filch_cancel of itself", filch_cancel(own), &running);
    if (!filch_cancelled())
        deviate("a task that cancelled itself is not asked to stop");
}

static void misuse_inside(struct life *life)
{
    const struct codes deadlock = {{-EDEADLK}, 1};
    struct filch_pool *pool = filch_pool_current();
    if (pool != life->pool->pool)
        deviate("filch_pool_current() in a task is not its pool");
    inside_expect("filch_pool_close", filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE), &deadlock);
    if (life->future)
        misuse_own_future(life->future);
}

static void wait_for_target(struct life *life)
{
    const struct codes codes = {{0, -ETIMEDOUT, -ECANCELED}, 3};
    int r;
    if (life->kind == WAIT) {
        r = filch_wait(life->target_future);
        if (r != filch_status(life->target_future))
            deviate("a wait returned %d, its future's status is %d", r, filch_status(life->target_future));
    } else {
        r = filch_wait_until(life->target_future, filch_in_ns(FILCH_US(30)));
        inside_expect("filch_wait_until", r, &codes);
        if (r == 0 && !filch_done(life->target_future))
            deviate("a wait for a future returned 0, and it is not done");
    }
    atomic_store(&life->waited, r);
}

static void enter_and_leave(struct life *life)
{
    const struct codes codes = {{0, -ETIMEDOUT, -ECANCELED}, 3};
    int r = filch_gate_enter(life->inside->gate, filch_in_ns(FILCH_US(30)));
    inside_expect("filch_gate_enter", r, &codes);
    if (r == 0)
        filch_gate_leave(life->inside->gate);
}

static void step_aside(struct life *life)
{
    const struct codes codes = {{0, -ECANCELED}, 2}, seven = {{7}, 1};
    int value = 7;
    inside_expect("filch_sleep_until", filch_sleep_until(filch_in_ns(FILCH_US(10))), &codes);
    inside_expect("filch_blocking", filch_blocking(give, &value), &seven);
    inside_expect("filch_blocking(NULL)", filch_blocking(NULL, life), &(struct codes){{-EINVAL}, 1});
    filch_yield();
}

static void stay(struct life *life)
{
    if (life->kind == HOLD)
        sem_take(&life->go);
    else
        while (!filch_cancelled() && !atomic_load(&life->let_go))
            usleep(20);
}

int run_life(void *data)
{
    struct life *life = data;
    atomic_fetch_add(&life->begun, 1);
    for (unsigned i = 0; i < life->edges; i++)
        if (!filch_done(life->after_future[i]))
            deviate("a task runs, and one before it is not done");
    if (life->kind == HOLD || life->kind == UNTIL_STOP)
        stay(life);
    else if (life->kind == NEST)
        nest(life);
    else if (life->kind == INSIDE)
        misuse_inside(life);
    else if (life->kind == WAIT || life->kind == WAIT_SOME)
        wait_for_target(life);
    else if (life->kind == ENTER)
        enter_and_leave(life);
    else if (life->kind == ASIDE)
        step_aside(life);
    int value = life->target ? atomic_load(&life->waited) : life->value;
    bool exits = life->kind == EXIT;
    atomic_store(&life->ended, 1); /* the last access: the books may be closed */
    if (exits)
        pthread_exit(NULL);
    return value;
}

int run_reference(void *data)
{
    return run_life(*(struct life **)data);
}

void drop_life(void *data, int status)
{
    struct life *life = data;
    atomic_store(&life->drop_status, status);
    atomic_fetch_add(&life->drops, 1);
}

void drop_reference(void *data, int status)
{
    drop_life(*(struct life **)data, status);
}
