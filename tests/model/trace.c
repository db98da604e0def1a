/* SPDX-License-Identifier: MIT */
/* trace.c - an execution written down for a reader: thread, place in the source, what happened. */
#include "engine.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAMES = 64, TEXT = 96, ENTRIES = 20000, PLACE = 72 };

bool mc__tracing;
static struct name {
    uintptr_t address;
    size_t size;
    const char *name;
} names[NAMES];
static int name_count;
static struct entry {
    int thread;
    void *pc;
    char text[TEXT];
} * entries;
static int entry_count;

void mc__names_begin(void)
{
    name_count = 0;
    entry_count = 0;
}

void mc_name(const void *memory, size_t size, const char *name)
{
    if (name_count < NAMES)
        names[name_count++] = (struct name){(uintptr_t)memory, size, name};
}

const char *mc__name_of(uintptr_t address)
{
    static char text[2][48];
    static int turn;
    if (!mc__tracing)
        return "";
    char *to = text[turn ^= 1];
    for (int i = name_count - 1; i >= 0; i--)
        if (address - names[i].address < names[i].size) {
            snprintf(to, sizeof text[0], "%s+%zu", names[i].name, (size_t)(address - names[i].address));
            return to;
        }
    snprintf(to, sizeof text[0], "%#lx", (unsigned long)address);
    return to;
}

void mc__trace(void *pc, const char *format, ...)
{
    va_list arguments;
    if (!mc__tracing || (!entries && !(entries = calloc(ENTRIES, sizeof *entries))) || entry_count == ENTRIES)
        return;
    struct entry *entry = &entries[entry_count++];
    entry->thread = mc__run.me;
    entry->pc = pc;
    va_start(arguments, format);
    vsnprintf(entry->text, sizeof entry->text, format, arguments);
    va_end(arguments);
}

/* "function at file:line" of each entry, by binutils' addr2line; nothing where that is not there. */
static void find_places(char (*places)[PLACE])
{
    char path[] = "/tmp/filch-model-XXXXXX", command[120];
    int fd = mkstemp(path);
    FILE *list = fd < 0 ? NULL : fdopen(fd, "w");
    if (!list)
        return;
    for (int i = 0; i < entry_count; i++)
        fprintf(list, "%#lx\n", (unsigned long)(uintptr_t)entries[i].pc - (entries[i].pc != NULL));
    fclose(list);
    snprintf(command, sizeof command, "addr2line -p -s -f -e /proc/%d/exe < %s 2>/dev/null", (int)getpid(), path);
    FILE *answers = popen(command, "r");
    for (int i = 0; answers && i < entry_count; i++)
        if (fgets(places[i], PLACE, answers))
            places[i][strcspn(places[i], "\n")] = '\0';
    if (answers)
        pclose(answers);
    remove(path);
}

void mc__trace_print(void)
{
    char(*places)[PLACE] = calloc((size_t)entry_count + 1, PLACE);
    if (!places)
        return;
    find_places(places);
    for (int i = 0; i < entry_count; i++)
        if (entries[i].pc)
            printf("  thread %d  %-58s %s\n", entries[i].thread, entries[i].text, places[i]);
        else
            printf("%s\n", entries[i].text);
    free(places);
}
