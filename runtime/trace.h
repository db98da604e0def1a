/* SPDX-License-Identifier: MIT */
/* trace.h - what threads do, as events in time: which there are, where they are kept, who reads them.
 *
 * Each thread that has something to tell writes into a track of its own: a worker of a pool, or a thread outside. Tracks
 * are made at the first event of a session, by their thread, and stay until the session after their thread's or pool's end:
 * so a trace can be written when its pools are gone. Between sessions nothing is written.
 *
 * A track belongs to the session that its writer has attached it to. Nobody else writes to its ring, so a writer that was
 * stopped between its look at the session and its event, and goes on in another session, writes what belongs to none; should
 * the ring's pages have gone back to the system meanwhile, it gets a new one. What all share, the list of tracks, the
 * session's number and its memory, changes under one lock; tracks leave the list at begin or forget only.
 *   S1 attach: makes the ring ready, stores track->session (release) -> visit: loads it (acquire). The reader sees a ring of
 *      the session that it reads.
 *   S2 Neither begin nor forget goes on while somebody visits: so a ring that is of the last session stays as it is, but for
 *      its events.
 * A forked child has no session, and its parent's tracks, empty, are of none: those of workers stay for the pools that point to
 * them, the others go when a session begins.
 *
 * A task instance is named by a key, the address of its future, graph node or slot, as long as it lasts; who reads gives the
 * same key another number when it comes again.
 *
 * Events carry a task's own span (span.h) so far; what it waited for is added by who reads, along the graph's edges, which
 * are events, too.
 */
#ifndef FILCH_TRACE_H_INTERNAL
#define FILCH_TRACE_H_INTERNAL

#include "os.h"
#include "ring.h"

/* head: kind in bits 7..0, detail in 15..8, the strand's or worker's number in 63..32. `key`: of a task instance. */
enum filch__event_kind {
    FILCH__EVENT_NONE,
    FILCH__EVENT_SUBMIT,  /* a: key of the new task, b: span of who submits */
    FILCH__EVENT_START,   /* a: key, b: label, or fn with detail CODE; a strand begins with it */
    FILCH__EVENT_LABEL,   /* a: key, b: label: the running task's name is known now */
    FILCH__EVENT_NOTE,    /* a, b: 16 bytes of text, more follow; detail: how many of them count */
    FILCH__EVENT_WORK,    /* a: work, b: span of the task on the strand, in ticks: its END is next */
    FILCH__EVENT_END,     /* a: key, b: status */
    FILCH__EVENT_DROP,    /* a: key, b: status: it never ran */
    FILCH__EVENT_PAUSE,   /* a: key, b: span; detail: why. The strand leaves the thread, or its thread blocks */
    FILCH__EVENT_RESUME,  /* a: key, b: label or fn as in START, or 0: as before; detail: CODE */
    FILCH__EVENT_AWAITED, /* a: key of what has ended, b: span of the running task that waited for it */
    FILCH__EVENT_AFTER, /* a: key of a task that has not started, b: key of one that it came after and that has ended */
    FILCH__EVENT_READY, /* a: key of a task that may go on */
    FILCH__EVENT_COMPLETE, /* a: key of a promise, b: span of who completed it */
    FILCH__EVENT_CHILD,    /* a: ticks that a spawned child took that ran where it was synced, b: its code */
    FILCH__EVENT_FORKED,   /* a: tick at which such a child began, b: its span there: its MERGED is next */
    FILCH__EVENT_MERGED, /* a: the span that it got to, b: its parent's before the sync: a wait lies in one of the two */
    FILCH__EVENT_STOLEN,  /* as START, of a stolen child: a: key, b: code; detail CODE */
    FILCH__EVENT_SPAWNED, /* a: key of a stolen child, b: span of its parent when it was spawned: its JOIN is next */
    FILCH__EVENT_JOIN,    /* a: key of a stolen child that has been joined, b: span of its parent */
    FILCH__EVENT_STEAL, /* a: whose it was: the worker's number, its own where it was nobody's; b: key of the task, or of the
                         * stolen child's parent */
    FILCH__EVENT_SEARCH,  /* a worker begins to search */
    FILCH__EVENT_PARK,    /* ... goes to sleep */
    FILCH__EVENT_PERMIT,  /* ... has laid its permit down, and waits for one */
    FILCH__EVENT_FOUND,   /* ... is done with what it did before */
    FILCH__EVENT_OUTSIDE, /* a thread outside: its own time ends here (a: 0), or goes on (a: 1); b: span */
};

