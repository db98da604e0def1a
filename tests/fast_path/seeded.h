/* SPDX-License-Identifier: MIT */
/* seeded.h - faults that the checks of the fast path must find, chosen when the kernels are compiled.
 *
 *     SEEDED_LATE_CHILD   a spawn's mark is stored after the load that it must precede
 *     SEEDED_LATE_EMPTY   a sync's is
 *     SEEDED_FENCE        the compiler's fence is the processor's
 */
#ifndef TESTS_FAST_PATH_SEEDED_H
#define TESTS_FAST_PATH_SEEDED_H

#include <filch/detail/atomic.h>

#include <stddef.h>
#include <stdint.h>

#if defined(SEEDED_LATE_CHILD) || defined(SEEDED_LATE_EMPTY)
static volatile uint32_t *seeded_mark;
static uint32_t seeded_value;

static inline uintptr_t seeded_load(const volatile uintptr_t *word)
{
    uintptr_t value = *word;
    if (seeded_mark)
        *seeded_mark = seeded_value;
    seeded_mark = NULL;
    return value;
}

#undef filch__load_relaxed
#define filch__load_relaxed(p) ((struct filch__slot *)seeded_load((const volatile uintptr_t *)(p)))
#endif

#ifdef SEEDED_LATE_CHILD
#undef filch__store_release
#define filch__store_release(p, v) (seeded_mark = (p), seeded_value = (v))
#endif

#ifdef SEEDED_LATE_EMPTY
#undef filch__store_relaxed
#define filch__store_relaxed(p, v) (seeded_mark = (p), seeded_value = (v))
#endif

#ifdef SEEDED_FENCE
#undef filch__compiler_fence
#define filch__compiler_fence() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#endif

#endif
