/* SPDX-License-Identifier: MIT */
/* eventcount.c - prepare, look again, commit: a notification after the condition became true is never lost. */
#include "eventcount.h"

#include "support/tasks.h"
#include "support/test.h"

static void count_wake(void *target)
{
    atomic_fetch_add((atomic_int *)target, 1);
}

Test(eventcount, smoke, .timeout = TEST_TIMEOUT)
{
    struct filch__eventcount event;
    struct filch__event_node nodes[3];
    struct filch__waiter waiters[3];
    atomic_int wakes[3] = {0, 0, 0};
    filch__eventcount_init(&event);
    filch__eventcount_notify(&event); /* nobody there */
    for (int i = 0; i < 3; i++) {
        filch__waiter_init(&waiters[i], 1, 0, count_wake, &wakes[i]);
        filch__eventcount_add(&event, &nodes[i], &waiters[i]);
        cr_assert(filch__waiter_commit(&waiters[i]));
    }
    for (int i = 0; i < 3; i++) { /* one at a time, first come first served */
        filch__eventcount_notify(&event);
        for (int k = 0; k < 3; k++)
            cr_assert_eq(atomic_load(&wakes[k]), k <= i);
        cr_assert_not(filch__eventcount_remove(&event, &nodes[i]), "a notification had it");
    }
    filch__eventcount_notify(&event);
    filch__eventcount_destroy(&event);
}

Test(eventcount, who_leaves_is_not_notified, .timeout = TEST_TIMEOUT)
{
    struct filch__eventcount event;
    struct filch__event_node nodes[4];
    struct filch__waiter waiters[4];
    atomic_int wakes[4] = {0, 0, 0, 0};
    filch__eventcount_init(&event);
    for (int i = 0; i < 4; i++) {
        filch__waiter_init(&waiters[i], 1, 0, count_wake, &wakes[i]);
        filch__eventcount_add(&event, &nodes[i], &waiters[i]);
        cr_assert(filch__waiter_commit(&waiters[i]));
    }
    cr_assert(filch__eventcount_remove(&event, &nodes[0])); /* the first, one in the middle, the last */
    cr_assert(filch__eventcount_remove(&event, &nodes[2]));
    filch__eventcount_notify(&event);
    cr_assert_eq(atomic_load(&wakes[1]), 1);
    cr_assert(filch__eventcount_remove(&event, &nodes[3]));
    filch__eventcount_notify(&event);
    cr_assert_eq(atomic_load(&wakes[0]) + atomic_load(&wakes[2]) + atomic_load(&wakes[3]), 0);
    filch__eventcount_destroy(&event);
}

/* Takers wait on the event count for a token, givers add one and notify. A lost notification hangs it. */
struct tokens {
    struct filch__eventcount event;
    atomic_int tokens, taken, total;
    int each;
    bool deadlines;
};

static bool try_take(struct tokens *tokens)
{
    int have = atomic_load(&tokens->tokens);
    while (have > 0)
        if (atomic_compare_exchange_weak(&tokens->tokens, &have, have - 1))
            return true;
    return false;
}

static void *take_tokens(void *data)
{
    struct tokens *tokens = data;
    for (uint64_t i = 0; atomic_load(&tokens->taken) < atomic_load(&tokens->total); i++) {
        struct filch__event_node node;
        struct filch__waiter waiter;
        filch__waiter_init_thread(&waiter, 1, 0);
        filch__eventcount_add(&tokens->event, &node, &waiter);
        bool got = try_take(tokens); /* the second look */
        if (!got && atomic_load(&tokens->taken) < atomic_load(&tokens->total))
            filch__waiter_sleep(&waiter, tokens->deadlines ? filch_in_ns(i % 30 * 1000) : FILCH_NO_DEADLINE);
        bool undone = filch__eventcount_remove(&tokens->event, &node);
        if (!undone)
            filch__eventcount_notify(&tokens->event); /* it may have been meant for another */
        while (!filch__waiter_release(&waiter, undone))
            filch__waiter_sleep(&waiter, FILCH_NO_DEADLINE);
        if (got)
            atomic_fetch_add(&tokens->taken, 1);
    }
    filch__eventcount_notify(&tokens->event); /* the next one ends as well */
    return NULL;
}

static void *give_tokens(void *data)
{
    struct tokens *tokens = data;
    uint64_t begun_ns = watchdog_now_ns();
    int i = 0;
    for (; i < tokens->each && !watchdog_enough(begun_ns); i++) {
        atomic_fetch_add(&tokens->tokens, 1);
        filch__eventcount_notify(&tokens->event);
        if (i % 3 == 0)
            sched_yield();
    }
    atomic_fetch_sub(&tokens->total, tokens->each - i);
    filch__eventcount_notify(&tokens->event); /* that may have been the end */
    return NULL;
}

static void exchange_tokens(bool deadlines)
{
    enum { givers = 2, takers = 3 };
    struct tokens tokens = {.each = TEST_SHARE(20000), .deadlines = deadlines};
    pthread_t threads[givers + takers];
    atomic_store(&tokens.total, givers * tokens.each);
    filch__eventcount_init(&tokens.event);
    for (int i = 0; i < givers + takers; i++)
        threads[i] = thread_start(i < givers ? give_tokens : take_tokens, &tokens);
    for (int i = 0; i < givers + takers; i++)
        thread_join(threads[i]);
    cr_assert_eq(atomic_load(&tokens.taken), atomic_load(&tokens.total));
    cr_assert_eq(atomic_load(&tokens.tokens), 0);
    filch__eventcount_destroy(&tokens.event);
}

Test(eventcount, no_notification_is_lost, .timeout = TEST_TIMEOUT)
{
    exchange_tokens(false);
}

Test(eventcount, no_notification_is_lost_with_deadlines, .timeout = TEST_TIMEOUT)
{
    exchange_tokens(true);
}