/* detail of START, RESUME, STOLEN: b is code, not a string */
enum { FILCH__EVENT_CODE = 1 };
/* bytes of text in a row of NOTE */
enum { FILCH__NOTE_MOST = 120 };
/* detail of PAUSE */
enum filch__pause {
    FILCH__PAUSE_WAIT,
    FILCH__PAUSE_YIELD,
    FILCH__PAUSE_BLOCK,  /* of the thread, in a wait or in filch_blocking */
    FILCH__PAUSE_NESTED, /* for a task that runs inside this one */
    FILCH__PAUSE_JOIN,   /* for a stolen child; others may be taken back meanwhile */
};

static inline uint64_t filch__event_head(enum filch__event_kind kind, unsigned detail, uint32_t number)
{
    return (uint64_t)number << 32 | detail << 8 | kind;
}

struct filch__track {
    /* immutable after it was made */
    struct filch__track *next; /* in the list of all; the lock's */
    uint32_t number;           /* from 1, never used again */
    uint32_t worker;           /* its number in the pool; UINT32_MAX: a thread outside */
    uint64_t pool;             /* the pool's number, never used again by another; 0: a thread outside */
    char name[32];
    /* the writer's, under the lock; others read */
    uint32_t session; /* which one `ring` is of; 0: of none, since a fork */
    int32_t tid;      /* of the thread that writes now; 0: it has ended */
    /* the writer's, of a thread outside: when it last told something, and since when it has used how much of a processor */
    uint64_t told_ticks, asked_ticks, asked_cpu_ns;
    /* the lock's */
    bool orphan; /* its writer is gone for good: freed when the next session begins */
    struct filch__ring ring;
};

/* Process-wide. 0: there was no session yet; else the last one's number, odd while it runs. */
extern uint32_t filch__trace_session;

static inline bool filch__trace_on(void)
{
    return filch__load_relaxed(&filch__trace_session) & 1;
}

/* One session at a time. bytes: of each track's ring, rounded down to a power of two; in all: a track that would exceed it is
 * made without memory, and loses its events, which are counted. wraps: keep the last events, not the first. Blocks while
 * somebody visits. 0 or -EALREADY; -ENOMEM when the process cannot be told of forks. */
int filch__trace_begin(size_t bytes, size_t bytes_in_all, bool wraps);
/* Writers may be in the middle of an event when it returns: readers copy what is whole. -EINVAL: there is none. */
int filch__trace_end(void);
/* What was recorded is not needed any more: its memory goes back to the system, and visits find nothing until the next
 * session begins. Blocks while somebody visits. Nothing while a session runs. */
void filch__trace_forget(void);

/* Tick and clock at its beginning, and now or at its end: ticks become nanoseconds by them. */
struct filch__trace_times {
    uint64_t begin_ticks, begin_ns, end_ticks, end_ns;
};
struct filch__trace_times filch__trace_times(void);
/* Of the last session; near. */
extern uint64_t filch__trace_ticks_per_us;
uint64_t filch__trace_lost(void); /* events that found no track or no room; not those that a ring ran over */

/* The writer's thread: a track of this session in *track, which keeps it for the next one; false: no memory for it, or no
 * session, and the event is counted as lost. Called when filch__trace_attached is false; and by a thread that takes the
 * place of one that has detached, which it follows in some order that both know. Not in signal handlers. */
bool filch__trace_attach(struct filch__track **track, uint64_t pool, uint32_t worker, const char *name);
/* Its thread ends, or, for_good, it will have no other: then the pointer is void. NULL is a no-op. */
void filch__trace_detach(struct filch__track *track, bool for_good);

/* May the calling thread write into its track as it is? */
static inline bool filch__trace_attached(const struct filch__track *track)
{
    return filch__likely(track != NULL) && track->session == filch__load_relaxed(&filch__trace_session);
}

/* The calling thread's own, for threads that are no workers; NULL: no memory, or no session. */
struct filch__track *filch__trace_outside(void);

/* Visit all tracks of the last session; new ones may come meanwhile. They stay until visit has returned. Neither begin nor
 * forget may be called inside. */
void filch__trace_visit(void (*visit)(struct filch__track *track, void *ctx), void *ctx);

static inline void filch__trace_put(struct filch__track *track, uint64_t ticks, enum filch__event_kind kind,
                                    unsigned detail, uint32_t number, uint64_t a, uint64_t b)
{
    filch__ring_put(&track->ring, ticks, filch__event_head(kind, detail, number), a, b);
}

#endif
