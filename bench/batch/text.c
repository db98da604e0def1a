/* SPDX-License-Identifier: MIT */
/* text.c - sizes, times and names as text. Names are bytes: they may hold newlines, terminal escapes, no UTF-8. */
#include "batch.h"

#include <inttypes.h>
#include <string.h>

const char *text_bytes(char text[TEXT_SIZE], double bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    size_t unit = 0;
    /* 999.5 would be printed as 1000. */
    while (bytes >= 999.5 && unit + 1 < sizeof units / sizeof units[0]) {
        bytes /= 1000;
        unit++;
    }
    int decimals = unit == 0 || bytes >= 99.95 ? 0 : bytes >= 9.995 ? 1 : 2;
    snprintf(text, TEXT_SIZE, "%.*f %s", decimals, bytes, units[unit]);
    return text;
}

/* With a comma at each thousand. */
const char *text_count(char text[TEXT_SIZE], uint64_t count)
{
    char digits[TEXT_SIZE];
    int length = snprintf(digits, sizeof digits, "%" PRIu64, count);
    size_t at = 0;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            text[at++] = ',';
        text[at++] = digits[i];
    }
    text[at] = '\0';
    return text;
}

const char *text_duration(char text[TEXT_SIZE], double seconds)
{
    if (!(seconds >= 0 && seconds < 360000)) {
        snprintf(text, TEXT_SIZE, "--:--");
        return text;
    }
    unsigned whole = (unsigned)(seconds + 0.5);
    if (whole >= 3600)
        snprintf(text, TEXT_SIZE, "%u:%02u:%02u", whole / 3600, whole / 60 % 60, whole % 60);
    else
        snprintf(text, TEXT_SIZE, "%u:%02u", whole / 60, whole % 60);
    return text;
}

/* The length of the UTF-8 sequence at `s`, or 0 if there is none: no overlong forms, surrogates, or above U+10FFFF. */
static size_t utf8_length(const unsigned char *s)
{
    if (s[0] < 0x80)
        return 1;
    size_t length = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
    bool surrogate = s[0] == 0xed && s[1] > 0x9f;
    bool too_large = s[0] == 0xf4 && s[1] > 0x8f;
    return overlong || surrogate || too_large ? 0 : length;
}

static bool is_control(const unsigned char *s, size_t length)
{
    return s[0] < 0x20 || s[0] == 0x7f || (length == 2 && s[0] == 0xc2 && s[1] < 0xa0);
}

void text_name(FILE *out, const char *name)
{
    const unsigned char *s = (const unsigned char *)name;
    while (*s) {
        size_t length = utf8_length(s);
        if (*s == '\\') {
            fputs("\\\\", out);
        } else if (*s == '\n') {
            fputs("\\n", out);
        } else if (length > 0 && !is_control(s, length)) {
            fwrite(s, 1, length, out);
        } else {
            length = length > 0 ? length : 1;
            for (size_t i = 0; i < length; i++)
                fprintf(out, "\\x%02x", s[i]);
        }
        s += length;
    }
}

void json_text(FILE *out, const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    putc('"', out);
    while (*s) {
        size_t length = utf8_length(s);
        if (*s == '"' || *s == '\\') {
            fprintf(out, "\\%c", *s);
        } else if (*s < 0x20 || *s == 0x7f) {
            fprintf(out, "\\u%04x", *s);
        } else if (length > 0) {
            fwrite(s, 1, length, out);
        } else {
            fputs("\\ufffd", out);
            length = 1;
        }
        s += length;
    }
    putc('"', out);
}

void json_path(FILE *out, const char *path)
{
    const unsigned char *s = (const unsigned char *)path;
    fputs("\"path\": ", out);
    json_text(out, path);
    size_t length;
    while (*s && (length = utf8_length(s)) > 0)
        s += length;
    if (!*s)
        return;
    fputs(", \"path_hex\": \"", out);
    for (s = (const unsigned char *)path; *s; s++)
        fprintf(out, "%02x", *s);
    putc('"', out);
}
