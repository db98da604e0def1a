/* SPDX-License-Identifier: MIT */
/* top.c - filch-top: what the pools of a running process do, again and again. */
#include "topfacts.h"
#include "topview.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static const char usage[] =
    "usage: filch-top [-n COUNT] [-d SECONDS] [--once | --batch] PID\n"
    "\n"
    "Shows what the pools of process PID do: the tasks that its workers run and for how long, what is queued, "
    "permits,\n"
    "rates. The process must have been started with FILCH_LIVE=1 in its environment, by the same user.\n"
    "\n"
    "  -d, --delay SECONDS   between two looks (1)\n"
    "  -n, --count COUNT     end after so many\n"
    "  -1, --once            look once, and write that as plain text (rates: over SECONDS, 0.2 if not given)\n"
    "  -b, --batch           write all looks one below the other; so it does where standard output is no terminal\n"
    "  -h, --help\n"
    "\n"
    "q or Ctrl-C ends it. `at least`: since the first look that saw the worker with that task, as no time is taken at "
    "a\n"
    "task's start. Status: 0; 1 the process is not there, or cannot be looked at; 2 wrong usage.\n";

struct options {
    double delay_s; /* 0: not given */
    long count;     /* 0: no end */
    bool once, batch;
    long pid;
};

static int misused(const char *what, const char *value)
{
    fprintf(stderr, "filch-top: %s%s%s\n%s", what, *value ? ": " : "", value, usage);
    return 2;
}

static bool parse_count(const char *text, long *ret_count)
{
    char *end;
    errno = 0;
    *ret_count = strtol(text, &end, 10);
    return !errno && !*end && end > text && *ret_count > 0;
}

static bool parse_delay(const char *text, double *ret_delay_s)
{
    char *end;
    *ret_delay_s = strtod(text, &end);
    return !*end && end > text && *ret_delay_s >= 0.001 && *ret_delay_s <= 86400;
}

/* -1, or the status to end with. */
static int parse(struct options *options, int argc, char **argv)
{
    static const struct option known[] = {
        {"delay", required_argument, NULL, 'd'}, {"count", required_argument, NULL, 'n'},
        {"once", no_argument, NULL, '1'},        {"batch", no_argument, NULL, 'b'},
        {"help", no_argument, NULL, 'h'},        {NULL, 0, NULL, 0}};
    for (int option; (option = getopt_long(argc, argv, "d:n:1bh", known, NULL)) >= 0;) {
        if (option == 'h')
            return fputs(usage, stdout) < 0;
        if (option == 'd' && !parse_delay(optarg, &options->delay_s))
            return misused("no number of seconds", optarg);
        if (option == 'n' && !parse_count(optarg, &options->count))
            return misused("no count", optarg);
        if (option == '?')
            return misused("see --help", "");
        options->once |= option == '1';
        options->batch |= option == 'b';
    }
    if (argc - optind != 1)
        return misused(argc == optind ? "which process?" : "one process at a time", "");
    if (!parse_count(argv[optind], &options->pid))
        return misused("no process", argv[optind]);
    return -1;
}

/* ---- looks ---- */

static void write_title(FILE *out, long pid)
{
    char path[64], command[64] = "";
    time_t now = time(NULL);
    struct tm local;
    snprintf(path, sizeof path, "/proc/%ld/comm", pid);
    FILE *file = fopen(path, "re");
    if (file && !fgets(command, sizeof command, file))
        command[0] = '\0';
    if (file)
        fclose(file);
    for (char *at = command; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            *at = at[1] ? '?' : '\0';
    localtime_r(&now, &local);
    fprintf(out, "filch-top: process %ld (%s), %02d:%02d:%02d\n", pid, command, local.tm_hour, local.tm_min,
            local.tm_sec);
}

/* The whole look as lines; free them. */
static char *draw(long pid, const struct top_facts *facts, const struct top_facts *before)
{
    char *lines = NULL;
    size_t size;
    FILE *out = open_memstream(&lines, &size);
    if (!out) {
        fprintf(stderr, "filch-top: no memory\n");
        exit(1);
    }
    write_title(out, pid);
    top_write(out, facts, before);
    fclose(out);
    return lines;
}

static void show(const struct options *options, bool terminal, const struct top_facts *facts,
                 const struct top_facts *before)
{
    char *lines = draw(options->pid, facts, before);
    if (terminal)
        top_show(lines);
    else
        top_print(stdout, lines);
    if (!terminal && !options->once)
        fputc('\n', stdout);
    fflush(stdout);
    free(lines);
}

/* False: the process has ended, or does not answer any more. */
static bool watch(FILE *process, const struct options *options, bool terminal)
{
    struct top_facts before = {.pools = 0}, facts;
    double delay_s = options->delay_s > 0 ? options->delay_s : options->once ? 0.2 : 1;
    bool first = true, answers = top_ask(process, &facts);
    for (long shown = 0; answers; answers = top_ask(process, &facts)) {
        if (terminal || !first) { /* plain text always has rates */
            show(options, terminal, &facts, first ? NULL : &before);
            shown++;
        }
        top_free(&before);
        before = facts;
        first = false;
        if ((options->count && shown == options->count) || ferror(stdout) || !top_pause(delay_s))
            break;
    }
    top_free(&before);
    return answers;
}

static bool is_there(long pid)
{
    char path[32];
    struct stat found;
    snprintf(path, sizeof path, "/proc/%ld", pid);
    return !stat(path, &found);
}

int main(int argc, char **argv)
{
    struct options options = {.count = 0};
    char reason[512];
    int status = parse(&options, argc, argv);
    if (status >= 0)
        return status;
    if (options.once)
        options.count = 1;
    FILE *process = top_connect(options.pid, reason, sizeof reason);
    if (!process) {
        fprintf(stderr, "filch-top: %s\n", reason);
        return 1;
    }
    bool terminal = !options.once && !options.batch && top_enter();
    bool answered = watch(process, &options, terminal);
    if (terminal)
        top_leave();
    fclose(process);
    if (!answered)
        fprintf(stderr, "filch-top: process %ld %s\n", options.pid,
                is_there(options.pid) ? "does not answer" : "has ended");
    return !answered || ferror(stdout);
}
