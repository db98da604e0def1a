/* SPDX-License-Identifier: MIT */
#include "map.h"

#include <stdlib.h>

enum { ROOM_FIRST = 64 };

/* Addresses differ in their middle bits, which come to the top (Knuth's multiplicative hashing), and then to the bottom. */
static size_t place(const struct filch__map *map, uint64_t key)
{
    uint64_t hash = key * 0x9e3779b97f4a7c15u;
    size_t at = (size_t)(hash >> 32 ^ hash >> 15) & (map->room - 1);
    while (map->entries[at].key && map->entries[at].key != key)
        at = (at + 1) & (map->room - 1);
    return at;
}

uint64_t *filch__map_find(const struct filch__map *map, uint64_t key)
{
    if (!map->room)
        return NULL;
    struct filch__map_entry *entry = &map->entries[place(map, key)];
    return entry->key ? &entry->value : NULL;
}

static bool grow(struct filch__map *map)
{
    struct filch__map larger = {.count = map->count, .room = map->room ? 2 * map->room : ROOM_FIRST};
    larger.entries = calloc(larger.room, sizeof *larger.entries);
    if (!larger.entries)
        return false;
    for (size_t i = 0; i < map->room; i++)
        if (map->entries[i].key)
            larger.entries[place(&larger, map->entries[i].key)] = map->entries[i];
    free(map->entries);
    *map = larger;
    return true;
}

uint64_t *filch__map_get(struct filch__map *map, uint64_t key)
{
    if (map->count >= map->room / 4 * 3 && !grow(map))
        return NULL;
    struct filch__map_entry *entry = &map->entries[place(map, key)];
    if (!entry->key) {
        entry->key = key;
        map->count++;
    }
    return &entry->value;
}

void filch__map_free(struct filch__map *map)
{
    free(map->entries);
    *map = (struct filch__map){.entries = NULL};
}
