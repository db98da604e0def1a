/* SPDX-License-Identifier: MIT */
#include "textstats.h"

#include <filch/filch.h>

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

struct part {
    struct filch_future future;
    const char *text;
    struct textstats stats;
};

static int count_one(void *data)
{
    struct part *part = data;
    bool in_word = false;
    for (const char *c = part->text; *c; c++) {
        bool space = isspace((unsigned char)*c);
        part->stats.lines += *c == '\n';
        part->stats.words += !space && !in_word;
        in_word = !space;
    }
    return 0;
}

int textstats_count(struct filch_pool *pool, const char *const texts[], size_t count, struct textstats *ret_total)
{
    struct part *parts = calloc(count ? count : 1, sizeof *parts);
    if (!parts)
        return -ENOMEM;
    struct filch_batch batch = {&parts->future, sizeof *parts, parts, sizeof *parts, count};
    struct textstats total = {0, 0};
    for (size_t i = 0; i < count; i++)
        parts[i].text = texts[i];
    int error = filch_submit_many(pool, &batch, count_one, NULL);
    for (size_t i = 0; i < count; i++) { /* in any case: what was accepted may still run */
        int status = filch_wait(&parts[i].future);
        error = error ? error : status;
        total.lines += parts[i].stats.lines;
        total.words += parts[i].stats.words;
    }
    free(parts);
    if (!error)
        *ret_total = total;
    return error;
}
