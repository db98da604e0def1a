/* SPDX-License-Identifier: MIT */
/* holds.c - gates, scopes, and what else may hold a task back, or end it.
 *
 * Only tasks whose futures the driver has are held back, so that it is known when they have ended: until a life is
 * settled, it may hold a permit of its gate, needs its predecessors in place, and is a member of its scope.
 */
#define TEST_FURTHER_SOURCE
#include "fuzz.h"

#include <stdlib.h>

static bool unsettled(const struct life *life)
{
    return life->accepted && !life->settled;
}

/* ---- options ---- */

void pick_holds(struct choice *choice)
{
    static struct filch_future *after[EDGES];
    unsigned bits = input_byte(&world.input);
    struct gate_slot *gate = &world.gates[bits >> 4 & 1];
    struct scope_slot *scope = &world.scopes[bits >> 6 & 1];
    choice->options.flags |= bits & 1 ? FILCH_TASK_RUN_ALWAYS : 0;
    for (unsigned i = (bits >> 1 & 3) % (EDGES + 1); i > 0; i--) {
        struct slot *slot = pick_slot();
        if (!slot->future || slot->state == EMPTY)
            continue;
        choice->after[choice->edges] = slot;
        after[choice->edges++] = slot->future;
    }
    choice->options.after = after;
    choice->options.after_count = choice->edges;
    if (bits & 8 && gate->gate) {
        choice->gate = gate;
        choice->options.gate = gate->gate;
    }
    if (bits & 32 && scope->scope) {
        choice->scope = scope;
        choice->options.scope = scope->scope;
    }
}

static void strip_edges(struct choice *choice)
{
    if (choice->edges)
        choice->options.after_count = choice->edges = 0;
}

static void strip_scope(struct choice *choice)
{
    if (choice->scope)
        choice->options.scope = NULL;
    choice->scope = NULL;
}

void fit_holds(struct choice *choice, struct filch_pool *handle, const struct pool_slot *pool, struct life *lives,
               const struct slot *first, unsigned count, unsigned step)
{
    bool waits_for_room = pool->queue_limit && pool->when_full != FILCH_FULL_FAIL; /* which those held back may keep */
    bool scope_fits =
        choice->scope && (handle || choice->scope->pool == pool) && (count == 1 || !choice->scope->unsure);
    for (unsigned i = 0; i < choice->edges; i++)
        for (unsigned k = 0; first && k < count; k++)
            if (choice->after[i] == first + k * step)
                waits_for_room = true;
    if (!first || waits_for_room) {
        strip_edges(choice);
        if (choice->gate)
            choice->options.gate = NULL;
        choice->gate = NULL;
    }
    if (!first || !scope_fits)
        strip_scope(choice);
    for (unsigned i = 0; i < count; i++) {
        struct life *life = &lives[i];
        life->edges = choice->edges;
        for (unsigned k = 0; k < choice->edges; k++) {
            life->after[k] = choice->after[k];
            life->after_future[k] = choice->after[k]->future;
        }
        if (!first && life->kind == ENTER)
            life->kind = QUICK;
    }
    if (choice->scope && choice->scope->pool != pool)
        allow(&choice->errors, -EINVAL);
    if (choice->scope && choice->scope->cancelled)
        allow(&choice->errors, -ECANCELED);
}

static void may_stop(struct life *life)
{
    life->may_stop = life->may_drop = true;
    if (life->target)
        slot_may_stop(life->target);
}

void hold_life(struct life *life, const struct choice *choice)
{
    life->always = choice->options.flags & FILCH_TASK_RUN_ALWAYS;
    life->gate = choice->gate;
    life->gate_full = life->gate && life->gate->entered >= life->gate->permits;
    life->scope = choice->scope;
    if (life->scope && life->scope->unsure && !life->always)
        may_stop(life);
}

