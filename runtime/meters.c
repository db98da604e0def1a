/* SPDX-License-Identifier: MIT */
#include "meters.h"

#include "os.h"

#include <string.h>

enum {
#ifdef FILCH_MODEL
    SPINS = 0,
#else
    SPINS = 100, /* of a reader that finds the worker turning; then it lets others run */
#endif
    TRIES = 1000000, /* about a second */
};

void filch__meters_init(struct filch__meters *meters)
{
    memset(meters, 0, sizeof *meters);
    meters->since = 1; /* not turning; and gone, so that it does not matter when that began */
}

/* A spell from `since` to `now` ends; or is read while it lasts. */
static void account(uint64_t spent[FILCH__SPELLS], uint32_t spell, uint64_t since, uint64_t now, uint64_t kept)
{
    if (spell == FILCH__SPELL_PERMIT && kept > FILCH__KEPT && kept < now) {
        uint64_t parked_at = kept > since ? kept : since;
        spent[FILCH__SPELL_PARKED] += now - parked_at;
        now = parked_at;
    }
    spent[spell] += now - since;
}

void filch__meters_turn(struct filch__meters *meters, enum filch__spell spell)
{
    uint64_t spent[FILCH__SPELLS], since = meters->since;
    filch__store_seq_cst(&meters->since, 0); /* M1: before the clock is read; pairs with read */
    uint64_t now = filch__os_now_ns();
    if (now <= since)
        now = since + 1;
    memcpy(spent, meters->spent, sizeof spent);
    account(spent, meters->spell, since, now, filch__load_relaxed(&meters->kept));
    for (int i = 0; i < FILCH__SPELLS; i++)
        if (spent[i] != meters->spent[i])
            filch__store_release(&meters->spent[i], spent[i]); /* M2 */
    filch__store_release(&meters->spell, (uint32_t)spell);     /* M2 */
    filch__store_release(&meters->since, now);                 /* M3 */
}

/* ---- a worker that the limit keeps from work ---- */

void filch__meters_keep(struct filch__meters *meters)
{
    filch__store_relaxed(&meters->kept, FILCH__KEPT);
}

bool filch__meters_forget(struct filch__meters *meters)
{
    return filch__exchange_acq_rel(&meters->kept, FILCH__KEPT_NOT) == FILCH__KEPT;
}

bool filch__meters_ran_out(struct filch__meters *meters)
{
    uint64_t kept = FILCH__KEPT;
    return filch__load_relaxed(&meters->kept) == FILCH__KEPT &&
           filch__cas_relaxed(&meters->kept, &kept, filch__os_now_ns());
}

/* ---- reading ---- */

static bool try_read(const struct filch__meters *meters, uint64_t ret_spent[FILCH__SPELLS])
{
    uint64_t since = filch__load_acquire(&meters->since); /* M3 */
    uint64_t now = filch__os_now_ns();
    for (int i = 0; i < FILCH__SPELLS; i++)
        ret_spent[i] = filch__load_acquire(&meters->spent[i]); /* M2 */
    uint32_t spell = filch__load_acquire(&meters->spell);      /* M2 */
    bool whole = filch__load_seq_cst(&meters->since) == since; /* M1 */
    if (since && now > since)
        account(ret_spent, spell, since, now, filch__load_relaxed(&meters->kept));
    return whole && since;
}

void filch__meters_read(const struct filch__meters *meters, uint64_t into_spent[FILCH__SPELLS])
{
    uint64_t spent[FILCH__SPELLS];
    for (int tries = 0; !try_read(meters, spent) && tries < TRIES; tries++)
        if (tries < SPINS)
            filch__os_pause();
        else
            filch__os_yield();
    for (int i = FILCH__SPELL_GONE + 1; i < FILCH__SPELLS; i++)
        into_spent[i] += spent[i];
}
