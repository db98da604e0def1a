/* SPDX-License-Identifier: MIT */
/* build.h - which build the tests are in, for sanitizers cost time and memory; and must(). */
#ifndef TESTS_BUILD_H
#define TESTS_BUILD_H

#include <stdio.h>
#include <stdlib.h>

#if defined(__SANITIZE_THREAD__)
#define TEST_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TEST_TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define TEST_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TEST_ASAN 1
#endif
#endif
#ifndef TEST_TSAN
#define TEST_TSAN 0
#endif
#ifndef TEST_ASAN
#define TEST_ASAN 0
#endif
#define TEST_SANITIZED (TEST_TSAN || TEST_ASAN)

/* An assertion for any thread and task, in every build: prints itself and aborts. */
#define must(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: must be true: %s\n", __FILE__, __LINE__, #condition);                              \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

/* Seconds until the watchdog acts. No test needs more than a few; the rest is room for a loaded machine. */
#define TEST_TIMEOUT (TEST_SANITIZED ? 600 : 120)

/* n, or about a tenth of it under a sanitizer. */
#define TEST_SHARE(n) (TEST_SANITIZED ? ((n) + 9) / 10 : (n))

/* An allocation that is far too large must fail as it does without a sanitizer; and at its end a program waits for the reports of
 * other threads for a moment, not for a second. Of a program's several sources, all but one
 * define TEST_FURTHER_SOURCE. */
#if TEST_SANITIZED && !defined(TEST_FURTHER_SOURCE)
#if TEST_TSAN
#define TEST_SANITIZER_OPTIONS __tsan_default_options
#else
#define TEST_SANITIZER_OPTIONS __asan_default_options
#endif
const char *TEST_SANITIZER_OPTIONS(void);
const char *TEST_SANITIZER_OPTIONS(void)
{
    return TEST_TSAN ? "allocator_may_return_null=1:atexit_sleep_ms=50" : "allocator_may_return_null=1";
}
#endif

#endif
