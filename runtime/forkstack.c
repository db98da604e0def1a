/* SPDX-License-Identifier: MIT */
#include "forkstack.h"

#include "os.h"

enum {
    PUBLIC_MOST = 0xffff,
#ifdef FILCH_MODEL
    SLOTS_MOST = 8,
    SLOTS_LIMITED = 8,
    SLOTS_LEAST = 8,
    OPEN_MOST = 4,
    TRIM_ABOVE = 8,
#else
    SLOTS_MOST = 1 << 25, /* half of them can be stolen; 2 GiB of address space */
    SLOTS_LIMITED = 1 << 17,
    SLOTS_LEAST = 1 << 13,
    OPEN_MOST = 1024, /* what one opening shows */
    TRIM_ABOVE = 1 << 12,
#endif
};

/* ---- the packed words ---- */

static uint64_t pack(uint64_t version, size_t top, size_t count)
{
    return version << 40 | (uint64_t)top << 16 | count;
}

static uint64_t version_of(uint64_t words)
{
    return words >> 40;
}

static size_t top_of(uint64_t words)
{
    return words >> 16 & 0xffffff;
}

static size_t public_of(uint64_t words)
{
    return words & PUBLIC_MOST;
}

static size_t split_of(uint64_t words)
{
    return top_of(words) + public_of(words);
}

_Static_assert(SLOTS_MOST / 2 <= 1 << 24, "split fits into 24 bits");

static uint32_t mark_of(const struct filch__slot *slot)
{
    return filch__load_acquire(&slot->mark);
}

/* ---- room ---- */

bool filch__forkstack_reserve(struct filch__forkstack *stack)
{
    if (stack->base)
        return true;
    /* Where address space is limited, others need some of it as well. */
    size_t first = filch__os_space_is_limited() ? SLOTS_LIMITED : SLOTS_MOST;
    for (size_t slots = first; slots >= SLOTS_LEAST && !stack->base; slots /= 16) {
        struct filch__slot *base = filch__os_map_stacks(slots * sizeof *base);
        if (!base)
            continue;
        stack->end = base + slots / 2 - 1;
        stack->last = base + slots - 1;
        filch__store_relaxed(&stack->fast.limit, stack->end);
        filch__store_relaxed(&stack->fast.guard, base);
        filch__store_release(&stack->base, base); /* thieves look here first */
    }
    return stack->base;
}

static size_t bytes_of(const struct filch__forkstack *stack)
{
    return (size_t)((char *)(stack->last + 1) - (char *)stack->base);
}

/* One note for each slot. */
static size_t bytes_of_notes(const struct filch__forkstack *stack)
{
    return bytes_of(stack) / sizeof *stack->base * sizeof *stack->spawned;
}

void filch__forkstack_destroy(struct filch__forkstack *stack)
{
    if (stack->spawned)
        filch__os_unmap_stacks(stack->spawned, bytes_of_notes(stack));
    if (stack->base)
        filch__os_unmap_stacks(stack->base, bytes_of(stack));
}

void filch__forkstack_trim(struct filch__forkstack *stack)
{
    struct filch__slot *from = stack->base + TRIM_ABOVE;
    if (from < stack->last && from->run) /* a slot that was never filled reads as zero */
        filch__os_release_pages(from, bytes_of(stack) - TRIM_ABOVE * sizeof *from);
    if (stack->spawned && stack->spawned[TRIM_ABOVE])
        filch__os_release_pages(stack->spawned + TRIM_ABOVE,
                                bytes_of_notes(stack) - TRIM_ABOVE * sizeof *stack->spawned);
}

/* ---- the owner ---- */

/* As a guard: above every slot. */
static struct filch__slot *asked(void)
{
    return (struct filch__slot *)UINTPTR_MAX;
}

struct filch__slot *filch__forkstack_head(const struct filch__forkstack *stack)
{
    size_t low = split_of(filch__load_relaxed(&stack->words)), step = 1;
    size_t most = (size_t)(stack->last - stack->base);
    while (low + step <= most && filch__load_relaxed(&stack->base[low + step - 1].mark)) {
        low += step;
        step *= 2;
    }
    size_t high = low + step <= most ? low + step - 1 : most; /* all below low are marked, and none from high on */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (filch__load_relaxed(&stack->base[middle].mark))
            low = middle + 1;
        else
            high = middle;
    }
    return stack->base + low;
}

/* False, with *words read again, when a thief was faster. */
static bool set_public(struct filch__forkstack *stack, uint64_t *words, size_t top, size_t split)
{
    struct filch__slot *guard = stack->full || stack->watched ? asked() : stack->base + split;
    filch__store_relaxed(&stack->fast.guard, guard);                                                 /* first: I2 */
    return filch__cas_seq_cst(&stack->words, words, pack(version_of(*words) + 1, top, split - top)); /* S3, S8 */
}

