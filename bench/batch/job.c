/* SPDX-License-Identifier: MIT */
/* job.c - doing one file: read it, hash it (XXH3, 128 bits), compress it (zstd), keep the figures, drop the bytes.
 *
 * A file that fits in the context's buffer is read whole and done with one call each; a larger one goes through in
 * chunks, so that memory is bounded whatever the file's size. A file is done up to the size that it had when it was
 * opened: one that grows meanwhile has no end, and one that shrinks ends where it ends. Both are counted as changed.
 * Files of size 0 are read to their end, since those of /proc say 0 whatever they hold.
 */
#define _GNU_SOURCE
#include "batch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>
#include <zstd_errors.h>

enum { CHUNK = 1 << 20 };

struct job_context {
    struct run *run;
    bool (*stopping)(struct run *run);
    int level;
    ZSTD_CCtx *zstd;
    XXH3_state_t *hash;
    unsigned char *in; /* CHUNK bytes */
    unsigned char *out;
    size_t out_size;
};

struct job_context *job_context_open(struct run *run, int level, bool (*stopping)(struct run *))
{
    struct job_context *context = calloc(1, sizeof *context);
    if (!context)
        return NULL;
    context->run = run;
    context->stopping = stopping;
    context->level = level;
    context->zstd = ZSTD_createCCtx();
    context->hash = XXH3_createState();
    context->in = malloc(CHUNK);
    context->out_size = ZSTD_compressBound(CHUNK);
    context->out = malloc(context->out_size);
    if (!context->zstd || !context->hash || !context->in || !context->out) {
        job_context_close(context);
        return NULL;
    }
    return context;
}

void job_context_close(struct job_context *context)
{
    if (!context)
        return;
    ZSTD_freeCCtx(context->zstd);
    XXH3_freeState(context->hash);
    free(context->in);
    free(context->out);
    free(context);
}

static bool fail(struct file *file, enum file_stage stage, int error)
{
    file->end = FILE_FAILED;
    file->stage = stage;
    file->error = error;
    return false;
}

static bool fail_zstd(struct file *file, size_t code)
{
    return fail(file, STAGE_COMPRESS, (int)ZSTD_getErrorCode(code));
}

/* Fills the buffer up to `want` bytes; fewer only at the end of the file. */
static bool read_full(struct job_context *context, struct file *file, int fd, size_t want, size_t *ret_got)
{
    size_t got = 0;
    while (got < want) {
        ssize_t n = read(fd, context->in + got, want - got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(file, STAGE_READ, errno);
        if (n == 0)
            break;
        got += (size_t)n;
    }
    file->bytes += got;
    if (context->run)
        run_count_bytes(context->run, got);
    *ret_got = got;
    return true;
}

static void keep_hash(struct file *file, XXH128_hash_t hash)
{
    file->hash[0] = hash.low64;
    file->hash[1] = hash.high64;
}

static bool do_whole(struct job_context *context, struct file *file, size_t size)
{
    keep_hash(file, XXH3_128bits(context->in, size));
    size_t n = ZSTD_compressCCtx(context->zstd, context->out, context->out_size, context->in, size, context->level);
    if (ZSTD_isError(n))
        return fail_zstd(file, n);
    file->compressed = n;
    return true;
}

/* One chunk through zstd; the compressed bytes are counted and dropped. */
static bool compress_chunk(struct job_context *context, struct file *file, size_t size, bool last)
{
    ZSTD_inBuffer in = {context->in, size, 0};
    size_t left;
    do {
        ZSTD_outBuffer out = {context->out, context->out_size, 0};
        left = ZSTD_compressStream2(context->zstd, &out, &in, last ? ZSTD_e_end : ZSTD_e_continue);
        if (ZSTD_isError(left))
            return fail_zstd(file, left);
        file->compressed += out.pos;
    } while (last ? left > 0 : in.pos < in.size);
    return true;
}

/* The first chunk is in the buffer. `limit` is where the file ends for us. */
static bool do_chunks(struct job_context *context, struct file *file, int fd, uint64_t limit)
{
    size_t got = CHUNK;
    size_t code = ZSTD_CCtx_reset(context->zstd, ZSTD_reset_session_and_parameters);
    if (!ZSTD_isError(code))
        code = ZSTD_CCtx_setParameter(context->zstd, ZSTD_c_compressionLevel, context->level);
    if (ZSTD_isError(code))
        return fail_zstd(file, code);
    XXH3_128bits_reset(context->hash);
    for (;;) {
        bool last = got < CHUNK || file->bytes == limit;
        XXH3_128bits_update(context->hash, context->in, got);
        if (!compress_chunk(context, file, got, last))
            return false;
        if (last)
            break;
        if (context->stopping && context->stopping(context->run)) {
            file->end = FILE_STOPPED;
            return false;
        }
        uint64_t left = limit - file->bytes;
        if (!read_full(context, file, fd, left < CHUNK ? (size_t)left : CHUNK, &got))
            return false;
    }
    keep_hash(file, XXH3_128bits_digest(context->hash));
    return true;
}

/* Is there more in the file than was read? */
static bool has_more(int fd)
{
    char byte;
    ssize_t n;
    do
        n = read(fd, &byte, 1);
    while (n < 0 && errno == EINTR);
    return n > 0;
}

static void do_open_file(struct job_context *context, struct file *file, int fd)
{
    struct stat status;
    size_t got;
    if (fstat(fd, &status)) {
        fail(file, STAGE_OPEN, errno);
        return;
    }
    if (!S_ISREG(status.st_mode)) {
        fail(file, STAGE_KIND, 0);
        return;
    }
    uint64_t size = (uint64_t)status.st_size;
    uint64_t limit = size > 0 ? size : UINT64_MAX;
    if (!read_full(context, file, fd, limit < CHUNK ? (size_t)limit : CHUNK, &got))
        return;
    bool fits = got < CHUNK || got == limit;
    fault_enter();
    bool done = fits ? do_whole(context, file, got) : do_chunks(context, file, fd, limit);
    fault_leave();
    if (!done)
        return;
    file->changed = size > 0 && (file->bytes < size || has_more(fd));
    file->end = FILE_DONE;
}

int job_file(struct job_context *context, struct file *file)
{
    uint64_t start_ns = filch_now_ns();
    if (context->stopping && context->stopping(context->run))
        return -ECANCELED;
    /* Between the walk and now a link or a pipe may have taken the file's place: neither follow nor block. */
    int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        fail(file, STAGE_OPEN, errno);
    } else {
        do_open_file(context, file, fd);
        close(fd);
    }
    file->busy_ns = filch_now_ns() - start_ns;
    if (file->end == FILE_DONE)
        return 0;
    return file->end == FILE_STOPPED ? -ECANCELED : -EIO;
}

const char *file_stage_text(const struct file *file)
{
    switch (file->stage) {
    case STAGE_FIND:
        return file->directory ? "read directory" : "stat";
    case STAGE_SUBMIT:
        return "submit";
    case STAGE_OPEN:
        return "open";
    case STAGE_KIND:
        return "open";
    case STAGE_READ:
        return "read";
    case STAGE_COMPRESS:
        return "compress";
    case STAGE_NONE:
        break;
    }
    return "none";
}

const char *file_error_text(const struct file *file)
{
    if (file->stage == STAGE_KIND)
        return "No longer a regular file";
    if (file->stage == STAGE_COMPRESS)
        return ZSTD_getErrorString((ZSTD_ErrorCode)file->error);
    return strerror(file->error);
}
