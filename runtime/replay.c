/* SPDX-License-Identifier: MIT */
#include "replay.h"

#include <errno.h>
#include <stdlib.h>

enum { PIECE = 512 }; /* events of a track that are read at once */

/* ---- time ---- */

static uint64_t duration_ns(const struct filch__replay *replay, uint64_t ticks)
{
    return (uint64_t)((double)ticks * replay->ns_per_tick);
}

uint64_t filch__replay_ns(const struct filch__replay *replay, uint64_t ticks)
{
    uint64_t begin = replay->times.begin_ticks;
    return ticks > begin ? duration_ns(replay, ticks - begin) : 0;
}

uint64_t filch__replay_end_ns(const struct filch__replay *replay)
{
    return filch__replay_ns(replay, replay->times.end_ticks);
}

static void set_times(struct filch__replay *replay, uint64_t last_ns)
{
    const struct filch__trace_times times = replay->times = filch__trace_times();
    uint64_t ticks = times.end_ticks - times.begin_ticks, ns = times.end_ns - times.begin_ns;
    replay->ns_per_tick = ticks ? (double)ns / (double)ticks : 1;
    if (last_ns && last_ns < ns)
        replay->oldest_ticks = times.end_ticks - (uint64_t)((double)last_ns / replay->ns_per_tick);
}

/* ---- reading tracks ---- */

/* All that is there now, as its writer will run over it. */
static bool copy(struct filch__lane *lane)
{
    const struct filch__ring *ring = &lane->track->ring;
    uint64_t written = filch__load_acquire(&ring->head) - filch__load_relaxed(&ring->first);
    lane->room = (size_t)(written < ring->capacity ? written : ring->capacity);
    lane->buffer = malloc((lane->room + 1) * sizeof *lane->buffer);
    if (!lane->buffer)
        return false;
    size_t read;
    while (
        (read = filch__ring_read(ring, &lane->at, lane->buffer + lane->count, lane->room - lane->count, &lane->lost)))
        lane->count += read;
    return true;
}

/* Are there events left in the buffer? Else more are read. */
static bool fill(const struct filch__replay *replay, struct filch__lane *lane)
{
    if (lane->next < lane->count)
        return true;
    if (replay->copies)
        return false;
    lane->next = 0;
    lane->count = filch__ring_read(&lane->track->ring, &lane->at, lane->buffer, PIECE, &lane->lost);
    return lane->count > 0;
}

/* The next event stands at buffer[next]; false: there is none. A second replay goes as far as the first one. */
static bool advance(const struct filch__replay *replay, struct filch__lane *lane)
{
    if (replay->again && lane->consumed == lane->total)
        return false;
    while (fill(replay, lane)) {
        uint64_t ticks = lane->buffer[lane->next].ticks;
        if (ticks > replay->times.end_ticks)
            return false;
        if (ticks >= replay->oldest_ticks) {
            lane->ticks = ticks > lane->ticks ? ticks : lane->ticks;
            return true;
        }
        lane->next++;
        lane->too_old += !replay->again;
    }
    return false;
}

/* Is it about what another track has told before, perhaps in the same tick? */
static bool follows(const struct filch__lane *lane)
{
    uint64_t kind = lane->buffer[lane->next].head & 0xff;
    return kind == FILCH__EVENT_START || kind == FILCH__EVENT_STOLEN || kind == FILCH__EVENT_RESUME ||
           kind == FILCH__EVENT_AWAITED || kind == FILCH__EVENT_JOIN;
}

static bool earlier(const struct filch__lane *a, const struct filch__lane *b)
{
    if (a->ticks != b->ticks)
        return a->ticks < b->ticks;
    return follows(a) != follows(b) ? follows(b) : a->track->number < b->track->number;
}

static void sift_down(struct filch__replay *replay, size_t at)
{
    struct filch__lane **heap = replay->heap, *lane = heap[at];
    for (size_t child; (child = 2 * at + 1) < replay->heap_count; at = child) {
        if (child + 1 < replay->heap_count && earlier(heap[child + 1], heap[child]))
            child++;
        if (!earlier(heap[child], lane))
            break;
        heap[at] = heap[child];
    }
    heap[at] = lane;
}

static void build_heap(struct filch__replay *replay)
{
    replay->heap_count = 0;
    for (size_t i = 0; i < replay->lane_count; i++)
        if (advance(replay, &replay->lanes[i]))
            replay->heap[replay->heap_count++] = &replay->lanes[i];
    for (size_t i = replay->heap_count / 2; i-- > 0;)
        sift_down(replay, i);
}

uint64_t filch__replay_next_ticks(const struct filch__replay *replay)
{
    return replay->heap_count ? replay->heap[0]->ticks : UINT64_MAX;
}