/* Where the public part is to end: as it is, or with half of the children below `head` when there is none to be had. */
static size_t new_split(uint64_t words, size_t head, bool share)
{
    size_t split = split_of(words), half = (head - split + 1) / 2;
    if (!share || public_of(words))
        return split;
    return split + (half < PUBLIC_MOST ? half : PUBLIC_MOST);
}

static bool show(struct filch__forkstack *stack, size_t head, bool all)
{
    uint64_t words = filch__load_acquire(&stack->words);
    size_t split;
    do {
        split = new_split(words, head, true);
        if (all)
            split = head - top_of(words) < PUBLIC_MOST ? head : top_of(words) + PUBLIC_MOST;
    } while (!set_public(stack, &words, top_of(words), split));
    return split > top_of(words);
}

bool filch__forkstack_share(struct filch__forkstack *stack, struct filch__slot *head)
{
    return show(stack, (size_t)(head - stack->base), false);
}

bool filch__forkstack_open_all(struct filch__forkstack *stack)
{
    struct filch__slot *head = filch__forkstack_head(stack);
    uint64_t words = filch__load_relaxed(&stack->words);
    if (!public_of(words) && head == stack->base + split_of(words))
        return false;
    return show(stack, (size_t)((head < stack->end ? head : stack->end) - stack->base), true);
}

void filch__forkstack_set_full(struct filch__forkstack *stack, bool full)
{
    uint64_t words = filch__load_acquire(&stack->words);
    stack->full = full;
    while (!set_public(stack, &words, top_of(words), split_of(words)))
        ;
}

void filch__forkstack_watch(struct filch__forkstack *stack, bool watched)
{
    if (watched && !stack->spawned)
        stack->spawned = filch__os_map_stacks(bytes_of_notes(stack));
    stack->watched = watched && stack->spawned;
    filch__forkstack_set_full(stack, stack->full);
    filch__forkstack_unask_spawn(stack, false);
}

enum filch__sync filch__forkstack_sync(struct filch__forkstack *stack, struct filch__slot *slot, bool share)
{
    size_t i = (size_t)(slot - stack->base);
    uint64_t words = filch__load_acquire(&stack->words);
    while (top_of(words) <= i) {
        size_t top = top_of(words);
        /* A public child is taken back with half of those before it, which are likely to be next. */
        size_t split = split_of(words) <= i ? new_split(words, i, share) : top + (i - top) / 2;
        if (set_public(stack, &words, top, split))
            return FILCH__SYNC_OWN;
    }
    /* A failed CAS has left the guard lowered without a new version: an opener that raised it may count marks that a sync
     * before this one is still clearing (S2). */
    while (!set_public(stack, &words, i + 1, i + 1))
        ;
    return FILCH__SYNC_STOLEN;
}

bool filch__forkstack_is_done(const struct filch__slot *slot)
{
    return filch__load_acquire(&slot->state) == FILCH__CHILD_DONE; /* S4 */
}

void filch__forkstack_joined(struct filch__forkstack *stack, struct filch__slot *slot)
{
    size_t i = (size_t)(slot - stack->base);
    uint64_t words = filch__load_acquire(&stack->words);
    filch__store_relaxed(&slot->state, 0);
    while (!set_public(stack, &words, i, i)) /* all below is stolen, too (I3) */
        ;
}

bool filch__forkstack_await(struct filch__slot *slot)
{
    uint32_t state = filch__load_acquire(&slot->state);
    while (state != FILCH__CHILD_DONE)
        if (filch__cas_acq_rel(&slot->state, &state, FILCH__CHILD_WAITING))
            return true;
    return false;
}

struct filch__forkstack *filch__forkstack_thief(const struct filch__slot *slot)
{
    if (filch__load_acquire(&slot->state) != FILCH__CHILD_TAKEN) /* S5 */
        return NULL;
    return (struct filch__forkstack *)filch__load_relaxed(&slot->run);
}

const void *filch__forkstack_taker(const struct filch__slot *slot)
{
    return filch__forkstack_is_done(slot) ? NULL : (const void *)filch__load_relaxed(&slot->run);
}

/* ---- thieves ---- */

void filch__forkstack_ask_spawn(struct filch__forkstack *stack)
{
    filch__store_seq_cst(&stack->fast.limit, NULL);
}

bool filch__forkstack_spawn_is_asked(const struct filch__forkstack *stack)
{
    return !filch__load_relaxed(&stack->fast.limit);
}

