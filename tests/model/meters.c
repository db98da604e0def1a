/* SPDX-License-Identifier: MIT */
/* meters.c - models of a worker's spells: whoever reads them finds them as they were at one moment. */
#include "model.h"

#include "meters.h"

static struct filch__meters *meters;
static uint64_t born;

static void begin(void)
{
    meters = mc_zalloc(sizeof *meters);
    filch__meters_init(meters);
    model_clock = mc_zalloc(sizeof *model_clock);
    filch__store_relaxed(model_clock, 1000);
    filch__meters_turn(meters, FILCH__SPELL_BUSY);
    born = filch__load_relaxed(&meters->since);
}

static void end(void)
{
    mc_free(meters);
    mc_free(model_clock);
}

static void *turn_three_times(void *arg)
{
    filch__meters_turn(meters, FILCH__SPELL_PARKED);
    filch__meters_turn(meters, FILCH__SPELL_BUSY);
    filch__meters_turn(meters, FILCH__SPELL_PERMIT);
    return arg;
}

/* Its own clock is read between the first and the last one here, and the spells add up to what it said. */
static void read_whole(uint64_t ret_spent[FILCH__SPELLS])
{
    uint64_t sum = 0, earliest = filch__os_now_ns();
    memset(ret_spent, 0, FILCH__SPELLS * sizeof *ret_spent);
    filch__meters_read(meters, ret_spent);
    for (int i = 0; i < FILCH__SPELLS; i++)
        sum += ret_spent[i];
    mc_assert(sum >= earliest - born && sum <= filch__os_now_ns() - born);
}

static void read_twice(void)
{
    uint64_t before[FILCH__SPELLS], after[FILCH__SPELLS];
    read_whole(before);
    read_whole(after);
    for (int i = 0; i < FILCH__SPELLS; i++)
        mc_assert(after[i] >= before[i]);
    mc_outcome((before[FILCH__SPELL_PARKED] > 0) + 2 * (after[FILCH__SPELL_PARKED] > 0) +
               4 * (after[FILCH__SPELL_PERMIT] > 0));
}

MC_MODEL(meters_read, "a worker turns three times || a reader: what it finds adds up, and is never less than before",
         .preemptions = 4, .stale = 2)
{
    begin();
    int worker = mc_spawn(turn_three_times, NULL);
    read_twice();
    mc_join(worker);
    end();
}

/* ---- kept from work, until another runs out ---- */

static void *run_out(void *arg)
{
    if (filch__meters_ran_out(meters))
        filch__add_relaxed(counter, 1);
    return arg;
}

static void *rest_and_go_on(void *arg)
{
    filch__meters_turn(meters, FILCH__SPELL_PERMIT);
    filch__meters_keep(meters);
    filch__meters_turn(meters, FILCH__SPELL_BUSY);
    if (filch__meters_forget(meters))
        filch__add_relaxed(counter, 1);
    return arg;
}

MC_MODEL(meters_kept,
         "a worker rests for the limit, and goes on || two run out of work || a reader: it is counted off once",
         .preemptions = 2, .stale = 1)
{
    uint64_t spent[FILCH__SPELLS];
    model_begin(0, FILCH__IDLE);
    begin();
    int worker = mc_spawn(rest_and_go_on, NULL), first = mc_spawn(run_out, NULL), second = mc_spawn(run_out, NULL);
    read_whole(spent);
    mc_join(worker);
    mc_join(first);
    mc_join(second);
    read_whole(spent);
    mc_assert(filch__load_relaxed(counter) == 1);
    mc_assert(spent[FILCH__SPELL_PERMIT] + spent[FILCH__SPELL_PARKED] > 0);
    mc_outcome(spent[FILCH__SPELL_PARKED] > 0);
    end();
}
