/* SPDX-License-Identifier: MIT */
/* atomic.h - the one door to memory that threads share.
 *
 * Operations are named by their ordering (C11 7.17.3) and work on plain integers and pointers of up to 8 bytes, so that
 * the same header serves C and C++ and structures stay free of _Atomic. They are macros because they are generic in the
 * type; each evaluates its arguments once. What is shared between threads is touched by these and by nothing else.
 *
 * cas_*: strong; on failure *expected holds the value found, read with acquire (relaxed for cas_relaxed).
 * add_* and sub_* return the value before.
 */
#ifndef FILCH_DETAIL_ATOMIC_H
#define FILCH_DETAIL_ATOMIC_H

#define filch__load_relaxed(p) __atomic_load_n((p), __ATOMIC_RELAXED)
#define filch__load_acquire(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define filch__load_seq_cst(p) __atomic_load_n((p), __ATOMIC_SEQ_CST)

#define filch__store_relaxed(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define filch__store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define filch__store_seq_cst(p, v) __atomic_store_n((p), (v), __ATOMIC_SEQ_CST)

#define filch__exchange_acquire(p, v) __atomic_exchange_n((p), (v), __ATOMIC_ACQUIRE)
#define filch__exchange_acq_rel(p, v) __atomic_exchange_n((p), (v), __ATOMIC_ACQ_REL)
#define filch__exchange_seq_cst(p, v) __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST)

#define filch__cas_relaxed(p, expected, v) \
    __atomic_compare_exchange_n((p), (expected), (v), 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED)
#define filch__cas_acquire(p, expected, v) \
    __atomic_compare_exchange_n((p), (expected), (v), 0, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE)
#define filch__cas_acq_rel(p, expected, v) \
    __atomic_compare_exchange_n((p), (expected), (v), 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)
#define filch__cas_seq_cst(p, expected, v) \
    __atomic_compare_exchange_n((p), (expected), (v), 0, __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE)

#define filch__add_relaxed(p, v) __atomic_fetch_add((p), (v), __ATOMIC_RELAXED)
#define filch__add_seq_cst(p, v) __atomic_fetch_add((p), (v), __ATOMIC_SEQ_CST)
#define filch__sub_relaxed(p, v) __atomic_fetch_sub((p), (v), __ATOMIC_RELAXED)
#define filch__sub_acq_rel(p, v) __atomic_fetch_sub((p), (v), __ATOMIC_ACQ_REL)
#define filch__sub_seq_cst(p, v) __atomic_fetch_sub((p), (v), __ATOMIC_SEQ_CST)

/* Keeps the compiler from moving memory accesses across; the processor may. */
#define filch__compiler_fence() __atomic_signal_fence(__ATOMIC_SEQ_CST)

/* A counter that one thread writes and others read: no locked instruction. */
#define filch__count(p) filch__store_relaxed((p), *(p) + 1)

#endif
