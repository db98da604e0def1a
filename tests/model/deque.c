/* SPDX-License-Identifier: MIT */
/* deque.c - models of the work-stealing deque: each item is had by exactly one, who sees what it points to.
 *
 * Capacity 2, and indices of 8 bits that begin two below the point where they wrap (FILCH_DEQUE_INDEX_BITS).
 */
#include "model.h"

enum { CAPACITY = 2, ITEMS = 4, FIRST = 254 };

static struct filch__deque *deque;
static uint64_t *payload; /* plain: written before the push, read by whoever has the item */
static int had[ITEMS];

static void *allocate(void *ctx, size_t size)
{
    (void)ctx;
    return mc_alloc(size);
}

static void release(void *ctx, void *memory, size_t size)
{
    (void)ctx, (void)size;
    mc_free(memory);
}

static const struct filch_allocator allocator = {.alloc = allocate, .free = release};

static unseen void count(uintptr_t item)
{
    mc_assert(item >= 1 && item <= ITEMS);
    had[item - 1]++;
}

static unseen void forget(void)
{
    for (int i = 0; i < ITEMS; i++)
        had[i] = 0;
}

static void begin(void)
{
    forget();
    payload = mc_zalloc(ITEMS * sizeof *payload);
    deque = mc_alloc(sizeof *deque);
    mc_assert(filch__deque_init(deque, CAPACITY, &allocator) == 0);
    deque->top = deque->bottom = deque->top_seen = (filch__index)FIRST;
    mc_name(&deque->top, sizeof deque->top, "top");
    mc_name(&deque->bottom, sizeof deque->bottom, "bottom");
    mc_name(&deque->ring, sizeof deque->ring, "ring");
}

static void have(uintptr_t item)
{
    count(item);
    mc_assert(payload[item - 1] == item * 10);
}

static void push(uintptr_t item)
{
    payload[item - 1] = item * 10;
    mc_assert(filch__deque_push(deque, item, &allocator) == 0);
}

static void take(void)
{
    bool more;
    uintptr_t item = filch__deque_take(deque, &more);
    if (item)
        have(item);
}

static void *thief(void *steals)
{
    for (uintptr_t i = (uintptr_t)steals; i-- > 0;) {
        uintptr_t item = 0;
        filch__reclaim_enter();
        enum filch__steal how = filch__deque_steal(deque, &item);
        filch__reclaim_leave();
        mc_reached((int)how);
        if (how == FILCH__STEAL_OK)
            have(item);
        else
            mc_assert(!item);
    }
    return NULL;
}

/* Whatever is left is taken; then everything was had once. */
static unseen void check(int pushed)
{
    for (int i = 0; i < ITEMS; i++)
        mc_assert(had[i] == (i < pushed));
}

static void end(int pushed)
{
    bool more;
    for (uintptr_t item; (item = filch__deque_take(deque, &more));)
        have(item);
    check(pushed);
    mc_assert(!filch__deque_has_items(deque));
    filch__deque_check(deque);
    filch__deque_destroy(deque, &allocator);
    mc_free(deque);
}

MC_MODEL(deque_last, "the owner takes the last item || a thief steals it", .preemptions = MC_ANY, .stale = MC_ANY)
{
    begin();
    push(1);
    int a = mc_spawn(thief, MODEL_ARG(1));
    take();
    mc_join(a);
    end(1);
}

MC_MODEL(deque_1x2,
         "the owner pushes two, takes, pushes and takes || a thief steals twice; slots are used again, indices wrap",
         .preemptions = MC_ANY, .stale = MC_ANY)
{
    begin();
    int a = mc_spawn(thief, MODEL_ARG(2));
    push(1);
    push(2);
    take();
    push(3);
    take();
    mc_join(a);
    end(3);
}

MC_MODEL(deque_2x1, "the owner pushes two and takes twice || two thieves steal one each", .preemptions = 4, .stale = 3)
{
    begin();
    push(1);
    int a = mc_spawn(thief, MODEL_ARG(1)), b = mc_spawn(thief, MODEL_ARG(1));
    push(2);
    take();
    take();
    mc_join(a);
    mc_join(b);
    end(2);
}

MC_MODEL(deque_2x2,
         "the owner has two, takes and pushes || two thieves steal twice: the order of steal's two loads matters",
         .preemptions = 3, .stale = 2)
{
    begin();
    push(1);
    push(2);
    int a = mc_spawn(thief, MODEL_ARG(2)), b = mc_spawn(thief, MODEL_ARG(2));
    take();
    push(3);
    take();
    mc_join(a);
    mc_join(b);
    end(3);
}

/* The retired ring is freed after a grace period, while thieves may still be in their sections. */
static void reclaim(void)
{
    struct filch__deque_ring *retired = filch__deque_take_retired(deque);
    filch__reclaim_synchronize();
    filch__deque_free_retired(retired, &allocator);
}

MC_MODEL(deque_1x2_grow,
         "the owner's third push grows the ring, the old one is freed after a grace period || a thief steals "
         "twice",
         .preemptions = MC_ANY, .stale = MC_ANY)
{
    begin();
    push(1);
    push(2);
    int a = mc_spawn(thief, MODEL_ARG(2));
    push(3);
    if (deque->retired)
        reclaim();
    take();
    take();
    mc_join(a);
    end(3);
}

MC_MODEL(deque_2x2_grow, "the owner's third push grows the ring || two thieves steal twice", .preemptions = 3,
         .stale = 2)
{
    begin();
    push(1);
    push(2);
    int a = mc_spawn(thief, MODEL_ARG(2)), b = mc_spawn(thief, MODEL_ARG(2));
    push(3);
    take();
    mc_join(a);
    mc_join(b);
    end(3);
}

static void *looker(void *ret_seen)
{
    filch__add_seq_cst(counter, 1);
    *(bool *)ret_seen = filch__deque_has_items(deque);
    return NULL;
}

MC_MODEL(deque_notice,
         "the owner pushes, then reads a word || a thread changes the word, then looks for items: one sees the "
         "other (D4; so do notify and a worker that parks)",
         .preemptions = 3, .stale = 3)
{
    begin();
    model_begin(0, FILCH__IDLE);
    bool seen;
    int a = mc_spawn(looker, &seen);
    push(1);
    bool looked = filch__load_seq_cst(counter);
    mc_join(a);
    mc_assert(seen || looked);
    end(1);
}
