/* SPDX-License-Identifier: MIT */
#include "tracejson.h"

enum { SUBMIT, START, END, WAIT, AFTER, JOIN, COMPLETE, MERGE };

static void begin_row(struct filch__scribe *scribe, int op, uint64_t ns)
{
    filch__scribe_element(scribe, "[");
    filch__json_i64(&scribe->json, op);
    filch__json_raw(&scribe->json, ",");
    filch__json_us(&scribe->json, ns);
}

static void number(struct filch__scribe *scribe, uint64_t value)
{
    filch__json_raw(&scribe->json, ",");
    filch__json_u64(&scribe->json, value);
}

static void depth(struct filch__scribe *scribe, uint64_t ns)
{
    filch__json_raw(&scribe->json, ",");
    filch__json_us(&scribe->json, ns);
}

static void name(struct filch__scribe *scribe, uint32_t index)
{
    filch__json_raw(&scribe->json, ",");
    filch__json_i64(&scribe->json, index == FILCH__NAME_NONE ? -1 : (int64_t)index);
}

static void end_row(struct filch__scribe *scribe)
{
    filch__json_raw(&scribe->json, "]");
}

/* A thread outside starts with the first row that names it. */
static void introduce(struct filch__scribe *scribe, const struct filch__step *step)
{
    struct filch__lane *lane = step->lane;
    if (step->by != lane->self || !lane->self || lane->told)
        return;
    lane->told = true;
    begin_row(scribe, START, step->ns);
    number(scribe, lane->self->id);
    number(scribe, lane->track->number);
    filch__json_raw(&scribe->json, ",null");
    name(scribe, filch__names_add(&scribe->names, lane->track->name));
    end_row(scribe);
}

static void begin_by(struct filch__scribe *scribe, int op, const struct filch__step *step)
{
    introduce(scribe, step);
    begin_row(scribe, op, step->ns);
    number(scribe, step->by ? step->by->id : 0);
    depth(scribe, step->by ? step->depth_ns : 0);
}

static void start(struct filch__scribe *scribe, const struct filch__step *step, uint32_t called)
{
    begin_row(scribe, START, step->ns);
    number(scribe, step->it->id);
    number(scribe, step->lane->track->number);
    number(scribe, step->lane->track->pool);
    name(scribe, called);
    end_row(scribe);
}

static void end(struct filch__scribe *scribe, const struct filch__step *step, uint64_t depth_ns, uint64_t work_ns,
                int64_t status)
{
    begin_row(scribe, END, step->ns);
    number(scribe, step->it->id);
    depth(scribe, depth_ns);
    depth(scribe, work_ns);
    filch__json_raw(&scribe->json, ",");
    filch__json_i64(&scribe->json, status);
    end_row(scribe);
}

static void await(struct filch__scribe *scribe, const struct filch__step *step)
{
    if (step->meets) {
        start(scribe, step, FILCH__NAME_NONE);
        end(scribe, step, 0, 0, 0);
    }
    if (!step->by || !step->other)
        return;
    begin_by(scribe, WAIT, step);
    number(scribe, step->other);
    end_row(scribe);
}

void filch__tasklog_step(struct filch__scribe *scribe, const struct filch__step *step)
{
    switch (step->kind) {
    case FILCH__EVENT_SUBMIT:
        begin_by(scribe, SUBMIT, step);
        number(scribe, step->it->id);
        name(scribe, FILCH__NAME_NONE);
        end_row(scribe);
        break;
    case FILCH__EVENT_START:
    case FILCH__EVENT_STOLEN:
        start(scribe, step, filch__scribe_name(scribe, step->it));
        break;
    case FILCH__EVENT_END:
        end(scribe, step, step->depth_ns, step->work_ns, (int64_t)step->b);
        break;
    case FILCH__EVENT_DROP:
        end(scribe, step, 0, 0, (int64_t)step->b);
        break;
    case FILCH__EVENT_AWAITED:
        await(scribe, step);
        break;
    case FILCH__EVENT_AFTER:
        if (!step->other)
            break;
        begin_row(scribe, AFTER, step->ns);
        number(scribe, step->it->id);
        number(scribe, step->other);
        end_row(scribe);
        break;
    case FILCH__EVENT_JOIN:
        if (!step->by || !step->other)
            break;
        begin_by(scribe, JOIN, step);
        number(scribe, step->other);
        depth(scribe, step->spawned_ns);
        end_row(scribe);
        break;
    case FILCH__EVENT_MERGED:
        if (!step->lane->running)
            break;
        begin_by(scribe, MERGE, step);
        depth(scribe, step->forked_ns);
        depth(scribe, step->spawned_ns);
        depth(scribe, step->after_ns);
        end_row(scribe);
        break;
    case FILCH__EVENT_COMPLETE:
        begin_by(scribe, COMPLETE, step);
        number(scribe, step->other);
        end_row(scribe);
        break;
    default:
        break;
    }
}
