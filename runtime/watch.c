/* SPDX-License-Identifier: MIT */
#include "watch.h"

#include "peek.h"

#include <stdio.h>
#include <string.h>

enum { SILENCE_US = 25 };

static uint64_t since(uint64_t then_ns, uint64_t now_ns)
{
    return now_ns > then_ns ? now_ns - then_ns : 0;
}

/* ---- tracks ---- */

/* Who looks on as this strand runs: its worker, or the thread itself. NULL: no room, counted. */
static struct filch__track *track_of(const struct filch__strand *strand)
{
    struct filch__worker *worker = strand ? strand->worker : NULL;
    if (!worker)
        return filch__trace_outside();
    if (filch__trace_attached(worker->track))
        return worker->track;
    char name[sizeof worker->track->name];
    snprintf(name, sizeof name, "%.9s/%u", worker->pool->name, worker->id);
    return filch__trace_attach(&worker->track, worker->pool->number, worker->id, name) ? worker->track : NULL;
}

/* A thread outside is known by what it tells. Of a longer silence only that part is its own time in which it had a processor;
 * in the rest it has waited for something else than filch, as in poll. To ask costs as much as forty events, so what is shorter
 * counts as its own. */
static filch__cold void ask_silence(struct filch__track *track, uint64_t now, uint64_t ticks_per_us)
{
    uint64_t cpu_ns = filch__peek_cpu_ns(track->tid), used_ns = since(track->asked_cpu_ns, cpu_ns);
    uint64_t before = track->told_ticks - track->asked_ticks, used = used_ns * ticks_per_us / 1000;
    uint64_t own = used > before ? used - before : 0, silence = now - track->told_ticks;
    if (track->told_ticks && own < silence) {
        filch__trace_put(track, track->told_ticks + own, FILCH__EVENT_OUTSIDE, 0, 0, 0, 0);
        filch__trace_put(track, now, FILCH__EVENT_OUTSIDE, 0, 0, 1, 0);
    }
    track->asked_ticks = now;
    track->asked_cpu_ns = cpu_ns;
}

static void break_silence(struct filch__track *track, uint64_t now)
{
    uint64_t ticks_per_us = filch__load_relaxed(&filch__trace_ticks_per_us);
    if (now > track->told_ticks + SILENCE_US * ticks_per_us)
        ask_silence(track, now, ticks_per_us);
    track->told_ticks = now;
}

static void put(const struct filch__strand *strand, uint64_t ticks, enum filch__event_kind kind, unsigned detail,
                uint64_t a, uint64_t b)
{
    /* What was watched when a session ended tells on for a while: to nobody, and without asking for a track. */
    struct filch__track *track = filch__trace_on() ? track_of(strand) : NULL;
    if (!track)
        return;
    if (!track->pool && (!strand || !strand->task))
        break_silence(track, ticks);
    filch__trace_put(track, ticks, kind, detail, strand ? strand->id : 0, a, b);
}

/* With what names the task: a string, or where there is none its code. */
static void put_named(const struct filch__strand *strand, uint64_t ticks, enum filch__event_kind kind, uint64_t key)
{
    const char *label = filch__load_relaxed(&strand->label);
    filch_fn *fn = filch__load_relaxed(&strand->fn);
    put(strand, ticks, kind, label ? 0 : FILCH__EVENT_CODE, key, label ? (uintptr_t)label : (uintptr_t)fn);
}

/* ---- spans ---- */

/* Count what has been worked since the last time; the tick. */
static uint64_t account(struct filch__span *span)
{
    uint64_t now = filch__os_ticks(), passed = now > span->last ? now - span->last : 0;
    span->work += passed;
    span->span += passed;
    span->last = now;
    return now;
}

/* It has waited at its present span. */
static void meet(struct filch__span *span)
{
    uint64_t at = span->span | 1; /* 0 is none */
    if (at > span->met)
        span->met = at;
}

static uint64_t *note_of(struct filch__strand *strand, const struct filch__slot *slot)
{
    return &strand->forks.spawned[slot - strand->forks.base];
}

