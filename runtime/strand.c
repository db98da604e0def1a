/* SPDX-License-Identifier: MIT */
#include "strand.h"

#include "context.h"

#include <filch/detail/atomic.h>

#include <stdio.h>
#include <string.h>

#ifdef FILCH_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#endif

enum {
    SLAB_BYTES = 64 << 20, /* of address space at a time */
    CANARY_WORDS = 8,
};
static const uint64_t canary = 0x6c6974746c65626f;

struct filch__slab {
    struct filch__slab *next;
    char *base;
    size_t count; /* stacks there is room for */
    size_t used;  /* handed out so far, written under the lock */
};

static _Thread_local struct filch__strand *current __attribute__((tls_model("initial-exec")));

filch__noinline struct filch__strand *filch__strand_current(void)
{
    __asm__ volatile(""); /* keeps the call: the thread may be another one than at the last call */
    return current;
}

filch__noinline void filch__strand_set_current(struct filch__strand *strand)
{
    __asm__ volatile("");
    current = strand;
}

void filch__strands_init(struct filch__strands *strands, size_t stack_size, const struct filch_allocator *allocator,
                         struct filch_pool *pool, void (*main)(struct filch__strand *, struct filch__strand *))
{
    *strands = (struct filch__strands){.stack_size = stack_size, .main = main, .pool = pool, .allocator = allocator};
    filch__lock_init(&strands->lock);
}

static struct filch__strand *strand_at(const struct filch__strands *strands, const struct filch__slab *slab, size_t i)
{
    char *top = slab->base + (i + 1) * strands->stack_size;
    return (struct filch__strand *)(void *)(top - sizeof(struct filch__strand));
}

/* What sanitizers know of a stack: its fiber, and that it may hold the only pointer to something. */
static void strand_announce(struct filch__strand *strand)
{
#ifdef FILCH_TSAN
    strand->tsan_fiber = __tsan_create_fiber(0);
#endif
#ifdef FILCH_ASAN
    strand->asan_bottom = strand->low;
    strand->asan_size = (size_t)((char *)strand - strand->low);
    __lsan_register_root_region(strand->low, strand->asan_size);
#endif
    (void)strand;
}

static void strand_forget(struct filch__strand *strand)
{
#ifdef FILCH_TSAN
    __tsan_destroy_fiber(strand->tsan_fiber);
#endif
#ifdef FILCH_ASAN
    __lsan_unregister_root_region(strand->low, (size_t)((char *)strand - strand->low));
#endif
    (void)strand;
}

void filch__strands_destroy(struct filch__strands *strands)
{
    while (strands->slabs) {
        struct filch__slab *slab = strands->slabs;
        strands->slabs = slab->next;
        size_t bytes = slab->count * strands->stack_size;
        for (size_t i = 0; i < slab->used; i++) {
            filch__forkstack_destroy(&strand_at(strands, slab, i)->forks);
            strand_forget(strand_at(strands, slab, i));
        }
        filch__os_unmap_stacks(slab->base, bytes);
        strands->allocator->free(strands->allocator->ctx, slab, sizeof *slab);
    }
    filch__lock_destroy(&strands->lock);
}

static struct filch__slab *map_slab(struct filch__strands *strands)
{
    struct filch__slab *slab = strands->allocator->alloc(strands->allocator->ctx, sizeof *slab);
    if (!slab)
        return NULL;
    size_t count = SLAB_BYTES / strands->stack_size;
    if (!count)
        count = 1;
    char *base;
    while (!(base = filch__os_map_stacks(count * strands->stack_size)) && count > 1)
        count = count / 4 ? count / 4 : 1; /* address space may be limited */
    if (!base) {
        strands->allocator->free(strands->allocator->ctx, slab, sizeof *slab);
        return NULL;
    }
    *slab = (struct filch__slab){.base = base, .count = count, .next = strands->slabs};
    strands->slabs = slab;
    return slab;
}

/* What a thread did on one strand is before what it does on the next. ThreadSanitizer takes strands for threads, and is
 * told so; not by the switch itself, which would also order strands that were handed to another thread too early. */
static filch__noinline void thread_edge(bool leaving)
{
    if (leaving)
        filch__tsan_release(&current);
    else
        filch__tsan_acquire(&current);
}

static void strand_entry(void *argument)
{
    struct filch__strand *from = argument;
    thread_edge(false);
    struct filch__strand *strand = filch__strand_current();
#ifdef FILCH_ASAN
    __sanitizer_finish_switch_fiber(NULL, &from->asan_bottom, &from->asan_size);
#endif
    strand->main(strand, from);
}

void filch__strand_reset(struct filch__strands *strands, struct filch__strand *strand)
{
    strand->main = strands->main;
    strand->saved = filch__context_make(strand, strand_entry);
#ifdef FILCH_ASAN
    /* Frames that were left without their epilogues: of its last user, or of whatever this memory was mapped as before
     * (in a child of fork(2): the stack of a thread that is no more). */
    __asan_unpoison_memory_region(strand->asan_bottom, strand->asan_size);
#endif
    strand->asan_fake = NULL;
    strand->waiting = NULL;
    filch__store_relaxed(&strand->task, NULL);
    filch__store_relaxed(&strand->fn, NULL);
    filch__store_relaxed(&strand->label, NULL);
}

