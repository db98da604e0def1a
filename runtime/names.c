/* SPDX-License-Identifier: MIT */
#include "names.h"

#include "symbols.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MOST = 256 };

/* FNV-1a; never 0. */
static uint64_t hash_of(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    return hash ? hash : 1;
}

static uint32_t append(struct filch__names *names, const char *text)
{
    if (names->count == names->room) {
        size_t room = names->room ? 2 * names->room : 64;
        char **larger = realloc(names->names, room * sizeof *larger);
        if (!larger)
            return FILCH__NAME_NONE;
        names->names = larger;
        names->room = room;
    }
    names->names[names->count] = strdup(text);
    return names->names[names->count] ? (uint32_t)names->count++ : FILCH__NAME_NONE;
}

uint32_t filch__names_add(struct filch__names *names, const char *text)
{
    uint64_t *known = filch__map_get(&names->by_hash, hash_of(text));
    if (known && *known && !strcmp(names->names[*known - 1], text))
        return (uint32_t)(*known - 1);
    uint32_t index = append(names, text);
    if (known && index != FILCH__NAME_NONE)
        *known = (uint64_t)index + 1;
    return index;
}

uint32_t filch__names_of(struct filch__names *names, uint64_t address, bool code)
{
    if (!address)
        return FILCH__NAME_NONE;
    uint64_t *known = filch__map_get(&names->by_address, address);
    if (known && *known)
        return (uint32_t)(*known - 1);
    char name[NAME_MOST];
    if (!code)
        snprintf(name, sizeof name, "%s", (const char *)(uintptr_t)address);
    else if (!filch__symbol_name((const void *)(uintptr_t)address, name, sizeof name))
        snprintf(name, sizeof name, "0x%llx", (unsigned long long)address);
    uint32_t index = filch__names_add(names, name);
    if (known && index != FILCH__NAME_NONE)
        *known = (uint64_t)index + 1;
    return index;
}

const char *filch__names_text(const struct filch__names *names, uint32_t index)
{
    return index < names->count ? names->names[index] : "?";
}

void filch__names_free(struct filch__names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->names[i]);
    free(names->names);
    filch__map_free(&names->by_address);
    filch__map_free(&names->by_hash);
    *names = (struct filch__names){.names = NULL};
}
