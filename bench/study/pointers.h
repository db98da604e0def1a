/* SPDX-License-Identifier: MIT */
/* pointers.h - steps 1 and 2: records in frames, pointers to them in a ring (Chase and Lev, 2005; Lê et al., 2013).
 *
 * 1: take has the paper's fence. 2: sequentially consistent accesses in its place, as in the library's deque.
 */
static void push(struct strand *strand, struct task *task)
{
    uint64_t bottom = filch__load_relaxed(&strand->bottom);
    uint64_t top = filch__load_acquire(&strand->top);
    struct ring *ring = filch__load_relaxed(&strand->ring);
    if (RARELY(bottom - top > ring->mask)) {
        study_grow(strand);
        ring = filch__load_relaxed(&strand->ring);
    }
    filch__store_relaxed(&ring->items[bottom & ring->mask], task);
    filch__store_release(&strand->bottom, bottom + 1);
}

static struct task *take(struct strand *strand)
{
    uint64_t bottom = filch__load_relaxed(&strand->bottom) - 1;
    struct ring *ring = filch__load_relaxed(&strand->ring);
#if STEP == 1
    filch__store_relaxed(&strand->bottom, bottom);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    uint64_t top = filch__load_relaxed(&strand->top);
#else
    filch__store_seq_cst(&strand->bottom, bottom);
    uint64_t top = filch__load_seq_cst(&strand->top);
#endif
    if (RARELY((int64_t)(bottom - top) <= 0))
        return study_take_last(strand, bottom, top);
    return filch__load_relaxed(&ring->items[bottom & ring->mask]);
}

static long fib(struct strand *strand, long n);

static void fib_run(struct strand *strand, struct task *task)
{
    task->result = fib(strand, task->n);
}

static long fib(struct strand *strand, long n)
{
    if (n < 2)
        return n;
    struct task child = {.run = fib_run, .n = n - 1};
    push(strand, &child);
    long b = fib(strand, n - 2);
    struct task *own = take(strand);
    if (RARELY(!own))
        study_wait(strand, &child);
    else
        own->run(strand, own);
    return child.result + b;
}

#define FIB(strand, n) fib(strand, n)
