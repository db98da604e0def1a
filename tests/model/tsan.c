/* SPDX-License-Identifier: MIT */
/* tsan.c - the functions that code compiled with -fsanitize=thread calls (gcc's and clang's names), bound to the checker. */
#include "engine.h"

#include <string.h>

#define PC __builtin_return_address(0)

#define ATOMICS(bits, type)                                                                                            \
    type __tsan_atomic##bits##_load(const volatile type *object, int order);                                           \
    type __tsan_atomic##bits##_load(const volatile type *object, int order)                                            \
    {                                                                                                                  \
        return (type)mc__load((void *)(uintptr_t)object, sizeof(type), order, PC);                                     \
    }                                                                                                                  \
    void __tsan_atomic##bits##_store(volatile type *object, type value, int order);                                    \
    void __tsan_atomic##bits##_store(volatile type *object, type value, int order)                                     \
    {                                                                                                                  \
        mc__store((void *)(uintptr_t)object, sizeof(type), value, order, PC);                                          \
    }                                                                                                                  \
    RMW(bits, type, exchange, MC_EXCHANGE)                                                                             \
    RMW(bits, type, fetch_add, MC_ADD)                                                                                 \
    RMW(bits, type, fetch_sub, MC_SUB)                                                                                 \
    RMW(bits, type, fetch_or, MC_OR)                                                                                   \
    RMW(bits, type, fetch_and, MC_AND)                                                                                 \
    RMW(bits, type, fetch_xor, MC_XOR)                                                                                 \
    CAS(bits, type, strong, false)                                                                                     \
    CAS(bits, type, weak, true)

#define RMW(bits, type, name, operation)                                                                               \
    type __tsan_atomic##bits##_##name(volatile type *object, type operand, int order);                                 \
    type __tsan_atomic##bits##_##name(volatile type *object, type operand, int order)                                  \
    {                                                                                                                  \
        return (type)mc__rmw((void *)(uintptr_t)object, sizeof(type), operand, operation, order, PC);                  \
    }

#define CAS(bits, type, name, weak)                                                                                    \
    int __tsan_atomic##bits##_compare_exchange_##name(volatile type *object, type *expected, type desired, int order,  \
                                                      int failure);                                                    \
    int __tsan_atomic##bits##_compare_exchange_##name(volatile type *object, type *expected, type desired, int order,  \
                                                      int failure)                                                     \
    {                                                                                                                  \
        return mc__cas((void *)(uintptr_t)object, sizeof(type), expected, desired, order, failure, weak, PC);          \
    }

ATOMICS(8, uint8_t)
ATOMICS(16, uint16_t)
ATOMICS(32, uint32_t)
ATOMICS(64, uint64_t)

void __tsan_atomic_thread_fence(int order);
void __tsan_atomic_thread_fence(int order)
{
    mc__step(MC_ALL, NULL);
    (void)order; /* the runtime has none; in litmus tests they are sequentially consistent */
    mc__fence(mc__me);
}

void __tsan_atomic_signal_fence(int order);
void __tsan_atomic_signal_fence(int order)
{
    (void)order;
}

#define PLAIN(name, size, write)                                                                                       \
    void __tsan_##name(void *memory);                                                                                  \
    void __tsan_##name(void *memory)                                                                                   \
    {                                                                                                                  \
        mc__plain(memory, size, write, PC);                                                                            \
    }
#define PLAINS(size)                                                                                                   \
    PLAIN(read##size, size, false)                                                                                     \
    PLAIN(write##size, size, true)                                                                                     \
    PLAIN(unaligned_read##size, size, false)                                                                           \
    PLAIN(unaligned_write##size, size, true)

PLAINS(1)
PLAINS(2)
PLAINS(4)
PLAINS(8)
PLAINS(16)

#define RANGE(name, write)                                                                                             \
    void __tsan_##name(void *memory, unsigned long size);                                                              \
    void __tsan_##name(void *memory, unsigned long size)                                                               \
    {                                                                                                                  \
        mc__plain(memory, size, write, PC);                                                                            \
    }
RANGE(read_range, false)
RANGE(write_range, true)

#define NOTHING(name, ...)                                                                                             \
    void __tsan_##name(__VA_ARGS__);                                                                                   \
    void __tsan_##name(__VA_ARGS__)                                                                                    \
    {                                                                                                                  \
    }
NOTHING(init, void)
NOTHING(func_exit, void)
void __tsan_func_entry(void *caller);
void __tsan_func_entry(void *caller)
{
    (void)caller;
}
/* The runtime tells ThreadSanitizer of edges that it cannot see; the checker sees them. */
void __tsan_acquire(void *address);
void __tsan_acquire(void *address)
{
    (void)address;
}
void __tsan_release(void *address);
void __tsan_release(void *address)
{
    (void)address;
}

void *mc_memset(void *memory, int value, size_t size)
{
    mc__plain(memory, size, true, PC);
    return memset(memory, value, size);
}

void *mc_memcpy(void *to, const void *from, size_t size)
{
    mc__plain(from, size, false, PC);
    mc__plain(to, size, true, PC);
    return memcpy(to, from, size);
}

void *mc_memmove(void *to, const void *from, size_t size)
{
    mc__plain(from, size, false, PC);
    mc__plain(to, size, true, PC);
    return memmove(to, from, size);
}

/* clang's names for the same. */
void *__tsan_memset(void *memory, int value, size_t size) __attribute__((alias("mc_memset")));
void *__tsan_memcpy(void *to, const void *from, size_t size) __attribute__((alias("mc_memcpy")));
void *__tsan_memmove(void *to, const void *from, size_t size) __attribute__((alias("mc_memmove")));
