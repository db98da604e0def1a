/* SPDX-License-Identifier: MIT */
/* bell.h - a thread sleeps until somebody wants something of it, or until a deadline.
 *
 * What is wanted is said elsewhere, before the bell is rung; ringing takes no lock and no memory, so a signal handler may.
 *
 *   rung    who rings: a futex, counts
 *
 * May run together?  ring  look  wait      (X = never; look and wait: the one thread)
 *             ring    -     -     -
 * Orderings
 *   B1 ring: what is wanted, then rung + 1 (release), then the wake-up  ||  the thread: look (acquire), see what is wanted and do it,
 *      wait while rung is what it was at that look. A ring before the look: the thread sees what was wanted. After it: rung
 *      is another number, or the wake-up finds the thread asleep.
 * Progress: ring is wait-free.
 * Checked: tests/model/bell.c.
 */
#ifndef FILCH_BELL_H
#define FILCH_BELL_H

#include "os.h"

struct filch__bell { /* all zero: it was never rung */
    uint32_t rung;
};

static inline void filch__bell_ring(struct filch__bell *bell)
{
    filch__add_seq_cst(&bell->rung, 1); /* B1 */
    filch__os_futex_wake(&bell->rung, 1);
}

/* What to wait with. */
static inline uint32_t filch__bell_look(const struct filch__bell *bell)
{
    return filch__load_acquire(&bell->rung); /* B1 */
}

/* Until it was rung since that look, or the deadline; may return for no reason. */
static inline void filch__bell_wait(struct filch__bell *bell, uint32_t looked, uint64_t deadline_ns)
{
    filch__os_futex_wait(&bell->rung, looked, deadline_ns);
}

#endif
