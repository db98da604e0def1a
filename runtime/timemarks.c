/* SPDX-License-Identifier: MIT */
/* What stands in the timeline beside the slices: who the tracks are, what leads from one to another, who is on none, and what
 * the sampler has seen. */
#include "tracejson.h"

#include "peek.h"

enum { LATE = 2, SHORT = 1 }; /* tenths of a nanosecond: see filch__scribe_duration */

void filch__scribe_place(struct filch__scribe *scribe, uint32_t track, uint64_t ns)
{
    struct filch__json *json = &scribe->json;
    filch__json_field_i64(json, ",\"pid\":", scribe->pid);
    filch__json_field_u64(json, ",\"tid\":", track);
    filch__json_raw(json, ",\"ts\":");
    filch__json_decimal(json, ns * 10 + LATE, 4);
}

/* Who reads the file computes with doubles, and some cut off what is below a nanosecond. So a time is written a little late, and
 * a duration a little short of that: a slice that ends where the next one begins ends before it in either way, and no time falls to the
 * nanosecond below. */
void filch__scribe_duration(struct filch__scribe *scribe, uint64_t ns)
{
    filch__json_raw(&scribe->json, ",\"dur\":");
    filch__json_decimal(&scribe->json, ns ? ns * 10 - SHORT : 0, 4);
}

/* ---- tracks ---- */

static void metadata(struct filch__scribe *scribe, const char *what, uint32_t track)
{
    filch__json_field_string(&scribe->json, "{\"ph\":\"M\",\"name\":", what);
    filch__json_field_i64(&scribe->json, ",\"pid\":", scribe->pid);
    filch__json_field_u64(&scribe->json, ",\"tid\":", track);
}

/* Threads outside come first, then each pool's workers. */
static uint64_t sort_index(const struct filch__track *track)
{
    return track->pool ? (track->pool * (FILCH_WORKERS_MAX + 1) + track->worker) % INT32_MAX : 0;
}

void filch__scribe_tracks(struct filch__scribe *scribe)
{
    struct filch__json *json = &scribe->json;
    filch__scribe_element(scribe, "");
    metadata(scribe, "process_name", 0);
    filch__json_field_string(json, ",\"args\":{\"name\":", scribe->info->program);
    filch__json_raw(json, "}}");
    for (size_t i = 0; i < scribe->replay.lane_count; i++) {
        const struct filch__track *track = scribe->replay.lanes[i].track;
        filch__scribe_element(scribe, "");
        metadata(scribe, "thread_name", track->number);
        filch__json_field_string(json, ",\"args\":{\"name\":", track->name);
        filch__json_raw(json, "}}");
        filch__scribe_element(scribe, "");
        metadata(scribe, "thread_sort_index", track->number);
        filch__json_field_u64(json, ",\"args\":{\"sort_index\":", sort_index(track));
        filch__json_raw(json, "}}");
    }
}

/* ---- flows, and suspended tasks ---- */

static void flow_end(struct filch__scribe *scribe, const char *phase, const char *name, const struct filch__lane *lane,
                     uint64_t ns)
{
    filch__scribe_element(scribe, phase);
    filch__json_field_string(&scribe->json, ",\"cat\":\"flow\",\"name\":", name);
    filch__json_field_u64(&scribe->json, ",\"id\":", scribe->flows);
    filch__scribe_place(scribe, lane->track->number, ns);
    filch__json_raw(&scribe->json, "}");
}

void filch__scribe_flow(struct filch__scribe *scribe, const char *name, struct filch__point *from,
                        const struct filch__lane *to)
{
    if (from->lane && from->lane != to) {
        scribe->flows++;
        uint64_t given_ns = from->ns < to->since_ns ? from->ns : to->since_ns;
        flow_end(scribe, "{\"ph\":\"s\"", name, from->lane, given_ns);
        flow_end(scribe, "{\"ph\":\"f\",\"bp\":\"e\"", name, to, to->since_ns);
    }
    from->lane = NULL;
}

