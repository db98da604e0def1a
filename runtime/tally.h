/* SPDX-License-Identifier: MIT */
/* tally.h - a count that many add to, and one watcher that sleeps while it stands still.
 *
 *   count    63 ASLEEP   the watcher sleeps, or is about to: whoever adds next wakes it
 *         62..0 the sum
 *   changes  a futex: goes up with each wake-up
 *
 *   step                 by                    how
 *   + n                  add                   fetch-and-add (relaxed); its old value says whether to wake
 *   ASLEEP               the watcher           CAS from the sum that it has shown; fails when there is more
 *   ASLEEP cleared       an add that saw it    CAS; then changes + 1, and a wake-up
 *                        poke                  changes + 1; then as an add that saw it
 *                        the watcher, woken    CAS
 *
 * May run together?  add add poke poke watch      (one watcher)
 * No wake-up is lost. Adds and the watcher's step to sleep are read-modify-writes of one word, so an add is either before
 * it, and the CAS fails, or behind it, and sees ASLEEP. Of those that see it one clears it, and moves `changes`:
 *   T1 watch: load changes, then CAS ASLEEP (release)  ||  add: CAS clears ASLEEP (acquire), then adds to changes.
 *      So the watcher sleeps on a value of before that addition, and the futex does not let it, or wakes it.
 *   T2 watch: CAS ASLEEP (sc), load changes (sc)  ||  poke: adds to changes (sc), loads ASLEEP (sc).
 *      Either the watcher sees the change, or poke sees that it has to wake it.
 * Nothing is published through the count: an add orders nothing.
 * Progress: add is wait-free while the watcher is awake; one system call by one of them when it sleeps.
 * Rejected: a flag beside the count: then each add would have to be sequentially consistent, and read it.
 * Checked: tests/model/tally.c.
 */
#ifndef FILCH_TALLY_H
#define FILCH_TALLY_H

#include "os.h"

#include <filch/detail/atomic.h>

#define FILCH__TALLY_ASLEEP ((uint64_t)1 << 63)

struct filch__tally {
    uint64_t count;
    uint32_t changes;
};

void filch__tally_wake(struct filch__tally *tally);

static inline void filch__tally_add(struct filch__tally *tally, uint64_t n)
{
    if (filch__unlikely(filch__add_relaxed(&tally->count, n) & FILCH__TALLY_ASLEEP))
        filch__tally_wake(tally);
}

static inline uint64_t filch__tally_sum(const struct filch__tally *tally)
{
    return filch__load_relaxed(&tally->count) & ~FILCH__TALLY_ASLEEP;
}

/* Something else has changed that the watcher wants to see. */
void filch__tally_poke(struct filch__tally *tally);

/* The watcher: before it looks at anything; then sleep until something is another than it was, which is `sum` and what
 * pokes are for. */
uint32_t filch__tally_look(const struct filch__tally *tally);
void filch__tally_watch(struct filch__tally *tally, uint32_t looked, uint64_t sum);

#endif
