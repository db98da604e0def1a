/* SPDX-License-Identifier: MIT */
/* fork.h - what typed tasks inline into their users: the slot of a spawned child, and the two words that every spawn and
 * sync reads. The protocol stands in the library's forkstack.h. Nothing here is for use by name.
 *
 * The layout of struct filch__slot and struct filch__forks is part of the library's binary interface.
 */
#ifndef FILCH_DETAIL_FORK_H
#define FILCH_DETAIL_FORK_H

#include "../base.h"
#include "atomic.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#ifndef NDEBUG
#include <stdio.h>
#include <stdlib.h>
#endif

#if defined(__GNUC__)
#define FILCH__INLINE static inline __attribute__((always_inline, unused))
#define FILCH__STATIC static __attribute__((unused))
#define FILCH__UNUSED __attribute__((unused))
#define FILCH__RARELY(condition) __builtin_expect(!!(condition), 0)
#else
#define FILCH__INLINE static inline
#define FILCH__STATIC static
#define FILCH__UNUSED
#define FILCH__RARELY(condition) (condition)
#endif

/* With clang the registers of who calls such a function survive it. Void only: before clang 16 the register of a result is
 * put back as well. */
#if defined(__clang__) && (defined(__x86_64__) || defined(__aarch64__))
#define FILCH__KEEPS_REGISTERS static __attribute__((preserve_most, cold, noinline, unused))
#else
#define FILCH__KEEPS_REGISTERS FILCH__INLINE
#endif

#ifdef __cplusplus
extern "C" {
#endif

struct filch_pool;

enum { FILCH__SLOT_DATA = 48, FILCH__SLOT_ALIGN = 16, FILCH__ROOT_ALIGN = 128 };

enum {
    FILCH__MARK_CHILD = 1, /* from spawn to sync */
    FILCH__MARK_LARGE = 2  /* with CHILD: its data is a pointer to a record */
};

/* One spawned child, 64 bytes. */
struct filch__slot {
    uintptr_t run;  /* its filch__task_fn; once stolen, the fork stack that it was stolen to */
    uint32_t mark;  /* 0: empty */
    uint32_t state; /* between its thief and its parent */
    uint64_t data[FILCH__SLOT_DATA / 8]; /* its arguments, later its result; or a pointer to a record of both */
};

/* What the owner reads on every spawn and every sync. It is the head of a larger structure. */
struct filch__forks {
    struct filch__slot *guard; /* a sync below it takes the slow path */
    struct filch__slot *limit; /* a spawn at or above it takes the slow path */
};

/* A task's code as thieves call it. `at` is its slot's data: the arguments, and the result when it returns. */
typedef void filch__task_fn(struct filch__forks *forks, struct filch__slot *head, void *at);

/* The child in `slot` is marked; room may have ended, or somebody asks for work. */
FILCH_API void filch__fork_spawn_slow(struct filch__forks *forks, struct filch__slot *slot);
/* The child in `slot`, the newest, is below the guard, its mark cleared. 0: it is the caller's to run. Else it has run, and
 * the slot's data is its result, for the caller until its next spawn or sync. After either call the head is where it would
 * be without it: one that a call could move, or that is passed by address, takes a register or a place in memory. */
FILCH_API int filch__fork_sync_slow(struct filch__forks *forks, struct filch__slot *slot);
/* All children from `first` on, results dropped. */
FILCH_API void filch__fork_sync_all(struct filch__forks *forks, struct filch__slot *first, struct filch__slot *head);
/* Memory for arguments that a slot has no room for. Never NULL: dies when there is none. */
FILCH_API void *filch__fork_record_get(size_t size);
FILCH_API void filch__fork_record_put(void *record);
/* Run a task to its end: here, when the calling thread runs a task of the pool; else as a task of the pool. *ret_status:
 * 0, or why it did not run. With ret_status NULL it runs in any case: in the calling thread if the pool refuses it. */
FILCH_API void filch__fork_run(struct filch_pool *pool, filch__task_fn *run, void *at, const char *name,
                               int *ret_status);

#ifdef __cplusplus
}
#endif

/* ---- spawn and sync ---- */

