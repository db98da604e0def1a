/* SPDX-License-Identifier: MIT */
#include "replay.h"

#include <errno.h>
#include <stdlib.h>

enum { PIECE = 512 }; /* events of a track that are read at once */

/* ---- time ---- */

uint64_t filch__replay_duration_ns(const struct filch__replay *replay, uint64_t ticks)
{
    return (uint64_t)((double)ticks * replay->ns_per_tick);
}

uint64_t filch__replay_ns(const struct filch__replay *replay, uint64_t ticks)
{
    uint64_t begin = replay->times.begin_ticks;
    return ticks > begin ? filch__replay_duration_ns(replay, ticks - begin) : 0;
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

struct filch__lane *filch__replay_take(struct filch__replay *replay, struct filch__event *event)
{
    if (!replay->heap_count)
        return NULL;
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

int filch__replay_open(struct filch__replay *replay, uint64_t last_ns)
{
    struct gathering gathering = {.replay = replay};
    *replay = (struct filch__replay){.copies = last_ns != 0};
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
