/* SPDX-License-Identifier: MIT */
/* on_openmp.h - fork.h on OpenMP's tasks: libgomp where gcc compiles it, libomp where clang does.
 *
 * A task's locals are firstprivate in its children, which is fork.h's copying of arguments; values go into shared
 * variables, or, by a pointer that is copied, into an array.
 */
#include "../harness/with_openmp.h"

#define FORK_PRAGMA(...) _Pragma(#__VA_ARGS__)

#define TASK(type, name, ...) static type name(FORK_PARAMETERS(__VA_ARGS__))
#define VOID_TASK(name, ...) static void name(FORK_PARAMETERS(__VA_ARGS__))
#define CALL(name, ...) name(__VA_ARGS__)

#define ONE(type, value) type value
#define SPAWN_ONE(value, name, ...) FORK_PRAGMA(omp task shared(value)) value = name(__VA_ARGS__)
#define SYNC_ONE(value, name) FORK_PRAGMA(omp taskwait)

#define CHILDREN() ((void)0)
#define SPAWN(name, ...) FORK_PRAGMA(omp task) name(__VA_ARGS__)
#define SYNC_ALL() FORK_PRAGMA(omp taskwait)

#define TERMS(type, name, most)                                                                                        \
    type name##_array[most];                                                                                           \
    type *name##_terms = name##_array;                                                                                 \
    size_t name##_count = 0
#define SPAWN_TERM(name, ...)                                                                                          \
    do {                                                                                                               \
        FORK_PRAGMA(omp task) name##_terms[name##_count] = name(__VA_ARGS__);                                          \
        name##_count++;                                                                                                \
    } while (0)
#define ADD_TERMS(sum, name)                                                                                           \
    do {                                                                                                               \
        FORK_PRAGMA(omp taskwait)                                                                                      \
        while (name##_count--)                                                                                         \
            (sum) += name##_terms[name##_count];                                                                       \
    } while (0)

#define RUN(value, name, ...)                                                                                          \
    do {                                                                                                               \
        FORK_PRAGMA(omp parallel num_threads(team))                                                                    \
        FORK_PRAGMA(omp single)                                                                                        \
        (value) = name(__VA_ARGS__);                                                                                   \
    } while (0)
#define RUN_VOID(name, ...)                                                                                            \
    do {                                                                                                               \
        FORK_PRAGMA(omp parallel num_threads(team))                                                                    \
        FORK_PRAGMA(omp single)                                                                                        \
        name(__VA_ARGS__);                                                                                             \
    } while (0)
