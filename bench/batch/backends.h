/* SPDX-License-Identifier: MIT */
/* backends.h - what the run_*.c files define. */
#ifndef BATCH_BACKENDS_H
#define BATCH_BACKENDS_H

#include "batch.h"

#ifdef __cplusplus
extern "C" {
#endif

extern const struct backend backend_filch;
extern const struct backend backend_serial;
extern const struct backend backend_textbook;
#ifdef BATCH_HAVE_GLIB
extern const struct backend backend_glib;
#endif
#ifdef BATCH_HAVE_OPENMP
extern const struct backend backend_openmp;
#endif
#ifdef BATCH_HAVE_ONETBB
extern const struct backend backend_onetbb;
#endif

#ifdef __cplusplus
}
#endif

#endif
