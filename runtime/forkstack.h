/* SPDX-License-Identifier: MIT */
/* forkstack.h - the spawned children of one strand: a stack that its owner uses without a locked instruction, and that
 * thieves take from at the other end, also where the owner shows them nothing.
 *
 * Split deques: Dinan et al., SC 2009; Lace (van Dijk, van de Pol, 2014): slots with their arguments, a direct call.
 * Differs: thieves open the private part by force (membarrier(2)), so that no work is hidden behind a long body, and the
 * owner never waits for a thief. Slots do not move; their address space is reserved at the first use.
 *
 *   base .......... top .......... split ......... head .......... end .......... last
 *      stolen          public         private         empty           called at once
 *
 * State     written by
 *   words   63..40 version, 39..16 top, 15..0 public = split - top.  Thief: CAS top + 1 (steal); CAS split (open).
 *           Owner: CAS, version + 1 (sync, share). Only the owner lowers top or split, and never without a new version.
 *   guard   a slot. Syncs below it take the slow path. Owner: store, then its CAS on words; thieves: raise only. Above all
 *           slots when a thief that looks on asks, while slots from `end` on are in use, and while the stack is watched
 *   limit   a slot. Spawns at or above it take the slow path. `end`; or `base` when a thief that looks on asks, and while the
 *           stack is watched; or NULL when somebody asks who then sleeps. Anybody
 *   opening thieves: one at a time opens, the others only try
 *   head    the owner alone knows it: it travels as a parameter
 *   slots   `mark` and data by the owner; `run` (whereto it was stolen), the result and `state` by its thief; `state`
 *           WAITING by the owner
 *   state   0 -> TAKEN (thief, CAS) -> DONE (thief, exchange), or 0, TAKEN -> WAITING (owner, CAS) -> DONE
 *
 * May run together?  spawn sync share  steal open ask      spawn, sync, share, open_all: the owner, or, while the strand
 *   owner's           X    X    X       -     -   -        is suspended, whoever holds it
 *   thieves'          -    -    -       -     X   -
 *
 * Invariants   (filch__forkstack_check asserts those that can be seen at rest)
 *   I1 base <= top <= split <= head. A slot from split to head is marked, but for one that is just being synced; one from
 *      head on is not. An awaited child is below split, so that the head is found above it.
 *   I2 guard >= split, but for an owner between its store of guard and its CAS.
 *   I3 a stolen slot and all below it are stolen: top is above it.
 *
 * Orderings
 *   S1 spawn: fill, mark (release) -> open: mark (acquire), CAS words (release) -> steal: words (acquire).  share: CAS
 *      words (release) -> steal. The thief sees the child it takes.
 *   S2 sync: mark = 0, light barrier, load guard  ||  open: raise guard, membarrier, load marks.
 *      Either the sync sees the guard and goes through its CAS, or the thief sees the mark gone and does not publish it.
 *   S3 sync below the guard: guard = split, CAS words with a new version  ||  open, steal: CAS words. One fails; the
 *      thief that lost has looked at marks that no longer count, the owner that lost looks again.
 *   S4 finish: state DONE (release, exchange) -> sync: state (acquire). The result is seen, and the slot is the owner's.
 *   S5 steal: run, state TAKEN (release) -> parent: state (acquire). Then `run` tells who works on it.
 *   S6 spawn: mark, light barrier, load limit  ||  ask: limit = NULL, membarrier, load marks (a worker's last look
 *      before sleeping). Either the spawn sees who asks, or the sleeper sees the child.
 *   S7 leapfrog: load words (acquire), load the awaited child's state, CAS words. If the state was not DONE, what was
 *      public is below that child: children that its strand had before it are stolen, I3, and later ones are spawned
 *      after DONE, so that a reader of such words sees DONE too.
 *   S8 share, open: CAS words (sc) -> last look: load words (sc). With gate.h, G1.
 * Progress: spawn and sync are wait-free but for a sync's CAS that a thief's made fail, each such thief having taken or
 * opened something. Steal, open: lock-free; open gives up when another thief opens.
 * Memory: slots are committed page by page, and given back when a root that used many ends.
 * A version that comes round (2^24 slow syncs) while a thief stands between its load and its CAS would be taken for the
 * old one; then top and public would have to be the same, too. For a steal that is right; for an open it is not, and that
 * thief would have stood still for some tenth of a second and met one of 16 million.
 * Checked: tests/model/forkstack.c.
 */
#ifndef FILCH_FORKSTACK_H
#define FILCH_FORKSTACK_H

#include "compiler.h"

#include <filch/detail/fork.h>

enum {
    FILCH__CHILD_TAKEN = 1,
    FILCH__CHILD_WAITING = 2, /* the parent is asleep: who finishes wakes it */
    FILCH__CHILD_DONE = 3,
};

struct filch__waiter;
struct filch_future;