/* Spans are noted with bit 0 saying whether the child's data is a record: a sync clears the slot's mark before it asks. */
void filch__watch_spawn(struct filch__strand *strand, const struct filch__slot *slot)
{
    account(&strand->span);
    *note_of(strand, slot) = strand->span.span << 1 | (slot->mark & FILCH__MARK_LARGE ? 1 : 0);
}

bool filch__watch_child_begin(struct filch__strand *strand, const struct filch__slot *slot,
                              struct filch__watched_child *child)
{
    struct filch__span *span = &strand->span;
    uint64_t note = *note_of(strand, slot);
    child->begin = account(span);
    child->after = span->span;
    child->pauses = span->pauses;
    child->met = span->met;
    span->met = 0;
    span->span = child->from = note >> 1;
    return note & 1;
}

void filch__watch_child_end(struct filch__strand *strand, const struct filch__watched_child *child, uintptr_t run)
{
    struct filch__span *span = &strand->span;
    uint64_t now = account(span);
    /* Waits are told by the span at which they were. Where one lies beyond the spawn, be it the child's or its parent's, the
     * reader has to be told as well which of the two it holds back. */
    if (span->key && (span->met || (child->met && child->met >= child->from))) {
        put(strand, now, FILCH__EVENT_FORKED, 0, child->begin, child->from);
        put(strand, now, FILCH__EVENT_MERGED, 0, span->span, child->after);
    }
    if (child->after > span->span)
        span->span = child->after;
    if (child->met > span->met)
        span->met = child->met;
    /* One that was interrupted would not lie in one stretch of its task; short ones are too many to be kept. */
    if (span->key && span->pauses == child->pauses &&
        now - child->begin >= filch__load_relaxed(&filch__trace_ticks_per_us))
        put(strand, now, FILCH__EVENT_CHILD, 0, now - child->begin, run);
}

/* ---- tasks ---- */

static void set_watch(struct filch_pool *pool, uint32_t bit, bool on)
{
    uint32_t watch = filch__load_relaxed(&pool->watch);
    while (!filch__cas_relaxed(&pool->watch, &watch, on ? watch | bit : watch & ~bit))
        ;
}

void filch__watch_trace(struct filch_pool *pool, bool on)
{
    set_watch(pool, FILCH__WATCH_TRACE, on);
}

void filch__watch_sample_slow(struct filch_pool *pool)
{
    set_watch(pool, FILCH__WATCH_SAMPLE, true);
}

void filch__watch_submit_slow(struct filch_pool *pool, struct filch_future *future)
{
    uint32_t watch = filch__load_relaxed(&pool->watch);
    if (watch & FILCH__WATCH_SAMPLE)
        set_watch(pool, FILCH__WATCH_SAMPLE, false);
    /* What an earlier run has reported is kept there until it is freed. */
    if (!(future->priv.flags & FILCH__FUTURE_KEEP_REPORTS) && !future->priv.lines) {
        future->priv.flags |= FILCH__FUTURE_STAMPED;
        future->priv.lines = (void *)(uintptr_t)filch__os_now_ns();
    }
    if (watch & FILCH__WATCH_TRACE)
        filch__watch_event_slow(FILCH__EVENT_SUBMIT, (uintptr_t)future);
}

static void add(const struct filch__strand *strand, enum filch_latency latency, uint64_t ns)
{
    if (strand && strand->worker)
        filch__histogram_add(&strand->worker->meters->latency[latency], ns);
}

/* What runs on the strand now is another instance; the one before goes on when this has ended. */
static void begin(struct filch__strand *strand, uint64_t key, struct filch__watched *watched)
{
    watched->on = true;
    watched->nested = strand->watched;
    if (watched->nested) {
        watched->outer = strand->span;
        if (strand->span.key && !strand->span.joining)
            put(strand, account(&strand->span), FILCH__EVENT_PAUSE, FILCH__PAUSE_NESTED, strand->span.key,
                strand->span.span);
    }
    filch__store_relaxed(&strand->forks.spawner, key);
    strand->span = (struct filch__span){.key = key, .last = key ? filch__os_ticks_after() : 0};
    strand->watched = true;
}

