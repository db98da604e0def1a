/* SPDX-License-Identifier: MIT */
/* batch.h - hash and compress every regular file below some directories: what the parts of the program share.
 *
 * One thread (the carrier) walks the directories and hands each file on to the backend: filch, or a pool that people
 * use today. The backend's threads do the job (job.c). The main thread sleeps in poll() until files have ended, the
 * terminal wants a new bar, or a signal arrives (run.c); it alone counts, prints and decides to stop.
 *
 *   main.c options.c   the command line              run_filch.c ...     the backends, listed in backends.c
 *   run.c carrier.c    the job from walk to end      progress.c          the bar
 *   walk.c job.c       finding files, doing one      summary.c json.c    what is printed at the end
 *   text.c             sizes, times, odd names       compare.c (.h)      all backends on the same files
 *   fault.c            faults to look for in a trace
 *
 * Nothing is lost: each file found, and each directory that could not be read, is one struct file, reported exactly
 * once as done, failed (with its stage and errno) or not processed.
 */
#ifndef BATCH_H
#define BATCH_H

#include <filch/filch.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#else
#include <stdbool.h>
#endif

struct run; /* run.c: one job */
struct backend;

enum { STATUS_OK = 0, STATUS_ERRORS = 1, STATUS_USAGE = 2 };

enum file_end {
    FILE_WAITING, /* never started */
    FILE_DONE,
    FILE_FAILED,  /* stage and error say why */
    FILE_STOPPED, /* started, then asked to stop */
};

/* Where a file failed. */
enum file_stage {
    STAGE_NONE,
    STAGE_FIND,   /* stat, or reading a directory */
    STAGE_SUBMIT, /* the backend refused it */
    STAGE_OPEN,
    STAGE_KIND, /* no longer a regular file when it was opened; no errno */
    STAGE_READ,
    STAGE_COMPRESS, /* error is zstd's code */
};

struct file {
    struct filch_future future; /* filch's share: no allocation per task */
    struct file *next;          /* in the order of finding; the carrier's until it has ended */
    struct file *next_finished;
    const char *path;
    uint64_t size;  /* when found */
    uint64_t bytes; /* read and hashed */
    uint64_t compressed;
    uint64_t hash[2]; /* XXH3, 128 bits: low, high */
    uint64_t busy_ns;
    enum file_end end;
    enum file_stage stage;
    int error;      /* an errno; with STAGE_COMPRESS zstd's code */
    bool directory; /* a directory that could not be read */
    bool changed;   /* not as long as its size said when it was opened */
};

/* What slows the job down on request (fault.c). */
enum fault {
    FAULT_NONE,
    FAULT_LOCK,
    FAULT_TAIL,
};

struct options {
    char **roots;
    size_t root_count;
    const struct backend *backend;
    unsigned max_concurrency;
    int level;
    bool keep_going;
    bool quiet;
    bool compare;
    unsigned rounds;
    double seconds;   /* for a comparison as a whole */
    const char *json; /* a path, "-", or NULL */
    const char *manifest;
    enum fault fault;
};

/* One way to carry the job. */
struct backend {
    const char *name;
    const char *what;
    /* Called by the carrier: walk (run_walk), hand each file on. Without `next`, run_report each file when it has
     * ended, and return when all have. 0 or a negative errno. */
    int (*carry)(struct run *run);
    /* --compare: do `count` files of a list. 0 or a negative errno. */
    int (*all)(const struct options *options, struct file *files, size_t count);
    /* The rest may be NULL. All are called by the main thread: open before carry, close after everything has ended. */
    int (*open)(struct run *run, void **ret_state);
    int (*fd)(void *state);            /* readable while `next` has something */
    struct file *(*next)(void *state); /* a file that has ended, or NULL */
    void (*stop)(void *state);         /* drop what has not started, ask the rest to stop */
    void (*close)(void *state);
};

/* The backends, filch first; ends with a NULL name. One that was not built in has no `carry`. */
extern const struct backend *const backends[];
const struct backend *backend_find(const char *name);

