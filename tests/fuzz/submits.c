/* SPDX-License-Identifier: MIT */
/* submits.c - the calls that submit. */
#define TEST_FURTHER_SOURCE
#include "fuzz.h"

/* ---- room ---- */

static void make_quick(struct life *life)
{
    life->kind = QUICK;
    life->target = NULL;
    life->target_future = NULL;
    life->inside = NULL;
}

/* What a pool that takes tasks says to `fresh` more, which are among `count` lives; false when it might wait for room
 * that never comes. Where a caller runs a body itself, or several are to wait for room, they are bodies that return. */
static bool find_room(struct pool_slot *pool, struct life *lives, unsigned count, unsigned fresh, bool own_thread,
                      struct codes *codes)
{
    size_t most = pool_queued_most(pool), limit = pool->queue_limit;
    if (limit == 0 || fresh == 0 || most + fresh <= limit) {
        allow(codes, 0);
        return true;
    }
    if (pool->when_full == FILCH_FULL_FAIL) {
        allow(codes, -EAGAIN);
        if (!pool_blocked(pool) || pool_queued_least(pool) + fresh <= limit) /* room is made meanwhile, or is there */
            allow(codes, 0);
        return true;
    }
    allow(codes, 0);
    if (count > 1 || (pool->when_full == FILCH_FULL_RUN && !own_thread))
        for (unsigned i = 0; i < count; i++)
            make_quick(&lives[i]);
    return pool_flows(pool);
}

/* What the pool's state and the options make of any submit; none: the pool takes it. */
static struct codes refusals(const struct pool_slot *pool, const struct choice *choice)
{
    struct codes codes = choice->errors;
    if (pool->phase != OPEN)
        allow(&codes, -ESHUTDOWN);
    return codes;
}

/* ---- books ---- */

static void accepted(struct slot *slot, struct life *life, const struct choice *choice)
{
    life->accepted = true;
    life->has_dropped = choice->options.dropped;
    life->timed = choice->options.timeout_ns && choice->options.timeout_ns < FILCH_S(1);
    life->pool->accepted++;
    hold_life(life, choice);
    if (life->timed && life->target)
        slot_may_stop(life->target);
    if (!slot)
        return;
    slot->state = FLIGHT;
    slot->life = life;
    slot->queue = choice->queue;
}

static void refused(struct slot *slot, int error)
{
    if (!filch_done(slot->future) || filch_status(slot->future) != error)
        deviate("a submit was refused with %d; its future's status is %d", error, filch_status(slot->future));
    slot->state = DONE;
    slot->status = error;
    slot->life = NULL;
}

static void untouched(const struct slot *slot)
{
    int status = slot->state == EMPTY ? -EINVAL : slot->state == DONE ? slot->status : -EINPROGRESS;
    if (slot->future && filch_status(slot->future) != status)
        deviate("a call that must leave a future alone changed its status from %d to %d", status,
                filch_status(slot->future));
}

/* A pool that is not there stands for NULL: the default pool. */
static struct pool_slot *pick_open_pool(struct filch_pool **ret_pool)
{
    struct pool_slot *slot = pick_pool();
    *ret_pool = slot == &world.pools[POOLS - 1] ? NULL : slot->pool;
    return *ret_pool ? slot : &world.pools[POOLS - 1];
}

/* Is it known what a submit would find in this slot? */
static bool is_determined(struct slot *slot, bool *ret_busy)
{
    slot_look(slot);
    *ret_busy = slot_lasts(slot);
    return *ret_busy || !slot->future || slot_reusable(slot);
}

/* ---- calls ---- */

void call_submit(void)
{
    struct filch_pool *handle;
    struct pool_slot *pool = pick_open_pool(&handle);
    struct slot *slot = pick_slot();
    filch_fn *fn = input_rarely(&world.input, 32) ? NULL : run_life;
    bool busy, wrong = !fn || !slot->future;
    if (!is_determined(slot, &busy) || !lives_are_left(1))
        return;
    struct life *life = life_new(pool);
    struct choice choice = pick_options(drop_life);
    fit_holds(&choice, handle, pool, life, slot, 1, 1);
    struct codes codes = refusals(pool, &choice);
    if (wrong)
        codes = (struct codes){{-EINVAL}, 1};
    else if (busy)
        allow(&codes, -EBUSY);
    bool own_thread = choice.options.flags & FILCH_TASK_OWN_THREAD;
    if (!codes.count && !find_room(pool, life, 1, 1, own_thread, &codes))
        return;
    if (allowed(&codes, 0) && choice.scope && choice.scope->unsure)
        allow(&codes, -ECANCELED);
    life->future = slot->future;
    int r = choice.given || input_rarely(&world.input, 4)
                ? filch_submit_with(handle, slot->future, fn, life, options_of(&choice))
                : filch_submit(handle, slot->future, fn, life);
    trace("pool %d, slot %d, kind %d, value %d:", (int)(pool - world.pools), (int)(slot - world.slots), life->kind,
          life->value);
    check("filch_submit", r, &codes);
    if (r == 0)
        accepted(slot, life, &choice);
    else if (wrong || busy)
        untouched(slot);
    else
        refused(slot, r);
}

