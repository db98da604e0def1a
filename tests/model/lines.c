/* SPDX-License-Identifier: MIT */
/* lines.c - models of a task's reports: several add, one reads meanwhile, and no line is lost or seen half. */
#include "model.h"

#include "lines.h"

static void *lines_alloc(void *ctx, size_t size)
{
    (void)ctx;
    return mc_alloc(size);
}

static void lines_free(void *ctx, void *memory, size_t size)
{
    (void)ctx;
    (void)size;
    mc_free(memory);
}

static const struct filch_allocator lines_allocator = {lines_alloc, lines_free, NULL};
static void **lines_word;

static void add(char first, int count)
{
    char text[3] = {first, '0', 0};
    for (int i = 0; i < count; i++, text[1]++)
        mc_assert(filch__lines_add(lines_word, &lines_allocator, FILCH_INFO, text) == 0);
}

static void *add_two(void *arg)
{
    add((char)(uintptr_t)arg, 2);
    return NULL;
}

static void *add_one(void *arg)
{
    add((char)(uintptr_t)arg, 1);
    return NULL;
}

/* How many lines there are; each adder's come in its own order. */
static int read_lines(void)
{
    char last[256] = {0};
    int count = 0;
    for (const struct filch__line *line = filch__lines_first(lines_word); line; line = filch__lines_next(line)) {
        unsigned char who = (unsigned char)line->text[0];
        mc_assert(line->shown.level == FILCH_INFO && line->shown.text == line->text && !line->text[2]);
        mc_assert(line->text[1] == (last[who] ? last[who] + 1 : '0'));
        last[who] = line->text[1];
        count++;
    }
    return count;
}

static void begin(void)
{
    lines_word = mc_zalloc(sizeof *lines_word);
}

static void end(int first, int second, int want)
{
    mc_join(first);
    mc_join(second);
    mc_assert(read_lines() == want);
    filch__lines_free(lines_word);
    mc_assert(!*lines_word);
    mc_free(lines_word);
}

MC_MODEL(lines_two_add,
         "two tasks report two lines each || a reader: it sees whole lines, each task's in order, and at the "
         "end all four",
         .preemptions = 3, .stale = 2)
{
    begin();
    int a = mc_spawn(add_two, MODEL_ARG('a')), b = mc_spawn(add_two, MODEL_ARG('b'));
    mc_reached(read_lines());
    end(a, b, 4);
}

MC_MODEL(lines_go_on, "two tasks add to lines that are there already", .preemptions = MC_ANY, .stale = 2)
{
    begin();
    add('c', 1);
    int a = mc_spawn(add_one, MODEL_ARG('a')), b = mc_spawn(add_one, MODEL_ARG('b'));
    mc_reached(read_lines());
    end(a, b, 3);
}
