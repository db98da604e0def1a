/* SPDX-License-Identifier: MIT */
#include "pool.h"

#include <filch/report.h>

#include <errno.h>

const char *filch_level_name(enum filch_level level)
{
    static const char *const names[] = {"error", "warning", "info", "verbose", "debug"};
    return (unsigned)level <= FILCH_DEBUG ? names[level] : NULL;
}

/* A stolen child runs under the task that it is part of (join.c), so its lines go there. */
int filch_report(enum filch_level level, const char *text)
{
    if (!text || (unsigned)level > FILCH_DEBUG)
        return -EINVAL;
    struct filch__strand *strand = filch__strand_current();
    struct filch_future *task = strand ? filch__load_relaxed(&strand->task) : NULL;
    if (!task)
        return -ENOENT;
    if (task->priv.flags & FILCH__FUTURE_KEEP_REPORTS)
        return filch__lines_add(&task->priv.lines, &strand->pool->allocator, level, text);
    const struct filch_pool_config *config = &strand->pool->config;
    if (!config->report)
        return -ENOENT;
    config->report(config->report_ctx, filch__load_relaxed(&strand->label), level, text);
    return 0;
}

const struct filch_report_line *filch_reports_next(const struct filch_future *future,
                                                   const struct filch_report_line *line)
{
    if (!future || future->priv.flags & FILCH__FUTURE_STAMPED)
        return NULL;
    const struct filch__line *next = line
                                         ? filch__lines_next(filch__container_of(line, const struct filch__line, shown))
                                         : filch__lines_first(&future->priv.lines);
    return next ? &next->shown : NULL;
}

void filch_reports_free(struct filch_future *future)
{
    if (future && !filch__future_in_flight(future))
        filch__lines_free(&future->priv.lines);
}
