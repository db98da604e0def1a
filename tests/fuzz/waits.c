/* SPDX-License-Identifier: MIT */
/* waits.c - the calls that wait, look, cancel and complete. */
#define TEST_FURTHER_SOURCE
#include "fuzz.h"

/* ---- one ---- */

void call_status(void)
{
    struct slot *slot = pick_slot();
    const struct codes running = {{-EINPROGRESS}, 1};
    slot_look(slot);
    bool lasts = slot_lasts(slot), done = filch_done(slot->future);
    int status = filch_status(slot->future);
    if (slot->state == EMPTY)
        check_one("filch_status", status, -EINVAL);
    else if (slot->state == DONE)
        check_one("filch_status", status, slot->status);
    else if (lasts)
        check("filch_status", status, &running);
    if (done != (slot->state == DONE) && (done ? lasts || slot->state == EMPTY : slot->state == DONE))
        deviate("filch_done says %d", done);
    if (slot < &world.slots[EMBEDDED] && filch_future_data(slot->future))
        deviate("filch_future_data gives data of a future that has none");
}

void call_wait(void)
{
    struct slot *slot = pick_slot();
    slot_look(slot);
    if (slot->state >= PROMISE && !slot_ends(slot))
        return;
    int r = filch_wait(slot->future);
    slot_look(slot);
    check_one("filch_wait", r, slot->state == EMPTY ? -EINVAL : slot->status);
    if (slot->state >= PROMISE)
        deviate("filch_wait returned, and the future is not done");
}

void call_wait_until(void)
{
    struct slot *slot = pick_slot();
    struct codes codes = {{0}, 0};
    bool unbounded;
    slot_look(slot);
    uint64_t deadline_ns = pick_deadline(slot_ends(slot), &unbounded);
    if (slot->state == EMPTY)
        allow(&codes, -EINVAL);
    else if (slot->state == DONE || !slot_lasts(slot))
        allow(&codes, 0);
    if (slot->state >= PROMISE && !unbounded)
        allow(&codes, -ETIMEDOUT);
    int r = filch_wait_until(slot->future, deadline_ns);
    check("filch_wait_until", r, &codes);
    slot_look(slot);
    if (r == 0 && slot->state != DONE)
        deviate("filch_wait_until returned 0, and the future is not done");
}

/* ---- several ---- */

struct list {
    struct slot *slots[6];
    struct filch_future *futures[6];
    unsigned count;
    bool wrong;    /* one is NULL or was never submitted */
    bool done;     /* one is done */
    bool pending;  /* one was not done when we looked */
    bool lasts;    /* one is in flight, for sure */
    bool may_end;  /* one that was not done may be done meanwhile */
    bool ends;     /* one ends by itself */
    bool all_ends; /* all do */
};

static void list_add(struct list *list, struct slot *slot)
{
    slot_look(slot);
    list->slots[list->count] = slot;
    list->futures[list->count++] = slot->future;
    list->wrong |= slot->state == EMPTY;
    list->done |= slot->state == DONE;
    list->pending |= slot->state >= PROMISE;
    if (slot->state >= PROMISE) {
        bool lasts = slot_lasts(slot), ends = slot_ends(slot);
        list->lasts |= lasts;
        list->may_end |= !lasts;
        list->ends |= ends;
        list->all_ends &= ends;
    }
}

static struct list pick_list(void)
{
    struct list list = {.count = 0, .all_ends = true};
    unsigned count = input_below(&world.input, 7);
    while (list.count < count)
        list_add(&list, pick_slot());
    return list;
}

static struct codes codes_of_all(const struct list *list, bool unbounded)
{
    struct codes codes = {{0}, 0};
    if (list->wrong)
        allow(&codes, -EINVAL);
    else if (!list->lasts)
        allow(&codes, 0);
    if (list->pending && !unbounded)
        allow(&codes, -ETIMEDOUT);
    return codes;
}

static void check_all(const char *call, const struct list *list, int result, bool unbounded)
{
    struct codes codes = codes_of_all(list, unbounded);
    check(call, result, &codes);
    for (unsigned i = 0; i < list->count; i++) {
        slot_look(list->slots[i]);
        if (result == 0 && list->slots[i]->state != DONE)
            deviate("%s returned 0, and future %u is not done", call, i);
    }
}

void call_wait_all(void)
{
    struct list list = pick_list();
    bool unbounded;
    if (input_rarely(&world.input, 16)) {
        check_one("filch_wait_all(NULL)", filch_wait_all(NULL, 1, 0), -EINVAL);
        check_one("filch_wait_all(NULL, 0)", filch_wait_all(NULL, 0, 0), 0);
        return;
    }
    uint64_t deadline_ns = pick_deadline(list.all_ends, &unbounded);
    check_all("filch_wait_all", &list, filch_wait_all(list.futures, list.count, deadline_ns), unbounded);
}

void call_wait_many(void)
{
    struct list list = {.count = 0, .all_ends = true};
    unsigned step = 1 + input_below(&world.input, 3), count = input_below(&world.input, 7);
    unsigned first = input_below(&world.input, EMBEDDED), at = first;
    bool unbounded;
    if (input_rarely(&world.input, 16)) {
        check_one("filch_wait_many(NULL)", filch_wait_many(NULL, 0), -EINVAL);
        return;
    }
    for (; at < EMBEDDED && list.count < count; at += step)
        list_add(&list, &world.slots[at]);
    const struct filch_batch batch = {list.count ? &world.embedded[first] : NULL, step * sizeof *world.embedded, NULL,
                                      0, list.count};
    uint64_t deadline_ns = pick_deadline(list.all_ends, &unbounded);
    check_all("filch_wait_many", &list, filch_wait_many(&batch, deadline_ns), unbounded);
}

