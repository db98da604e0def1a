/* SPDX-License-Identifier: MIT */
/* strands.c - in a model, what strand.c is elsewhere: stacks from a fixed store, and a current strand for each of the
 * checker's threads, which share one thread of the system.
 *
 * The switch itself is the real one (context.c and its assembler part). While a strand runs, `saved` is NULL: to
 * resume it then is the fault that waiter.h's W3 forbids.
 */
#include "model.h"

#include "context.h"

enum { STRANDS = 16, THREADS = 32 };

static _Alignas(MC_STACK_SIZE) char stacks[STRANDS][MC_STACK_SIZE];
static struct filch__strand *made[STRANDS], *current[THREADS];
static int made_count;

static unseen void reset(void)
{
    made_count = 0;
}

static unseen void thread_begins(int thread)
{
    current[thread] = NULL;
}

__attribute__((constructor)) static void begin(void)
{
    mc_on_reset(reset);
    mc_thread_begins = thread_begins;
}

unseen struct filch__strand *filch__strand_current(void)
{
    return current[mc_self()];
}

unseen void filch__strand_set_current(struct filch__strand *strand)
{
    current[mc_self()] = strand;
}

void filch__strands_init(struct filch__strands *strands, size_t stack_size, const struct filch_allocator *allocator,
                         struct filch_pool *pool, void (*main)(struct filch__strand *, struct filch__strand *))
{
    *strands = (struct filch__strands){.stack_size = stack_size, .main = main, .pool = pool, .allocator = allocator};
    filch__lock_init(&strands->lock);
}

unseen void filch__strands_destroy(struct filch__strands *strands)
{
    for (int i = 0; i < made_count; i++) {
        filch__forkstack_destroy(&made[i]->forks);
        mc_free(made[i]);
    }
    made_count = 0;
    filch__lock_destroy(&strands->lock);
}

static void entry(void *argument)
{
    struct filch__strand *strand = filch__strand_current();
    strand->main(strand, argument);
}

static unseen void *make_context(char *low)
{
    return filch__context_make(low + MC_STACK_SIZE - 64, entry);
}

void filch__strand_reset(struct filch__strands *strands, struct filch__strand *strand)
{
    strand->main = strands->main;
    strand->saved = make_context(strand->low);
    strand->waiting = NULL;
    filch__store_relaxed(&strand->task, NULL);
    filch__store_relaxed(&strand->fn, NULL);
    filch__store_relaxed(&strand->label, NULL);
}

/* The place of one more strand, which it keeps until the pool ends. */
static unseen char *next_stack(struct filch__strand *strand)
{
    if (made_count == STRANDS)
        mc_fail("the model needs more strands than there are stacks");
    made[made_count] = strand;
    return stacks[made_count++];
}

struct filch__strand *filch__strands_get(struct filch__strands *strands)
{
    filch__lock(&strands->lock);
    struct filch__strand *strand = strands->free;
    if (strand) {
        strands->free = strand->next_free;
    } else if ((strand = mc_alloc(sizeof *strand))) {
        *strand = (struct filch__strand){.pool = strands->pool, .id = (uint32_t)strands->count, .guarded = true};
        strand->low = next_stack(strand);
        filch__strand_reset(strands, strand);
        filch__store_relaxed(&strands->count, strands->count + 1);
    }
    filch__unlock(&strands->lock);
    return strand;
}

void filch__strands_put(struct filch__strands *strands, struct filch__strand *strand)
{
    filch__lock(&strands->lock);
    strand->next_free = strands->free;
    strands->free = strand;
    filch__unlock(&strands->lock);
}

unseen void filch__strands_visit(struct filch__strands *strands, void (*visit)(struct filch__strand *strand, void *ctx),
                                 void *ctx)
{
    filch__lock(&strands->lock);
    int count = made_count;
    filch__unlock(&strands->lock);
    for (int i = 0; i < count; i++)
        visit(made[i], ctx);
}

unseen bool filch__strands_has(struct filch__strands *strands, const void *strand)
{
    bool has = false;
    (void)strands;
    for (int i = 0; i < made_count && !has; i++)
        has = made[i] == strand;
    return has;
}

void filch__strand_init_thread(struct filch__strand *strand, struct filch_pool *pool)
{
    *strand = (struct filch__strand){.pool = pool, .thread = true};
}

void filch__strand_enter_thread(struct filch__strand *strand)
{
    (void)strand;
}

struct filch__strand *filch__strand_switch(struct filch__strand *from, struct filch__strand *to)
{
    filch__strand_set_current(to);
    void *saved = to->saved;
    to->saved = NULL;
    if (!saved)
        mc_fail("a strand is resumed while it runs");
    from->saved = NULL; /* for the checker, which does not see the switch store it */
    return filch__context_switch(&from->saved, saved, from);
}

void filch__strand_abandon(struct filch__strand *strand, struct filch__strand *native)
{
    (void)strand;
    filch__strand_set_current(native);
}

void filch__strand_lock(struct filch__strand *strand)
{
    while (filch__load_relaxed(&strand->lock) || filch__exchange_acquire(&strand->lock, 1))
        mc_yield();
}

void filch__strand_unlock(struct filch__strand *strand)
{
    filch__store_release(&strand->lock, 0);
}

void filch__strand_check_canary(const struct filch__strand *strand)
{
    (void)strand;
}
