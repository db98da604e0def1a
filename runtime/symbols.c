/* SPDX-License-Identifier: MIT */
#include "symbols.h"

#include "os.h"

#include <elf.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct filch__symbol {
    uint64_t address, size; /* 0: up to the next one */
    uint32_t name;
    bool local;
};

enum { PATH_MOST = 4096 };

/* ---- reading a file ---- */

struct file {
    FILE *stream;
    uint64_t size;
};

/* In bounds, and whole. */
static bool read_at(const struct file *file, uint64_t at, void *into, uint64_t size)
{
    if (at > file->size || size > file->size - at || fseek(file->stream, (long)at, SEEK_SET))
        return false;
    return fread(into, 1, size, file->stream) == size;
}

/* One more byte than was asked for, which is 0. NULL: it is not there, or no memory. */
static void *read_new(const struct file *file, uint64_t at, uint64_t size)
{
    if (at > file->size || size > file->size - at)
        return NULL;
    char *memory = malloc(size + 1);
    if (!memory)
        return NULL;
    memory[size] = '\0';
    if (read_at(file, at, memory, size))
        return memory;
    free(memory);
    return NULL;
}

static bool open_file(struct file *file, const char *path)
{
    file->stream = fopen(path, "re");
    if (!file->stream)
        return false;
    long size = fseek(file->stream, 0, SEEK_END) ? -1 : ftell(file->stream);
    file->size = size > 0 ? (uint64_t)size : 0;
    if (size > 0)
        return true;
    fclose(file->stream);
    return false;
}

/* Of this machine's kind: what was loaded into this process is. */
static bool read_header(const struct file *file, ElfW(Ehdr) * header)
{
    return read_at(file, 0, header, sizeof *header) && !memcmp(header->e_ident, ELFMAG, SELFMAG) &&
           header->e_ident[EI_CLASS] == (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) &&
           header->e_shentsize == sizeof(ElfW(Shdr)) && header->e_phentsize == sizeof(ElfW(Phdr));
}

static bool same_headers(const struct file *file, const ElfW(Ehdr) * header, const void *loaded, size_t count)
{
    if (!loaded)
        return true;
    uint64_t size = count * sizeof(ElfW(Phdr));
    void *here = header->e_phnum == count ? read_new(file, header->e_phoff, size) : NULL;
    bool same = here && !memcmp(here, loaded, size);
    free(here);
    return same;
}

/* ---- a file's functions ---- */

static int by_address(const void *left, const void *right)
{
    const struct filch__symbol *a = left, *b = right;
    if (a->address != b->address)
        return a->address < b->address ? -1 : 1;
    if (!a->size != !b->size)
        return a->size ? -1 : 1;
    if (a->local != b->local)
        return a->local ? 1 : -1;
    return a->name < b->name ? -1 : a->name > b->name;
}

static void take_functions(struct filch__symbols *symbols, const ElfW(Sym) * from, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        unsigned char type = from[i].st_info & 0xf;
        bool function = type == STT_FUNC || type == STT_GNU_IFUNC;
        if (!function || from[i].st_shndx == SHN_UNDEF || !from[i].st_name || from[i].st_name >= symbols->strings_size)
            continue;
        symbols->symbols[symbols->count++] = (struct filch__symbol){.address = from[i].st_value,
                                                                    .size = from[i].st_size,
                                                                    .name = from[i].st_name,
                                                                    .local = from[i].st_info >> 4 == STB_LOCAL};
    }
    if (symbols->count)
        qsort(symbols->symbols, symbols->count, sizeof *symbols->symbols, by_address);
}

static bool read_table(struct filch__symbols *symbols, const struct file *file, const ElfW(Shdr) * table,
                       const ElfW(Shdr) * strings)
{
    size_t count = table->sh_entsize == sizeof(ElfW(Sym)) ? table->sh_size / sizeof(ElfW(Sym)) : 0;
    ElfW(Sym) *from = count ? read_new(file, table->sh_offset, count * sizeof *from) : NULL;
    symbols->strings = from && strings->sh_size ? read_new(file, strings->sh_offset, strings->sh_size) : NULL;
    symbols->strings_size = strings->sh_size + 1;
    symbols->symbols = symbols->strings ? malloc(count * sizeof *symbols->symbols) : NULL;
    if (symbols->symbols)
        take_functions(symbols, from, count);
    free(from);
    if (symbols->count)
        return true;
    filch__symbols_free(symbols);
    return false;
}

static bool read_type(struct filch__symbols *symbols, const struct file *file, const ElfW(Shdr) * sections,
                      size_t count, uint32_t type)
{
    for (size_t i = 0; i < count; i++)
        if (sections[i].sh_type == type && sections[i].sh_link < count &&
            read_table(symbols, file, &sections[i], &sections[sections[i].sh_link]))
            return true;
    return false;
}

