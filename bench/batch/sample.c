/* SPDX-License-Identifier: MIT */
/* sample.c - the files that a comparison works on, and what serial makes of them.
 *
 * A tree is mostly too large for several systems and rounds in under a minute. Its files are taken in a shuffled order
 * (with a fixed seed, so that the choice is repeatable) until serial has worked for the time that was allowed, and are
 * then put back into the order of the walk. In such a share files above a bound are left out: the end of a short round
 * would hang on one of them, whatever the system.
 */
#define _GNU_SOURCE
#include "compare.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LARGEST_IN_SHARE = 8 << 20 };

/* The share of --seconds that reading the files from a cold disk may take. */
#define WARMING_SHARE 0.2

/* The walk's side. */
struct collector {
    struct sample_files *sample;
    struct file **last;
};

static void collect(void *ctx, struct file *file)
{
    struct collector *collector = ctx;
    *collector->last = file;
    collector->last = &file->next;
    collector->sample->found++;
    collector->sample->found_bytes += file->size;
}

static void collect_failure(void *ctx, struct file *file)
{
    struct collector *collector = ctx;
    fputs("batch: ", stderr);
    text_name(stderr, file->path);
    fprintf(stderr, ": %s: %s\n", file_stage_text(file), file_error_text(file));
    collector->sample->unreadable++;
    free(file);
}

static void ignore_skipped(void *ctx)
{
    (void)ctx;
}

static bool never_stopping(void *ctx)
{
    (void)ctx;
    return false;
}

/* Reads a file to nowhere. What cannot be read fails again in the job, where it is counted. */
static void warm(const char *path, char *buffer, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return;
    while (read(fd, buffer, size) > 0)
        ;
    close(fd);
}

static void shuffle(struct file **order, size_t count)
{
    uint64_t state = UINT64_C(0x9e3779b97f4a7c15);
    for (size_t i = count; i > 1; i--) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        size_t j = (size_t)((state >> 33) % i);
        struct file *file = order[i - 1];
        order[i - 1] = order[j];
        order[j] = file;
    }
}

/* Doing files for the reference, until the time is up. */
struct reference {
    struct job_context *context;
    char *buffer;
    uint64_t budget_ns;   /* of serial's time */
    uint64_t deadline_ns; /* a cold disk ends it sooner */
};

enum { BUFFER = 1 << 20 };

/* Those up to the bound, or those above it. A file that was done is no longer FILE_WAITING. */
static void do_files(struct reference *reference, struct file **order, size_t count, bool large)
{
    for (size_t i = 0; i < count && filch_now_ns() < reference->deadline_ns; i++) {
        if ((order[i]->size > LARGEST_IN_SHARE) != large)
            continue;
        warm(order[i]->path, reference->buffer, BUFFER);
        job_file(reference->context, order[i]);
        if (order[i]->busy_ns >= reference->budget_ns)
            break;
        reference->budget_ns -= order[i]->busy_ns;
    }
}

static int make_reference(struct sample_files *sample, const struct options *options, double serial_seconds)
{
    struct file **order = calloc(sample->found, sizeof *order);
    struct reference reference = {
        .context = job_context_open(NULL, options->level, NULL),
        .buffer = malloc(BUFFER),
        .budget_ns = (uint64_t)(serial_seconds * 1e9),
        .deadline_ns = filch_in_ns((uint64_t)(options->seconds * WARMING_SHARE * 1e9)),
    };
    bool ready = order && reference.context && reference.buffer;
    if (ready) {
        size_t n = 0;
        for (struct file *file = sample->list; file; file = file->next)
            order[n++] = file;
        shuffle(order, n);
        do_files(&reference, order, n, false);
        /* Time is left when the small ones are done: then large ones are measured as well. */
        do_files(&reference, order, n, true);
    }
    free(order);
    free(reference.buffer);
    job_context_close(reference.context);
    return ready ? 0 : -ENOMEM;
}

/* Copies what was done into the shared records and the reference, in the order of the walk. */
static int keep_done(struct sample_files *sample)
{
    for (const struct file *file = sample->list; file; file = file->next) {
        sample->count += file->end != FILE_WAITING;
        sample->left_out_large |= file->end == FILE_WAITING && file->size > LARGEST_IN_SHARE;
    }
    sample->largest = LARGEST_IN_SHARE;
    if (sample->count == 0)
        return -ENODATA;
    sample->mapped = sample->count * sizeof sample->files[0];
    sample->files = mmap(NULL, sample->mapped, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    sample->reference = calloc(sample->count, sizeof sample->reference[0]);
    if (sample->files == MAP_FAILED || !sample->reference)
        return -ENOMEM;
    size_t i = 0;
    for (const struct file *file = sample->list; file; file = file->next) {
        if (file->end == FILE_WAITING)
            continue;
        sample->reference[i++] = *file;
        sample->bytes += file->bytes;
        sample->compressed += file->compressed;
        sample->errors += file->end == FILE_FAILED;
    }
    return 0;
}

int sample_open(struct sample_files *sample, const struct options *options, double serial_seconds)
{
    struct collector collector = {sample, &sample->list};
    const struct walk_hooks hooks = {collect, collect_failure, ignore_skipped, never_stopping, &collector};
    *sample = (struct sample_files){.list = NULL};
    int error = walk_roots(&hooks, options->roots, options->root_count);
    if (!error && sample->found > 0)
        error = make_reference(sample, options, serial_seconds);
    return error ? error : keep_done(sample);
}

void sample_close(struct sample_files *sample)
{
    if (sample->files && sample->files != MAP_FAILED)
        munmap(sample->files, sample->mapped);
    free(sample->reference);
    for (struct file *file = sample->list, *next; file; file = next) {
        next = file->next;
        free(file);
    }
}

void sample_reset(struct sample_files *sample)
{
    memset(sample->files, 0, sample->mapped);
    for (size_t i = 0; i < sample->count; i++) {
        sample->files[i].path = sample->reference[i].path;
        sample->files[i].size = sample->reference[i].size;
    }
}

static bool same_result(const struct file *a, const struct file *b)
{
    return a->end == b->end && a->stage == b->stage && a->error == b->error && a->bytes == b->bytes &&
           a->compressed == b->compressed && a->hash[0] == b->hash[0] && a->hash[1] == b->hash[1];
}

size_t sample_check(const struct sample_files *sample, const char *who)
{
    size_t mismatches = 0;
    for (size_t i = 0; i < sample->count; i++) {
        if (same_result(&sample->files[i], &sample->reference[i]))
            continue;
        if (mismatches++ == 0) {
            fprintf(stderr, "batch: %s differs from serial: ", who);
            text_name(stderr, sample->files[i].path);
            putc('\n', stderr);
        }
    }
    return mismatches;
}
