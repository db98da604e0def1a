/* SPDX-License-Identifier: MIT */
/* state.c - a future's word: its phases, its list of waiters, and who gets that list when several reach for it. */
#include "state.h"
#include "os.h"

#include "support/tasks.h"
#include "support/test.h"

static char runner[1]; /* stands for a strand */

static void count_wake(void *target)
{
    atomic_fetch_add((atomic_int *)target, 1);
}

Test(state, phases_follow_the_table, .timeout = TEST_TIMEOUT)
{
    struct filch_future future = {0};
    bool first = false;
    cr_assert_eq(filch__future_phase(&future), FILCH__IDLE);
    cr_assert_not(filch__future_in_flight(&future));
    cr_assert_eq(filch__future_ask_stop(&future, false, &first), -EINVAL);
    filch__future_begin(&future, FILCH__QUEUED, NULL);
    cr_assert_eq(filch__future_phase(&future), FILCH__QUEUED);
    cr_assert(filch__future_in_flight(&future));
    cr_assert(filch__future_start(&future, runner));
    cr_assert(filch__future_in_flight(&future));
    cr_assert_not(filch__future_asked_stop(&future));
    cr_assert_eq(filch__future_ask_stop(&future, false, &first), -EINPROGRESS);
    cr_assert(first);
    filch__future_passed(&future); /* the first to ask has looked at the runner */
    cr_assert_eq(filch__future_phase(&future), FILCH__RUNNING);
    cr_assert_eq(filch__future_ask_stop(&future, true, &first), -EINPROGRESS);
    cr_assert_not(first);
    cr_assert(filch__future_asked_stop(&future));
    cr_assert(filch__future_timed_out(&future));
    cr_assert_eq(future.priv.runner, runner, "whom to ask");
    filch__future_finish(&future, -12345);
    cr_assert_eq(filch__future_phase(&future), FILCH__DONE);
    cr_assert_eq(filch__future_status(&future), -12345);
    cr_assert_not(filch__future_in_flight(&future));
    cr_assert_not(filch__future_asked_stop(&future), "whatever bits its status has");
    cr_assert_not(filch__future_timed_out(&future));
    cr_assert_eq(filch__future_ask_stop(&future, false, &first), -EALREADY);
}

Test(state, a_queued_one_that_is_asked_never_starts, .timeout = TEST_TIMEOUT)
{
    struct filch_future future = {0};
    bool first;
    filch__future_begin(&future, FILCH__QUEUED, NULL);
    cr_assert_eq(filch__future_ask_stop(&future, false, &first), 0);
    cr_assert_eq(filch__future_phase(&future), FILCH__DROPPED);
    cr_assert(filch__future_in_flight(&future), "until it is taken out of its queue");
    cr_assert_eq(filch__future_ask_stop(&future, false, &first), 0);
    cr_assert_not(filch__future_start(&future, runner));
    filch__future_finish(&future, -ECANCELED);
    cr_assert_eq(filch__future_status(&future), -ECANCELED);
}

Test(state, a_dropped_one_never_starts, .timeout = TEST_TIMEOUT)
{
    struct filch_future future = {0};
    bool first;
    filch__future_begin(&future, FILCH__QUEUED, NULL);
    filch__future_drop(&future);
    cr_assert_eq(filch__future_phase(&future), FILCH__DROPPED);
    cr_assert_not(filch__future_start(&future, runner));
    cr_assert_eq(filch__future_ask_stop(&future, false, &first), 0);
    filch__future_finish(&future, -ECANCELED);
    cr_assert_eq(filch__future_status(&future), -ECANCELED);
}

Test(state, promises_are_completed_once, .timeout = TEST_TIMEOUT)
{
    struct filch_future future = {0};
    bool first;
    cr_assert_eq(filch__future_complete(&future, 0), -EINVAL);
    filch__future_begin(&future, FILCH__PROMISE, NULL);
    cr_assert_eq(filch__future_ask_stop(&future, false, &first), -ENOENT);
    cr_assert_eq(filch__future_complete(&future, 8), 0);
    cr_assert_eq(filch__future_complete(&future, 9), -EALREADY);
    cr_assert_eq(filch__future_status(&future), 8);
    filch__future_begin(&future, FILCH__QUEUED, NULL);
    cr_assert_eq(filch__future_complete(&future, 9), -EINVAL);
}

Test(state, every_status_comes_back, .timeout = TEST_TIMEOUT)
{
    const int statuses[] = {0, 1, -1, INT32_MAX, INT32_MIN, -ECANCELED, 1 << 30};
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        struct filch_future future = {0};
        filch__future_fail(&future, statuses[i]);
        cr_assert_eq(filch__future_phase(&future), FILCH__DONE);
        cr_assert_eq(filch__future_status(&future), statuses[i]);
    }
}

