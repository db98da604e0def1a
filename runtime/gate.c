/* SPDX-License-Identifier: MIT */
#include "gate.h"

#include <filch/detail/atomic.h>

#define ADMITTED FILCH__GATE_ADMITTED
#define PARKED FILCH__GATE_PARKED
#define CLAIM FILCH__GATE_CLAIM
#define SEARCHING FILCH__GATE_SEARCHING
#define FIELD FILCH__GATE_FIELD

_Static_assert(FILCH__GATE_LIMIT_MAX <= FIELD, "a field holds the largest pool");

static unsigned claims_of(uint64_t word)
{
    return (unsigned)(word / CLAIM & FIELD);
}

static unsigned searching_of(uint64_t word)
{
    return (unsigned)(word / SEARCHING);
}

unsigned filch__gate_limit(uint64_t word)
{
    return (unsigned)(word & FIELD);
}

unsigned filch__gate_admitted(uint64_t word)
{
    return (unsigned)(word / ADMITTED & FIELD);
}

unsigned filch__gate_running(uint64_t word)
{
    return filch__gate_admitted(word) - searching_of(word);
}

unsigned filch__gate_parked(uint64_t word)
{
    return (unsigned)(word / PARKED & FIELD);
}

void filch__gate_init(uint64_t *gate, unsigned limit)
{
    filch__store_relaxed(gate, limit);
}

enum filch__gate_notify filch__gate_notify(uint64_t *gate, bool may_start)
{
    uint64_t word = filch__load_seq_cst(gate); /* G1: after the work was published; pairs with park() */
    for (;;) {
        if (!filch__gate_would_notify(word, may_start))
            return FILCH__NOTIFY_NONE;
        bool wake = filch__gate_parked(word) > 0;
        if (filch__cas_seq_cst(gate, &word, word + SEARCHING + ADMITTED - (wake ? PARKED : 0)))
            return wake ? FILCH__NOTIFY_WAKE : FILCH__NOTIFY_START;
    }
}

bool filch__gate_search(uint64_t *gate)
{
    uint64_t word = filch__load_relaxed(gate);
    do {
        if (2 * searching_of(word) >= filch__gate_admitted(word) && searching_of(word))
            return false; /* half of the admitted are enough to find what there is */
    } while (!filch__cas_seq_cst(gate, &word, word + SEARCHING));
    return true;
}

void filch__gate_found(uint64_t *gate)
{
    filch__sub_seq_cst(gate, SEARCHING); /* G1 */
}

/* Give a permit back: to the first in line, if there is one. `also` is added in the same step. */
static enum filch__gate_park give_back(uint64_t *gate, uint64_t also)
{
    uint64_t word = filch__load_relaxed(gate);
    for (;;) {
        bool served = claims_of(word) && filch__gate_admitted(word) <= filch__gate_limit(word);
        if (filch__cas_seq_cst(gate, &word, word + also - (served ? CLAIM : ADMITTED))) /* G1 */
            return served ? FILCH__PARK_SERVED : FILCH__PARK_PLAIN;
    }
}

enum filch__gate_park filch__gate_park(uint64_t *gate, bool searching)
{
    return give_back(gate, PARKED - (searching ? SEARCHING : 0));
}

enum filch__gate_park filch__gate_leave(uint64_t *gate)
{
    return give_back(gate, 0);
}

enum filch__gate_park filch__gate_leave_search(uint64_t *gate)
{
    return give_back(gate, -SEARCHING);
}

enum filch__gate_park filch__gate_yield(uint64_t *gate)
{
    uint64_t word = filch__load_relaxed(gate);
    for (;;) {
        if (!filch__gate_must_yield(word))
            return FILCH__PARK_NO;
        bool surplus = filch__gate_admitted(word) > filch__gate_limit(word);
        if (filch__cas_seq_cst(gate, &word, word - (surplus ? ADMITTED : CLAIM))) /* G1 */
            return surplus ? FILCH__PARK_PLAIN : FILCH__PARK_SERVED;
    }
}

bool filch__gate_try_admit(uint64_t *gate)
{
    uint64_t word = filch__load_relaxed(gate);
    do {
        if (filch__gate_admitted(word) >= filch__gate_limit(word))
            return false;
    } while (!filch__cas_seq_cst(gate, &word, word + ADMITTED));
    return true;
}

bool filch__gate_claim(uint64_t *gate)
{
    uint64_t word = filch__load_relaxed(gate);
    for (;;) {
        bool admit = filch__gate_admitted(word) < filch__gate_limit(word);
        if (filch__cas_seq_cst(gate, &word, word + (admit ? ADMITTED : CLAIM)))
            return admit;
    }
}

void filch__gate_rest(uint64_t *gate)
{
    filch__add_seq_cst(gate, PARKED); /* G1 */
}

bool filch__gate_unpark(uint64_t *gate)
{
    uint64_t word = filch__load_relaxed(gate);
    do {
        if (!filch__gate_parked(word))
            return false;
    } while (!filch__cas_seq_cst(gate, &word, word - PARKED));
    return true;
}

void filch__gate_resize(uint64_t *gate, unsigned limit)
{
    uint64_t word = filch__load_relaxed(gate);
    while (!filch__cas_seq_cst(gate, &word, (word & ~FIELD) | limit))
        ;
}

bool filch__gate_serve(uint64_t *gate)
{
    uint64_t word = filch__load_relaxed(gate);
    do {
        if (!claims_of(word) || filch__gate_admitted(word) >= filch__gate_limit(word))
            return false;
    } while (!filch__cas_seq_cst(gate, &word, word - CLAIM + ADMITTED));
    return true;
}
