/* SPDX-License-Identifier: MIT */
/* gate.c - the admission gate's word: each step as its table says, the limit held, and no permit lost between them. */
#include "gate.h"

#include "support/tasks.h"
#include "support/test.h"

#include <filch/detail/atomic.h>

static unsigned claims(uint64_t word)
{
    return (unsigned)(word / FILCH__GATE_CLAIM & FILCH__GATE_FIELD);
}

static unsigned searching(uint64_t word)
{
    return (unsigned)(word / FILCH__GATE_SEARCHING);
}

/* The whole word, as the table in gate.h names its columns. */
static bool is(uint64_t word, unsigned limit, unsigned admitted, unsigned parked, unsigned in_line, unsigned search)
{
    bool same = filch__gate_limit(word) == limit && filch__gate_admitted(word) == admitted &&
                filch__gate_parked(word) == parked && claims(word) == in_line && searching(word) == search &&
                filch__gate_running(word) == admitted - search;
    if (!same)
        fprintf(stderr, "limit %u admitted %u parked %u claims %u searching %u\n", filch__gate_limit(word),
                filch__gate_admitted(word), filch__gate_parked(word), claims(word), searching(word));
    return same;
}

Test(gate, notify_starts_wakes_or_leaves_it_be, .timeout = TEST_TIMEOUT)
{
    uint64_t gate;
    filch__gate_init(&gate, 2);
    cr_assert(is(gate, 2, 0, 0, 0, 0));
    cr_assert_eq(filch__gate_notify(&gate, false), FILCH__NOTIFY_NONE, "nobody parked, none to be started");
    cr_assert_eq(filch__gate_notify(&gate, true), FILCH__NOTIFY_START);
    cr_assert(is(gate, 2, 1, 0, 0, 1));
    cr_assert_eq(filch__gate_notify(&gate, true), FILCH__NOTIFY_NONE, "somebody searches");
    filch__gate_found(&gate);
    cr_assert(is(gate, 2, 1, 0, 0, 0));
    filch__gate_rest(&gate);
    cr_assert_eq(filch__gate_notify(&gate, true), FILCH__NOTIFY_WAKE, "a parked one before a new one");
    cr_assert(is(gate, 2, 2, 0, 0, 1));
    filch__gate_found(&gate);
    filch__gate_rest(&gate);
    cr_assert_eq(filch__gate_notify(&gate, true), FILCH__NOTIFY_NONE, "no permit is free");
    cr_assert(is(gate, 2, 2, 1, 0, 0));
}

Test(gate, park_gives_the_permit_back_or_to_the_first_in_line, .timeout = TEST_TIMEOUT)
{
    uint64_t gate;
    filch__gate_init(&gate, 1);
    cr_assert(filch__gate_try_admit(&gate));
    cr_assert_not(filch__gate_try_admit(&gate));
    cr_assert_eq(filch__gate_park(&gate, false), FILCH__PARK_PLAIN);
    cr_assert(is(gate, 1, 0, 1, 0, 0));
    cr_assert(filch__gate_unpark(&gate));
    cr_assert_not(filch__gate_unpark(&gate));
    cr_assert(filch__gate_claim(&gate), "free: admitted at once");
    cr_assert_not(filch__gate_claim(&gate), "taken: in line");
    cr_assert(is(gate, 1, 1, 0, 1, 0));
    cr_assert_eq(filch__gate_park(&gate, false), FILCH__PARK_SERVED);
    cr_assert(is(gate, 1, 1, 1, 0, 0));
    cr_assert_eq(filch__gate_leave(&gate), FILCH__PARK_PLAIN);
    cr_assert(is(gate, 1, 0, 1, 0, 0));
}

Test(gate, a_searching_worker_parks_too, .timeout = TEST_TIMEOUT)
{
    uint64_t gate;
    filch__gate_init(&gate, 2);
    cr_assert(filch__gate_try_admit(&gate));
    cr_assert(filch__gate_search(&gate));
    cr_assert(is(gate, 2, 1, 0, 0, 1));
    cr_assert_not(filch__gate_search(&gate), "enough search");
    cr_assert_eq(filch__gate_park(&gate, true), FILCH__PARK_PLAIN);
    cr_assert(is(gate, 2, 0, 1, 0, 0));
    cr_assert_eq(filch__gate_notify(&gate, true), FILCH__NOTIFY_WAKE);
    cr_assert_eq(filch__gate_leave_search(&gate), FILCH__PARK_PLAIN);
    cr_assert(is(gate, 2, 0, 0, 0, 0));
}