/* Where the arguments and the result of a child lie; `at` is a slot's data. large: they do not fit there. */
FILCH__INLINE void *filch__data_at(void *at, int large)
{
    return large ? *(void **)at : at;
}

FILCH__INLINE void *filch__slot_fill(struct filch__slot *slot, int large, size_t size)
{
    void *at = slot->data;
    if (large)
        *(void **)at = filch__fork_record_get(size);
    return filch__data_at(at, large);
}

FILCH__INLINE void filch__slot_empty(void *data, int large)
{
    if (large)
        filch__fork_record_put(data);
}

/* What is used after a spawn then needs no register that calls save, and a task that returns before it spawns no frame. */
FILCH__KEEPS_REGISTERS void filch__spawn_slowly(struct filch__forks *forks, struct filch__slot *slot)
{
    filch__fork_spawn_slow(forks, slot);
}

FILCH__INLINE void filch__slot_spawn(struct filch__forks *forks, struct filch__slot **head, filch__task_fn *run,
                                     int large)
{
    struct filch__slot *slot = (*head)++;
    slot->run = (uintptr_t)run;
    filch__store_release(&slot->mark, (uint32_t)(large ? FILCH__MARK_CHILD | FILCH__MARK_LARGE : FILCH__MARK_CHILD));
    filch__compiler_fence(); /* S6: who asks for work orders the two by membarrier(2) */
    if (FILCH__RARELY(slot >= filch__load_relaxed(&forks->limit)))
        filch__spawn_slowly(forks, slot);
}

/* NULL: the child in --*head is the caller's to run. */
FILCH__INLINE void *filch__slot_sync(struct filch__forks *forks, struct filch__slot **head)
{
    struct filch__slot *slot = --*head;
    filch__store_relaxed(&slot->mark, 0);
    filch__compiler_fence(); /* S2: who opens the private tail orders the two by membarrier(2) */
    if (FILCH__RARELY(slot < filch__load_relaxed(&forks->guard)) && filch__fork_sync_slow(forks, slot))
        return slot->data;
    return NULL;
}

/* ---- mistakes that debug builds catch ---- */

#ifndef NDEBUG
FILCH__STATIC void filch__fork_die(const char *task, const char *what)
{
    fprintf(stderr, "filch: %s: %s\n", task, what);
    abort();
}
FILCH__INLINE void filch__fork_check_returned(struct filch__slot *head, const char *task)
{
    if (FILCH__RARELY(head->mark != 0))
        filch__fork_die(task, "returned with spawned children that are not synced");
}
FILCH__INLINE void filch__fork_check_spawned(struct filch__slot *head, struct filch__slot *first, const char *task)
{
    if (FILCH__RARELY(head == first))
        filch__fork_die(task, "FILCH_SYNC without a spawned child");
}
FILCH__INLINE void filch__fork_check_type(struct filch__slot *slot, filch__task_fn *run, const char *task)
{
    if (FILCH__RARELY(slot->run != (uintptr_t)run))
        filch__fork_die(task, "FILCH_SYNC names another task than the newest child");
}
#else
FILCH__INLINE void filch__fork_check_returned(struct filch__slot *head, const char *task)
{
    (void)head, (void)task;
}
FILCH__INLINE void filch__fork_check_spawned(struct filch__slot *head, struct filch__slot *first, const char *task)
{
    (void)head, (void)first, (void)task;
}
FILCH__INLINE void filch__fork_check_type(struct filch__slot *slot, filch__task_fn *run, const char *task)
{
    (void)slot, (void)run, (void)task;
}
#endif

/* ---- lists of macro arguments ----
 *
 * A list begins with the task's name, so that it is never empty; then come 0 to 8 parameters, (type, name) each, or as
 * many arguments.
 */

#define FILCH__CAT(a, b) FILCH__CAT_(a, b)
#define FILCH__CAT_(a, b) a##b
#define FILCH__ELEVENTH(a, b, c, d, e, f, g, h, i, j, k, ...) k
#define FILCH__COUNT(...) FILCH__ELEVENTH(__VA_ARGS__, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define FILCH__ONE_OR_MORE(...) FILCH__ELEVENTH(__VA_ARGS__, N, N, N, N, N, N, N, N, N, 1, 0)

