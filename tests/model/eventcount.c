/* SPDX-License-Identifier: MIT */
/* eventcount.c - models of the event count: whoever makes the condition true and notifies wakes somebody who waits
 * for it; a notification that meets a waiter on its way out is passed on. */
#include "model.h"

static struct filch__eventcount *event;
static uint32_t *available;

static void begin(void)
{
    model_begin(0, FILCH__IDLE);
    available = mc_zalloc(sizeof *available);
    event = mc_zalloc(sizeof *event);
    filch__eventcount_init(event);
    mc_name(available, sizeof *available, "available");
    mc_name(&event->waiters, sizeof event->waiters, "event->waiters");
}

static bool take_one(void)
{
    uint32_t count = filch__load_seq_cst(available);
    do {
        if (!count)
            return false;
    } while (!filch__cas_seq_cst(available, &count, count - 1));
    model_add(0);
    return true;
}

/* Sleep as long as there is nothing. True: notified; *ret_undone: nobody took the node off the list. */
static bool sleep_until(uint64_t deadline_ns, bool look_again, bool *ret_undone)
{
    struct filch__wait wait;
    struct filch__event_node node;
    wait.on = (struct filch__wait_on){.kind = FILCH__ON_ROOM};
    mc_assert(filch__wait_begin(&wait, 1, 0, deadline_ns, NULL) == 0);
    filch__eventcount_add(event, &node, &wait.waiter);
    if (!look_again || !filch__load_seq_cst(available)) /* E1 */
        filch__wait_block(&wait);
    *ret_undone = filch__eventcount_remove(event, &node);
    return !filch__wait_end(&wait, *ret_undone);
}

/* As filch_completions_next. */
static void consume(uint64_t deadline_ns)
{
    while (!take_one()) {
        bool undone;
        if (filch_now_ns() >= deadline_ns)
            return;
        if (sleep_until(deadline_ns, true, &undone))
            continue;
        if (!take_one() && !undone) {
            mc_reached(0);
            filch__eventcount_notify(event);
        }
        return;
    }
}

static void *consumer(void *arg)
{
    consume(FILCH_NO_DEADLINE);
    mc_frames_are_dead();
    return arg;
}

static void *consumer_until(void *arg)
{
    consume(LATE);
    mc_frames_are_dead();
    return arg;
}

static void produce(void)
{
    filch__add_seq_cst(available, 1);
    filch__eventcount_notify(event);
}

MC_MODEL(event_two, "one producer of two || two consumers: both get one", .preemptions = 3, .stale = 2)
{
    begin();
    int a = mc_spawn(consumer, NULL), b = mc_spawn(consumer, NULL);
    produce();
    produce();
    mc_join(a);
    mc_join(b);
    mc_assert(model_count(0) == 2);
}

MC_MODEL(event_timed,
         "a producer || a consumer whose wait ends || one whose wait does not: who leaves in time takes nothing "
         "away",
         .preemptions = 3, .stale = 2, .timeouts = 1)
{
    begin();
    int a = mc_spawn(consumer_until, NULL), b = mc_spawn(consumer, NULL);
    produce();
    mc_join(a);
    if (model_count(0) && !filch__load_seq_cst(available))
        produce();
    mc_join(b);
}

/* It never takes, so its notification is always another's. */
static void *leaver(void *arg)
{
    bool undone;
    sleep_until(LATE, false, &undone);
    mc_frames_are_dead();
    if (!undone) {
        mc_reached(0);
        filch__eventcount_notify(event);
    }
    return arg;
}

MC_MODEL(event_pass_on,
         "a producer || one that leaves at its deadline || a consumer: a notification that came too late for "
         "the first goes to the second",
         .preemptions = 3, .stale = 2, .timeouts = 1)
{
    begin();
    int a = mc_spawn(leaver, NULL), b = mc_spawn(consumer, NULL);
    produce();
    mc_join(a);
    mc_join(b);
    mc_assert(model_count(0) == 1);
}
