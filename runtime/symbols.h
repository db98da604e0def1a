/* SPDX-License-Identifier: MIT */
/* symbols.h - the name of the function that holds an address, static functions included.
 *
 * dladdr(3) knows only what a module exports. So the ELF file of the module is read: its .symtab, or what strip(1) leaves,
 * its .dynsym. Files are read, not mapped: one that is cut off meanwhile ends a read, and does not fault. What a file says is
 * checked before it is used, and a file that has taken the place of the one that was loaded is not believed.
 */
#ifndef FILCH_SYMBOLS_H
#define FILCH_SYMBOLS_H

#include "compiler.h"

/* The functions of one file, by address. */
struct filch__symbols {
    struct filch__symbol *symbols;
    size_t count;
    char *strings;
    size_t strings_size; /* its last byte is 0 */
};

/* Read them; `headers` are the program headers that its module was loaded with, or NULL: any file will do. False: it cannot
 * be read, is no ELF file of this machine's kind, is another one, or has no functions. */
bool filch__symbols_read(struct filch__symbols *symbols, const char *path, const void *headers, size_t header_count);
void filch__symbols_free(struct filch__symbols *symbols);

/* The name of the function that holds an address of the file, as it was written in the source, in `buffer`, cut to fit. False:
 * none does. */
bool filch__symbols_find(const struct filch__symbols *symbols, uint64_t address, char *buffer, size_t size);

/* Any thread; reads the module's file the first time, and keeps what it has read. */
bool filch__symbol_name(const void *code, char *buffer, size_t size);
/* In a forked child: whoever was at it is no more. */
void filch__symbols_after_fork(void);

#endif
