/* SPDX-License-Identifier: MIT */
/* map.h - numbers by number: an open-addressing table that grows. One thread's. */
#ifndef FILCH_MAP_H
#define FILCH_MAP_H

#include "compiler.h"

struct filch__map_entry {
    uint64_t key, value;
};

struct filch__map {                   /* all zero: empty */
    struct filch__map_entry *entries; /* a key of 0 is a free place */
    size_t count, room;
};

/* Where the value of a key lies; NULL: it has none. The key is not 0. */
uint64_t *filch__map_find(const struct filch__map *map, uint64_t key);
/* The same, made with 0 if need be; NULL: no memory. What others were told before is void. */
uint64_t *filch__map_get(struct filch__map *map, uint64_t key);
void filch__map_free(struct filch__map *map);

#endif
