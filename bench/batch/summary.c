/* SPDX-License-Identifier: MIT */
/* summary.c - what is printed when the job has ended, whole or in part: figures, errors by cause, the slowest files. */
#define _GNU_SOURCE
#include "batch.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

size_t slowest_files(const struct file *first, const struct file *ret_slowest[SLOWEST])
{
    size_t count = 0;
    for (const struct file *file = first; file; file = file->next) {
        if (file->end != FILE_DONE)
            continue;
        size_t at = count;
        while (at > 0 && ret_slowest[at - 1]->busy_ns < file->busy_ns)
            at--;
        if (at == SLOWEST)
            continue;
        count += count < SLOWEST;
        for (size_t i = count - 1; i > at; i--)
            ret_slowest[i] = ret_slowest[i - 1];
        ret_slowest[at] = file;
    }
    return count;
}

static bool same_cause(const struct file *a, const struct file *b)
{
    return a->stage == b->stage && a->error == b->error && a->directory == b->directory;
}

static int compare_causes(const void *a, const void *b)
{
    uint64_t count_a = ((const struct cause *)a)->count, count_b = ((const struct cause *)b)->count;
    return (count_a < count_b) - (count_a > count_b);
}

/* There are few causes, however many files: a linear search does. */
struct cause *causes_of(const struct file *first, size_t *ret_count)
{
    struct cause *causes = NULL;
    size_t count = 0;
    for (const struct file *file = first; file; file = file->next) {
        if (file->end != FILE_FAILED)
            continue;
        size_t i = 0;
        while (i < count && !same_cause(causes[i].example[0], file))
            i++;
        if (i == count) {
            struct cause *more = realloc(causes, (count + 1) * sizeof *causes);
            if (!more)
                break;
            causes = more;
            causes[count++] = (struct cause){.count = 0};
        }
        struct cause *cause = &causes[i];
        cause->count++;
        if (cause->examples < sizeof cause->example / sizeof cause->example[0])
            cause->example[cause->examples++] = file;
    }
    if (count > 0)
        qsort(causes, count, sizeof *causes, compare_causes);
    *ret_count = count;
    return causes;
}

static void print_causes(FILE *out, const struct file *first)
{
    size_t count;
    char text[TEXT_SIZE];
    struct cause *causes = causes_of(first, &count);
    for (size_t i = 0; i < count; i++) {
        const struct cause *cause = &causes[i];
        fprintf(out, "  %12s  %s: %s\n", text_count(text, cause->count), file_stage_text(cause->example[0]),
                file_error_text(cause->example[0]));
        for (unsigned j = 0; j < cause->examples; j++) {
            fputs("                  ", out);
            text_name(out, cause->example[j]->path);
            putc('\n', out);
        }
        if (cause->count > cause->examples)
            fputs("                  ...\n", out);
    }
    free(causes);
}

static void print_slowest(FILE *out, const struct file *first)
{
    const struct file *slowest[SLOWEST];
    char text[TEXT_SIZE];
    size_t count = slowest_files(first, slowest);
    if (count > 0)
        fputs("slowest files\n", out);
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "  %10.3f s  %8s  ", (double)slowest[i]->busy_ns / 1e9,
                text_bytes(text, (double)slowest[i]->bytes));
        text_name(out, slowest[i]->path);
        putc('\n', out);
    }
}

static void print_end(FILE *out, const struct totals *totals)
{
    if (totals->signal) {
        fprintf(out, "interrupted (%s): this is a part\n", strsignal(totals->signal));
    } else if (totals->stopped_by) {
        fputs("stopped by the first error: ", out);
        text_name(out, totals->stopped_by->path);
        fprintf(out, ": %s: %s\n", file_stage_text(totals->stopped_by), file_error_text(totals->stopped_by));
    }
    if (!totals->walk_complete)
        fputs("the directories were not searched to their end: there are more files than were found\n", out);
}

void summary_print(FILE *out, const struct options *options, const struct totals *totals, const struct file *first)
{
    char a[TEXT_SIZE], b[TEXT_SIZE], c[TEXT_SIZE];
    uint64_t errors = totals->failed_files + totals->failed_directories;
    double seconds = totals->seconds > 0 ? totals->seconds : 1e-9;
    fprintf(out, "%s, at most %u at once, XXH3 128 bits, zstd level %d\n", options->backend->name,
            options->max_concurrency, options->level);
    fprintf(out, "  %12s  files found, %s\n", text_count(a, totals->found), text_bytes(b, (double)totals->found_bytes));
    fprintf(out, "  %12s  done, %s, compressed to %s (%.1f %%)\n", text_count(a, totals->files),
            text_bytes(b, (double)totals->bytes), text_bytes(c, (double)totals->compressed),
            totals->bytes > 0 ? (double)totals->compressed * 100 / (double)totals->bytes : 0);
    fprintf(out, "  %12s  failed\n", text_count(a, totals->failed_files));
    fprintf(out, "  %12s  not processed\n", text_count(a, totals->not_processed));
    fprintf(out, "  %10.2f s  %.1f MB/s, %.2f s of CPU time\n", totals->seconds, (double)totals->bytes / 1e6 / seconds,
            totals->cpu_seconds);
    if (totals->skipped > 0)
        fprintf(out, "  %12s  symbolic links and special files left aside\n", text_count(a, totals->skipped));
    if (totals->changed > 0)
        fprintf(out, "  %12s  changed in length while they were read\n", text_count(a, totals->changed));
    if (totals->failed_directories > 0)
        fprintf(out, "  %12s  directories could not be read\n", text_count(a, totals->failed_directories));
    if (errors > 0) {
        fprintf(out, "errors by cause\n");
        print_causes(out, first);
    }
    print_slowest(out, first);
    print_end(out, totals);
    fflush(out);
}
