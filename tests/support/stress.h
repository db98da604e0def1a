/* SPDX-License-Identifier: MIT */
/* stress.h - what the stress programs share: a seed that replays a run, the size of a run, a watchdog per round.
 *
 *     FILCH_SEED=n       the seed of the first round; each further round has the next one. Not given: by the clock
 *     FILCH_ROUNDS=n     so many rounds; 1 with the seed that a failure printed replays that round
 *     FILCH_STRESS=ci    (or not given) a few seconds, half as long under a sanitizer; =full the counts of a full run
 *     FILCH_CPU=n        stay on this processor
 *
 * Threads are not replayed, only what each of them does: a race may need several rounds of one seed.
 */
#ifndef TESTS_STRESS_H
#define TESTS_STRESS_H

#include "tasks.h"

#include <inttypes.h>
#include <sched.h>

static struct {
    const char *name, *path;
    uint64_t seed;   /* of the present round */
    uint64_t rounds; /* to be done; UINT64_MAX: until the time is over */
    uint64_t done;   /* rounds */
    uint64_t until_ns;
    bool full;
    char replay[512];
} stress;

static inline uint64_t stress_number(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);
    return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

/* True: the program has one processor, by FILCH_CPU or because it was started so. */
static inline bool stress_pin(void)
{
    uint64_t cpu = stress_number("FILCH_CPU", UINT64_MAX);
    cpu_set_t set;
    CPU_ZERO(&set);
    if (cpu < CPU_SETSIZE) {
        CPU_SET((int)cpu, &set);
        must(sched_setaffinity(0, sizeof set, &set) == 0);
    }
    return sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) == 1;
}

/* `full_rounds`: rounds of a full run, a tenth of it under a sanitizer. A short run ends after the round in which
 * `ci_ms` have passed, or half of that under a sanitizer, and when pinned to one processor. */
static inline void stress_begin(char **argv, const char *name, unsigned ci_ms, uint64_t full_rounds)
{
    const char *size = getenv("FILCH_STRESS");
    setvbuf(stdout, NULL, _IONBF, 0);
    stress.name = name;
    stress.path = argv[0];
    stress.full = size && strcmp(size, "full") == 0;
    stress.seed = stress_number("FILCH_SEED", watchdog_now_ns() % 1000000000u);
    stress.rounds = stress_number("FILCH_ROUNDS", stress.full ? TEST_SHARE(full_rounds) : UINT64_MAX);
    if (TEST_SANITIZED)
        ci_ms /= 2;
    if (stress_pin())
        ci_ms /= 2;
    stress.until_ns = stress.rounds == UINT64_MAX ? filch_in_ns(FILCH_MS(ci_ms)) : UINT64_MAX;
    printf("%s: %s run, first seed %" PRIu64 "\n", name, stress.full ? "full" : "ci", stress.seed);
}

/* Another round? Call before each; the random numbers of a round come from stress.seed. */
static inline bool stress_next(void)
{
    if (stress.done == stress.rounds || (stress.done != 0 && filch_now_ns() > stress.until_ns)) {
        watchdog_set(stress.name, 0);
        printf("%s: %" PRIu64 " rounds, last seed %" PRIu64 "\n", stress.name, stress.done, stress.seed);
        return false;
    }
    stress.seed += stress.done != 0;
    stress.done++;
    snprintf(stress.replay, sizeof stress.replay, "FILCH_SEED=%" PRIu64 " FILCH_ROUNDS=1%s %s", stress.seed,
             stress.full ? " FILCH_STRESS=full" : "", stress.path);
    watchdog_state.replay = stress.replay;
    watchdog_set(stress.name, TEST_TIMEOUT);
    return true;
}

/* An assertion that names the command to replay the round. */
#define claim(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: must be true: %s\nreplay: %s\n", __FILE__, __LINE__, #condition, stress.replay);   \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

/* splitmix64 (Steele, Lea, Flood, OOPSLA 2014): each thread and task has a state of its own. */
static inline uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static inline unsigned random_below(uint64_t *state, unsigned limit)
{
    return (unsigned)(random_next(state) >> 32) % limit;
}

#endif