#define FILCH__EACH(m, ...) FILCH__CAT(FILCH__EACH_, FILCH__COUNT(__VA_ARGS__))(m, __VA_ARGS__)
#define FILCH__EACH_1(m, name)
#define FILCH__EACH_2(m, name, a) m(a)
#define FILCH__EACH_3(m, name, a, b) m(a) m(b)
#define FILCH__EACH_4(m, name, a, b, c) m(a) m(b) m(c)
#define FILCH__EACH_5(m, name, a, b, c, d) m(a) m(b) m(c) m(d)
#define FILCH__EACH_6(m, name, a, b, c, d, e) m(a) m(b) m(c) m(d) m(e)
#define FILCH__EACH_7(m, name, a, b, c, d, e, f) m(a) m(b) m(c) m(d) m(e) m(f)
#define FILCH__EACH_8(m, name, a, b, c, d, e, f, g) m(a) m(b) m(c) m(d) m(e) m(f) m(g)
#define FILCH__EACH_9(m, name, a, b, c, d, e, f, g, h) m(a) m(b) m(c) m(d) m(e) m(f) m(g) m(h)

#define FILCH__TYPE(type, name) type
#define FILCH__NAME(type, name) name
#define FILCH__PARAMETER(pair) , FILCH__TYPE pair FILCH__NAME pair
#define FILCH__FIELD(pair) FILCH__TYPE pair FILCH__NAME pair;
#define FILCH__STORE(pair) filch__args->FILCH__NAME pair = FILCH__NAME pair;
#define FILCH__LOAD(pair) , filch__args.FILCH__NAME pair
#define FILCH__PASS(pair) , FILCH__NAME pair


/* The same over a list in parentheses. */
#define FILCH__OPEN(...) __VA_ARGS__
#define FILCH__EACH_OF(m, list) FILCH__EACH_IN(m, FILCH__OPEN list)
#define FILCH__EACH_IN(...) FILCH__EACH(__VA_ARGS__)
#define FILCH__FIRST(...) FILCH__FIRST_(__VA_ARGS__, ~)
#define FILCH__FIRST_(name, ...) name

/* A structure has a member at least. */
#define FILCH__FIELDS_OF(list) FILCH__FIELDS_IN list
#define FILCH__FIELDS_IN(...) FILCH__CAT(FILCH__FIELDS_, FILCH__ONE_OR_MORE(__VA_ARGS__))(__VA_ARGS__)
#define FILCH__FIELDS_1(name) char filch__none;
#define FILCH__FIELDS_N(...) FILCH__EACH(FILCH__FIELD, __VA_ARGS__)

/* name##suffix(before, arguments); `before` is a list in parentheses. */
#define FILCH__INVOKE(suffix, before, ...)                                                                             \
    FILCH__CAT(FILCH__INVOKE_, FILCH__ONE_OR_MORE(__VA_ARGS__))(suffix, before, __VA_ARGS__)
#define FILCH__INVOKE_1(suffix, before, name) name##suffix(FILCH__OPEN before)
#define FILCH__INVOKE_N(suffix, before, name, ...) name##suffix(FILCH__OPEN before, __VA_ARGS__)

/* ---- what is generated for a task `name` ----
 *
 *   struct name__filch_args    its arguments
 *   name__filch_body           the user's code, its parameters after those that the macros in it use
 *   name__filch_run            the same as thieves call it
 *   name__filch_spawn, name__filch_call, name__filch_sync, name__filch_root
 *
 * `kind` is VALUE or VOID: what is done with a result, and left out where there is none.
 *
 * gcc inlines a small task into itself, several levels deep, when it is declared inline; clang inlines no function into
 * itself. So with clang the code of a local task is compiled into a ring of three functions, name__filch_body, _body_1 and
 * _body_2, of which it inlines the small ones into one another. The code at level 0 calls body_1, that at 1 body_2, and
 * that at 2 and everybody else body.
 */
