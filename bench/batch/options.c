/* SPDX-License-Identifier: MIT */
/* options.c - the command line. */
#define _GNU_SOURCE
#include "batch.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <zstd.h>

enum { DEFAULT_LEVEL = 3, DEFAULT_ROUNDS = 7, DEFAULT_SECONDS = 50 };

static const char usage_text[] =
    "usage: batch [options] DIRECTORY...\n"
    "Hash (XXH3, 128 bits) and compress (zstd) every regular file below the directories; the compressed bytes are\n"
    "counted and dropped. Symbolic links below them are not followed.\n"
    "\n"
    "  -j, --max-concurrency N  files in progress at once (default: the processors this process may use)\n"
    "  -l, --level N            zstd level (default 3)\n"
    "  -k, --keep-going         go on after an error (default: the first error stops the job)\n"
    "  -q, --quiet              no progress\n"
    "      --json FILE          write the summary as JSON; - is standard output\n"
    "      --manifest FILE      write a line per file (status, hash, bytes, compressed bytes, name), also to -\n"
    "  -s, --system NAME        what carries the job (default filch):\n";

static const char usage_rest[] =
    "      --compare            time all systems on the same files, in turns, and check each result against serial\n"
    "      --rounds N           of a comparison (default 7)\n"
    "      --seconds S          that a comparison may take; it works on a share of the files that fits (default 50)\n"
    "  -h, --help, -V, --version\n"
    "\n"
    "For docs/profiling.md:\n"
    "      --fault NAME         slow the job down: lock (one mutex around the work on each file) or tail (a file of\n"
    "                           268 MB comes last); none by default. A limit that is too low is -j 1\n"
    "\n"
    "Ctrl-C stops after the files in progress are interrupted and prints what was done; a second one ends at once.\n"
    "Exit status: 0 all files done, 1 errors, 2 wrong usage, 130 interrupted (143: terminated).\n";

enum {
    OPT_JSON = 256,
    OPT_MANIFEST,
    OPT_COMPARE,
    OPT_ROUNDS,
    OPT_SECONDS,
    OPT_FAULT,
};

static const struct option long_options[] = {
    {"max-concurrency", required_argument, NULL, 'j'},
    {"level", required_argument, NULL, 'l'},
    {"keep-going", no_argument, NULL, 'k'},
    {"quiet", no_argument, NULL, 'q'},
    {"json", required_argument, NULL, OPT_JSON},
    {"manifest", required_argument, NULL, OPT_MANIFEST},
    {"system", required_argument, NULL, 's'},
    {"compare", no_argument, NULL, OPT_COMPARE},
    {"rounds", required_argument, NULL, OPT_ROUNDS},
    {"seconds", required_argument, NULL, OPT_SECONDS},
    {"fault", required_argument, NULL, OPT_FAULT},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

static void print_usage(FILE *out)
{
    fputs(usage_text, out);
    for (size_t i = 0; backends[i]->name; i++)
        fprintf(out, "                             %-9s %s%s\n", backends[i]->name, backends[i]->what,
                backends[i]->carry ? "" : " (not built in)");
    fputs(usage_rest, out);
}

static int usage_error(const char *message, const char *value)
{
    fprintf(stderr, "batch: %s%s%s\n", message, value ? ": " : "", value ? value : "");
    fputs("Try 'batch --help'.\n", stderr);
    return STATUS_USAGE;
}

static bool parse_number(const char *text, long min, long max, long *ret_number)
{
    char *end;
    errno = 0;
    long number = strtol(text, &end, 10);
    if (errno || end == text || *end || number < min || number > max)
        return false;
    *ret_number = number;
    return true;
}

/* An option with a number. Returns -1, or the exit status. */
static int parse_numeric(struct options *options, int option, const char *text)
{
    long number = 0;
    switch (option) {
    case 'j':
        if (!parse_number(text, 1, FILCH_WORKERS_MAX, &number))
            return usage_error("--max-concurrency wants a number from 1 to 4096", text);
        options->max_concurrency = (unsigned)number;
        break;
    case 'l':
        if (!parse_number(text, ZSTD_minCLevel(), ZSTD_maxCLevel(), &number))
            return usage_error("--level wants one of zstd's levels", text);
        options->level = (int)number;
        break;
    case OPT_ROUNDS:
        if (!parse_number(text, 1, 1000, &number))
            return usage_error("--rounds wants a number from 1 to 1000", text);
        options->rounds = (unsigned)number;
        break;
    case OPT_SECONDS:
        if (!parse_number(text, 1, 86400, &number))
            return usage_error("--seconds wants a number from 1 to 86400", text);
        options->seconds = (double)number;
        break;
    default:
        break;
    }
    return -1;
}

static int parse_system(struct options *options, const char *name)
{
    options->backend = backend_find(name);
    if (!options->backend)
        return usage_error("unknown system", name);
    if (!options->backend->carry)
        return usage_error("built without", name);
    return -1;
}

static int parse_option(struct options *options, int option)
{
    switch (option) {
    case 'k':
        options->keep_going = true;
        return -1;
    case 'q':
        options->quiet = true;
        return -1;
    case 's':
        return parse_system(options, optarg);
    case OPT_JSON:
        options->json = optarg;
        return -1;
    case OPT_MANIFEST:
        options->manifest = optarg;
        return -1;
    case OPT_COMPARE:
        options->compare = true;
        return -1;
    case OPT_FAULT:
        return fault_parse(optarg, &options->fault) ? -1 : usage_error("no such fault", optarg);
    case 'h':
        print_usage(stdout);
        return STATUS_OK;
    case 'V':
        printf("batch of filch %d.%d.%d, zstd %s\n", FILCH_VERSION_MAJOR, FILCH_VERSION_MINOR, FILCH_VERSION_PATCH,
               ZSTD_versionString());
        return STATUS_OK;
    case '?':
        fputs("Try 'batch --help'.\n", stderr);
        return STATUS_USAGE;
    default:
        return parse_numeric(options, option, optarg);
    }
}

int options_parse(struct options *options, int argc, char **argv)
{
    *options = (struct options){
        .backend = backends[0],
        .level = DEFAULT_LEVEL,
        .rounds = DEFAULT_ROUNDS,
        .seconds = DEFAULT_SECONDS,
    };
    int option;
    while ((option = getopt_long(argc, argv, "j:l:kqs:hV", long_options, NULL)) != -1) {
        int status = parse_option(options, option);
        if (status >= 0)
            return status;
    }
    if (output_is_stdout(options->json) && output_is_stdout(options->manifest))
        return usage_error("--json and --manifest cannot both be written to standard output", NULL);
    if (options->compare && options->fault)
        return usage_error("--fault is not for a comparison", NULL);
    if (options->max_concurrency == 0)
        options->max_concurrency = filch_cpu_count();
    options->roots = argv + optind;
    options->root_count = (size_t)(argc - optind);
    return options->root_count > 0 ? -1 : usage_error("which directories?", NULL);
}
