/* SPDX-License-Identifier: MIT */
/* mc.h - a model checker for C11 programs: what a model may call.
 *
 * A model is a function without arguments. It is thread 0; it starts further threads, calls the runtime, and asserts what
 * must hold. The checker runs it again and again, each time with another interleaving and with other values for its loads,
 * until it has seen all that lie within the bounds, or the time is over.
 *
 * The runtime's sources are compiled with -fsanitize=thread and -DFILCH_MODEL, and linked with this checker in place of the
 * sanitizer's library: each atomic access is a step of the model, each plain access is checked against all others.
 *
 * It reports: a failed assertion, a data race, an atomic that is read before it is written, a use after free (of the heap, and
 * of a frame that its function has left), a free that races with an access, a double free, a deadlock (which is what a lost
 * wake-up comes to), a livelock.
 *
 * Only the functions of the model itself run in it; what is compiled without the sanitizer is invisible.
 */
#ifndef TESTS_MODEL_MC_H
#define TESTS_MODEL_MC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How far a search goes. Each field bounds what one execution may contain. */
struct mc_bounds {
    int preemptions; /* switches away from a thread that could go on; MC_ANY: no bound */
    int stale;       /* loads that return an older value than the newest, stores that enter below a newer one; MC_ANY */
    int timeouts;    /* timed waits that end early, though something else could run */
    int spurious;    /* futex waits that return for no reason */
    int failures;    /* allocations that fail */
};
#define MC_ANY (-1)

struct mc_model {
    const char *name;
    void (*run)(void);
    struct mc_bounds bounds; /* exhausted by the depth-first search of CI */
    const char *about;       /* what races, and what must hold */
    bool fails;              /* the model holds a seeded fault: not to be told apart from a right one is the failure */
};

/* MC_MODEL(future_wait, "about", .preemptions = 3, .stale = 2) { body } defines and registers a model. */
#define MC_MODEL(name_, about_, ...) MC_MODEL_(name_, about_, false, __VA_ARGS__)
#define MC_FAULT(name_, about_, ...) MC_MODEL_(name_, about_, true, __VA_ARGS__)
#define MC_MODEL_(name_, about_, fails_, ...)                                                                          \
    static void model_##name_(void);                                                                                   \
    static struct mc_model model_of_##name_ = {#name_, model_##name_, {__VA_ARGS__}, about_, fails_};                  \
    __attribute__((constructor)) static void register_##name_(void)                                                    \
    {                                                                                                                  \
        mc_register(&model_of_##name_);                                                                                \
    }                                                                                                                  \
    static void model_##name_(void)
void mc_register(struct mc_model *model);

/* Threads: at most 8 at a time, MC_THREADS in one execution. */
#define MC_THREADS 10
int mc_spawn(void *(*run)(void *arg), void *arg);
void mc_join(int thread);
int mc_self(void);

/* Memory that the checker watches. mc_alloc() may return NULL where the bounds allow failures. */
void *mc_memset(void *memory, int value, size_t size);
void *mc_memcpy(void *to, const void *from, size_t size);
void *mc_memmove(void *to, const void *from, size_t size);
void *mc_alloc(size_t size);
void *mc_zalloc(size_t size);
void mc_free(void *memory);
void mc_name(const void *memory, size_t size, const char *name); /* for traces */

/* Stacks have this size and are aligned to it, those of strands (the stand-ins') as well. */
#define MC_STACK_SIZE (64u << 10)

/* What lies below the caller's frame is void from here on: who touches it before its thread has written it anew has kept a
 * pointer into a frame that was left. */
void mc_frames_are_dead(void);

/* All futures of the model come together: between mc_quiet(true) and mc_quiet(false) nothing is preempted and nothing is
 * stale. For the setting up and the tearing down of what is not under test. */
void mc_quiet(bool on);

/* A spin loop's body: runs another thread, and sees the newest values afterwards. */
void mc_yield(void);

/* One of 0..count-1: all are tried. */
int mc_choice(int count);

/* How often this place was reached, in all executions; at most 16 places, printed with the model. */
void mc_reached(int place);

/* What this execution came to; how many different ones there are is printed with the model. */
void mc_outcome(uint64_t outcome);

/* The stand-ins for the operating system: */
void mc_lock(void *lock);
void mc_unlock(void *lock);
enum mc_wake { MC_WOKEN, MC_CHANGED, MC_TIMED_OUT };
enum mc_wake mc_futex_wait(uint32_t *word, uint32_t expected, bool timed);
void mc_futex_wake(uint32_t *word, int count);
void mc_barrier(void); /* membarrier(2): each thread executes a full fence somewhere inside the call */
void mc_grace(void);   /* a grace period has passed: all that was done before it began happened before its end */

_Noreturn void mc_fail(const char *what);
void mc_assert_at(bool condition, const char *text, const char *file, int line);
#define mc_assert(condition) mc_assert_at(condition, #condition, __FILE__, __LINE__)

/* Run at the start of each execution, before the model: stand-ins put their state back. */
void mc_on_reset(void (*reset)(void));
/* The thread `thread` is about to run: the stand-ins give it its own copy of what is thread-local. */
extern void (*mc_thread_begins)(int thread);

#endif
