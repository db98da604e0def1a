/* SPDX-License-Identifier: MIT */
/* peek.h - what another thread of this process, and the process itself, is about, as the kernel tells it. */
#ifndef FILCH_PEEK_H
#define FILCH_PEEK_H

#include "compiler.h"

/* CPU time of a thread so far; 0: there is no such thread. */
uint64_t filch__peek_cpu_ns(int32_t tid);
uint64_t filch__peek_process_cpu_ns(void);
uint64_t filch__peek_realtime_ns(void); /* since 1970 */

/* The number of the system call that it is in, or: */
enum {
    FILCH__CALL_RUNNING = -1, /* it runs, or could */
    FILCH__CALL_NONE = -2,    /* it is stopped in none, waiting for a page, say */
    FILCH__CALL_UNKNOWN = -3, /* the kernel does not tell */
};
int32_t filch__peek_call(int32_t tid);

/* NULL: it is none of the usual ones. */
const char *filch__peek_call_name(int32_t call);

/* The process's command line, cut to fit, blanks between its words. */
void filch__peek_command(char *buffer, size_t size);
const char *filch__peek_program(void);

#endif
