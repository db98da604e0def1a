/* SPDX-License-Identifier: MIT */
#include "tracejson.h"

#include <stdlib.h>

enum { CHILDREN_MOST = 1 << 16 };

/* ---- pieces of an event ---- */

static void begin_slice(struct filch__scribe *scribe, const char *category, const char *name,
                        const struct filch__lane *lane, uint64_t from_ns, uint64_t to_ns)
{
    filch__scribe_element(scribe, "{\"ph\":\"X\",\"cat\":\"");
    filch__json_raw(&scribe->json, category);
    filch__json_field_string(&scribe->json, "\",\"name\":", name);
    filch__scribe_place(scribe, lane->track->number, from_ns);
    filch__scribe_duration(scribe, to_ns - from_ns);
}

/* ---- slices ---- */

static bool in_task(const struct filch__lane *lane)
{
    return lane->doing == FILCH__DOING_TASK;
}

static void task_slice(struct filch__scribe *scribe, struct filch__lane *lane, uint64_t ns, const char *how,
                       const int64_t *status)
{
    const struct filch__instance *it = lane->shown;
    struct filch__json *json = &scribe->json;
    begin_slice(scribe, "task", filch__scribe_called(scribe, it), lane, lane->since_ns, ns);
    filch__json_field_u64(json, ",\"args\":{\"id\":", it->id);
    filch__json_field_u64(json, ",\"n\":", it->stretches - 1);
    filch__json_field_string(json, ",\"end\":", how);
    if (status) {
        filch__json_field_i64(json, ",\"status\":", *status);
    }
    if (it->stretches == 1 && it->submitted.lane)
        filch__json_field_us(
            json, ",\"queue_us\":", lane->since_ns > it->submitted.ns ? lane->since_ns - it->submitted.ns : 0);
    if (it->stolen)
        filch__json_raw(json, ",\"stolen\":true");
    if (it->parent)
        filch__json_field_u64(json, ",\"parent\":", it->parent);
    if (it->note)
        filch__json_field_string(json, ",\"note\":", it->note);
    filch__json_raw(json, "}}");
}

static void other_slice(struct filch__scribe *scribe, struct filch__lane *lane, uint64_t ns)
{
    static const struct {
        const char *category, *name;
    } shown[] = {
        [FILCH__DOING_SEARCH] = {"worker", "search"}, [FILCH__DOING_PARK] = {"worker", "park"},
        [FILCH__DOING_PERMIT] = {"worker", "permit"}, [FILCH__DOING_BLOCKED] = {"block", "blocked"},
        [FILCH__DOING_OWN] = {"outside", "own time"}, [FILCH__DOING_AWAY] = {"outside", "wait"},
    };
    if (ns <= lane->since_ns || lane->doing <= FILCH__DOING_TASK)
        return;
    begin_slice(scribe, shown[lane->doing].category, shown[lane->doing].name, lane, lane->since_ns, ns);
    if (lane->doing == FILCH__DOING_BLOCKED && lane->shown) {
        filch__json_field_u64(&scribe->json, ",\"args\":{\"id\":", lane->shown->id);
        filch__json_raw(&scribe->json, "}");
    }
    filch__json_raw(&scribe->json, "}");
}

static void show_nothing(struct filch__lane *lane)
{
    if (lane->shown)
        lane->shown->shown_on = NULL;
    lane->shown = NULL;
    lane->doing = FILCH__DOING_NOTHING;
}

static void show_task(struct filch__lane *lane, struct filch__instance *it)
{
    lane->shown = it;
    it->shown_on = lane;
}

/* What the track does is over. */
static void leave(struct filch__scribe *scribe, struct filch__lane *lane, uint64_t ns)
{
    if (in_task(lane))
        task_slice(scribe, lane, ns, "gone", NULL);
    else
        other_slice(scribe, lane, ns);
    if (lane->doing > FILCH__DOING_NOTHING)
        lane->until_ns = ns;
    show_nothing(lane);
}

/* Another track has shown it, where events are missing. */
static void settle(struct filch__scribe *scribe, const struct filch__instance *it, const struct filch__lane *lane)
{
    if (it->shown_on && it->shown_on != lane)
        leave(scribe, it->shown_on, it->shown_on->last_ns);
}

static void enter(struct filch__scribe *scribe, struct filch__lane *lane, enum filch__doing doing, uint64_t ns)
{
    if (lane->doing == doing && doing != FILCH__DOING_TASK)
        return;
    leave(scribe, lane, ns);
    lane->doing = doing;
    lane->since_ns = ns;
}

static void enter_task(struct filch__scribe *scribe, struct filch__lane *lane, struct filch__instance *it, uint64_t ns)
{
    settle(scribe, it, lane);
    enter(scribe, lane, FILCH__DOING_TASK, ns);
    show_task(lane, it);
    it->stretches++;
    lane->child_count = 0;
    lane->child_floor_ns = ns;
}

