/* SPDX-License-Identifier: MIT */
/* slots.h - steps 3 and 4: the children themselves in the deque, which is a stack of slots.
 *
 * 3: the place of the newest is read from the strand. 4: it is a parameter, and stored for thieves. With BARRIER the
 * store is a plain one, and each steal would have to be paid for by a membarrier(2).
 */
#if STEP == 3
#define HEAD
#define PASS(head)
#define PLACE(strand) ((strand)->base + filch__load_relaxed(&(strand)->bottom))
#define NEWEST(strand) (PLACE(strand) - 1)
#else
#define HEAD struct slot *head,
#define PASS(head) head,
#define PLACE(strand) head
#define NEWEST(strand) head
#endif

static bool is_taken(struct strand *strand, struct slot *slot)
{
    uint64_t index = (uint64_t)(slot - strand->base);
#ifdef BARRIER
    filch__store_relaxed(&strand->bottom, index);
    filch__compiler_fence();
    uint64_t top = filch__load_relaxed(&strand->top);
#else
    filch__store_seq_cst(&strand->bottom, index);
    uint64_t top = filch__load_seq_cst(&strand->top);
#endif
    return RARELY((uint32_t)top >= (uint32_t)index) && study_settle(strand, index);
}

static long fib(struct strand *strand, HEAD long n);

static void fib_run(struct strand *strand, struct slot *head, struct slot *slot)
{
    (void)head;
    slot->data[0] = fib(strand, PASS(head) slot->data[0]);
}

static long fib(struct strand *strand, HEAD long n)
{
    if (n < 2)
        return n;
    struct slot *slot = PLACE(strand);
    if (RARELY(slot >= strand->end))
        study_full(strand);
    slot->run = fib_run;
    slot->data[0] = n - 1;
    filch__store_release(&strand->bottom, (uint64_t)(slot + 1 - strand->base));
    long b = fib(strand, PASS(slot + 1) n - 2);
    slot = NEWEST(strand);
    if (!is_taken(strand, slot))
        slot->run(strand, slot, slot);
    return slot->data[0] + b;
}

#if STEP == 3
#define FIB(strand, n) fib(strand, n)
#else
#define FIB(strand, n) fib(strand, (strand)->base, n)
#endif
