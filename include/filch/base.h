/* SPDX-License-Identifier: MIT */
/* base.h - what every public header of filch shares: version, export mark, time, processors, memory.
 *
 * Errors are 0 or a negative errno; each function lists its own. Times are uint64_t nanoseconds on CLOCK_MONOTONIC;
 * a deadline is absolute, so that waiting again after an interruption needs no arithmetic.
 */
#ifndef FILCH_BASE_H
#define FILCH_BASE_H

#include <stddef.h>
#include <stdint.h>

/* The one source of the version: CMake reads these lines. */
#define FILCH_VERSION_MAJOR 0
#define FILCH_VERSION_MINOR 1
#define FILCH_VERSION_PATCH 0
#define FILCH_VERSION (FILCH_VERSION_MAJOR * 10000 + FILCH_VERSION_MINOR * 100 + FILCH_VERSION_PATCH)

#if defined(__GNUC__)
#define FILCH_API __attribute__((visibility("default")))
#else
#define FILCH_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* A closure's code: returns >= 0 for success, or a negative errno for failure. `data` is the closure's other half. */
typedef int filch_fn(void *data);

/* Durations in nanoseconds. */
#define FILCH_US(n) ((uint64_t)(n) * 1000u)
#define FILCH_MS(n) ((uint64_t)(n) * 1000000u)
#define FILCH_S(n) ((uint64_t)(n) * 1000000000u)

/* As a deadline: wait for as long as it takes. */
#define FILCH_NO_DEADLINE UINT64_MAX

/* Where the library takes memory from. All zero: malloc and free.
 * alloc: `size` bytes aligned to 16, or NULL. free: gets the same size; never called with NULL.
 * Both may be called by any thread at any time and must not wait on filch. A task that was cancelled before its predecessors
 * had ended, and kept reports, give their memory back when those end or they are freed, which may be after the pool.
 */
struct filch_allocator {
    void *(*alloc)(void *ctx, size_t size);
    void (*free)(void *ctx, void *memory, size_t size);
    void *ctx;
};

/* The library's version at run time, as FILCH_VERSION at build time. */
FILCH_API unsigned filch_version(void);

/* CLOCK_MONOTONIC in nanoseconds. Never blocks. */
FILCH_API uint64_t filch_now_ns(void);

/* The deadline `duration_ns` from now; saturates at FILCH_NO_DEADLINE. */
FILCH_API uint64_t filch_in_ns(uint64_t duration_ns);

/* How many processors this process may keep busy: its affinity mask, cut by the CPU quota (rounded up) of its cgroup
 * and of each ancestor, v1 and v2. Never 0. FILCH_CPUS=n in the environment overrides it (ignored in set-uid programs).
 */
FILCH_API unsigned filch_cpu_count(void);

#ifdef __cplusplus
}
#endif

#endif