void filch__watch_begin_slow(struct filch__strand *strand, struct filch_future *future, struct filch__watched *watched)
{
    if (watched->on)
        return; /* inside another one, it has begun already */
    bool stamped = future->priv.flags & FILCH__FUTURE_STAMPED;
    uint64_t submitted_ns = stamped ? (uint64_t)(uintptr_t)future->priv.lines : 0;
    /* What carries the nodes of a graph is no task of its user's. */
    bool traced = filch__traces(strand->pool) && !(future->priv.flags & FILCH__FUTURE_UNCOUNTED);
    if (!stamped && !traced && !strand->watched)
        return; /* a task inside another one, and neither is watched */
    begin(strand, traced ? (uintptr_t)future : 0, watched);
    if (stamped) {
        future->priv.lines = NULL;
        strand->span.started_ns = filch__os_now_ns();
        add(strand, FILCH_LATENCY_QUEUE, since(submitted_ns, strand->span.started_ns));
    }
    if (traced)
        put_named(strand, strand->span.last, FILCH__EVENT_START, strand->span.key);
}

void filch__watch_begin_part_slow(struct filch__strand *strand, uint64_t key, struct filch__watched *watched)
{
    begin(strand, key, watched);
    put_named(strand, strand->span.last, FILCH__EVENT_START, key);
}

void filch__watch_begin_loot_slow(struct filch__strand *strand, const struct filch__loot *loot,
                                  struct filch__watched *watched)
{
    const struct filch__slot *slot = loot->slot;
    begin(strand, (uintptr_t)slot, watched);
    put(strand, strand->span.last, FILCH__EVENT_STOLEN, FILCH__EVENT_CODE, (uintptr_t)slot, slot->run);
}

void filch__watch_end_slow(struct filch__strand *strand, int status, const struct filch__watched *watched)
{
    struct filch__span *span = &strand->span;
    if (span->started_ns) {
        uint64_t ran_ns = since(span->started_ns, filch__os_now_ns());
        add(strand, FILCH_LATENCY_RUN, ran_ns > span->waited_ns ? ran_ns - span->waited_ns : 0);
    }
    if (span->key) {
        uint64_t now = account(span);
        put(strand, now, FILCH__EVENT_WORK, 0, span->work, span->span);
        put(strand, now, FILCH__EVENT_END, 0, span->key, (uint64_t)(int64_t)status);
    }
    strand->watched = watched->nested;
    *span = watched->nested ? watched->outer : (struct filch__span){0};
    filch__store_relaxed(&strand->forks.spawner, span->key);
    if (watched->nested && span->key) {
        span->last = filch__os_ticks();
        if (!span->joining) /* the strand still says what the inner one's name is */
            put(strand, span->last, FILCH__EVENT_RESUME, 0, span->key, 0);
    }
}

void filch__watch_drop_slow(struct filch_pool *pool, struct filch_future *future, int status)
{
    future->priv.lines = NULL;
    if (filch__traces(pool))
        put(filch__strand_current(), filch__os_ticks(), FILCH__EVENT_DROP, 0, (uintptr_t)future,
            (uint64_t)(int64_t)status);
}

void filch__watch_label_slow(struct filch__strand *strand)
{
    if (strand->span.key)
        put_named(strand, filch__os_ticks(), FILCH__EVENT_LABEL, strand->span.key);
}

void filch__watch_note(const char *text)
{
    struct filch__strand *strand = filch__trace_on() ? filch__strand_current() : NULL;
    if (!strand || !strand->span.key)
        return;
    size_t length = strnlen(text, FILCH__NOTE_MOST), done = 0;
    uint64_t ticks = filch__os_ticks();
    do {
        uint64_t words[2] = {0};
        size_t part = length - done < sizeof words ? length - done : sizeof words;
        memcpy(words, text + done, part);
        put(strand, ticks, FILCH__EVENT_NOTE, (unsigned)part, words[0], words[1]);
        done += part;
    } while (done < length);
}

