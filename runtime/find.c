/* SPDX-License-Identifier: MIT */
#include "watch.h"
#include "watchdog.h"

enum {
    FAIR_EVERY = 61, /* Go's scheduler chose it; a prime, so that it does not beat with the program's own rhythm */
    LOW_TURN = 30,   /* the look of each so many that begins with low priority: not beside the fair one */
#ifdef FILCH_MODEL
    SEARCH_ROUNDS = 1, /* in a model time is steps, and a second look finds what the last look before sleeping finds */
    ASK_EVERY = 1,
    FORCE_EVERY = 1,
#else
    SEARCH_ROUNDS = 400, /* some 20 us: about what a needless wake-up costs */
    ASK_EVERY = 8,       /* rounds between requests for children */
    FORCE_EVERY = 32,    /* rounds between openings of private children, which interrupt everybody */
#endif
    SHORT_ROUNDS = 8, /* a search that takes no more of them is not worth a reading of the clock */
};

static struct filch_future *future_of(struct filch__link *link)
{
    return filch__container_of(link, struct filch_future, priv.link);
}

static uintptr_t take_own(struct filch__worker *worker)
{
    bool more;
    uintptr_t item = filch__deque_take(&worker->deque, &more);
    if (more)
        filch__pool_share(worker->pool);
    return item;
}

static uintptr_t take_strand(struct filch__worker *worker, struct filch__inject *queue)
{
    struct filch__link *link;
    if (!filch__inject_has_items(queue) || !filch__inject_take(queue, &link, 1))
        return 0;
    if (filch__inject_has_items(queue))
        filch__pool_share(worker->pool);
    return (uintptr_t)filch__container_of(link, struct filch__strand, link) | 1;
}

static uintptr_t take_ready(struct filch__worker *worker)
{
    return take_strand(worker, &worker->pool->ready);
}

/* Keep tasks to be taken in order, and in sight of others. A deque's newest is taken first, so there the first is
 * pushed last. */
static void keep(struct filch__worker *worker, uintptr_t *item, size_t count)
{
    if (filch__os_has_barrier()) {
        filch__handful_fill(&worker->handful, item, count);
        return;
    }
    for (size_t i = 0; i < count / 2; i++) {
        uintptr_t swap = item[i];
        item[i] = item[count - 1 - i];
        item[count - 1 - i] = swap;
    }
    if (filch__unlikely(filch__deque_push_all(&worker->deque, item, count, &worker->pool->allocator)))
        for (size_t i = count; i-- > 0;)
            filch__requeue(worker->pool, item[i]);
}

static uintptr_t take_handful(struct filch__worker *worker)
{
    uintptr_t item = filch__handful_take(&worker->handful);
    if (item && filch__handful_has_items(&worker->handful))
        filch__pool_share(worker->pool);
    return item;
}

/* With an empty handful: a fair share of the entry queue, so that the rest stays in order and in sight. */
static uintptr_t take_entry(struct filch__worker *worker)
{
    struct filch_pool *pool = worker->pool;
    struct filch__link *link[FILCH__HANDFUL + 1];
    uintptr_t item[FILCH__HANDFUL];
    struct filch__inject *entry = &pool->entry[FILCH__NORMAL];
    size_t fair = filch__inject_size(entry);
    if (!fair)
        return 0;
    fair = fair / 2 / (filch__load_relaxed(&pool->threads) + 1) + 1;
    size_t count = filch__inject_take(entry, link, fair < FILCH__HANDFUL ? fair : FILCH__HANDFUL);
    if (!count)
        return 0;
    for (size_t i = 1; i < count; i++)
        item[i - 1] = (uintptr_t)future_of(link[i]);
    if (count > 1)
        keep(worker, item, count - 1);
    if (count > 1 || filch__inject_has_items(entry))
        filch__pool_share(pool);
    return (uintptr_t)future_of(link[0]);
}

static uintptr_t take_ranked(struct filch__worker *worker, enum filch__priority level)
{
    struct filch_pool *pool = worker->pool;
    struct filch_future *future = filch__entry_take(pool, level);
    if (future && filch__inject_has_items(&pool->entry[level]))
        filch__pool_share(pool);
    return (uintptr_t)future;
}

/* There are other priorities than the normal one. What goes on goes before what begins. */
static filch__cold uintptr_t take_high(struct filch__worker *worker)
{
    uintptr_t item = worker->tick % FAIR_EVERY == LOW_TURN ? take_ranked(worker, FILCH__LOW) : 0;
    if (!item)
        item = take_ready(worker);
    return item ? item : take_ranked(worker, FILCH__HIGH);
}

