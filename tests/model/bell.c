/* SPDX-License-Identifier: MIT */
/* bell.c - models of the bell: whoever is rung for does not sleep through it. */
#include "model.h"

#include "bell.h"

static struct filch__bell *bell;
static uint32_t *wanted;

static void *want(void *arg)
{
    filch__store_relaxed(&wanted[(uintptr_t)arg], 1);
    filch__bell_ring(bell);
    return arg;
}

/* Until it has seen as many wishes; one that it sleeps through is a deadlock. */
static void serve(unsigned wishes)
{
    for (;;) {
        uint32_t looked = filch__bell_look(bell), seen = 0;
        for (unsigned i = 0; i < wishes; i++)
            seen += filch__load_relaxed(&wanted[i]);
        mc_reached((int)seen);
        if (seen == wishes)
            return;
        filch__bell_wait(bell, looked, UINT64_MAX);
    }
}

static void begin(void)
{
    bell = mc_zalloc(sizeof *bell);
    wanted = mc_zalloc(2 * sizeof *wanted);
}

static void end(void)
{
    mc_free(bell);
    mc_free(wanted);
}

MC_MODEL(bell_one, "one rings || the thread sleeps until it is served", .preemptions = 4, .stale = 3, .spurious = 1)
{
    begin();
    int ringer = mc_spawn(want, (void *)0);
    serve(1);
    mc_join(ringer);
    end();
}

MC_MODEL(bell_two, "two ring || the thread sleeps until both are served", .preemptions = 3, .stale = 2, .spurious = 1)
{
    begin();
    int first = mc_spawn(want, (void *)0), second = mc_spawn(want, (void *)1);
    serve(2);
    mc_join(first);
    mc_join(second);
    end();
}
