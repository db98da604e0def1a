/* SPDX-License-Identifier: MIT */
#include "replay.h"

/* ---- whom an event is about ---- */

static struct filch__instance *new_instance(struct filch__replay *replay, uint64_t key)
{
    struct filch__instance *instance = filch__instances_new(&replay->instances, key);
    replay->no_memory |= !instance;
    return instance;
}

/* The one that the key means, if it is in such a state; else a new one. */
static struct filch__instance *in_state(struct filch__replay *replay, uint64_t key, unsigned states)
{
    struct filch__instance *it;
    filch__instances_find(&replay->instances, key, &it);
    return it && states & 1u << it->state ? it : new_instance(replay, key);
}

enum {
    NAMED = 1u << FILCH__INSTANCE_NAMED,
    NOT_STARTED = NAMED | 1u << FILCH__INSTANCE_SUBMITTED,
    STARTED = 1u << FILCH__INSTANCE_RUNNING | 1u << FILCH__INSTANCE_PAUSED,
};

/* What runs on the track; without its start, what the key means. */
static struct filch__instance *on_track(struct filch__replay *replay, const struct filch__lane *lane, uint64_t key)
{
    return lane->running && lane->running->key == key ? lane->running : in_state(replay, key, STARTED);
}

static uint64_t number_of(const struct filch__replay *replay, uint64_t key)
{
    struct filch__instance *it;
    return filch__instances_find(&replay->instances, key, &it);
}

static void set_label(struct filch__instance *it, uint64_t label, bool code)
{
    if (!it || !label)
        return;
    it->label = label;
    it->code = code;
}

/* ---- a thread's own time ---- */

static void own_stop(struct filch__lane *lane, uint64_t ns)
{
    if (lane->own_since_ns != UINT64_MAX)
        lane->own_ns += ns - lane->own_since_ns;
    lane->own_since_ns = UINT64_MAX;
}

static void own_start(struct filch__lane *lane, uint64_t ns)
{
    if (lane->self && lane->own_since_ns == UINT64_MAX)
        lane->own_since_ns = ns;
}

/* ---- events ---- */

/* It runs on no track any more, be it another one where events are missing. */
static void stop(struct filch__step *step)
{
    struct filch__instance *it = step->it, *before = step->lane->running;
    if (before)
        before->on = NULL;
    step->lane->running = NULL;
    if (it && it->on)
        it->on->running = NULL;
    if (it)
        it->on = NULL;
}

static void run(struct filch__step *step)
{
    struct filch__lane *lane = step->lane;
    stop(step);
    own_stop(lane, step->ns);
    if (!step->it)
        return;
    lane->running = step->it;
    step->it->on = lane;
    step->it->state = FILCH__INSTANCE_RUNNING;
    set_label(step->it, step->b, step->detail & FILCH__EVENT_CODE);
}

/* A name that follows at once is the task's from its start. */
static void look_for_label(const struct filch__lane *lane, struct filch__instance *it)
{
    const struct filch__event *next = lane->next < lane->count ? &lane->buffer[lane->next] : NULL;
    if (next && it && (next->head & 0xff) == FILCH__EVENT_LABEL && next->a == it->key)
        set_label(it, next->b, next->head >> 8 & FILCH__EVENT_CODE);
}

/* Who has joined a child goes on with the next event. */
static struct filch__instance *next_resumed(struct filch__replay *replay, const struct filch__lane *lane)
{
    const struct filch__event *next = lane->next < lane->count ? &lane->buffer[lane->next] : NULL;
    return next && (next->head & 0xff) == FILCH__EVENT_RESUME ? in_state(replay, next->a, STARTED) : NULL;
}

static void end(struct filch__replay *replay, struct filch__step *step)
{
    struct filch__lane *lane = step->lane;
    step->work_ns = lane->work_ns;
    step->depth_ns = lane->span_ns;
    lane->work_ns = lane->span_ns = 0;
    stop(step);
    own_start(lane, step->ns);
    if (step->it)
        filch__instances_end(&replay->instances, step->it);
}

static void complete(struct filch__replay *replay, struct filch__step *step)
{
    step->it = in_state(replay, step->a, NAMED);
    if (!step->it)
        return;
    step->other = step->it->id;
    filch__instances_end(&replay->instances, step->it);
}

static void await(struct filch__replay *replay, struct filch__step *step)
{
    step->other = filch__instances_find(&replay->instances, step->a, &step->it);
    step->meets = step->it && step->it->state == FILCH__INSTANCE_NAMED;
    if (step->meets)
        filch__instances_end(&replay->instances, step->it);
}