Test(gate, yield_serves_the_line_and_a_lowered_limit, .timeout = TEST_TIMEOUT)
{
    uint64_t gate;
    filch__gate_init(&gate, 3);
    for (int i = 0; i < 3; i++)
        cr_assert(filch__gate_try_admit(&gate));
    cr_assert_eq(filch__gate_yield(&gate), FILCH__PARK_NO);
    cr_assert_not(filch__gate_must_yield(gate));
    cr_assert_not(filch__gate_claim(&gate));
    cr_assert(filch__gate_must_yield(gate));
    cr_assert_eq(filch__gate_yield(&gate), FILCH__PARK_SERVED);
    cr_assert(is(gate, 3, 3, 0, 0, 0));
    filch__gate_resize(&gate, 1);
    cr_assert(filch__gate_must_yield(gate));
    cr_assert_not(filch__gate_claim(&gate));
    cr_assert_eq(filch__gate_yield(&gate), FILCH__PARK_PLAIN, "above the limit nobody is served");
    cr_assert(is(gate, 1, 2, 0, 1, 0));
    cr_assert_eq(filch__gate_leave(&gate), FILCH__PARK_PLAIN);
    cr_assert(is(gate, 1, 1, 0, 1, 0));
    cr_assert_eq(filch__gate_yield(&gate), FILCH__PARK_SERVED);
    cr_assert(is(gate, 1, 1, 0, 0, 0));
}

Test(gate, serve_follows_a_raised_limit, .timeout = TEST_TIMEOUT)
{
    uint64_t gate;
    filch__gate_init(&gate, 1);
    cr_assert(filch__gate_claim(&gate));
    for (int i = 0; i < 3; i++)
        cr_assert_not(filch__gate_claim(&gate));
    cr_assert_not(filch__gate_serve(&gate));
    filch__gate_resize(&gate, 3);
    cr_assert(filch__gate_serve(&gate));
    cr_assert(filch__gate_serve(&gate));
    cr_assert_not(filch__gate_serve(&gate), "the limit");
    cr_assert(is(gate, 3, 3, 0, 1, 0));
}

Test(gate, fields_do_not_run_into_one_another, .timeout = TEST_TIMEOUT)
{
    enum { most = FILCH__GATE_LIMIT_MAX };
    uint64_t gate;
    filch__gate_init(&gate, most);
    for (int i = 0; i < most; i++) {
        cr_assert(filch__gate_try_admit(&gate));
        filch__gate_rest(&gate);
    }
    cr_assert_not(filch__gate_try_admit(&gate));
    for (int i = 0; i < most; i++)
        cr_assert_not(filch__gate_claim(&gate));
    while (filch__gate_search(&gate))
        ;
    unsigned search = searching(gate);
    cr_assert(is(gate, most, most, most, most, search));
    for (unsigned i = 0; i < search; i++)
        filch__gate_found(&gate);
    for (int i = 0; i < most; i++)
        cr_assert_eq(filch__gate_leave(&gate), FILCH__PARK_SERVED);
    for (int i = 0; i < most; i++)
        cr_assert_eq(filch__gate_leave(&gate), FILCH__PARK_PLAIN);
    cr_assert(is(gate, most, 0, most, 0, 0));
}

/* ---- threads that come in through every door, a limit that moves, and a meter in the middle ---- */

enum { gate_threads = 4, gate_limit = 3 };

struct rush {
    uint64_t gate;
    struct meter meter;
    sem_t served; /* one post per permit handed to the line */
    int rounds;
    atomic_int left;
};

static void give_back(struct rush *rush, enum filch__gate_park how)
{
    if (how == FILCH__PARK_SERVED)
        sem_post(&rush->served);
}

static void *rush_through(void *data)
{
    struct rush *rush = data;
    unsigned seed = (unsigned)thread_id();
    uint64_t begun_ns = watchdog_now_ns();
    for (int i = 0; i < rush->rounds && (i % 64 || !watchdog_enough(begun_ns)); i++) {
        seed = seed * 1103515245 + 12345;
        if ((seed >> 16) % 3 == 0) {
            if (!filch__gate_try_admit(&rush->gate))
                continue;
        } else if (!filch__gate_claim(&rush->gate)) {
            sem_take(&rush->served);
        }
        meter_enter(&rush->meter);
        if ((seed >> 18) % 4 == 0)
            sched_yield();
        meter_leave(&rush->meter);
        enum filch__gate_park how = (seed >> 20) % 2 ? filch__gate_yield(&rush->gate) : FILCH__PARK_NO;
        give_back(rush, how != FILCH__PARK_NO ? how : filch__gate_leave(&rush->gate));
    }
    atomic_fetch_sub(&rush->left, 1);
    return NULL;
}

Test(gate, stampede, .timeout = TEST_TIMEOUT)
{
    struct rush rush = {.rounds = TEST_SHARE(50000), .left = gate_threads};
    pthread_t threads[gate_threads];
    sem_init(&rush.served, 0, 0);
    filch__gate_init(&rush.gate, gate_limit);
    for (int i = 0; i < gate_threads; i++)
        threads[i] = thread_start(rush_through, &rush);
    for (unsigned limit = 1; atomic_load(&rush.left) > 0; limit = limit % gate_limit + 1) {
        filch__gate_resize(&rush.gate, limit);
        while (filch__gate_serve(&rush.gate)) /* as who raises a limit must */
            sem_post(&rush.served);
        sched_yield();
    }
    for (int i = 0; i < gate_threads; i++)
        thread_join(threads[i]);
    cr_assert_leq(atomic_load(&rush.meter.high), gate_limit);
    uint64_t word = filch__load_acquire(&rush.gate);
    cr_assert(is(word, filch__gate_limit(word), 0, 0, 0, 0), "all permits are back");
    sem_destroy(&rush.served);
}