Test(state, the_first_waiter_needs_no_node_the_next_does, .timeout = TEST_TIMEOUT)
{
    struct filch_future future = {0};
    struct filch__waiter waiters[3];
    struct filch__waiter_node nodes[3];
    atomic_int wakes[3] = {0, 0, 0};
    filch__future_begin(&future, FILCH__QUEUED, NULL);
    for (int i = 0; i < 3; i++) {
        filch__waiter_init(&waiters[i], 1, 0, count_wake, &wakes[i]);
        cr_assert_eq(filch__future_register(&future, &waiters[i], NULL),
                     i ? FILCH__REGISTER_NEEDS_NODE : FILCH__REGISTERED);
        if (i)
            cr_assert_eq(filch__future_register(&future, &waiters[i], &nodes[i]), FILCH__REGISTERED);
        cr_assert(filch__waiter_commit(&waiters[i]));
    }
    cr_assert(filch__future_start(&future, runner));
    filch__future_finish(&future, 4);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(atomic_load(&wakes[i]), 1);
    filch__waiter_init(&waiters[0], 1, 0, count_wake, &wakes[0]);
    cr_assert_eq(filch__future_register(&future, &waiters[0], &nodes[0]), FILCH__REGISTER_DONE);
    cr_assert_not(filch__future_unregister(&future, &waiters[1]), "the end had it");
}

Test(state, anyone_may_leave_the_list, .timeout = TEST_TIMEOUT)
{
    enum { count = 6 };
    for (int leaver = 0; leaver < count; leaver++) {
        for (int second = 0; second < count; second++) {
            struct filch_future future = {0};
            struct filch__waiter waiters[count];
            struct filch__waiter_node nodes[count];
            atomic_int wakes[count];
            filch__future_begin(&future, FILCH__PROMISE, NULL);
            for (int i = 0; i < count; i++) {
                atomic_init(&wakes[i], 0);
                filch__waiter_init(&waiters[i], 1, 0, count_wake, &wakes[i]);
                cr_assert_eq(filch__future_register(&future, &waiters[i], &nodes[i]), FILCH__REGISTERED);
                cr_assert(filch__waiter_commit(&waiters[i]));
            }
            cr_assert(filch__future_unregister(&future, &waiters[leaver]));
            if (second != leaver)
                cr_assert(filch__future_unregister(&future, &waiters[second]));
            memset(&nodes[leaver], 0xee, sizeof nodes[leaver]); /* nobody walks over it any more */
            memset(&nodes[second], 0xee, sizeof nodes[second]);
            cr_assert_eq(filch__future_complete(&future, 0), 0);
            for (int i = 0; i < count; i++)
                cr_assert_eq(atomic_load(&wakes[i]), i != leaver && i != second);
        }
    }
}

struct told {
    void *source;
    int status;
};

static void note_source(void *target, void *source, int status)
{
    *(struct told *)target = (struct told){source, status};
}

Test(state, a_sink_is_told_and_others_may_wait_too, .timeout = TEST_TIMEOUT)
{
    struct filch_future future = {0};
    struct told told = {NULL, 0};
    struct filch__waiter sink = {.tell = note_source, .target = &told}, waiter;
    struct filch__waiter_node node;
    atomic_int wakes = 0;
    filch__future_begin(&future, FILCH__QUEUED, &sink);
    filch__waiter_init(&waiter, 1, 0, count_wake, &wakes);
    cr_assert_eq(filch__future_register(&future, &waiter, NULL), FILCH__REGISTER_NEEDS_NODE);
    cr_assert_eq(filch__future_register(&future, &waiter, &node), FILCH__REGISTERED);
    cr_assert(filch__waiter_commit(&waiter));
    cr_assert(filch__future_start(&future, runner));
    cr_assert_null(told.source);
    filch__future_finish(&future, -ENOENT);
    cr_assert_eq(told.source, &future);
    cr_assert_eq(told.status, -ENOENT);
    cr_assert_eq(atomic_load(&wakes), 1);
}

/* ---- races ---- */

/* Threads that register with the current round's future, and leave it again or wait for its end, at random. */
struct crowd {
    struct filch_future *_Atomic future;
    atomic_int round, ready, over; /* over: nobody holds the round's future any more */
    bool stop;
};

