/* SPDX-License-Identifier: MIT */
/* tally.c - models of a progress's count: the watcher comes to see the last state, and sleeps while nothing changes. */
#include "model.h"

#include "tally.h"

static struct filch__tally *tally;
static uint32_t *poked;

static void *add_one(void *arg)
{
    filch__tally_add(tally, 1);
    return arg;
}

static void *add_twice(void *arg)
{
    filch__tally_add(tally, 1);
    filch__tally_add(tally, 1);
    return arg;
}

static void *poke_once(void *arg)
{
    filch__store_relaxed(poked, 1);
    filch__tally_poke(tally);
    return arg;
}

/* As progress.c's thread, without the pauses: until it has shown the last state. A wake-up that is lost is a deadlock. */
static void watch(uint64_t last_sum, uint32_t last_poked)
{
    uint64_t shown = 0;
    for (;;) {
        uint32_t looked = filch__tally_look(tally);
        uint64_t sum = filch__tally_sum(tally);
        mc_assert(sum >= shown);
        shown = sum;
        if (shown == last_sum && filch__load_relaxed(poked) == last_poked)
            return;
        filch__tally_watch(tally, looked, shown);
        mc_reached((int)shown);
    }
}

static void begin(void)
{
    tally = mc_zalloc(sizeof *tally);
    poked = mc_zalloc(sizeof *poked);
}

static void end(void)
{
    mc_free(tally);
    mc_free(poked);
}

MC_MODEL(tally_adds, "three additions by two tasks || the watcher: it sees the last sum, asleep or awake",
         .preemptions = 3, .stale = 2, .spurious = 1)
{
    begin();
    int a = mc_spawn(add_one, NULL), b = mc_spawn(add_twice, NULL);
    watch(3, 0);
    mc_join(a);
    mc_join(b);
    end();
}

MC_MODEL(tally_poke, "an addition, and a change beside it || the watcher: it sees both", .preemptions = 4,
         .stale = 2, .spurious = 1)
{
    begin();
    int a = mc_spawn(add_one, NULL), b = mc_spawn(poke_once, NULL);
    watch(1, 1);
    mc_join(a);
    mc_join(b);
    end();
}
