/* SPDX-License-Identifier: MIT */
/* main.c - runs models, prints a line for each, and for one that fails the schedule and the command that replays it.
 *
 *     models                       all, depth first at the bounds that each declares
 *     models future_* gate_2w2     some
 *     models --list                their names and what they are about
 *     models --preemptions 3 --stale 2 --seconds 30 NAME    further (any: no bound); also --timeouts --spurious --failures
 *     models --random SEED --seconds 30 NAME                without bounds, each choice by itself
 *     models --pct SEED NAME                                by random priorities
 *     models --no-reduction NAME                            to see what the reduction saves
 *     models --replay CHOICES NAME                          one execution, as a trace
 *     models --expect-failure NAME                          0 when it fails
 *     models --figure "P2 P3" NAME                          a line at the end for script/promises
 */
#include "engine.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MODELS = 256 };
static struct mc_model *models[MODELS];
static int model_count;

void mc_register(struct mc_model *model)
{
    if (model_count < MODELS)
        models[model_count++] = model;
}

static uint64_t executions, unfinished;

static struct options {
    struct mc__search search;
    bool given[5]; /* bounds */
    bool list, expect_failure;
    const char *promises; /* what the models show, for script/promises */
    char **names;
    int name_count;
} options = {.search = {.mode = MC_DEPTH_FIRST, .seconds = 60, .reduce = true, .depth = 3}};

static int *bound_of(struct mc_bounds *bounds, int i)
{
    int *const bound[] = {&bounds->preemptions, &bounds->stale, &bounds->timeouts, &bounds->spurious,
                          &bounds->failures};
    return bound[i];
}
static const char *const bound_names[] = {"preemptions", "stale", "timeouts", "spurious", "failures"};

static int usage(void)
{
    fprintf(stderr, "usage: models [--list] [--preemptions N|any] [--stale N|any] [--timeouts N] [--spurious N] "
                    "[--failures N]\n              [--seconds S] [--random SEED] [--pct SEED] [--no-reduction] "
                    "[--expect-failure] [--replay CHOICES] [NAME...]\n");
    return 2;
}

static bool take_value(const char *name, const char *value)
{
    struct mc__search *search = &options.search;
    for (int i = 0; i < 5; i++)
        if (strcmp(name, bound_names[i]) == 0) {
            *bound_of(&search->bounds, i) = strcmp(value, "any") == 0 ? MC_ANY : atoi(value);
            options.given[i] = true;
            return true;
        }
    if (strcmp(name, "seconds") == 0) {
        search->seconds = atof(value);
    } else if (strcmp(name, "replay") == 0) {
        search->replay = value;
    } else if (strcmp(name, "figure") == 0) {
        options.promises = value;
    } else if (strcmp(name, "random") == 0 || strcmp(name, "pct") == 0) {
        search->mode = name[0] == 'r' ? MC_RANDOM : MC_PCT;
        search->seed = strtoull(value, NULL, 0);
    } else {
        return false;
    }
    return true;
}

static bool take_options(int argc, char **argv)
{
    int i = 1;
    for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
        const char *name = argv[i] + 2;
        if (strcmp(name, "list") == 0)
            options.list = true;
        else if (strcmp(name, "no-reduction") == 0)
            options.search.reduce = false;
        else if (strcmp(name, "expect-failure") == 0)
            options.expect_failure = true;
        else if (i + 1 == argc || !take_value(name, argv[++i]))
            return false;
    }
    options.names = argv + i;
    options.name_count = argc - i;
    return true;
}

static bool is_named(const struct mc_model *model)
{
    for (int i = 0; i < options.name_count; i++)
        if (fnmatch(options.names[i], model->name, 0) == 0)
            return true;
    return options.name_count == 0;
}

