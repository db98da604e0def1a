/* SPDX-License-Identifier: MIT */
/* json.c - the summary as JSON, and the manifest: a line per file. */
#include "batch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

bool output_is_stdout(const char *path)
{
    return path && !strcmp(path, "-");
}

FILE *output_open(const char *path)
{
    FILE *out = output_is_stdout(path) ? stdout : fopen(path, "we");
    if (!out)
        fprintf(stderr, "batch: %s: %s\n", path, strerror(errno));
    return out;
}

int output_close(FILE *out, const char *path)
{
    bool failed = ferror(out) != 0;
    errno = EIO;
    failed |= (out == stdout ? fflush(out) : fclose(out)) != 0;
    if (!failed)
        return 0;
    int error = errno;
    fprintf(stderr, "batch: %s: %s\n", path, strerror(error));
    return -error;
}

static void print_file_error(FILE *out, const struct file *file)
{
    fprintf(out, "\"stage\": \"%s\", \"errno\": %d, \"error\": ", file_stage_text(file),
            file->stage == STAGE_COMPRESS ? 0 : file->error);
    json_text(out, file_error_text(file));
}

static void print_slowest(FILE *out, const struct file *first)
{
    const struct file *slowest[SLOWEST];
    size_t count = slowest_files(first, slowest);
    fputs("  \"slowest\": [", out);
    for (size_t i = 0; i < count; i++) {
        fputs(i > 0 ? ",\n    {" : "\n    {", out);
        json_path(out, slowest[i]->path);
        fprintf(out, ", \"bytes\": %" PRIu64 ", \"seconds\": %.6f}", slowest[i]->bytes,
                (double)slowest[i]->busy_ns / 1e9);
    }
    fputs(count > 0 ? "\n  ],\n" : "],\n", out);
}

static void print_causes(FILE *out, const struct file *first)
{
    size_t count;
    struct cause *causes = causes_of(first, &count);
    fputs("  \"causes\": [", out);
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "%s\n    {\"count\": %" PRIu64 ", ", i > 0 ? "," : "", causes[i].count);
        print_file_error(out, causes[i].example[0]);
        fputs(", \"examples\": [", out);
        for (unsigned j = 0; j < causes[i].examples; j++) {
            fputs(j > 0 ? ", {" : "{", out);
            json_path(out, causes[i].example[j]->path);
            putc('}', out);
        }
        fputs("]}", out);
    }
    fputs(count > 0 ? "\n  ],\n" : "],\n", out);
    free(causes);
}

static void print_failed(FILE *out, const struct file *first)
{
    const char *separator = "";
    fputs("  \"failed\": [", out);
    for (const struct file *file = first; file; file = file->next) {
        if (file->end != FILE_FAILED)
            continue;
        fprintf(out, "%s\n    {", separator);
        json_path(out, file->path);
        fputs(", ", out);
        print_file_error(out, file);
        putc('}', out);
        separator = ",";
    }
    fputs(*separator ? "\n  ]\n" : "]\n", out);
}

static void print_totals(FILE *out, const struct totals *totals)
{
    double seconds = totals->seconds > 0 ? totals->seconds : 1e-9;
    const struct {
        const char *name;
        uint64_t value;
    } counts[] = {
        {"files", totals->files},
        {"bytes", totals->bytes},
        {"compressed_bytes", totals->compressed},
        {"errors", totals->failed_files + totals->failed_directories},
        {"failed_files", totals->failed_files},
        {"failed_directories", totals->failed_directories},
        {"not_processed", totals->not_processed},
        {"found", totals->found},
        {"found_bytes", totals->found_bytes},
        {"changed", totals->changed},
        {"skipped", totals->skipped},
    };
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        fprintf(out, "  \"%s\": %" PRIu64 ",\n", counts[i].name, counts[i].value);
    fprintf(out, "  \"seconds\": %.6f,\n  \"mb_per_second\": %.3f,\n  \"cpu_seconds\": %.6f,\n", totals->seconds,
            (double)totals->bytes / 1e6 / seconds, totals->cpu_seconds);
    fprintf(out, "  \"walk_complete\": %s,\n  \"stopped_by_error\": %s,\n  \"interrupted\": %s,\n",
            totals->walk_complete ? "true" : "false", totals->stopped_by ? "true" : "false",
            totals->signal ? "true" : "false");
}

int summary_json(const struct options *options, const struct totals *totals, const struct file *first)
{
    FILE *out = output_open(options->json);
    if (!out)
        return -EIO;
    fprintf(out, "{\n  \"program\": \"batch\",\n  \"system\": \"%s\",\n  \"max_concurrency\": %u,\n",
            options->backend->name, options->max_concurrency);
    fprintf(out, "  \"hash\": \"XXH3_128\",\n  \"zstd_level\": %d,\n  \"directories\": [", options->level);
    for (size_t i = 0; i < options->root_count; i++) {
        fputs(i > 0 ? ", {" : "{", out);
        json_path(out, options->roots[i]);
        putc('}', out);
    }
    fputs("],\n", out);
    print_totals(out, totals);
    print_slowest(out, first);
    print_causes(out, first);
    print_failed(out, first);
    fputs("}\n", out);
    return output_close(out, options->json);
}

int manifest_write(const char *path, const struct file *first)
{
    FILE *out = output_open(path);
    if (!out)
        return -EIO;
    for (const struct file *file = first; file; file = file->next) {
        if (file->end == FILE_DONE)
            fprintf(out, "done\t%016" PRIx64 "%016" PRIx64 "\t%" PRIu64 "\t%" PRIu64 "\t", file->hash[1], file->hash[0],
                    file->bytes, file->compressed);
        else
            fprintf(out, "%s\t-\t-\t-\t", file->end == FILE_FAILED ? "failed" : "not processed");
        text_name(out, file->path);
        putc('\n', out);
    }
    return output_close(out, path);
}
