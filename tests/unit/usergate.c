/* SPDX-License-Identifier: MIT */
/* usergate.c - gates of the user's: who enters when, in which order, and what each wrong call gets. */
#include "support/child.h"
#include "support/gates.h"
#include "support/test.h"

Test(usergate, smoke, .timeout = TEST_TIMEOUT)
{
    struct filch_gate *gate = gate_of(2);
    cr_assert_eq(filch_gate_available(gate), 2);
    cr_assert_eq(filch_gate_enter(gate, FILCH_NO_DEADLINE), 0);
    cr_assert_eq(filch_gate_available(gate), 1);
    cr_assert_eq(filch_gate_enter(gate, 0), 0, "a poll takes what is free");
    cr_assert_eq(filch_gate_available(gate), 0);
    cr_assert_eq(filch_gate_enter(gate, 0), -ETIMEDOUT);
    cr_assert_eq(filch_gate_enter(gate, filch_now_ns()), -ETIMEDOUT);
    cr_assert_eq(filch_gate_close(gate), -EBUSY);
    filch_gate_leave(gate);
    cr_assert_eq(filch_gate_close(gate), -EBUSY);
    filch_gate_leave(gate);
    cr_assert_eq(filch_gate_available(gate), 2);
    cr_assert_eq(filch_gate_close(gate), 0);
}

Test(usergate, misuse, .timeout = TEST_TIMEOUT)
{
    struct filch_gate *untouched = (struct filch_gate *)&untouched, *gate = untouched;
    cr_assert_eq(filch_gate_open(NULL, 1), -EINVAL);
    cr_assert_eq(filch_gate_open(&gate, FILCH_GATE_PERMITS_MAX + 1), -EINVAL);
    cr_assert_eq(filch_gate_open(&gate, UINT32_MAX), -EINVAL);
    cr_assert_eq(gate, untouched);
    cr_assert_eq(filch_gate_enter(NULL, 0), -EINVAL);
    cr_assert_eq(filch_gate_resize(NULL, 1), -EINVAL);
    cr_assert_eq(filch_gate_available(NULL), 0);
    cr_assert_eq(filch_gate_close(NULL), 0);
    filch_gate_leave(NULL);
    gate = gate_of(FILCH_GATE_PERMITS_MAX);
    cr_assert_eq(filch_gate_resize(gate, FILCH_GATE_PERMITS_MAX + 1), -EINVAL);
    cr_assert_eq(filch_gate_available(gate), FILCH_GATE_PERMITS_MAX, "left as it was");
    cr_assert_eq(filch_gate_enter(gate, 0), 0);
    cr_assert_eq(filch_gate_available(gate), FILCH_GATE_PERMITS_MAX - 1);
    filch_gate_leave(gate);
    cr_assert_eq(filch_gate_close(gate), 0);
}

Test(usergate, leaving_what_nobody_entered_aborts_with_a_message, .timeout = TEST_TIMEOUT)
{
    const char *scenarios[] = {"leave_gate_too_often", "leave_gate_in_line"};
    for (int i = 0; i < 2; i++) {
        struct child child;
        child_run(&child, FILCH_VICTIM, scenarios[i], NULL);
        cr_assert(child_died_of(&child, SIGABRT), "%s", scenarios[i]);
        cr_assert_not_null(strstr(child.output, "filch: a gate is left"), "%s: %s", scenarios[i], child.output);
    }
}

/* ---- the line ---- */

enum { guests = 12 };

/* Guests from a thread and from two pools in turn, each in line before the next comes. */
static void stand_in_line(struct guest *guest, int count, struct filch_gate *gate, struct filch_pool *const pools[3])
{
    size_t before = gate_waiting(gate);
    for (int i = 0; i < count; i++) {
        guest[i].gate = gate;
        guest[i].deadline_ns = FILCH_NO_DEADLINE;
        guest_send(&guest[i], pools[i % 3]);
        wait_until(gate_waiting(gate) == before + (size_t)i + 1);
    }
}

Test(usergate, first_come_first_served, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pools[3] = {NULL, pool_of(1), pool_of(2)};
    for (int round = 0; round < TEST_SHARE(50); round++) {
        struct filch_gate *gate = gate_of(1);
        static struct guest guest[guests];
        atomic_int turns = 0;
        memset(guest, 0, sizeof guest);
        for (int i = 0; i < guests; i++)
            guest[i].turns = &turns;
        cr_assert_eq(filch_gate_enter(gate, 0), 0);
        stand_in_line(guest, guests, gate, pools);
        filch_gate_leave(gate);
        for (int i = 0; i < guests; i++) {
            cr_assert_eq(guest_await(&guest[i]), 0);
            cr_assert_eq(guest[i].turn, i);
        }
        cr_assert_eq(filch_gate_close(gate), 0);
    }
    pool_end(pools[1]);
    pool_end(pools[2]);
}