/* The stretch ends; if its start is not there, it began with the track's first event. */
static void leave_task(struct filch__scribe *scribe, struct filch__lane *lane, struct filch__instance *it, uint64_t ns,
                       const char *how, const int64_t *status)
{
    settle(scribe, it, lane);
    if (lane->doing == FILCH__DOING_UNKNOWN)
        enter_task(scribe, lane, it, lane->first_ns);
    if (in_task(lane) && lane->shown == it) {
        task_slice(scribe, lane, ns, how, status);
        show_nothing(lane);
        lane->until_ns = ns;
    } else {
        leave(scribe, lane, ns);
    }
}

/* A thread outside that tells something for the first time has its own time. */
static void tell_own(struct filch__scribe *scribe, struct filch__lane *lane, uint64_t ns)
{
    if (lane->self && lane->doing == FILCH__DOING_UNKNOWN)
        enter(scribe, lane, FILCH__DOING_OWN, ns);
}

/* Back from a task: a thread outside has its own time again. */
static void go_on(struct filch__scribe *scribe, struct filch__lane *lane, uint64_t ns)
{
    if (lane->self)
        enter(scribe, lane, FILCH__DOING_OWN, ns);
}

/* ---- spawned children ---- */

/* They come in the order of their ends, so one lies behind those before it, or contains them. What would lie across another,
 * or reach out of the stretch, is not shown. */
static bool fits(struct filch__lane *lane, uint64_t from_ns)
{
    size_t count = lane->child_count;
    while (count && lane->children[count - 1].from_ns > from_ns)
        count--;
    if (from_ns <= lane->child_floor_ns || (count && lane->children[count - 1].to_ns > from_ns))
        return false;
    lane->child_count = count;
    return true;
}

/* Keep it in mind; without memory, or when they are too many, nothing before it can contain more. */
static void remember_child(struct filch__lane *lane, struct filch__interval child)
{
    if (lane->child_count == lane->child_room) {
        size_t room = lane->child_room ? 2 * lane->child_room : 64;
        struct filch__interval *larger = room <= CHILDREN_MOST ? realloc(lane->children, room * sizeof *larger) : NULL;
        if (!larger) {
            lane->child_count = 0;
            lane->child_floor_ns = child.to_ns;
            return;
        }
        lane->children = larger;
        lane->child_room = room;
    }
    lane->children[lane->child_count++] = child;
}

static void show_child(struct filch__scribe *scribe, const struct filch__step *step)
{
    struct filch__lane *lane = step->lane;
    uint64_t took_ticks = step->a < step->ticks ? step->a : step->ticks;
    struct filch__interval child = {filch__replay_ns(&scribe->replay, step->ticks - took_ticks), step->ns};
    if (!in_task(lane) || child.from_ns >= child.to_ns || !fits(lane, child.from_ns))
        return;
    uint32_t name = filch__names_of(&scribe->names, step->b, true);
    begin_slice(scribe, "child", filch__names_text(&scribe->names, name), lane, child.from_ns, child.to_ns);
    filch__json_raw(&scribe->json, "}");
    remember_child(lane, child);
}

/* ---- steps ---- */

/* Where on its track something is given away now: in a slice, or at the end of the last one. */
static struct filch__point here(const struct filch__lane *lane, uint64_t ns)
{
    bool in_slice = lane->doing > FILCH__DOING_NOTHING;
    return (struct filch__point){lane, in_slice || !lane->until_ns ? ns : lane->until_ns - 1};
}

static void take_note(struct filch__lane *lane, const struct filch__step *step)
{
    struct filch__instance *it = step->it;
    uint64_t words[2] = {step->a, step->b};
    size_t part = step->detail < sizeof words ? step->detail : sizeof words;
    if (!it || (!it->note && !(it->note = calloc(1, FILCH__NOTE_MOST + 1))))
        return;
    if (step->ticks != lane->note_ticks)
        it->note[0] = '\0'; /* another note: the parts of one have the same time */
    lane->note_ticks = step->ticks;
    size_t length = strlen(it->note);
    if (length + part > FILCH__NOTE_MOST)
        return;
    memcpy(it->note + length, words, part);
    it->note[length + part] = '\0';
}

/* A stolen task is known by its key; a stolen child is what comes next, and what was stolen is its parent's. */
static void show_steal(struct filch__scribe *scribe, struct filch__lane *lane, const struct filch__instance *it)
{
    if (lane->stolen_key == it->key || it->stolen)
        filch__scribe_flow(scribe, "steal", &lane->stolen, lane);
    lane->stolen.lane = NULL;
}

static void start(struct filch__scribe *scribe, const struct filch__step *step)
{
    struct filch__instance *it = step->it;
    struct filch__lane *lane = step->lane;
    if (step->kind == FILCH__EVENT_STOLEN) {
        it->stolen = true;
        it->parent = lane->stolen.lane ? lane->stolen_parent : 0;
    }
    filch__scribe_unsuspend(scribe, it, lane, step->ns);
    enter_task(scribe, lane, it, step->ns);
    filch__scribe_name(scribe, it);
    if (it->ready.lane)
        filch__scribe_flow(scribe, "wake", &it->ready, lane);
    else if (it->stretches == 1)
        filch__scribe_flow(scribe, "submit", &(struct filch__point){it->submitted.lane, it->submitted.ns}, lane);
    show_steal(scribe, lane, it);
}

