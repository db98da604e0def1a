/* SPDX-License-Identifier: MIT */
#include "live.h"

#include "metrics.h"
#include "pool.h"
#include "symbols.h"
#include "watchdog.h"

#include <filch/metrics.h>

#include <stdlib.h>
#include <string.h>

/* A name in one line, whatever it holds. */
static void write_name(FILE *out, const char *name)
{
    for (; *name; name++)
        fputc((unsigned char)*name < ' ' || *name == 0x7f ? '?' : *name, out);
    fputc('\n', out);
}

static void write_figure(FILE *out, const char *key, uint64_t value)
{
    fprintf(out, "%s %llu\n", key, (unsigned long long)value);
}

/* ---- stats ---- */

static void write_stats(struct filch_pool *pool, void *ctx)
{
    FILE *out = ctx;
    struct filch_pool_stats stats;
    uint64_t gate = filch__load_relaxed(&pool->gate);
    if (filch_pool_get_stats(pool, &stats, sizeof stats))
        return;
    write_figure(out, "pool", pool->number);
    fputs("name ", out);
    write_name(out, pool->name);
    fprintf(out, "phase %s\n", filch__pool_phase_name(pool));
    write_figure(out, "permits", filch__gate_admitted(gate));
    write_figure(out, "searching", filch__gate_admitted(gate) - filch__gate_running(gate));
    write_figure(out, "parked", filch__gate_parked(gate));
    for (const struct filch__figure *figure = filch__figures; figure->name; figure++)
        write_figure(out, figure->name, filch__figure_value(figure, &stats));
}

static bool answer_stats(FILE *out)
{
    write_figure(out, "now_ns", filch__os_now_ns());
    filch__process_visit(write_stats, out);
    return true;
}

/* ---- tasks ---- */

/* What is seen while the pools are locked, and written afterwards: to find a function's name, files are read. */
struct row {
    uint64_t pool; /* its number; in a row that begins it, not 0 */
    uint64_t for_ns;
    uint64_t count; /* what a worker has queued; stuck tasks */
    unsigned worker;
    bool blocked;
    filch_fn *fn; /* NULL: no task */
    bool labelled;
    char label[96];
};

struct rows {
    struct row *at;
    size_t count, room;
    bool no_memory;
};

static void add_row(struct rows *rows, const struct row *row)
{
    if (rows->count == rows->room) {
        size_t room = 2 * rows->room + 16;
        struct row *at = realloc(rows->at, room * sizeof *at);
        rows->no_memory |= !at;
        if (!at)
            return;
        rows->at = at;
        rows->room = room;
    }
    rows->at[rows->count++] = *row;
}

static void set_task(struct row *row, const char *label, filch_fn *fn)
{
    row->fn = fn;
    row->labelled = label;
    if (label)
        snprintf(row->label, sizeof row->label, "%s", label);
}

static void write_task(FILE *out, const struct row *row)
{
    char name[96];
    void *code;
    memcpy(&code, &row->fn, sizeof code);
    if (!row->labelled && !filch__symbol_name(code, name, sizeof name))
        snprintf(name, sizeof name, "%p", code);
    write_name(out, row->labelled ? row->label : name);
}

/* Rows of all pools, each written by `write`. False: no memory. */
static bool answer_rows(FILE *out, void (*look)(struct filch_pool *pool, void *rows),
                        void (*write)(FILE *out, const struct row *row))
{
    struct rows rows = {.count = 0};
    filch__process_visit(look, &rows);
    for (size_t i = 0; i < rows.count && !rows.no_memory; i++) {
        if (rows.at[i].pool)
            write_figure(out, "pool", rows.at[i].pool);
        write(out, &rows.at[i]);
    }
    free(rows.at);
    return !rows.no_memory;
}

/* ---- workers ---- */

static struct filch__seen_body look_at(const struct filch__worker *worker)
{
    struct filch__seen_body body = filch__worker_body(worker);
    for (int tries = 0; tries < 3; tries++) {
        struct filch__seen_body again = filch__worker_body(worker);
        if (filch__body_is_same(&body, &again))
            break;
        body = again; /* it went on meanwhile */
    }
    return body;
}

