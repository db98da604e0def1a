/* SPDX-License-Identifier: MIT */
/* json.c - JSON text, and the table of numbers that a trace is read with. */
#include "support/test.h"

#include "json.h"
#include "map.h"

#include <errno.h>
#include <locale.h>

/* What is written, as a string to be freed. */
static char *written(void (*write_it)(struct filch__json *json))
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    struct filch__json json;
    must(out && filch__json_open(&json, out) == 0);
    write_it(&json);
    cr_assert_eq(filch__json_close(&json), 0);
    fclose(out);
    return text;
}

#define check_written(write_it, expected)                                                                              \
    do {                                                                                                               \
        char *text = written(write_it);                                                                                \
        cr_assert_str_eq(text, expected);                                                                              \
        free(text);                                                                                                    \
    } while (0)

static void numbers(struct filch__json *json)
{
    filch__json_u64(json, 0);
    filch__json_raw(json, " ");
    filch__json_u64(json, UINT64_MAX);
    filch__json_raw(json, " ");
    filch__json_i64(json, INT64_MIN);
    filch__json_raw(json, " ");
    filch__json_us(json, 0);
    filch__json_raw(json, " ");
    filch__json_us(json, 1002);
    filch__json_raw(json, " ");
    filch__json_us(json, UINT64_MAX);
}

Test(json, numbers_of_all_sizes_in_any_locale, .timeout = TEST_TIMEOUT)
{
    const char *expected = "0 18446744073709551615 -9223372036854775808 0.000 1.002 18446744073709551.615";
    check_written(numbers, expected);
    (void)setlocale(LC_ALL, "de_DE.UTF-8"); /* a comma for the point, where it is installed */
    check_written(numbers, expected);
    (void)setlocale(LC_ALL, "C");
}

static void strings(struct filch__json *json)
{
    filch__json_string(json, "");
    filch__json_string(json, "a\"b\\c\n\x01\x7f");
    filch__json_string(json, "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80");
    filch__json_string(json, "cut \xc3");
    filch__json_string(json, "\xff\xc0\xaf\xed\xa0\x80z");
}

Test(json, strings_are_escaped_and_what_is_no_text_is_replaced, .timeout = TEST_TIMEOUT)
{
    check_written(strings, "\"\"\"a\\\"b\\\\c\\u000a\\u0001\\u007f\""
                           "\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80\""
                           "\"cut \\ufffd\""
                           "\"\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffdz\"");
}

static void more_than_the_buffer_holds(struct filch__json *json)
{
    char piece[1000];
    memset(piece, 'x', sizeof piece - 1);
    piece[sizeof piece - 1] = '\0';
    for (int i = 0; i < 200; i++)
        filch__json_string(json, piece);
}

Test(json, a_long_text_is_whole, .timeout = TEST_TIMEOUT)
{
    char *text = written(more_than_the_buffer_holds);
    cr_assert_eq(strlen(text), 200 * 1001);
    for (size_t i = 0; i < 200; i++)
        cr_assert_eq(strspn(text + i * 1001 + 1, "x"), 999);
    free(text);
}

Test(json, a_full_disk_is_told, .timeout = TEST_TIMEOUT)
{
    FILE *full = fopen("/dev/full", "we");
    struct filch__json json;
    if (!full)
        test_skip("there is no /dev/full");
    cr_assert_eq(filch__json_open(&json, full), 0);
    more_than_the_buffer_holds(&json);
    cr_assert_eq(filch__json_close(&json), -ENOSPC);
    fclose(full);
}

Test(map, finds_what_was_put_there, .timeout = TEST_TIMEOUT)
{
    struct filch__map map = {.entries = NULL};
    cr_assert_null(filch__map_find(&map, 1));
    for (uint64_t i = 1; i <= 10000; i++)
        *filch__map_get(&map, i * 64) = i;
    for (uint64_t i = 1; i <= 10000; i++) {
        cr_assert_eq(*filch__map_find(&map, i * 64), i);
        cr_assert_null(filch__map_find(&map, i * 64 + 1));
    }
    cr_assert_eq(*filch__map_get(&map, 64), 1, "it is there already");
    cr_assert_eq(map.count, 10000);
    filch__map_free(&map);
    cr_assert_null(filch__map_find(&map, 64));
}
