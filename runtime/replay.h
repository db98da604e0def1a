/* SPDX-License-Identifier: MIT */
/* replay.h - the events of a session once more, in the order of time, with task instances in place of addresses.
 *
 * Tracks are merged by their ticks. A key, the address of a future, node or slot, means the instance that it was last used for:
 *   SUBMIT           a new one, unless AFTER has named it
 *   AFTER            one that has not started; else a new one
 *   START, STOLEN    one that has not started; else a new one
 *   END, DROP        it has ended: what has waited for the key waited for it, until the key is used again
 *   AWAITED          the latest one. One that AFTER has named, and that nobody submitted, is where others meet: it ends here
 *   COMPLETE         the same, if there is one; else a new one, which has ended
 * A thread outside is an instance as well, whose own time goes on while it neither waits nor runs a task.
 *
 * A replay can be taken again from its start, and then gives the same instances the same numbers. It holds what lives, and
 * 16 bytes for each key. Events that were overwritten (of a ring that runs round), or are too old, are not there: then a task's
 * first event may be any. Rings that run round are copied at the start, others are read as it goes on.
 */
#ifndef FILCH_REPLAY_H
#define FILCH_REPLAY_H

#include "instances.h"
#include "trace.h"

/* What a track's thread does. */
enum filch__doing {
    FILCH__DOING_UNKNOWN, /* so far */
    FILCH__DOING_NOTHING,
    FILCH__DOING_TASK,
    FILCH__DOING_SEARCH,
    FILCH__DOING_PARK,
    FILCH__DOING_PERMIT,
    FILCH__DOING_BLOCKED,
    FILCH__DOING_OWN,  /* a thread outside: what it likes */
    FILCH__DOING_AWAY, /* ... waits */
};

struct filch__interval {
    uint64_t from_ns, to_ns;
};

/* A track. Times are nanoseconds since the session's start. */
struct filch__lane {
    const struct filch__track *track;
    /* reading */
    struct filch__event *buffer;
    size_t room, count, next;
    uint64_t at, lost, too_old;
    uint64_t consumed, total; /* events; total: as many as the first replay found */
    uint64_t ticks;           /* of the next event; never goes back */
    /* as far as it was read */
    struct filch__instance *running; /* the task, or NULL */
    struct filch__instance *self;    /* a thread outside */
    uint64_t own_ns, own_since_ns;   /* its own time, and since when it goes on; UINT64_MAX: it does not */
    uint64_t work_ns, span_ns;       /* of the task whose END is next */
    uint64_t spawned_ns;             /* the parent's span, of the JOIN or MERGED that is next */
    uint64_t forked_ns;              /* when the child began whose MERGED is next */
    uint64_t first_ns, last_ns;      /* of its first and its last event so far */
    bool begun;
    /* timeline.c */
    enum filch__doing doing;
    struct filch__instance *shown; /* in DOING_TASK and DOING_BLOCKED */
    uint64_t since_ns, until_ns;   /* of what it does; where the last slice ended */
    uint64_t note_ticks;
    struct filch__point stolen;         /* from where, since the last start */
    uint64_t stolen_key, stolen_parent; /* what, or whose child; number of the latter */
    struct filch__interval *children;   /* slices in the present stretch that none of the others lies in */
    size_t child_count, child_room;
    uint64_t child_floor_ns;
    /* tasklog.c */
    bool told;
};

/* One event, resolved. */
struct filch__step {
    enum filch__event_kind kind; /* WORK, SPAWNED and FORKED are parts of the next step */
    unsigned detail;
    uint64_t ns, ticks, a, b;
    struct filch__lane *lane;
    struct filch__instance *by; /* the running task, or the thread outside: whose depth it is; NULL: nobody's */
    struct filch__instance *it; /* whom it is about, if it has not ended before; NULL: nobody that is known */
    uint64_t other;             /* number of whom AWAITED, AFTER, JOIN and COMPLETE name; 0: nobody that is known */
    bool meets;                 /* AWAITED: `it` is where others met */
    uint64_t depth_ns;
    uint64_t work_ns;    /* END */
    uint64_t spawned_ns; /* JOIN, MERGED: the parent's span at the spawn */
    uint64_t forked_ns;  /* MERGED: when the child began */
    uint64_t after_ns;   /* MERGED: the parent's span at the sync; depth_ns is the child's at its end */
};

struct filch__replay {
    struct filch__lane *lanes;
    size_t lane_count;
    struct filch__lane **heap; /* of those that have events left, the earliest first */
    size_t heap_count;
    struct filch__map by_number, by_worker; /* index of a lane + 1 */
    struct filch__instances instances;
    struct filch__trace_times times;
    double ns_per_tick;
    uint64_t oldest_ticks;
    bool copies, again, no_memory;
};

/* Of the last session, up to now. last_ns: its rings run round, and only the last so many nanoseconds count; 0: they do not, and
 * all of it does. No session begins, nor is one forgotten, before close. 0 or -ENOMEM; close it in any case. */
int filch__replay_open(struct filch__replay *replay, uint64_t last_ns);
void filch__replay_close(struct filch__replay *replay);

/* False: there is none, or no memory. What the step points to is valid until the next one. */
bool filch__replay_next(struct filch__replay *replay, struct filch__step *step);
void filch__replay_rewind(struct filch__replay *replay);

uint64_t filch__replay_ns(const struct filch__replay *replay, uint64_t ticks);
uint64_t filch__replay_end_ns(const struct filch__replay *replay);
uint64_t filch__replay_dropped(const struct filch__replay *replay); /* events that are not there */
/* NULL: there is none. */
struct filch__lane *filch__replay_lane(const struct filch__replay *replay, uint32_t track_number);
struct filch__lane *filch__replay_worker(const struct filch__replay *replay, uint64_t pool, uint64_t worker);

/* ---- lanes.c, for replay.c: events in the order of time ---- */

/* The earliest event that is left, which is then behind; its lane, NULL: none is. What follows on the lane is at
 * lane->buffer[lane->next] if lane->next < lane->count. */
struct filch__lane *filch__replay_take(struct filch__replay *replay, struct filch__event *event);
uint64_t filch__replay_duration_ns(const struct filch__replay *replay, uint64_t ticks);

#endif
