/* SPDX-License-Identifier: MIT */
#include "tracejson.h"

#include "metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

void filch__scribe_element(struct filch__scribe *scribe, const char *text)
{
    filch__json_raw(&scribe->json, scribe->follows ? ",\n" : "\n");
    filch__json_raw(&scribe->json, text);
    scribe->follows = true;
}

uint32_t filch__scribe_name(struct filch__scribe *scribe, const struct filch__instance *instance)
{
    return filch__names_of(&scribe->names, instance->label, instance->code);
}

const char *filch__scribe_called(struct filch__scribe *scribe, const struct filch__instance *instance)
{
    return filch__names_text(&scribe->names, filch__scribe_name(scribe, instance));
}

/* ---- otherData ---- */

static void write_histogram(struct filch__json *json, const struct filch_histogram *histogram)
{
    struct filch_bucket bucket = {0};
    const char *comma = "";
    filch__json_field_u64(json, "{\"count\":", histogram->count);
    filch__json_field_u64(json, ",\"sum_ns\":", histogram->sum_ns);
    filch__json_field_u64(json, ",\"max_ns\":", histogram->max_ns);
    filch__json_raw(json, ",\"buckets\":[");
    for (; filch_histogram_next(histogram, &bucket); comma = ",") {
        uint64_t high_ns = bucket.high_ns == UINT64_MAX ? histogram->max_ns + 1 : bucket.high_ns;
        filch__json_raw(json, comma);
        filch__json_field_u64(json, "[", bucket.low_ns);
        filch__json_field_u64(json, ",", high_ns);
        filch__json_field_u64(json, ",", bucket.count);
        filch__json_raw(json, "]");
    }
    filch__json_raw(json, "]}");
}

static void write_pool(struct filch__scribe *scribe, const struct filch__trace_pool *pool)
{
    static const char *const latency[] = {
        [FILCH_LATENCY_QUEUE] = "queue",           [FILCH_LATENCY_RUN] = "run",   [FILCH_LATENCY_GATE] = "gate",
        [FILCH_LATENCY_SUSPENSION] = "suspension", [FILCH_LATENCY_WAKE] = "wake",
    };
    struct filch__json *json = &scribe->json;
    filch__scribe_element(scribe, "{");
    filch__json_field_string(json, "\"name\":", pool->name);
    filch__json_field_u64(json, ",\"id\":", pool->number);
    filch__json_field_u64(json, ",\"max_concurrency\":", pool->stats.max_concurrency);
    filch__json_field_u64(json, ",\"min_workers\":", pool->stats.min_workers);
    const char *comma = "";
    filch__json_raw(json, ",\"stats\":{");
    for (const struct filch__figure *figure = filch__figures; figure->name; figure++, comma = ",") {
        filch__json_raw(json, comma);
        filch__json_string(json, figure->name);
        filch__json_field_u64(json, ":", filch__figure_value(figure, &pool->stats));
    }
    comma = "";
    filch__json_raw(json, "},\"latency\":{");
    for (int i = 0; i < FILCH_LATENCIES; i++, comma = ",") {
        filch__json_raw(json, comma);
        filch__json_string(json, latency[i]);
        filch__json_raw(json, ":");
        write_histogram(json, &pool->latency[i]);
    }
    filch__json_raw(json, "}}");
}

static void write_start(struct filch__json *json, uint64_t realtime_ns)
{
    time_t seconds = (time_t)(realtime_ns / 1000000000u);
    struct tm t;
    char text[64];
    gmtime_r(&seconds, &t);
    snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%06uZ", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday,
             t.tm_hour, t.tm_min, t.tm_sec, (unsigned)(realtime_ns % 1000000000u / 1000));
    filch__json_field_string(json, ",\"start_realtime\":", text);
}