static void resolve(struct filch__replay *replay, struct filch__step *step)
{
    struct filch__lane *lane = step->lane;
    switch (step->kind) {
    case FILCH__EVENT_SUBMIT:
        step->it = in_state(replay, step->a, NAMED);
        if (step->it)
            step->it->state = FILCH__INSTANCE_SUBMITTED;
        break;
    case FILCH__EVENT_START:
    case FILCH__EVENT_STOLEN:
        step->it = in_state(replay, step->a, NOT_STARTED);
        run(step);
        look_for_label(lane, step->it);
        break;
    case FILCH__EVENT_RESUME:
        step->it = in_state(replay, step->a, STARTED);
        run(step);
        break;
    case FILCH__EVENT_LABEL:
        step->it = on_track(replay, lane, step->a);
        set_label(step->it, step->b, step->detail & FILCH__EVENT_CODE);
        break;
    case FILCH__EVENT_END:
        step->it = on_track(replay, lane, step->a);
        end(replay, step);
        break;
    case FILCH__EVENT_DROP:
        step->it = in_state(replay, step->a, NOT_STARTED);
        if (step->it)
            filch__instances_end(&replay->instances, step->it);
        break;
    case FILCH__EVENT_PAUSE:
        step->it = on_track(replay, lane, step->a);
        if (step->it)
            step->it->state = FILCH__INSTANCE_PAUSED;
        stop(step);
        break;
    case FILCH__EVENT_AWAITED:
        await(replay, step);
        break;
    case FILCH__EVENT_AFTER:
        step->it = in_state(replay, step->a, NOT_STARTED);
        step->other = number_of(replay, step->b);
        break;
    case FILCH__EVENT_READY:
        filch__instances_find(&replay->instances, step->a, &step->it);
        break;
    case FILCH__EVENT_STEAL:
        filch__instances_find(&replay->instances, step->b, &step->it);
        break;
    case FILCH__EVENT_COMPLETE:
        complete(replay, step);
        break;
    case FILCH__EVENT_JOIN:
        step->other = number_of(replay, step->a);
        step->it = step->by = next_resumed(replay, lane);
        step->depth_ns = filch__replay_duration_ns(replay, step->b);
        step->spawned_ns = lane->spawned_ns;
        break;
    case FILCH__EVENT_MERGED:
        step->it = step->by;
        step->after_ns = step->depth_ns;
        step->depth_ns = filch__replay_duration_ns(replay, step->a);
        step->spawned_ns = lane->spawned_ns;
        step->forked_ns = lane->forked_ns;
        break;
    default:
        step->it = lane->running;
        break;
    }
}

/* A thread outside becomes an instance with its first event. */
static void begin_lane(struct filch__replay *replay, struct filch__lane *lane, uint64_t ns)
{
    if (lane->begun)
        return;
    lane->begun = true;
    lane->first_ns = ns;
    lane->own_since_ns = UINT64_MAX;
    if (lane->track->pool)
        return;
    lane->self = new_instance(replay, (uintptr_t)lane->track);
    own_start(lane, ns);
}

static uint64_t own_depth(const struct filch__lane *lane, uint64_t ns)
{
    return lane->own_ns + (lane->own_since_ns == UINT64_MAX ? 0 : ns - lane->own_since_ns);
}

/* False: the event is a part of the next step. */
static bool make_step(struct filch__replay *replay, struct filch__lane *lane, const struct filch__event *event,
                      struct filch__step *step)
{
    uint64_t ns = filch__replay_ns(replay, event->ticks);
    *step = (struct filch__step){.kind = event->head & 0xff,
                                 .detail = event->head >> 8 & 0xff,
                                 .ns = ns,
                                 .ticks = event->ticks,
                                 .a = event->a,
                                 .b = event->b,
                                 .lane = lane};
    begin_lane(replay, lane, ns);
    lane->last_ns = ns;
    if (step->kind == FILCH__EVENT_WORK) {
        lane->work_ns = filch__replay_duration_ns(replay, event->a);
        lane->span_ns = filch__replay_duration_ns(replay, event->b);
        return false;
    }
    if (step->kind == FILCH__EVENT_SPAWNED) {
        lane->spawned_ns = filch__replay_duration_ns(replay, event->b);
        return false;
    }
    if (step->kind == FILCH__EVENT_FORKED) {
        lane->forked_ns = filch__replay_ns(replay, event->a);
        lane->spawned_ns = filch__replay_duration_ns(replay, event->b);
        return false;
    }
    if (step->kind == FILCH__EVENT_OUTSIDE && event->a)
        own_start(lane, ns);
    step->by = lane->running ? lane->running : lane->self;
    step->depth_ns = lane->running ? filch__replay_duration_ns(replay, event->b) : own_depth(lane, ns);
    if (step->kind == FILCH__EVENT_OUTSIDE && !event->a)
        own_stop(lane, ns);
    resolve(replay, step);
    return true;
}

bool filch__replay_next(struct filch__replay *replay, struct filch__step *step)
{
    struct filch__event event;
    struct filch__lane *lane;
    filch__instances_sweep(&replay->instances);
    do {
        lane = replay->no_memory ? NULL : filch__replay_take(replay, &event);
        if (!lane)
            return false;
    } while (!make_step(replay, lane, &event, step));
    return !replay->no_memory;
}
