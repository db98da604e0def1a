/* SPDX-License-Identifier: MIT */
/* traces.h - what the rest of the library tells of a trace's session, besides events. */
#ifndef FILCH_TRACES_H
#define FILCH_TRACES_H

#include "compiler.h"

struct filch_pool;

/* traceenv.c: the environment asks for a trace, perhaps; looked at once in a process. Before its first pool is listed. */
void filch__trace_environment(void);
void filch__trace_environment_after_fork(void);          /* in the child */
void filch__trace_complain(const char *what, int error); /* one line on stderr */
void filch__trace_session_asked(void);                   /* the session is the environment's */

/* A pool is in the list, which is locked, from now on; it is about to leave the list. */
void filch__trace_pool_opens(struct filch_pool *pool);
void filch__trace_pool_closes(struct filch_pool *pool);
/* A task is stuck, or some wait for each other: what a flight recorder is for. Any thread, briefly. */
void filch__trace_stuck(void);

/* process.c, with the list of pools locked: between the first call and the others nothing changes here. */
void filch__trace_before_fork(void);
void filch__trace_after_fork_parent(void);
void filch__trace_after_fork_child(void);

#endif