/* The earliest event, which is then behind; its lane. */
static struct filch__lane *take(struct filch__replay *replay, struct filch__event *event)
{
    struct filch__lane *lane = replay->heap[0];
    *event = lane->buffer[lane->next++];
    event->ticks = lane->ticks;
    lane->consumed++;
    if (!advance(replay, lane))
        replay->heap[0] = replay->heap[--replay->heap_count];
    if (replay->heap_count)
        sift_down(replay, 0);
    return lane;
}

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
        step->depth_ns = duration_ns(replay, step->b);
        step->spawned_ns = lane->spawned_ns;
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
        lane->work_ns = duration_ns(replay, event->a);
        lane->span_ns = duration_ns(replay, event->b);
        return false;
    }
    if (step->kind == FILCH__EVENT_SPAWNED) {
        lane->spawned_ns = duration_ns(replay, event->b);
        return false;
    }
    if (step->kind == FILCH__EVENT_OUTSIDE && event->a)
        own_start(lane, ns);
    step->by = lane->running ? lane->running : lane->self;
    step->depth_ns = lane->running ? duration_ns(replay, event->b) : own_depth(lane, ns);
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
        if (!replay->heap_count || replay->no_memory)
            return false;
        lane = take(replay, &event);
    } while (!make_step(replay, lane, &event, step));
    return !replay->no_memory;
}

/* ---- begin and end ---- */

static void count_track(struct filch__track *track, void *count)
{
    (void)track;
    ++*(size_t *)count;
}

struct gathering {
    struct filch__replay *replay;
    size_t room;
};

static void add_track(struct filch__track *track, void *ctx)
{
    struct gathering *gathering = ctx;
    struct filch__replay *replay = gathering->replay;
    if (replay->lane_count == gathering->room) /* it is newer than the count */
        return;
    struct filch__lane *lane = &replay->lanes[replay->lane_count++];
    *lane = (struct filch__lane){.track = track};
    uint64_t *by_number = filch__map_get(&replay->by_number, track->number), *by_worker = NULL;
    if (by_number)
        *by_number = replay->lane_count;
    if (track->pool) {
        by_worker = filch__map_get(&replay->by_worker, track->pool << 16 | (track->worker + 1));
        if (by_worker)
            *by_worker = replay->lane_count;
    }
    bool has_buffer = replay->copies ? copy(lane) : (lane->buffer = malloc(PIECE * sizeof *lane->buffer)) != NULL;
    replay->no_memory |= !by_number || (track->pool && !by_worker) || !has_buffer;
}

int filch__replay_open(struct filch__replay *replay, bool wraps, uint64_t last_ns)
{
    struct gathering gathering = {.replay = replay};
    *replay = (struct filch__replay){.copies = wraps};
    set_times(replay, last_ns);
    filch__trace_visit(count_track, &gathering.room);
    replay->lanes = malloc((gathering.room + 1) * sizeof *replay->lanes);
    replay->heap = malloc((gathering.room + 1) * sizeof(struct filch__lane *));
    if (!replay->lanes || !replay->heap)
        return -ENOMEM;
    filch__trace_visit(add_track, &gathering);
    if (replay->no_memory)
        return -ENOMEM;
    build_heap(replay);
    return 0;
}

void filch__replay_rewind(struct filch__replay *replay)
{
    filch__instances_free(&replay->instances);
    for (size_t i = 0; i < replay->lane_count; i++) {
        struct filch__lane *lane = &replay->lanes[i], before = *lane;
        free(lane->children);
        *lane = (struct filch__lane){.track = before.track, .buffer = before.buffer, .room = before.room};
        lane->count = replay->copies ? before.count : 0;
        lane->lost = before.lost;
        lane->too_old = before.too_old;
        lane->total = replay->again ? before.total : before.consumed;
    }
    replay->again = true;
    build_heap(replay);
}

void filch__replay_close(struct filch__replay *replay)
{
    filch__instances_free(&replay->instances);
    for (size_t i = 0; i < replay->lane_count; i++) {
        free(replay->lanes[i].buffer);
        free(replay->lanes[i].children);
    }
    free(replay->lanes);
    free(replay->heap);
    filch__map_free(&replay->by_number);
    filch__map_free(&replay->by_worker);
}

uint64_t filch__replay_dropped(const struct filch__replay *replay)
{
    uint64_t dropped = filch__trace_lost();
    for (size_t i = 0; i < replay->lane_count; i++)
        dropped += replay->lanes[i].lost + replay->lanes[i].too_old;
    return dropped;
}

static struct filch__lane *lane_at(const struct filch__replay *replay, const uint64_t *index)
{
    return index && *index ? &replay->lanes[*index - 1] : NULL;
}

struct filch__lane *filch__replay_lane(const struct filch__replay *replay, uint32_t track_number)
{
    return lane_at(replay, filch__map_find(&replay->by_number, track_number));
}

struct filch__lane *filch__replay_worker(const struct filch__replay *replay, uint64_t pool, uint64_t worker)
{
    return lane_at(replay, filch__map_find(&replay->by_worker, pool << 16 | (worker + 1)));
}
