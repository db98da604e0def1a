/* SPDX-License-Identifier: MIT */
/* meters.h - what each worker measures of its own doing: latencies (histogram.h), and where its time goes.
 *
 * A worker's life is a row of spells: busy, searching, parked, waiting for a permit, blocked. It turns from one to the next
 * where it sleeps or is about to, so the clock is read nowhere else. What a spell comes to is added up when it ends, and the
 * present one counts up to now, so that a reader sees a worker that has slept for an hour.
 *
 *   since    when the present spell began; 0: its worker is turning
 *   spell    which it is
 *   spent    by spell: the nanoseconds of those that have ended
 *   kept     of a worker that rests because it has laid its permit down for the limit:
 *            0 no such worker   KEPT it is   else: since then others have found nothing to do, so that it is parked rather
 *
 *   step     by            how
 *   turn     the worker    since = 0 (sc), reads the clock, then spent, spell, since (release), in this order
 *   read     anybody       since (acquire), the clock, then spent and spell (acquire), since (sc): again if that is another
 *                          one, or 0
 *   ran out  a worker      kept: KEPT -> its time, CAS
 *            that parks
 *
 * May run together?  turn read "ran out"     (X = never: the worker's own)
 *             turn    X    -    -
 *             read    -    -    -
 * What is read is exact: the spells as they were at one moment, at which also the clock was read. So the spells of a worker
 * add up to its life, and none is ever less than what was read before (but for what a stalled "ran out" moves from one to
 * another). That holds as turn hides the state before it reads the clock: a reader that finds nothing hidden has read the
 * clock before.
 * Orderings
 *   M1 turn: store since 0 (sc), reads the clock, stores  ||  read: reads the clock, loads, load since (sc)
 *      a load that finds `since` as before is earlier than the store, so the reader's time is earlier than the end.
 *   M2 turn: stores of spent and spell (release) -> read: their loads (acquire)
 *      who sees one of them sees `since` hidden, or newer. It is newer by a nanosecond at least, so it is not taken for the
 *      one before.
 *   M3 turn: store since (release) -> read: load since (acquire): all of that turn is seen.
 * Progress: turn is wait-free. read tries again while turns go on, and waits for a worker that was preempted in one, for a
 * second at most: then (a debugger holds it) what it has read may be off by one spell. Memory: 5 histograms.
 * Rejected: one word per spell with its beginning taken off (wait-free to read, but a worker that stalls between its clock and
 * its store lets a reader count on, and then the sum goes back).
 * Checked: tests/model/meters.c.
 */
#ifndef FILCH_METERS_H
#define FILCH_METERS_H

#include "histogram.h"

enum filch__spell {
    FILCH__SPELL_GONE, /* the worker has no thread */
    FILCH__SPELL_BUSY, /* runs tasks, and finds the next one soon */
    FILCH__SPELL_SEARCH,
    FILCH__SPELL_PARKED,
    FILCH__SPELL_PERMIT,  /* waits for a permit of the pool */
    FILCH__SPELL_BLOCKED, /* a body blocks its thread, and has lent its permit */
    FILCH__SPELLS,
};

enum { FILCH__KEPT_NOT, FILCH__KEPT };

struct filch__meters {
    /* owner writes, others read */
    uint64_t since;
    uint32_t spell;
    uint64_t spent[FILCH__SPELLS];
    /* others write */
    uint64_t kept;
#ifndef FILCH_MODEL /* nothing is measured there, and its memory is watched word by word */
    /* owner writes, others read */
    _Alignas(FILCH_CACHELINE) struct filch__histogram latency[FILCH_LATENCIES];
#endif
};

void filch__meters_init(struct filch__meters *meters);

/* Owner. The present spell ends here. */
void filch__meters_turn(struct filch__meters *meters, enum filch__spell spell);

/* Owner, in its permit spell. It rests, and is kept from work by the limit alone. False from forget: others had run out. */
void filch__meters_keep(struct filch__meters *meters);
bool filch__meters_forget(struct filch__meters *meters);
/* Anybody. From now on it rests for want of work. False: it is not kept, or somebody said so already. */
bool filch__meters_ran_out(struct filch__meters *meters);

/* Anybody. Adds each spell's nanoseconds up to now, but for what was before the worker had a thread, and between two. */
void filch__meters_read(const struct filch__meters *meters, uint64_t into_spent[FILCH__SPELLS]);

#endif
