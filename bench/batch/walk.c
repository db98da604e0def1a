/* SPDX-License-Identifier: MIT */
/* walk.c - finding the regular files below the roots, in directory order, without following symbolic links.
 *
 * Directories are opened relative to their parent, so that a directory replaced by a link while the walk is below it
 * leads nowhere else. One descriptor is open per level; where they run out, the directory is reported like any other
 * that cannot be read. A root may be a file, or a link to a directory.
 */
#define _GNU_SOURCE
#include "batch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct walker {
    const struct walk_hooks *hooks;
    char *path; /* of what is looked at, NUL-terminated */
    size_t length;
    size_t capacity;
    int error; /* -ENOMEM ends the walk */
};

/* Appends a component (or the root); false when memory is short. */
static bool path_push(struct walker *walker, const char *name)
{
    size_t size = strlen(name);
    bool slash = walker->length > 0 && walker->path[walker->length - 1] != '/';
    size_t need = walker->length + slash + size + 1;
    if (need > walker->capacity) {
        char *path = realloc(walker->path, need * 2);
        if (!path) {
            walker->error = -ENOMEM;
            return false;
        }
        walker->path = path;
        walker->capacity = need * 2;
    }
    if (slash)
        walker->path[walker->length++] = '/';
    memcpy(walker->path + walker->length, name, size + 1);
    walker->length += size;
    return true;
}

static void path_pop(struct walker *walker, size_t length)
{
    walker->length = length;
    walker->path[length] = '\0';
}

static struct file *file_new(struct walker *walker, uint64_t size)
{
    struct file *file = calloc(1, sizeof *file + walker->length + 1);
    if (!file) {
        walker->error = -ENOMEM;
        return NULL;
    }
    file->path = memcpy(file + 1, walker->path, walker->length + 1);
    file->size = size;
    return file;
}

static void found_file(struct walker *walker, const struct stat *status)
{
    struct file *file = file_new(walker, status->st_size > 0 ? (uint64_t)status->st_size : 0);
    if (file)
        walker->hooks->file(walker->hooks->ctx, file);
}

static void found_failure(struct walker *walker, int error, bool directory)
{
    struct file *file = file_new(walker, 0);
    if (!file)
        return;
    file->end = FILE_FAILED;
    file->stage = STAGE_FIND;
    file->error = error;
    file->directory = directory;
    walker->hooks->failed(walker->hooks->ctx, file);
}

static bool going_on(struct walker *walker)
{
    return !walker->error && !walker->hooks->stopping(walker->hooks->ctx);
}

static void visit(struct walker *walker, int parent, const char *name, unsigned char type);

/* Takes the descriptor over. */
static void visit_directory(struct walker *walker, int fd)
{
    DIR *directory = fdopendir(fd);
    if (!directory) {
        found_failure(walker, errno, true);
        close(fd);
        return;
    }
    size_t length = walker->length;
    while (going_on(walker)) {
        errno = 0;
        struct dirent *entry = readdir(directory);
        if (!entry) {
            if (errno)
                found_failure(walker, errno, true);
            break;
        }
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        if (!path_push(walker, entry->d_name))
            break;
        visit(walker, dirfd(directory), entry->d_name, entry->d_type);
        path_pop(walker, length);
    }
    closedir(directory);
}

static void open_directory(struct walker *walker, int parent, const char *name, int flags)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags);
    if (fd < 0)
        found_failure(walker, errno, true);
    else
        visit_directory(walker, fd);
}

/* `type` saves the stat of a directory; a regular file's is needed for its size. */
static void visit(struct walker *walker, int parent, const char *name, unsigned char type)
{
    struct stat status;
    if (type == DT_DIR) {
        open_directory(walker, parent, name, O_NOFOLLOW);
    } else if (type != DT_REG && type != DT_UNKNOWN) {
        walker->hooks->skipped(walker->hooks->ctx);
    } else if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW)) {
        found_failure(walker, errno, false);
    } else if (S_ISDIR(status.st_mode)) {
        open_directory(walker, parent, name, O_NOFOLLOW);
    } else if (S_ISREG(status.st_mode)) {
        found_file(walker, &status);
    } else {
        walker->hooks->skipped(walker->hooks->ctx);
    }
}

static void visit_root(struct walker *walker, const char *root)
{
    struct stat status;
    if (stat(root, &status))
        found_failure(walker, errno, false);
    else if (S_ISDIR(status.st_mode))
        open_directory(walker, AT_FDCWD, root, 0);
    else
        visit(walker, AT_FDCWD, root, DT_UNKNOWN);
}

int walk_roots(const struct walk_hooks *hooks, char *const roots[], size_t count)
{
    struct walker walker = {.hooks = hooks};
    for (size_t i = 0; i < count && going_on(&walker); i++) {
        if (!path_push(&walker, roots[i]))
            break;
        visit_root(&walker, roots[i]);
        path_pop(&walker, 0);
    }
    free(walker.path);
    return walker.error;
}
