/* SPDX-License-Identifier: MIT */
/* ledger.c - every accepted task runs exactly once, or is reported as dropped exactly once; nothing else runs.
 *
 * Each round opens a pool of random shape. Outside threads and tasks submit entries of one ledger in all the ways there
 * are, wait for some, cancel some, resize the pool; in the middle of it the pool is closed, one way or the other. Then
 * each entry must add up, and so must the pool's own counters.
 */
#include "support/stress.h"

enum { most_entries = 6000, outside_threads = 3, most_children = 6 };

enum how { NOT_SUBMITTED, PLAIN, WITH_OPTIONS, COPIED, BATCHED };

struct ledger;

struct entry {
    struct filch_future future;
    struct ledger *ledger;
    uint64_t seed;
    atomic_int runs, drops;
    atomic_int accepted; /* submit said 0 */
    enum how how;
    bool timed;
    int drop_status;
};

struct ledger {
    struct filch_pool *pool;
    struct entry *entries;
    unsigned count;
    atomic_uint next; /* entries handed out */
    enum filch_when_full when_full;
    bool limited;
    atomic_int cancels, waits;
};

/* Entries for a submitter, or NULL when the ledger is full. */
static struct entry *take_entries(struct ledger *ledger, unsigned count)
{
    unsigned first = atomic_fetch_add(&ledger->next, count);
    if (first + count > ledger->count)
        return NULL;
    for (unsigned i = 0; i < count; i++) {
        struct entry *entry = &ledger->entries[first + i];
        entry->ledger = ledger;
        entry->seed = stress.seed * 1000003 + first + i;
    }
    return &ledger->entries[first];
}

static int status_of(const struct entry *entry)
{
    return (int)(entry->seed % 1000);
}

static int run_entry(void *data);

static int run_copy(void *data)
{
    return run_entry(*(struct entry **)data);
}

static void drop_entry(void *data, int status)
{
    struct entry *entry = data;
    entry->drop_status = status;
    atomic_fetch_add(&entry->drops, 1);
}

static void drop_copy(void *data, int status)
{
    drop_entry(*(struct entry **)data, status);
}

static void note_submit(struct entry *entry, enum how how, int result)
{
    const struct ledger *ledger = entry->ledger;
    entry->how = how;
    claim(result == 0 || result == -ESHUTDOWN || (result == -EAGAIN && ledger->limited) ||
          (result == -ECANCELED && ledger->limited)); /* the submitting task was cancelled as it waited for room */
    if (how != COPIED && result != 0)
        claim(filch_done(&entry->future) && filch_status(&entry->future) == result);
    atomic_store(&entry->accepted, result == 0);
}

static void submit_copied(struct ledger *ledger, struct entry *entry, uint64_t *random)
{
    struct filch_task_options options = {.name = "copied", .dropped = drop_copy};
    struct filch_future *future = NULL;
    bool detached = random_below(random, 2);
    int result = filch_submit_copy(ledger->pool, run_copy, &entry, sizeof entry, &options, detached ? NULL : &future);
    note_submit(entry, COPIED, result);
    if (future && random_below(random, 4) == 0)
        (void)filch_cancel(future);
    filch_future_release(future);
}

/* Submit one entry in a way of chance. */
static void submit_one(struct ledger *ledger, struct entry *entry, uint64_t *random)
{
    struct filch_task_options options = {.name = "entry", .dropped = drop_entry};
    switch (random_below(random, 8)) {
    case 0:
        submit_copied(ledger, entry, random);
        return;
    case 1:
        options.flags = FILCH_TASK_OWN_THREAD;
        break;
    case 2:
        options.timeout_ns = 1 + random_below(random, 200000);
        entry->timed = true;
        break;
    case 3:
        options.priority = (int)random_below(random, 3) - 1;
        break;
    default:
        note_submit(entry, PLAIN, filch_submit(ledger->pool, &entry->future, run_entry, entry));
        return;
    }
    int result = filch_submit_with(ledger->pool, &entry->future, run_entry, entry, &options);
    note_submit(entry, WITH_OPTIONS, result);
}

