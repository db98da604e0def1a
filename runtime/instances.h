/* SPDX-License-Identifier: MIT */
/* instances.h - the task instances of a trace as it is read: which one an address means now. One thread's.
 *
 * Keys are the addresses of futures, nodes and slots, used again and again. Of an instance that has ended only its number is
 * kept, with its key; the rest lives while it does, and one step longer.
 */
#ifndef FILCH_INSTANCES_H
#define FILCH_INSTANCES_H

#include "map.h"

enum filch__instance_state {
    FILCH__INSTANCE_NAMED, /* as the successor of another only */
    FILCH__INSTANCE_SUBMITTED,
    FILCH__INSTANCE_RUNNING,
    FILCH__INSTANCE_PAUSED,
    FILCH__INSTANCE_ENDED,
};

struct filch__lane;

/* A place on a track. */
struct filch__point {
    const struct filch__lane *lane; /* NULL: none */
    uint64_t ns;
};

struct filch__instance {
    uint64_t id; /* from 1 */
    uint64_t key;
    uint64_t label; /* address of its name, or of its code */
    bool code;
    bool forgotten; /* its key is another's */
    enum filch__instance_state state;
    struct filch__instance *next; /* of those that are forgotten, or free */
    struct filch__lane *on;       /* where it runs; NULL: nowhere */
    /* who shows it: timeline.c */
    struct filch__lane *shown_on;
    struct filch__point submitted, ready;
    uint64_t parent; /* of a stolen child; 0: not known */
    bool stolen;
    uint32_t stretches, suspensions;
    const char *suspended_for; /* NULL: it is not */
    const struct filch__lane *suspended_on;
    char *note; /* or NULL */
};

struct filch__instances {     /* all zero: empty */
    struct filch__map by_key; /* an instance, or number << 1 | 1 of one that has ended */
    struct filch__instance *forgotten, *free;
    struct filch__instance *leaving; /* it has ended in the present step */
    struct filch__instance_slab *slabs;
    uint64_t ids;
};

/* What a key means. Its number, 0: nothing; and the instance, NULL: it has ended. */
uint64_t filch__instances_find(const struct filch__instances *instances, uint64_t key,
                               struct filch__instance **ret_instance);
/* From now on the key means a new one. NULL: no memory. */
struct filch__instance *filch__instances_new(struct filch__instances *instances, uint64_t key);
/* It stays until the next sweep. */
void filch__instances_end(struct filch__instances *instances, struct filch__instance *instance);
void filch__instances_sweep(struct filch__instances *instances);

/* All that have not ended. */
void filch__instances_visit(const struct filch__instances *instances,
                            void (*visit)(struct filch__instance *instance, void *ctx), void *ctx);
void filch__instances_free(struct filch__instances *instances); /* empty, and counts from 1 again */

#endif
