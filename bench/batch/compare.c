/* SPDX-License-Identifier: MIT */
/* compare.c - all systems on the same files, in turns: A B C, B C A, C A B, ..., so that a drift of the machine's speed
 * meets all of them alike. Each result is checked against serial, file by file.
 */
#include "compare.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The share of --seconds that the rounds may use; the rest is for finding, warming and the reference. */
#define ROUNDS_SHARE 0.7

static int choose_systems(struct comparison *comparison)
{
    for (size_t i = 0; backends[i]->name && comparison->count < SYSTEMS_MAX; i++) {
        if (!backends[i]->carry)
            continue;
        struct result *result = &comparison->results[comparison->count++];
        result->backend = backends[i];
        result->samples = calloc(comparison->options->rounds, sizeof result->samples[0]);
        if (!result->samples)
            return -ENOMEM;
    }
    return 0;
}

/* How long serial may work per round, if the others work `speedup` times as fast. */
static double serial_seconds(const struct comparison *comparison)
{
    const struct options *options = comparison->options;
    unsigned cpus = filch_cpu_count();
    double speedup = options->max_concurrency < cpus ? options->max_concurrency : cpus;
    double per_round = 1 + (double)(comparison->count - 1) / speedup;
    return options->seconds * ROUNDS_SHARE / (options->rounds * per_round);
}

static int run_once(struct comparison *comparison, struct result *result, unsigned round)
{
    sample_reset(&comparison->files);
    int error = measure(result->backend, comparison->options, &comparison->files, &result->samples[round]);
    if (error) {
        fprintf(stderr, "batch: %s: %s\n", result->backend->name, strerror(-error));
        return error;
    }
    result->mismatches += sample_check(&comparison->files, result->backend->name);
    return 0;
}

/* On a machine that others use as well the rounds may take longer than was planned: then there are fewer of them. */
static bool time_is_up(const struct comparison *comparison, uint64_t start_ns, uint64_t rounds_start_ns)
{
    uint64_t now_ns = filch_now_ns();
    double passed = (double)(now_ns - start_ns) / 1e9;
    double per_round = comparison->rounds > 0 ? (double)(now_ns - rounds_start_ns) / 1e9 / comparison->rounds : 0;
    return comparison->rounds > 0 && passed + per_round > comparison->options->seconds;
}

static int run_rounds(struct comparison *comparison, uint64_t start_ns)
{
    const struct options *options = comparison->options;
    struct sample nothing = {0};
    int error = measure(NULL, options, &comparison->files, &nothing);
    comparison->inherited_bytes = nothing.peak_bytes;
    uint64_t rounds_start_ns = filch_now_ns();
    for (unsigned round = 0; round < options->rounds && !error; round++) {
        if (time_is_up(comparison, start_ns, rounds_start_ns))
            break;
        if (!options->quiet)
            fprintf(stderr, "batch: round %u of %u\n", round + 1, options->rounds);
        for (size_t i = 0; i < comparison->count && !error; i++)
            error = run_once(comparison, &comparison->results[(i + round) % comparison->count], round);
        comparison->rounds = round + 1;
    }
    return error;
}

/* One line per fact that the table rests on. */
static int conclude(const struct comparison *comparison)
{
    size_t mismatches = 0;
    for (size_t i = 0; i < comparison->count; i++)
        mismatches += comparison->results[i].mismatches;
    bool json_on_stdout = output_is_stdout(comparison->options->json);
    report_print(json_on_stdout ? stderr : stdout, comparison);
    int error = comparison->options->json ? report_json(comparison) : 0;
    return mismatches > 0 || error ? STATUS_ERRORS : STATUS_OK;
}

int compare_backends(const struct options *options)
{
    struct comparison comparison = {.options = options};
    uint64_t start_ns = filch_now_ns();
    int status = STATUS_ERRORS;
    int error = choose_systems(&comparison);
    if (!error)
        error = sample_open(&comparison.files, options, serial_seconds(&comparison));
    if (error)
        fprintf(stderr, "batch: %s\n", error == -ENODATA ? "no files to compare on" : strerror(-error));
    else
        error = run_rounds(&comparison, start_ns);
    comparison.seconds = (double)(filch_now_ns() - start_ns) / 1e9;
    if (!error)
        status = conclude(&comparison);
    sample_close(&comparison.files);
    for (size_t i = 0; i < comparison.count; i++)
        free(comparison.results[i].samples);
    return status;
}
