/* SPDX-License-Identifier: MIT */
/* search.c - the choices of an execution, and how the next one differs.
 *
 * Depth first: the last choice that has another way goes that way, all before it are replayed; when none is left, everything
 * within the bounds was seen. Random: each choice by itself. PCT (Burckhardt, Kothari, Musuvathi, Nagarakatti, ASPLOS 2010):
 * threads have random priorities, and at `depth` random steps the running one gets the lowest.
 */
#include "engine.h"

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PCT_CHANGES = 8, RESETS = 8, OUTCOMES = 1024 };

struct mc__search mc__search;
static struct {
    uint16_t chosen, count;
} choices[MC_CHOICES];
static int taken, known; /* by this execution; that it has in common with the one before */
static uint64_t random_state;
static uint64_t change_at[PCT_CHANGES], longest;
static char failure[160];
static uint64_t reached[16];
static uint64_t outcomes[OUTCOMES];
static int outcome_count;
static void (*resets[RESETS])(void);
static int reset_count;

uint64_t mc__random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

int mc__choose(int count, int odds)
{
    if (count <= 1)
        return 0;
    if (taken == known) {
        if (known == MC_CHOICES)
            mc__fail_limit("choices");
        uint64_t chosen = 0;
        if (odds < 0)
            chosen = (uint64_t)(-1 - odds);
        else if (mc__search.mode != MC_DEPTH_FIRST && !mc__search.replay && mc__random() % (uint64_t)odds == 0)
            chosen = mc__random() % (uint64_t)count;
        choices[known].chosen = (uint16_t)chosen;
        choices[known++].count = (uint16_t)count;
    }
    choices[taken].count = (uint16_t)count;
    return choices[taken++].chosen;
}

int mc_choice(int count)
{
    return mc__run.quiet ? 0 : mc__choose(count, 1);
}

bool mc__pct_change(void)
{
    for (int i = 0; i < mc__search.depth && i < PCT_CHANGES; i++)
        if (change_at[i] == mc__run.steps)
            return true;
    return false;
}

void mc_on_reset(void (*reset)(void))
{
    if (reset_count < RESETS)
        resets[reset_count++] = reset;
}

void mc_reached(int place)
{
    reached[place & 15]++;
}

void mc_outcome(uint64_t outcome)
{
    for (int i = 0; i < outcome_count; i++)
        if (outcomes[i] == outcome)
            return;
    if (outcome_count == OUTCOMES)
        mc__fail_limit("outcomes");
    outcomes[outcome_count++] = outcome;
}

void mc_fail(const char *what)
{
    snprintf(failure, sizeof failure, "%s", what);
    mc__run.bug = failure;
    mc__trace(__builtin_return_address(0), "FAILS: %s", what);
    mc__leave();
}

static bool too_small;

void mc__fail_limit(const char *what)
{
    char text[120];
    snprintf(text, sizeof text, "the checker has no room for more %s", what);
    too_small = true;
    mc_fail(text);
}

void mc_assert_at(bool condition, const char *text, const char *file, int line)
{
    char message[150];
    const char *slash = strrchr(file, '/');
    if (condition)
        return;
    snprintf(message, sizeof message, "%s:%d: does not hold: %s", slash ? slash + 1 : file, line, text);
    mc_fail(message);
}

/* A pointer gone wild in the code under test is a finding as well. */
static sigjmp_buf crash;
static void crashed(int signal_number)
{
    siglongjmp(crash, signal_number);
}

static void catch_crashes(void)
{
    static char stack[64 << 10];
    stack_t alternative = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_handler = crashed, .sa_flags = SA_ONSTACK};
    sigaltstack(&alternative, NULL);
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    sigaction(SIGABRT, &action, NULL);
    sigaction(SIGTRAP, &action, NULL);
    sigaction(SIGILL, &action, NULL);
}

static void one_execution(const struct mc_model *model)
{
    taken = 0;
    if (mc__search.mode == MC_PCT)
        for (int i = 0; i < PCT_CHANGES; i++)
            change_at[i] = mc__random() % (longest + 1);
    mc__shadow_begin();
    mc__memory_begin();
    mc__names_begin();
    for (int i = 0; i < reset_count; i++)
        resets[i]();
    if (sigsetjmp(crash, 1) == 0) {
        mc__threads_begin(model->run);
    } else {
        snprintf(failure, sizeof failure, "the program crashes");
        mc__run.bug = failure;
    }
}

/* The next execution in depth-first order; false when this was the last. */
static bool advance(void)
{
    known = taken;
    while (known && choices[known - 1].chosen + 1 >= choices[known - 1].count)
        known--;
    if (!known)
        return false;
    choices[known - 1].chosen++;
    return true;
}

/* The choices that are not 0, as position=choice. */
static char *write_choices(void)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    for (int i = 0; i < taken; i++)
        if (choices[i].chosen)
            fprintf(out, "%d=%d,", i, choices[i].chosen);
    fputc('.', out); /* never empty */
    fclose(out);
    return text;
}

static void read_choices(const char *text)
{
    int at, chosen, length;
    memset(choices, 0, sizeof choices);
    for (; sscanf(text, "%d=%d,%n", &at, &chosen, &length) == 2; text += length)
        if (at >= 0 && at < MC_CHOICES) {
            choices[at].chosen = (uint16_t)chosen;
            known = at + 1 > known ? at + 1 : known;
        }
}

static double seconds_used(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

struct mc__result mc__explore(const struct mc_model *model, const struct mc__search *search)
{
    struct mc__result result = {0};
    double begin = seconds_used();
    mc__search = *search;
    mc__bounds = search->bounds;
    random_state = search->seed * 2 + 1;
    known = 0;
    longest = 100;
    mc__fair = 0;
    too_small = false;
    memset(reached, 0, sizeof reached);
    outcome_count = 0;
    catch_crashes();
    if (search->replay)
        read_choices(search->replay);
    for (;;) {
        one_execution(model);
        result.executions++;
        result.steps += mc__run.steps;
        result.pruned += mc__run.pruned;
        longest = mc__run.steps > longest ? mc__run.steps : longest;
        if (mc__run.bug || search->replay)
            break;
        if (search->mode == MC_DEPTH_FIRST) {
            if (!advance()) {
                result.exhausted = true;
                break;
            }
        } else {
            known = 0;
        }
        if ((result.executions & 63) == 0 && seconds_used() - begin > search->seconds)
            break;
    }
    result.seconds = seconds_used() - begin;
    result.bug = mc__run.bug;
    result.limit = too_small;
    result.fair = mc__fair;
    if (mc__run.bug)
        result.replay = write_choices();
    memcpy(result.reached, reached, sizeof reached);
    result.outcomes = outcome_count;
    for (int i = 0; i < outcome_count; i++)
        result.outcomes_sum += outcomes[i] * UINT64_C(0x9e3779b97f4a7c15) >> 40;
    return result;
}
