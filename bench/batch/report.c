/* SPDX-License-Identifier: MIT */
/* report.c - a comparison as a table and as JSON.
 *
 * A ratio is taken within a round, system by filch, and is the median over the rounds: the machine's speed drifts more
 * from round to round than the systems differ. Where the ratios of the rounds lie on both sides of 1, or are few, the
 * difference is marked as not significant. A round in which a sample is dirty is dropped for the pair; if fewer than
 * three are left, all are used, and the report says so.
 */
#include "compare.h"

#include <inttypes.h>
#include <stdlib.h>
#include <zstd.h>

enum { CLEAN_MIN = 3, SIGNIFICANT_MIN = 5, ROUNDS_MAX = 1000 };

struct spread {
    double median, min, max;
    size_t count;
};

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct spread spread_of(double *values, size_t count)
{
    struct spread spread = {.count = count};
    if (count == 0)
        return spread;
    qsort(values, count, sizeof *values, compare_doubles);
    spread.min = values[0];
    spread.max = values[count - 1];
    spread.median = (values[(count - 1) / 2] + values[count / 2]) / 2;
    return spread;
}

enum metric { METRIC_SECONDS, METRIC_CPU, METRIC_PEAK, METRIC_RATIO };

static double value_of(enum metric metric, const struct sample *sample, const struct sample *filch)
{
    switch (metric) {
    case METRIC_SECONDS:
        return sample->seconds;
    case METRIC_CPU:
        return sample->cpu_seconds;
    case METRIC_PEAK:
        return (double)sample->peak_bytes;
    case METRIC_RATIO:
        return sample->seconds / filch->seconds;
    }
    return 0;
}

/* Over the rounds that are clean, for this system and, in a ratio, for filch. */
static struct spread spread_over(const struct comparison *comparison, const struct result *result, enum metric metric)
{
    static double clean[ROUNDS_MAX], every[ROUNDS_MAX];
    size_t clean_count = 0, count = comparison->rounds;
    for (size_t i = 0; i < count; i++) {
        const struct sample *sample = &result->samples[i], *filch = &comparison->results[0].samples[i];
        every[i] = value_of(metric, sample, filch);
        if (!sample->dirty && !(metric == METRIC_RATIO && filch->dirty))
            clean[clean_count++] = every[i];
    }
    bool enough = clean_count >= CLEAN_MIN || clean_count == count;
    return enough ? spread_of(clean, clean_count) : spread_of(every, count);
}

static size_t dirty_count(const struct comparison *comparison)
{
    size_t dirty = 0;
    for (size_t i = 0; i < comparison->count; i++)
        for (size_t j = 0; j < comparison->rounds; j++)
            dirty += comparison->results[i].samples[j].dirty;
    return dirty;
}

static void print_head(FILE *out, const struct comparison *comparison)
{
    const struct options *options = comparison->options;
    const struct sample_files *files = &comparison->files;
    char a[TEXT_SIZE], b[TEXT_SIZE], c[TEXT_SIZE], d[TEXT_SIZE];
    fprintf(out, "hash (XXH3, 128 bits) and compress (zstd %s, level %d), at most %u at once, %u processors\n",
            ZSTD_versionString(), options->level, options->max_concurrency, filch_cpu_count());
    fprintf(out, "%s of %s files (%s of %s), page cache warm, %u rounds in turns%s, %.0f s in all\n",
            text_count(a, files->count), text_count(b, files->found), text_bytes(c, (double)files->bytes),
            text_bytes(d, (double)files->found_bytes), comparison->rounds,
            comparison->rounds < options->rounds ? " (then the time was up)" : "", comparison->seconds);
    if (files->left_out_large)
        fprintf(out, "files above %s come last in the choice and are not, or not all, among them\n",
                text_bytes(a, (double)files->largest));
    if (files->errors + files->unreadable > 0)
        fprintf(out, "%s files failed, in each system alike; %zu entries were not readable when searching\n",
                text_count(a, files->errors), files->unreadable);
    fprintf(out,
            "each ran in a process of its own; memory is the most that was resident beyond the %s it began with\n\n",
            text_bytes(a, (double)comparison->inherited_bytes));
}