static void suspension(struct filch__scribe *scribe, const char *phase, const struct filch__instance *it,
                       const struct filch__lane *lane, uint64_t ns)
{
    struct filch__json *json = &scribe->json;
    filch__scribe_element(scribe, phase);
    filch__json_field_u64(json, ",\"cat\":\"suspended\",\"id\":\"", it->id);
    filch__json_field_u64(json, ".", it->suspensions);
    filch__json_field_string(json, "\",\"name\":", filch__scribe_called(scribe, it));
    filch__scribe_place(scribe, lane->track->number, ns);
    if (it->suspended_for)
        filch__json_field_string(json, ",\"args\":{\"for\":", it->suspended_for);
    filch__json_raw(json, it->suspended_for ? "}}" : "}");
}

void filch__scribe_suspend(struct filch__scribe *scribe, struct filch__instance *it, const char *reason,
                           const struct filch__step *step)
{
    it->suspended_for = reason;
    it->suspended_on = step->lane;
    it->suspensions++;
    suspension(scribe, "{\"ph\":\"b\"", it, step->lane, step->ns);
}

void filch__scribe_unsuspend(struct filch__scribe *scribe, struct filch__instance *it, const struct filch__lane *lane,
                             uint64_t ns)
{
    if (!it->suspended_for)
        return;
    it->suspended_for = NULL;
    suspension(scribe, "{\"ph\":\"e\"", it, lane, ns);
}

/* ---- samples ---- */

static void show_pool(struct filch__scribe *scribe, const struct filch__sample *sample)
{
    const struct filch__trace_pool *pool = scribe->info->pools;
    while (pool && pool->number != sample->of)
        pool = pool->next;
    if (!pool)
        return;
    struct filch__json *json = &scribe->json;
    char name[sizeof pool->name + 32];
    snprintf(name, sizeof name, pool->twin ? "pool %s #%llu" : "pool %s", pool->name, (unsigned long long)pool->number);
    filch__scribe_element(scribe, "{\"ph\":\"C\"");
    filch__json_field_string(json, ",\"name\":", name);
    filch__scribe_place(scribe, 0, filch__replay_ns(&scribe->replay, sample->ticks));
    filch__json_field_u64(json, ",\"args\":{\"queued\":", sample->value);
    filch__json_field_u64(json, ",\"permits\":", sample->permits);
    filch__json_field_u64(json, ",\"running\":", sample->running);
    filch__json_field_u64(json, ",\"suspended\":", sample->suspended);
    filch__json_raw(json, "}}");
}

static void show_thread(struct filch__scribe *scribe, const struct filch__sample *sample)
{
    const struct filch__lane *lane = filch__replay_lane(&scribe->replay, (uint32_t)sample->of);
    if (!lane)
        return;
    struct filch__json *json = &scribe->json;
    const char *call = filch__peek_call_name(sample->call);
    filch__scribe_element(scribe, "{\"ph\":\"i\",\"s\":\"t\",\"cat\":\"sample\",\"name\":");
    filch__json_raw(json, sample->on_cpu ? "\"on cpu\"" : "\"off cpu\"");
    filch__scribe_place(scribe, lane->track->number, filch__replay_ns(&scribe->replay, sample->ticks));
    filch__json_field_us(json, ",\"args\":{\"cpu_us\":", sample->value);
    if (call) {
        filch__json_field_string(json, ",\"in\":", call);
    } else if (sample->call >= 0) {
        filch__json_field_u64(json, ",\"in\":\"", (uint64_t)sample->call);
        filch__json_raw(json, "\"");
    } else if (sample->call != FILCH__CALL_UNKNOWN) {
        filch__json_raw(json, ",\"in\":\"\"");
    }
    if (lane->shown)
        filch__json_field_u64(json, ",\"task\":", lane->shown->id);
    filch__json_raw(json, "}}");
}

/* Those that were taken before a time, while the tracks are as they were then. */
void filch__scribe_samples(struct filch__scribe *scribe, uint64_t ticks)
{
    const struct filch__trace_info *info = scribe->info;
    while (scribe->next_sample < info->sample_count && info->samples[scribe->next_sample].ticks <= ticks) {
        const struct filch__sample *sample = &info->samples[scribe->next_sample++];
        if (sample->ticks < scribe->replay.oldest_ticks)
            continue;
        if (sample->kind == FILCH__SAMPLE_POOL)
            show_pool(scribe, sample);
        else
            show_thread(scribe, sample);
    }
}
