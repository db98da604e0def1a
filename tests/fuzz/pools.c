/* SPDX-License-Identifier: MIT */
/* pools.c - opening, closing, resizing and looking at pools. */
#define TEST_FURTHER_SOURCE
#include "fuzz.h"

#include <stdlib.h>

atomic_long fuzz_allocated;

static void *counting_alloc(void *ctx, size_t size)
{
    (void)ctx;
    atomic_fetch_add(&fuzz_allocated, (long)size);
    return malloc(size);
}

static void counting_free(void *ctx, void *memory, size_t size)
{
    (void)ctx;
    atomic_fetch_sub(&fuzz_allocated, (long)size);
    free(memory);
}

static int init_worker(void *ctx, unsigned worker, void **ret_local)
{
    (void)worker;
    *ret_local = ctx;
    return ctx ? -EOWNERDEAD : 0;
}

static bool is_custom(const struct pool_slot *slot)
{
    return slot != &world.pools[POOLS - 1];
}

/* ---- open ---- */

static struct filch_allocator *pick_allocator(struct codes *errors)
{
    static struct filch_allocator counting = {.alloc = counting_alloc, .free = counting_free}, zero,
                                  half = {.alloc = counting_alloc};
    struct filch_allocator *choice[] = {NULL, &counting, &zero, &half};
    unsigned index = input_below(&world.input, 4);
    if (index == 3)
        allow(errors, -EINVAL);
    return choice[index];
}

/* One field that is wrong, in one configuration of eight. */
static void spoil(struct filch_pool_config *config, struct codes *errors)
{
    if (!input_rarely(&world.input, 8))
        return;
    allow(errors, -EINVAL);
    switch (input_below(&world.input, 8)) {
    case 0:
        config->min_workers = FILCH_WORKERS_MAX + 1;
        break;
    case 1:
        config->max_concurrency = FILCH_WORKERS_MAX + 1;
        break;
    case 2:
        config->min_workers = 3;
        config->max_concurrency = 2;
        break;
    case 3:
        config->flags |= 8;
        break;
    case 4:
        config->reserved[input_below(&world.input, sizeof config->reserved / sizeof config->reserved[0])] = 1;
        break;
    case 5:
        config->stack_size = 16 * 1024 - 1;
        break;
    case 6:
        config->when_full = (enum filch_when_full)3;
        break;
    default:
        config->flags |= FILCH_POOL_NO_IDLE_WORKERS;
        config->min_workers = 1;
    }
}

static struct filch_pool_config pick_config(struct codes *errors)
{
    static const unsigned least[] = {0, 1, 2, 3}, most[] = {0, 1, 1, 2, 3, 4, FILCH_WORKERS_MAX};
    static const size_t stacks[] = {0, 64 << 10, (256 << 10) + 1}, limits[] = {0, 0, 1, 2, 5};
    static int failing;
    struct filch_pool_config config = {
        .max_concurrency = most[input_below(&world.input, 7)],
        .stack_size = stacks[input_below(&world.input, 3)],
        .queue_limit = limits[input_below(&world.input, 5)],
        .when_full = (enum filch_when_full)input_below(&world.input, 3),
        .name = input_rarely(&world.input, 2) ? "a name that is longer than a thread's may be" : NULL,
        .idle_timeout_ns = input_rarely(&world.input, 2) ? 1 : 0,
        .flags = input_below(&world.input, 4),
        .allocator = pick_allocator(errors),
    };
    if (!(config.flags & FILCH_POOL_NO_IDLE_WORKERS)) {
        config.min_workers = least[input_below(&world.input, 4)];
        if (config.max_concurrency && config.min_workers > config.max_concurrency)
            allow(errors, -EINVAL);
    }
    spoil(&config, errors);
    config.worker_init = init_worker;
    if (!errors->count && !(config.flags & FILCH_POOL_NO_IDLE_WORKERS) && input_rarely(&world.input, 8)) {
        config.ctx = &failing;
        allow(errors, -EOWNERDEAD);
    }
    return config;
}

void call_pool_open(void)
{
    struct pool_slot *slot = pick_pool();
    struct codes codes = {{0}, 0};
    if (slot->phase != NONE) {
        check_one("filch_pool_open(NULL)", filch_pool_open(NULL, NULL), -EINVAL);
        return;
    }
    bool defaults = input_rarely(&world.input, 8);
    struct filch_pool_config config = {0};
    if (!defaults)
        config = pick_config(&codes);
    if (!codes.count)
        allow(&codes, 0);
    struct filch_pool *untouched = (struct filch_pool *)slot, *pool = untouched;
    int r = filch_pool_open(&pool, defaults ? NULL : &config);
    check("filch_pool_open", r, &codes);
    if (r != 0 && pool != untouched)
        deviate("a failed filch_pool_open has written its result");
    if (r != 0)
        return;
    struct filch_pool_stats stats = stats_of(pool);
    *slot = (struct pool_slot){.pool = pool, .phase = OPEN, .limit = stats.max_concurrency, .least = stats.min_workers};
    slot->queue_limit = config.queue_limit;
    slot->when_full = config.when_full;
    slot->high = slot->limit;
    if (config.max_concurrency && slot->limit != config.max_concurrency)
        deviate("a pool of %u has the limit %u", config.max_concurrency, slot->limit);
    if (slot->least != (config.min_workers || config.flags & FILCH_POOL_NO_IDLE_WORKERS ? config.min_workers : 1))
        deviate("a pool with at least %u workers keeps %u", config.min_workers, slot->least);
}

