/* SPDX-License-Identifier: MIT */
/* bar.h - the text of a progress bar: plain functions of figures, for one line of a terminal. */
#ifndef FILCH_BAR_H
#define FILCH_BAR_H

#include "compiler.h"

#include <filch/progress.h>

enum { FILCH__BAR_TEXT = 512 };

/* "1,234" or "1.2 GB"; "1:02:03". */
enum { FILCH__BAR_FIGURE = 40 };
const char *filch__bar_amount(char text[FILCH__BAR_FIGURE], double amount, bool bytes);
const char *filch__bar_duration(char text[FILCH__BAR_FIGURE], uint64_t duration_ns);

/* What stands beside the bar unless the user writes it: "label: 1,231 of 2,160 files  345/s  ETA 0:03". */
void filch__bar_figures(char *ret_text, size_t size, const struct filch_progress_state *state, const char *label,
                        const char *unit, bool bytes, bool ended);

/* Up to `most` bytes of it, without control characters, cut between characters; not ended by a zero. How many. */
size_t filch__bar_text(char *to, const char *text, size_t most);

/* The line, of at most columns - 1 columns, since the last one would wrap on some terminals: a bar as wide as the text
 * leaves room for, in steps so that it stays put while figures change their length; without a bar where that is too
 * little; cut where even the text is too long. Control characters become '?'. Bytes of the line. */
size_t filch__bar_line(char *ret_line, size_t size, unsigned columns, const struct filch_progress_state *state,
                       const char *text);

#endif
