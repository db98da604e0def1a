/* SPDX-License-Identifier: MIT */
/* live.h - what a running process says of its pools to whoever asks: live.c listens, liveanswers.c answers.
 *
 * A library that is built without environment variables (FILCH_NO_ENVIRONMENT) has none of it.
 */
#ifndef FILCH_LIVE_H
#define FILCH_LIVE_H

#include "compiler.h"

#ifndef FILCH_NO_ENVIRONMENT

/* A pool was opened: the first time, listen if the environment wants it. What fails is not told: nobody listens then. */
void filch__live_begin(void);

/* Around fork(2), with the list of pools locked. The child forgets its parent's socket and begins anew. */
void filch__live_before_fork(void);
void filch__live_after_fork_parent(void);
void filch__live_after_fork_child(void);

/* The answer to a line, which ends with an empty line: free it. NULL: no memory. Only the thread that serves calls it. */
char *filch__live_answer(const char *line, size_t *ret_length);

#else

static inline void filch__live_begin(void)
{
}

static inline void filch__live_before_fork(void)
{
}

static inline void filch__live_after_fork_parent(void)
{
}

static inline void filch__live_after_fork_child(void)
{
}

#endif

#endif