/* For how long at least: since the first of the looks that saw the same. */
static uint64_t seen_for_ns(struct filch__sight *sight, const struct filch__seen_body *body)
{
    uint64_t now_ns = filch__os_now_ns();
    if (!filch__body_is_same(&sight->body, body))
        *sight = (struct filch__sight){.body = *body, .since_ns = now_ns};
    return now_ns - sight->since_ns;
}

static void see_workers(struct filch_pool *pool, void *rows)
{
    add_row(rows, &(struct row){.pool = pool->number});
    filch__lock(&pool->lock);
    for (size_t i = 0; i < FILCH_WORKERS_MAX && pool->worker[i]; i++) {
        struct filch__worker *worker = pool->worker[i];
        if (!worker->in_table)
            continue; /* its thread has ended */
        struct filch__seen_body body = look_at(worker);
        struct row row = {.worker = worker->id, .for_ns = seen_for_ns(&worker->live_sight, &body)};
        row.count = filch__deque_size(&worker->deque) + filch__handful_size(&worker->handful);
        row.blocked = filch__load_relaxed(&worker->blocked);
        if (body.task)
            set_task(&row, body.label, body.fn);
        add_row(rows, &row);
    }
    filch__unlock(&pool->lock);
}

static void write_worker(FILE *out, const struct row *row)
{
    if (row->pool)
        return;
    fprintf(out, "worker %u queued %llu ", row->worker, (unsigned long long)row->count);
    if (row->fn) {
        fprintf(out, "%s %llu ", row->blocked ? "blocked" : "runs", (unsigned long long)row->for_ns);
        write_task(out, row);
    } else {
        fputs("idle\n", out);
    }
}

static bool answer_workers(FILE *out)
{
    return answer_rows(out, see_workers, write_worker);
}

/* ---- the others ---- */

static void see_stuck(struct filch_pool *pool, void *rows)
{
    struct row row = {.pool = pool->number,
                      .count =
                          filch__load_relaxed(&pool->stuck_tasks) + filch__load_relaxed(&pool->watchdog.long_running)};
    filch__lock(&pool->keeper.lock);
    set_task(&row, pool->stuck.name, pool->stuck.fn);
    row.for_ns = pool->stuck.running_ns;
    filch__unlock(&pool->keeper.lock);
    add_row(rows, &row);
}

static void write_stuck(FILE *out, const struct row *row)
{
    write_figure(out, "stuck", row->count);
    if (!row->fn)
        return;
    fprintf(out, "last %llu ", (unsigned long long)row->for_ns);
    write_task(out, row);
}

static bool answer_stuck(FILE *out)
{
    return answer_rows(out, see_stuck, write_stuck);
}

static void write_dump(struct filch_pool *pool, void *ctx)
{
    filch_pool_dump(pool, ctx);
}

static bool answer_dump(FILE *out)
{
    filch__process_visit(write_dump, out);
    return true;
}

static bool answer_metrics(FILE *out)
{
    return !filch_metrics_write(out);
}

static bool answer_version(FILE *out)
{
    fprintf(out, "filch-live 1 %d.%d.%d\n", FILCH_VERSION_MAJOR, FILCH_VERSION_MINOR, FILCH_VERSION_PATCH);
    return true;
}

static bool answer_unknown(FILE *out)
{
    fputs("error: the commands are version, stats, workers, stuck, dump, metrics\n", out);
    return true;
}

static const struct {
    const char *command;
    bool (*answer)(FILE *out);
} commands[] = {
    {"version", answer_version}, {"stats", answer_stats}, {"workers", answer_workers},
    {"stuck", answer_stuck},     {"dump", answer_dump},   {"metrics", answer_metrics},
};

static bool answer_line(FILE *out, const char *line)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (!strcmp(line, commands[i].command))
            return commands[i].answer(out);
    return answer_unknown(out);
}

/* An empty line would be taken for the end: a dump has names in it as they are. */
static size_t without_empty_lines(char *text)
{
    size_t length = 0;
    for (const char *at = text; *at; at++)
        if (*at != '\n' || (length && text[length - 1] != '\n'))
            text[length++] = *at;
    return length;
}

char *filch__live_answer(const char *line, size_t *ret_length)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    bool lost = !answer_line(out, line);
    fputc('\n', out); /* room for the end below */
    lost |= ferror(out);
    if (fclose(out) || lost) {
        free(text);
        return NULL;
    }
    *ret_length = without_empty_lines(text);
    text[(*ret_length)++] = '\n';
    return text;
}
