/* SPDX-License-Identifier: MIT */
/* json.h - JSON text into a stream, through a buffer of its own.
 *
 * The same for every locale: numbers are not printed by printf. Strings may hold anything; what is not UTF-8 becomes the
 * replacement character. The first error is remembered, and told by close.
 */
#ifndef FILCH_JSON_H
#define FILCH_JSON_H

#include "compiler.h"

#include <stdio.h>
#include <string.h>

enum { FILCH__JSON_ROOM = 1 << 16 };

struct filch__json {
    FILE *out;
    char *buffer;
    size_t used;
    int error; /* 0 or a negative errno */
};

/* 0 or -ENOMEM. */
int filch__json_open(struct filch__json *json, FILE *out);
int filch__json_close(struct filch__json *json); /* 0, or a negative errno: not all of it was written */

void filch__json_bytes(struct filch__json *json, const char *bytes, size_t count);
void filch__json_string(struct filch__json *json, const char *text); /* in quotes */
void filch__json_u64(struct filch__json *json, uint64_t value);
void filch__json_i64(struct filch__json *json, int64_t value);
enum { FILCH__DECIMALS_MOST = 4 };
void filch__json_decimal(struct filch__json *json, uint64_t value, unsigned decimals); /* 1234 with 3: 1.234 */

/* As it is: a literal. */
static inline void filch__json_raw(struct filch__json *json, const char *text)
{
    filch__json_bytes(json, text, strlen(text));
}

/* Microseconds, with three decimals. */
static inline void filch__json_us(struct filch__json *json, uint64_t ns)
{
    filch__json_decimal(json, ns, 3);
}

/* With what stands before it, a comma and a key say. */
static inline void filch__json_field_u64(struct filch__json *json, const char *before, uint64_t value)
{
    filch__json_raw(json, before);
    filch__json_u64(json, value);
}
static inline void filch__json_field_i64(struct filch__json *json, const char *before, int64_t value)
{
    filch__json_raw(json, before);
    filch__json_i64(json, value);
}
static inline void filch__json_field_us(struct filch__json *json, const char *before, uint64_t ns)
{
    filch__json_raw(json, before);
    filch__json_us(json, ns);
}
static inline void filch__json_field_string(struct filch__json *json, const char *before, const char *text)
{
    filch__json_raw(json, before);
    filch__json_string(json, text);
}

/* Bytes of the UTF-8 character at `text`; 0: it is none. */
size_t filch__utf8_length(const char *text);

#endif
