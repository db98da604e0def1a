/* SPDX-License-Identifier: MIT */
#include "watchdog.h"

#include "deadlock.h"
#include "watch.h"

enum {
    TICKS_PER_REPORT = 4,
    LEAST_NS = 1000000,
    BUSY_EVERY = 16, /* ticks between looks at those who wait while others run */
};

static struct filch__wakeup come(struct filch__timer *timer);

static uint64_t patience_ns(const struct filch_pool *pool)
{
    uint64_t after_ns = pool->config.stuck_after_ns;
    return after_ns > LEAST_NS ? after_ns : LEAST_NS;
}

static void wind(struct filch_pool *pool)
{
    filch__timer_add(&pool->keeper, &pool->watchdog.timer, filch_in_ns(patience_ns(pool) / TICKS_PER_REPORT), come);
}

/* ---- bodies that run for long ---- */

static struct filch__seen_body body_on(const struct filch__strand *strand, uint64_t ended)
{
    return (struct filch__seen_body){.strand = strand,
                                     .task = filch__load_relaxed(&strand->task),
                                     .label = filch__load_relaxed(&strand->label),
                                     .fn = filch__load_relaxed(&strand->fn),
                                     .ended = ended,
                                     .stretch = filch__load_relaxed(&strand->stretch)};
}

struct filch__seen_body filch__worker_body(const struct filch__worker *worker)
{
    const struct filch__strand *strand = filch__load_acquire(&worker->running); /* shows the strand */
    uint64_t ended = filch__load_relaxed(&worker->count.run) + filch__load_relaxed(&worker->count.stolen_children);
    return strand ? body_on(strand, ended) : (struct filch__seen_body){.strand = NULL};
}

bool filch__body_is_same(const struct filch__seen_body *a, const struct filch__seen_body *b)
{
    return a->strand == b->strand && a->task == b->task && a->label == b->label && a->fn == b->fn &&
           a->ended == b->ended && a->stretch == b->stretch;
}

static void report(struct filch_pool *pool, struct filch__sight *sight, uint64_t running_ns)
{
    filch__store_relaxed(&sight->reported, 1);
    filch__add_relaxed(&pool->watchdog.long_running, 1);
    filch__lock(&pool->keeper.lock);
    pool->stuck = (struct filch_stuck){.name = sight->body.label, .fn = sight->body.fn, .running_ns = running_ns};
    filch__unlock(&pool->keeper.lock);
    filch__watch_stuck();
    if (pool->config.stuck)
        pool->config.stuck(pool->config.ctx, &pool->stuck);
}

/* What is read here may be of two bodies, one after the other; then the next look sees another one, and it is not taken
 * for one that runs for long. */
static void look_at(struct filch_pool *pool, struct filch__sight *before, struct filch__seen_body body)
{
    uint64_t now_ns = filch__os_now_ns();
    if (body.stretch % 2) /* it waits */
        body.task = NULL;
    if (!filch__body_is_same(&body, &before->body)) {
        before->body = body;
        filch__store_relaxed(&before->reported, 0);
        filch__store_relaxed(&before->since_ns, now_ns);
    } else if (body.task && !before->reported && now_ns - before->since_ns >= patience_ns(pool)) {
        report(pool, before, now_ns - before->since_ns);
    }
}

static void look_at_bodies(struct filch_pool *pool)
{
    struct filch__worker *worker;
    for (size_t i = 0; (worker = filch__pool_worker(pool, i)) != NULL; i++)
        look_at(pool, &worker->sight, filch__worker_body(worker));
    filch__lock(&pool->lock);
    struct filch__caller *caller = pool->callers;
    filch__unlock(&pool->lock);
    for (; caller; caller = caller->next)
        look_at(pool, &caller->sight, body_on(&caller->strand, 0));
}

uint64_t filch__sight_running_ns(const struct filch__sight *sight)
{
    uint64_t since_ns = filch__load_relaxed(&sight->since_ns);
    return filch__load_relaxed(&sight->reported) ? filch__os_now_ns() - since_ns : 0;
}

