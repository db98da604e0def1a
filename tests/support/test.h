/* SPDX-License-Identifier: MIT */
/* test.h - the two builds of each test: Criterion's, and with -DFILCH_PLAIN_TESTS the same source over a plain main.
 *
 * Criterion aborts under ThreadSanitizer and hides leaks from LeakSanitizer; the plain build serves these, qemu and
 * debuggers. It runs the tests one after another in its process:
 *
 *     plain_future                    all tests
 *     plain_future cancel wait_any    those with one of the words in suite/name
 *     plain_future --list             their names
 *     FILCH_TEST_FORK=1 plain_future  each in a process of its own; goes on after a failure
 *
 * A failed assertion prints itself and aborts, so that a core or a debugger shows all threads. must() is for task
 * bodies and threads of a test, where Criterion's assertions may not be used: it aborts in both builds.
 */
#ifndef TESTS_TEST_H
#define TESTS_TEST_H

#include "build.h"
#include "watchdog.h"

#ifndef FILCH_PLAIN_TESTS

#include <criterion/criterion.h>

#define test_skip(...)                                                                                                 \
    do {                                                                                                               \
        cr_skip_test(__VA_ARGS__);                                                                                     \
        return;                                                                                                        \
    } while (0)

#else

#include <stdarg.h>

struct test_options {
    int sentinel_;
    unsigned timeout; /* seconds */
};

struct test_case {
    const char *suite, *name;
    void (*run)(void);
    struct test_options options;
    struct test_case *next;
};

static struct test_case *test_first, **test_last = &test_first;

static inline void test_register(struct test_case *test)
{
    *test_last = test;
    test_last = &test->next;
}

/* A test is a function and its entry in the list, made before main runs. */
#define Test(suite_, name_, ...)                                                                                       \
    static void test_##suite_##_##name_(void);                                                                         \
    static struct test_case test_case_##suite_##_##name_ = {                                                           \
        #suite_, #name_, test_##suite_##_##name_, {.sentinel_ = 0, __VA_ARGS__}, NULL};                                \
    __attribute__((constructor)) static void test_register_##suite_##_##name_(void)                                    \
    {                                                                                                                  \
        test_register(&test_case_##suite_##_##name_);                                                                  \
    }                                                                                                                  \
    static void test_##suite_##_##name_(void)

static inline void test_failed(const char *file, int line, const char *claim, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s:%d: failed: %s", file, line, claim);
    if (format[0] != '\0')
        fprintf(stderr, ": ");
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    abort();
}

#define test_claim(true_, claim_, ...) ((true_) ? (void)0 : test_failed(__FILE__, __LINE__, claim_, "" __VA_ARGS__))
/* Each side is evaluated once; numbers and pointers alike. */
#define test_compare(a_, op_, b_, ...)                                                                                 \
    do {                                                                                                               \
        long long test_left = (long long)(intptr_t)(a_), test_right = (long long)(intptr_t)(b_);                       \
        if (!(test_left op_ test_right)) {                                                                             \
            fprintf(stderr, "%lld against %lld\n", test_left, test_right);                                             \
            test_failed(__FILE__, __LINE__, #a_ " " #op_ " " #b_, "" __VA_ARGS__);                                     \
        }                                                                                                              \
    } while (0)
#define cr_assert(condition_, ...) test_claim(condition_, #condition_, __VA_ARGS__)
#define cr_assert_not(condition_, ...) test_claim(!(condition_), "not " #condition_, __VA_ARGS__)
#define cr_assert_null(pointer_, ...) test_claim((pointer_) == NULL, #pointer_ " is NULL", __VA_ARGS__)
#define cr_assert_not_null(pointer_, ...) test_claim((pointer_) != NULL, #pointer_ " is not NULL", __VA_ARGS__)
#define cr_assert_eq(a_, b_, ...) test_compare(a_, ==, b_, __VA_ARGS__)
#define cr_assert_neq(a_, b_, ...) test_compare(a_, !=, b_, __VA_ARGS__)
#define cr_assert_lt(a_, b_, ...) test_compare(a_, <, b_, __VA_ARGS__)
#define cr_assert_leq(a_, b_, ...) test_compare(a_, <=, b_, __VA_ARGS__)
#define cr_assert_gt(a_, b_, ...) test_compare(a_, >, b_, __VA_ARGS__)
#define cr_assert_geq(a_, b_, ...) test_compare(a_, >=, b_, __VA_ARGS__)
#define cr_assert_str_eq(a_, b_, ...) test_claim(strcmp(a_, b_) == 0, #a_ " reads " #b_, __VA_ARGS__)
#define test_skip(...)                                                                                                 \
    do {                                                                                                               \
        printf("    skipped: " __VA_ARGS__);                                                                           \
        printf("\n");                                                                                                  \
        return;                                                                                                        \
    } while (0)

static inline bool test_selected(const struct test_case *test, int count, char **words)
{
    char full_name[256];
    snprintf(full_name, sizeof full_name, "%s/%s", test->suite, test->name);
    for (int i = 0; i < count; i++)
        if (strstr(full_name, words[i]))
            return true;
    return count == 0;
}

static inline void test_run(struct test_case *test)
{
    watchdog_set(test->name, test->options.timeout ? test->options.timeout : TEST_TIMEOUT);
    test->run();
    watchdog_set(test->name, 0);
    watchdog_pool(NULL);
}

static inline bool test_run_forked(struct test_case *test)
{
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        test_run(test);
        exit(0); /* runs the leak check */
    }
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int main(int argc, char **argv)
{
    bool list = argc > 1 && strcmp(argv[1], "--list") == 0, forked = getenv("FILCH_TEST_FORK") != NULL;
    int ran = 0, failed = 0;
    setvbuf(stdout, NULL, _IONBF, 0);
    for (struct test_case *test = test_first; test; test = test->next) {
        if (!list && !test_selected(test, argc - 1, argv + 1))
            continue;
        printf("%s/%s\n", test->suite, test->name);
        if (list)
            continue;
        ran++;
        if (!forked) {
            test_run(test);
        } else if (!test_run_forked(test)) {
            printf("FAILED %s/%s\n", test->suite, test->name);
            failed++;
        }
    }
    if (list)
        return 0;
    printf("%d tests, %d failed\n", ran, failed);
    return ran == 0 || failed != 0;
}

#endif

#endif
