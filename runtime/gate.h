/* SPDX-License-Identifier: MIT */
/* gate.h - the pool's admission gate: which workers may run bodies, and whom new work wakes. One word.
 *
 *   63..52 searching   workers that hold a permit and look for work
 *   51..39 claims      threads that wait in line for a permit (a body that blocked its thread goes on; a caller that runs a task)
 *   38..26 parked      workers without a permit that can be woken: each has an entry in the idle stack
 *   25..13 admitted    permits held: by running and searching workers, and by claimants served
 *   12..0  limit       permits there are
 *
 *   step           by                                  searching claims parked admitted
 *   notify         who made work visible, if there is      +1             -1      +1     a parked worker, to be woken
 *                  a free permit and nobody searches       +1                     +1     none parked: a thread to be started
 *   search         a worker that found nothing at once     +1
 *   found          a searching worker with work            -1
 *   park           a worker that found nothing             -1             +1      -1
 *                  ... with claims > 0                     -1      -1     +1             the permit goes to the first in line
 *   yield          a worker between tasks: admitted > limit                       -1     (then it rests)
 *                  ... or claims > 0                               -1                    as above
 *   leave          a body that blocks its thread                                  -1     (or to the first in line)
 *   claim          such a thread, later                                           +1     if admitted < limit
 *                                                                  +1                    else it waits in line
 *   unpark         idle timeout, closing, resize                          -1             to retire or to look again
 *   rest           a worker without a permit parks                        +1
 *   resize         anybody                                  limit changes; then claims and parked are served
 *
 * The limit bounds admitted, so a stolen or resumed task is covered by its worker's permit, and nothing is counted per
 * task. Lowering it leaves admitted above for as long as bodies run on; workers compare the two between tasks (yield).
 * Surplus workers park with their deques full; others steal from them.
 *
 * May run together? all of it. Each step is one CAS on the word, so no step sees another half done.
 * Invariants
 *   I1 no step raises admitted above limit.   I2 searching <= admitted.   I3 parked <= entries in the idle stack;
 *   claims <= entries in the claim line: an entry is pushed before it is counted, and taken after it is uncounted, so
 *   whoever has uncounted one finds one.
 * Orderings (every CAS is seq_cst)
 *   G1 new work: publish (sc: deque D4, inject N2), then notify reads the word (sc)
 *      ||  park, rest, found: CAS on the word (sc), then the worker looks for visible work (sc), and notifies if it
 *      sees any. Either notify sees the worker parked (or no longer searching), or the worker sees the work.
 * Sketch: work W is published, and its notify reads the word and does nothing. Then (a) somebody searches: its next
 * step is found or park, later in S than that read, hence later than W's publication, and it looks again after it; (b)
 * no permit is free: each holder's way to sleep is a park, later in S, after which it looks; or (c) nobody is parked
 * and no thread can be added: some worker is between its permit and its park, and looks after it.
 * Checked: tests/model/gate.c, claim.c, crew.c.
 */
#ifndef FILCH_GATE_INTERNAL_H
#define FILCH_GATE_INTERNAL_H

#include "compiler.h"

enum filch__gate_notify { FILCH__NOTIFY_NONE, FILCH__NOTIFY_WAKE, FILCH__NOTIFY_START };
enum filch__gate_park { FILCH__PARK_NO, FILCH__PARK_PLAIN, FILCH__PARK_SERVED };

void filch__gate_init(uint64_t *gate, unsigned limit);

/* Who made work visible. may_start: a thread could be added. On _START the caller starts one, which holds a permit and
 * searches, or calls filch__gate_leave_search. */
enum filch__gate_notify filch__gate_notify(uint64_t *gate, bool may_start);
static inline bool filch__gate_would_notify(uint64_t word, bool may_start);

bool filch__gate_search(uint64_t *gate); /* false: enough search already */
void filch__gate_found(uint64_t *gate);

/* Lay the permit down. On _SERVED the caller gives it to the first in line. */
enum filch__gate_park filch__gate_park(uint64_t *gate, bool searching);
enum filch__gate_park filch__gate_yield(uint64_t *gate); /* _NO: the caller keeps its permit */
enum filch__gate_park filch__gate_leave(uint64_t *gate); /* without parking */
enum filch__gate_park filch__gate_leave_search(uint64_t *gate);

bool filch__gate_claim(uint64_t *gate); /* false: counted in line */
bool filch__gate_try_admit(uint64_t *gate);
void filch__gate_rest(uint64_t *gate);
bool filch__gate_unpark(uint64_t *gate);

void filch__gate_resize(uint64_t *gate, unsigned limit);
bool filch__gate_serve(uint64_t *gate); /* true: a free permit is the first in line's; the caller gives it */

unsigned filch__gate_limit(uint64_t word);
unsigned filch__gate_admitted(uint64_t word);
unsigned filch__gate_running(uint64_t word); /* admitted and not searching */
unsigned filch__gate_parked(uint64_t word);

enum { FILCH__GATE_LIMIT_MAX = 4096 };

/* The word's layout, here for the checks that run once per task. */
#define FILCH__GATE_ADMITTED ((uint64_t)1 << 13)
#define FILCH__GATE_PARKED ((uint64_t)1 << 26)
#define FILCH__GATE_CLAIM ((uint64_t)1 << 39)
#define FILCH__GATE_SEARCHING ((uint64_t)1 << 52)
#define FILCH__GATE_FIELD ((uint64_t)0x1fff)

/* Between tasks: must the worker lay its permit down? */
static inline bool filch__gate_must_yield(uint64_t word)
{
    uint64_t claims = word & FILCH__GATE_FIELD * FILCH__GATE_CLAIM;
    return filch__unlikely(claims || (word / FILCH__GATE_ADMITTED & FILCH__GATE_FIELD) > (word & FILCH__GATE_FIELD));
}

static inline bool filch__gate_would_notify(uint64_t word, bool may_start)
{
    return word < FILCH__GATE_SEARCHING &&
           (word / FILCH__GATE_ADMITTED & FILCH__GATE_FIELD) < (word & FILCH__GATE_FIELD) &&
           (may_start || word & FILCH__GATE_FIELD * FILCH__GATE_PARKED);
}

#endif