/* ---- close ---- */

static bool in_flight(const struct life *life, const struct pool_slot *slot)
{
    return life->accepted && life->pool == slot && !life_over(life);
}

/* A close that cancels asks everything in the pool to stop, whether it then succeeds or not. */
static void begin_close(struct pool_slot *slot, enum filch_close mode)
{
    if (mode == FILCH_CLOSE_DRAIN && slot->phase == OPEN)
        slot->phase = DRAINING;
    if (mode == FILCH_CLOSE_DRAIN)
        return;
    slot->phase = CANCELLING;
    for (unsigned i = 0; i < world.lives_used; i++) {
        struct life *life = &world.lives[i];
        if (!in_flight(life, slot))
            continue;
        life->asked = life->may_stop = life->may_drop = true;
        if (life->target)
            slot_may_stop(life->target);
    }
}

/* Does everything in the pool end by itself? *ret_never: something there does not, for sure. */
static bool all_ends(const struct pool_slot *slot, bool *ret_never)
{
    bool all = true;
    *ret_never = false;
    for (unsigned i = 0; i < world.lives_used; i++) {
        const struct life *life = &world.lives[i];
        if (!in_flight(life, slot))
            continue;
        *ret_never |= life_lasts(life);
        if (slot->phase == CANCELLING && life->kind == WAIT)
            all &= pool_flows(slot) && slot_ends_if_stopped(life->target);
        else
            all &= life_ends(life);
    }
    return all;
}

static void closed(struct pool_slot *slot)
{
    slot->phase = CLOSED;
    for (unsigned i = 0; i < SLOTS; i++)
        slot_look(&world.slots[i]);
    uint64_t accepted = slot->accepted + atomic_load(&slot->children), run = 0;
    for (unsigned i = 0; i < world.lives_used; i++) {
        struct life *life = &world.lives[i];
        if (!life->accepted || life->pool != slot)
            continue;
        run += atomic_load(&life->begun) != 0;
        if (!life->settled && atomic_load(&life->begun) + atomic_load(&life->drops) != 1 &&
            (life->has_dropped || !(life->may_drop || life->cancelled || life->edges)))
            deviate("a closed pool's task ran %d times and was dropped %d times", atomic_load(&life->begun),
                    atomic_load(&life->drops));
        life->settled = true;
    }
    struct filch_pool_stats stats = stats_of(slot->pool);
    if (stats.submitted != accepted || stats.run + stats.dropped != accepted || stats.run < run || stats.queue_depth ||
        stats.suspended || stats.workers || stats.running)
        deviate("a closed pool accepted %llu tasks, %llu of which ran; its counters say %llu, %llu, dropped %llu",
                (unsigned long long)accepted, (unsigned long long)run, (unsigned long long)stats.submitted,
                (unsigned long long)stats.run, (unsigned long long)stats.dropped);
}

/* Close it for good, if the model knows that this ends. */
bool pool_end_now(struct pool_slot *slot, enum filch_close mode)
{
    bool never;
    begin_close(slot, mode);
    if (!all_ends(slot, &never))
        return false;
    check_one("filch_pool_close", filch_pool_close(slot->pool, mode, FILCH_NO_DEADLINE), 0);
    closed(slot);
    return true;
}

static void close_once(struct pool_slot *slot, enum filch_close mode)
{
    struct codes codes = {{0}, 0};
    bool never, unbounded;
    begin_close(slot, mode);
    bool ends = all_ends(slot, &never);
    uint64_t deadline_ns = pick_deadline(ends, &unbounded);
    if (!never)
        allow(&codes, 0);
    if (!unbounded)
        allow(&codes, -ETIMEDOUT);
    int r = filch_pool_close(slot->pool, mode, deadline_ns);
    trace("pool %d, mode %d:", (int)(slot - world.pools), mode);
    check("filch_pool_close", r, &codes);
    if (r == 0)
        closed(slot);
}

void call_pool_close(void)
{
    struct pool_slot *slot = pick_pool();
    struct codes codes = {{0}, 0};
    enum filch_close mode = (enum filch_close)input_below(&world.input, 2);
    bool wrong = input_rarely(&world.input, 16);
    if (!is_custom(slot) || slot->phase == NONE || slot->phase == CLOSED || wrong) {
        struct filch_pool *pool = is_custom(slot) ? slot->pool : NULL;
        if (!pool || wrong)
            allow(&codes, -EINVAL);
        if (pool && slot->phase == CLOSED)
            allow(&codes, -EALREADY);
        check("filch_pool_close", filch_pool_close(pool, wrong ? (enum filch_close)2 : mode, 0), &codes);
        return;
    }
    close_once(slot, mode);
}