static void wait_any_wrongly(struct list *list)
{
    const struct codes too_many = {{-EINVAL, -EOVERFLOW}, 2};
    size_t index = 55;
    check_one("filch_wait_any(NULL)", filch_wait_any(NULL, 2, 0, &index), -EINVAL);
    check_one("filch_wait_any(none)", filch_wait_any(list->futures, 0, 0, &index), -EINVAL);
    check_one("filch_wait_any(no index)", filch_wait_any(list->futures, 1, 0, NULL), -EINVAL);
    check("filch_wait_any(too many)", filch_wait_any(list->futures, SIZE_MAX, 0, &index), &too_many);
    must(index == 55);
}

void call_wait_any(void)
{
    struct list list = pick_list();
    struct codes codes = {{0}, 0};
    size_t index = 55;
    bool unbounded;
    if (input_rarely(&world.input, 16) || list.count == 0) {
        wait_any_wrongly(&list);
        return;
    }
    uint64_t deadline_ns = pick_deadline(list.done || list.ends, &unbounded);
    if (list.done || list.may_end)
        allow(&codes, 0);
    if (!list.done && list.wrong)
        allow(&codes, -EINVAL);
    if (!list.done && !list.wrong && !unbounded)
        allow(&codes, -ETIMEDOUT);
    int r = filch_wait_any(list.futures, list.count, deadline_ns, &index);
    check("filch_wait_any", r, &codes);
    if (r != 0 && index != 55)
        deviate("a failed filch_wait_any has written its result");
    if (r == 0 && (index >= list.count || !filch_done(list.futures[index])))
        deviate("filch_wait_any says that future %zu of %u is done", index, list.count);
    for (unsigned i = 0; i < list.count; i++)
        slot_look(list.slots[i]);
}

/* ---- ending ---- */

static struct codes codes_of_cancel(const struct slot *slot)
{
    const struct life *life = slot->life;
    struct codes codes = {{0}, 0};
    if (!slot_lasts(slot))
        allow(&codes, -EALREADY);
    if (slot->state == PROMISE) {
        allow(&codes, 0);
    } else if (life->cancelled) {
        allow(&codes, 0);
    } else if (atomic_load(&life->begun) || life->must_run) {
        allow(&codes, -EINPROGRESS);
    } else {
        bool starts = !pool_blocked(life->pool) && !life_held(life);
        allow(&codes, 0);
        if (starts || atomic_load(&life->begun))
            allow(&codes, -EINPROGRESS);
    }
    return codes;
}

void call_cancel(void)
{
    struct slot *slot = pick_slot();
    slot_look(slot);
    if (slot->state < PROMISE) {
        check_one("filch_cancel", filch_cancel(slot->future), slot->state == EMPTY ? -EINVAL : -EALREADY);
        return;
    }
    struct codes codes = codes_of_cancel(slot);
    struct life *life = slot->life;
    int r = filch_cancel(slot->future);
    trace("slot %d:", (int)(slot - world.slots));
    check("filch_cancel", r, &codes);
    if (slot->state == PROMISE) {
        slot->may_cancel = true;
        r = -EALREADY; /* a promise is done at once */
    } else if (r == 0) {
        life->cancelled = true;
    } else if (r == -EINPROGRESS) {
        life->must_run = life->asked = life->may_stop = true;
        if (life->target)
            slot_may_stop(life->target);
    }
    slot_look(slot);
    if (r == -EALREADY && slot->state != DONE)
        deviate("filch_cancel says that it is done, and it is not");
}

void call_promise_init(void)
{
    struct slot *slot = pick_slot();
    slot_look(slot);
    bool lasts = slot_lasts(slot);
    if (slot->future && !lasts && !slot_reusable(slot))
        return;
    filch_promise_init(slot->future);
    trace("filch_promise_init slot %d", (int)(slot - world.slots));
    if (!slot->future)
        return;
    check_one("filch_status of a promise", filch_status(slot->future), -EINPROGRESS);
    if (lasts) /* as before: a task has not become a promise */
        return;
    slot->state = PROMISE;
    slot->may_cancel = false;
    slot->life = NULL;
}

void call_complete(void)
{
    static const int statuses[] = {0, 5, -7, INT32_MIN, INT32_MAX};
    struct slot *slot = pick_slot();
    struct codes codes = {{0}, 0};
    int status = statuses[input_below(&world.input, 5)];
    slot_look(slot);
    if (slot->state == DONE || (slot->state >= PROMISE && !slot_lasts(slot)))
        allow(&codes, -EALREADY);
    if (slot->state == PROMISE)
        allow(&codes, 0);
    if (slot->state == EMPTY || slot->state == FLIGHT)
        allow(&codes, -EINVAL);
    int r = filch_complete(slot->future, status);
    trace("slot %d:", (int)(slot - world.slots));
    check("filch_complete", r, &codes);
    if (r != 0) {
        slot_look(slot);
        return;
    }
    check_one("filch_status of a completed promise", filch_status(slot->future), status);
    slot->state = DONE;
    slot->status = status;
}
