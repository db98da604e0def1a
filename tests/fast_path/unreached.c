/* SPDX-License-Identifier: MIT */
/* unreached.c - what the kernels' code refers to and never calls: nobody steals, there is room, and no task is large.
 * The library is not linked, so that nothing else reads the marks; how its functions are declared does not matter here.
 */
#include <stdio.h>
#include <unistd.h>

#define UNREACHED(name)                                                                                                \
    void name(void);                                                                                                   \
    void name(void)                                                                                                    \
    {                                                                                                                  \
        fprintf(stderr, "%s was called\n", #name);                                                                     \
        _exit(1);                                                                                                      \
    }                                                                                                                  \
    void name(void)

UNREACHED(filch__fork_spawn_slow);
UNREACHED(filch__fork_sync_slow);
UNREACHED(filch__fork_sync_all);
UNREACHED(filch__fork_record_get);
UNREACHED(filch__fork_record_put);
UNREACHED(filch__fork_run);