static void write_other(struct filch__scribe *scribe)
{
    const struct filch__trace_info *info = scribe->info;
    struct filch__json *json = &scribe->json;
    char version[32];
    unsigned number = filch_version();
    snprintf(version, sizeof version, "%u.%u.%u", number / 10000, number / 100 % 100, number % 100);
    filch__json_field_string(json, "{\"version\":", version);
    filch__json_field_string(json, ",\"command\":", info->command);
    filch__json_field_u64(json, ",\"cpus\":", info->cpus);
    write_start(json, info->start_realtime_ns);
    filch__json_field_us(json, ",\"duration_us\":", filch__replay_end_ns(&scribe->replay));
    filch__json_field_u64(json, ",\"dropped\":", filch__replay_dropped(&scribe->replay));
    filch__json_field_u64(json, ",\"dropped_samples\":", info->samples_lost);
    filch__json_field_us(json, ",\"last_us\":", info->last_ns);
    filch__json_field_us(json, ",\"ticks_per_us\":", (uint64_t)(1e6 / scribe->replay.ns_per_tick + 0.5));
    filch__json_field_us(json, ",\"cpu_us\":", info->cpu_ns);
    filch__json_field_us(json, ",\"event_ns\":", info->event_price_ps);
    filch__json_field_u64(json, ",\"sample_every_us\":", FILCH__SAMPLE_EVERY_NS / 1000);
    filch__json_raw(json, ",\"pools\":[");
    scribe->follows = false;
    for (const struct filch__trace_pool *pool = info->pools; pool; pool = pool->next)
        write_pool(scribe, pool);
    filch__json_raw(json, "]}");
}

/* ---- filch ---- */

static void write_tracks(struct filch__scribe *scribe)
{
    struct filch__json *json = &scribe->json;
    filch__json_raw(json, "\"tracks\":[");
    scribe->follows = false;
    for (size_t i = 0; i < scribe->replay.lane_count; i++) {
        const struct filch__track *track = scribe->replay.lanes[i].track;
        filch__scribe_element(scribe, "{");
        filch__json_field_u64(json, "\"tid\":", track->number);
        if (track->pool) {
            filch__json_field_u64(json, ",\"pool\":", track->pool);
            filch__json_field_u64(json, ",\"worker\":", track->worker);
        } else {
            filch__json_raw(json, ",\"pool\":null");
        }
        filch__json_field_string(json, ",\"name\":", track->name);
        filch__json_raw(json, "}");
    }
    filch__json_raw(json, "]");
}

static void write_names(struct filch__scribe *scribe)
{
    scribe->follows = false;
    filch__json_raw(&scribe->json, ",\n\"names\":[");
    for (size_t i = 0; i < scribe->names.count; i++) {
        filch__scribe_element(scribe, "");
        filch__json_string(&scribe->json, scribe->names.names[i]);
    }
    filch__json_raw(&scribe->json, "]");
}

/* ---- all of it ---- */

static void write_timeline(struct filch__scribe *scribe)
{
    struct filch__step step;
    filch__scribe_tracks(scribe);
    while (!scribe->json.error && filch__replay_next(&scribe->replay, &step))
        filch__timeline_step(scribe, &step);
    filch__timeline_end(scribe);
}

static void write_log(struct filch__scribe *scribe)
{
    struct filch__step step;
    filch__replay_rewind(&scribe->replay);
    scribe->follows = false;
    filch__json_raw(&scribe->json, ",\n\"log\":[");
    while (!scribe->json.error && filch__replay_next(&scribe->replay, &step))
        filch__tasklog_step(scribe, &step);
    filch__json_raw(&scribe->json, "]");
}

static void write_all(struct filch__scribe *scribe)
{
    struct filch__json *json = &scribe->json;
    /* The threads' names are in the log. Those of tasks are known when the timeline is written. */
    for (size_t i = 0; i < scribe->replay.lane_count; i++)
        filch__names_add(&scribe->names, scribe->replay.lanes[i].track->name);
    filch__json_raw(json, "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[");
    write_timeline(scribe);
    filch__json_raw(json, "],\n\"otherData\":");
    write_other(scribe);
    filch__json_raw(json, ",\n\"filch\":{");
    write_tracks(scribe);
    write_names(scribe);
    write_log(scribe);
    filch__json_raw(json, "}}\n");
}

int filch__trace_json(FILE *out, const struct filch__trace_info *info)
{
    struct filch__scribe *scribe = malloc(sizeof *scribe);
    if (!scribe)
        return -ENOMEM;
    *scribe = (struct filch__scribe){.info = info, .pid = getpid()};
    int r = filch__json_open(&scribe->json, out);
    if (!r) {
        r = filch__replay_open(&scribe->replay, info->last_ns);
        if (!r)
            write_all(scribe);
        if (!r && scribe->replay.no_memory)
            r = -ENOMEM;
        filch__replay_close(&scribe->replay);
        int written = filch__json_close(&scribe->json);
        r = r ? r : written;
    }
    filch__names_free(&scribe->names);
    free(scribe);
    return r;
}