#if defined(__clang__) && defined(__OPTIMIZE__)
#define FILCH__RING 1
#define FILCH__LEVEL filch__level
enum { filch__level = 2 }; /* where there is no parameter of that name */
#else
#define FILCH__RING 0
#define FILCH__LEVEL 2
#endif

#define FILCH__VALUE_DECLARE(type) type filch__result;
#define FILCH__VALUE_TAKE filch__result =
#define FILCH__VALUE_STORE(type) *(type *)filch__data = filch__result;
#define FILCH__VALUE_LOAD(type) filch__result = *(type *)filch__data;
#define FILCH__VALUE_RETURN return filch__result;
#define FILCH__VALUE_ROOT(type) return *(type *)filch__data;
#define FILCH__VALUE_PASS return
#define FILCH__VALUE_SIZE(type) sizeof(type)
#define FILCH__VALUE_ALIGN(type) FILCH__ALIGNOF(type)
#define FILCH__VOID_DECLARE(type)
#define FILCH__VOID_TAKE
#define FILCH__VOID_STORE(type)
#define FILCH__VOID_LOAD(type)
#define FILCH__VOID_RETURN
#define FILCH__VOID_ROOT(type)
#define FILCH__VOID_PASS
#define FILCH__VOID_SIZE(type) 0
#define FILCH__VOID_ALIGN(type) 1
#define FILCH__VALUE_CHECK(type) FILCH__CHECK_TRIVIAL(type)
#define FILCH__VOID_CHECK(type)

/* FILCH__ROOT_DATA: a place for the arguments and the result. In C++ a union's members have no default initialisers. */
#ifdef __cplusplus
#define FILCH__ALIGNOF(type) alignof(type)
#define FILCH__CHECK_TRIVIAL(type)                                                                                     \
    static_assert(__is_trivially_copyable(type), "a task's arguments and result are moved as bytes");
#define FILCH__ROOT_DATA(name, result)                                                                                 \
    struct {                                                                                                           \
        alignas(FILCH__ROOT_ALIGN) unsigned char bytes[name##__filch_size];                                            \
    }
#else
#define FILCH__ALIGNOF(type) _Alignof(type)
#define FILCH__CHECK_TRIVIAL(type)
#define FILCH__ROOT_DATA(name, result)                                                                                 \
    union {                                                                                                            \
        struct name##__filch_args filch__args;                                                                         \
        result                                                                                                         \
    }
#endif

#define FILCH__MAX(a, b) ((a) > (b) ? (a) : (b))

/* The head of a function name##function that takes what a task's code takes; way: LEVEL, with the level before, or PLAIN. */
#define FILCH__HEAD(linkage, type, function, way, ...)                                                                 \
    FILCH__HEAD_(linkage, type, function, way, FILCH__FIRST(__VA_ARGS__), (__VA_ARGS__))
#define FILCH__HEAD_(linkage, type, function, way, name, list) FILCH__HEAD_IN(linkage, type, function, way, name, list)
#define FILCH__HEAD_IN(linkage, type, function, way, name, list)                                                       \
    linkage type name##function(FILCH__##way##_PARAMETER struct filch__forks *filch__forks FILCH__UNUSED,              \
                                struct filch__slot *filch__head FILCH__UNUSED,                                         \
                                struct filch__slot *filch__first FILCH__UNUSED FILCH__EACH_OF(FILCH__PARAMETER, list))
#define FILCH__PLAIN_PARAMETER
#define FILCH__LEVEL_PARAMETER int filch__level FILCH__UNUSED,

/* All of a local task, but for the user's code. */
#if FILCH__RING
#define FILCH__LOCAL(kind, type, ...)                                                                                  \
    FILCH__HEAD(static inline, type, __filch_body_1, PLAIN, __VA_ARGS__);                                              \
    FILCH__HEAD(static inline, type, __filch_body_2, PLAIN, __VA_ARGS__);                                              \
    FILCH__DECLARE(static inline, LEVEL, kind, type, __VA_ARGS__);                                                     \
    FILCH__HEAD(FILCH__INLINE, type, __filch_code, LEVEL, __VA_ARGS__);                                                \
    FILCH__BODY(__filch_body, 0, kind, type, __VA_ARGS__)                                                              \
    FILCH__BODY(__filch_body_1, 1, kind, type, __VA_ARGS__)                                                            \
    FILCH__BODY(__filch_body_2, 2, kind, type, __VA_ARGS__)                                                            \
    FILCH__HEAD(FILCH__INLINE, type, __filch_code, LEVEL, __VA_ARGS__)