bool life_failed_before(const struct life *life, int status)
{
    for (unsigned i = 0; i < life->edges; i++) {
        struct slot *before = life->after[i];
        slot_look(before);
        if (before->state == DONE && before->status < 0 && (status == 0 || before->status == status))
            return true;
    }
    return false;
}

bool life_waited(const struct life *life)
{
    bool waited = true;
    for (unsigned i = 0; i < life->edges; i++) {
        slot_look(life->after[i]);
        waited &= life->after[i]->state == DONE;
    }
    return waited;
}

/* ---- gates ---- */

/* Somebody may be inside, or in line, or on the way there. */
static unsigned gate_users(const struct gate_slot *gate)
{
    unsigned users = 0;
    slots_look();
    for (unsigned i = 0; i < world.lives_used; i++)
        users += unsettled(&world.lives[i]) && (world.lives[i].gate == gate || world.lives[i].inside == gate);
    return users;
}

/* Do permits come round to whoever stands in line, without the driver's doing? */
bool gate_flows(const struct gate_slot *gate, const struct life *but)
{
    unsigned kept = gate->entered;
    for (unsigned i = 0; i < world.lives_used; i++) {
        const struct life *life = &world.lives[i];
        bool ends = life->kind != HOLD && life->kind != UNTIL_STOP && life->kind != WAIT;
        kept += life != but && unsettled(life) && life->gate == gate && !(ends && pool_flows(life->pool));
    }
    return kept < gate->permits;
}

static void gate_moves(const struct gate_slot *gate)
{
    for (unsigned i = 0; i < world.lives_used; i++)
        if (world.lives[i].gate == gate)
            world.lives[i].gate_full = false;
}

static struct gate_slot *pick_gate(void)
{
    return &world.gates[input_below(&world.input, GATES)];
}

void call_gate_open(void)
{
    struct gate_slot *slot = pick_gate();
    unsigned permits = input_below(&world.input, 4);
    struct filch_gate *gate = NULL;
    check_one("filch_gate_open(NULL)", filch_gate_open(NULL, 1), -EINVAL);
    check_one("filch_gate_open", filch_gate_open(&gate, FILCH_GATE_PERMITS_MAX + 1), -EINVAL);
    if (slot->gate || gate)
        return;
    check_one("filch_gate_open", filch_gate_open(&slot->gate, permits), 0);
    slot->permits = permits;
    slot->entered = 0;
}

void call_gate_enter(void)
{
    struct gate_slot *slot = pick_gate();
    struct codes codes = {{0}, 0};
    bool unbounded;
    if (!slot->gate) {
        check_one("filch_gate_enter(NULL)", filch_gate_enter(NULL, 0), -EINVAL);
        return;
    }
    bool full = slot->entered >= slot->permits, free_for_sure = !full && gate_users(slot) == 0;
    uint64_t deadline_ns = pick_deadline(!full && gate_flows(slot, NULL), &unbounded);
    if (!full)
        allow(&codes, 0);
    if (!unbounded && !free_for_sure)
        allow(&codes, -ETIMEDOUT);
    int r = filch_gate_enter(slot->gate, deadline_ns);
    trace("gate %d:", (int)(slot - world.gates));
    check("filch_gate_enter", r, &codes);
    slot->entered += r == 0;
}

void call_gate_leave(void)
{
    struct gate_slot *slot = pick_gate();
    filch_gate_leave(NULL);
    if (!slot->entered)
        return;
    slot->entered--;
    gate_moves(slot);
    trace("filch_gate_leave %d", (int)(slot - world.gates));
    filch_gate_leave(slot->gate);
}

