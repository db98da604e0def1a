/* SPDX-License-Identifier: MIT */
/* reports.c - what tasks have to say besides their status, as a PowerShell instance's streams have it.
 *
 * The tasks check the lines of a configuration file. Each says what it finds, with a level; its lines are kept with its
 * future, so the program prints them in the order of the file, whatever ran first, and only those that matter to it.
 * Tasks that keep nothing report to the pool's function instead, as they run.
 */
#include <filch/filch.h>

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static const char *const file[] = {
    "threads = 8", "colour = blue", "threads = many", "# a comment", "verbose", "timeout = 0", "threads = 4",
};
enum { LINES = sizeof file / sizeof file[0] };

struct check {
    struct filch_future future;
    const char *line;
};

static int check_line(void *data)
{
    const struct check *check = data;
    const char *equals = strchr(check->line, '=');
    char text[80];
    snprintf(text, sizeof text, "looking at \"%s\"", check->line);
    filch_report(FILCH_VERBOSE, text);
    if (check->line[0] == '#')
        return 0;
    if (!equals) {
        filch_report(FILCH_ERROR, "no value");
        return -1;
    }
    if (strspn(equals + 2, "0123456789") != strlen(equals + 2))
        filch_report(FILCH_WARNING, "not a number, the default is taken");
    else if (equals[2] == '0')
        filch_report(FILCH_WARNING, "0 stands for no limit");
    return 0;
}

static int say_hello(void *data)
{
    (void)data;
    return filch_report(FILCH_INFO, "hello");
}

/* Called inside the tasks, perhaps by several threads at once. */
static void print_report(void *ctx, const char *task, enum filch_level level, const char *text)
{
    atomic_fetch_add((atomic_int *)ctx, 1);
    printf("%s from task \"%s\": %s\n", filch_level_name(level), task ? task : "", text);
}

/* How many warnings and errors there were. */
static int print_kept(struct check *check, int number)
{
    int count = 0;
    for (const struct filch_report_line *line = NULL; (line = filch_reports_next(&check->future, line));)
        if (line->level <= FILCH_WARNING) {
            printf("line %d: %s: %s\n", number, filch_level_name(line->level), line->text);
            count++;
        }
    filch_reports_free(&check->future);
    return count;
}

int main(void)
{
    static struct check checks[LINES];
    atomic_int heard = 0;
    struct filch_future hello = {0};
    struct filch_pool *pool;
    const struct filch_pool_config config = {.report = print_report, .report_ctx = &heard};
    const struct filch_task_options keep = {.flags = FILCH_TASK_KEEP_REPORTS}, named = {.name = "greeter"};
    int error = filch_pool_open(&pool, &config);
    if (error) {
        fprintf(stderr, "reports: %s\n", strerror(-error));
        return 1;
    }
    for (int i = 0; i < LINES; i++) {
        checks[i].line = file[i];
        filch_submit_with(pool, &checks[i].future, check_line, &checks[i], &keep);
    }
    filch_submit_with(pool, &hello, say_hello, NULL, &named);
    int said = 0, failed = 0;
    for (int i = 0; i < LINES; i++) {
        failed += filch_wait(&checks[i].future) < 0;
        said += print_kept(&checks[i], i + 1);
    }
    error = filch_wait(&hello);
    filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE);
    filch_pool_free(pool);
    printf("%d warnings and errors in %d lines, %d failed\n", said, LINES, failed);
    return !error && said == 4 && failed == 1 && atomic_load(&heard) == 1 ? 0 : 1;
}
