/* SPDX-License-Identifier: MIT */
#include "tracefile.h"

#include "os.h"
#include "ring.h"
#include "trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PRICE_EVENTS = 4096 };

char *filch__tracefile_path(const char *file)
{
    char *directory = file[0] == '/' ? strdup("") : getcwd(NULL, 0), *path = NULL, number[16];
    size_t size = directory ? strlen(directory) + 2 : 0;
    snprintf(number, sizeof number, "%d", (int)getpid());
    for (const char *at = file; *at; at++)
        size += *at == '%' ? sizeof number : 1;
    path = directory ? malloc(size) : NULL;
    if (path) {
        char *to = path + sprintf(path, "%s%s", directory, file[0] == '/' ? "" : "/");
        for (const char *at = file; *at; at++) {
            bool is_number = at[0] == '%' && at[1] == 'p';
            to += sprintf(to, "%.*s", is_number ? (int)sizeof number : 1, is_number ? number : at);
            at += is_number;
        }
    }
    free(directory);
    return path;
}

int filch__tracefile_create(const char *path)
{
    FILE *file = fopen(path, "we");
    return !file || fclose(file) ? -errno : 0;
}

uint64_t filch__tracefile_price_ps(void)
{
    struct filch__ring ring;
    uint64_t ns = 0;
    if (!filch__ring_init(&ring, 2 * PRICE_EVENTS * sizeof(struct filch__event), false))
        return 0;
    filch__ring_begin(&ring, true);
    for (int round = 0; round < 4; round++) {
        uint64_t begin_ns = filch__os_now_ns();
        for (uint64_t i = 0; i < PRICE_EVENTS; i++)
            filch__ring_put(&ring, filch__os_ticks(), FILCH__EVENT_NONE, i, i);
        uint64_t took_ns = filch__os_now_ns() - begin_ns;
        ns = !ns || took_ns < ns ? took_ns : ns;
    }
    filch__ring_destroy(&ring);
    return ns * 1000 / PRICE_EVENTS;
}
