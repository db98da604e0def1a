/* SPDX-License-Identifier: MIT */
/* build.c - a small make: files that are made from other files, each by a command, as many at once as the pool allows.
 *
 *     build build.txt DIRECTORY
 *
 * A line "target: inputs" and an indented line with the command, again and again; # begins a comment. A step runs when
 * its target is missing or older than an input, or when the step that makes an input ran. What follows a failed step is
 * not reached, everything else is made; the target of a failed step is removed.
 *
 * The graph is built once from the description. A step looks at the status of those before it, which is how it learns
 * that they ran. It holds its permit while its command runs (no filch_blocking), so the pool's limit is that of the
 * commands.
 */
#include <filch/filch.h>

#include <errno.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { STEPS = 64, INPUTS = 16, LINE = 512 };
enum { UP_TO_DATE, RAN }; /* a step's status; or a negative errno */

extern char **environ;

struct step {
    char line[LINE], command[LINE]; /* the first is cut into target and inputs */
    char *target, *input[INPUTS];
    int maker[INPUTS]; /* the step that makes an input; -1: none, it must be there */
    int inputs;
    size_t task;
};

static struct step steps[STEPS];
static int step_count;
static struct filch_graph *graph;

/* ---- the description ---- */

static bool parse_head(struct step *step)
{
    char *colon = strchr(step->line, ':'), *rest;
    if (!colon)
        return false;
    *colon = '\0';
    step->target = strtok_r(step->line, " \t\n", &rest);
    for (char *word = strtok_r(colon + 1, " \t\n", &rest); word; word = strtok_r(NULL, " \t\n", &rest)) {
        if (step->inputs == INPUTS)
            return false;
        step->input[step->inputs++] = word;
    }
    return step->target != NULL;
}

/* The number of a line that is not understood; 0: all are. */
static int parse(FILE *file)
{
    char line[LINE];
    for (int number = 1; fgets(line, sizeof line, file); number++) {
        size_t begin = strspn(line, " \t");
        if (line[begin] == '#' || line[begin] == '\n')
            continue;
        if (begin > 0) {
            if (step_count == 0 || steps[step_count - 1].command[0])
                return number;
            line[strcspn(line, "\n")] = '\0';
            strcpy(steps[step_count - 1].command, line + begin);
        } else {
            if (step_count == STEPS)
                return number;
            strcpy(steps[step_count].line, line);
            if (!parse_head(&steps[step_count++]))
                return number;
        }
    }
    return 0;
}

/* ---- one step ---- */

static bool modified(const char *path, struct timespec *ret_time)
{
    struct stat status;
    if (stat(path, &status))
        return false;
    *ret_time = status.st_mtim;
    return true;
}

static bool is_before(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

/* RAN: it has to; UP_TO_DATE: it need not; -ENOENT: an input is missing that no step makes. */
static int must_run(const struct step *step)
{
    struct timespec target = {0, 0}, input;
    int result = modified(step->target, &target) ? UP_TO_DATE : RAN;
    for (int i = 0; i < step->inputs; i++) {
        bool made = step->maker[i] >= 0;
        if (!modified(step->input[i], &input)) {
            fprintf(stderr, "build: %s needs %s, which is missing\n", step->target, step->input[i]);
            return -ENOENT;
        }
        if (made && filch_graph_status(graph, steps[step->maker[i]].task) == RAN)
            result = RAN;
        if (result == UP_TO_DATE && is_before(&target, &input))
            result = RAN;
    }
    return result;
}

static int run_command(const char *command)
{
    char *arguments[] = {"sh", "-c", (char *)(uintptr_t)command, NULL};
    pid_t child;
    int status, r = posix_spawn(&child, "/bin/sh", NULL, NULL, arguments, environ);
    if (r)
        return -r;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

static int run_step(void *data)
{
    const struct step *step = data;
    int result = must_run(step);
    if (result != RAN)
        return result;
    int error = run_command(step->command[0] ? step->command : "true");
    if (!error)
        return RAN;
    unlink(step->target);
    return error;
}

/* ---- all of them ---- */

static int find_maker(const char *path)
{
    for (int i = 0; i < step_count; i++)
        if (!strcmp(steps[i].target, path))
            return i;
    return -1;
}

static int make_graph(void)
{
    int r = filch_graph_open(&graph, NULL);
    for (int i = 0; i < step_count && !r; i++) {
        struct filch_graph_task options = {.name = steps[i].target};
        r = filch_graph_add(graph, run_step, &steps[i], &options, &steps[i].task);
    }
    for (int i = 0; i < step_count && !r; i++)
        for (int k = 0; k < steps[i].inputs && !r; k++) {
            int maker = steps[i].maker[k] = find_maker(steps[i].input[k]);
            if (maker >= 0)
                r = filch_graph_edge(graph, steps[maker].task, steps[i].task);
        }
    return r;
}

/* A step that failed by itself, or one that was passed by because of another: then one before it has failed. */
static bool is_reached(const struct step *step)
{
    for (int i = 0; i < step->inputs; i++)
        if (step->maker[i] >= 0 && filch_graph_status(graph, steps[step->maker[i]].task) < 0)
            return false;
    return true;
}

static void report(void)
{
    int ran = 0, failed = 0, not_reached = 0;
    for (int i = 0; i < step_count; i++) {
        int status = filch_graph_status(graph, steps[i].task);
        const char *what = status == RAN ? "ran" : !is_reached(&steps[i]) ? "not reached" : "failed";
        if (status != UP_TO_DATE)
            printf("%-12s %s\n", what, steps[i].target);
        ran += status == RAN;
        failed += status < 0 && is_reached(&steps[i]);
        not_reached += status < 0 && !is_reached(&steps[i]);
    }
    if (ran + failed + not_reached == 0)
        printf("nothing to do\n");
    else
        printf("%d of %d steps ran, %d failed, %d not reached\n", ran, step_count, failed, not_reached);
}

static int build(void)
{
    char cycle[LINE];
    int r = make_graph();
    if (!r)
        r = filch_graph_check(graph, cycle, sizeof cycle);
    if (r == -ELOOP)
        fprintf(stderr, "build: a target needs itself: %s\n", cycle);
    else if (r)
        fprintf(stderr, "build: %s\n", strerror(-r));
    if (r)
        return 2;
    r = filch_graph_run(NULL, graph);
    report();
    return r ? 1 : 0;
}

int main(int argc, char **argv)
{
    FILE *file = argc == 3 ? fopen(argv[1], "r") : NULL;
    if (!file || chdir(argv[2])) {
        fprintf(stderr, "usage: build DESCRIPTION DIRECTORY\n");
        return 2;
    }
    int line = parse(file);
    fclose(file);
    if (line) {
        fprintf(stderr, "build: %s:%d: not understood\n", argv[1], line);
        return 2;
    }
    int status = build();
    filch_graph_close(graph);
    return status;
}
