/* SPDX-License-Identifier: MIT */
#include "bar.h"

#include <stdio.h>
#include <string.h>

enum { CELLS_MIN = 10, CELLS_MAX = 60 };

/* ---- figures ---- */

static void put_grouped(char text[FILCH__BAR_FIGURE], uint64_t number)
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%llu", (unsigned long long)number), at = 0;
    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0)
            text[at++] = ',';
        text[at++] = digits[i];
    }
    text[at] = '\0';
}

static void put_bytes(char text[FILCH__BAR_FIGURE], double bytes)
{
    static const char units[][3] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    size_t unit = 0;
    while (bytes >= 999.5 && unit + 1 < sizeof units / sizeof units[0]) {
        bytes /= 1000;
        unit++;
    }
    int decimals = !unit || bytes >= 99.95 ? 0 : bytes >= 9.995 ? 1 : 2;
    snprintf(text, FILCH__BAR_FIGURE, "%.*f %s", decimals, bytes, units[unit]);
}

const char *filch__bar_amount(char text[FILCH__BAR_FIGURE], double amount, bool bytes)
{
    if (bytes)
        put_bytes(text, amount);
    else if (amount > 0 && amount < 9.95)
        snprintf(text, FILCH__BAR_FIGURE, "%.1f", amount);
    else
        put_grouped(text, amount < 1e18 ? (uint64_t)(amount + 0.5) : (uint64_t)1e18);
    return text;
}

const char *filch__bar_duration(char text[FILCH__BAR_FIGURE], uint64_t duration_ns)
{
    unsigned long long seconds = duration_ns / 1000000000u + (duration_ns % 1000000000u >= 500000000u);
    if (duration_ns == UINT64_MAX)
        snprintf(text, FILCH__BAR_FIGURE, "--:--");
    else if (seconds < 3600)
        snprintf(text, FILCH__BAR_FIGURE, "%llu:%02llu", seconds / 60, seconds % 60);
    else
        snprintf(text, FILCH__BAR_FIGURE, "%llu:%02llu:%02llu", seconds / 3600, seconds / 60 % 60, seconds % 60);
    return text;
}

static void put_count(char text[FILCH__BAR_FIGURE], uint64_t count, bool bytes)
{
    if (bytes)
        put_bytes(text, (double)count);
    else
        put_grouped(text, count);
}

void filch__bar_figures(char *ret_text, size_t size, const struct filch_progress_state *state, const char *label,
                        const char *unit, bool bytes, bool ended)
{
    char done[FILCH__BAR_FIGURE], total[FILCH__BAR_FIGURE] = "", rate[FILCH__BAR_FIGURE], time[FILCH__BAR_FIGURE];
    const char *what = "ETA ";
    put_count(done, state->done, bytes);
    if (state->total)
        put_count(total, state->total, bytes);
    double per_s = state->rate_per_s;
    if (ended) { /* what it came to, over all of the time */
        what = "in ";
        per_s = state->elapsed_ns ? (double)state->done * 1e9 / (double)state->elapsed_ns : 0;
    }
    snprintf(ret_text, size, "%s%s%s%s%s%s%s  %s/s  %s%s", label, label[0] ? ": " : "", done,
             state->total ? " of " : "", total, unit[0] ? " " : "", unit, filch__bar_amount(rate, per_s, bytes), what,
             filch__bar_duration(time, ended ? state->elapsed_ns : state->eta_ns));
}

/* ---- the line ---- */

/* No character takes more columns than it has bytes in UTF-8: so the bytes are counted, and cut between characters. */
size_t filch__bar_text(char *to, const char *text, size_t most)
{
    size_t length = strlen(text);
    if (length > most) {
        length = most;
        while (length && ((unsigned char)text[length] & 0xc0) == 0x80)
            length--;
    }
    for (size_t i = 0; i < length; i++)
        to[i] = (unsigned char)text[i] < ' ' || text[i] == 0x7f ? '?' : text[i];
    return length;
}

static size_t put_bar(char *to, size_t cells, const struct filch_progress_state *state)
{
    bool whole = state->total && state->done >= state->total;
    double part = whole ? 1 : state->total ? (double)state->done / (double)state->total : 0;
    size_t full = (size_t)(part * (double)cells);
    to[0] = '[';
    memset(to + 1, '-', cells);
    memset(to + 1, '=', full);
    if (full < cells)
        to[1 + full] = '>';
    int percent = whole ? 100 : (int)(part * 100);
    char figure[8];
    snprintf(figure, sizeof figure, state->total ? "%3d" : " --", percent > 99 && !whole ? 99 : percent);
    return 1 + cells + (size_t)snprintf(to + 1 + cells, 12, "] %s%%  ", figure);
}

size_t filch__bar_line(char *ret_line, size_t size, unsigned columns, const struct filch_progress_state *state,
                       const char *text)
{
    size_t room = columns ? columns - 1 : 0, beside = strlen(text) + strlen("[] 100%  "), at = 0;
    if (room > size - 1)
        room = size - 1;
    size_t cells = room > beside ? (room - beside) / CELLS_MIN * CELLS_MIN : 0;
    if (cells)
        at = put_bar(ret_line, cells < CELLS_MAX ? cells : CELLS_MAX, state);
    at += filch__bar_text(ret_line + at, text, room - at);
    ret_line[at] = '\0';
    return at;
}
