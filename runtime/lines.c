/* SPDX-License-Identifier: MIT */
#include "lines.h"

#include <filch/detail/atomic.h>

#include <errno.h>
#include <string.h>

int filch__lines_add(void **word, const struct filch_allocator *allocator, enum filch_level level, const char *text)
{
    size_t length = strlen(text) + 1, size = sizeof(struct filch__line) + length;
    struct filch__line *line = allocator->alloc(allocator->ctx, size);
    if (!line)
        return -ENOMEM;
    *line = (struct filch__line){.shown = {level, line->text}, .allocator = *allocator, .size = size};
    memcpy(line->text, text, length);
    void *newest = filch__load_acquire(word); /* R1 */
    do
        line->first = newest ? ((struct filch__line *)newest)->first : line;
    while (!filch__cas_acq_rel(word, &newest, (void *)line)); /* R1 */
    if (newest)
        filch__store_release(&((struct filch__line *)newest)->next, line); /* R2 */
    return 0;
}

const struct filch__line *filch__lines_first(void *const *word)
{
    const struct filch__line *last = filch__load_acquire(word); /* R1 */
    return last ? last->first : NULL;
}

const struct filch__line *filch__lines_next(const struct filch__line *line)
{
    return filch__load_acquire(&line->next); /* R2 */
}

void filch__lines_free(void **word)
{
    struct filch__line *last = filch__load_relaxed(word);
    for (struct filch__line *line = last ? last->first : NULL, *next; line; line = next) {
        next = line->next;
        const struct filch_allocator allocator = line->allocator;
        allocator.free(allocator.ctx, line, line->size);
    }
    filch__store_relaxed(word, NULL);
}
