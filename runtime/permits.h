/* SPDX-License-Identifier: MIT */
/* permits.h - the permits of a user gate: a counted lock with a line in front of it, first come first served.
 * One word.
 *
 *       63 LINE    somebody stands in line
 *   62..32 held    permits that are out: with who entered, and with who was in line and has been told, or soon is
 *   31..0  limit   permits there are
 *
 *   step      by                                   LINE   held  how
 *   try       who finds held < limit and no LINE           +1   CAS
 *   join      who finds none                       1            CAS under the lock, and the node is linked; or as try
 *   leave     a holder, no LINE                            -1   CAS
 *             ... LINE seen: held > limit, or LINE gone    -1   under the lock
 *             ... LINE                             0 or 1       under the lock: the permit goes to the first in line
 *   abandon   who stands in line                   0 or 1       under the lock
 *   resize    anybody                              0 or 1  +n   CAS under the lock: limit, and the first n are served
 * 0 or 1: LINE goes with the last node.
 *
 * Who finds LINE goes by the lock; so while it is set, the word belongs to the holder of the lock. The line always
 * does. LINE is set only where held >= limit, by the same step, so nobody stands in line for a permit that is free,
 * and nobody overtakes who stands there. Who is taken out of the line holds the permit from then on: it is told
 * outside the lock, and can't abandon any more.
 *
 * May run together? all of them; destroy succeeds only where nobody holds a permit or stands in line.
 * Invariants
 *   I1 no step raises held above limit.   I2 LINE: held >= limit.   I3 whoever takes the lock finds LINE if and only if
 *   there is a node in the line.   I4 who joins and does not abandon is completed once, and holds a permit then.
 * Orderings
 *   P1 leave, resize (release) -> try, join, destroy (acquire). What a holder did before it left, and who resized
 *      before that, is seen by who enters afterwards: each step is a read-modify-write, so the chain from one to the
 *      other does not break.
 *   P2 leave, resize: complete (waiter.h, W1), after the unlock. Who is told sees the same. A sink may take locks that
 *      are held around calls on the gate (hold.c), and nobody is woken only to wait for this one.
 *   P3 The last access of who leaves is its CAS or its unlock, that of who abandons or resizes its unlock; until then
 *      it holds a permit, or stands in line, or has the lock. So destroy, which takes the lock once and then finds
 *      neither permit nor line, is behind all of them: who was served may close the gate at once, and free it.
 * No wake-up is lost: join sets LINE by a CAS on a word without a free permit. Each leave or resize after that finds
 * LINE there and comes by the lock, behind the joiner, whose node is linked by then.
 * Progress: try and leave are lock-free while nobody stands in line; else a lock for a few instructions, for resize as
 * many as it serves. Memory: the nodes are their waiters'.
 * Rejected: counting the line in the word and promising permits before a node is taken, as the pool's gate does: who
 * wants to abandon would meet promises that are nobody's yet. Letting newcomers overtake: fewer hand-overs, no bound.
 * Checked: tests/model/permits.c.
 */
#ifndef FILCH_PERMITS_H
#define FILCH_PERMITS_H

#include "os.h"
#include "waiter.h"

#include <filch/detail/atomic.h>

struct filch__permit_node {
    struct filch__permit_node *next, *previous;
    struct filch__waiter *waiter;
    bool linked;
};

struct filch__permits {
    _Alignas(FILCH_CACHELINE) uint64_t word;
    /* under the lock */
    struct filch__lock lock;
    struct filch__permit_node line; /* a ring through this head */
    size_t waiting;                 /* nodes in it */
};

/* What include/filch/gate.h names. */
struct filch_gate {
    struct filch__permits permits;
    uint32_t generation; /* of the process: counts forks */
};

#define FILCH__PERMITS_LINE ((uint64_t)1 << 63)
#define FILCH__PERMITS_HELD ((uint64_t)1 << 32)
#define FILCH__PERMITS_MAX 0x7fffffffu

static inline uint32_t filch__permits_limit(uint64_t word)
{
    return (uint32_t)word;
}

static inline uint32_t filch__permits_held(uint64_t word)
{
    return (uint32_t)(word / FILCH__PERMITS_HELD) & FILCH__PERMITS_MAX;
}

void filch__permits_init(struct filch__permits *permits, uint32_t limit);
/* False: a permit is held or waited for, and nothing has happened. */
bool filch__permits_destroy(struct filch__permits *permits);

/* In line, unless a permit could be taken at once (true). The waiter has one reference for it, and is completed when a
 * permit has been handed to it. */
bool filch__permits_join(struct filch__permits *permits, struct filch__permit_node *node, struct filch__waiter *waiter);
/* True: out of the line, no permit will come. False: one was handed on; the waiter is completed, or at once will be. */
bool filch__permits_abandon(struct filch__permits *permits, struct filch__permit_node *node);

/* limit <= FILCH__PERMITS_MAX. Who then finds room is served, in order. */
void filch__permits_resize(struct filch__permits *permits, uint32_t limit);

void filch__permits_leave_slow(struct filch__permits *permits);

/* Take a permit, if one is free and nobody waits for it. */
static inline bool filch__permits_try(struct filch__permits *permits)
{
    uint64_t word = filch__load_relaxed(&permits->word);
    while (word / FILCH__PERMITS_HELD < filch__permits_limit(word)) /* LINE makes it larger than any limit */
        if (filch__cas_acquire(&permits->word, &word, word + FILCH__PERMITS_HELD)) /* P1: pairs with leave() */
            return true;
    return false;
}

/* Give a permit back, or to the first in line. Aborts when none is out. */
static inline void filch__permits_leave(struct filch__permits *permits)
{
    uint64_t word = filch__load_relaxed(&permits->word);
    while ((int64_t)word >= (int64_t)FILCH__PERMITS_HELD)                          /* held, and no LINE */
        if (filch__cas_acq_rel(&permits->word, &word, word - FILCH__PERMITS_HELD)) /* P1, P3; pairs with try() */
            return;
    filch__permits_leave_slow(permits);
}

/* Is this a child of fork(2), in which those who hold its permits are not? */
static inline bool filch__gate_stale(const struct filch_gate *gate)
{
    return filch__unlikely(gate->generation != filch__load_relaxed(&filch__generation));
}

#endif
