/* SPDX-License-Identifier: MIT */
/* topview.h - the facts as lines of text, and a terminal that shows them. */
#ifndef TOOLS_TOPVIEW_H
#define TOOLS_TOPVIEW_H

#include "topfacts.h"

/* The lines; with `before`, also the rates since then. A line that begins with one of TOP_STYLES is shown in it. */
#define TOP_STYLES "\1\2\3" /* bold, faint, red */
void top_write(FILE *out, const struct top_facts *facts, const struct top_facts *before);
/* The same lines, without styles. */
void top_print(FILE *out, const char *lines);

/* Take over the terminal until top_leave: another screen, keys at once. False: standard output is none. */
bool top_enter(void);
void top_leave(void);
void top_show(const char *lines);
/* Sleep for so long, or until something happens. False: the user has had enough. */
bool top_pause(double seconds);

#endif