void call_gate_resize(void)
{
    static const unsigned sizes[] = {0, 1, 2, 3, FILCH_GATE_PERMITS_MAX + 1, UINT32_MAX};
    struct gate_slot *slot = pick_gate();
    unsigned permits = sizes[input_below(&world.input, 6)];
    check_one("filch_gate_resize(NULL)", filch_gate_resize(NULL, 1), -EINVAL);
    if (!slot->gate)
        return;
    check_one("filch_gate_resize", filch_gate_resize(slot->gate, permits), permits > 3 ? -EINVAL : 0);
    if (permits <= 3) {
        slot->permits = permits;
        gate_moves(slot);
    }
    unsigned left = slot->permits > slot->entered ? slot->permits - slot->entered : 0;
    bool unused = gate_users(slot) == 0;
    unsigned available = filch_gate_available(slot->gate);
    if (available > left || (unused && available != left))
        deviate("filch_gate_available says %u, at most %u are left", available, left);
}

/* Not while a task is on its way there: that would be beyond what a library can see. */
void call_gate_close(void)
{
    struct gate_slot *slot = pick_gate();
    check_one("filch_gate_close(NULL)", filch_gate_close(NULL), 0);
    if (!slot->gate || (gate_users(slot) && !slot->entered))
        return;
    check_one("filch_gate_close", filch_gate_close(slot->gate), slot->entered ? -EBUSY : 0);
    if (!slot->entered)
        slot->gate = NULL;
}

void end_gates(void)
{
    for (unsigned i = 0; i < GATES; i++) {
        struct gate_slot *slot = &world.gates[i];
        if (!slot->gate)
            continue;
        for (; slot->entered; slot->entered--)
            filch_gate_leave(slot->gate);
        check_one("filch_gate_resize", filch_gate_resize(slot->gate, LIVES), 0);
        slot->permits = LIVES;
        gate_moves(slot);
    }
}

void close_gates(void)
{
    for (unsigned i = 0; i < GATES; i++) {
        struct gate_slot *slot = &world.gates[i];
        if (slot->gate && filch_gate_available(slot->gate) != LIVES)
            deviate("of %d permits %u are there at the end", LIVES, filch_gate_available(slot->gate));
        check_one("filch_gate_close", filch_gate_close(slot->gate), 0);
    }
}

/* ---- scopes ---- */

bool pool_has_scope(const struct pool_slot *pool)
{
    for (unsigned i = 0; i < SCOPES; i++)
        if (world.scopes[i].scope && world.scopes[i].pool == pool)
            return true;
    return false;
}

static struct scope_slot *pick_scope(void)
{
    return &world.scopes[input_below(&world.input, SCOPES)];
}

static void misuse_scopes(void)
{
    static struct filch_scope scope;
    struct filch_scope_config wrong = {.need = 1}, few = {.policy = FILCH_SCOPE_COUNT}, reserved = {.reserved = {1}},
                              policy = {.policy = (enum filch_policy)4};
    struct filch_scope_config *configs[] = {&wrong, &few, &reserved, &policy};
    struct filch_future future = {0};
    check_one("filch_scope_open(NULL)", filch_scope_open(NULL, NULL, NULL), -EINVAL);
    check_one("filch_scope_open", filch_scope_open(&scope, NULL, configs[input_below(&world.input, 4)]), -EINVAL);
    check_one("filch_scope_close(NULL)", filch_scope_close(NULL), -EINVAL);
    check_one("filch_scope_close of none", filch_scope_close(&scope), -EINVAL);
    check_one("filch_scope_submit(NULL)", filch_scope_submit(NULL, &future, nothing, NULL, NULL), -EINVAL);
    check_one("filch_scope_submit to none", filch_scope_submit(&scope, &future, nothing, NULL, NULL), -ESHUTDOWN);
    filch_scope_cancel(&scope);
    filch_scope_cancel(NULL);
}

