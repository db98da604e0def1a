/* SPDX-License-Identifier: MIT */
/* study.h - what the steps share: slots, the two ends of a deque, and slow paths that the compiler cannot see into.
 *
 * One thread runs them, so that no slow path is taken but the one for the last item of a deque. What the owner does on
 * the fast path is all that its protocol asks for, as if thieves were there; they would find what they need.
 */
#ifndef FILCH_STUDY_H
#define FILCH_STUDY_H

#include <filch/detail/atomic.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RARELY(condition) __builtin_expect(!!(condition), 0)

enum { STUDY_SLOTS = 4096, STUDY_LINE = 64 };

struct strand;
struct task;
struct slot;

/* Steps 1 and 2: a task's record, in its parent's frame. `done` is its thief's release of the result. */
typedef void task_fn(struct strand *strand, struct task *task);
struct task {
    task_fn *run;
    uint32_t done;
    long n, result;
};

/* From step 3 on: a child with its arguments, 64 bytes. `head`: the first free slot of who runs it. */
typedef void slot_fn(struct strand *strand, struct slot *head, struct slot *slot);
struct slot {
    slot_fn *run;
    uint32_t mark; /* step 5 on: 1 from spawn to sync */
    uint32_t state;
    long data[6]; /* the argument, later the result */
};

struct ring {
    size_t mask;
    struct task *items[STUDY_SLOTS];
};

struct strand {
    /* thieves write. Steps 1, 2: an index. Steps 3, 4: version:32 top:32, as slots are a stack and top goes down too */
    _Alignas(STUDY_LINE) uint64_t top;
    /* the owner writes */
    _Alignas(STUDY_LINE) uint64_t bottom;
    struct ring *ring;
    struct slot *base, *end;
    /* step 5 on: the owner reads, thieves write */
    _Alignas(STUDY_LINE) struct slot *guard; /* a sync below it takes the slow path */
    struct slot *limit;                      /* a spawn at or above it takes the slow path */
};

/* Steps 1 and 2: the ring is full; the last item is left, the owner's if its CAS on top succeeds. */
void study_grow(struct strand *strand);
struct task *study_take_last(struct strand *strand, uint64_t bottom, uint64_t top);
/* Steps 1 and 2: wait until a stolen task is done. */
void study_wait(struct strand *strand, struct task *task);
/* Steps 3 and 4: the child at `index` is the last or stolen. True: it has run, and its result is in its slot. */
bool study_settle(struct strand *strand, uint64_t index);
/* Steps 3 to 6: no slot is left. */
void study_full(struct strand *strand);
/* Steps 5 and 6: below the guard. True: it has run. */
bool study_sync(struct strand *strand, struct slot *slot);

/* Step 7: slow paths that say where the head is after them. */
struct study_joined {
    void *at;
    struct slot *head;
};
struct slot *study_spawn_moving(struct strand *strand, struct slot *slot);
struct study_joined study_sync_moving(struct strand *strand, struct slot *head);
/* A variant of step 7: the head by address. */
void *study_sync_at(struct strand *strand, struct slot **head);
/* Step 8 on: the head is where it would be without them. */
void study_spawn_still(struct strand *strand, struct slot *slot);

#endif