/* By force, when nothing else is to be had: the later half of somebody's handful. In a read section. */
static uintptr_t open_handful(struct filch__worker *worker, struct filch__table *table, size_t start)
{
    uintptr_t items[FILCH__HANDFUL];
    for (size_t i = 0; i < table->count; i++) {
        struct filch__worker *victim = table->worker[(start + i) % table->count];
        size_t count = victim == worker ? 0 : filch__handful_open(&victim->handful, items);
        if (!count)
            continue;
        if (count > 1)
            keep(worker, items + 1, count - 1); /* this worker's own is empty, or it would not be here */
        return items[0];
    }
    return 0;
}

/* The task instance that is known by a word of a deque (watch.h). */
static const void *key_of(uintptr_t item)
{
    return item & 1 ? (const void *)((struct filch__strand *)(item - 1))->span.key : (const void *)item;
}

static uintptr_t steal_item(struct filch__worker *worker, struct filch__table *table, size_t start)
{
    uintptr_t item = 0;
    for (size_t i = 0; i < table->count && !item; i++) {
        struct filch__worker *victim = table->worker[(start + i) % table->count];
        if (victim != worker && filch__deque_steal(&victim->deque, &item) != FILCH__STEAL_OK) {
            item = 0;
            filch__count(&worker->count.failed_steals);
        }
        if (item)
            filch__watch_steal(worker, victim, key_of(item));
    }
    return item;
}

static uintptr_t steal(struct filch__worker *worker, enum filch__force force)
{
    filch__reclaim_enter();
    struct filch__table *table = filch__load_acquire(&worker->pool->table);
    worker->random = worker->random * 6364136223846793005u + 1442695040888963407u;
    size_t start = (size_t)(worker->random >> 33) % table->count;
    uintptr_t item = steal_item(worker, table, start);
    if (!item && filch__loot_steal(worker, table, start, force))
        item = FILCH__LOOT;
    if (!item)
        item = open_handful(worker, table, start);
    filch__reclaim_leave();
    if (item) {
        filch__count(&worker->count.stolen);
        filch__pool_share(worker->pool);
    }
    return item;
}

/* The other order: what a worker that feeds itself would never come to. */
static uintptr_t take_fairly(struct filch__worker *worker)
{
    uintptr_t item = worker->tick / FAIR_EVERY % 2 ? take_strand(worker, &worker->pool->yielded) : 0;
    if (!item)
        item = take_ready(worker);
    if (!item && filch__loot_take_exposed(worker))
        item = FILCH__LOOT;
    if (!item)
        item = take_handful(worker);
    if (!item)
        item = take_entry(worker);
    if (!item && filch__deque_steal(&worker->deque, &item) != FILCH__STEAL_OK)
        item = 0;
    return item;
}

/* First what is public. Then children are asked for: an owner that comes by a spawn or a sync shows some at less cost to
 * all than an opening; but not in each round, as the words that ask are those that the owner reads all the time. */
static enum filch__force force_in(int round)
{
    if (round % FORCE_EVERY == FORCE_EVERY - 1)
        return FILCH__FORCE_OPEN;
    return round % ASK_EVERY == ASK_EVERY / 4 ? FILCH__FORCE_ASK : FILCH__FORCE_NO;
}

/* A strand that lets others go first: also children that are found by asking and by force, while nobody else searches. */
static filch__cold uintptr_t take_yielded(struct filch__worker *worker)
{
    if (!filch__inject_has_items(&worker->pool->yielded))
        return 0;
    uintptr_t item = steal(worker, force_in((int)worker->tick));
    return item ? item : take_strand(worker, &worker->pool->yielded);
}

/* What came before everything else, had it not been another's turn; and what comes after everything else. */
static filch__noinline uintptr_t take_last(struct filch__worker *worker)
{
    bool ranked = filch__load_relaxed(&worker->pool->ranked);
    uintptr_t item = ranked ? take_ranked(worker, FILCH__HIGH) : 0;
    if (!item)
        item = take_yielded(worker);
    if (!item && ranked)
        item = take_ranked(worker, FILCH__LOW);
    return item;
}

