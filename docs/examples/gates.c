/* SPDX-License-Identifier: MIT */
/* gates.c - a hasher that has at most five files open at a time, however many tasks it runs.
 *
 * The pool's limit bounds what computes; a gate bounds what is in progress. A task that finds no permit stands in line
 * and holds no thread meanwhile, so the others go on hashing what they have read. The files are made first, and hashed
 * one after the other in the end, to compare.
 */
#define _GNU_SOURCE
#include <filch/filch.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILES = 200, OPEN_AT_ONCE = 5, PIECE = 4096 };

struct file {
    struct filch_future future;
    struct filch_gate *gate; /* NULL: no limit */
    char path[64];
    uint64_t hash;
};

static atomic_int open_now, most_open;

static void count_open(void)
{
    int now = atomic_fetch_add(&open_now, 1) + 1, most = atomic_load(&most_open);
    while (now > most && !atomic_compare_exchange_weak(&most_open, &most, now))
        ;
}

/* All of a file in memory; the caller frees it. */
static int read_all(const char *path, unsigned char **ret_bytes, size_t *ret_size)
{
    FILE *stream = fopen(path, "rb");
    if (!stream)
        return -errno;
    count_open();
    unsigned char *bytes = NULL;
    size_t size = 0, got = PIECE;
    int error = 0;
    while (!error && got == PIECE) {
        unsigned char *more = realloc(bytes, size + PIECE);
        if (!more) {
            error = -ENOMEM;
            break;
        }
        bytes = more;
        got = fread(bytes + size, 1, PIECE, stream);
        size += got;
        error = ferror(stream) ? -EIO : 0;
    }
    atomic_fetch_sub(&open_now, 1);
    fclose(stream);
    if (error)
        free(bytes);
    else
        *ret_bytes = bytes, *ret_size = size;
    return error;
}

/* FNV-1a (Fowler, Noll, Vo). */
static uint64_t hash_of(const unsigned char *bytes, size_t size)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash;
}

/* Reads under a permit, and hashes without one. */
static int hash_file(void *data)
{
    struct file *file = data;
    unsigned char *bytes = NULL;
    size_t size = 0;
    int error = file->gate ? filch_gate_enter(file->gate, FILCH_NO_DEADLINE) : 0;
    if (error)
        return error;
    error = read_all(file->path, &bytes, &size);
    if (file->gate)
        filch_gate_leave(file->gate);
    if (error)
        return error;
    file->hash = hash_of(bytes, size);
    free(bytes);
    return 0;
}

static int make_file(const struct file *file, int number)
{
    FILE *stream = fopen(file->path, "wb");
    if (!stream)
        return -errno;
    for (int i = 0; i < 100 * number; i++)
        fprintf(stream, "%d ", i * number);
    return fclose(stream) ? -EIO : 0;
}

/* The first error, or 0. */
static int hash_all(struct filch_pool *pool, struct filch_gate *gate, struct file files[])
{
    int first = 0;
    for (int i = 0; i < FILES; i++) {
        files[i].gate = gate;
        filch_submit(pool, &files[i].future, hash_file, &files[i]); /* one that fails leaves its future done */
    }
    for (int i = 0; i < FILES; i++) {
        int error = filch_wait(&files[i].future);
        if (error < 0 && !first)
            first = error;
    }
    return first;
}

static int hash_with_pool(struct file files[])
{
    struct filch_pool *pool;
    struct filch_gate *gate;
    int error = filch_pool_open(&pool, &(struct filch_pool_config){.max_concurrency = 4 * OPEN_AT_ONCE});
    if (error)
        return error;
    error = filch_gate_open(&gate, OPEN_AT_ONCE);
    if (!error) {
        error = hash_all(pool, gate, files);
        filch_gate_close(gate); /* nobody is inside or in line: all tasks have ended */
    }
    filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE);
    filch_pool_free(pool);
    return error;
}

int main(void)
{
    static struct file files[FILES];
    char directory[] = "/tmp/filch-gates-XXXXXX";
    int error = mkdtemp(directory) ? 0 : -errno, same = 0;
    for (int i = 0; i < FILES && !error; i++) {
        snprintf(files[i].path, sizeof files[i].path, "%s/%d", directory, i);
        error = make_file(&files[i], i);
    }
    if (!error)
        error = hash_with_pool(files);
    int most = atomic_load(&most_open);
    for (int i = 0; i < FILES && !error; i++) {
        struct file again = files[i];
        again.gate = NULL;
        error = hash_file(&again);
        same += again.hash == files[i].hash;
    }
    for (int i = 0; i < FILES; i++)
        unlink(files[i].path);
    rmdir(directory);
    if (error) {
        fprintf(stderr, "gates: %s\n", strerror(-error));
        return 1;
    }
    bool held = most <= OPEN_AT_ONCE;
    printf("%d of %d hashes right, never more than %d files open at once: %s\n", same, FILES, OPEN_AT_ONCE,
           held ? "yes" : "no");
    return same == FILES && held ? 0 : 1;
}
