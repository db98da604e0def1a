/* SPDX-License-Identifier: MIT */
/* work.h - what the workers of a pool share, and what each keeps for itself.
 *
 * Where a task can be, from submit to end:
 *   held back by predecessors or a user's gate (hold.h)
 *   -> entry queue (outside threads; high and low priority), or the deque of the submitting worker
 *   -> a worker's handful -> running on that worker's strand, or on a thief's
 *   -> suspended, if it waits -> ready: the deque of the worker that completed what it waited for, or the ready queue
 *   -> running again, anywhere -> done.
 * Children of typed tasks lie on their strand's fork stack until they are synced or stolen (join.c).
 * A word in a deque is a future, or a strand with bit 0 set.
 *
 * Order of search: ready queue, tasks of high priority, own deque, handful, entry queue, children of suspended strands,
 * other deques, children of running strands, other handfuls and private children by force, strands that have yielded,
 * tasks of low priority. Every 61st time the queues, the handful and the far end of the own deque come first, so that
 * nothing starves behind a worker that feeds itself or behind high priority; every second of these, a strand that has
 * yielded; and another time in 61, low priority.
 *
 * Locks, none held while task code runs or anything waits: pool->lock (threads coming and going) is taken before
 * strands.lock; keeper.lock before a strand's lock; held_lock before that of a user's gate; claim_lock and eventcounts
 * innermost.
 */
#ifndef FILCH_WORK_H
#define FILCH_WORK_H

#include "deque.h"
#include "eventcount.h"
#include "gate.h"
#include "handful.h"
#include "inject.h"
#include "lines.h"
#include "meters.h"
#include "reclaim.h"
#include "state.h"
#include "strand.h"
#include "timer.h"
#include "trace.h"

#include <filch/pool.h>

/* ---- one task ---- */

struct filch__hold;  /* hold.h */
struct filch__scope; /* scope.h */

/* What a task's options name beyond what its future can hold. With a future of the pool's own, both are one block. */
struct filch__record {
    const char *name;
    uint64_t timeout_ns;
    void (*dropped)(void *data, int status);
    struct filch__timer timer;
    struct filch_future *future;
    struct filch__scope *scope; /* or NULL; the task is a member until its future is done */
    struct filch__hold *hold;   /* or NULL: what held it back, in the same block */
    bool always;                /* FILCH_TASK_RUN_ALWAYS */
    uint32_t lend;              /* lend.c: who has its permit */
    bool stuck;                 /* lend.c: reported; the timekeeper's, under its lock */
    struct filch_allocator allocator; /* a copy: the record may outlive the pool */
    size_t size;                      /* of the block */
    bool copy;                        /* the future lies behind it in the block, and goes with it */
    uint32_t refs;                    /* the pool's, of a hold its edges', and with submit_copy the user's */
};

/* priv.flags of a future */
enum {
    FILCH__FUTURE_OWN_THREAD = 1,
    FILCH__FUTURE_COPY = 2, /* made by submit_copy: data follows it */
    FILCH__FUTURE_HIGH = 4,
    FILCH__FUTURE_LOW = 8,
    FILCH__FUTURE_RANKED = FILCH__FUTURE_HIGH | FILCH__FUTURE_LOW,
    FILCH__FUTURE_UNCOUNTED = 16, /* a part of what was accepted: queue_limit does not count it */
    FILCH__FUTURE_KEEP_REPORTS = 1 << 16, /* in priv.lines (lines.h) */
    FILCH__FUTURE_SCOPE = 32, /* a scope's `ended` */
    FILCH__FUTURE_STAMPED = 128, /* priv.lines is the time of its submission, until it starts or is dropped (watch.h) */
};

/* A pool's `watch` */
enum {
    FILCH__WATCH_SAMPLE = 1, /* the next task that is submitted */
    FILCH__WATCH_TRACE = FILCH__FUTURE_STAMPED, /* everything; the same bit, as a task's start asks for both at once */
};

/* ---- one wait ---- */

