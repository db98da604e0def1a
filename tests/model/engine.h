/* SPDX-License-Identifier: MIT */
/* engine.h - inside the checker: the memory of an execution, its threads, and the choices that make it the one it is.
 *
 * An execution is replayed from its choices (search.c). Between two choices everything is determined: the checker runs one
 * thread at a time, on stacks of its own (threads.c), and keeps for each atomic object the values that it had, in the order
 * of modification, each with what its writer had seen (memory.c). Plain memory keeps who accessed it last (shadow.c).
 *
 * The memory model is C11's as RC11 mends it (Lahav, Vafeiadis, Kang, Hur, Dreyer, PLDI 2017), run in the manner of views
 * (Kang, Hur, Lahav, Vafeiadis, Dreyer, POPL 2017). A view says, for each object, the oldest value that may still be read.
 * What it leaves out: load buffering (a load never returns a value that is stored later in the execution); plain stores may
 * enter the modification order below newer ones, sequentially consistent stores and read-modify-writes only at its end.
 */
#ifndef TESTS_MODEL_ENGINE_H
#define TESTS_MODEL_ENGINE_H

#include "mc.h"

enum {
    MC_LOCATIONS = 224, /* atomic objects of an execution */
    MC_VALUES = 500,    /* that one of them has */
    MC_MESSAGES = 8192, /* that all of them have */
    MC_SC_EVENTS = 768, /* sequentially consistent accesses */
    MC_CHOICES = 30000,
    MC_STEPS = 20000,
};

/* The orders as compilers number them. */
enum mc__order { MC_RELAXED, MC_CONSUME, MC_ACQUIRE, MC_RELEASE, MC_ACQ_REL, MC_SEQ_CST };

/* What a thread knows, or a value brings along. Vectors, joined by the element's maximum. */
struct mc__view {
    int16_t seen[MC_LOCATIONS]; /* no older value of the object may be read */
    int16_t clock[MC_THREADS];  /* accesses of the thread that happen before */
    int16_t strong[MC_THREADS]; /* of its sequentially consistent accesses, those before in the order that these keep */
};
void mc__view_join(struct mc__view *view, const struct mc__view *other);

/* What a step does to others: two steps that touch different things may change places (search.c). */
enum mc__touch { MC_NOTHING, MC_READ, MC_WRITE, MC_ALL };
struct mc__step {
    enum mc__touch touch;
    uintptr_t address;
};

enum mc__state { MC_DEAD, MC_READY, MC_ASLEEP, MC_ASLEEP_TIMED, MC_LOCKED_OUT, MC_JOINING };

struct mc__thread {
    void *saved, *stack;
    void *(*run)(void *arg);
    void *arg;
    enum mc__state state;
    uintptr_t waits_for; /* a futex word, a lock, a thread */
    bool yielded;        /* it spins: not before something was written */
    bool timed_out;
    uint64_t last_ran;
    int priority;         /* PCT */
    struct mc__step next; /* what it does when it is chosen */
    struct mc__view now;
    struct mc__view acquired; /* by relaxed loads: for a fence */
    struct mc__view released; /* by a fence: for relaxed stores */
};

/* The present execution. */
extern struct mc__execution {
    struct mc__thread thread[MC_THREADS];
    int threads, me;
    uint64_t steps;
    struct mc_bounds used;
    int quiet;
    uint32_t asleep; /* threads whose next step was explored from here already */
    bool pruned;
    const char *bug;
} mc__run;
extern struct mc_bounds mc__bounds;
#define mc__me (&mc__run.thread[mc__run.me])

static inline bool mc__may(int used, int bound)
{
    return !mc__run.quiet && (bound == MC_ANY || used < bound);
}

/* threads.c */
void mc__threads_begin(void (*model)(void));              /* runs one execution, to its end */
void mc__step(enum mc__touch touch, const void *address); /* another thread may run before it */
void mc__touched(enum mc__touch touch, uintptr_t address);
void mc__something_written(void);
_Noreturn void mc__leave(void); /* the execution ends here */

/* search.c */
enum mc__mode { MC_DEPTH_FIRST, MC_RANDOM, MC_PCT };
struct mc__search {
    struct mc_bounds bounds;
    enum mc__mode mode;
    uint64_t seed;
    int depth; /* PCT: priority changes */
    double seconds;
    bool reduce; /* sleep sets */
    const char *replay;
};
struct mc__result {
    uint64_t executions, pruned, steps, fair;
    double seconds;
    bool exhausted, limit; /* `limit`: one of the checker's own was too small */
    const char *bug;
    char *replay;
    uint64_t reached[16];
    int outcomes;
    uint64_t outcomes_sum;
};
extern struct mc__search mc__search;
extern uint64_t mc__fair; /* times that a thread ran because it had not for long */
struct mc__result mc__explore(const struct mc_model *model, const struct mc__search *search);
int mc__choose(int count, int odds); /* 0..count-1; random: in one case of `odds` not 0 */
bool mc__pct_change(void);
uint64_t mc__random(void);
void mc__fail_limit(const char *what);

/* memory.c */
void mc__memory_begin(void);
uint64_t mc__load(void *object, int size, int order, void *pc);
void mc__store(void *object, int size, uint64_t value, int order, void *pc);
enum mc__rmw { MC_EXCHANGE, MC_ADD, MC_SUB, MC_OR, MC_AND, MC_XOR };
uint64_t mc__rmw(void *object, int size, uint64_t operand, enum mc__rmw operation, int order, void *pc);
bool mc__cas(void *object, int size, void *expected, uint64_t desired, int order, int failure, bool weak, void *pc);
uint64_t mc__newest(void *object, int size); /* and the thread has seen it */
void mc__see_all(void);
void mc__fence(struct mc__thread *thread);
void mc__forget(int location);

/* shadow.c */
void mc__shadow_begin(void);
void mc__plain(const void *memory, size_t size, bool write, void *pc);
/* The atomic object there, -1 for none yet; *place: where its number is kept. Checks the access like a plain one. */
int mc__atomic_at(const void *object, int size, bool read, bool write, int16_t **place);
/* Threads' accesses to an atomic object, as their clocks. */
struct mc__accesses {
    int16_t read[MC_THREADS], written[MC_THREADS];
};
extern struct mc__accesses mc__accesses[MC_LOCATIONS];
bool mc__after_all(const struct mc__accesses *accesses, bool reads); /* of the other threads */

/* trace.c */
extern bool mc__tracing;
void mc__trace(void *pc, const char *format, ...) __attribute__((format(printf, 2, 3)));
void mc__trace_print(void);
const char *mc__name_of(uintptr_t address);
void mc__names_begin(void);

#endif