#else
#define FILCH__LOCAL(kind, type, ...)                                                                                  \
    FILCH__DECLARE(static inline, PLAIN, kind, type, __VA_ARGS__);                                                     \
    FILCH__HEAD(static inline, type, __filch_body, PLAIN, __VA_ARGS__)
#endif
#define FILCH__BODY(function, level, kind, type, ...)                                                                  \
    FILCH__HEAD(static inline, type, function, PLAIN, __VA_ARGS__)                                                     \
    {                                                                                                                  \
        FILCH__BODY_(level, kind, FILCH__FIRST(__VA_ARGS__), (__VA_ARGS__))                                            \
    }
#define FILCH__BODY_(level, kind, name, list) FILCH__BODY_IN(level, kind, name, list)
#define FILCH__BODY_IN(level, kind, name, list)                                                                        \
    FILCH__##kind##_PASS name##__filch_code(level, filch__forks, filch__head,                                          \
                                            filch__first FILCH__EACH_OF(FILCH__PASS, list));

/* The call of a body. */
#define FILCH__PLAIN_CALL(kind, name, list)                                                                            \
    (void)filch__level;                                                                                                \
    FILCH__CALL_BODY(__filch_body, kind, name, list)
#define FILCH__LEVEL_CALL(kind, name, list)                                                                            \
    if (filch__level == 0)                                                                                             \
        FILCH__CALL_BODY(__filch_body_1, kind, name, list)                                                             \
    else if (filch__level == 1)                                                                                        \
        FILCH__CALL_BODY(__filch_body_2, kind, name, list)                                                             \
    else                                                                                                               \
        FILCH__CALL_BODY(__filch_body, kind, name, list)
#define FILCH__CALL_BODY(function, kind, name, list)                                                                   \
    FILCH__##kind##_TAKE name##function(filch__forks, filch__head, filch__head FILCH__EACH_OF(FILCH__PASS, list));

#define FILCH__DECLARE(linkage, way, kind, type, ...)                                                                  \
    FILCH__HEAD(linkage, type, __filch_body, PLAIN, __VA_ARGS__);                                                      \
    FILCH__GENERATE(way, kind, type, FILCH__FIRST(__VA_ARGS__), (__VA_ARGS__))