enum filch__wait_kind {
    FILCH__ON_FUTURE, /* a task, a promise, or a scope */
    FILCH__ON_ALL,    /* futures; those that have another waiter come later */
    FILCH__ON_ANY,
    FILCH__ON_CHILD, /* a stolen child: its slot */
    FILCH__ON_GRAPH,
    FILCH__ON_GATE,
    FILCH__ON_COMPLETIONS,
    FILCH__ON_ROOM,
    FILCH__ON_CLOCK,
};

/* What a wait is for. Who begins it says so before; others read it under the strand's lock, and what it names is in place
 * as long as they hold that. */
struct filch__wait_on {
    enum filch__wait_kind kind;
    const void *target; /* _ALL, _ANY: an array of pointers, or with a stride the first future */
    size_t count, stride;
};

struct filch__wait {
    struct filch__wait_on on;
    struct filch__waiter waiter;
    struct filch__timer timer;
    struct filch__strand *strand; /* NULL: an outside thread */
    struct filch_future *task;    /* the waiting task */
    struct filch_future *target;  /* a cancel of the task is passed on to it; NULL: it interrupts the wait */
    uint64_t deadline_ns;
    bool timed; /* the timer was added */
};

/* Waits of tasks, begun and ended: of those that workers run, or of all. */
struct filch__waits {
    uint64_t begun, ended;
};

/* ---- what the watchdog (watchdog.h) and the live view (liveanswers.c) have seen ---- */

/* A body that runs, by what changes when another one does: nobody takes the time at a start for those who look on. */
struct filch__seen_body {
    const struct filch__strand *strand;
    const struct filch_future *task; /* NULL: none runs */
    const char *label;
    filch_fn *fn;
    uint64_t ended; /* bodies before it */
    uint32_t stretch;
};

/* The looker's own: the live view's, or the timekeeper's, of which dumps read the last two. */
struct filch__sight {
    struct filch__seen_body body;
    uint32_t reported;
    uint64_t since_ns;
};

enum filch__watching { FILCH__WATCHING_RESTS, FILCH__WATCHING_TICKS, FILCH__WATCHING_AGAIN, FILCH__WATCHING_NONE };

/* The timekeeper's. */
struct filch__watchdog {
    struct filch__timer timer;
    uint64_t ticks, long_running, deadlocks;
    struct filch__waits waits; /* at the last tick */
    bool quiet;                /* nobody had a permit then */
};

/* ---- one worker ---- */

enum filch__after { FILCH__AFTER_NOTHING, FILCH__AFTER_CACHE, FILCH__AFTER_COMMIT, FILCH__AFTER_YIELD };
enum filch__priority { FILCH__NORMAL, FILCH__HIGH, FILCH__LOW, FILCH__PRIORITIES };
enum filch__token { FILCH__TOKEN_NONE, FILCH__TOKEN_RUN, FILCH__TOKEN_LOOK, FILCH__TOKEN_RETIRE };
enum filch__thread_state { FILCH__THREAD_NONE, FILCH__THREAD_LIVE, FILCH__THREAD_ENDED };
enum { FILCH__CACHE_STRANDS = 32 };

struct filch__counters {
    uint64_t run, dropped, submitted, stolen, failed_steals, parks, suspensions, blocked_waits, gate_waits, resumed;
    uint64_t stolen_children, taken_back, forced;
};

/* A stolen child, and whose it was. */
struct filch__loot {
    struct filch__slot *slot;
    struct filch__forkstack *victim;
};

