/* SPDX-License-Identifier: MIT */
/* names.h - what tasks are called in a trace: their labels, or the functions that their code is in, each once. One thread's. */
#ifndef FILCH_NAMES_H
#define FILCH_NAMES_H

#include "map.h"

struct filch__names { /* all zero: empty */
    char **names;
    size_t count, room;
    struct filch__map by_address; /* of a label, and of code: index + 1 */
    struct filch__map by_hash;    /* of the text: index + 1 of the last name that was put there */
};

enum { FILCH__NAME_NONE = UINT32_MAX };

/* Index of the name that a label, or code, stands for; what nothing is known of is called by its address. FILCH__NAME_NONE:
 * no address, or no memory. */
uint32_t filch__names_of(struct filch__names *names, uint64_t address, bool code);
uint32_t filch__names_add(struct filch__names *names, const char *text);
/* "?" for FILCH__NAME_NONE. */
const char *filch__names_text(const struct filch__names *names, uint32_t index);
void filch__names_free(struct filch__names *names);

#endif
