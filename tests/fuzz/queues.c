/* SPDX-License-Identifier: MIT */
/* queues.c - completions, copies, bodies that stay and are let go, and calls that are made outside of tasks. */
#define TEST_FURTHER_SOURCE
#include "fuzz.h"

#include <poll.h>

/* ---- completions ---- */

void call_queue_open(void)
{
    struct filch_completions **queue = &world.queues[input_below(&world.input, QUEUES)];
    check_one("filch_completions_open(NULL)", filch_completions_open(NULL), -EINVAL);
    if (*queue)
        return;
    check_one("filch_completions_open", filch_completions_open(queue), 0);
}

static bool is_readable(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    return poll(&poll_fd, 1, 0) == 1;
}

struct members {
    unsigned count;
    bool lasts; /* all of them */
    bool ends;  /* one of them */
};

static struct members members_of(int queue)
{
    struct members members = {.lasts = true};
    for (unsigned i = 0; i < SLOTS; i++) {
        struct slot *slot = &world.slots[i];
        if (slot->queue != queue)
            continue;
        members.count++;
        slot_look(slot);
        members.lasts &= slot_lasts(slot);
        members.ends |= slot_ends(slot);
    }
    return members;
}

static void taken(int queue, struct filch_future *future)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        struct slot *slot = &world.slots[i];
        if (slot->future != future || slot->queue != queue)
            continue;
        slot_look(slot);
        if (slot->state != DONE)
            deviate("a completions queue gave a future that is not done");
        slot->queue = -1;
        return;
    }
    deviate("a completions queue gave a future that was not submitted with it, or gave it twice");
}

void call_queue_next(void)
{
    int queue = (int)input_below(&world.input, QUEUES);
    struct filch_completions *completions = world.queues[queue];
    struct filch_future *mark = world.embedded, *future = mark;
    struct codes codes = {{0}, 0};
    bool unbounded;
    if (!completions || input_rarely(&world.input, 16)) {
        check_one("filch_completions_next", filch_completions_next(completions, 0, completions ? NULL : &future),
                  -EINVAL);
        return;
    }
    struct members members = members_of(queue);
    uint64_t deadline_ns = pick_deadline(members.ends, &unbounded);
    if (members.count && !members.lasts)
        allow(&codes, 0);
    if (!unbounded)
        allow(&codes, -ETIMEDOUT);
    int r = filch_completions_next(completions, deadline_ns, &future);
    check("filch_completions_next", r, &codes);
    if (r == 0)
        taken(queue, future);
    else if (future != mark)
        deviate("a failed filch_completions_next has written its result");
}

/* The descriptor is the same each time, and not readable once the queue is known to be empty. */
void call_queue_fd(void)
{
    int queue = (int)input_below(&world.input, QUEUES);
    struct filch_completions *completions = world.queues[queue];
    if (!completions) {
        check_one("filch_completions_fd(NULL)", filch_completions_fd(NULL), -EINVAL);
        return;
    }
    int fd = filch_completions_fd(completions);
    if (fd < 0 || filch_completions_fd(completions) != fd)
        deviate("filch_completions_fd returned %d, then another", fd);
    struct members members = members_of(queue);
    struct filch_future *future;
    if (members.count)
        return;
    check_one("filch_completions_next", filch_completions_next(completions, 0, &future), -ETIMEDOUT);
    if (is_readable(fd))
        deviate("the descriptor of an empty queue is readable");
}

void call_queue_close(void)
{
    int queue = (int)input_below(&world.input, QUEUES);
    trace("filch_completions_close %d", queue);
    filch_completions_close(world.queues[queue]);
    world.queues[queue] = NULL;
    for (unsigned i = 0; i < SLOTS; i++)
        if (world.slots[i].queue == queue)
            world.slots[i].queue = -1;
}

/* ---- copies ---- */

/* Of futures that are no copies it is a no-op. */
void call_release(void)
{
    struct slot *slot = pick_slot();
    bool copy = slot >= &world.slots[EMBEDDED];
    slot_look(slot);
    if (copy && (slot_watched(slot) || slot->queue >= 0))
        return;
    trace("filch_future_release slot %d", (int)(slot - world.slots));
    filch_future_release(slot->future);
    if (copy)
        *slot = (struct slot){.queue = -1};
}

/* ---- the rest ---- */

/* Bodies that stay take all permits of a pool, and have begun: what is queued there starts no more, so that the model
 * knows of every call what it must return. */
void call_block(void)
{
    struct pool_slot *pool = pick_pool();
    if (pool->phase != OPEN || pool->limit > 4 || pool->high != pool->limit || pool_queued_most(pool) != 0)
        return;
    while (!pool_blocked(pool) && pool_flows(pool) && lives_are_left(1)) {
        struct life *life = life_new(pool);
        *life = (struct life){.pool = pool, .kind = HOLD, .accepted = true};
        must(sem_init(&life->go, 0, 0) == 0);
        pool->accepted++;
        check_one("filch_submit_copy", filch_submit_copy(pool->pool, run_reference, &life, sizeof life, NULL, NULL), 0);
        wait_until(atomic_load(&life->begun));
    }
}

void call_let_go(void)
{
    unsigned skip = input_below(&world.input, 4);
    for (unsigned i = 0; i < world.lives_used; i++) {
        struct life *life = &world.lives[i];
        if (life->accepted && !life->gone && (life->kind == HOLD || life->kind == UNTIL_STOP) && skip-- == 0) {
            trace("let go %u", i);
            life_let_go(life);
            return;
        }
    }
}

/* Here, outside of tasks. */
void call_outside(void)
{
    if (filch_pool_current() || filch_worker_local() || filch_cancelled())
        deviate("the driver is taken for a task");
    if (filch_version() != FILCH_VERSION || filch_cpu_count() == 0)
        deviate("the version or the count of processors is wrong");
    uint64_t before = filch_now_ns(), later = filch_in_ns(FILCH_S(1));
    if (later < before + FILCH_S(1) || filch_in_ns(UINT64_MAX) != FILCH_NO_DEADLINE)
        deviate("filch_in_ns is wrong");
}
