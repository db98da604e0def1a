/* SPDX-License-Identifier: MIT */
/* facts.c - what the model knows. "For sure" is meant: where the workers may have come further, the answer is no. */
#define TEST_FURTHER_SOURCE
#include "fuzz.h"

#include <stdarg.h>

/* ---- codes ---- */

void allow(struct codes *codes, int code)
{
    if (!allowed(codes, code))
        codes->code[codes->count++] = code;
}

bool allowed(const struct codes *codes, int code)
{
    for (unsigned i = 0; i < codes->count; i++)
        if (codes->code[i] == code)
            return true;
    return false;
}

_Noreturn void deviate(const char *format, ...)
{
    va_list arguments;
    fprintf(stderr, "DEVIATION: ");
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\nFILCH_FUZZ_TRACE=1 in the environment shows the calls that led here\n");
    fflush(NULL);
    abort();
}

void trace(const char *format, ...)
{
    va_list arguments;
    if (!world.trace)
        return;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

void check(const char *call, int got, const struct codes *codes)
{
    char text[256];
    size_t used = 0;
    trace("%s = %d", call, got);
    if (allowed(codes, got))
        return;
    text[0] = '\0';
    for (unsigned i = 0; i < codes->count && used < sizeof text; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, " %d", codes->code[i]);
    deviate("%s returned %d; right would be:%s", call, got, text);
}

void check_one(const char *call, int got, int code)
{
    struct codes codes = {{code}, 1};
    check(call, got, &codes);
}

/* ---- tasks ---- */

static bool in_flight(const struct life *life)
{
    return life->accepted && !life_over(life);
}

bool life_over(const struct life *life)
{
    return life->settled || atomic_load(&life->ended) || atomic_load(&life->drops);
}

/* A body of this kind stays until the driver acts, if nobody stops it. */
static bool stays(const struct life *life)
{
    if (life->kind == HOLD)
        return !life->gone;
    return life->kind == UNTIL_STOP && !life->gone && !life->asked && !life->timed;
}

bool pool_blocked(const struct pool_slot *pool)
{
    unsigned bodies = 0;
    for (unsigned i = 0; i < world.lives_used; i++) {
        const struct life *life = &world.lives[i];
        bool stopped = life->kind == UNTIL_STOP && life->may_stop;
        bool lent = life->timed; /* it may get stuck, and its permit serve others */
        bodies += life->accepted && life->pool == pool && stays(life) && !stopped && !lent && atomic_load(&life->begun);
    }
    return bodies >= pool->high;
}

bool pool_flows(const struct pool_slot *pool)
{
    unsigned bodies = 0;
    for (unsigned i = 0; i < world.lives_used; i++) {
        const struct life *life = &world.lives[i];
        bodies += in_flight(life) && life->pool == pool && stays(life) && !life->cancelled;
    }
    return bodies < pool->limit;
}

/* Predecessors of others stay in place until those have ended. */
bool life_held(const struct life *life)
{
    for (unsigned i = 0; i < life->edges; i++)
        if (slot_lasts(life->after[i]))
            return true;
    return life->gate_full && (!life->edges || life->always); /* a failure passes by the gate */
}

bool life_lasts(const struct life *life)
{
    bool blocked = pool_blocked(life->pool); /* first: what has not begun afterwards does not begin */
    if (life_over(life))
        return false;
    if (!atomic_load(&life->begun)) {
        if (life->cancelled || life->may_drop)
            return false;
        if (blocked || life_held(life))
            return true;
        if (life->edges && !life->always) /* one may have failed */
            return false;
    }
    if (life->kind == WAIT)
        return !life->asked && !life->may_stop && !life->timed && slot_lasts(life->target);
    return stays(life) && (life->kind == HOLD || !life->may_stop);
}

/* It begins or is dropped without the driver's doing. */
static bool comes_through(const struct life *life)
{
    if (life->cancelled || life->pool->phase == CANCELLING || atomic_load(&life->begun))
        return true;
    for (unsigned i = 0; i < life->edges; i++)
        if (!slot_ends(life->after[i]))
            return false;
    return !life->gate || gate_flows(life->gate, life);
}

bool life_ends(const struct life *life)
{
    if (life_over(life))
        return true;
    if (!pool_flows(life->pool) || !comes_through(life))
        return false;
    if (life->kind == WAIT && !life->cancelled)
        return slot_ends(life->target);
    return life->cancelled || !stays(life);
}

/* ---- futures ---- */

bool slot_lasts(const struct slot *slot)
{
    if (slot->state == PROMISE)
        return !slot->may_cancel;
    if (slot->state != FLIGHT)
        return false;
    /* A cancelled one stays in its queue until a worker with a permit takes it out. */
    bool queued = pool_blocked(slot->life->pool) && !atomic_load(&slot->life->begun) && !filch_done(slot->future);
    return queued || life_lasts(slot->life);
}

bool slot_ends(const struct slot *slot)
{
    return slot->state == DONE || (slot->state == FLIGHT && life_ends(slot->life));
}

/* A cancel is passed on to what a task waits for, and ends a promise. */
bool slot_ends_if_stopped(const struct slot *slot)
{
    if (slot->state == FLIGHT) {
        const struct life *life = slot->life;
        if (!pool_flows(life->pool))
            return life_over(life);
        return life->kind == WAIT ? slot_ends_if_stopped(life->target) : life->kind != HOLD || life_ends(life);
    }
    return slot->state == DONE || slot->state == PROMISE;
}

bool slot_watched(const struct slot *slot)
{
    for (unsigned i = 0; i < world.lives_used; i++)
        if (in_flight(&world.lives[i]) && world.lives[i].target == slot)
            return true;
    for (unsigned i = 0; i < world.lives_used; i++)
        for (unsigned k = 0; k < world.lives[i].edges; k++)
            if (world.lives[i].after[k] == slot && world.lives[i].accepted && !world.lives[i].settled)
                return true;
    return false;
}

bool slot_reusable(const struct slot *slot)
{
    return slot->future && (slot->state == EMPTY || slot->state == DONE) && slot->queue < 0 && !slot_watched(slot) &&
           slot < &world.slots[EMBEDDED];
}

void slot_may_stop(struct slot *slot)
{
    if (slot->state == PROMISE)
        slot->may_cancel = true;
    if (slot->state != FLIGHT || slot->life->may_stop)
        return;
    slot->life->may_stop = slot->life->may_drop = true;
    if (slot->life->kind == WAIT)
        slot_may_stop(slot->life->target);
}

/* How a task ended: `status` is what its future says. */
void life_check(struct life *life, int status)
{
    int begun = atomic_load(&life->begun), drops = atomic_load(&life->drops), value = life->value;
    bool may_run = !life->cancelled, may_drop = (life->cancelled || life->may_drop) && !life->must_run;
    life->settled = true;
    life->status = status;
    if (begun > 1 || drops > 1 || (begun && drops))
        deviate("a task ran %d times and was dropped %d times", begun, drops);
    if (!begun) {
        if (!(may_drop && status == -ECANCELED) &&
            (life->must_run || life->always || !life_failed_before(life, status)))
            deviate("a task ended with %d and never ran%s", status, may_drop ? "" : ", though nobody cancelled it");
        if (life->has_dropped && (drops != 1 || atomic_load(&life->drop_status) != status))
            deviate("a task was dropped with %d; its callback was called %d times, with %d", status, drops,
                    atomic_load(&life->drop_status));
        return;
    }
    if (!may_run)
        deviate("a task ran, though cancelling it had returned 0");
    if (!life_waited(life) || (!life->always && life_failed_before(life, 0)))
        deviate("a task ran, though one before it had not ended, or had failed");
    if (life->kind == WAIT || life->kind == WAIT_SOME)
        value = atomic_load(&life->waited);
    if (life->kind == EXIT)
        value = -ECANCELED;
    bool must_time_out = life->kind == UNTIL_STOP && life->timed && !life->gone && !life->asked && !life->may_stop;
    if ((status != value || must_time_out) && !(status == -ETIMEDOUT && life->timed))
        deviate("a task of kind %d ended with %d, not with %d", life->kind, status, value);
}

void slot_look(struct slot *slot)
{
    if (!slot->future || slot->state < PROMISE || !filch_done(slot->future))
        return;
    int status = filch_status(slot->future);
    if (slot->state == FLIGHT)
        life_check(slot->life, status);
    else if (!slot->may_cancel || status != -ECANCELED)
        deviate("a promise that nobody ended is done, with %d", status);
    slot->state = DONE;
    slot->status = status;
}

void slots_look(void)
{
    for (unsigned i = 0; i < SLOTS; i++)
        slot_look(&world.slots[i]);
}

/* ---- queues of pools ---- */

static bool may_be_queued(const struct life *life, const struct pool_slot *pool)
{
    return in_flight(life) && life->pool == pool && !atomic_load(&life->begun);
}

size_t pool_queued_most(const struct pool_slot *pool)
{
    size_t count = 0;
    for (unsigned i = 0; i < world.lives_used; i++) {
        const struct life *life = &world.lives[i];
        count += may_be_queued(life, pool);
        count += in_flight(life) && life->pool == pool && life->kind == NEST; /* its child */
    }
    return count;
}

size_t pool_queued_least(const struct pool_slot *pool)
{
    size_t count = 0;
    if (!pool_blocked(pool))
        return 0;
    for (unsigned i = 0; i < world.lives_used; i++) {
        const struct life *life = &world.lives[i];
        count += may_be_queued(life, pool) && !life->cancelled && !life->may_drop;
    }
    return count;
}

/* ---- choices ---- */

struct pool_slot *pick_pool(void)
{
    return &world.pools[input_below(&world.input, POOLS)];
}

/* NULL every now and then: the last slot, and copies that there are not. */
struct slot *pick_slot(void)
{
    return &world.slots[input_below(&world.input, SLOTS + 1)];
}

/* Only what `ends` is waited for without a deadline, or with one that is far away. */
uint64_t pick_deadline(bool ends, bool *ret_unbounded)
{
    unsigned choice = input_below(&world.input, 7);
    *ret_unbounded = ends && choice >= 4;
    switch (choice) {
    case 0:
        return 0;
    case 1:
        return 1;
    case 2:
        return filch_now_ns() - 1;
    case 4:
        return ends ? filch_in_ns(FILCH_S(600)) : filch_in_ns(FILCH_US(50));
    case 5:
        return ends ? FILCH_NO_DEADLINE : filch_in_ns(FILCH_US(200));
    case 6:
        return ends ? FILCH_NO_DEADLINE - 1 : filch_now_ns();
    default:
        return filch_in_ns(FILCH_US(20));
    }
}
