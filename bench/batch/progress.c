/* SPDX-License-Identifier: MIT */
/* progress.c - what is shown while the job runs, on stderr: a bar on a terminal, plain lines elsewhere (filch_progress).
 *
 * Work is counted as bytes plus a share per file, since a tree of small files spends its time in opening them; beside the
 * bar stand files and bytes.
 */
#define _GNU_SOURCE
#include "run.h"

#include <unistd.h>

/* "1,234 of 5,678 files  1.2 GB of 3.4 GB  345 MB/s  ETA 0:12  2 errors"; where there is no terminal with commas. */
static void write_figures(void *ctx, const struct filch_progress_state *state, unsigned columns, char *text,
                          size_t size)
{
    struct run *run = ctx;
    char ended[TEXT_SIZE], found[TEXT_SIZE], bytes[TEXT_SIZE], all[TEXT_SIZE], rate[TEXT_SIZE], eta[TEXT_SIZE];
    char errors[TEXT_SIZE];
    const char *more = state->total ? "" : "+"; /* the walk goes on: there will be more */
    const char *separator = columns ? "  " : ", ";
    double read = (double)run->read_bytes, left_s = state->eta_ns == UINT64_MAX ? -1 : (double)state->eta_ns / 1e9;
    double bytes_rate = state->done ? state->rate_per_s * (read / (double)state->done) : 0;
    int length = snprintf(text, size, "%s%s of %s%s files%s%s of %s%s%s%s/s%sETA %s",
                          columns ? "" : "batch: ", text_count(ended, run->ended_files), text_count(found, run->found),
                          more, separator, text_bytes(bytes, read), text_bytes(all, (double)run->found_bytes), more,
                          separator, text_bytes(rate, bytes_rate), separator, text_duration(eta, left_s));
    if (run->errors > 0)
        snprintf(text + length, size - (size_t)length, "%s%s error%s", separator, text_count(errors, run->errors),
                 run->errors == 1 ? "" : "s");
}

int progress_open(struct run *run)
{
    const struct filch_progress_config config = {
        .fd = run->options->quiet ? 0 : STDERR_FILENO,
        .flags = FILCH_PROGRESS_LINES | FILCH_PROGRESS_CLEAR,
        .text = write_figures,
        .ctx = run,
    };
    return filch_progress_open(&run->progress, &config);
}
