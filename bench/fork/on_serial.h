/* SPDX-License-Identifier: MIT */
/* on_serial.h - fork.h without any system: plain calls, which the compiler may inline. The baseline. */
#include "../harness/with_nothing.h"

#define TASK(type, name, ...) static type name(FORK_PARAMETERS(__VA_ARGS__))
#define VOID_TASK(name, ...) static void name(FORK_PARAMETERS(__VA_ARGS__))
#define CALL(name, ...) name(__VA_ARGS__)

#define ONE(type, value) type value
#define SPAWN_ONE(value, name, ...) ((value) = name(__VA_ARGS__))
#define SYNC_ONE(value, name) ((void)0)

#define CHILDREN() ((void)0)
#define SPAWN(name, ...) name(__VA_ARGS__)
#define SYNC_ALL() ((void)0)

#define TERMS(type, name, most) type name##_sum = 0
#define SPAWN_TERM(name, ...) (name##_sum += name(__VA_ARGS__))
#define ADD_TERMS(sum, name) ((sum) += name##_sum)

#define RUN(value, name, ...) ((value) = name(__VA_ARGS__))
#define RUN_VOID(name, ...) name(__VA_ARGS__)
