/* SPDX-License-Identifier: MIT */
/* fuzz.h - sequences of API calls, decoded from bytes, against a model that says what each call may return.
 *
 * One thread, the driver, makes the calls; the pools' workers run the bodies, some of which make calls themselves. For
 * each call the model names the codes that are right: one where that is determined, several where it depends on how
 * far the workers are. Facts narrow the choice: a body that has begun and that only the driver lets go has not ended; a
 * pool whose permits are all with such bodies starts nothing. At the end each accepted task has run once or was dropped
 * once.
 *
 *   input.h     bytes to choices; the same bytes give the same calls, as far as the workers' progress does not decide
 *   facts.c     what the model knows of futures and tasks
 *   bodies.c    what the tasks do
 *   options.c   a submit's options
 *   holds.c     gates, scopes, and what else may hold a task back
 *   pools.c, submits.c, waits.c, queues.c   one function per public call: arguments, allowed codes, effects
 *   target.c    the sequence, and its orderly end
 *
 * A call that might not return is not made: one that waits gets a deadline unless the model knows that its wait ends.
 * Calls on freed pools, queues and copies, and a second use of memory that the runtime still owns, are beyond what a
 * library can see, and not made either.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include "input.h"

#include "support/tasks.h"

enum {
    EMBEDDED = 8, /* futures in memory of the driver */
    SLOTS = 12,   /* and those that filch_submit_copy makes */
    POOLS = 3,    /* the last one is the default pool */
    QUEUES = 2,
    GATES = 2,
    SCOPES = 2,
    EDGES = 2,
    LIVES = 320,
};

enum phase { NONE, OPEN, DRAINING, CANCELLING, CLOSED };

struct pool_slot {
    struct filch_pool *pool;
    enum phase phase;
    unsigned limit, least;
    unsigned high; /* limit that it ever had: bodies admitted under it may still be about to begin */
    size_t queue_limit;
    enum filch_when_full when_full;
    uint64_t accepted;              /* by the driver's calls */
    atomic_uint_least64_t children; /* accepted by the calls of bodies */
};

enum kind {
    QUICK,      /* returns */
    HOLD,       /* until the driver lets it go */
    UNTIL_STOP, /* that, or until it is asked to stop */
    WAIT,       /* for another future */
    WAIT_SOME,  /* the same, with a deadline */
    NEST,       /* submits a task and waits for it */
    INSIDE,     /* makes the calls that are wrong in a task */
    EXIT,       /* pthread_exit */
    ENTER,      /* a gate, with a deadline, and leaves it */
    ASIDE,      /* sleeps, yields, makes a blocking call */
    KINDS
};

struct slot;

struct gate_slot {
    struct filch_gate *gate;
    unsigned permits, entered; /* by the driver */
};

struct scope_slot {
    struct filch_scope *scope; /* NULL: none is open */
    struct pool_slot *pool;
    enum filch_policy policy;
    unsigned need;
    bool cancelled; /* for sure */
    bool unsure;    /* its policy or its time-out may cancel it */
};

/* One submission. It stays until the end of the input, for the books. */
struct life {
    struct pool_slot *pool;
    struct filch_future *future; /* NULL: unknown to the body */
    struct slot *target;         /* of WAIT and WAIT_SOME */
    struct filch_future *target_future;
    enum kind kind;
    int value;
    bool has_dropped; /* callback */
    bool timed;       /* its time-out may strike */
    bool accepted;
    bool settled;   /* its end has been checked */
    bool gone;      /* the driver has let it go */
    bool cancelled; /* cancel said 0: it will not run */
    bool must_run;  /* cancel said -EINPROGRESS */
    bool asked;     /* to stop, for sure */
    bool may_stop;  /* perhaps */
    bool may_drop;  /* perhaps it will not run */
    struct slot *after[EDGES];
    struct filch_future *after_future[EDGES];
    unsigned edges;
    bool always;              /* FILCH_TASK_RUN_ALWAYS */
    struct gate_slot *gate;   /* of its options */
    bool gate_full;           /* it stands in line there, for sure, once it comes there */
    struct gate_slot *inside; /* of ENTER */
    struct scope_slot *scope;
    int status; /* once settled by its future */
    sem_t go;
    struct filch_future child;
    atomic_int let_go, begun, ended, drops, drop_status, waited;
};

enum slot_state { EMPTY /* never submitted, or no copy */, DONE, PROMISE, FLIGHT };

struct slot {
    struct filch_future *future;
    enum slot_state state;
    int status;      /* of DONE */
    bool may_cancel; /* of PROMISE: somebody may end it with -ECANCELED at any time */
    struct life *life;
    int queue; /* it belongs to this one; -1: to none */
};

