/* SPDX-License-Identifier: MIT */
#include "tracepools.h"

#include "metrics.h"
#include "pool.h"
#include "traces.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct figures {
    struct filch_pool_stats stats;
    struct filch_histogram latency[FILCH_LATENCIES];
};

struct record {
    struct record *next; /* a newer pool */
    uint64_t number;
    char name[16];
    bool ended;
    struct figures begin, end;
};

static struct filch__lock lock = {PTHREAD_MUTEX_INITIALIZER}; /* taken in visits of the list of pools */
/* under the lock */
static struct record *records;
static bool on;

static void take_figures(struct filch_pool *pool, struct figures *figures)
{
    memset(figures, 0, sizeof *figures);
    (void)filch_pool_get_stats(pool, &figures->stats, sizeof figures->stats);
    for (int l = 0; l < FILCH_LATENCIES; l++)
        (void)filch_pool_get_histogram(pool, (enum filch_latency)l, &figures->latency[l], sizeof figures->latency[l]);
}

static struct record *find_locked(uint64_t number)
{
    struct record *record = records;
    while (record && record->number != number)
        record = record->next;
    return record;
}

static struct record *add_locked(const struct filch_pool *pool)
{
    struct record **at = &records, *record = calloc(1, sizeof *record);
    if (!record)
        return NULL;
    record->number = pool->number;
    memcpy(record->name, pool->name, sizeof record->name);
    while (*at)
        at = &(*at)->next;
    *at = record;
    return record;
}

static void forget_locked(void)
{
    for (struct record *record = records, *next; record; record = next) {
        next = record->next;
        free(record);
    }
    records = NULL;
}

/* ---- pools come and go ---- */

static void begin(struct filch_pool *pool, void *ctx)
{
    int *r = ctx;
    filch__lock(&lock);
    struct record *record = find_locked(pool->number);
    if (!record && (record = add_locked(pool)))
        take_figures(pool, &record->begin);
    if (!record)
        *r = -ENOMEM;
    filch__unlock(&lock);
}

int filch__trace_pools_begin(void)
{
    int r = 0;
    filch__lock(&lock);
    forget_locked();
    on = true;
    filch__unlock(&lock);
    filch__process_visit(begin, &r);
    return r;
}

/* Its figures up to now, from zero if it was opened in the session. */
static void update(struct filch_pool *pool, bool for_good)
{
    filch__lock(&lock);
    struct record *record = on ? find_locked(pool->number) : NULL;
    if (on && !record)
        record = add_locked(pool);
    if (record && !record->ended) {
        take_figures(pool, &record->end);
        record->ended = for_good;
    }
    filch__unlock(&lock);
}

static void look(struct filch_pool *pool, void *for_good)
{
    update(pool, for_good != NULL);
}

void filch__trace_pool_closes(struct filch_pool *pool)
{
    update(pool, true);
}

void filch__trace_pools_end(void)
{
    static char for_good;
    filch__process_visit(look, &for_good);
    filch__lock(&lock);
    on = false;
    filch__unlock(&lock);
}

/* ---- what is told ---- */

static void subtract_stats(struct filch_pool_stats *stats, const struct filch_pool_stats *begin_)
{
    for (const struct filch__figure *figure = filch__figures; figure->name; figure++) {
        uint64_t wide = filch__figure_value(figure, stats) - filch__figure_value(figure, begin_);
        uint32_t narrow = (uint32_t)wide;
        if (figure->grows)
            memcpy((char *)stats + figure->offset, figure->size == sizeof wide ? (void *)&wide : (void *)&narrow,
                   figure->size);
    }
}

/* The greatest one of the session may be less than the greatest ever, and is known as well as its bucket. */
static void subtract_histogram(struct filch_histogram *histogram, const struct filch_histogram *begin_)
{
    struct filch_bucket bucket = {0};
    histogram->count -= begin_->count;
    histogram->sum_ns -= begin_->sum_ns;
    for (size_t i = 0; i < FILCH_HISTOGRAM_BUCKETS; i++)
        histogram->bucket[i] -= begin_->bucket[i];
    while (filch_histogram_next(histogram, &bucket))
        ;
    uint64_t most_ns = bucket.high_ns ? bucket.high_ns - 1 : 0;
    if (histogram->max_ns > most_ns)
        histogram->max_ns = most_ns;
}

static struct filch__trace_pool *difference(const struct record *record)
{
    struct filch__trace_pool *pool = malloc(sizeof *pool);
    if (!pool)
        return NULL;
    *pool = (struct filch__trace_pool){.number = record->number, .stats = record->end.stats};
    memcpy(pool->name, record->name, sizeof pool->name);
    memcpy(pool->latency, record->end.latency, sizeof pool->latency);
    subtract_stats(&pool->stats, &record->begin.stats);
    for (int i = 0; i < FILCH_LATENCIES; i++)
        subtract_histogram(&pool->latency[i], &record->begin.latency[i]);
    for (const struct record *other = records; other; other = other->next)
        pool->twin |= other != record && !strcmp(other->name, record->name);
    return pool;
}

struct filch__trace_pool *filch__trace_pools_copy(void)
{
    struct filch__trace_pool *first = NULL, **at = &first;
    filch__process_visit(look, NULL);
    filch__lock(&lock);
    for (const struct record *record = records; record; record = record->next)
        if ((*at = difference(record)))
            at = &(*at)->next;
    filch__unlock(&lock);
    return first;
}

void filch__trace_pools_free(struct filch__trace_pool *pools)
{
    for (struct filch__trace_pool *pool = pools, *next; pool; pool = next) {
        next = pool->next;
        free(pool);
    }
}

/* ---- fork ---- */

void filch__trace_pools_before_fork(void)
{
    filch__lock(&lock);
}

void filch__trace_pools_after_fork(bool child)
{
    if (child) {
        forget_locked();
        on = false;
    }
    filch__unlock(&lock);
}