static void *register_and_leave(void *data)
{
    struct crowd *crowd = data;
    unsigned seed = (unsigned)thread_id();
    for (int seen = 0;;) {
        int round;
        while ((round = atomic_load(&crowd->round)) == seen)
            sched_yield();
        seen = round;
        if (crowd->stop)
            return NULL;
        struct filch_future *future = atomic_load(&crowd->future);
        atomic_fetch_add(&crowd->ready, 1);
        for (bool done = false; !done;) {
            struct filch__waiter waiter;
            struct filch__waiter_node node;
            filch__waiter_init_thread(&waiter, 1, 0);
            done = filch__future_register(future, &waiter, &node) == FILCH__REGISTER_DONE;
            if (done)
                break;
            bool leave = (seed = seed * 1103515245 + 12345) >> 16 & 1;
            if (!leave)
                filch__waiter_sleep(&waiter, FILCH_NO_DEADLINE);
            bool undone = filch__future_unregister(future, &waiter);
            must(leave || !undone);
            while (!filch__waiter_release(&waiter, undone))
                filch__waiter_sleep(&waiter, FILCH_NO_DEADLINE);
            done = !undone;
            memset(&node, 0xee, sizeof node);
        }
        must(filch__future_status(future) == round);
        atomic_fetch_add(&crowd->over, 1);
    }
}

Test(state, waiters_come_and_go_while_it_ends, .timeout = TEST_TIMEOUT)
{
    enum { threads_count = 4 };
    struct crowd crowd = {.stop = false};
    pthread_t threads[threads_count];
    for (int i = 0; i < threads_count; i++)
        threads[i] = thread_start(register_and_leave, &crowd);
    uint64_t begun_ns = watchdog_now_ns();
    for (int round = 1; round <= TEST_SHARE(3000) && !watchdog_enough(begun_ns); round++) {
        struct filch_future *future = calloc(1, sizeof *future);
        must(future != NULL);
        filch__future_begin(future, round % 2 ? FILCH__PROMISE : FILCH__QUEUED, NULL);
        atomic_store(&crowd.ready, 0);
        atomic_store(&crowd.over, 0);
        atomic_store(&crowd.future, future);
        atomic_store(&crowd.round, round);
        wait_until(atomic_load(&crowd.ready) > round % threads_count);
        if (round % 2)
            cr_assert_eq(filch__future_complete(future, round), 0);
        else if (filch__future_start(future, runner))
            filch__future_finish(future, round);
        wait_until(atomic_load(&crowd.over) == threads_count);
        memset(future, 0xdd, sizeof *future);
        free(future);
    }
    crowd.stop = true;
    atomic_fetch_add(&crowd.round, 1);
    for (int i = 0; i < threads_count; i++)
        thread_join(threads[i]);
}

struct duel {
    struct filch_future future;
    atomic_int phase; /* odd: a round is on */
    int answer;
    bool stop;
};

static void *ask_to_stop(void *data)
{
    struct duel *duel = data;
    for (int seen = 0;;) {
        int phase;
        while ((phase = atomic_load(&duel->phase)) == seen || phase % 2 == 0)
            sched_yield();
        if (duel->stop)
            return NULL;
        bool first = false;
        duel->answer = filch__future_ask_stop(&duel->future, phase % 4 == 1, &first);
        must(duel->answer != -EINPROGRESS || first);
        if (first)
            filch__future_passed(&duel->future);
        seen = phase;
        atomic_store(&duel->phase, phase + 1);
    }
}

static void fight_duel(void)
{
    static struct duel duel;
    memset(&duel, 0, sizeof duel);
    pthread_t thread = thread_start(ask_to_stop, &duel);
    uint64_t begun_ns = watchdog_now_ns();
    for (int round = 0; round < TEST_SHARE(20000) && !watchdog_enough(begun_ns); round++) {
        filch__future_begin(&duel.future, FILCH__QUEUED, NULL);
        int phase = atomic_load(&duel.phase) + 1;
        atomic_store(&duel.phase, phase);
        for (volatile int i = round % 200; i > 0; i--)
            ;
        bool started = filch__future_start(&duel.future, runner);
        while (atomic_load(&duel.phase) == phase)
            sched_yield();
        must(duel.answer == (started ? -EINPROGRESS : 0));
        filch__future_finish(&duel.future, 0);
    }
    duel.stop = true;
    atomic_fetch_add(&duel.phase, 1);
    thread_join(thread);
}

/* With asymmetric barriers the start is a store and a load, and the barrier is the canceller's; without it is a CAS. */
Test(state, asking_races_with_starting_and_one_wins, .timeout = TEST_TIMEOUT)
{
    filch__os_barrier_init();
    bool works = filch__os_barrier_works;
    fight_duel();
    filch__os_barrier_works = false;
    fight_duel();
    filch__os_barrier_works = works;
}
