/* SPDX-License-Identifier: MIT */
/* tracefile.h - what a session of tracing needs to know before it begins: where its file will be, and what an event costs. */
#ifndef FILCH_TRACEFILE_H
#define FILCH_TRACEFILE_H

#include "compiler.h"

/* Absolute, for the program may change its directory; with the process's number for %p. To be freed; NULL: no memory, or no
 * directory. */
char *filch__tracefile_path(const char *file);
/* Empty, so that a wrong name shows at once. 0 or a negative errno. */
int filch__tracefile_create(const char *path);
/* What one event costs, in a ring that is in the cache: most of it is the clock. In picoseconds; 0: no memory. */
uint64_t filch__tracefile_price_ps(void);

#endif
