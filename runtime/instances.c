/* SPDX-License-Identifier: MIT */
#include "instances.h"

#include <stdlib.h>

enum { SLAB_COUNT = 256 };

struct filch__instance_slab {
    struct filch__instance_slab *next;
    struct filch__instance instances[SLAB_COUNT];
};

static bool has_ended(uint64_t value)
{
    return value & 1;
}

static struct filch__instance *instance_of(uint64_t value)
{
    return (struct filch__instance *)(uintptr_t)value;
}

uint64_t filch__instances_find(const struct filch__instances *instances, uint64_t key,
                               struct filch__instance **ret_instance)
{
    const uint64_t *value = key ? filch__map_find(&instances->by_key, key) : NULL;
    *ret_instance = value && *value && !has_ended(*value) ? instance_of(*value) : NULL;
    if (*ret_instance)
        return (*ret_instance)->id;
    return value ? *value >> 1 : 0;
}

static struct filch__instance *take(struct filch__instances *instances)
{
    if (!instances->free) {
        struct filch__instance_slab *slab = malloc(sizeof *slab);
        if (!slab)
            return NULL;
        slab->next = instances->slabs;
        instances->slabs = slab;
        for (size_t i = 0; i < SLAB_COUNT; i++) {
            slab->instances[i] = (struct filch__instance){.next = instances->free};
            instances->free = &slab->instances[i];
        }
    }
    struct filch__instance *instance = instances->free;
    instances->free = instance->next;
    return instance;
}

/* Events are missing: its key is another's. One that has started may yet end where it runs; of the others nobody will hear. */
static void supersede(struct filch__instances *instances, struct filch__instance *instance)
{
    bool started = instance->state > FILCH__INSTANCE_SUBMITTED;
    struct filch__instance **list = started ? &instances->forgotten : &instances->free;
    instance->forgotten = started;
    instance->next = *list;
    *list = instance;
}

struct filch__instance *filch__instances_new(struct filch__instances *instances, uint64_t key)
{
    uint64_t *value = filch__map_get(&instances->by_key, key ? key : UINT64_MAX);
    struct filch__instance *instance = value ? take(instances) : NULL;
    if (!instance)
        return NULL;
    if (*value && !has_ended(*value))
        supersede(instances, instance_of(*value));
    *instance = (struct filch__instance){.id = ++instances->ids, .key = key ? key : UINT64_MAX};
    *value = (uintptr_t)instance;
    return instance;
}

static void forget(struct filch__instances *instances, const struct filch__instance *instance)
{
    struct filch__instance **at = &instances->forgotten;
    while (*at != instance)
        at = &(*at)->next;
    *at = instance->next;
}

void filch__instances_end(struct filch__instances *instances, struct filch__instance *instance)
{
    if (instance->state == FILCH__INSTANCE_ENDED)
        return;
    instance->state = FILCH__INSTANCE_ENDED;
    if (instance->forgotten)
        forget(instances, instance);
    else
        *filch__map_find(&instances->by_key, instance->key) = instance->id << 1 | 1;
    filch__instances_sweep(instances);
    instances->leaving = instance;
}

void filch__instances_sweep(struct filch__instances *instances)
{
    struct filch__instance *instance = instances->leaving;
    if (!instance)
        return;
    instances->leaving = NULL;
    free(instance->note);
    instance->note = NULL;
    instance->next = instances->free;
    instances->free = instance;
}

void filch__instances_visit(const struct filch__instances *instances,
                            void (*visit)(struct filch__instance *instance, void *ctx), void *ctx)
{
    for (size_t i = 0; i < instances->by_key.room; i++) {
        const struct filch__map_entry *entry = &instances->by_key.entries[i];
        if (entry->key && entry->value && !has_ended(entry->value))
            visit(instance_of(entry->value), ctx);
    }
    for (struct filch__instance *instance = instances->forgotten; instance; instance = instance->next)
        visit(instance, ctx);
}

static void free_note(struct filch__instance *instance, void *ctx)
{
    (void)ctx;
    free(instance->note);
}

void filch__instances_free(struct filch__instances *instances)
{
    filch__instances_sweep(instances);
    filch__instances_visit(instances, free_note, NULL);
    for (struct filch__instance_slab *slab = instances->slabs, *next; slab; slab = next) {
        next = slab->next;
        free(slab);
    }
    filch__map_free(&instances->by_key);
    *instances = (struct filch__instances){.ids = 0};
}
