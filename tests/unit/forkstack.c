/* SPDX-License-Identifier: MIT */
/* forkstack.c - the stack of spawned children, one step after another: what is private, public and stolen, what is
 * shown on request and by force, and the head found by its marks.
 */
#include "forkstack_owner.h"
#include "support/test.h"

static uint64_t steal(struct owner *owner)
{
    struct filch__slot *slot = filch__forkstack_steal(&owner->stack, NULL);
    if (!slot)
        return 0;
    must(filch__forkstack_taken(slot, &owner->stack) == no_task);
    uint64_t number = slot->data[0];
    must(!filch__forkstack_finish(slot));
    return number;
}

Test(forkstack, smoke, .timeout = TEST_TIMEOUT)
{
    struct owner owner;
    owner_init(&owner);
    cr_assert_eq(steal(&owner), 0);
    cr_assert_not(filch__forkstack_has_children(&owner.stack));
    cr_assert_not(filch__forkstack_open(&owner.stack));
    spawn_many(&owner, 1, 3);
    cr_assert(filch__forkstack_has_children(&owner.stack));
    cr_assert_eq(filch__forkstack_head(&owner.stack), owner.head);
    cr_assert_eq(steal(&owner), 0, "nothing is public");
    for (uint64_t i = 3; i >= 1; i--)
        cr_assert_eq(sync_newest(&owner, false)->data[0], i);
    owner_end(&owner);
}

Test(forkstack, an_unused_stack_is_empty_to_thieves, .timeout = TEST_TIMEOUT)
{
    struct filch__forkstack stack = {.active = 0};
    cr_assert_null(filch__forkstack_steal(&stack, NULL));
    cr_assert_not(filch__forkstack_open(&stack));
    cr_assert_not(filch__forkstack_has_children(&stack));
    filch__forkstack_check(&stack);
    filch__forkstack_destroy(&stack);
}

/* Whatever part is stolen, public, and private. */
Test(forkstack, the_head_is_found_by_the_marks, .timeout = TEST_TIMEOUT)
{
    struct owner owner;
    owner_init(&owner);
    for (uint64_t count = 0; count < 20000; count += count < 300 ? 1 : 1237) {
        spawn_many(&owner, 1, count);
        cr_assert_eq(filch__forkstack_head(&owner.stack), owner.head, "%d children", (int)count);
        for (uint64_t part = 0; part < 4 && part < count; part++) {
            (void)filch__forkstack_share(&owner.stack, owner.head);
            cr_assert_eq(filch__forkstack_head(&owner.stack), owner.head);
            cr_assert_neq(steal(&owner), 0);
            cr_assert_eq(filch__forkstack_head(&owner.stack), owner.head);
            filch__forkstack_check(&owner.stack);
        }
        for (uint64_t i = count; i > 0; i--) {
            (void)sync_newest(&owner, i % 3 == 0);
            cr_assert_eq(filch__forkstack_head(&owner.stack), owner.head);
        }
        cr_assert_eq(owner.head, owner.stack.base);
    }
    owner_end(&owner);
}

/* Half of the private ones, the oldest first, and no more while some are public. */
Test(forkstack, sharing_shows_the_older_half, .timeout = TEST_TIMEOUT)
{
    for (uint64_t count = 1; count <= 100; count++) {
        struct owner owner;
        owner_init(&owner);
        cr_assert_not(filch__forkstack_share(&owner.stack, owner.head), "there is nothing");
        spawn_many(&owner, 1, count);
        cr_assert(filch__forkstack_share(&owner.stack, owner.head));
        cr_assert(filch__forkstack_share(&owner.stack, owner.head));
        for (uint64_t i = 1; i <= (count + 1) / 2; i++)
            cr_assert_eq(steal(&owner), i);
        cr_assert_eq(steal(&owner), 0);
        for (uint64_t i = count; i > 0; i--) {
            const struct filch__slot *slot = sync_newest(&owner, false);
            cr_assert_eq(slot != NULL, i > (count + 1) / 2);
        }
        owner_end(&owner);
    }
}

