/* SPDX-License-Identifier: MIT */
/* ledger.h - an allocator that counts, checks the sizes that come back, and fails where it is told to. */
#ifndef TESTS_LEDGER_H
#define TESTS_LEDGER_H

#include "tasks.h"
#include "test.h"

/* Counts, and fails from a chosen allocation on, or only there. */
struct ledger {
    atomic_long blocks, bytes, allocations;
    atomic_long fail_at;  /* 0: never; n: the n-th from now */
    atomic_bool fail_all; /* and all later ones */
    atomic_long failed;
};

struct header {
    _Alignas(16) size_t size;
};

static inline void *ledger_alloc(void *ctx, size_t size)
{
    struct ledger *ledger = ctx;
    long nth = atomic_fetch_add(&ledger->allocations, 1) + 1, fail_at = atomic_load(&ledger->fail_at);
    if (fail_at != 0 && (nth == fail_at || (nth > fail_at && atomic_load(&ledger->fail_all)))) {
        atomic_fetch_add(&ledger->failed, 1);
        return NULL;
    }
    struct header *header = malloc(sizeof *header + size);
    must(header != NULL && size != 0);
    header->size = size;
    memset(header + 1, 0xab, size); /* nobody may take it for zeroed */
    atomic_fetch_add(&ledger->blocks, 1);
    atomic_fetch_add(&ledger->bytes, (long)size);
    return header + 1;
}

static inline void ledger_free(void *ctx, void *memory, size_t size)
{
    struct ledger *ledger = ctx;
    must(memory != NULL);
    struct header *header = (struct header *)memory - 1;
    must(header->size == size); /* the same size as at its allocation */
    memset(header, 0xcd, sizeof *header + size);
    free(header);
    atomic_fetch_sub(&ledger->blocks, 1);
    atomic_fetch_sub(&ledger->bytes, (long)size);
}

static inline void ledger_fail(struct ledger *ledger, long nth, bool all)
{
    atomic_store(&ledger->allocations, 0);
    atomic_store(&ledger->failed, 0);
    atomic_store(&ledger->fail_all, all);
    atomic_store(&ledger->fail_at, nth);
}

static inline struct filch_allocator ledger_allocator(struct ledger *ledger)
{
    return (struct filch_allocator){ledger_alloc, ledger_free, ledger};
}

static inline void ledger_check(struct ledger *ledger)
{
    cr_assert_eq(atomic_load(&ledger->blocks), 0, "%ld blocks were not freed", atomic_load(&ledger->blocks));
    cr_assert_eq(atomic_load(&ledger->bytes), 0);
}

#endif
