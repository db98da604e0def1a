/* SPDX-License-Identifier: MIT */
/* usage.c - how many files lie under a directory, and how many bytes they take: one spawned call per directory.
 *
 *     usage [DIRECTORY]    (the present one)
 *
 * The recursion is the plain one; FILCH_SPAWN in the place of a call lets idle workers take that call. Nothing has to be
 * cut off: a spawn that nobody takes costs a few instructions more than the call. At the end the same walk without
 * spawns says whether the sums are right.
 */
#define _DEFAULT_SOURCE /* lstat */
#include <filch/filch.h>

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct usage {
    long files, bytes;
};

static struct usage add(struct usage a, struct usage b)
{
    return (struct usage){a.files + b.files, a.bytes + b.bytes};
}

struct path {
    char name[1024];
};

/* What the directory holds by itself; *path is set to each directory in it in turn: false when there is none left. */
static int next_directory(DIR *stream, const struct path *directory, struct path *path, struct usage *usage)
{
    for (struct dirent *entry; stream && (entry = readdir(stream));) {
        struct stat status;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        size_t length = (size_t)snprintf(path->name, sizeof path->name, "%s/%s", directory->name, entry->d_name);
        if (length >= sizeof path->name || lstat(path->name, &status) != 0)
            continue;
        if (S_ISDIR(status.st_mode))
            return 1;
        *usage = add(*usage, (struct usage){1, (long)status.st_size});
    }
    return 0;
}

/* An argument may be as large as this; it then travels in memory of its own instead of the fork stack. */
FILCH_TASK(struct usage, measure, (struct path, directory))
{
    struct usage sum = {0, 0};
    struct path path;
    int children = 0;
    DIR *stream = opendir(directory.name);
    for (; next_directory(stream, &directory, &path, &sum); children++)
        FILCH_SPAWN(measure, path);
    if (stream)
        closedir(stream);
    for (; children > 0; children--)
        sum = add(sum, FILCH_SYNC(measure)); /* the newest first */
    return sum;
}

static struct usage measure_alone(struct path directory)
{
    struct usage sum = {0, 0};
    struct path path;
    DIR *stream = opendir(directory.name);
    while (next_directory(stream, &directory, &path, &sum))
        sum = add(sum, measure_alone(path));
    if (stream)
        closedir(stream);
    return sum;
}

int main(int count, char **arguments)
{
    struct path top;
    snprintf(top.name, sizeof top.name, "%s", count > 1 ? arguments[1] : ".");
    struct usage sum = FILCH_RUN(NULL, measure, top);
    struct usage alone = measure_alone(top);
    int same = sum.files == alone.files && sum.bytes == alone.bytes;
    printf("%ld files, %ld bytes, the same as without spawns: %s\n", sum.files, sum.bytes, same ? "yes" : "no");
    return same ? 0 : 1;
}