struct filch__worker {
    /* owner only */
    struct filch_pool *pool;
    unsigned id;
    uint32_t tick;
    uint64_t random;
    struct filch__meters *meters; /* there as long as the worker; what it holds, others read */
    void *local;
    bool in_table;    /* written under pool->lock */
    bool initialised; /* worker_init returned >= 0 */
    bool permit;
    bool searching;
    bool ending;                /* completing a task: what becomes ready is looked at right after */
    struct filch__strand *heir; /* a strand that this worker runs next, ahead of its deque; nobody else sees it */
    struct filch__strand *free; /* resting strands */
    unsigned free_count;
    enum filch__after after; /* what the strand switched to does for the one before */
    struct filch__waiter *commit;
    struct filch_future *own_task; /* to be run on the native stack */
    struct filch__loot loot;       /* what FILCH__LOOT stands for */
    struct filch__strand native;
    void *signal_stack;
    void *reader; /* its record for grace periods; NULL when its thread is gone */
    struct filch__track *track; /* NULL: nothing was traced yet */
    pthread_t thread;
    enum filch__thread_state thread_state; /* written under pool->lock */
    bool reports;                          /* open waits for its worker_init */
    /* owner writes, others read */
    _Alignas(FILCH_CACHELINE) struct filch__counters count;
    struct filch__strand *running;
    uint32_t blocked; /* in a body that blocks the thread */
    /* others write */
    _Alignas(FILCH_CACHELINE) uint32_t token; /* futex */
    uint32_t idle_next;
    struct filch__deque deque;
    struct filch__handful handful; /* from the entry queue */
    struct filch__sight sight, live_sight;
};

/* ---- one pool ---- */

struct filch__table { /* of victims; replaced whole, freed after a grace period */
    struct filch__table *next_retired;
    size_t count;
    struct filch__worker *worker[];
};

enum filch__pool_phase {
    FILCH__POOL_OPEN,
    FILCH__POOL_DRAINING,
    FILCH__POOL_CANCELLING,
    FILCH__POOL_CLOSED, /* the workers are gone */
};

struct filch__claimant { /* a thread in line for a permit */
    struct filch__claimant *next;
    uint32_t granted; /* futex */
};

struct filch__caller { /* a thread outside the pool that runs one of its tasks */
    struct filch__caller *next;
    bool busy;
    struct filch__strand strand;
    struct filch__sight sight;
};

struct filch_pool {
    /* immutable after open */
    struct filch_allocator allocator;
    struct filch_pool_config config;
    char name[16];
    uint64_t number;     /* among all pools of the process, from 1; no other gets it again */
    uint32_t generation; /* of the process: counts forks */
    struct filch__strands strands;

    /* read by everybody, written seldom */
    _Alignas(FILCH_CACHELINE) uint32_t phase;
    uint32_t threads;      /* written under lock */
    uint32_t blocked;      /* bodies that block their thread without a permit */
    uint32_t min_workers;  /* written under lock */
    uint32_t stopping;     /* nobody starts or stays parked */
    uint32_t starts_failed; /* in a row, up to FILCH__START_TRIES; none once a worker has entered */
    uint32_t watching;     /* enum filch__watching: do ticks come? (watchdog.h) */
    uint32_t ranked;       /* there was a task of another priority than the normal one */
    uint32_t watch;        /* FILCH__WATCH_..., 0 most of the time */
    struct filch__table *table;

    _Alignas(FILCH_CACHELINE) uint64_t gate;
    _Alignas(FILCH_CACHELINE) uint64_t idle; /* stack of parked workers: version 32, id + 1 below */
    uint64_t wakes;
    struct filch__inject entry[FILCH__PRIORITIES]; /* tasks of outside threads, and all that are not normal */
    struct filch__inject ready; /* strands made ready by outside threads */
    struct filch__inject exposed; /* strands that are suspended with children to be stolen */
    struct filch__inject yielded; /* strands that let others go first */

    /* seldom */
    _Alignas(FILCH_CACHELINE) uint64_t outside_waits, outside_resumed; /* waits of callers that run tasks; permits lent (lend.h) */
    uint64_t accepted; /* with queue_limit: tasks accepted and not started */
    struct filch__eventcount room;
    uint32_t quiet;  /* futex: counts parks while closing */
    uint32_t wakers; /* threads that make a strand or a held task ready and do not own the pool */
    uint32_t scopes; /* that are open: their cancels and time-outs need the timekeeper also when the pool is closed */
    uint64_t held;   /* tasks that are held back; and on their way from there into a queue */
    struct filch__lock held_lock;
    struct filch__hold *held_first; /* under held_lock: those that are held back */
    uint32_t dropping; /* somebody is in filch__crew_drop_stranded */
    uint64_t stuck_tasks;
    struct filch_stuck stuck; /* written by the timekeeper, under its lock: the last one */
    uint32_t kept; /* workers that rest for the limit, and not yet for want of work */
    uint64_t failed_starts;
    uint64_t requeued;                                        /* times that the entry queue has counted a task again */
    uint64_t outside_submitted, outside_dropped, outside_run; /* added to by threads that are no workers */
    struct filch__timekeeper keeper;
    struct filch__watchdog watchdog;
    struct filch__lock claim_lock;
    struct filch__claimant *claim_first, *claim_last;

