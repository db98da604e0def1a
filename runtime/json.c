/* SPDX-License-Identifier: MIT */
#include "json.h"

#include <errno.h>
#include <stdlib.h>

int filch__json_open(struct filch__json *json, FILE *out)
{
    *json = (struct filch__json){.out = out, .buffer = malloc(FILCH__JSON_ROOM)};
    return json->buffer ? 0 : -ENOMEM;
}

static void flush(struct filch__json *json)
{
    errno = 0;
    if (!json->error && json->used && fwrite(json->buffer, 1, json->used, json->out) != json->used)
        json->error = errno ? -errno : -EIO;
    json->used = 0;
}

int filch__json_close(struct filch__json *json)
{
    flush(json);
    errno = 0;
    if (fflush(json->out) && !json->error)
        json->error = errno ? -errno : -EIO;
    free(json->buffer);
    json->buffer = NULL;
    return json->error;
}

void filch__json_bytes(struct filch__json *json, const char *bytes, size_t count)
{
    while (count > FILCH__JSON_ROOM - json->used) {
        size_t part = FILCH__JSON_ROOM - json->used;
        memcpy(json->buffer + json->used, bytes, part);
        json->used += part;
        bytes += part;
        count -= part;
        flush(json);
    }
    memcpy(json->buffer + json->used, bytes, count);
    json->used += count;
}

/* ---- strings ---- */

size_t filch__utf8_length(const char *text)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *at = (const unsigned char *)text;
    size_t length = at[0] < 0x80 ? 1 : at[0] < 0xc0 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : at[0] < 0xf8 ? 4 : 0;
    uint32_t code = at[0] & 0x7fu >> (length > 1 ? length : 0);
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (at[i] & 0x3f);
    }
    bool surrogate = code >= 0xd800 && code < 0xe000;
    return length && (code < least[length] || code >= 0x110000 || surrogate) ? 0 : length;
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* The character at `text` as it stands in a string; its bytes in *ret_used. */
static void put_character(struct filch__json *json, const char *text, size_t *ret_used)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char c = (unsigned char)text[0];
    size_t length = filch__utf8_length(text);
    *ret_used = length ? length : 1;
    if (!length) {
        filch__json_raw(json, "\\ufffd");
    } else if (c == '"' || c == '\\') {
        char escaped[2] = {'\\', (char)c};
        filch__json_bytes(json, escaped, 2);
    } else if (c < 0x20 || c == 0x7f) {
        char escaped[6] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};
        filch__json_bytes(json, escaped, 6);
    } else {
        filch__json_bytes(json, text, length);
    }
}

void filch__json_string(struct filch__json *json, const char *text)
{
    filch__json_raw(json, "\"");
    while (*text) {
        size_t plain = 0;
        while (is_plain((unsigned char)text[plain]))
            plain++;
        filch__json_bytes(json, text, plain);
        text += plain;
        if (*text) {
            put_character(json, text, &plain);
            text += plain;
        }
    }
    filch__json_raw(json, "\"");
}

/* ---- numbers ---- */

enum { DIGITS = 20 };

/* Its digits end at `end`; where they begin. */
static char *digits_of(uint64_t value, char *end)
{
    do {
        *--end = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    return end;
}

void filch__json_u64(struct filch__json *json, uint64_t value)
{
    char text[DIGITS], *at = digits_of(value, text + DIGITS);
    filch__json_bytes(json, at, (size_t)(text + DIGITS - at));
}

void filch__json_i64(struct filch__json *json, int64_t value)
{
    if (value < 0)
        filch__json_raw(json, "-");
    filch__json_u64(json, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

void filch__json_decimal(struct filch__json *json, uint64_t value, unsigned decimals)
{
    char text[DIGITS + 1 + FILCH__DECIMALS_MOST], *end = text + sizeof text;
    for (unsigned i = 0; i < decimals; i++) {
        *--end = (char)('0' + value % 10);
        value /= 10;
    }
    *--end = '.';
    end = digits_of(value, end);
    filch__json_bytes(json, end, (size_t)(text + sizeof text - end));
}
