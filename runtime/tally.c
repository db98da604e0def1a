/* SPDX-License-Identifier: MIT */
#include "tally.h"

/* True: the caller wakes the watcher. */
static bool clear_asleep(struct filch__tally *tally)
{
    uint64_t count = filch__load_seq_cst(&tally->count); /* T2 */
    while (count & FILCH__TALLY_ASLEEP)
        if (filch__cas_acquire(&tally->count, &count, count & ~FILCH__TALLY_ASLEEP)) /* T1 */
            return true;
    return false;
}

filch__cold void filch__tally_wake(struct filch__tally *tally)
{
    if (!clear_asleep(tally)) /* another one did, and wakes */
        return;
    filch__add_relaxed(&tally->changes, 1); /* T1 */
    filch__os_futex_wake(&tally->changes, 1);
}

void filch__tally_poke(struct filch__tally *tally)
{
    filch__add_seq_cst(&tally->changes, 1); /* T2 */
    filch__tally_wake(tally); /* by now it may be asleep again, on the new value: then that is moved, too */
}

uint32_t filch__tally_look(const struct filch__tally *tally)
{
    return filch__load_acquire(&tally->changes); /* what was changed before a poke is seen */
}

void filch__tally_watch(struct filch__tally *tally, uint32_t looked, uint64_t sum)
{
    if (!filch__cas_seq_cst(&tally->count, &sum, sum | FILCH__TALLY_ASLEEP)) /* T1, T2 */
        return;
    while (filch__load_seq_cst(&tally->changes) == looked) /* T2 */
        filch__os_futex_wait(&tally->changes, looked, UINT64_MAX);
    (void)clear_asleep(tally);
}
