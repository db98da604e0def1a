/* SPDX-License-Identifier: MIT */
/* symbols.c - names of functions, out of files as they should be, and as they should not. */
#include "support/test.h"

#include "symbols.h"

#include <dlfcn.h>

typedef int function(int);

__attribute__((noinline)) static int hidden_and_static(int n)
{
    __asm__ volatile("");
    return n + 1;
}

__attribute__((noinline)) static int twin__filch_run(int n)
{
    __asm__ volatile("");
    return n + 2;
}

static const char *name_of(const void *code)
{
    static char name[64];
    return filch__symbol_name(code, name, sizeof name) ? name : "";
}

static const void *address_of(function *code)
{
    const void *address;
    memcpy(&address, &code, sizeof address);
    return address;
}

Test(symbols, a_static_function_has_its_name, .timeout = TEST_TIMEOUT)
{
    cr_assert_str_eq(name_of(address_of(hidden_and_static)), "hidden_and_static");
    cr_assert_str_eq(name_of((const char *)address_of(hidden_and_static) + 1), "hidden_and_static");
    cr_assert_eq(hidden_and_static(1), 2);
}

Test(symbols, a_typed_tasks_code_has_the_tasks_name, .timeout = TEST_TIMEOUT)
{
    cr_assert_str_eq(name_of(address_of(twin__filch_run)), "twin");
    cr_assert_eq(twin__filch_run(1), 3);
}

Test(symbols, a_name_is_cut_to_fit, .timeout = TEST_TIMEOUT)
{
    char name[7];
    cr_assert(filch__symbol_name(address_of(hidden_and_static), name, sizeof name));
    cr_assert_str_eq(name, "hidden");
}

Test(symbols, a_function_of_a_shared_library_has_its_name, .timeout = TEST_TIMEOUT)
{
    const void *code = dlsym(RTLD_DEFAULT, "qsort_r");
    cr_assert_not_null(code);
    cr_assert(strstr(name_of(code), "qsort_r") != NULL, "glibc's own name may begin with an underscore");
}

Test(symbols, what_is_no_code_has_none, .timeout = TEST_TIMEOUT)
{
    int local;
    char name[64] = "as it was";
    void *block = malloc(1);
    cr_assert(!filch__symbol_name(NULL, name, sizeof name));
    cr_assert(!filch__symbol_name(&local, name, sizeof name));
    cr_assert(!filch__symbol_name(block, name, sizeof name));
    cr_assert(!filch__symbol_name((const void *)UINTPTR_MAX, name, sizeof name));
    cr_assert_str_eq(name, "as it was");
    free(block);
}

/* ---- files ---- */

/* The program itself, as bytes to be spoilt. */
struct image {
    unsigned char *bytes;
    size_t size;
    char path[64];
};

static void image_read(struct image *image)
{
    FILE *program = fopen("/proc/self/exe", "re");
    must(program && fseek(program, 0, SEEK_END) == 0);
    image->size = (size_t)ftell(program);
    image->bytes = malloc(image->size);
    must(image->bytes && fseek(program, 0, SEEK_SET) == 0);
    must(fread(image->bytes, 1, image->size, program) == image->size);
    fclose(program);
    snprintf(image->path, sizeof image->path, "/tmp/filch-symbols-%d", (int)getpid());
}

static void image_write(const struct image *image, size_t size)
{
    FILE *file = fopen(image->path, "we");
    must(file && fwrite(image->bytes, 1, size, file) == size && fclose(file) == 0);
}

static void image_free(struct image *image)
{
    unlink(image->path);
    free(image->bytes);
}

/* Whatever it says: looking everything up does no harm. */
static bool look_up(const struct image *image)
{
    struct filch__symbols symbols;
    char name[256];
    if (!filch__symbols_read(&symbols, image->path, NULL, 0))
        return false;
    for (uint64_t address = 0; address < 1 << 20; address += 4099)
        filch__symbols_find(&symbols, address, name, sizeof name);
    filch__symbols_find(&symbols, UINT64_MAX, name, sizeof name);
    filch__symbols_free(&symbols);
    return true;
}

Test(symbols, files_that_are_cut_off, .timeout = TEST_TIMEOUT)
{
    struct image image;
    image_read(&image);
    image_write(&image, image.size);
    cr_assert(look_up(&image));
    for (size_t size = 0; size < image.size; size = size < 256 ? size + 7 : size + size / 8) {
        image_write(&image, size);
        cr_assert(!look_up(&image), "the table of sections is the last thing in a file");
    }
    image_free(&image);
    cr_assert(!look_up(&image), "no file");
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Of the header, of the table of sections, and anywhere. */
Test(symbols, files_that_lie, .timeout = TEST_TIMEOUT)
{
    struct image image;
    uint32_t state = 1, read = 0;
    image_read(&image);
    for (int round = 0; round < TEST_SHARE(400); round++) {
        size_t where = round % 2 ? image.size - 40 * 64 : 0, range = round % 2 ? 40 * 64 : 64;
        size_t at[8];
        unsigned char before[8];
        for (int i = 0; i < 8; i++) {
            at[i] = where + next_random(&state) % range;
            before[i] = image.bytes[at[i]];
            image.bytes[at[i]] = (unsigned char)next_random(&state);
        }
        image_write(&image, image.size);
        read += look_up(&image);
        for (int i = 8; i-- > 0;)
            image.bytes[at[i]] = before[i];
    }
    cr_assert_gt(read, 0);
    image_free(&image);
}

Test(symbols, another_file_in_its_place_is_not_believed, .timeout = TEST_TIMEOUT)
{
    struct filch__symbols symbols;
    unsigned char headers[10 * 56] = {0};
    cr_assert(!filch__symbols_read(&symbols, "/proc/self/exe", headers, 10));
    cr_assert(!filch__symbols_read(&symbols, "/proc/self/exe", headers, 0));
    cr_assert(!filch__symbols_read(&symbols, "/proc/self/maps", NULL, 0));
    cr_assert(!filch__symbols_read(&symbols, "/", NULL, 0));
}