static struct mc__search search_for(const struct mc_model *model)
{
    struct mc__search search = options.search;
    struct mc_bounds bounds = model->bounds;
    for (int i = 0; i < 5; i++) {
        if (options.given[i])
            *bound_of(&bounds, i) = *bound_of(&search.bounds, i);
        else if (search.mode != MC_DEPTH_FIRST && i < 2)
            *bound_of(&bounds, i) = MC_ANY;
    }
    search.bounds = bounds;
    return search;
}

static const char *bound_text(int bound, char *text, size_t size)
{
    if (bound == MC_ANY)
        return "any";
    snprintf(text, size, "%d", bound);
    return text;
}

static void print_failure(const struct mc_model *model, const struct mc__search *search, const char *replay)
{
    char text[16];
    struct mc__search again = *search;
    mc__tracing = true;
    again.replay = replay;
    again.reduce = search->reduce && search->mode == MC_DEPTH_FIRST; /* what sleeps is no choice */
    again.mode = MC_DEPTH_FIRST;
    struct mc__result result = mc__explore(model, &again);
    mc__trace_print();
    mc__tracing = false;
    if (!result.bug)
        printf("the replay does not fail: the model is not a function of its choices\n");
    free(result.replay);
    printf("replay: models%s", again.reduce ? "" : " --no-reduction");
    for (int i = 0; i < 5; i++)
        printf(" --%s %s", bound_names[i], bound_text(*bound_of(&again.bounds, i), text, sizeof text));
    printf(" --replay %s %s\n", replay, model->name);
}

/* 0 as expected, 1 not, 2 the checker is too small for it. */
static int run(const struct mc_model *model)
{
    char preemptions[16], stale[16];
    struct mc__search search = search_for(model);
    mc__tracing = search.replay != NULL;
    struct mc__result result = mc__explore(model, &search);
    bool fails = options.expect_failure || model->fails;
    const char *end = result.limit       ? "TOO LARGE"
                      : result.bug       ? fails ? "fails, as it must" : "FAILS"
                      : fails            ? "NOT TOLD APART"
                      : result.exhausted ? "all seen"
                      : search.mode      ? "random"
                      : search.replay    ? "replayed"
                                         : "time over";
    printf("%-28s p%s s%s %-17s %9llu executions %8.2f s", model->name,
           bound_text(search.bounds.preemptions, preemptions, sizeof preemptions),
           bound_text(search.bounds.stale, stale, sizeof stale), end, (unsigned long long)result.executions,
           result.seconds);
    if (result.pruned)
        printf(", %llu cut", (unsigned long long)result.pruned);
    if (result.fair)
        printf(", %llu by patience", (unsigned long long)result.fair);
    for (int i = 0; i < 16; i++)
        if (result.reached[i])
            printf(" [%d]=%llu", i, (unsigned long long)result.reached[i]);
    if (result.outcomes && !result.bug)
        printf(", %d outcomes (%llx)", result.outcomes, (unsigned long long)result.outcomes_sum);
    printf("%s%s\n", result.bug ? ": " : "", result.bug ? result.bug : "");
    if (search.replay)
        mc__trace_print();
    else if (result.bug && !fails)
        print_failure(model, &search, result.replay);
    free(result.replay);
    fflush(stdout);
    executions += result.executions;
    unfinished += !result.exhausted && !result.bug;
    return result.limit ? 2 : (result.bug != NULL) != fails;
}

int main(int argc, char **argv)
{
    int ran = 0, failed = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!take_options(argc, argv))
        return usage();
    for (int i = 0; i < model_count; i++) {
        if (!is_named(models[i]))
            continue;
        ran++;
        if (options.list)
            printf("%-28s %s\n", models[i]->name, models[i]->about);
        else
            failed += run(models[i]) != 0;
    }
    if (options.list)
        return 0;
    if (options.promises)
        printf("figure: %s %d models, %llu executions%s\n", options.promises, ran, (unsigned long long)executions,
               unfinished ? ", not all seen" : ", all within their bounds seen");
    printf("%d passed, %d failed\n", ran - failed, failed);
    return ran == 0 ? 2 : failed != 0;
}