struct world {
    struct input input;
    struct pool_slot pools[POOLS];
    struct slot slots[SLOTS + 1]; /* the last one is NULL */
    struct filch_future *embedded;
    struct filch_completions *queues[QUEUES];
    struct gate_slot gates[GATES];
    struct scope_slot scopes[SCOPES];
    struct life *lives;
    unsigned lives_used;
    struct life *items[LIVES]; /* each life's address, for batches to point to */
    FILE *null, *full;
    bool trace;
};

extern struct world world;
extern atomic_long fuzz_allocated; /* bytes that pools hold of the driver's allocator */

/* ---- the codes that a call may return ---- */

struct codes {
    int code[16];
    unsigned count;
};

void allow(struct codes *codes, int code);
bool allowed(const struct codes *codes, int code);
/* Says what it was and aborts, unless `got` is allowed. */
void check(const char *call, int got, const struct codes *codes);
void check_one(const char *call, int got, int code);
_Noreturn void deviate(const char *format, ...) __attribute__((format(printf, 1, 2)));
void trace(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- facts.c ---- */

bool life_over(const struct life *life);  /* nothing of it is left to happen but the end of its future */
bool life_held(const struct life *life);  /* if it has not begun, it does not for now, for sure */
bool life_lasts(const struct life *life); /* it is in flight for sure */
bool life_ends(const struct life *life);  /* it ends without the driver's doing, for sure */
bool slot_lasts(const struct slot *slot);
bool slot_ends(const struct slot *slot);
bool slot_ends_if_stopped(const struct slot *slot);
bool slot_watched(const struct slot *slot);      /* a body waits for it, or will */
bool slot_reusable(const struct slot *slot);     /* its memory is the driver's */
bool pool_blocked(const struct pool_slot *pool); /* nothing can start there */
bool pool_flows(const struct pool_slot *pool);   /* everything queued there will start */
size_t pool_queued_most(const struct pool_slot *pool);
size_t pool_queued_least(const struct pool_slot *pool);
void slots_look(void);                 /* at all of them */
void slot_look(struct slot *slot);     /* has it ended? then check how */
void slot_may_stop(struct slot *slot); /* somebody may cancel it from now on */
void life_check(struct life *life, int status);
struct pool_slot *pick_pool(void);
struct slot *pick_slot(void);
uint64_t pick_deadline(bool ends, bool *ret_unbounded);

/* ---- bodies.c ---- */

bool lives_are_left(unsigned count);
struct life *life_new(struct pool_slot *pool);
void life_let_go(struct life *life);
int run_life(void *data);
int run_reference(void *data); /* data points to a pointer to the life */
void drop_life(void *data, int status);
void drop_reference(void *data, int status);

/* ---- options.c ---- */

struct choice {
    struct filch_task_options options;
    bool given;
    struct codes errors; /* that they deserve */
    int queue;
    struct slot *after[EDGES];
    unsigned edges;
    struct gate_slot *gate;
    struct scope_slot *scope;
};

struct choice pick_options(void (*dropped)(void *data, int status));
const struct filch_task_options *options_of(const struct choice *choice); /* NULL: none */

/* ---- holds.c ---- */

void pick_holds(struct choice *choice);
/* Those that this submit, of these slots, cannot have are taken out; what the others deserve goes into the errors. */
void fit_holds(struct choice *choice, struct filch_pool *handle, const struct pool_slot *pool, struct life *lives,
               const struct slot *first, unsigned count, unsigned step);
void hold_life(struct life *life, const struct choice *choice); /* it was accepted */
bool gate_flows(const struct gate_slot *gate, const struct life *but);
bool life_failed_before(const struct life *life, int status); /* 0: with any status */
bool life_waited(const struct life *life);                    /* for all that came before */
bool pool_has_scope(const struct pool_slot *pool);
void end_gates(void);  /* permits are given back, and nobody needs to wait */
void end_scopes(void); /* they are closed */
void close_gates(void);

/* ---- calls ---- */

void call_pool_open(void);
void call_pool_close(void);
void call_pool_close_twice(void);
void call_pool_free(void);
void call_pool_resize(void);
void call_pool_look(void);
bool pool_end_now(struct pool_slot *slot, enum filch_close mode);

void call_submit(void);
void call_submit_copy(void);
void call_submit_many(void);

void call_wait(void);
void call_wait_until(void);
void call_wait_all(void);
void call_wait_any(void);
void call_wait_many(void);
void call_status(void);
void call_cancel(void);
void call_promise_init(void);
void call_complete(void);

void call_release(void);
void call_block(void);
void call_let_go(void);
void call_queue_open(void);
void call_queue_next(void);
void call_queue_fd(void);
void call_queue_close(void);
void call_outside(void);
void call_gate_open(void);
void call_gate_enter(void);
void call_gate_leave(void);
void call_gate_resize(void);
void call_gate_close(void);
void call_scope_open(void);
void call_scope_cancel(void);
void call_scope_close(void);

int fuzz_one(const uint8_t *data, size_t size);

#endif