static void submit_batch(struct ledger *ledger, struct entry *entries, unsigned count, uint64_t *random)
{
    struct filch_batch batch = {&entries->future, sizeof *entries, entries, sizeof *entries, count};
    struct filch_task_options options = {.dropped = drop_entry,
                                         .priority = random_below(random, 4) ? 0 : (int)random_below(random, 3) - 1};
    (void)filch_submit_many(ledger->pool, &batch, run_entry, &options);
    for (unsigned i = 0; i < count; i++) { /* done already with an error of submit's, or accepted */
        bool refused =
            filch_done(&entries[i].future) && atomic_load(&entries[i].runs) == 0 && atomic_load(&entries[i].drops) == 0;
        note_submit(&entries[i], BATCHED, refused ? filch_status(&entries[i].future) : 0);
    }
}

static void wait_for_one(struct ledger *ledger, struct entry *entries, unsigned count, uint64_t *random)
{
    struct filch_future *list[most_children];
    unsigned waited = 0;
    size_t index;
    for (unsigned i = 0; i < count; i++)
        if (entries[i].how != COPIED)
            list[waited++] = &entries[i].future;
    if (waited == 0)
        return;
    atomic_fetch_add(&ledger->waits, 1);
    uint64_t deadline_ns = random_below(random, 2) ? FILCH_NO_DEADLINE : filch_in_ns(random_below(random, 100000));
    switch (random_below(random, 4)) {
    case 0:
        (void)filch_wait_any(list, waited, deadline_ns, &index);
        break;
    case 1:
        (void)filch_wait_all(list, waited, deadline_ns);
        break;
    case 2:
        (void)filch_wait_until(list[0], deadline_ns);
        break;
    default:
        break;
    }
    for (unsigned i = 0; i < waited; i++)
        (void)filch_wait(list[i]);
}

static int run_entry(void *data)
{
    struct entry *entry = data;
    struct ledger *ledger = entry->ledger;
    uint64_t random = entry->seed;
    claim(atomic_fetch_add(&entry->runs, 1) == 0);
    unsigned kind = random_below(&random, 10), children = 1 + random_below(&random, most_children);
    struct entry *below = kind < 5 ? take_entries(ledger, children) : NULL;
    if (below && kind == 0)
        submit_batch(ledger, below, children, &random);
    else if (below)
        for (unsigned i = 0; i < children; i++)
            submit_one(ledger, &below[i], &random);
    if (below && kind < 3)
        wait_for_one(ledger, below, children, &random);
    if (kind == 9)
        (void)filch_cancelled();
    return status_of(entry);
}

static void *work_outside(void *data)
{
    struct ledger *ledger = data;
    static atomic_uint threads;
    uint64_t random = stress.seed * 31 + atomic_fetch_add(&threads, 1);
    struct entry *last = NULL;
    unsigned last_count = 0;
    for (;;) {
        unsigned count = random_below(&random, 3) ? 1 : 1 + random_below(&random, most_children);
        struct entry *entries = take_entries(ledger, count);
        if (!entries)
            return NULL;
        if (count > 1 && random_below(&random, 2))
            submit_batch(ledger, entries, count, &random);
        else
            for (unsigned i = 0; i < count; i++)
                submit_one(ledger, &entries[i], &random);
        if (last && last->how != COPIED && random_below(&random, 4) == 0) {
            (void)filch_cancel(&last->future);
            atomic_fetch_add(&ledger->cancels, 1);
        }
        if (last && random_below(&random, 6) == 0)
            wait_for_one(ledger, last, last_count, &random);
        if (random_below(&random, 16) == 0)
            (void)filch_pool_resize(ledger->pool, 1 + random_below(&random, 2), 2 + random_below(&random, 5));
        last = entries;
        last_count = count;
        dawdle((int)random_below(&random, 20));
    }
}

