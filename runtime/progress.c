/* SPDX-License-Identifier: MIT */
#include "bar.h"
#include "pool.h"
#include "tally.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The count is a tally (tally.h), whose watcher is the thread that draws. It draws, lets the interval pass, and sleeps until
 * there is something new; so a job that stands still costs nothing, and its last state is on the terminal. */

#define SMOOTHING_S 4.0 /* the rate follows a change in about so many seconds */
#define SAMPLE_NS FILCH_MS(50)

static const unsigned flags_known =
    FILCH_PROGRESS_ALWAYS | FILCH_PROGRESS_LINES | FILCH_PROGRESS_CLEAR | FILCH_PROGRESS_BYTES;

enum style { STYLE_NONE, STYLE_BAR, STYLE_LINES };

struct filch_progress {
    /* immutable after open */
    struct filch_progress_config config;
    enum style style;
    char label[64], unit[16];
    uint64_t opened_ns;
    uint32_t generation; /* of the process: counts forks */
    pthread_t thread;

    /* under the lock */
    struct filch__lock lock;
    uint64_t sampled_ns, sampled_done;
    double rate_per_s;
    bool rated;
    bool drawn; /* the terminal's line holds a bar */
    unsigned hidden;

    uint64_t total;
    uint32_t closing;

    /* many add */
    _Alignas(FILCH_CACHELINE) struct filch__tally tally;
};

/* ---- figures ---- */

static void sample_locked(struct filch_progress *progress, uint64_t now_ns, uint64_t done)
{
    uint64_t passed_ns = now_ns - progress->sampled_ns;
    if (passed_ns < SAMPLE_NS)
        return;
    double passed = (double)passed_ns / 1e9, rate = (double)(done - progress->sampled_done) / passed;
    double share = progress->rated ? passed / (SMOOTHING_S + passed) : 1;
    progress->rate_per_s += share * (rate - progress->rate_per_s);
    progress->rated = progress->rated || done;
    progress->sampled_ns = now_ns;
    progress->sampled_done = done;
}

static uint64_t time_left_ns(uint64_t left, double rate_per_s)
{
    double seconds = rate_per_s > 0 ? (double)left / rate_per_s : 1e300;
    return seconds < 1e10 ? (uint64_t)(seconds * 1e9) : UINT64_MAX;
}

static struct filch_progress_state look_locked(struct filch_progress *progress)
{
    uint64_t now_ns = filch__os_now_ns();
    struct filch_progress_state state = {
        .done = filch__tally_sum(&progress->tally),
        .total = filch__load_relaxed(&progress->total),
        .elapsed_ns = now_ns - progress->opened_ns,
    };
    sample_locked(progress, now_ns, state.done);
    state.rate_per_s = progress->rate_per_s;
    if (!progress->rated && state.elapsed_ns) /* too early for a sample */
        state.rate_per_s = (double)state.done * 1e9 / (double)state.elapsed_ns;
    state.eta_ns = !state.total                ? UINT64_MAX
                   : state.done >= state.total ? 0
                                               : time_left_ns(state.total - state.done, state.rate_per_s);
    return state;
}

/* ---- drawing ---- */

static void erase_locked(struct filch_progress *progress)
{
    if (progress->drawn)
        filch__os_write(progress->config.fd, "\r\033[K", 4);
    progress->drawn = false;
}

static unsigned columns_of(const struct filch_progress *progress)
{
    if (progress->style == STYLE_LINES)
        return 0;
    unsigned columns = filch__os_terminal_columns(progress->config.fd);
    return columns ? columns : 80;
}

/* One write each, so that what others write does not come between. */
static void draw_locked(struct filch_progress *progress, const struct filch_progress_state *state, bool last)
{
    const struct filch_progress_config *config = &progress->config;
    char text[FILCH__BAR_TEXT] = "", line[FILCH__BAR_TEXT + 8];
    unsigned columns = columns_of(progress);
    if (config->text)
        config->text(config->ctx, state, columns, text, sizeof text);
    else
        filch__bar_figures(text, sizeof text, state, progress->label, progress->unit,
                           config->flags & FILCH_PROGRESS_BYTES, last);
    size_t length = 0;
    if (columns) {
        memcpy(line, "\r\033[K", 4);
        length = 4 + filch__bar_line(line + 4, FILCH__BAR_TEXT, columns, state, text);
        progress->drawn = !last;
    } else {
        length = filch__bar_text(line, text, FILCH__BAR_TEXT);
    }
    if (last || !columns)
        line[length++] = '\n';
    filch__os_write(config->fd, line, length);
}

/* Gives the count that was shown. */
static uint64_t show(struct filch_progress *progress, bool last)
{
    filch__lock(&progress->lock);
    struct filch_progress_state state = look_locked(progress);
    if (last && progress->config.flags & FILCH_PROGRESS_CLEAR)
        erase_locked(progress);
    else if (last || !progress->hidden)
        draw_locked(progress, &state, last);
    filch__unlock(&progress->lock);
    return state.done;
}

static bool is_closing(const struct filch_progress *progress)
{
    return filch__load_acquire(&progress->closing);
}

