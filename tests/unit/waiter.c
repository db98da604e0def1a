/* SPDX-License-Identifier: MIT */
/* waiter.c - the one word in which sources, interrupts and the waiting side meet: one wake, and nobody left behind. */
#include "waiter.h"

#include "support/tasks.h"
#include "support/test.h"

static void count_wake(void *target)
{
    atomic_fetch_add((atomic_int *)target, 1);
}

Test(waiter, any_fires_at_the_first_completion, .timeout = TEST_TIMEOUT)
{
    struct filch__waiter waiter;
    atomic_int wakes = 0;
    filch__waiter_init(&waiter, 3, 0, count_wake, &wakes);
    cr_assert_not(filch__waiter_fired(&waiter));
    cr_assert(filch__waiter_commit(&waiter));
    filch__waiter_complete(&waiter, NULL);
    cr_assert(filch__waiter_fired(&waiter));
    cr_assert_eq(atomic_load(&wakes), 1);
    filch__waiter_complete(&waiter, NULL);
    filch__waiter_complete(&waiter, NULL);
    cr_assert_eq(atomic_load(&wakes), 1, "woken once");
    cr_assert(filch__waiter_release(&waiter, 0));
    cr_assert_eq(filch__waiter_reasons(&waiter), 0);
}

Test(waiter, all_fires_at_the_last_completion, .timeout = TEST_TIMEOUT)
{
    struct filch__waiter waiter;
    atomic_int wakes = 0;
    filch__waiter_init(&waiter, 3, FILCH__WAITER_ALL, count_wake, &wakes);
    filch__waiter_complete(&waiter, NULL);
    cr_assert(filch__waiter_commit(&waiter));
    filch__waiter_complete(&waiter, NULL);
    cr_assert_eq(atomic_load(&wakes), 0);
    filch__waiter_complete(&waiter, NULL);
    cr_assert_eq(atomic_load(&wakes), 1);
    cr_assert(filch__waiter_release(&waiter, 0));
}

Test(waiter, fired_before_the_commit_nobody_is_woken, .timeout = TEST_TIMEOUT)
{
    struct filch__waiter waiter;
    atomic_int wakes = 0;
    filch__waiter_init(&waiter, 1, 0, count_wake, &wakes);
    filch__waiter_complete(&waiter, NULL);
    cr_assert(filch__waiter_fired(&waiter));
    cr_assert_not(filch__waiter_commit(&waiter), "it need not sleep");
    cr_assert_eq(atomic_load(&wakes), 0);
    cr_assert(filch__waiter_release(&waiter, 0));
}

Test(waiter, an_interrupt_fires_and_says_why, .timeout = TEST_TIMEOUT)
{
    const uint32_t reasons[] = {FILCH__WAITER_TIMED_OUT, FILCH__WAITER_CANCELLED};
    for (int i = 0; i < 2; i++) {
        for (int committed = 0; committed <= 1; committed++) {
            struct filch__waiter waiter;
            atomic_int wakes = 0;
            filch__waiter_init(&waiter, 2, FILCH__WAITER_ALL, count_wake, &wakes);
            if (committed)
                cr_assert(filch__waiter_commit(&waiter));
            filch__wake(filch__waiter_interrupt(&waiter, reasons[i]));
            cr_assert(filch__waiter_fired(&waiter));
            cr_assert_eq(atomic_load(&wakes), committed);
            cr_assert_eq(filch__waiter_reasons(&waiter), reasons[i]);
            filch__wake(filch__waiter_interrupt(&waiter, reasons[1 - i]));
            cr_assert_eq(filch__waiter_reasons(&waiter), reasons[i], "the first reason stays");
            filch__waiter_complete(&waiter, NULL);
            cr_assert_eq(atomic_load(&wakes), committed, "woken once at most");
            cr_assert(filch__waiter_release(&waiter, 1), "the other was undone by hand");
        }
    }
}

Test(waiter, release_waits_for_sources_that_are_not_undone, .timeout = TEST_TIMEOUT)
{
    struct filch__waiter waiter;
    atomic_int wakes = 0;
    filch__waiter_init(&waiter, 4, 0, count_wake, &wakes);
    filch__waiter_complete(&waiter, NULL);
    cr_assert_not(filch__waiter_release(&waiter, 1), "two are on their way");
    cr_assert_not(filch__waiter_fired(&waiter));
    filch__waiter_complete(&waiter, NULL);
    cr_assert_not(filch__waiter_fired(&waiter), "it waits for all that are left");
    cr_assert(filch__waiter_commit(&waiter));
    filch__waiter_complete(&waiter, NULL);
    cr_assert_eq(atomic_load(&wakes), 1);
    cr_assert(filch__waiter_fired(&waiter));
    cr_assert(filch__waiter_release(&waiter, 0));
}

