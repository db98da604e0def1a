/* SPDX-License-Identifier: MIT */
/* strand.c - stacks and the switch between them: arguments, registers, alignment, caches, guard pages. */
#include "strand.h"

#include "context.h"
#include "support/tasks.h"
#include "support/test.h"

static void *plain_alloc(void *ctx, size_t size)
{
    atomic_fetch_add((atomic_int *)ctx, 1);
    return malloc(size);
}

static void plain_free(void *ctx, void *memory, size_t size)
{
    (void)size;
    atomic_fetch_sub((atomic_int *)ctx, 1);
    free(memory);
}

static atomic_int blocks;
static const struct filch_allocator plain = {plain_alloc, plain_free, &blocks};

/* ---- the bare switch; sanitizers have to be told of every stack, which strands do ---- */

static struct {
    void *outside, *inside;
    int rounds;
    uintptr_t alignment;
} bare;

static void bare_entry(void *argument)
{
    bare.alignment = (uintptr_t)__builtin_frame_address(0) % 16;
    for (int i = 0;; i++) {
        must((int)(intptr_t)argument == i);
        bare.rounds++;
        argument = filch__context_switch(&bare.inside, bare.outside, (void *)(intptr_t)(i * 2));
    }
}

Test(context, passes_arguments_both_ways, .timeout = TEST_TIMEOUT)
{
    if (TEST_SANITIZED)
        test_skip("sanitizers follow strands, not bare switches");
    enum { size = 64 * 1024 };
    char *stack = aligned_alloc(64, size);
    cr_assert_not_null(stack);
    memset(&bare, 0, sizeof bare);
    bare.inside = filch__context_make(stack + size, bare_entry);
    for (int i = 0; i < 100000; i++)
        must(filch__context_switch(&bare.outside, bare.inside, (void *)(intptr_t)i) == (void *)(intptr_t)(i * 2));
    cr_assert_eq(bare.rounds, 100000);
    cr_assert_eq(bare.alignment, 0);
    free(stack);
}

/* ---- strands ---- */

static struct filch__strand home;
static int entries;

/* Each strand adds up what comes back to it, in locals. */
static void strand_main(struct filch__strand *strand, struct filch__strand *from)
{
    uint64_t switches = 0;
    entries++;
    for (;;) {
        char local[200];
        memset(local, (int)strand->id, sizeof local);
        must(filch__strand_current() == strand);
        switches++;
        strand->next_free = (struct filch__strand *)(uintptr_t)switches; /* ours while the strand is not in the cache */
        from = filch__strand_switch(strand, from);
        for (size_t i = 0; i < sizeof local; i++)
            must(local[i] == (char)strand->id);
    }
}

static void strands_begin(struct filch__strands *strands)
{
    entries = 0;
    atomic_store(&blocks, 0);
    filch__strands_init(strands, 64 * 1024, &plain, NULL, strand_main);
    filch__strand_init_thread(&home, NULL);
    filch__strand_enter_thread(&home);
    filch__strand_set_current(&home);
}

static void strands_end(struct filch__strands *strands)
{
    filch__strand_set_current(NULL);
    filch__strands_destroy(strands);
    cr_assert_eq(atomic_load(&blocks), 0);
}

Test(strand, smoke, .timeout = TEST_TIMEOUT)
{
    struct filch__strands strands;
    strands_begin(&strands);
    struct filch__strand *strand = filch__strands_get(&strands);
    cr_assert_not_null(strand);
    for (uintptr_t i = 1; i <= 1000; i++) {
        cr_assert_eq(filch__strand_switch(&home, strand), strand, "comes back from where it went");
        cr_assert_eq(filch__strand_current(), &home);
        cr_assert_eq((uintptr_t)strand->next_free, i);
    }
    cr_assert_eq(entries, 1);
    filch__strands_put(&strands, strand);
    strands_end(&strands);
}

Test(strand, many_keep_their_locals_apart, .timeout = TEST_TIMEOUT)
{
    enum { most = 2000 };
    static struct filch__strand *all[most];
    int count = TEST_SHARE(most);
    struct filch__strands strands;
    strands_begin(&strands);
    for (int i = 0; i < count; i++)
        must((all[i] = filch__strands_get(&strands)) != NULL);
    for (int round = 1; round <= 5; round++)
        for (int i = 0; i < count; i++) {
            int which = i * 7 % count;
            must(filch__strand_switch(&home, all[which]) == all[which]);
        }
    cr_assert_eq(entries, count);
    cr_assert_eq(strands.count, (uint64_t)count);
    for (int i = 0; i < count; i++)
        filch__strands_put(&strands, all[i]);
    for (int i = 0; i < count; i++)
        must((all[i] = filch__strands_get(&strands)) != NULL);
    cr_assert_eq(strands.count, (uint64_t)count, "the stacks of the first time");
    strands_end(&strands);
}

Test(strand, reset_starts_over, .timeout = TEST_TIMEOUT)
{
    struct filch__strands strands;
    strands_begin(&strands);
    struct filch__strand *strand = filch__strands_get(&strands);
    for (int i = 1; i <= 10; i++) {
        cr_assert_eq(filch__strand_switch(&home, strand), strand);
        cr_assert_eq((uintptr_t)strand->next_free, 1);
        cr_assert_eq(entries, i);
        filch__strand_reset(&strands, strand);
    }
    strands_end(&strands);
}

static struct filch__strand *ring_next[8];

/* Strands that go round among themselves, not through the thread. */
static void ring_main(struct filch__strand *strand, struct filch__strand *from)
{
    (void)from;
    for (int i = 0; i < 1000; i++)
        from = filch__strand_switch(strand, ring_next[strand->id % 8]);
    for (;;)
        from = filch__strand_switch(strand, &home);
}

Test(strand, go_round_among_themselves, .timeout = TEST_TIMEOUT)
{
    struct filch__strands strands;
    struct filch__strand *all[8];
    strands_begin(&strands);
    strands.main = ring_main;
    for (int i = 0; i < 8; i++) {
        all[i] = filch__strands_get(&strands);
        must(all[i] != NULL && all[i]->id == (uint32_t)i);
    }
    for (int i = 0; i < 8; i++)
        ring_next[i] = all[(i + 1) % 8];
    struct filch__strand *last = filch__strand_switch(&home, all[0]);
    cr_assert_eq(last, all[0], "the first to have gone round a thousand times");
    strands_end(&strands);
}

static void count_strand(struct filch__strand *strand, void *ctx)
{
    must(strand->guarded || strand->low != NULL);
    *(int *)ctx += 1;
}

Test(strand, visit_meets_each_once, .timeout = TEST_TIMEOUT)
{
    struct filch__strands strands;
    int visited = 0;
    strands_begin(&strands);
    for (int i = 0; i < 100; i++)
        must(filch__strands_get(&strands) != NULL);
    filch__strands_visit(&strands, count_strand, &visited);
    cr_assert_eq(visited, 100);
    strands_end(&strands);
}