Test(usergate, nobody_overtakes, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pools[3] = {NULL, NULL, NULL};
    struct filch_gate *gate = gate_of(1);
    static struct guest guest[2];
    memset(guest, 0, sizeof guest);
    guest[0].stays = guest[1].stays = true;
    cr_assert_eq(filch_gate_enter(gate, 0), 0);
    stand_in_line(guest, 2, gate, pools);
    cr_assert_eq(filch_gate_enter(gate, 0), -ETIMEDOUT);
    filch_gate_leave(gate); /* the permit is the first one's at once, whether it runs or not */
    cr_assert_eq(filch_gate_enter(gate, 0), -ETIMEDOUT);
    cr_assert_eq(filch_gate_available(gate), 0);
    cr_assert_eq(gate_waiting(gate), 1);
    wait_until(atomic_load(&guest[0].inside));
    cr_assert_eq(atomic_load(&guest[1].inside), 0);
    cr_assert_eq(filch_gate_close(gate), -EBUSY);
    for (int i = 0; i < 2; i++) {
        sem_post(&guest[i].go);
        cr_assert_eq(guest_await(&guest[i]), 0);
    }
    cr_assert_eq(filch_gate_close(gate), 0);
}

/* ---- resizing ---- */

static int inside(struct guest *guest, int count)
{
    int number = 0;
    for (int i = 0; i < count; i++)
        number += atomic_load(&guest[i].inside);
    return number;
}

Test(usergate, live_resize_up_serves_the_line, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pools[3] = {NULL, pool_of(guests), pool_of(guests)};
    struct filch_gate *gate = gate_of(0);
    static struct guest guest[guests];
    memset(guest, 0, sizeof guest);
    for (int i = 0; i < guests; i++)
        guest[i].stays = true;
    cr_assert_eq(filch_gate_enter(gate, 0), -ETIMEDOUT, "paused");
    stand_in_line(guest, guests, gate, pools);
    cr_assert_eq(filch_gate_close(gate), -EBUSY, "waited for");
    for (int limit = 2; limit <= guests; limit += 5) {
        cr_assert_eq(filch_gate_resize(gate, (unsigned)limit), 0);
        cr_assert_eq(gate_waiting(gate), (size_t)(guests - limit));
        wait_until(inside(guest, guests) == limit);
        for (int i = 0; i < guests; i++)
            cr_assert_eq(atomic_load(&guest[i].inside), i < limit);
        cr_assert_eq(filch_gate_available(gate), 0);
    }
    cr_assert_eq(filch_gate_resize(gate, guests + 3), 0);
    cr_assert_eq(filch_gate_available(gate), 3);
    for (int i = 0; i < guests; i++)
        sem_post(&guest[i].go);
    for (int i = 0; i < guests; i++)
        cr_assert_eq(guest_await(&guest[i]), 0);
    cr_assert_eq(filch_gate_available(gate), guests + 3);
    cr_assert_eq(filch_gate_close(gate), 0);
    pool_end(pools[1]);
    pool_end(pools[2]);
}

Test(usergate, live_resize_down_waits_for_who_is_inside, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pools[3] = {NULL, NULL, NULL};
    struct filch_gate *gate = gate_of(3);
    static struct guest guest[2];
    memset(guest, 0, sizeof guest);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(filch_gate_enter(gate, 0), 0);
    stand_in_line(guest, 1, gate, pools);
    cr_assert_eq(filch_gate_resize(gate, 1), 0);
    cr_assert_eq(filch_gate_available(gate), 0, "never negative");
    filch_gate_leave(gate);
    filch_gate_leave(gate);
    cr_assert_eq(gate_waiting(gate), 1, "two of the three are gone, one permit is left, and it is out");
    filch_gate_leave(gate);
    cr_assert_eq(guest_await(&guest[0]), 0);
    cr_assert_eq(filch_gate_available(gate), 1);
    cr_assert_eq(filch_gate_resize(gate, 0), 0);
    cr_assert_eq(filch_gate_enter(gate, 0), -ETIMEDOUT);
    stand_in_line(&guest[1], 1, gate, pools);
    cr_assert_eq(filch_gate_resize(gate, 1), 0);
    cr_assert_eq(guest_await(&guest[1]), 0);
    cr_assert_eq(filch_gate_close(gate), 0);
}

/* ---- leaving the line ---- */