static void print_row(FILE *out, const struct comparison *comparison, const struct result *result)
{
    struct spread seconds = spread_over(comparison, result, METRIC_SECONDS);
    struct spread cpu = spread_over(comparison, result, METRIC_CPU);
    struct spread peak = spread_over(comparison, result, METRIC_PEAK);
    struct spread ratio = spread_over(comparison, result, METRIC_RATIO);
    bool significant = ratio.count >= SIGNIFICANT_MIN && (ratio.min > 1 || ratio.max < 1);
    char text[TEXT_SIZE];
    fprintf(out, "%-9s %8.3f  %6.3f..%-6.3f %8.1f  ", result->backend->name, seconds.median, seconds.min, seconds.max,
            (double)comparison->files.bytes / 1e6 / seconds.median);
    if (result == &comparison->results[0])
        fprintf(out, "%5.3f                 ", 1.0);
    else
        fprintf(out, "%5.3f  %5.3f..%-5.3f %s ", ratio.median, ratio.min, ratio.max, significant ? " " : "~");
    fprintf(out, "%8.3f  %8s  %s\n", cpu.median, text_bytes(text, peak.median - (double)comparison->inherited_bytes),
            result->mismatches == 0 ? "as serial" : "WRONG");
}

void report_print(FILE *out, const struct comparison *comparison)
{
    print_head(out, comparison);
    fputs("system    median s      min..max      MB/s  time by filch's (min..max)     CPU s    memory  results\n", out);
    for (size_t i = 0; i < comparison->count; i++)
        print_row(out, comparison, &comparison->results[i]);
    for (size_t i = 0; backends[i]->name; i++)
        if (!backends[i]->carry)
            fprintf(out, "%-9s not built in\n", backends[i]->name);
    fprintf(out, "~ not significant: the ratios lie on both sides of 1, or come from fewer than %d rounds\n",
            SIGNIFICANT_MIN);
    size_t dirty = dirty_count(comparison);
    if (dirty > 0)
        fprintf(out, "%zu of %zu samples were disturbed by other load; they are left out where %d clean ones remain\n",
                dirty, comparison->count * comparison->rounds, CLEAN_MIN);
    fflush(out);
}

static void json_spread(FILE *out, const char *name, struct spread spread)
{
    fprintf(out, "\"%s\": {\"median\": %.6f, \"min\": %.6f, \"max\": %.6f}, ", name, spread.median, spread.min,
            spread.max);
}

static void json_result(FILE *out, const struct comparison *comparison, const struct result *result)
{
    fprintf(out, "    {\"name\": \"%s\", \"matches_serial\": %s,\n     ", result->backend->name,
            result->mismatches == 0 ? "true" : "false");
    json_spread(out, "seconds", spread_over(comparison, result, METRIC_SECONDS));
    json_spread(out, "ratio_to_filch", spread_over(comparison, result, METRIC_RATIO));
    fputs("\n     ", out);
    json_spread(out, "cpu_seconds", spread_over(comparison, result, METRIC_CPU));
    json_spread(out, "peak_bytes", spread_over(comparison, result, METRIC_PEAK));
    fputs("\n     \"samples\": [", out);
    for (size_t i = 0; i < comparison->rounds; i++) {
        const struct sample *sample = &result->samples[i];
        fprintf(out,
                "%s\n      {\"seconds\": %.6f, \"cpu_seconds\": %.6f, \"peak_bytes\": %" PRIu64
                ", \"foreign_share\": %.4f, \"dirty\": %s}",
                i > 0 ? "," : "", sample->seconds, sample->cpu_seconds, sample->peak_bytes, sample->foreign_share,
                sample->dirty ? "true" : "false");
    }
    fputs("]}", out);
}

int report_json(const struct comparison *comparison)
{
    const struct options *options = comparison->options;
    const struct sample_files *files = &comparison->files;
    FILE *out = output_open(options->json);
    if (!out)
        return -1;
    fprintf(out, "{\n  \"program\": \"batch\",\n  \"workload\": \"W11\",\n  \"compare\": true,\n");
    fprintf(out, "  \"files\": %zu,\n  \"bytes\": %" PRIu64 ",\n  \"compressed_bytes\": %" PRIu64 ",\n", files->count,
            files->bytes, files->compressed);
    fprintf(out, "  \"errors\": %" PRIu64 ",\n  \"seconds\": %.6f,\n", files->errors + files->unreadable,
            comparison->seconds);
    fprintf(out, "  \"found\": %zu,\n  \"found_bytes\": %" PRIu64 ",\n", files->found, files->found_bytes);
    fprintf(out, "  \"max_concurrency\": %u,\n  \"processors\": %u,\n  \"hash\": \"XXH3_128\",\n",
            options->max_concurrency, filch_cpu_count());
    fprintf(out, "  \"zstd_level\": %d,\n  \"zstd_version\": \"%s\",\n  \"rounds\": %u,\n", options->level,
            ZSTD_versionString(), comparison->rounds);
    fprintf(out, "  \"inherited_bytes\": %" PRIu64 ",\n  \"systems\": [\n", comparison->inherited_bytes);
    for (size_t i = 0; i < comparison->count; i++) {
        json_result(out, comparison, &comparison->results[i]);
        fputs(i + 1 < comparison->count ? ",\n" : "\n", out);
    }
    fputs("  ]\n}\n", out);
    return output_close(out, options->json);
}