    struct filch__lock lock;       /* guards what follows */
    struct filch__worker **worker; /* by id; a worker stays when its thread is gone */
    struct filch__table *retired;
    struct filch__caller *callers; /* kept while the pool lives: a canceller may look at them */
    uint32_t init_pending;         /* futex: workers of open that have not reported */
    int init_status;
    bool closer;                                  /* a close call is at work */
    struct filch_pool *next_open, *previous_open; /* process.c's list */
};

/* worker.c: running tasks */
struct filch__worker *filch__worker_current(void); /* NULL outside workers; never remembered across a wait */
void filch__worker_main(struct filch__strand *strand, struct filch__strand *from);
void filch__worker_native(struct filch__worker *worker); /* the native stack's part: returns when the worker ends */
void filch__worker_switch(struct filch__strand *from, struct filch__strand *to, enum filch__after after);
void filch__task_run(struct filch__strand *strand, struct filch_future *future);
void filch__task_drop(struct filch_pool *pool, struct filch_future *future, int status);
void filch__task_make_room_slow(struct filch_pool *pool, const struct filch_future *future);
static inline void filch__task_make_room(struct filch_pool *pool, const struct filch_future *future)
{ /* it is no longer queued */
    if (filch__unlikely(pool->config.queue_limit > 0))
        filch__task_make_room_slow(pool, future);
}
void filch__record_release(struct filch__record *record);

/* find.c: where the next task comes from. A word as in a deque; FILCH__LOOT: worker->loot is to be run; 0: the worker is
 * to end. */
enum { FILCH__LOOT = 3 };
uintptr_t filch__worker_next(struct filch__worker *worker);
void filch__worker_look_around(struct filch__worker *worker); /* the next time, what others wait for comes first */
bool filch__pool_has_work(struct filch_pool *pool);
void filch__pool_look(struct filch_pool *pool); /* after a search has ended: is something left to be told of? */

/* rest.c: a worker without work, or without a permit; and its deque, given to others */
void filch__pool_tell_closer(struct filch_pool *pool);          /* something ended: perhaps that was all */
void filch__worker_rest(struct filch__worker *worker);          /* park, without a permit */
void filch__worker_park(struct filch__worker *worker);          /* the search has found nothing */
bool filch__worker_yield_permit(struct filch__worker *worker);  /* between tasks; false: it keeps it */
bool filch__worker_sleep_until_told(struct filch__worker *worker);
void filch__requeue(struct filch_pool *pool, uintptr_t item); /* back into the pool's queues, which others can reach */
void filch__worker_flush(struct filch__worker *worker);       /* a worker that ends gives its deque away */
void filch__pool_gather(struct filch_pool *pool);             /* into the queues, what all workers have; by any thread */

/* entry.c: tasks that nobody has taken yet, by priority */
void filch__entry_init(struct filch_pool *pool);
void filch__entry_push(struct filch_pool *pool, struct filch_future *future);
void filch__entry_push_chain(struct filch_pool *pool, struct filch__chain *chain, uint32_t flags); /* of the futures */
bool filch__entry_has_items(const struct filch_pool *pool);                                        /* N2 */
size_t filch__entry_size(const struct filch_pool *pool);
uint64_t filch__entry_pushed(const struct filch_pool *pool);
struct filch_future *filch__entry_take(struct filch_pool *pool, enum filch__priority level); /* NULL: none to be had */
struct filch_future *filch__entry_take_any(struct filch_pool *pool);
void filch__pool_settle(struct filch_pool *pool); /* end what was queued when no worker was left to take it */