static struct filch_pool *open_random(struct ledger *ledger, uint64_t *random)
{
    struct filch_pool_config config = {
        .max_concurrency = 1 + random_below(random, 6),
        .idle_timeout_ns = random_below(random, 2) ? 1 + random_below(random, 100000) : 0,
        .flags = random_below(random, 3) ? 0 : FILCH_POOL_NO_IDLE_WORKERS,
        .queue_limit = random_below(random, 3) ? 0 : 1 + random_below(random, 64),
        .when_full = (enum filch_when_full)random_below(random, 3),
    };
    if (config.when_full != FILCH_FULL_RUN && random_below(random, 2)) /* else bodies lie on top of one another */
        config.stack_size = 128 * 1024;
    ledger->limited = config.queue_limit != 0;
    ledger->when_full = config.when_full;
    return pool_open(&config);
}

/* Each entry by itself, then all of them against the pool's counters. */
static void balance(const struct ledger *ledger, const struct filch_pool_stats *stats)
{
    uint64_t accepted = 0, runs = 0, drops = 0;
    for (unsigned i = 0; i < ledger->count; i++) {
        const struct entry *entry = &ledger->entries[i];
        int ran = atomic_load(&entry->runs), dropped = atomic_load(&entry->drops);
        if (!atomic_load(&entry->accepted)) {
            claim(ran == 0 && dropped == 0);
            continue;
        }
        bool told = entry->how != PLAIN; /* a plain submit names no `dropped`; its status tells */
        int status = entry->how == COPIED ? 0 : filch_status(&entry->future);
        accepted++;
        runs += ran == 1;
        drops += ran == 0;
        claim(ran <= 1 && dropped == (told ? 1 - ran : 0));
        claim(entry->how == COPIED || filch_done(&entry->future));
        if (dropped)
            claim(entry->drop_status == -ECANCELED);
        if (entry->how == COPIED)
            continue;
        claim(ran ? status == status_of(entry) || (entry->timed && status == -ETIMEDOUT) : status == -ECANCELED);
    }
    claim(stats->submitted == accepted);
    claim(stats->run == runs);
    claim(stats->dropped == drops);
    claim(stats->queue_depth == 0 && stats->suspended == 0 && stats->workers == 0);
}

static uint64_t round_of(uint64_t seed)
{
    uint64_t random = seed;
    struct ledger ledger = {.count = TEST_SHARE(most_entries)};
    pthread_t threads[outside_threads];
    ledger.entries = calloc(ledger.count, sizeof *ledger.entries);
    must(ledger.entries != NULL);
    ledger.pool = open_random(&ledger, &random);
    for (int i = 0; i < outside_threads; i++)
        threads[i] = thread_start(work_outside, &ledger);
    unsigned close_at = ledger.count / 4 + random_below(&random, ledger.count);
    while (atomic_load(&ledger.next) < close_at && atomic_load(&ledger.next) < ledger.count)
        usleep(50);
    enum filch_close mode = random_below(&random, 2) ? FILCH_CLOSE_DRAIN : FILCH_CLOSE_CANCEL;
    int result = filch_pool_close(ledger.pool, mode, filch_in_ns(random_below(&random, 3) ? FILCH_S(3600) : 0));
    claim(result == 0 || result == -ETIMEDOUT);
    if (result != 0)
        claim(filch_pool_close(ledger.pool, mode, FILCH_NO_DEADLINE) == 0);
    for (int i = 0; i < outside_threads; i++)
        thread_join(threads[i]);
    struct filch_pool_stats stats = stats_of(ledger.pool);
    balance(&ledger, &stats);
    watchdog_pool(NULL);
    filch_pool_free(ledger.pool);
    free(ledger.entries);
    return stats.submitted + (uint64_t)atomic_load(&ledger.cancels) + (uint64_t)atomic_load(&ledger.waits);
}

int main(int argc, char **argv)
{
    uint64_t operations = 0;
    (void)argc;
    stress_begin(argv, "ledger", 6000, 80000);
    while (stress_next())
        operations += round_of(stress.seed);
    printf("figure: P1 %" PRIu64 " operations over %" PRIu64 " seeds: none lost, none doubled\n", operations,
           stress.done);
    return 0;
}