struct filch__forkstack {
    /* the owner reads them on every spawn and sync; thieves write them */
    _Alignas(FILCH_CACHELINE) struct filch__forks fast;
    /* owner only */
    bool full;    /* slots from `end` on are in use: every sync is to take the slow path */
    bool watched; /* a trace is taken: every spawn and every sync is to take it */
    bool fresh;   /* the strand has begun, or gone on, and not been by answer() yet (join.c) */
    /* immutable once reserved; base is NULL before. Thieves read it as they look around */
    _Alignas(FILCH_CACHELINE) struct filch__slot *base;
    struct filch__slot *end;  /* from here on slots hold the results of children that were called at once */
    struct filch__slot *last; /* it is filled before a spawn finds that it is too many */
    uint64_t *spawned;        /* by slot: what its owner noted at the spawn; NULL: it was never watched. Owner only */
    /* owner; others read */
    uint32_t active;              /* a typed task is on this strand */
    struct filch_future *task;    /* of which its children are a part */
    struct filch__waiter *joiner; /* the parent that is WAITING */
    uint64_t spawner;             /* key of the instance in a trace that spawns now; 0: none */
    /* thieves write */
    _Alignas(FILCH_CACHELINE) uint64_t words;
    uint32_t opening;
};

/* Reserve the slots, once; false when there is no memory. As much as the address space lets have, so that they do not
 * move. */
bool filch__forkstack_reserve(struct filch__forkstack *stack);
void filch__forkstack_destroy(struct filch__forkstack *stack);
/* Owner, when the stack is empty: give back the pages that many children have touched. */
void filch__forkstack_trim(struct filch__forkstack *stack);

/* The owner's first empty slot. Also of a strand that is suspended. */
struct filch__slot *filch__forkstack_head(const struct filch__forkstack *stack);

enum filch__sync {
    FILCH__SYNC_OWN,    /* nobody has stolen it: the caller runs it */
    FILCH__SYNC_STOLEN, /* the caller waits until it is done, then calls filch__forkstack_joined */
};
/* Owner: settle whose the newest child is, its mark cleared. share: show half of the private children below it. */
enum filch__sync filch__forkstack_sync(struct filch__forkstack *stack, struct filch__slot *slot, bool share);
bool filch__forkstack_is_done(const struct filch__slot *slot);
void filch__forkstack_joined(struct filch__forkstack *stack, struct filch__slot *slot);
/* Owner, of a stolen child: it is going to sleep. False: the child is done. */
bool filch__forkstack_await(struct filch__slot *slot);
/* Owner, of a stolen child: the stack of the strand that works on it; NULL: not known yet. */
struct filch__forkstack *filch__forkstack_thief(const struct filch__slot *slot);

/* Of a child that its owner waits for: the stack of the strand that works on it; NULL: it is done. While it is not known
 * it is the address of something else. */
const void *filch__forkstack_taker(const struct filch__slot *slot);

/* Owner: show half of the children below `head`, when none is public. True: one is. */
bool filch__forkstack_share(struct filch__forkstack *stack, struct filch__slot *head);
/* Owner, about to be suspended: show all. True: one is public. */
bool filch__forkstack_open_all(struct filch__forkstack *stack);
/* Owner, when the stack is empty: from now on every spawn and every sync takes the slow path, or no more. */
void filch__forkstack_watch(struct filch__forkstack *stack, bool watched);
/* Owner: slots from `end` on are in use, or not any more. */
void filch__forkstack_set_full(struct filch__forkstack *stack, bool full);

/* Who goes to sleep, or the owner itself: the next spawn takes the slow path, whoever asks besides. */
void filch__forkstack_ask_spawn(struct filch__forkstack *stack);
bool filch__forkstack_spawn_is_asked(const struct filch__forkstack *stack);
/* A thief that looks on: the next spawn and the next sync take the slow path. */
void filch__forkstack_ask(struct filch__forkstack *stack);
bool filch__forkstack_is_asked(const struct filch__forkstack *stack);
/* Owner: no spawn need take it; or, come_by, all of them, on nobody's request. */
void filch__forkstack_unask_spawn(struct filch__forkstack *stack, bool come_by);

/* Thief: take the oldest public child, or NULL. `awaited`: only while that child of the thief's is not done (S7); may be
 * NULL. */
struct filch__slot *filch__forkstack_steal(struct filch__forkstack *stack, const struct filch__slot *awaited);
/* Thief: the child's code; it is going to run on the strand of `to`. */
filch__task_fn *filch__forkstack_taken(struct filch__slot *slot, struct filch__forkstack *to);
/* Thief, when none is public: show half of the private children, without the owner. True: it has shown one. */
bool filch__forkstack_open(struct filch__forkstack *stack);
/* Thief, when the child has run. True: its parent sleeps, and is to be woken. */
bool filch__forkstack_finish(struct filch__slot *slot);

bool filch__forkstack_has_public(const struct filch__forkstack *stack);
/* Is there a child to be stolen: public, or private and nobody opens? */
bool filch__forkstack_has_children(const struct filch__forkstack *stack);

/* Assert the invariants; no other thread is at the stack. */
void filch__forkstack_check(const struct filch__forkstack *stack);

#endif