/* ---- waits ---- */

void filch__watch_pause_slow(struct filch__strand *strand, enum filch__pause why)
{
    struct filch__span *span = &strand->span;
    if (++span->pauses > FILCH__SAMPLE_WAITS && strand->watched && !span->key) {
        strand->watched = false; /* it is mostly waits: measuring all of them would cost more than a sample may */
        span->started_ns = 0;
        return;
    }
    span->paused_ns = filch__os_now_ns();
    span->ready_ns = 0;
    if (span->key && !span->joining)
        put(strand, account(span), FILCH__EVENT_PAUSE, why, span->key, span->span);
}

void filch__watch_resume_slow(struct filch__strand *strand, enum filch__pause why)
{
    struct filch__span *span = &strand->span;
    uint64_t now_ns = filch__os_now_ns(), waited_ns = since(span->paused_ns, now_ns);
    if (why == FILCH__PAUSE_WAIT)
        add(strand, FILCH_LATENCY_SUSPENSION, waited_ns);
    if (span->ready_ns)
        add(strand, FILCH_LATENCY_WAKE, since(span->ready_ns, now_ns));
    span->waited_ns += waited_ns;
    span->paused_ns = 0;
    if (!span->key || span->joining)
        return;
    span->last = filch__os_ticks_after();
    put_named(strand, span->last, FILCH__EVENT_RESUME, span->key);
}

void filch__watch_ready_slow(struct filch__strand *strand)
{
    strand->span.ready_ns = filch__os_now_ns();
    if (strand->span.key && filch__traces(strand->pool))
        put(filch__strand_current(), filch__os_ticks(), FILCH__EVENT_READY, 0, strand->span.key, 0);
}

void filch__watch_join_begin_slow(struct filch__strand *strand)
{
    struct filch__span *span = &strand->span;
    if (!span->key || span->joining++)
        return;
    span->pauses++;
    put(strand, account(span), FILCH__EVENT_PAUSE, FILCH__PAUSE_JOIN, span->key, span->span);
}

void filch__watch_join_end_slow(struct filch__strand *strand, const struct filch__slot *slot)
{
    struct filch__span *span = &strand->span;
    if (!span->key || !span->joining)
        return;
    span->joining--;
    span->last = filch__os_ticks_after();
    if (strand->forks.watched)
        put(strand, span->last, FILCH__EVENT_SPAWNED, 0, (uintptr_t)slot, *note_of(strand, slot) >> 1);
    meet(span);
    put(strand, span->last, FILCH__EVENT_JOIN, 0, (uintptr_t)slot, span->span);
    put_named(strand, span->last, FILCH__EVENT_RESUME, span->key);
}

void filch__watch_gate_slow(uint64_t since_ns)
{
    add(filch__strand_current(), FILCH_LATENCY_GATE, since(since_ns, filch__os_now_ns()));
}

/* ---- edges, and what workers do ---- */

void filch__watch_event_slow(enum filch__event_kind kind, uint64_t a)
{
    struct filch__strand *strand = filch__strand_current();
    if (strand && strand->span.key) {
        /* In a call that blocks, or around a stolen child's wait, time is nobody's. */
        bool runs = !strand->span.paused_ns && !strand->span.joining;
        uint64_t now = runs ? account(&strand->span) : filch__os_ticks();
        if (runs && kind == FILCH__EVENT_AWAITED)
            meet(&strand->span);
        put(strand, now, kind, 0, a, strand->span.span);
    } else {
        put(strand, filch__os_ticks(), kind, 0, a, 0);
    }
}

void filch__watch_edge_slow(const void *to, const void *from)
{
    put(filch__strand_current(), filch__os_ticks(), FILCH__EVENT_AFTER, 0, (uintptr_t)to, (uintptr_t)from);
}

void filch__watch_worker_slow(struct filch__worker *worker, enum filch__event_kind kind, uint64_t a, uint64_t b)
{
    put(&worker->native, filch__os_ticks(), kind, 0, a, b);
}