/* join.c: typed tasks and their stolen children */
enum filch__force { FILCH__FORCE_NO, FILCH__FORCE_ASK, FILCH__FORCE_OPEN };
bool filch__forks_begin(struct filch__strand *strand, struct filch_future *task); /* false: no memory */
void filch__forks_end(struct filch__strand *strand);     /* its task, or the stolen child, has ended */
void filch__forks_suspend(struct filch__strand *strand); /* about to be: its children are shown */
void filch__forks_resume(struct filch__strand *strand);  /* the first spawn looks who could use a child */
bool filch__loot_steal(struct filch__worker *worker, const struct filch__table *table, size_t start,
                       enum filch__force force); /* in a read section */
bool filch__loot_take_exposed(struct filch__worker *worker);
bool filch__loot_in(const struct filch__table *table);  /* is there a child to be stolen? */
void filch__loot_ask(const struct filch__table *table); /* before a last look: spawns from now on wake somebody */
void filch__loot_run(struct filch__strand *strand, struct filch__slot *head, struct filch__loot loot);

/* wake.c: who wakes whom */
void filch__pool_notify(struct filch_pool *pool); /* after work was made visible */
/* A thread that was to search could not be started, or has ended before; the caller has its permit. */
void filch__pool_start_later(struct filch_pool *pool);
void filch__idle_push(struct filch__worker *worker);
bool filch__idle_tell_one(struct filch_pool *pool, enum filch__token token); /* false: nobody is parked */
void filch__idle_tell_all(struct filch_pool *pool, enum filch__token token); /* who is parked now */
void filch__strand_ready(void *strand);                                      /* a waiter's wake */
/* By a worker that looks right after. */
void filch__ready_next(struct filch__worker *worker, struct filch__strand *strand);
void filch__ready_here(struct filch__worker *worker, struct filch__strand *strand);
void filch__strand_yielded(struct filch__strand *strand); /* by the strand switched to */
void filch__enqueue(struct filch_pool *pool, struct filch_future *future);
/* Blocks the thread until it has a permit. `worker`: whose thread it is, if it is the pool's; its spell is left to the caller. */
void filch__permit_claim(struct filch_pool *pool, struct filch__worker *worker);
void filch__permit_leave(struct filch_pool *pool);
void filch__permit_pass(struct filch_pool *pool, enum filch__gate_park how); /* after a step of the gate */
static inline bool filch__pool_may_start(const struct filch_pool *pool);

/* spells.c: where the worker's time goes from here on. By its own thread; nothing where it is in that spell already. */
void filch__worker_turn_slow(struct filch__worker *worker, enum filch__spell spell);
static inline void filch__worker_turn(struct filch__worker *worker, enum filch__spell spell)
{
    if (worker->meters->spell != (uint32_t)spell)
        filch__worker_turn_slow(worker, spell);
}
void filch__worker_turn_to_rest(struct filch__worker *worker); /* parked, or on with the wait for a permit */
void filch__worker_turn_kept(struct filch__worker *worker);    /* it lays its permit down, and rests, for the limit */
void filch__pool_ran_out(struct filch_pool *pool);             /* somebody has found nothing to do: nobody is kept */

/* victims.c: whom thieves visit, and what waits for a grace period */
/* NULL: malloc and free. -EINVAL: one of the two is missing. */
int filch__allocator_choose(const struct filch_allocator *given, struct filch_allocator *ret_allocator);
void *filch__alloc_aligned(const struct filch_allocator *allocator, size_t size); /* to FILCH_CACHELINE */
void filch__free_aligned(const struct filch_allocator *allocator, void *memory, size_t size);
int filch__victims_init(struct filch_pool *pool);
void filch__victims_destroy(struct filch_pool *pool);
int filch__victims_add_locked(struct filch__worker *worker);
void filch__victims_remove_locked(struct filch__worker *worker);
bool filch__victims_has_retired(const struct filch__worker *worker);
void filch__victims_reclaim(struct filch__worker *worker); /* waits for a grace period */