#define FILCH__GENERATE(way, kind, type, name, list) FILCH__GENERATE_(way, kind, type, name, list)
#define FILCH__GENERATE_(way, kind, type, name, list)                                                                  \
    struct name##__filch_args {                                                                                        \
        FILCH__FIELDS_OF(list)                                                                                         \
    };                                                                                                                 \
    FILCH__CHECK_TRIVIAL(struct name##__filch_args)                                                                    \
    FILCH__##kind##_CHECK(type)                                                                                        \
    enum {                                                                                                             \
        name##__filch_size = FILCH__MAX(sizeof(struct name##__filch_args), FILCH__##kind##_SIZE(type)),                \
        name##__filch_large =                                                                                          \
            name##__filch_size > FILCH__SLOT_DATA ||                                                                   \
            FILCH__MAX(FILCH__ALIGNOF(struct name##__filch_args), FILCH__##kind##_ALIGN(type)) > FILCH__SLOT_ALIGN     \
    };                                                                                                                 \
    FILCH__INLINE type name##__filch_call(int filch__level, struct filch__forks *filch__forks,                         \
                                          struct filch__slot **filch__at_head FILCH__EACH_OF(FILCH__PARAMETER, list))  \
    {                                                                                                                  \
        struct filch__slot *filch__head = *filch__at_head; /* now: an argument may have been a sync */                 \
        FILCH__##kind##_DECLARE(type)                                                                                  \
        FILCH__##way##_CALL(kind, name, list)                                                                          \
        filch__fork_check_returned(filch__head, #name);                                                                \
        FILCH__##kind##_RETURN                                                                                         \
    }                                                                                                                  \
    FILCH__STATIC void name##__filch_run(struct filch__forks *filch__forks, struct filch__slot *filch__head,           \
                                         void *filch__at)                                                              \
    {                                                                                                                  \
        void *filch__data = filch__data_at(filch__at, name##__filch_large);                                            \
        struct name##__filch_args filch__args = *(struct name##__filch_args *)filch__data;                             \
        FILCH__##kind##_DECLARE(type)                                                                                  \
        FILCH__##kind##_TAKE name##__filch_call(2, filch__forks, &filch__head FILCH__EACH_OF(FILCH__LOAD, list));      \
        (void)filch__args;                                                                                             \
        FILCH__##kind##_STORE(type)                                                                                    \
    }                                                                                                                  \
    FILCH__INLINE void name##__filch_spawn(struct filch__forks *filch__forks,                                          \
                                           struct filch__slot **filch__head FILCH__EACH_OF(FILCH__PARAMETER, list))    \
    {                                                                                                                  \
        struct name##__filch_args *filch__args = (struct name##__filch_args *)filch__slot_fill(                        \
            *filch__head, name##__filch_large, name##__filch_size);                                                    \
        (void)filch__args;                                                                                             \
        FILCH__EACH_OF(FILCH__STORE, list)                                                                             \
        filch__slot_spawn(filch__forks, filch__head, name##__filch_run, name##__filch_large);                          \
    }                                                                                                                  \
    FILCH__INLINE type name##__filch_sync(int filch__level, struct filch__forks *filch__forks,                         \
                                          struct filch__slot **filch__head, struct filch__slot *filch__first)          \
    {                                                                                                                  \
        FILCH__##kind##_DECLARE(type)                                                                                  \
        filch__fork_check_spawned(*filch__head, filch__first, #name);                                                  \
        void *filch__at = filch__slot_sync(filch__forks, filch__head);                                                 \
        if (FILCH__RARELY(filch__at != NULL)) {                                                                        \
            void *filch__data = filch__data_at(filch__at, name##__filch_large);                                        \
            FILCH__##kind##_LOAD(type)                                                                                 \
            filch__slot_empty(filch__data, name##__filch_large);                                                       \
        } else {                                                                                                       \
            struct filch__slot *filch__slot = *filch__head;                                                            \
            filch__fork_check_type(filch__slot, name##__filch_run, #name);                                             \
            void *filch__data = filch__data_at(filch__slot->data, name##__filch_large);                                \
            struct name##__filch_args filch__args = *(struct name##__filch_args *)filch__data;                         \
            (void)filch__args;                                                                                         \
            filch__slot_empty(filch__data, name##__filch_large);                                                       \
            FILCH__##kind##_TAKE name##__filch_call(filch__level, filch__forks,                                        \
                                                           filch__head FILCH__EACH_OF(FILCH__LOAD, list));             \
        }                                                                                                              \
        FILCH__##kind##_RETURN                                                                                         \
    }                                                                                                                  \
    FILCH__STATIC type name##__filch_root(struct filch_pool *filch__pool,                                              \
                                          int *filch__status FILCH__EACH_OF(FILCH__PARAMETER, list))                   \
    {                                                                                                                  \
        FILCH__ROOT_DATA(name, FILCH__##kind##_DECLARE(type)) filch__root;                                             \
        void *filch__data = &filch__root, *filch__at = filch__data;                                                    \
        struct name##__filch_args *filch__args = (struct name##__filch_args *)filch__data;                             \
        memset(filch__data, 0, sizeof filch__root);                                                                    \
        (void)filch__args;                                                                                             \
        FILCH__EACH_OF(FILCH__STORE, list)                                                                             \
        filch__fork_run(filch__pool, name##__filch_run, name##__filch_large ? (void *)&filch__at : filch__at, #name,   \
                        filch__status);                                                                                \
        if (filch__status && *filch__status)                                                                           \
            memset(filch__data, 0, sizeof filch__root);                                                                \
        FILCH__##kind##_ROOT(type)                                                                                     \
    }                                                                                                                  \
    struct name##__filch_args /* takes the semicolon */

#endif
