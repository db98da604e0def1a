/* SPDX-License-Identifier: MIT */
/* pipeline.c - tasks that start when others have ended: per text, load | (words, lines, longest line) | summary, and one
 * total over all summaries.
 *
 * A chain is filch_then; the option `after` names several predecessors. All is submitted at once, in any case before the
 * first has ended, and nobody waits but main, at the end. Where a text cannot be loaded its later stages do not run: they
 * end with the same error. The total runs always, and sees by the statuses what there is to add up.
 */
#include <filch/filch.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { TEXTS = 4 };

struct text {
    const char *name, *content;
    struct filch_future loaded, worded, lined, measured, summarised;
    unsigned words, lines, longest;
    char summary[80];
};

static int load(void *data)
{
    struct text *text = data;
    static const char *const library[][2] = {
        {"fox", "the quick brown fox\njumps over the lazy dog\n"},
        {"numbers", "one\ntwo\nthree\nfour\n"},
        {"empty", ""},
    };
    for (size_t i = 0; i < sizeof library / sizeof library[0]; i++)
        if (strcmp(library[i][0], text->name) == 0)
            text->content = library[i][1];
    return text->content ? 0 : -ENOENT;
}

static int count_words(void *data)
{
    struct text *text = data;
    for (const char *c = text->content; *c; c++)
        text->words += !strchr(" \n", *c) && (c == text->content || strchr(" \n", c[-1]));
    return 0;
}

static int count_lines(void *data)
{
    struct text *text = data;
    for (const char *c = text->content; *c; c++)
        text->lines += *c == '\n';
    return 0;
}

static int find_longest(void *data)
{
    struct text *text = data;
    for (const char *c = text->content; *c;) {
        size_t length = strcspn(c, "\n");
        if (length > text->longest)
            text->longest = (unsigned)length;
        c += length + (c[length] == '\n');
    }
    return 0;
}

static int summarise(void *data)
{
    struct text *text = data;
    snprintf(text->summary, sizeof text->summary, "%s: %u words, %u lines, the longest of %u", text->name, text->words,
             text->lines, text->longest);
    return 0;
}

struct total {
    struct text *texts;
    unsigned words, missing;
};

static int add_up(void *data)
{
    struct total *total = data;
    for (int i = 0; i < TEXTS; i++) {
        if (filch_status(&total->texts[i].summarised) < 0)
            total->missing++;
        else
            total->words += total->texts[i].words;
    }
    return 0;
}

/* An error of a submit is the status of its future, and so of what comes after it. */
static void begin(struct text *text)
{
    struct filch_future *const counted[] = {&text->worded, &text->lined, &text->measured};
    const struct filch_task_options options = {.name = "summarise", .after = counted, .after_count = 3};
    filch_submit(NULL, &text->loaded, load, text);
    filch_then(&text->loaded, &text->worded, count_words, text); /* fan-out: three after one */
    filch_then(&text->loaded, &text->lined, count_lines, text);
    filch_then(&text->loaded, &text->measured, find_longest, text);
    filch_submit_with(NULL, &text->summarised, summarise, text, &options); /* fan-in: one after three */
}

int main(void)
{
    static struct text texts[TEXTS] = {{.name = "fox"}, {.name = "numbers"}, {.name = "lost"}, {.name = "empty"}};
    struct filch_future *summaries[TEXTS], done = {0};
    struct total total = {.texts = texts};
    for (int i = 0; i < TEXTS; i++) {
        begin(&texts[i]);
        summaries[i] = &texts[i].summarised;
    }
    const struct filch_task_options options = {
        .name = "total", .flags = FILCH_TASK_RUN_ALWAYS, .after = summaries, .after_count = TEXTS};
    filch_submit_with(NULL, &done, add_up, &total, &options);
    int status = filch_wait(&done);
    for (int i = 0; i < TEXTS; i++) {
        int error = filch_status(&texts[i].summarised);
        printf("%s%s%s\n", error < 0 ? texts[i].name : texts[i].summary, error < 0 ? ": " : "",
               error < 0 ? strerror(-error) : "");
    }
    printf("%u words in all, %u text missing\n", total.words, total.missing);
    return status == 0 && total.words == 13 && total.missing == 1 ? 0 : 1;
}