static void pause(struct filch__scribe *scribe, const struct filch__step *step)
{
    static const char *const how[] = {
        [FILCH__PAUSE_WAIT] = "wait",     [FILCH__PAUSE_YIELD] = "yield", [FILCH__PAUSE_BLOCK] = "block",
        [FILCH__PAUSE_NESTED] = "nested", [FILCH__PAUSE_JOIN] = "wait",
    };
    bool known = step->detail < sizeof how / sizeof how[0];
    step->it->ready.lane = NULL;
    leave_task(scribe, step->lane, step->it, step->ns, known ? how[step->detail] : "wait", NULL);
    if (step->detail == FILCH__PAUSE_BLOCK) {
        enter(scribe, step->lane, FILCH__DOING_BLOCKED, step->ns);
        show_task(step->lane, step->it);
    } else if (step->detail == FILCH__PAUSE_WAIT || step->detail == FILCH__PAUSE_JOIN) {
        filch__scribe_suspend(scribe, step->it, step->detail == FILCH__PAUSE_JOIN ? "sync" : "wait", step);
    }
}

static void steal(struct filch__scribe *scribe, const struct filch__step *step)
{
    struct filch__lane *lane = step->lane;
    const struct filch__lane *victim = filch__replay_worker(&scribe->replay, lane->track->pool, step->a);
    lane->stolen = victim ? here(victim, step->ns) : (struct filch__point){.lane = NULL};
    lane->stolen_key = step->b;
    lane->stolen_parent = step->it ? step->it->id : 0;
}

static void outside(struct filch__scribe *scribe, const struct filch__step *step)
{
    tell_own(scribe, step->lane, step->ns);
    enter(scribe, step->lane, step->a ? FILCH__DOING_OWN : FILCH__DOING_AWAY, step->ns);
}

void filch__timeline_step(struct filch__scribe *scribe, const struct filch__step *step)
{
    struct filch__lane *lane = step->lane;
    int64_t status = (int64_t)step->b;
    filch__scribe_samples(scribe, step->ticks);
    switch (step->kind) {
    case FILCH__EVENT_SUBMIT:
        tell_own(scribe, lane, step->ns);
        step->it->submitted = here(lane, step->ns);
        break;
    case FILCH__EVENT_START:
    case FILCH__EVENT_STOLEN:
    case FILCH__EVENT_RESUME:
        start(scribe, step);
        break;
    case FILCH__EVENT_NOTE:
        take_note(lane, step);
        break;
    case FILCH__EVENT_END:
        leave_task(scribe, lane, step->it, step->ns, "done", &status);
        go_on(scribe, lane, step->ns);
        break;
    case FILCH__EVENT_PAUSE:
        pause(scribe, step);
        break;
    case FILCH__EVENT_AWAITED:
    case FILCH__EVENT_COMPLETE:
        tell_own(scribe, lane, step->ns);
        break;
    case FILCH__EVENT_READY:
    case FILCH__EVENT_AFTER:
        if (step->it)
            step->it->ready = here(lane, step->ns);
        break;
    case FILCH__EVENT_CHILD:
        show_child(scribe, step);
        break;
    case FILCH__EVENT_STEAL:
        steal(scribe, step);
        break;
    case FILCH__EVENT_SEARCH:
        enter(scribe, lane, FILCH__DOING_SEARCH, step->ns);
        break;
    case FILCH__EVENT_PARK:
        enter(scribe, lane, FILCH__DOING_PARK, step->ns);
        break;
    case FILCH__EVENT_PERMIT:
        enter(scribe, lane, FILCH__DOING_PERMIT, step->ns);
        break;
    case FILCH__EVENT_FOUND:
        leave(scribe, lane, step->ns);
        break;
    case FILCH__EVENT_OUTSIDE:
        outside(scribe, step);
        break;
    default:
        break;
    }
}

/* ---- the end ---- */

static void end_suspension(struct filch__instance *instance, void *ctx)
{
    struct filch__scribe *scribe = ctx;
    filch__scribe_unsuspend(scribe, instance, instance->suspended_on, filch__replay_end_ns(&scribe->replay));
}

void filch__timeline_end(struct filch__scribe *scribe)
{
    uint64_t end_ns = filch__replay_end_ns(&scribe->replay);
    filch__scribe_samples(scribe, UINT64_MAX);
    for (size_t i = 0; i < scribe->replay.lane_count; i++) {
        struct filch__lane *lane = &scribe->replay.lanes[i];
        /* Nothing is known of what came after the last event, if more could not be written, or its thread has ended. */
        bool blind = filch__ring_lost(&lane->track->ring) || !filch__load_relaxed(&lane->track->tid);
        leave(scribe, lane, blind ? lane->last_ns : end_ns);
    }
    filch__instances_visit(&scribe->replay.instances, end_suspension, scribe);
}