void call_submit_copy(void)
{
    struct filch_pool *handle;
    struct pool_slot *pool = pick_open_pool(&handle);
    struct slot *slot = &world.slots[EMBEDDED + input_below(&world.input, SLOTS - EMBEDDED)];
    unsigned wrong = input_byte(&world.input) % 32; /* 0, 1, 2: something is */
    bool detached = slot->future;
    char data[100];
    if (!lives_are_left(1))
        return;
    struct life *life = life_new(pool);
    struct choice choice = pick_options(drop_reference);
    fit_holds(&choice, handle, pool, life, detached ? NULL : slot, 1, 1);
    struct codes codes = refusals(pool, &choice);
    if (detached && choice.options.completions) /* what came out of the queue would be gone already */
        allow(&codes, -EINVAL);
    if (wrong < 2)
        allow(&codes, -EINVAL);
    if (wrong == 2) {
        allow(&codes, -EOVERFLOW);
        allow(&codes, -ENOMEM);
    }
    bool own_thread = choice.options.flags & FILCH_TASK_OWN_THREAD;
    if (!codes.count && !find_room(pool, life, 1, 1, own_thread, &codes))
        return;
    if (allowed(&codes, 0) && choice.scope && choice.scope->unsure)
        allow(&codes, -ECANCELED);
    memset(data, 0, sizeof data);
    memcpy(data, &life, sizeof life);
    struct filch_future *mark = (struct filch_future *)data, *copy = mark;
    int r = filch_submit_copy(handle, wrong == 0 ? NULL : run_reference, wrong == 1 ? NULL : data,
                              wrong == 2  ? SIZE_MAX - 15
                              : wrong % 2 ? sizeof data
                                          : sizeof life,
                              options_of(&choice), detached ? NULL : &copy);
    trace("pool %d, copy %d%s, kind %d, value %d:", (int)(pool - world.pools), (int)(slot - world.slots),
          detached ? " detached" : "", life->kind, life->value);
    check("filch_submit_copy", r, &codes);
    if (r != 0 && copy != mark)
        deviate("a failed filch_submit_copy has written its result");
    if (r == 0)
        accepted(detached ? NULL : slot, life, &choice);
    if (r != 0 || detached)
        return;
    slot->future = copy;
    struct life **copied = filch_future_data(copy);
    if (!copied || (uintptr_t)copied % 16 || *copied != life)
        deviate("filch_future_data does not give the copy");
}

/* ---- many ---- */

/* A batch that is refused as such. */
static void submit_wrong_batch(struct filch_pool *handle)
{
    struct filch_batch batch = {world.embedded, 0, world.items, 0, 2};
    int error = -EINVAL;
    switch (input_below(&world.input, 6)) {
    case 0:
        check_one("filch_submit_many(NULL)", filch_submit_many(handle, NULL, run_reference, NULL), -EINVAL);
        return;
    case 1:
        batch.futures = NULL;
        break;
    case 2:
        batch.future_stride = 8;
        break;
    case 3:
        batch.future_stride = sizeof(struct filch_future) + 4;
        break;
    case 4:
        batch.count = SIZE_MAX / 2;
        error = -EOVERFLOW;
        break;
    default:
        batch.item_stride = SIZE_MAX / 2 + 1;
        error = -EOVERFLOW;
    }
    check_one("filch_submit_many", filch_submit_many(handle, &batch, run_reference, NULL), error);
    check_one("filch_wait_many", filch_wait_many(&batch, 0), error);
    for (unsigned i = 0; i < EMBEDDED; i++)
        if (world.slots[i].state == EMPTY || world.slots[i].state == DONE)
            untouched(&world.slots[i]);
}

struct many {
    struct slot *first;
    unsigned step, count;
    bool busy[EMBEDDED];
    unsigned busy_count;
};