static void check_leavers(struct filch_pool *pool)
{
    struct filch_pool *pools[3] = {NULL, NULL, NULL};
    struct filch_gate *gate = gate_of(1);
    static struct guest guest[4];
    memset(guest, 0, sizeof guest);
    cr_assert_eq(filch_gate_enter(gate, 0), 0);
    stand_in_line(guest, 1, gate, pools);
    for (int i = 1; i < 3; i++) { /* their deadlines pass while they stand there, or sooner */
        guest[i].gate = gate;
        guest[i].deadline_ns = filch_in_ns(FILCH_MS(2));
        guest_send(&guest[i], pool);
    }
    cr_assert_eq(guest_await(&guest[1]), -ETIMEDOUT);
    cr_assert_eq(guest_await(&guest[2]), -ETIMEDOUT);
    cr_assert_eq(gate_waiting(gate), 1);
    stand_in_line(&guest[3], 1, gate, pools);
    filch_gate_leave(gate);
    cr_assert_eq(guest_await(&guest[0]), 0);
    cr_assert_eq(guest_await(&guest[3]), 0);
    cr_assert_eq(filch_gate_available(gate), 1);
    cr_assert_eq(filch_gate_close(gate), 0);
}

Test(usergate, a_deadline_ends_a_threads_wait, .timeout = TEST_TIMEOUT)
{
    check_leavers(NULL);
}

Test(usergate, a_deadline_ends_a_tasks_wait, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    check_leavers(pool);
    pool_end(pool);
}

Test(usergate, the_last_to_leave_the_line_opens_the_short_way_again, .timeout = TEST_TIMEOUT)
{
    struct filch_gate *gate = gate_of(0);
    cr_assert_eq(filch_gate_enter(gate, filch_in_ns(FILCH_MS(1))), -ETIMEDOUT);
    cr_assert_eq(filch__load_relaxed(&gate->permits.word), 0);
    cr_assert_eq(filch_gate_close(gate), 0);
}

Test(usergate, a_cancelled_task_leaves_the_line, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct filch_gate *gate = gate_of(0);
    for (int i = 0; i < TEST_SHARE(200); i++) {
        static struct guest guest;
        memset(&guest, 0, sizeof guest);
        guest.gate = gate;
        guest.deadline_ns = i % 3 ? FILCH_NO_DEADLINE : filch_in_ns(FILCH_S(1000));
        guest.result = -ECANCELED; /* also when it never runs */
        guest_send(&guest, pool);
        if (i % 2)
            wait_until(gate_waiting(gate) == 1);
        (void)filch_cancel(&guest.future);
        cr_assert_eq(guest_await(&guest), -ECANCELED);
        cr_assert_eq(gate_waiting(gate), 0);
    }
    cr_assert_eq(filch_gate_close(gate), 0);
    pool_end(pool);
}

/* A task that was asked to stop enters all the same where a permit is free. */
static int enter_when_cancelled(void *data)
{
    while (!filch_cancelled())
        usleep(100);
    must(filch_gate_enter(data, FILCH_NO_DEADLINE) == 0);
    must(filch_gate_enter(data, FILCH_NO_DEADLINE) == -ECANCELED);
    filch_gate_leave(data);
    return 5;
}

Test(usergate, a_cancelled_task_enters_where_it_need_not_wait, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct filch_gate *gate = gate_of(1);
    struct filch_future task = {0};
    cr_assert_eq(filch_submit(pool, &task, enter_when_cancelled, gate), 0);
    wait_until(stats_of(pool).running == 1);
    cr_assert_eq(filch_cancel(&task), -EINPROGRESS);
    cr_assert_eq(filch_wait(&task), 5);
    cr_assert_eq(filch_gate_close(gate), 0);
    pool_end(pool);
}

Test(usergate, a_pool_that_is_cancelled_empties_the_line, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct filch_gate *gate = gate_of(0);
    static struct guest guest[3];
    memset(guest, 0, sizeof guest);
    stand_in_line(guest, 3, gate, (struct filch_pool *[]){pool, pool, pool});
    cr_assert_eq(filch_pool_close(pool, FILCH_CLOSE_CANCEL, FILCH_NO_DEADLINE), 0);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(guest_await(&guest[i]), -ECANCELED);
    cr_assert_eq(filch_gate_close(gate), 0);
    watchdog_pool(NULL);
    filch_pool_free(pool);
}

/* ---- fork ---- */

static int gate_in_the_child(void *data)
{
    must(filch_gate_enter(data, FILCH_NO_DEADLINE) == -ESTALE);
    must(filch_gate_resize(data, 5) == -ESTALE);
    must(filch_gate_available(data) == 0);
    filch_gate_leave(data);
    must(filch_gate_close(data) == 0);
    struct filch_gate *mine = gate_of(1);
    must(filch_gate_enter(mine, FILCH_NO_DEADLINE) == 0);
    filch_gate_leave(mine);
    return filch_gate_close(mine);
}

Test(usergate, in_a_forked_child_it_is_stale, .timeout = TEST_TIMEOUT)
{
    struct filch_gate *gate = gate_of(2);
    struct child child;
    cr_assert_eq(filch_gate_enter(gate, 0), 0);
    child_fork(&child, gate_in_the_child, gate);
    cr_assert(child_exited(&child, 0));
    cr_assert_eq(filch_gate_available(gate), 1);
    filch_gate_leave(gate);
    cr_assert_eq(filch_gate_close(gate), 0);
}
