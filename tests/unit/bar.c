/* SPDX-License-Identifier: MIT */
/* bar.c - the text of a progress bar: right figures, never wider than it may be. */
#include "support/test.h"

#include "bar.h"

static const char *amount(double value, bool bytes)
{
    static char text[FILCH__BAR_FIGURE];
    return filch__bar_amount(text, value, bytes);
}

static const char *duration(uint64_t ns)
{
    static char text[FILCH__BAR_FIGURE];
    return filch__bar_duration(text, ns);
}

Test(bar, amounts_read_well, .timeout = TEST_TIMEOUT)
{
    cr_assert_str_eq(amount(0, false), "0");
    cr_assert_str_eq(amount(0.25, false), "0.2");
    cr_assert_str_eq(amount(9.96, false), "10");
    cr_assert_str_eq(amount(999, false), "999");
    cr_assert_str_eq(amount(1000, false), "1,000");
    cr_assert_str_eq(amount(12345678, false), "12,345,678");
    cr_assert_str_eq(amount(1e300, false), "1,000,000,000,000,000,000");
    cr_assert_str_eq(amount(0, true), "0 B");
    cr_assert_str_eq(amount(999, true), "999 B");
    cr_assert_str_eq(amount(999.6, true), "1.00 kB");
    cr_assert_str_eq(amount(12345, true), "12.3 kB");
    cr_assert_str_eq(amount(345678901, true), "346 MB");
    cr_assert_str_eq(amount(1.1e12, true), "1.10 TB");
    cr_assert_str_eq(amount(9.3e18, true), "9.30 EB");
}

Test(bar, durations_read_well, .timeout = TEST_TIMEOUT)
{
    cr_assert_str_eq(duration(0), "0:00");
    cr_assert_str_eq(duration(FILCH_MS(499)), "0:00");
    cr_assert_str_eq(duration(FILCH_MS(59500)), "1:00");
    cr_assert_str_eq(duration(FILCH_S(3599)), "59:59");
    cr_assert_str_eq(duration(FILCH_S(3600 + 62)), "1:01:02");
    cr_assert_str_eq(duration(UINT64_MAX), "--:--");
}

Test(bar, figures_say_what_is_known, .timeout = TEST_TIMEOUT)
{
    char text[FILCH__BAR_TEXT];
    struct filch_progress_state state = {.done = 1231, .total = 2160, .rate_per_s = 345.4, .eta_ns = FILCH_S(3)};
    filch__bar_figures(text, sizeof text, &state, "", "files", false, false);
    cr_assert_str_eq(text, "1,231 of 2,160 files  345/s  ETA 0:03");
    filch__bar_figures(text, sizeof text, &state, "hashing", "", true, false);
    cr_assert_str_eq(text, "hashing: 1.23 kB of 2.16 kB  345 B/s  ETA 0:03");
    state = (struct filch_progress_state){.done = 5, .rate_per_s = 0.5, .eta_ns = UINT64_MAX};
    filch__bar_figures(text, sizeof text, &state, "", "", false, false);
    cr_assert_str_eq(text, "5  0.5/s  ETA --:--");
    state.elapsed_ns = FILCH_S(2);
    filch__bar_figures(text, sizeof text, &state, "", "files", false, true);
    cr_assert_str_eq(text, "5 files  2.5/s  in 0:02");
}

static const char *line_of(unsigned columns, uint64_t done, uint64_t total, const char *text)
{
    static char line[FILCH__BAR_TEXT];
    const struct filch_progress_state state = {.done = done, .total = total};
    size_t length = filch__bar_line(line, sizeof line, columns, &state, text);
    must(length == strlen(line));
    return line;
}

Test(bar, is_as_wide_as_the_text_leaves_room_for, .timeout = TEST_TIMEOUT)
{
    cr_assert_str_eq(line_of(33, 0, 10, "ten of 10."), "[>---------]   0%  ten of 10.");
    cr_assert_str_eq(line_of(30, 5, 10, "ten of 10."), "[=====>----]  50%  ten of 10.");
    cr_assert_str_eq(line_of(29, 5, 10, "ten of 10."), "ten of 10.", "not even a short one");
    cr_assert_str_eq(line_of(40, 10, 10, "x"), "[====================] 100%  x");
    cr_assert_str_eq(line_of(1000, 11, 10, "x"),
                     "[============================================================] 100%  x");
    cr_assert_str_eq(line_of(30, 7, 0, "x"), "[>---------]  --%  x", "nobody knows");
}

Test(bar, is_whole_when_all_is_done_and_not_before, .timeout = TEST_TIMEOUT)
{
    cr_assert_str_eq(line_of(21, 999999, 1000000, "x"), "[=========>]  99%  x");
    cr_assert_str_eq(line_of(21, UINT64_MAX / 2 - 1, UINT64_MAX / 2, "x"), "[==========]  99%  x");
    cr_assert_str_eq(line_of(21, 1000000, 1000000, "x"), "[==========] 100%  x");
}

/* No character takes more columns than bytes. */
Test(bar, never_reaches_the_last_column, .timeout = TEST_TIMEOUT)
{
    static char text[1000];
    memset(text, 'x', sizeof text - 1);
    for (size_t length = 0; length < sizeof text; length += length < 100 ? 1 : 450) {
        text[length] = '\0';
        for (unsigned columns = 0; columns < 300; columns++)
            for (uint64_t done = 0; done <= 4; done++)
                cr_assert_leq(strlen(line_of(columns, done, 4, text)), columns ? columns - 1 : 0);
        text[length] = 'x';
    }
    cr_assert_lt(strlen(line_of(100000, 1, 2, text)), FILCH__BAR_TEXT);
}

Test(bar, text_is_cut_between_characters_and_cannot_steer_the_terminal, .timeout = TEST_TIMEOUT)
{
    cr_assert_str_eq(line_of(4, 1, 2, "äöü"), "ä", "three bytes are not two of them");
    cr_assert_str_eq(line_of(5, 1, 2, "äöü"), "äö");
    cr_assert_str_eq(line_of(8, 1, 2, "äöü"), "äöü");
    cr_assert_str_eq(line_of(20, 1, 2, "a\033[2Jb\n\tc\177"), "a?[2Jb??c?");
    cr_assert_str_eq(line_of(3, 1, 2, "\xbf\xbf\xbf\xbf"), "", "not even UTF-8");
}
