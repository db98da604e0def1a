/* SPDX-License-Identifier: MIT */
/* tracepools.h - what the pools did in a session: their figures now, or at their ends, less those at the session's start. */
#ifndef FILCH_TRACEPOOLS_H
#define FILCH_TRACEPOOLS_H

#include "tracejson.h"

/* From now on; what was noted before is forgotten. 0 or -ENOMEM. */
int filch__trace_pools_begin(void);
/* Up to now: what comes later does not count. */
void filch__trace_pools_end(void);
/* A list, the oldest pool first; NULL: there was none, or no memory. */
struct filch__trace_pool *filch__trace_pools_copy(void);
void filch__trace_pools_free(struct filch__trace_pool *pools);

void filch__trace_pools_before_fork(void);
void filch__trace_pools_after_fork(bool child);

#endif