/* Which futures: some that are in flight for sure, the others free. */
static bool pick_many(struct many *many)
{
    unsigned first = input_below(&world.input, EMBEDDED);
    *many = (struct many){.first = &world.slots[first], .step = 1 + input_below(&world.input, 2)};
    unsigned room = (EMBEDDED - first + many->step - 1) / many->step, count = input_below(&world.input, 6);
    many->count = count < room ? count : room;
    for (unsigned i = 0; i < many->count; i++) {
        if (!is_determined(many->first + i * many->step, &many->busy[i]))
            return false;
        many->busy_count += many->busy[i];
    }
    return lives_are_left(many->count);
}

/* Those that were accepted come first. How many? */
static unsigned settle_many(const struct many *many, struct life *lives, const struct choice *choice,
                            const struct codes *errors, int result)
{
    unsigned taken = 0, refusals_seen = 0;
    for (unsigned i = 0; i < many->count; i++) {
        struct slot *slot = many->first + i * many->step;
        if (many->busy[i])
            continue;
        int status = filch_status(slot->future);
        if (errors->count ? allowed(errors, status) : status == -EAGAIN && filch_done(slot->future)) {
            refused(slot, status);
            refusals_seen++;
        } else if (refusals_seen || errors->count) {
            deviate("a future of a batch of which the front was refused has the status %d", status);
        } else {
            accepted(slot, &lives[i], choice);
            taken++;
        }
    }
    for (unsigned i = 0; i < many->count; i++) /* unless one of the new tasks has passed a cancel on to it */
        if (many->busy[i] && slot_lasts(many->first + i * many->step))
            untouched(many->first + i * many->step);
    if ((result == -EAGAIN) != (refusals_seen && !errors->count))
        deviate("filch_submit_many returned %d and refused %u of %u", result, refusals_seen, many->count);
    return taken;
}

void call_submit_many(void)
{
    struct filch_pool *handle;
    struct pool_slot *pool = pick_open_pool(&handle);
    struct many many;
    if (input_rarely(&world.input, 8)) {
        submit_wrong_batch(handle);
        return;
    }
    if (!pick_many(&many))
        return;
    struct life *lives = &world.lives[world.lives_used];
    for (unsigned i = 0; i < many.count; i++)
        life_new(pool)->future = many.first[i * many.step].future;
    struct choice choice = pick_options(drop_reference);
    fit_holds(&choice, handle, pool, lives, many.first, many.count, many.step);
    for (unsigned i = 0; i < many.count;
         i++) /* none may, timed out, end what is in flight before the call comes to it */
        if (choice.options.timeout_ns && many.busy_count && lives[i].target)
            make_quick(&lives[i]);
    struct codes errors = refusals(pool, &choice), codes = errors;
    size_t limit = pool->queue_limit, most = pool_queued_most(pool), least = pool_queued_least(pool);
    bool own_thread = choice.options.flags & FILCH_TASK_OWN_THREAD, blocked = pool_blocked(pool);
    unsigned fresh = many.count - many.busy_count;
    if (many.count == 0) /* what is looked at for each of them is wrong for none */
        allow(&codes, 0);
    if (!errors.count && !find_room(pool, lives, many.count, fresh, own_thread, &codes))
        return;
    if (many.busy_count && (errors.count || allowed(&codes, 0)))
        allow(&codes, -EBUSY);
    const struct filch_batch batch = {many.count ? many.first->future : NULL,
                                      many.step == 1 ? 0 : many.step * sizeof(struct filch_future),
                                      &world.items[lives - world.lives], sizeof *world.items, many.count};
    int r = filch_submit_many(handle, &batch, run_reference, options_of(&choice));
    trace("pool %d, slots from %d, %u of them, every %u:", (int)(pool - world.pools), (int)(many.first - world.slots),
          many.count, many.step);
    check("filch_submit_many", r, &codes);
    if (r == 0 && many.busy_count)
        deviate("filch_submit_many of a future in flight returned 0");
    unsigned taken = settle_many(&many, lives, &choice, &errors, r);
    if (errors.count || limit == 0 || pool->when_full != FILCH_FULL_FAIL)
        return;
    if (taken < fresh && most + taken < limit)
        deviate("a queue with room for %zu took %u of %u", limit - most, taken, fresh);
    if (blocked && least + taken > limit)
        deviate("a queue of %zu with %zu in it took %u more", limit, least, taken);
}
