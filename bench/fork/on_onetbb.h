/* SPDX-License-Identifier: MIT */
/* on_onetbb.h - fork.h on oneTBB: a task_group per block of children, in an arena whose first slot is the caller's. */
#include "../harness/with_onetbb.h"

#include <oneapi/tbb/task_group.h>

#define TASK(type, name, ...) static type name(FORK_PARAMETERS(__VA_ARGS__))
#define VOID_TASK(name, ...) static void name(FORK_PARAMETERS(__VA_ARGS__))
#define CALL(name, ...) name(__VA_ARGS__)

#define ONE(type, value)                                                                                               \
    type value;                                                                                                        \
    tbb::task_group fork_group
#define SPAWN_ONE(value, name, ...) fork_group.run([=, &value] { value = name(__VA_ARGS__); })
#define SYNC_ONE(value, name) fork_group.wait()

#define CHILDREN() tbb::task_group fork_group
#define SPAWN(name, ...) fork_group.run([=] { name(__VA_ARGS__); })
#define SYNC_ALL() fork_group.wait()

#define TERMS(type, name, most)                                                                                        \
    type name##_array[most];                                                                                           \
    type *name##_terms = name##_array;                                                                                 \
    size_t name##_count = 0;                                                                                           \
    tbb::task_group fork_group
#define SPAWN_TERM(name, ...)                                                                                          \
    do {                                                                                                               \
        fork_group.run([=] { name##_terms[name##_count] = name(__VA_ARGS__); });                                       \
        name##_count++;                                                                                                \
    } while (0)
#define ADD_TERMS(sum, name)                                                                                           \
    do {                                                                                                               \
        fork_group.wait();                                                                                             \
        while (name##_count--)                                                                                         \
            (sum) += name##_terms[name##_count];                                                                       \
    } while (0)

#define RUN(value, name, ...) arena->execute([&] { (value) = name(__VA_ARGS__); })
#define RUN_VOID(name, ...) arena->execute([&] { name(__VA_ARGS__); })
