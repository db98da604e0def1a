/* SPDX-License-Identifier: MIT */
/* forkstack_thieves.c - the stack of spawned children between an owner and thieves that steal, ask and open by force:
 * nothing lost, nothing doubled, each result seen.
 */
#include "forkstack_owner.h"
#include "support/test.h"

struct robbery {
    struct owner owner;
    atomic_int *seen; /* by number; how often it was run */
    atomic_int done, thieves;
    atomic_long stolen;
    bool by_force;
};

static void *rob(void *data)
{
    struct robbery *robbery = data;
    struct filch__forkstack *stack = &robbery->owner.stack;
    atomic_fetch_add(&robbery->thieves, 1);
    for (int round = 0; !atomic_load(&robbery->done); round++) {
        struct filch__slot *slot = filch__forkstack_steal(stack, NULL);
        if (slot) {
            must(filch__forkstack_taken(slot, stack) == no_task);
            must(atomic_fetch_add(&robbery->seen[slot->data[0]], 1) == 0);
            slot->data[1] = ~slot->data[0];
            (void)filch__forkstack_finish(slot);
            atomic_fetch_add(&robbery->stolen, 1);
        } else if (robbery->by_force && round % 4 == 0) {
            (void)filch__forkstack_open(stack);
        } else if (round % 8 == 0) {
            filch__forkstack_ask(stack);
            sched_yield();
        }
    }
    return NULL;
}

static void sync_and_run(struct robbery *robbery, bool share)
{
    const struct filch__slot *slot = sync_newest(&robbery->owner, share);
    if (slot)
        must(atomic_fetch_add(&robbery->seen[slot->data[0]], 1) == 0);
    else
        must(robbery->owner.head->data[1] == ~robbery->owner.head->data[0]); /* the thief's result */
}

/* Returns when the first child has been stolen, so that there are thieves at work. */
static struct robbery *robbery_begin(pthread_t *threads, int thieves, int count, bool by_force)
{
    struct robbery *robbery = aligned_alloc(FILCH_CACHELINE, sizeof *robbery);
    must(robbery != NULL);
    memset(robbery, 0, sizeof *robbery);
    robbery->seen = calloc((size_t)count + 1, sizeof(atomic_int));
    must(robbery->seen != NULL);
    robbery->by_force = by_force;
    owner_init(&robbery->owner);
    (void)spawn(&robbery->owner, 0);
    (void)filch__forkstack_share(&robbery->owner.stack, robbery->owner.head);
    for (int i = 0; i < thieves; i++)
        threads[i] = thread_start(rob, robbery);
    wait_until(atomic_load(&robbery->thieves) == thieves && atomic_load(&robbery->stolen) == 1);
    sync_and_run(robbery, false);
    return robbery;
}

/* Each child has been run once, by whomever. */
static void robbery_end(struct robbery *robbery, const pthread_t *threads, int thieves, int count)
{
    while (robbery->owner.head > robbery->owner.stack.base)
        sync_and_run(robbery, false);
    atomic_store(&robbery->done, 1);
    for (int i = 0; i < thieves; i++)
        thread_join(threads[i]);
    for (int i = 0; i <= count; i++)
        cr_assert_eq(atomic_load(&robbery->seen[i]), 1, "child %d", i);
    owner_end(&robbery->owner);
    free(robbery->seen);
    free(robbery);
}

static void spawn_and_share(struct owner *owner, uint64_t number)
{
    if (!spawn(owner, number))
        return;
    filch__forkstack_unask_spawn(&owner->stack, false);
    (void)filch__forkstack_share(&owner->stack, owner->head);
}

/* `count` children in a walk up and down of random steps. */
static void walk_among_thieves(int thieves, int count, bool by_force, uint64_t random)
{
    pthread_t threads[4];
    struct robbery *robbery = robbery_begin(threads, thieves, count, by_force);
    struct owner *owner = &robbery->owner;
    for (int next = 1; next <= count;) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        int up = (int)(random >> 33) % 12, down = (int)(random >> 41) % 12;
        for (; up > 0 && next <= count; up--)
            spawn_and_share(owner, (uint64_t)next++);
        for (; down > 0 && owner->head > owner->stack.base; down--)
            sync_and_run(robbery, filch__forkstack_is_asked(&owner->stack));
    }
    robbery_end(robbery, threads, thieves, count);
}

Test(forkstack_thieves, stampede_on_request, .timeout = TEST_TIMEOUT)
{
    for (int thieves = 1; thieves <= 4; thieves++)
        walk_among_thieves(thieves, TEST_SHARE(200000), false, (uint64_t)thieves);
}

Test(forkstack_thieves, stampede_by_force, .timeout = TEST_TIMEOUT)
{
    for (int thieves = 1; thieves <= 4; thieves++)
        walk_among_thieves(thieves, TEST_SHARE(200000), true, (uint64_t)thieves + 10);
}

/* One child at a time: each sync races with the thief for it, and exactly one side gets it. */
Test(forkstack_thieves, last_child_race_loses_nothing, .timeout = TEST_TIMEOUT)
{
    enum { count = 2000 };
    for (int round = 0; round < TEST_SHARE(40); round++) {
        pthread_t thread;
        struct robbery *robbery = robbery_begin(&thread, 1, count, round % 2);
        for (int i = 1; i <= count; i++) {
            spawn_and_share(&robbery->owner, (uint64_t)i);
            dawdle(i * 7 % 5);
            sync_and_run(robbery, false);
        }
        robbery_end(robbery, &thread, 1, count);
    }
}