void filch__forkstack_unask_spawn(struct filch__forkstack *stack, bool come_by)
{
    filch__store_seq_cst(&stack->fast.limit, come_by || stack->watched ? stack->base : stack->end);
}

void filch__forkstack_ask(struct filch__forkstack *stack)
{
    struct filch__slot *unasked = stack->end;
    filch__store_seq_cst(&stack->fast.guard, asked());
    (void)filch__cas_acq_rel(&stack->fast.limit, &unasked, stack->base); /* a sleeper's request stays */
}

bool filch__forkstack_is_asked(const struct filch__forkstack *stack)
{
    return filch__load_relaxed(&stack->fast.guard) == asked();
}

struct filch__slot *filch__forkstack_steal(struct filch__forkstack *stack, const struct filch__slot *awaited)
{
    struct filch__slot *base = filch__load_acquire(&stack->base);
    uint64_t words = filch__load_acquire(&stack->words); /* S1 */
    if (!base || !public_of(words))
        return NULL;
    if (awaited && filch__load_acquire(&awaited->state) == FILCH__CHILD_DONE)
        return NULL; /* S7 */
    uint64_t rest = pack(version_of(words), top_of(words) + 1, public_of(words) - 1);
    return filch__cas_acq_rel(&stack->words, &words, rest) ? base + top_of(words) : NULL;
}

filch__task_fn *filch__forkstack_taken(struct filch__slot *slot, struct filch__forkstack *to)
{
    uint32_t untaken = 0;
    filch__task_fn *run = (filch__task_fn *)slot->run;
    filch__store_relaxed(&slot->run, (uintptr_t)to);
    (void)filch__cas_acq_rel(&slot->state, &untaken, FILCH__CHILD_TAKEN); /* S5; else its parent sleeps by now */
    return run;
}

bool filch__forkstack_finish(struct filch__slot *slot)
{
    return filch__exchange_acq_rel(&slot->state, FILCH__CHILD_DONE) == FILCH__CHILD_WAITING; /* S4 */
}

static bool is_child(const struct filch__forkstack *stack, size_t i)
{
    return stack->base + i < stack->end && mark_of(&stack->base[i]) & FILCH__MARK_CHILD;
}

bool filch__forkstack_has_public(const struct filch__forkstack *stack)
{
    return public_of(filch__load_relaxed(&stack->words)) > 0;
}

bool filch__forkstack_has_children(const struct filch__forkstack *stack)
{
    if (!filch__load_acquire(&stack->base))
        return false;
    uint64_t words = filch__load_seq_cst(&stack->words); /* S8 */
    return public_of(words) > 0 ||
           (filch__os_has_barrier() && !filch__load_relaxed(&stack->opening) && is_child(stack, split_of(words)));
}

static size_t count_children(const struct filch__forkstack *stack, size_t from, size_t most)
{
    size_t count = 0;
    while (count < most && is_child(stack, from + count))
        count++;
    return count;
}

static void raise_guard(struct filch__forkstack *stack, struct filch__slot *to)
{
    struct filch__slot *guard = filch__load_relaxed(&stack->fast.guard);
    while (guard < to && !filch__cas_acq_rel(&stack->fast.guard, &guard, to))
        ;
}

bool filch__forkstack_open(struct filch__forkstack *stack)
{
    if (!filch__load_acquire(&stack->base))
        return false;
    uint64_t words = filch__load_acquire(&stack->words);
    size_t split = split_of(words), valid = 0;
    if (public_of(words) || !filch__os_has_barrier() || !is_child(stack, split) ||
        filch__load_relaxed(&stack->opening) || filch__exchange_acquire(&stack->opening, 1))
        return false;
    size_t want = (count_children(stack, split, 2 * OPEN_MOST) + 1) / 2;
    if (want) {
        raise_guard(stack, stack->base + split + want);
        filch__os_barrier(); /* S2: pairs with sync */
        valid = count_children(stack, split, want);
        if (valid && !filch__cas_seq_cst(&stack->words, &words, pack(version_of(words), top_of(words), valid)))
            valid = 0;
    }
    filch__store_release(&stack->opening, 0);
    return valid > 0;
}

/* ---- at rest ---- */

void filch__forkstack_check(const struct filch__forkstack *stack)
{
    if (!stack->base)
        return;
    uint64_t words = filch__load_acquire(&stack->words);
    size_t head = (size_t)(filch__forkstack_head(stack) - stack->base);
    if (split_of(words) > head || stack->fast.guard < stack->base + split_of(words))
        filch__os_die("fork stack I1, I2: split is neither above the head nor above the guard");
}