bool filch__symbols_read(struct filch__symbols *symbols, const char *path, const void *headers, size_t header_count)
{
    struct file file;
    ElfW(Ehdr) header;
    ElfW(Shdr) *sections = NULL;
    *symbols = (struct filch__symbols){.symbols = NULL};
    if (!open_file(&file, path))
        return false;
    if (read_header(&file, &header) && header.e_shnum && same_headers(&file, &header, headers, header_count))
        sections = read_new(&file, header.e_shoff, (uint64_t)header.e_shnum * sizeof *sections);
    bool read = sections && (read_type(symbols, &file, sections, header.e_shnum, SHT_SYMTAB) ||
                             read_type(symbols, &file, sections, header.e_shnum, SHT_DYNSYM));
    free(sections);
    fclose(file.stream);
    return read;
}

void filch__symbols_free(struct filch__symbols *symbols)
{
    free(symbols->symbols);
    free(symbols->strings);
    *symbols = (struct filch__symbols){.symbols = NULL};
}

/* ---- names ---- */

/* Compilers add ".part.0" and the like to a function that they have changed, fork.h an ending to the code of a typed task. */
static size_t length_in_source(const char *name)
{
    static const char *const endings[] = {"__filch_run", "__filch_body", "__filch_body_1", "__filch_body_2"};
    size_t length = name[0] ? 1 + strcspn(name + 1, ".") : 0;
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        size_t ending = strlen(endings[i]);
        if (length > ending && !memcmp(name + length - ending, endings[i], ending))
            return length - ending;
    }
    return length;
}

bool filch__symbols_find(const struct filch__symbols *symbols, uint64_t address, char *buffer, size_t size)
{
    size_t low = 0, high = symbols->count; /* below low: not above the address; from high on: above it */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (symbols->symbols[middle].address <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (!low)
        return false;
    const struct filch__symbol *symbol = &symbols->symbols[low - 1];
    while (symbol > symbols->symbols && symbol[-1].address == symbol->address) /* the first of them is the best one */
        symbol--;
    if (symbol->size && address - symbol->address >= symbol->size)
        return false;
    const char *name = symbols->strings + symbol->name;
    int length = (int)length_in_source(name);
    snprintf(buffer, size, "%.*s", length, name);
    return length > 0;
}

/* ---- modules ---- */

struct module {
    struct module *next;
    uint64_t base;
    const void *headers;
    struct filch__symbols symbols; /* none: it cannot be read */
};

static struct filch__lock lock = {PTHREAD_MUTEX_INITIALIZER};
/* under the lock */
static struct module *modules; /* as long as no module is unloaded: another may take its place */
static uint64_t unloaded;      /* modules, when they were read */

struct search {
    uint64_t address, base;
    const void *headers;
    size_t header_count;
    uint64_t unloaded; /* modules of the process so far */
    char path[PATH_MOST];
    bool found;
};

static int look_at_module(struct dl_phdr_info *info, size_t size, void *ctx)
{
    struct search *search = ctx;
    (void)size;
    for (int i = 0; i < info->dlpi_phnum && !search->found; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        search->found = header->p_type == PT_LOAD && search->address - info->dlpi_addr >= header->p_vaddr &&
                        search->address - info->dlpi_addr - header->p_vaddr < header->p_memsz;
    }
    if (!search->found)
        return 0;
    search->base = info->dlpi_addr;
    search->headers = info->dlpi_phdr;
    search->header_count = info->dlpi_phnum;
    search->unloaded = info->dlpi_subs;
    /* The program has no name here; its file may be deleted by now, but not gone. */
    snprintf(search->path, sizeof search->path, "%s", info->dlpi_name[0] ? info->dlpi_name : "/proc/self/exe");
    return 1;
}

static void forget_locked(void)
{
    struct module *module = modules, *next;
    modules = NULL; /* first, for a child that is forked meanwhile */
    for (; module; module = next) {
        next = module->next;
        filch__symbols_free(&module->symbols);
        free(module);
    }
}

static struct module *module_locked(const struct search *search)
{
    if (unloaded != search->unloaded)
        forget_locked();
    unloaded = search->unloaded;
    struct module *module = modules;
    while (module && (module->base != search->base || module->headers != search->headers))
        module = module->next;
    if (module)
        return module;
    module = malloc(sizeof *module);
    if (!module)
        return NULL;
    *module = (struct module){.next = modules, .base = search->base, .headers = search->headers};
    filch__symbols_read(&module->symbols, search->path, search->headers, search->header_count);
    modules = module;
    return module;
}

bool filch__symbol_name(const void *code, char *buffer, size_t size)
{
    struct search *search = malloc(sizeof *search); /* too much for a small stack */
    if (!search)
        return false;
    *search = (struct search){.address = (uintptr_t)code};
    dl_iterate_phdr(look_at_module, search);
    bool found = false;
    if (search->found) {
        filch__lock(&lock);
        const struct module *module = module_locked(search);
        found = module && filch__symbols_find(&module->symbols, search->address - search->base, buffer, size);
        filch__unlock(&lock);
    }
    free(search);
    return found;
}

void filch__symbols_after_fork(void)
{
    filch__lock_init(&lock);
}