Test(forkstack, opening_by_force_shows_the_older_half, .timeout = TEST_TIMEOUT)
{
    filch__os_barrier_init();
    if (!filch__os_has_barrier())
        test_skip("membarrier(2) is refused here");
    for (uint64_t count = 1; count <= 100; count++) {
        struct owner owner;
        owner_init(&owner);
        spawn_many(&owner, 1, count);
        uint64_t next = 1;
        while (next <= count) { /* until all are stolen, one at least each time */
            uint64_t half = (count - next + 2) / 2;
            cr_assert(filch__forkstack_open(&owner.stack));
            cr_assert_not(filch__forkstack_open(&owner.stack), "some are public");
            for (uint64_t i = 0; i < half; i++)
                cr_assert_eq(steal(&owner), next++);
            cr_assert_eq(steal(&owner), 0);
        }
        cr_assert_not(filch__forkstack_open(&owner.stack));
        for (uint64_t i = count; i > 0; i--)
            cr_assert_null(sync_newest(&owner, false));
        owner_end(&owner);
    }
}

/* One after another is taken back from the public part, half of the rest each time. */
Test(forkstack, public_children_are_taken_back, .timeout = TEST_TIMEOUT)
{
    struct owner owner;
    owner_init(&owner);
    for (uint64_t stolen = 0; stolen <= 10; stolen++) {
        spawn_many(&owner, 1, 10);
        cr_assert(filch__forkstack_open_all(&owner.stack));
        for (uint64_t i = 1; i <= stolen; i++)
            cr_assert_eq(steal(&owner), i);
        for (uint64_t i = 10; i > 0; i--) {
            const struct filch__slot *slot = sync_newest(&owner, false);
            cr_assert(i > stolen ? slot && slot->data[0] == i : !slot);
            filch__forkstack_check(&owner.stack);
        }
    }
    owner_end(&owner);
}

Test(forkstack, all_are_shown_before_a_suspension, .timeout = TEST_TIMEOUT)
{
    enum { many = 70000 }; /* more than the public part can name */
    struct owner owner;
    owner_init(&owner);
    cr_assert_not(filch__forkstack_open_all(&owner.stack));
    spawn_many(&owner, 1, many);
    uint64_t number = 0;
    while (filch__forkstack_open_all(&owner.stack))
        for (uint64_t got; (got = steal(&owner)); number++)
            must(got == number + 1);
    cr_assert_eq(number, many);
    while (owner.head > owner.stack.base)
        cr_assert_null(sync_newest(&owner, false));
    owner_end(&owner);
}

/* A request is seen by the next spawn and by the next sync, and settled there. */
Test(forkstack, a_request_sends_spawns_and_syncs_the_slow_way, .timeout = TEST_TIMEOUT)
{
    struct owner owner;
    owner_init(&owner);
    cr_assert_not(spawn(&owner, 1));
    filch__forkstack_ask_spawn(&owner.stack);
    cr_assert(spawn(&owner, 2));
    filch__forkstack_unask_spawn(&owner.stack, false);
    cr_assert_not(spawn(&owner, 3));
    cr_assert_not(filch__forkstack_is_asked(&owner.stack));
    filch__forkstack_ask(&owner.stack);
    cr_assert(filch__forkstack_is_asked(&owner.stack));
    cr_assert(owner.stack.fast.guard > owner.head);
    cr_assert_eq(sync_newest(&owner, true)->data[0], 3);
    cr_assert_not(filch__forkstack_is_asked(&owner.stack));
    cr_assert_eq(steal(&owner), 1, "it shared");
    cr_assert_eq(sync_newest(&owner, true)->data[0], 2);
    cr_assert_null(sync_newest(&owner, true));
    owner_end(&owner);
}