void call_scope_open(void)
{
    static const uint64_t timeouts[] = {0, 0, 0, 1, FILCH_US(50), FILCH_S(3600), UINT64_MAX};
    struct scope_slot *slot = pick_scope();
    struct pool_slot *pool = pick_pool();
    struct filch_scope_config config = {.policy = (enum filch_policy)input_below(&world.input, 4)};
    if (slot->scope || pool->phase == NONE) {
        misuse_scopes();
        return;
    }
    config.need = config.policy == FILCH_SCOPE_COUNT ? 1 + input_below(&world.input, 3) : 0;
    config.timeout_ns = timeouts[input_below(&world.input, 7)];
    struct filch_scope *scope = malloc(sizeof *scope);
    must(scope != NULL);
    trace("scope %d, pool %d:", (int)(slot - world.scopes), (int)(pool - world.pools));
    int r = filch_scope_open(scope, pool->pool, &config);
    check_one("filch_scope_open", r, pool->phase == OPEN ? 0 : -ESHUTDOWN);
    if (r != 0) {
        free(scope);
        return;
    }
    bool unsure = config.policy != FILCH_SCOPE_ALL || (config.timeout_ns && config.timeout_ns < FILCH_S(1));
    *slot = (struct scope_slot){.scope = scope, .pool = pool, .policy = config.policy, .unsure = unsure};
    slot->need = config.policy == FILCH_SCOPE_FIRST_SUCCESS ? 1 : config.need;
}

void call_scope_cancel(void)
{
    struct scope_slot *slot = pick_scope();
    if (!slot->scope)
        return;
    slots_look();
    trace("filch_scope_cancel %d", (int)(slot - world.scopes));
    filch_scope_cancel(slot->scope);
    slot->cancelled = true;
    for (unsigned i = 0; i < world.lives_used; i++) {
        struct life *life = &world.lives[i];
        if (life->scope != slot || !unsettled(life) || life->always)
            continue;
        life->asked = true;
        may_stop(life);
    }
}

/* What close returned, against what became of the tasks. */
static void judge(const struct scope_slot *slot, int result)
{
    unsigned good = 0, bad = 0;
    bool given = false, stopped = slot->cancelled || slot->unsure;
    for (unsigned i = 0; i < world.lives_used; i++) {
        const struct life *life = &world.lives[i];
        if (life->scope != slot)
            continue;
        if (!life->settled)
            deviate("a scope is closed, and one of its tasks has not ended");
        good += life->status >= 0;
        bad += life->status < 0;
        given |= life->status == result;
    }
    bool right = slot->need ? (result == 0) == (good >= slot->need) : result != 0 || bad == 0;
    bool reason = result == 0 || (given && result < 0) || (slot->need && result == -ENODATA && bad == 0) ||
                  (stopped && (result == -ECANCELED || result == -ETIMEDOUT));
    if (!right || !reason || (!stopped && (result != 0) != (bad != 0)))
        deviate("filch_scope_close returned %d; %u have succeeded, of which it needs %u, and %u failed", result, good,
                slot->need, bad);
}

static void close_scope(struct scope_slot *slot)
{
    int r = filch_scope_close(slot->scope);
    trace("filch_scope_close %d = %d", (int)(slot - world.scopes), r);
    slots_look();
    judge(slot, r);
    for (unsigned i = 0; i < world.lives_used; i++)
        if (world.lives[i].scope == slot)
            world.lives[i].scope = NULL;
    check_one("filch_scope_close again", filch_scope_close(slot->scope), -EINVAL);
    filch_scope_cancel(slot->scope);
    free(slot->scope);
    *slot = (struct scope_slot){.scope = NULL};
}

void call_scope_close(void)
{
    struct scope_slot *slot = pick_scope();
    if (!slot->scope)
        return;
    slots_look();
    for (unsigned i = 0; i < world.lives_used; i++)
        if (world.lives[i].scope == slot && unsettled(&world.lives[i]) && !life_ends(&world.lives[i]))
            return;
    close_scope(slot);
}

void end_scopes(void)
{
    for (unsigned i = 0; i < SCOPES; i++)
        if (world.scopes[i].scope)
            close_scope(&world.scopes[i]);
}
