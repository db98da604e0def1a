/* SPDX-License-Identifier: MIT */
/* private.h - step 5 on: a mark in the slot, and a word that says below which slot thieves may have been.
 *
 * 5: the child is called through its slot. 6: by its name. 7: thieves' requests and the end of the slots in one word,
 * read when the mark is there; the slow paths say where the head is. 8: the head is not moved by them, and with clang
 * registers survive a spawn's. 9: the code may be inlined into itself.
 */
#if STEP >= 8 && defined(__clang__) && !defined(PLAIN_CALLS)
/* void, as clang before 16 restores the register of the result as well. */
static __attribute__((preserve_most, cold, noinline)) void spawn_slow(struct strand *strand, struct slot *slot)
{
    study_spawn_still(strand, slot);
}
#elif STEP >= 8
#define spawn_slow study_spawn_still
#endif

#if STEP == 9
#define BODY static inline
#else
#define BODY static
#endif

/* With clang at step 9, a ring of three functions: it inlines one into another, and none into itself. */
#if STEP == 9 && defined(__clang__) && !defined(NO_RING)
#define RING 1
#else
#define RING 0
#endif

static void fib_run(struct strand *strand, struct slot *head, struct slot *slot);
BODY long fib(struct strand *strand, struct slot *head, long n);
#if RING
BODY long fib_1(struct strand *strand, struct slot *head, long n);
BODY long fib_2(struct strand *strand, struct slot *head, long n);
#endif

static inline __attribute__((always_inline)) long call(int level, struct strand *strand, struct slot *head, long n)
{
#if RING
    if (level == 0)
        return fib_1(strand, head, n);
    if (level == 1)
        return fib_2(strand, head, n);
#endif
    (void)level;
    return fib(strand, head, n);
}

static inline struct slot *spawn(struct strand *strand, struct slot *slot, long n)
{
#if STEP <= 6
    if (RARELY(slot >= strand->end))
        study_full(strand);
#endif
    slot->data[0] = n;
#ifdef MERGED
    filch__store_release(&slot->run, fib_run); /* is the mark, too */
#else
    slot->run = fib_run;
    filch__store_release(&slot->mark, 1);
#endif
#if STEP >= 7
    filch__compiler_fence();
#if STEP == 7
    if (RARELY(slot >= filch__load_relaxed(&strand->limit)))
        return study_spawn_moving(strand, slot);
#else
    if (RARELY(slot >= filch__load_relaxed(&strand->limit)))
        spawn_slow(strand, slot);
#endif
#endif
    return slot + 1;
}

/* Not NULL: the child has run, and its result is there. */
static inline long *sync_newest(struct strand *strand, struct slot **head)
{
    struct slot *slot = *head - 1;
#ifdef MERGED
    filch__store_relaxed(&slot->run, NULL);
#else
    filch__store_relaxed(&slot->mark, 0);
#endif
    filch__compiler_fence();
#ifdef BY_ADDRESS
    if (RARELY(slot < filch__load_relaxed(&strand->guard))) {
        struct slot *after = *head;
        long *at = study_sync_at(strand, &after);
        *head = after;
        return at;
    }
#elif STEP == 7
    if (RARELY(slot < filch__load_relaxed(&strand->guard))) {
        struct study_joined joined = study_sync_moving(strand, *head);
        *head = joined.head;
        return joined.at;
    }
#else
    if (RARELY(slot < filch__load_relaxed(&strand->guard)) && study_sync(strand, slot))
        return slot->data;
#endif
    *head = slot;
    return NULL;
}

static inline __attribute__((always_inline)) long code(int level, struct strand *strand, struct slot *head, long n)
{
    if (n < 2)
        return n;
    head = spawn(strand, head, n - 1);
    long b = call(level, strand, head, n - 2);
    long *at = sync_newest(strand, &head);
    if (RARELY(at != NULL))
        return *at + b;
#if STEP == 5
    head->run(strand, head, head);
    return head->data[0] + b;
#else
    return call(level, strand, head, head->data[0]) + b;
#endif
}

BODY long fib(struct strand *strand, struct slot *head, long n)
{
    return code(0, strand, head, n);
}

#if RING
BODY long fib_1(struct strand *strand, struct slot *head, long n)
{
    return code(1, strand, head, n);
}

BODY long fib_2(struct strand *strand, struct slot *head, long n)
{
    return code(2, strand, head, n);
}
#endif

static void fib_run(struct strand *strand, struct slot *head, struct slot *slot)
{
    slot->data[0] = fib(strand, head, slot->data[0]);
}

#define FIB(strand, n) fib(strand, (strand)->base, n)