static void note_source(void *target, void *source, int status)
{
    cr_assert_eq(status, 0); /* what ends is no future */
    *(void **)target = source;
}

Test(waiter, a_sink_is_told_each_time, .timeout = TEST_TIMEOUT)
{
    void *told = NULL;
    int sources[3];
    struct filch__waiter sink = {.tell = note_source, .target = &told};
    for (int i = 0; i < 3; i++) {
        filch__waiter_complete(&sink, &sources[i]);
        cr_assert_eq(told, &sources[i]);
    }
}

Test(waiter, a_thread_sleeps_until_its_deadline, .timeout = TEST_TIMEOUT)
{
    struct filch__waiter waiter;
    uint64_t deadline_ns = filch_in_ns(FILCH_MS(3));
    filch__waiter_init_thread(&waiter, 1, 0);
    filch__waiter_sleep(&waiter, deadline_ns);
    cr_assert(filch_now_ns() >= deadline_ns);
    cr_assert_eq(filch__waiter_reasons(&waiter), FILCH__WAITER_TIMED_OUT);
    cr_assert(filch__waiter_release(&waiter, 1));
    filch__waiter_init_thread(&waiter, 1, 0);
    filch__waiter_complete(&waiter, NULL);
    filch__waiter_sleep(&waiter, FILCH_NO_DEADLINE); /* fired before: returns at once */
    cr_assert_eq(filch__waiter_reasons(&waiter), 0);
}

/* ---- races: sources, an interrupter and a sleeper, on memory that goes as soon as release says so ---- */

struct source {
    atomic_uintptr_t slot; /* the waiter registered here; taken by exchange */
    atomic_int *go;
};

static void *complete_slot(void *data)
{
    struct source *source = data;
    for (int go, seen = 0;; seen = go) {
        while ((go = atomic_load(source->go)) == seen)
            sched_yield();
        if (go < 0)
            return NULL;
        for (volatile int i = go % 64; i > 0; i--)
            ;
        struct filch__waiter *waiter = (struct filch__waiter *)atomic_exchange(&source->slot, 0);
        if (waiter)
            filch__waiter_complete(waiter, source);
    }
}

/* Each round a new waiter on the heap, registered with two sources; its deadline may come first. What the waiter
 * can take back by exchanging the slot is undone; the rest it must wait for. */
static void race_rounds(uint32_t mode, bool with_deadline)
{
    enum { sources_count = 2 };
    struct source sources[sources_count];
    pthread_t threads[sources_count];
    atomic_int go = 0;
    for (int i = 0; i < sources_count; i++) {
        sources[i].go = &go;
        atomic_init(&sources[i].slot, 0);
        threads[i] = thread_start(complete_slot, &sources[i]);
    }
    for (int round = 1; round <= TEST_SHARE(3000); round++) {
        struct filch__waiter *waiter = malloc(sizeof *waiter);
        must(waiter != NULL);
        filch__waiter_init_thread(waiter, sources_count, mode);
        for (int i = 0; i < sources_count; i++)
            atomic_store(&sources[i].slot, (uintptr_t)waiter);
        atomic_store(&go, round);
        filch__waiter_sleep(waiter, with_deadline ? filch_in_ns((uint64_t)(round % 50) * 200) : FILCH_NO_DEADLINE);
        must(filch__waiter_fired(waiter));
        bool timed_out = filch__waiter_reasons(waiter) == FILCH__WAITER_TIMED_OUT;
        must(timed_out ? with_deadline : true);
        uint32_t undone = 0;
        for (int i = 0; i < sources_count; i++)
            undone += atomic_exchange(&sources[i].slot, 0) != 0;
        must(timed_out || undone < sources_count);
        must(timed_out || !(mode & FILCH__WAITER_ALL) || undone == 0);
        while (!filch__waiter_release(waiter, undone)) {
            undone = 0;
            filch__waiter_sleep(waiter, FILCH_NO_DEADLINE);
        }
        memset(waiter, 0xdd, sizeof *waiter);
        free(waiter);
    }
    atomic_store(&go, -1);
    for (int i = 0; i < sources_count; i++)
        thread_join(threads[i]);
}

Test(waiter, sources_race_for_any, .timeout = TEST_TIMEOUT)
{
    race_rounds(0, false);
}

Test(waiter, sources_race_for_all, .timeout = TEST_TIMEOUT)
{
    race_rounds(FILCH__WAITER_ALL, false);
}

Test(waiter, sources_race_with_a_deadline, .timeout = TEST_TIMEOUT)
{
    race_rounds(0, true);
    race_rounds(FILCH__WAITER_ALL, true);
}