/* Until the deadline, whatever happens meanwhile, but for a close. */
static void pause_until(struct filch_progress *progress, uint64_t deadline_ns)
{
    for (;;) {
        uint32_t looked = filch__tally_look(&progress->tally);
        if (is_closing(progress) || filch__os_now_ns() >= deadline_ns)
            return;
        filch__os_futex_wait(&progress->tally.changes, looked, deadline_ns);
    }
}

static void *draw_until_closed(void *arg)
{
    struct filch_progress *progress = arg;
    uint64_t interval_ns = progress->config.interval_ns;
    filch__os_thread_name("filch-progress");
    if (progress->style == STYLE_LINES)
        pause_until(progress, filch_in_ns(interval_ns));
    while (!is_closing(progress)) {
        uint32_t looked = filch__tally_look(&progress->tally);
        uint64_t shown = show(progress, false);
        pause_until(progress, filch_in_ns(interval_ns));
        if (!is_closing(progress))
            filch__tally_watch(&progress->tally, looked, shown);
    }
    show(progress, true);
    return NULL;
}

/* ---- the public calls ---- */

static enum style style_of(const struct filch_progress_config *config)
{
    const char *kind = secure_getenv("TERM");
    if (!config->fd)
        return STYLE_NONE;
    if (config->flags & FILCH_PROGRESS_ALWAYS ||
        (filch__os_terminal_columns(config->fd) && !(kind && !strcmp(kind, "dumb"))))
        return STYLE_BAR;
    return config->flags & FILCH_PROGRESS_LINES ? STYLE_LINES : STYLE_NONE;
}

static uint64_t interval_of(const struct filch_progress_config *config, enum style style)
{
    if (style == STYLE_LINES)
        return config->interval_ns ? config->interval_ns : FILCH_S(1);
    return config->interval_ns > FILCH_MS(100) ? config->interval_ns : FILCH_MS(100);
}

int filch_progress_open(struct filch_progress **ret_progress, const struct filch_progress_config *config)
{
    static const struct filch_progress_config none;
    if (!config)
        config = &none;
    if (!ret_progress || config->fd < 0 || config->flags & ~flags_known || filch__any_set(config->reserved, 4))
        return -EINVAL;
    struct filch_progress *progress = aligned_alloc(FILCH_CACHELINE, sizeof *progress);
    if (!progress)
        return -ENOMEM;
    *progress = (struct filch_progress){.config = *config, .style = style_of(config), .total = config->total};
    snprintf(progress->label, sizeof progress->label, "%s", config->label ? config->label : "");
    snprintf(progress->unit, sizeof progress->unit, "%s", config->unit ? config->unit : "");
    progress->config.interval_ns = interval_of(config, progress->style);
    filch__process_watch();
    progress->generation = filch__load_relaxed(&filch__generation);
    filch__lock_init(&progress->lock);
    progress->opened_ns = progress->sampled_ns = filch__os_now_ns();
    int r = progress->style ? filch__os_thread_start(&progress->thread, draw_until_closed, progress) : 0;
    if (r) {
        filch__lock_destroy(&progress->lock);
        free(progress);
        return r;
    }
    *ret_progress = progress;
    return 0;
}

void filch_progress_add(struct filch_progress *progress, uint64_t count)
{
    if (filch__likely(progress && count))
        filch__tally_add(&progress->tally, count);
}

void filch_progress_set_total(struct filch_progress *progress, uint64_t total)
{
    if (!progress)
        return;
    filch__store_relaxed(&progress->total, total);
    filch__tally_poke(&progress->tally);
}

void filch_progress_add_total(struct filch_progress *progress, uint64_t count)
{
    if (!progress)
        return;
    filch__add_relaxed(&progress->total, count);
    filch__tally_poke(&progress->tally);
}

static bool is_stale(const struct filch_progress *progress)
{
    return progress->generation != filch__load_relaxed(&filch__generation);
}

int filch_progress_get(struct filch_progress *progress, struct filch_progress_state *ret_state)
{
    if (!progress || !ret_state)
        return -EINVAL;
    if (is_stale(progress))
        return -ESTALE;
    filch__lock(&progress->lock);
    *ret_state = look_locked(progress);
    filch__unlock(&progress->lock);
    return 0;
}

void filch_progress_hide(struct filch_progress *progress)
{
    if (!progress || is_stale(progress))
        return;
    filch__lock(&progress->lock);
    progress->hidden++;
    erase_locked(progress);
    filch__unlock(&progress->lock);
}

void filch_progress_show(struct filch_progress *progress)
{
    if (!progress || is_stale(progress))
        return;
    filch__lock(&progress->lock);
    bool shown = progress->hidden && !--progress->hidden;
    filch__unlock(&progress->lock);
    if (shown)
        filch__tally_poke(&progress->tally);
}

void filch_progress_close(struct filch_progress *progress)
{
    if (!progress)
        return;
    if (!is_stale(progress)) { /* else its thread is the parent's, and may have held the lock */
        filch__store_release(&progress->closing, 1);
        filch__tally_poke(&progress->tally);
        filch__os_futex_wake(&progress->tally.changes, 1); /* it may pause between two drawings */
        if (progress->style)
            pthread_join(progress->thread, NULL);
        filch__lock_destroy(&progress->lock);
    }
    free(progress);
}
