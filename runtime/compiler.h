/* SPDX-License-Identifier: MIT */
/* compiler.h - attributes, cache lines, container_of, reserved fields, and which sanitizer is at work. */
#ifndef FILCH_COMPILER_H
#define FILCH_COMPILER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Two lines: adjacent ones are prefetched in pairs on x86. The one constant for keeping writers apart. */
#define FILCH_CACHELINE 128

#define filch__likely(x) __builtin_expect(!!(x), 1)
#define filch__unlikely(x) __builtin_expect(!!(x), 0)
#define filch__noinline __attribute__((noinline))
#define filch__cold __attribute__((noinline, cold))

#define filch__container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

/* For the reserved fields of what callers fill in. */
static inline bool filch__any_set(const uint64_t *words, size_t count)
{
    uint64_t all = 0;
    for (size_t i = 0; i < count; i++)
        all |= words[i];
    return all != 0;
}

#if defined(__SANITIZE_THREAD__)
#define FILCH_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define FILCH_TSAN 1
#endif
#endif

#if defined(__SANITIZE_ADDRESS__)
#define FILCH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FILCH_ASAN 1
#endif
#endif

#ifdef FILCH_TSAN
#include <sanitizer/tsan_interface.h>
#define filch__tsan_release(p) __tsan_release(p)
#define filch__tsan_acquire(p) __tsan_acquire(p)
#else
#define filch__tsan_release(p) ((void)(p))
#define filch__tsan_acquire(p) ((void)(p))
#endif

#endif