/* ---- ticks ---- */

static bool somebody_runs(const struct filch_pool *pool)
{
    return filch__gate_admitted(filch__load_seq_cst(&pool->gate));
}

/* True: this call has set the ticks going. */
static bool wake_up(struct filch_pool *pool)
{
    uint32_t rests = FILCH__WATCHING_RESTS;
    return filch__cas_seq_cst(&pool->watching, &rests, FILCH__WATCHING_TICKS);
}

/* False: ticks go on. */
static bool rest(struct filch_pool *pool)
{
    uint32_t ticks = FILCH__WATCHING_TICKS;
    if (!filch__cas_seq_cst(&pool->watching, &ticks, FILCH__WATCHING_RESTS)) /* T2 */
        return false;
    return !somebody_runs(pool) || !wake_up(pool); /* T1 */
}

/* True: it is clear what becomes of those who wait, if nobody gets a permit. */
static bool look_for_circles(struct filch_pool *pool)
{
    struct filch_deadlock deadlock;
    enum filch__deadlock found = filch__deadlock_find(pool, &deadlock);
    if (found == FILCH__DEADLOCK_FOUND) {
        filch__add_relaxed(&pool->watchdog.deadlocks, 1);
        filch__watch_stuck();
        if (pool->config.deadlock)
            pool->config.deadlock(pool->config.ctx, &deadlock);
        filch__deadlock_free(pool, &deadlock);
    }
    return found != FILCH__DEADLOCK_UNCLEAR;
}

/* Somebody has a permit, and others may wait for each other meanwhile. */
static void look_at_some_waits(struct filch_pool *pool)
{
    struct filch__waits waits = filch__pool_waits(pool);
    pool->watchdog.quiet = false;
    if (pool->watchdog.ticks % BUSY_EVERY == 0 && waits.begun != waits.ended)
        (void)look_for_circles(pool);
}

/* Nobody has one. True: ticks may rest. */
static bool look_at_waits(struct filch_pool *pool)
{
    struct filch__watchdog *watchdog = &pool->watchdog;
    struct filch__waits waits = filch__pool_waits(pool), before = watchdog->waits;
    bool quiet = watchdog->quiet && waits.begun == before.begun && waits.ended == before.ended;
    watchdog->quiet = true;
    watchdog->waits = waits;
    return waits.begun == waits.ended || (quiet && look_for_circles(pool));
}

/* The timekeeper, without its lock. */
static void tick(void *target)
{
    struct filch_pool *pool = target;
    uint32_t again = FILCH__WATCHING_AGAIN;
    filch__store_relaxed(&pool->watchdog.ticks, pool->watchdog.ticks + 1);
    (void)filch__cas_seq_cst(&pool->watching, &again, FILCH__WATCHING_TICKS); /* T2 */
    look_at_bodies(pool);
    bool runs = somebody_runs(pool);
    if (runs)
        look_at_some_waits(pool);
    if (runs || !look_at_waits(pool) || !rest(pool))
        wind(pool);
}

static struct filch__wakeup come(struct filch__timer *timer)
{
    struct filch__watchdog *watchdog = filch__container_of(timer, struct filch__watchdog, timer);
    return (struct filch__wakeup){tick, filch__container_of(watchdog, struct filch_pool, watchdog)};
}

void filch__watchdog_rouse_slow(struct filch_pool *pool)
{
    if (wake_up(pool))
        wind(pool);
}

void filch__watchdog_poke(struct filch_pool *pool)
{
    if (filch__load_relaxed(&pool->watching) != FILCH__WATCHING_NONE &&
        filch__exchange_seq_cst(&pool->watching, FILCH__WATCHING_AGAIN) == FILCH__WATCHING_RESTS) /* T2 */
        wind(pool);
}

int filch__watchdog_open(struct filch_pool *pool)
{
    bool on = pool->config.stuck_after_ns;
    pool->watching = on ? FILCH__WATCHING_RESTS : FILCH__WATCHING_NONE;
    return on ? filch__timekeeper_start(&pool->keeper) : 0;
}