/* What happened, counted by the main thread. */
struct totals {
    uint64_t found; /* regular files */
    uint64_t found_bytes;
    uint64_t skipped; /* symbolic links, devices, sockets, pipes */
    uint64_t files;   /* done */
    uint64_t bytes;
    uint64_t compressed;
    uint64_t changed;
    uint64_t failed_files;
    uint64_t failed_directories;
    uint64_t not_processed;
    bool walk_complete;
    int signal;                    /* that stopped the job, or 0 */
    const struct file *stopped_by; /* the error that stopped it, or NULL */
    double seconds;
    double cpu_seconds;
};

/* options.c. Returns -1 to go on, else the exit status. */
int options_parse(struct options *options, int argc, char **argv);

/* run.c, carrier.c */
int run_job(const struct options *options);
const struct options *run_options(const struct run *run);
void *run_state(const struct run *run);
/* Walk; hand(run, file) is called for each regular file until the job is stopping. 0 or -ENOMEM. */
int run_walk(struct run *run, void (*hand)(struct run *run, struct file *file));
/* A file has ended (or was refused): tell the main thread. Any thread. */
void run_report(struct run *run, struct file *file);
void run_refused(struct run *run, struct file *file, int error);
void run_count_bytes(struct run *run, uint64_t bytes);
bool run_stopping(struct run *run);

/* walk.c: what the walk needs to know, and what it tells. */
struct walk_hooks {
    void (*file)(void *ctx, struct file *file);   /* a regular file; malloc'ed, the receiver's */
    void (*failed)(void *ctx, struct file *file); /* what could not be looked at */
    void (*skipped)(void *ctx);
    bool (*stopping)(void *ctx);
    void *ctx;
};
int walk_roots(const struct walk_hooks *hooks, char *const roots[], size_t count);

/* job.c. A context belongs to one thread: buffers, a zstd context, a hash state, reused from file to file. */
struct job_context;
struct job_context *job_context_open(struct run *run, int level, bool (*stopping)(struct run *run));
void job_context_close(struct job_context *context);
/* Does one file; sets its end and results. Returns 0, or a negative errno when it failed or was stopped. */
int job_file(struct job_context *context, struct file *file);
const char *file_stage_text(const struct file *file);
const char *file_error_text(const struct file *file);

/* fault.c. False: there is no such fault. */
bool fault_parse(const char *name, enum fault *ret_fault);
/* Before and after the job: the long file, which becomes the last root. 0 or a negative errno. */
int fault_open(struct options *options);
void fault_close(struct options *options);
/* Around the hashing and compressing of each file. */
void fault_enter(void);
void fault_leave(void);

/* text.c */
enum { TEXT_SIZE = 32 };
const char *text_bytes(char text[TEXT_SIZE], double bytes);
const char *text_count(char text[TEXT_SIZE], uint64_t count);
const char *text_duration(char text[TEXT_SIZE], double seconds);
void text_name(FILE *out, const char *name); /* what a terminal must not see is escaped */
void json_text(FILE *out, const char *text); /* a JSON string; bytes that are not UTF-8 become U+FFFD */
void json_path(FILE *out, const char *path); /* "path": ..., and the bytes in "path_hex" where they are not UTF-8 */

/* summary.c, json.c */
struct cause {
    const struct file *example[3];
    unsigned examples;
    uint64_t count;
};
enum { SLOWEST = 5 };
size_t slowest_files(const struct file *first, const struct file *ret_slowest[SLOWEST]);
/* The failed files of a list grouped by stage and error, most frequent first; free() it. */
struct cause *causes_of(const struct file *first, size_t *ret_count);
void summary_print(FILE *out, const struct options *options, const struct totals *totals, const struct file *first);
int summary_json(const struct options *options, const struct totals *totals, const struct file *first);
int manifest_write(const char *path, const struct file *first);
bool output_is_stdout(const char *path); /* "-"; NULL is not */
/* Opens "-" as stdout; output_close returns 0, or a negative errno if anything was not written. */
FILE *output_open(const char *path);
int output_close(FILE *out, const char *path);

/* compare.c */
int compare_backends(const struct options *options);

#ifdef __cplusplus
}
#endif

#endif
