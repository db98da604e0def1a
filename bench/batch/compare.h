/* SPDX-License-Identifier: MIT */
/* compare.h - what the parts of a comparison share: its files, its samples.
 *
 *   sample.c   choosing the files; the reference that every result is checked against
 *   measure.c  one system once, in a child process
 *   compare.c  rounds and their order, the check
 *   report.c   the table and the JSON
 */
#ifndef BATCH_COMPARE_H
#define BATCH_COMPARE_H

#include "batch.h"

enum { SYSTEMS_MAX = 8 };

/* One system once. */
struct sample {
    double seconds;
    double cpu_seconds;
    uint64_t peak_bytes;  /* most resident memory, what the child inherited included */
    double foreign_share; /* of the machine's time, used by others or stolen by the hypervisor */
    bool dirty;           /* so much that the sample says nothing */
};

/* The files of a comparison. The records lie in memory shared with the children. */
struct sample_files {
    struct file *files;
    struct file *reference; /* what serial got for each */
    size_t count;
    uint64_t bytes;
    size_t mapped; /* bytes of the mapping */
    size_t found;  /* of so many below the directories */
    uint64_t found_bytes;
    size_t unreadable;   /* directories and files that the walk could not look at */
    bool left_out_large; /* files above `largest` were left out, or some of them */
    uint64_t largest;
    uint64_t errors; /* files that failed in the reference */
    uint64_t compressed;
    struct file *list; /* all that were found */
};

struct result {
    const struct backend *backend;
    struct sample *samples; /* by round */
    size_t mismatches;      /* files that differ from the reference, over all rounds */
};

struct comparison {
    const struct options *options;
    struct sample_files files;
    struct result results[SYSTEMS_MAX]; /* filch first; those built in */
    size_t count;
    unsigned rounds;          /* done; fewer than wanted when the time was up */
    uint64_t inherited_bytes; /* resident set of a child that does nothing */
    double seconds;           /* of the whole */
};

/* Chooses as many files as serial does in about `serial_seconds`, warms the page cache, makes the reference.
 * 0 or -errno. */
int sample_open(struct sample_files *sample, const struct options *options, double serial_seconds);
void sample_close(struct sample_files *sample);
/* Back to files that nobody has done. */
void sample_reset(struct sample_files *sample);
/* How many files differ from the reference; prints the first. */
size_t sample_check(const struct sample_files *sample, const char *who);

/* A NULL backend does nothing. 0 or -errno. */
int measure(const struct backend *backend, const struct options *options, struct sample_files *files,
            struct sample *ret_sample);

void report_print(FILE *out, const struct comparison *comparison);
int report_json(const struct comparison *comparison);

#endif