static struct filch__strand *make_strand_locked(struct filch__strands *strands)
{
    struct filch__slab *slab = strands->slabs;
    if ((!slab || slab->used == slab->count) && !(slab = map_slab(strands)))
        return NULL;
    size_t page = filch__os_page_size();
    struct filch__strand *strand = strand_at(strands, slab, slab->used);
    char *bottom = slab->base + slab->used * strands->stack_size;
    *strand = (struct filch__strand){.pool = strands->pool, .id = (uint32_t)strands->count};
    strand->guarded = filch__os_guard_page(bottom);
    strand->low = strand->guarded ? bottom + page : bottom;
    if (!strand->guarded) {
        for (int i = 0; i < CANARY_WORDS; i++)
            ((uint64_t *)(void *)bottom)[i] = canary;
        filch__store_relaxed(&strands->unguarded, strands->unguarded + 1);
    }
    strand_announce(strand);
    filch__strand_reset(strands, strand);
    slab->used++;
    filch__store_relaxed(&strands->count, strands->count + 1);
    return strand;
}

struct filch__strand *filch__strands_get(struct filch__strands *strands)
{
    filch__lock(&strands->lock);
    struct filch__strand *strand = strands->free;
    if (strand)
        strands->free = strand->next_free;
    else
        strand = make_strand_locked(strands);
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

void filch__strands_visit(struct filch__strands *strands, void (*visit)(struct filch__strand *strand, void *ctx),
                          void *ctx)
{
    filch__lock(&strands->lock);
    struct filch__slab *slab = strands->slabs;
    size_t used = slab ? slab->used : 0;
    filch__unlock(&strands->lock);
    while (slab) { /* slabs are added in front and stay */
        for (size_t i = 0; i < used; i++)
            visit(strand_at(strands, slab, i), ctx);
        slab = slab->next;
        used = slab ? slab->used : 0;
    }
}

bool filch__strands_has(struct filch__strands *strands, const void *strand)
{
    bool has = false;
    filch__lock(&strands->lock);
    for (const struct filch__slab *slab = strands->slabs; slab && !has; slab = slab->next)
        has = (const char *)strand >= slab->base && (const char *)strand < slab->base + slab->used * strands->stack_size;
    filch__unlock(&strands->lock);
    return has;
}

void filch__strand_init_thread(struct filch__strand *strand, struct filch_pool *pool)
{
    *strand = (struct filch__strand){.pool = pool, .thread = true};
}

void filch__strand_enter_thread(struct filch__strand *strand)
{
#ifdef FILCH_TSAN
    strand->tsan_fiber = __tsan_get_current_fiber();
#else
    (void)strand;
#endif
}

struct filch__strand *filch__strand_switch(struct filch__strand *from, struct filch__strand *to)
{
    filch__strand_check_canary(from);
#ifdef FILCH_ASAN
    __sanitizer_start_switch_fiber(&from->asan_fake, to->asan_bottom, to->asan_size);
#endif
    filch__strand_set_current(to);
    void *saved = to->saved, *fiber = to->tsan_fiber;
    thread_edge(true);
#ifdef FILCH_TSAN /* no access is instrumented from here to the other side */
    __tsan_switch_to_fiber(fiber, __tsan_switch_to_fiber_no_sync);
#endif
    (void)fiber;
    struct filch__strand *before = filch__context_switch(&from->saved, saved, from);
#ifdef FILCH_ASAN
    __sanitizer_finish_switch_fiber(from->asan_fake, &before->asan_bottom, &before->asan_size);
#endif
    thread_edge(false);
    return before;
}

void filch__strand_abandon(struct filch__strand *strand, struct filch__strand *native)
{
    void *fiber = native->tsan_fiber;
    filch__strand_set_current(native);
    if (strand == native)
        return;
#ifdef FILCH_ASAN
    /* Back on the thread's stack by unwinding, not by a switch; its frames were left without their epilogues. */
    __sanitizer_start_switch_fiber(NULL, native->asan_bottom, native->asan_size);
    __sanitizer_finish_switch_fiber(NULL, NULL, NULL);
    __asan_unpoison_memory_region(native->asan_bottom, native->asan_size);
#endif
    thread_edge(true);
#ifdef FILCH_TSAN
    __tsan_switch_to_fiber(fiber, __tsan_switch_to_fiber_no_sync);
#endif
    (void)fiber;
    thread_edge(false);
}

void filch__strand_lock(struct filch__strand *strand)
{
    for (int spins = 0; filch__load_relaxed(&strand->lock) || filch__exchange_acquire(&strand->lock, 1); spins++)
        if (spins < 100)
            filch__os_pause();
        else
            filch__os_yield();
}

void filch__strand_unlock(struct filch__strand *strand)
{
    filch__store_release(&strand->lock, 0);
}

void filch__strand_check_canary(const struct filch__strand *strand)
{
    if (filch__likely(strand->guarded || strand->thread))
        return;
    for (int i = 0; i < CANARY_WORDS; i++)
        if (((const uint64_t *)(const void *)strand->low)[i] != canary)
            filch__os_die("the stack of a task without a guard page overflowed");
}
