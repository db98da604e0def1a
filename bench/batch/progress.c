/* SPDX-License-Identifier: MIT */
/* progress.c - how far the job is: a bar on a terminal, plain lines elsewhere, on stderr.
 *
 * The estimate counts work as bytes plus a share per file, since a tree of small files spends its time in opening them.
 * Rates are smoothed over some seconds, so that the estimate follows a change of the tree's nature without jumping.
 */
#define _GNU_SOURCE
#include "batch.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    WORK_PER_FILE = 8192, /* what opening a file costs, in bytes compressed */
    BAR_MIN = 10,
    BAR_MAX = 60,
    LINE_MAX_SIZE = 512,
};

#define SMOOTHING_S 4.0

struct progress {
    bool quiet;
    bool terminal;
    bool drawn; /* the terminal's line holds a bar */
    uint64_t interval_ns;
    uint64_t next_ns;
    uint64_t last_ns;
    double last_bytes, last_work;
    double bytes_rate, work_rate; /* per second, smoothed */
};

struct progress *progress_open(bool quiet)
{
    struct progress *progress = calloc(1, sizeof *progress);
    if (!progress)
        return NULL;
    const char *kind = getenv("TERM");
    progress->quiet = quiet;
    progress->terminal = isatty(STDERR_FILENO) && !(kind && !strcmp(kind, "dumb"));
    progress->interval_ns = progress->terminal ? FILCH_MS(100) : FILCH_S(1);
    progress->last_ns = filch_now_ns();
    progress->next_ns = progress->last_ns + progress->interval_ns;
    return progress;
}

int progress_timeout_ms(const struct progress *progress)
{
    if (progress->quiet)
        return -1;
    uint64_t now_ns = filch_now_ns();
    if (now_ns >= progress->next_ns)
        return 0;
    return (int)((progress->next_ns - now_ns + 999999) / 1000000);
}

static void update_rates(struct progress *progress, double bytes, double work, uint64_t now_ns)
{
    double passed = (double)(now_ns - progress->last_ns) / 1e9;
    if (passed <= 0)
        return;
    bool first = progress->bytes_rate == 0;
    double share = first ? 1 : passed / (SMOOTHING_S + passed);
    progress->bytes_rate += share * ((bytes - progress->last_bytes) / passed - progress->bytes_rate);
    progress->work_rate += share * ((work - progress->last_work) / passed - progress->work_rate);
    progress->last_bytes = bytes;
    progress->last_work = work;
    progress->last_ns = now_ns;
}

/* "1,234 of 5,678 files  1.2 GB of 3.4 GB  345 MB/s  ETA 0:12  2 errors", separated as given. */
static void figures(char text[LINE_MAX_SIZE], const struct progress *progress, const struct progress_now *now,
                    double left_s, const char *separator)
{
    char ended[TEXT_SIZE], found[TEXT_SIZE], bytes[TEXT_SIZE], all[TEXT_SIZE], rate[TEXT_SIZE], eta[TEXT_SIZE];
    char errors[TEXT_SIZE];
    const char *more = now->walk_complete ? "" : "+"; /* the walk goes on: there will be more */
    int length = snprintf(text, LINE_MAX_SIZE, "%s of %s%s files%s%s of %s%s%s%s/s%sETA %s",
                          text_count(ended, now->ended), text_count(found, now->found), more, separator,
                          text_bytes(bytes, (double)now->bytes), text_bytes(all, (double)now->found_bytes), more,
                          separator, text_bytes(rate, progress->bytes_rate), separator, text_duration(eta, left_s));
    if (now->errors > 0)
        snprintf(text + length, (size_t)(LINE_MAX_SIZE - length), "%s%s error%s", separator,
                 text_count(errors, now->errors), now->errors == 1 ? "" : "s");
}

static int terminal_columns(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/* The bar is as wide as the terminal's width leaves beside the figures, in steps, so that it stays put while they
 * change their length. A line that is too long is cut. `part` < 0: nobody knows yet. */
static void draw_bar(const char *text, double part)
{
    int columns = terminal_columns() - 1; /* the last column would wrap on some terminals */
    int length = (int)strlen(text);
    int bar = columns - length - (int)strlen("[]  100%  ");
    fputs("\r\033[K", stderr);
    if (bar < BAR_MIN) {
        fprintf(stderr, "%.*s", columns, text);
    } else {
        bar = bar > BAR_MAX ? BAR_MAX : bar / BAR_MIN * BAR_MIN;
        int full = part > 0 ? (int)(part * bar) : 0;
        char percent[TEXT_SIZE] = " --";
        if (part >= 0)
            snprintf(percent, sizeof percent, "%3d", (int)(part * 100));
        char cells[BAR_MAX + 1];
        memset(cells, '-', sizeof cells);
        memset(cells, '=', (size_t)full);
        if (full < bar)
            cells[full] = '>';
        fprintf(stderr, "[%.*s] %s%%  %s", bar, cells, percent, text);
    }
    fflush(stderr);
}

void progress_show(struct progress *progress, const struct progress_now *now)
{
    uint64_t now_ns = filch_now_ns();
    if (progress->quiet || now_ns < progress->next_ns)
        return;
    progress->next_ns = now_ns + progress->interval_ns;
    double work = (double)now->bytes + (double)now->ended * WORK_PER_FILE;
    double all = (double)now->found_bytes + (double)now->found * WORK_PER_FILE;
    update_rates(progress, (double)now->bytes, work, now_ns);
    double left = all > work ? all - work : 0;
    double left_s = now->walk_complete && progress->work_rate > 0 ? left / progress->work_rate : -1;
    char text[LINE_MAX_SIZE];
    figures(text, progress, now, left_s, progress->terminal ? "  " : ", ");
    if (progress->terminal) {
        draw_bar(text, now->walk_complete && all > 0 ? (all - left) / all : -1);
        progress->drawn = true;
    } else {
        fprintf(stderr, "batch: %s\n", text);
    }
}

void progress_clear(struct progress *progress)
{
    if (!progress->drawn)
        return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
    progress->drawn = false;
}

void progress_close(struct progress *progress)
{
    if (!progress)
        return;
    progress_clear(progress);
    free(progress);
}
