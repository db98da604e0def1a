/* SPDX-License-Identifier: MIT */
/* pieces.h - how a range is cut into pieces that run in parallel: what for, reduce, scan and invoke share.
 *
 * A range is halved; the upper half is spawned as a child, the lower half is run, then the child is synced. When nobody
 * has taken it, it runs there and then, on the same strand. So the pieces that run on one strand, one after another and
 * in order, are a `run`: the root's, and one more for each child that was stolen. What a body may use while it is alone
 * on a strand belongs to the run: a slot, a sum. So a loop of which nobody takes a part has no shared state but the
 * word that stops it. A piece can tell that it was stolen: its fork stack is not that of the run that it was cut from.
 *
 * With an explicit grain pieces are cut down to single blocks before a body is called. Otherwise the lower half is not
 * cut at first: the body gets one part of it after the other, and only when the upper half is seen to be stolen is the
 * rest cut again (lazy binary splitting: Tzannes, Caragea, Barua, Vishkin, PPoPP 2010). So a range that nobody wants to
 * share costs a few spawns, and one that is shared is cut as small as balance asks for, as each stolen piece is worth a
 * few parts anew.
 *
 * Slots. A slot is held while a body runs, and not while a run waits for a stolen child, or the number of slots in use
 * could exceed that of running bodies. So parent and child settle in piece->state, by one exchange each, who was first:
 *   child  TAKEN    the parent is still at work: the child takes a slot of its own; the parent gives its slot back
 *                   before it waits
 *   parent AWAITED  the parent waits: the child goes on with the parent's slot
 *   P1 parent: exchange (release) -> child: exchange (acquire). run->slot is seen, and what the last body left in its
 *      scratch memory.
 *   P2 give back: subtraction (release) -> take: CAS (acquire). The same for the next holder.
 * A child that is not stolen after all finds AWAITED and does not look. Afterwards the parent takes a slot again when
 * it has a body to call.
 *
 * Sums. The pieces of a run add to one sum; that of a stolen child begins with the identity, and is combined with its
 * parent's, which stands for what lies just before, after the sync.
 */
#ifndef FILCH_PIECES_H
#define FILCH_PIECES_H

#include "compiler.h"
#include "os.h"

#include <filch/fork.h>
#include <filch/parallel.h>

enum {
    FILCH__SUM_NEAR = 64,   /* a sum of so many bytes lies in the frame that it is added to in the end */
    FILCH__SLOT_WORDS = 64, /* of 64 slots; further ones are numbered by a counter and not used again */
};

struct filch__loop;

/* One strand's part of a loop. */
struct filch__run {
    struct filch__loop *loop;
    struct filch__forks *forks;
    void *sum;
    unsigned slot;
    bool has_slot;
    bool first; /* the root's: nothing lies before its next piece but what it has added up */
};

/* For one piece. */
typedef int filch__piece_fn(struct filch__run *run, const struct filch_area *area);

struct filch__slots {
    uint64_t used[FILCH__SLOT_WORDS];
    uint32_t words; /* of `used` that are in use; the others are not initialised */
    struct filch__lock lock;
    unsigned beyond;
};

struct filch__loop {
    /* immutable while it runs */
    filch__piece_fn *call;
    void *user;                          /* what `call` wants to know */
    const struct filch_reducer *reducer; /* NULL: no sums */
    void *ctx;
    struct filch_area all;     /* in blocks */
    struct filch_area indices; /* the same in the user's indices */
    size_t grain[2];           /* rows, columns of a block */
    bool on_demand;            /* no grain was given */
    bool slotted;
    void *sum; /* the first run's */
    /* written once */
    _Alignas(FILCH_CACHELINE) int result;
    struct filch__slots slots;
};

/* 0 or -EINVAL. */
int filch__for_options_check(const struct filch_for_options *options, unsigned flags_known);

/* Set all of *loop but call, user, ctx, slotted and sum. */
void filch__loop_init(struct filch__loop *loop, const struct filch_area *indices, size_t grain, size_t grain_columns);

/* The user's indices of a piece. */
struct filch_area filch__loop_indices(const struct filch__loop *loop, const struct filch_area *area);

/* Runs the loop; loop->result is what it ends with. */
FILCH_VOID_TASK_DECL(filch__loop_task, (struct filch__loop *, loop));

/* The same as a task of the pool: its result, or why it did not run. */
int filch__loop_run(struct filch_pool *pool, struct filch__loop *loop);

/* Calls loop->call for one piece, unless the task was cancelled; stops the loop when it says so. */
void filch__loop_call(struct filch__run *run, const struct filch_area *area);

/* No further body begins. */
void filch__loop_stop(struct filch__loop *loop, int result);

/* Memory for a sum, its value the identity: `near` where it is large enough; NULL when there is none. */
void *filch__sum_get(const struct filch_reducer *reducer, void *near);
void filch__sum_put(const struct filch_reducer *reducer, void *near, void *sum);
void filch__sum_set_identity(const struct filch_reducer *reducer, void *sum);
/* Adds upper to *sum, unless the loop has stopped. */
void filch__loop_combine(struct filch__loop *loop, void *sum, const void *upper);
bool filch__reducer_is_valid(const struct filch_reducer *reducer);

#endif
