/* SPDX-License-Identifier: MIT */
/* timer.c - the timekeeper: deadlines fire in order, not early, once; a timer that was removed is nobody's any more. */
#include "timer.h"

#include "support/tasks.h"
#include "support/test.h"

struct alarm {
    struct filch__timer timer;
    atomic_int fired;
    uint64_t at_ns;
    int order;
};

static int fired_so_far; /* written under the keeper's lock */

static void count_wake(void *target)
{
    atomic_fetch_add((atomic_int *)target, 1);
}

static struct filch__wakeup ring(struct filch__timer *timer)
{
    struct alarm *alarm = (struct alarm *)timer;
    alarm->at_ns = filch_now_ns();
    alarm->order = fired_so_far++;
    return (struct filch__wakeup){count_wake, &alarm->fired};
}

static struct filch__timekeeper *keeper_start(void)
{
    static struct filch__timekeeper keeper;
    filch__timekeeper_init(&keeper);
    must(filch__timekeeper_start(&keeper) == 0);
    must(filch__timekeeper_start(&keeper) == 0); /* started already */
    fired_so_far = 0;
    return &keeper;
}

static void keeper_end(struct filch__timekeeper *keeper)
{
    filch__timekeeper_stop(keeper);
    must(filch__timekeeper_start(keeper) == -ESHUTDOWN); /* a pool that is closed starts no thread again */
    filch__timekeeper_destroy(keeper);
}

Test(timer, smoke, .timeout = TEST_TIMEOUT)
{
    struct filch__timekeeper *keeper = keeper_start();
    struct alarm alarm = {.fired = 0};
    uint64_t deadline_ns = filch_in_ns(FILCH_MS(2));
    filch__timer_add(keeper, &alarm.timer, deadline_ns, ring);
    wait_until(atomic_load(&alarm.fired) == 1);
    cr_assert(alarm.at_ns >= deadline_ns, "never early");
    cr_assert_not(filch__timer_remove(keeper, &alarm.timer), "it has fired");
    keeper_end(keeper);
}

Test(timer, starts_and_stops_without_timers, .timeout = TEST_TIMEOUT)
{
    struct filch__timekeeper keeper;
    filch__timekeeper_init(&keeper);
    keeper_end(&keeper); /* never started */
    for (int i = 0; i < TEST_SHARE(200); i++)
        keeper_end(keeper_start());
}

Test(timer, past_deadlines_fire_at_once, .timeout = TEST_TIMEOUT)
{
    struct filch__timekeeper *keeper = keeper_start();
    for (int i = 0; i < 100; i++) {
        struct alarm alarm = {.fired = 0};
        filch__timer_add(keeper, &alarm.timer, (uint64_t)i, ring);
        wait_until(atomic_load(&alarm.fired) == 1);
    }
    keeper_end(keeper);
}

/* An earlier one added later must wake the keeper, which sleeps for the later one. */
Test(timer, an_earlier_one_overtakes, .timeout = TEST_TIMEOUT)
{
    struct filch__timekeeper *keeper = keeper_start();
    struct alarm late = {.fired = 0};
    filch__timer_add(keeper, &late.timer, filch_in_ns(FILCH_S(7200)), ring);
    for (int i = 0; i < 50; i++) {
        struct alarm early = {.fired = 0};
        filch__timer_add(keeper, &early.timer, filch_in_ns(FILCH_US(100)), ring);
        wait_until(atomic_load(&early.fired) == 1);
        cr_assert_eq(atomic_load(&late.fired), 0);
    }
    cr_assert(filch__timer_remove(keeper, &late.timer));
    keeper_end(keeper);
}

/* All within reach of one wake-up, added in a wild order and thinned out: they fire by deadline. */
Test(timer, fire_in_the_order_of_deadlines, .timeout = TEST_TIMEOUT)
{
    enum { count = 3000 };
    static struct alarm alarms[count];
    struct filch__timekeeper *keeper = keeper_start();
    uint64_t start_ns = filch_in_ns(FILCH_MS(300)); /* if the machine is slower, some fire sooner: fewer are compared */
    unsigned seed = 5;
    int removed = 0;
    for (int i = 0; i < count; i++) {
        alarms[i] = (struct alarm){.fired = 0};
        seed = seed * 1103515245 + 12345;
        filch__timer_add(keeper, &alarms[i].timer, start_ns + (seed >> 8) % 100000, ring);
    }
    for (int i = 0; i < count; i += 3)
        removed += filch__timer_remove(keeper, &alarms[i].timer);
    uint64_t all_added_ns = filch_now_ns();
    for (int i = 0; i < count; i++)
        if (i % 3 != 0)
            wait_until(atomic_load(&alarms[i].fired) == 1);
    static struct alarm *by_order[count];
    memset(by_order, 0, sizeof by_order);
    for (int i = 0; i < count; i++)
        if (atomic_load(&alarms[i].fired))
            by_order[alarms[i].order] = &alarms[i];
    if (all_added_ns < start_ns) {
        cr_assert_eq(removed, count / 3);
        cr_assert_eq(fired_so_far, count - count / 3);
        for (int i = 1; i < fired_so_far; i++)
            cr_assert(by_order[i - 1]->timer.deadline_ns <= by_order[i]->timer.deadline_ns);
    }
    keeper_end(keeper);
}

struct timers_race {
    struct filch__timekeeper *keeper;
    unsigned seed;
    int rounds;
};

/* Adds timers in memory that goes as soon as they have fired or been removed. */
static void *add_and_remove(void *data)
{
    struct timers_race *race = data;
    for (int i = 0; i < race->rounds; i++) {
        struct alarm *alarm = calloc(1, sizeof *alarm);
        must(alarm != NULL);
        race->seed = race->seed * 1103515245 + 12345;
        filch__timer_add(race->keeper, &alarm->timer, filch_in_ns((race->seed >> 8) % 40000), ring);
        for (volatile unsigned spin = (race->seed >> 12) % 2000; spin > 0; spin--)
            ;
        if (!filch__timer_remove(race->keeper, &alarm->timer))
            wait_until(atomic_load(&alarm->fired) == 1); /* the wake comes after fire, without the lock */
        else
            must(atomic_load(&alarm->fired) == 0);
        memset(alarm, 0xdd, sizeof *alarm);
        free(alarm);
    }
    return NULL;
}

Test(timer, removing_races_with_firing, .timeout = TEST_TIMEOUT)
{
    struct filch__timekeeper *keeper = keeper_start();
    struct timers_race races[4];
    pthread_t threads[4];
    for (unsigned i = 0; i < 4; i++) {
        races[i] = (struct timers_race){keeper, i, TEST_SHARE(3000)};
        threads[i] = thread_start(add_and_remove, &races[i]);
    }
    for (int i = 0; i < 4; i++)
        thread_join(threads[i]);
    keeper_end(keeper);
}
