/* SPDX-License-Identifier: MIT */
#include "live.h"

#include "metrics.h"
#include "pool.h"

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

static void write_task(FILE *out, const char *label, filch_fn *fn)
{
    char address[24];
    void *code;
    memcpy(&code, &fn, sizeof code);
    snprintf(address, sizeof address, "%p", code);
    write_name(out, label ? label : address);
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

static void answer_stats(FILE *out)
{
    write_figure(out, "now_ns", filch__os_now_ns());
    filch__process_visit(write_stats, out);
}

/* ---- workers ---- */

/* What a worker runs, as far as somebody beside it can see: the task is only an address here. */
struct look {
    const void *task;
    const char *label;
    filch_fn *fn;
    uint64_t changes; /* counts with each stretch of a task on this worker */
};

static uint64_t changes_of(const struct filch__counters *count)
{
    return filch__load_acquire(&count->run) + filch__load_acquire(&count->suspensions) +
           filch__load_acquire(&count->resumed) + filch__load_acquire(&count->blocked_waits);
}

static struct look look_at(const struct filch__worker *worker)
{
    struct look look = {.task = NULL};
    for (int tries = 0; tries < 3; tries++) {
        const struct filch__strand *strand = filch__load_acquire(&worker->running); /* shows the strand */
        look.changes = changes_of(&worker->count);
        look.task = strand ? filch__load_acquire(&strand->task) : NULL;
        look.label = strand ? filch__load_acquire(&strand->label) : NULL;
        look.fn = strand ? filch__load_acquire(&strand->fn) : NULL;
        if (!strand || (look.task == filch__load_relaxed(&strand->task) && look.changes == changes_of(&worker->count)))
            break; /* else it went on meanwhile: once more */
    }
    return look;
}

/* For how long at least: since the first of the looks that saw the same. */
static uint64_t seen_for_ns(struct filch__worker *worker, const struct look *look)
{
    uint64_t now_ns = filch__os_now_ns();
    if (worker->seen.task != look->task || worker->seen.changes != look->changes)
        worker->seen = (struct filch__seen){look->task, look->changes, now_ns};
    return now_ns - worker->seen.since_ns;
}

static void write_worker(FILE *out, struct filch__worker *worker)
{
    struct look look = look_at(worker);
    uint64_t for_ns = seen_for_ns(worker, &look);
    fprintf(out, "worker %u queued %zu ", worker->id,
            filch__deque_size(&worker->deque) + filch__handful_size(&worker->handful));
    if (!look.task) {
        fputs("idle\n", out);
        return;
    }
    fprintf(out, "%s %llu ", filch__load_relaxed(&worker->blocked) ? "blocked" : "runs", (unsigned long long)for_ns);
    write_task(out, look.label, look.fn);
}

static void write_workers(struct filch_pool *pool, void *ctx)
{
    FILE *out = ctx;
    write_figure(out, "pool", pool->number);
    filch__lock(&pool->lock);
    for (size_t i = 0; i < FILCH_WORKERS_MAX && pool->worker[i]; i++)
        if (pool->worker[i]->in_table) /* else its thread has ended */
            write_worker(out, pool->worker[i]);
    filch__unlock(&pool->lock);
}

static void answer_workers(FILE *out)
{
    filch__process_visit(write_workers, out);
}

/* ---- the others ---- */

static void write_stuck(struct filch_pool *pool, void *ctx)
{
    FILE *out = ctx;
    filch__lock(&pool->keeper.lock);
    const struct filch_stuck last = pool->stuck;
    filch__unlock(&pool->keeper.lock);
    write_figure(out, "pool", pool->number);
    write_figure(out, "stuck", filch__load_relaxed(&pool->stuck_tasks));
    if (!last.fn)
        return;
    fprintf(out, "last %llu ", (unsigned long long)last.running_ns);
    write_task(out, last.name, last.fn);
}

static void answer_stuck(FILE *out)
{
    filch__process_visit(write_stuck, out);
}

static void write_dump(struct filch_pool *pool, void *ctx)
{
    filch_pool_dump(pool, ctx);
}

static void answer_dump(FILE *out)
{
    filch__process_visit(write_dump, out);
}

static void answer_metrics(FILE *out)
{
    filch_metrics_write(out);
}

static void answer_version(FILE *out)
{
    fprintf(out, "filch-live 1 %d.%d.%d\n", FILCH_VERSION_MAJOR, FILCH_VERSION_MINOR, FILCH_VERSION_PATCH);
}

static void answer_unknown(FILE *out)
{
    fputs("error: the commands are version, stats, workers, stuck, dump, metrics\n", out);
}

static const struct {
    const char *command;
    void (*answer)(FILE *out);
} commands[] = {
    {"version", answer_version}, {"stats", answer_stats}, {"workers", answer_workers},
    {"stuck", answer_stuck},     {"dump", answer_dump},   {"metrics", answer_metrics},
};

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
    void (*answer)(FILE * out) = answer_unknown;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (!strcmp(line, commands[i].command))
            answer = commands[i].answer;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    answer(out);
    fputc('\n', out); /* room for the end below */
    bool lost = ferror(out);
    if (fclose(out) || lost) {
        free(text);
        return NULL;
    }
    *ret_length = without_empty_lines(text);
    text[(*ret_length)++] = '\n';
    return text;
}
