/* SPDX-License-Identifier: MIT */
/* on_filch.h - fork.h on filch: typed tasks, the values taken from the syncs. */
#include "../harness/with_filch.h"

#include <filch/fork.h>

#define TASK(type, ...) FILCH_TASK(type, __VA_ARGS__)
#define VOID_TASK(...) FILCH_VOID_TASK(__VA_ARGS__)
#define CALL(...) FILCH_CALL(__VA_ARGS__)

#define ONE(type, value) type value
#define SPAWN_ONE(value, ...) FILCH_SPAWN(__VA_ARGS__)
#define SYNC_ONE(value, name) ((value) = FILCH_SYNC(name))

#define CHILDREN() ((void)0)
#define SPAWN(...) FILCH_SPAWN(__VA_ARGS__)
#define SYNC_ALL() FILCH_SYNC_ALL()

#define TERMS(type, name, most) size_t name##_count = 0
#define SPAWN_TERM(name, ...)                                                                                          \
    do {                                                                                                               \
        FILCH_SPAWN(name, __VA_ARGS__);                                                                                \
        name##_count++;                                                                                                \
    } while (0)
#define ADD_TERMS(sum, name)                                                                                           \
    do {                                                                                                               \
        while (name##_count--)                                                                                         \
            (sum) += FILCH_SYNC(name);                                                                                 \
    } while (0)

#define RUN(value, ...) ((value) = FILCH_RUN(pool, __VA_ARGS__))
#define RUN_VOID(...) FILCH_RUN(pool, __VA_ARGS__)
