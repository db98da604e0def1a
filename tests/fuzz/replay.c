/* SPDX-License-Identifier: MIT */
/* replay.c - the fuzz target over a plain main: `fuzz_replay FILE|DIRECTORY...` runs each file as one input. */
#define TEST_FURTHER_SOURCE
#include "support/build.h"

#include <dirent.h>
#include <stdint.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SIZE_MOST = 1 << 16 };

static unsigned replay_file(const char *path)
{
    static char buffer[SIZE_MOST];
    FILE *file = fopen(path, "rb");
    if (!file) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(1);
    }
    size_t size = fread(buffer, 1, sizeof buffer, file);
    fclose(file);
    uint8_t *data = malloc(size + 1); /* exactly as long as the input, for AddressSanitizer */
    must(data != NULL);
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)buffer[i];
    printf("%s\n", path);
    (void)LLVMFuzzerTestOneInput(data, size);
    free(data);
    return 1;
}

static unsigned replay_directory(const char *path, DIR *directory)
{
    unsigned count = 0;
    char name[4096];
    for (struct dirent *entry; (entry = readdir(directory));) {
        if (entry->d_name[0] == '.')
            continue;
        must(snprintf(name, sizeof name, "%s/%s", path, entry->d_name) < (int)sizeof name);
        count += replay_file(name);
    }
    closedir(directory);
    return count;
}

int main(int argc, char **argv)
{
    unsigned count = 0;
    setvbuf(stdout, NULL, _IONBF, 0);
    for (int i = 1; i < argc; i++) {
        DIR *directory = opendir(argv[i]);
        count += directory ? replay_directory(argv[i], directory) : replay_file(argv[i]);
    }
    printf("%u tests, 0 failed\n", count); /* a deviation aborts */
    return count == 0;
}