/* While slots beyond the last that can be stolen are in use, every sync takes the slow path. */
Test(forkstack, a_full_stack_keeps_its_guard, .timeout = TEST_TIMEOUT)
{
    struct owner owner;
    owner_init(&owner);
    spawn_many(&owner, 1, 4);
    filch__forkstack_set_full(&owner.stack, true);
    (void)filch__forkstack_share(&owner.stack, owner.head);
    cr_assert(owner.stack.fast.guard > owner.stack.last);
    (void)filch__forkstack_open_all(&owner.stack);
    cr_assert(owner.stack.fast.guard > owner.stack.last);
    filch__forkstack_set_full(&owner.stack, false);
    cr_assert(owner.stack.fast.guard <= owner.head);
    for (int i = 0; i < 4; i++)
        cr_assert_not_null(sync_newest(&owner, false));
    owner_end(&owner);
}

Test(forkstack, who_sleeps_is_told_by_who_finishes, .timeout = TEST_TIMEOUT)
{
    struct owner owner;
    owner_init(&owner);
    for (int late = 0; late <= 1; late++) {
        spawn_many(&owner, 1, 1);
        cr_assert(filch__forkstack_share(&owner.stack, owner.head));
        struct filch__slot *child = filch__forkstack_steal(&owner.stack, NULL);
        cr_assert_eq(child, owner.stack.base);
        cr_assert_null(filch__forkstack_thief(child), "not known yet");
        (void)filch__forkstack_taken(child, &owner.stack);
        cr_assert_eq(filch__forkstack_thief(child), &owner.stack);
        child = --owner.head;
        filch__store_relaxed(&child->mark, 0);
        cr_assert_eq(filch__forkstack_sync(&owner.stack, child, false), FILCH__SYNC_STOLEN);
        if (late)
            cr_assert_not(filch__forkstack_finish(child));
        cr_assert_eq(filch__forkstack_await(child), !late);
        if (!late)
            cr_assert(filch__forkstack_finish(child));
        cr_assert(filch__forkstack_is_done(child));
        filch__forkstack_joined(&owner.stack, child);
    }
    owner_end(&owner);
}

/* A parent takes nothing from its thief once its child is done: that would be a stranger's. */
Test(forkstack, stealing_back_ends_with_the_child, .timeout = TEST_TIMEOUT)
{
    struct owner parent, thief;
    owner_init(&parent);
    owner_init(&thief);
    spawn_many(&parent, 1, 1);
    cr_assert(filch__forkstack_share(&parent.stack, parent.head));
    struct filch__slot *child = filch__forkstack_steal(&parent.stack, NULL);
    (void)filch__forkstack_taken(child, &thief.stack);
    spawn_many(&thief, 10, 2);
    (void)filch__forkstack_open_all(&thief.stack);
    const struct filch__slot *first = filch__forkstack_steal(&thief.stack, child);
    cr_assert(first && first->data[0] == 10);
    (void)filch__forkstack_finish(child);
    cr_assert_null(filch__forkstack_steal(&thief.stack, child));
    cr_assert_not_null(sync_newest(&thief, false));
    (void)filch__forkstack_finish(thief.stack.base);
    cr_assert_null(sync_newest(&thief, false));
    cr_assert_null(sync_newest(&parent, false));
    owner_end(&thief);
    owner_end(&parent);
}

Test(forkstack, memory_of_many_children_is_given_back, .timeout = TEST_TIMEOUT)
{
    enum { many = 100000 };
    struct owner owner;
    owner_init(&owner);
    for (int i = 0; i < 2; i++) {
        spawn_many(&owner, 1, many);
        while (owner.head > owner.stack.base)
            (void)sync_newest(&owner, false);
        filch__forkstack_trim(&owner.stack);
        cr_assert_eq(owner.stack.base[many - 1].run, 0);
        cr_assert_eq(owner.stack.base[many - 1].data[0], 0);
    }
    owner_end(&owner);
}