/* crew.c: threads that come and go, and their resting strands */
int filch__crew_start(struct filch_pool *pool, bool admitted, bool reports);
bool filch__crew_try_retire(struct filch__worker *worker);
uint32_t filch__crew_least(const struct filch_pool *pool); /* workers that stay */
void filch__crew_drop_stranded(struct filch_pool *pool);
void filch__crew_destroy(struct filch_pool *pool); /* no thread is left */
void filch__crew_join_all(struct filch_pool *pool);
void filch__crew_forget_thread(void); /* in a forked child: the calling thread works for no pool */
struct filch__strand *filch__crew_take_strand(struct filch__worker *worker);
void filch__crew_cache_strand(struct filch__worker *worker, struct filch__strand *strand);
bool filch__crew_reserve_strand(struct filch__worker *worker); /* the next take will succeed */

/* block.c: waiting, for threads and strands alike */
/* Whatever a task of the pool can run on. */
void filch__pool_visit(struct filch_pool *pool, void (*visit)(struct filch__strand *strand, void *ctx), void *ctx);
int filch__wait_begin(struct filch__wait *wait, uint32_t refs, uint32_t mode, uint64_t deadline_ns,
                      struct filch_future *target);
void filch__wait_block(struct filch__wait *wait);
uint32_t filch__wait_end(struct filch__wait *wait, uint32_t undone); /* reasons of an interrupt, or 0 */
void filch__strand_yield(struct filch__strand *strand); /* by its body: other work goes first */
void filch__permit_lend(struct filch__strand *strand); /* a body is about to block its thread; then, when it goes on: */
void filch__permit_regain(struct filch__strand *strand);
int filch__cancel(struct filch_future *future, bool timed_out);      /* as filch_cancel; and what it waits for */
void filch__cancel_waits(struct filch_pool *pool, const struct filch__scope *scope); /* of its tasks; NULL: of all */
bool filch__strand_asked_stop(const struct filch__strand *strand);

/* Who reads the gate's word sees the counts of those that laid permits down before. */
struct filch__waits filch__workers_waits(const struct filch_pool *pool);
struct filch__waits filch__pool_waits(const struct filch_pool *pool);

#include <filch/detail/atomic.h>

/* Is this a child of fork(2), in which the pool's workers are not? */
static inline bool filch__pool_stale(const struct filch_pool *pool)
{
    return filch__unlikely(pool->generation != filch__load_relaxed(&filch__generation));
}

/* For who holds no lock: the worker of this id, as it was shown; NULL: there are no more. */
static inline struct filch__worker *filch__pool_worker(const struct filch_pool *pool, size_t id)
{
    return id < FILCH_WORKERS_MAX ? filch__load_acquire(&pool->worker[id]) : NULL;
}

/* Is the scope of the record's task cancelled, so that the task is to stop, or not to start? */
bool filch__scope_cancelled(const struct filch__scope *scope);
static inline bool filch__scope_stops(const struct filch__record *record)
{
    return filch__unlikely(record && record->scope && !record->always) && filch__scope_cancelled(record->scope);
}

static inline bool filch__pool_may_start(const struct filch_pool *pool)
{
    uint32_t allowed = filch__gate_limit(filch__load_relaxed(&pool->gate)) + filch__load_seq_cst(&pool->blocked);
    uint32_t threads = filch__load_seq_cst(&pool->threads); /* G1: pairs with a worker that retires, then looks */
    return threads < allowed && threads < FILCH_WORKERS_MAX && !filch__load_relaxed(&pool->stopping);
}

/* Nobody waits any more for a thread that can be started; each who needs one tries once. */
enum { FILCH__START_TRIES = 10 };
static inline bool filch__pool_gives_up(const struct filch_pool *pool)
{
    return filch__load_relaxed(&pool->starts_failed) >= FILCH__START_TRIES;
}

/* Work is visible that this worker does not do next: another one may. */
static inline void filch__pool_share(struct filch_pool *pool)
{
    if (filch__gate_would_notify(filch__load_seq_cst(&pool->gate), filch__pool_may_start(pool))) /* G1 */
        filch__pool_notify(pool);
}

#endif