/* The nearest work first: what is ready to go on, the worker's own, what is queued, what others have. */
static inline uintptr_t take_nearest(struct filch__worker *worker, enum filch__force force)
{
    uintptr_t item = take_ready(worker);
    if (!item)
        item = take_own(worker);
    if (!item)
        item = take_handful(worker);
    if (!item)
        item = take_entry(worker);
    if (!item && filch__loot_take_exposed(worker))
        item = FILCH__LOOT;
    if (!item)
        item = steal(worker, force);
    if (!item)
        item = take_last(worker);
    return item;
}

void filch__worker_look_around(struct filch__worker *worker)
{
    worker->tick = UINT32_MAX; /* one before a multiple of all numbers */
}

static uintptr_t take_at_once(struct filch__worker *worker)
{
    uintptr_t item = 0;
    if (worker->heir) {
        item = (uintptr_t)worker->heir | 1;
        worker->heir = NULL;
        return item;
    }
    if (filch__unlikely(++worker->tick % FAIR_EVERY == 0))
        item = take_fairly(worker);
    else if (filch__unlikely(filch__load_relaxed(&worker->pool->ranked)))
        item = take_high(worker);
    return item ? item : take_nearest(worker, FILCH__FORCE_NO);
}

/* A parked worker's last look, and every look that must not miss: sequentially consistent (G1). */
bool filch__pool_has_work(struct filch_pool *pool)
{
    if (filch__inject_has_items(&pool->ready) || filch__entry_has_items(pool) ||
        filch__inject_has_items(&pool->exposed) || filch__inject_has_items(&pool->yielded))
        return true;
    filch__reclaim_enter();
    struct filch__table *table = filch__load_acquire(&pool->table);
    bool found = filch__loot_in(table);
    for (size_t i = 0; i < table->count && !found; i++)
        found =
            filch__deque_has_items(&table->worker[i]->deque) || filch__handful_has_items(&table->worker[i]->handful);
    filch__reclaim_leave();
    return found;
}

/* The caller has written the gate's word, and may have been relied on: what is visible is told of, and what is spawned from
 * now on tells of itself. */
void filch__pool_look(struct filch_pool *pool)
{
    if (filch__gate_would_notify(filch__load_seq_cst(&pool->gate), filch__pool_may_start(pool))) {
        filch__reclaim_enter();
        filch__loot_ask(filch__load_acquire(&pool->table));
        filch__reclaim_leave();
    }
    if (filch__pool_has_work(pool))
        filch__pool_notify(pool);
}

static uintptr_t search(struct filch__worker *worker)
{
    uintptr_t item = 0;
    filch__watch_worker(worker, FILCH__EVENT_SEARCH);
    for (int round = 0; round < SEARCH_ROUNDS && !item; round++) {
        if (filch__unlikely(filch__load_relaxed(&worker->pool->ranked)))
            item = take_ranked(worker, FILCH__HIGH);
        if (!item)
            item = take_nearest(worker, force_in(round));
        if (!item)
            filch__os_pause();
        if (filch__unlikely(!item && round == SHORT_ROUNDS))
            filch__worker_turn(worker, FILCH__SPELL_SEARCH);
    }
    if (!item)
        return 0;
    filch__worker_turn(worker, FILCH__SPELL_BUSY);
    filch__watch_worker(worker, FILCH__EVENT_FOUND);
    worker->searching = false;
    filch__gate_found(&worker->pool->gate);
    filch__pool_look(worker->pool); /* G1: who published something may have relied on this search */
    return item;
}

uintptr_t filch__worker_next(struct filch__worker *worker)
{
    struct filch_pool *pool = worker->pool;
    for (;;) {
        if (!worker->permit && !filch__worker_sleep_until_told(worker))
            return 0;
        uintptr_t item;
        if (worker->searching) {
            item = search(worker);
            /* The limit fell during the search. What is stolen from a typed task is a part of it, and goes on. */
            if (item && item != FILCH__LOOT && filch__gate_must_yield(filch__load_relaxed(&pool->gate))) {
                if (filch__deque_push(&worker->deque, item, &pool->allocator))
                    filch__requeue(pool, item);
                continue;
            }
        } else {
            if (filch__gate_must_yield(filch__load_relaxed(&pool->gate)) && filch__worker_yield_permit(worker))
                continue;
            item = take_at_once(worker);
            if (!item && filch__gate_search(&pool->gate)) {
                worker->searching = true;
                continue;
            }
        }
        if (item)
            return item;
        filch__worker_park(worker);
    }
}
