/* SPDX-License-Identifier: MIT */
/* backends.c - the list of backends; CMake defines BATCH_HAVE_... for the peers that it found. */
#include "backends.h"

#include <string.h>

/* A peer that is not on this machine keeps its place, so that it can be named in a message. */
#ifndef BATCH_HAVE_GLIB
static const struct backend backend_glib = {.name = "glib", .what = "GLib GThreadPool"};
#endif
#ifndef BATCH_HAVE_OPENMP
static const struct backend backend_openmp = {.name = "openmp", .what = "OpenMP tasks"};
#endif
#ifndef BATCH_HAVE_ONETBB
static const struct backend backend_onetbb = {.name = "onetbb", .what = "oneTBB"};
#endif

static const struct backend backend_end = {.name = NULL};

const struct backend *const backends[] = {
    &backend_filch, &backend_serial, &backend_textbook, &backend_glib, &backend_openmp, &backend_onetbb, &backend_end,
};

const struct backend *backend_find(const char *name)
{
    for (size_t i = 0; backends[i]->name; i++)
        if (!strcmp(backends[i]->name, name))
            return backends[i];
    return NULL;
}