struct closing {
    struct filch_pool *pool;
    enum filch_close mode;
    int result;
};

static void *close_main(void *data)
{
    struct closing *closing = data;
    closing->result = filch_pool_close(closing->pool, closing->mode, FILCH_NO_DEADLINE);
    return NULL;
}

/* Two threads close it: one closes, the other is told. */
void call_pool_close_twice(void)
{
    struct pool_slot *slot = pick_pool();
    enum filch_close mode = (enum filch_close)input_below(&world.input, 2);
    bool never;
    if (!is_custom(slot) || slot->phase == NONE || slot->phase == CLOSED)
        return;
    begin_close(slot, mode);
    if (!all_ends(slot, &never)) {
        close_once(slot, mode);
        return;
    }
    struct closing closing = {slot->pool, mode, 0};
    pthread_t other = thread_start(close_main, &closing);
    int r = filch_pool_close(slot->pool, mode, FILCH_NO_DEADLINE);
    thread_join(other);
    trace("filch_pool_close twice = %d, %d", r, closing.result);
    if ((r != 0 || closing.result != -EALREADY) && (r != -EALREADY || closing.result != 0))
        deviate("two threads closed a pool, and were told %d and %d", r, closing.result);
    closed(slot);
}

void call_pool_free(void)
{
    struct pool_slot *slot = pick_pool();
    if (slot->phase != CLOSED || pool_has_scope(slot)) {
        filch_pool_free(NULL);
        return;
    }
    trace("filch_pool_free");
    filch_pool_free(slot->pool);
    for (unsigned i = 0; i < world.lives_used; i++)
        if (world.lives[i].pool == slot)
            world.lives[i].pool = NULL; /* its books are closed */
    *slot = (struct pool_slot){.phase = NONE};
}

/* ---- the rest ---- */

void call_pool_resize(void)
{
    static const unsigned sizes[] = {0, 1, 2, 3, 4, FILCH_WORKERS_MAX + 1, UINT32_MAX};
    struct pool_slot *slot = pick_pool();
    struct codes codes = {{0}, 0};
    unsigned least = sizes[input_below(&world.input, 7)], most = sizes[input_below(&world.input, 7)];
    if (slot->phase == NONE)
        return;
    bool wrong = least > FILCH_WORKERS_MAX || most > FILCH_WORKERS_MAX || (most && most < least);
    if (!is_custom(slot) && !wrong)
        return; /* the default pool stays as it is from one input to the next */
    if (wrong)
        allow(&codes, -EINVAL);
    if (slot->phase != OPEN)
        allow(&codes, -ESHUTDOWN);
    if (!codes.count)
        allow(&codes, 0);
    int r = filch_pool_resize(is_custom(slot) ? slot->pool : NULL, least, most);
    check("filch_pool_resize", r, &codes);
    if (r == 0) {
        unsigned limit = most ? most : least > slot->limit ? least : slot->limit;
        unsigned kept = least ? least : slot->least > limit ? limit : slot->least;
        slot->limit = limit;
        slot->high = limit > slot->high ? limit : slot->high;
        slot->least = kept;
    }
    struct filch_pool_stats stats = stats_of(slot->pool);
    if (stats.max_concurrency != slot->limit || stats.min_workers != slot->least)
        deviate("a pool's limits are %u and %u, not %u and %u", stats.min_workers, stats.max_concurrency, slot->least,
                slot->limit);
}

static void look_at_stats(const struct filch_pool *pool)
{
    static const size_t sizes[] = {0, 1, 8, sizeof(struct filch_pool_stats), sizeof(struct filch_pool_stats) + 64};
    size_t size = sizes[input_below(&world.input, 5)];
    char *stats = malloc(size + 1); /* nothing beyond `size` may be written */
    must(stats != NULL);
    stats[size] = 77;
    check_one("filch_pool_get_stats(NULL)", filch_pool_get_stats(pool, NULL, size), -EINVAL);
    check_one("filch_pool_get_stats", filch_pool_get_stats(pool, (void *)stats, size), size == 0 ? -EINVAL : 0);
    must(stats[size] == 77);
    free(stats);
}

void call_pool_look(void)
{
    struct pool_slot *slot = pick_pool();
    struct filch_pool *pool = is_custom(slot) ? slot->pool : NULL;
    look_at_stats(pool);
    if (slot->phase == NONE)
        return;
    check_one("filch_pool_dump(NULL)", filch_pool_dump(pool, NULL), -EINVAL);
    check_one("filch_pool_dump", filch_pool_dump(pool, world.null), 0);
    if (world.full)
        check_one("filch_pool_dump(/dev/full)", filch_pool_dump(pool, world.full), -EIO);
    bool blocked = pool_blocked(slot);
    unsigned available = filch_pool_available(pool);
    if (available > slot->limit || (slot->phase == CLOSED && available))
        deviate("filch_pool_available says %u of %u", available, slot->limit);
    if (blocked && available)
        deviate("filch_pool_available says %u, and all permits are taken", available);
}
