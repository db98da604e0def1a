/* SPDX-License-Identifier: MIT */
#include "pool.h"

#include "watchdog.h"

#include <errno.h>
#include <string.h>

static void add_worker(struct filch_pool_stats *stats, const struct filch__worker *worker)
{
    const struct filch__counters *count = &worker->count;
    stats->submitted += filch__load_relaxed(&count->submitted);
    stats->run += filch__load_relaxed(&count->run);
    stats->dropped += filch__load_relaxed(&count->dropped);
    stats->stolen += filch__load_relaxed(&count->stolen);
    stats->failed_steals += filch__load_relaxed(&count->failed_steals);
    stats->parks += filch__load_relaxed(&count->parks);
    stats->suspensions += filch__load_relaxed(&count->suspensions);
    stats->blocked_waits += filch__load_relaxed(&count->blocked_waits);
    stats->gate_waits += filch__load_relaxed(&count->gate_waits);
    stats->stolen_children += filch__load_relaxed(&count->stolen_children);
    stats->taken_back += filch__load_relaxed(&count->taken_back);
    stats->forced += filch__load_relaxed(&count->forced);
    stats->queue_depth += filch__deque_size(&worker->deque) + filch__handful_size(&worker->handful);
}

static void add_spells(struct filch_pool_stats *stats, const struct filch__worker *worker)
{
    uint64_t spent[FILCH__SPELLS] = {0};
    filch__meters_read(worker->meters, spent);
    stats->parked_ns += spent[FILCH__SPELL_PARKED];
    stats->search_ns += spent[FILCH__SPELL_SEARCH];
    stats->permit_ns += spent[FILCH__SPELL_PERMIT];
    stats->blocked_ns += spent[FILCH__SPELL_BLOCKED];
    for (int i = 0; i < FILCH__SPELLS; i++)
        stats->lifetime_ns += spent[i];
}

static void collect(struct filch_pool *pool, struct filch_pool_stats *stats)
{
    memset(stats, 0, sizeof *stats);
    const struct filch__worker *worker;
    for (size_t i = 0; (worker = filch__pool_worker(pool, i)) != NULL; i++) {
        add_worker(stats, worker);
        add_spells(stats, worker);
    }
    uint64_t gate = filch__load_relaxed(&pool->gate);
    stats->submitted += filch__entry_pushed(pool) + filch__load_relaxed(&pool->outside_submitted) -
                        filch__load_relaxed(&pool->requeued);
    stats->run += filch__load_relaxed(&pool->outside_run);
    stats->dropped += filch__load_relaxed(&pool->outside_dropped);
    stats->blocked_waits += filch__load_relaxed(&pool->outside_waits);
    stats->wakes = filch__load_relaxed(&pool->wakes);
    stats->failed_starts = filch__load_relaxed(&pool->failed_starts);
    stats->queue_depth +=
        filch__entry_size(pool) + filch__inject_size(&pool->ready) + filch__inject_size(&pool->yielded);
    struct filch__waits waits = filch__pool_waits(pool);
    stats->suspended = waits.begun > waits.ended ? waits.begun - waits.ended : 0;
    stats->workers = filch__load_relaxed(&pool->threads);
    stats->running = filch__gate_running(gate);
    stats->max_concurrency = filch__gate_limit(gate);
    stats->min_workers = filch__load_relaxed(&pool->min_workers);
    stats->strands = filch__load_relaxed(&pool->strands.count);
    stats->has_barrier = filch__os_has_barrier();
    stats->stuck = filch__load_relaxed(&pool->stuck_tasks);
    stats->held = filch__load_relaxed(&pool->held);
    stats->deadlocks = filch__load_relaxed(&pool->watchdog.deadlocks);
    stats->long_running = filch__load_relaxed(&pool->watchdog.long_running);
    stats->unguarded_stacks = filch__load_relaxed(&pool->strands.unguarded);
}

int filch_pool_get_stats(const struct filch_pool *pool, struct filch_pool_stats *ret_stats, size_t size)
{
    pool = filch__pool_resolve(pool);
    if (!pool || !ret_stats || !size)
        return -EINVAL;
    if (filch__pool_stale(pool))
        return -ESTALE;
    struct filch_pool_stats stats;
    collect((struct filch_pool *)pool, &stats);
    memset(ret_stats, 0, size);
    memcpy(ret_stats, &stats, size < sizeof stats ? size : sizeof stats);
    return 0;
}

/* ---- dump ---- */

static void print_spells(FILE *out, const struct filch_pool_stats *stats)
{
    const uint64_t rest = stats->search_ns + stats->parked_ns + stats->permit_ns + stats->blocked_ns;
    fprintf(out,
            "  workers: %.3f s busy, %.3f s searching, %.3f s parked, %.3f s waiting for a permit, %.3f s blocked\n",
            (double)(stats->lifetime_ns - rest) / 1e9, (double)stats->search_ns / 1e9, (double)stats->parked_ns / 1e9,
            (double)stats->permit_ns / 1e9, (double)stats->blocked_ns / 1e9);
}

static void print_task(FILE *out, const struct filch__strand *strand)
{
    const char *label = filch__load_relaxed(&strand->label);
    filch_fn *fn = filch__load_relaxed(&strand->fn);
    void *address;
    memcpy(&address, &fn, sizeof address);
    if (!filch__load_relaxed(&strand->task))
        fprintf(out, "no task");
    else if (label)
        fprintf(out, "task \"%s\" (function %p)", label, address);
    else
        fprintf(out, "task with function %p", address);
}

static void print_worker(FILE *out, struct filch__worker *worker)
{
    const struct filch__strand *strand = filch__load_acquire(&worker->running); /* shows the strand */
    uint64_t running_ns = filch__sight_running_ns(&worker->sight);
    if (!strand)
        return;
    fprintf(out, "  worker %u, %zu queued: ", worker->id,
            filch__deque_size(&worker->deque) + filch__handful_size(&worker->handful));
    print_task(out, strand);
    if (running_ns && filch__load_relaxed(&strand->task))
        fprintf(out, ", for %llu ms", (unsigned long long)(running_ns / 1000000));
    fprintf(out, "\n");
}

/* What a strand waits for, as far as it can be said when it may have gone on. */
struct wait_seen {
    struct filch__wait_on on;
    bool scope, promise;                /* the future is that of a scope, or no task's */
    const struct filch__strand *runner; /* of the future; perhaps of another pool */
    filch_fn *fn;
};

static bool look_at_wait(struct filch__strand *strand, struct wait_seen *ret_seen)
{
    struct wait_seen seen = {.scope = false};
    filch__strand_lock(strand);
    bool waits = strand->waiting;
    if (waits)
        seen.on = strand->waiting->on;
    if (waits && seen.on.kind == FILCH__ON_FUTURE) {
        const struct filch_future *future = seen.on.target;
        seen.scope = future->priv.flags & FILCH__FUTURE_SCOPE;
        seen.promise = filch__future_phase(future) == FILCH__PROMISE;
        seen.runner = filch__future_runner(future);
        seen.fn = seen.promise ? NULL : future->priv.fn;
    }
    filch__strand_unlock(strand);
    *ret_seen = seen;
    return waits;
}

static const char *kind_of(const struct wait_seen *seen)
{
    static const char *const kinds[] = {
        [FILCH__ON_ALL] = "several tasks",    [FILCH__ON_ANY] = "one of several tasks",
        [FILCH__ON_CHILD] = "a stolen child", [FILCH__ON_GRAPH] = "a graph",
        [FILCH__ON_GATE] = "a gate",          [FILCH__ON_COMPLETIONS] = "a completions queue",
        [FILCH__ON_ROOM] = "room in a queue", [FILCH__ON_CLOCK] = "its time"};
    if (seen->on.kind != FILCH__ON_FUTURE)
        return kinds[seen->on.kind];
    return seen->scope ? "the tasks of a scope" : seen->promise ? "a promise" : "a task";
}

static void print_target(FILE *out, struct filch_pool *pool, const struct wait_seen *seen)
{
    /* The strands of this pool stay; what a future of another one runs on may be gone. */
    bool own = seen->runner && filch__strands_has(&pool->strands, seen->runner);
    const char *label = own && filch__load_relaxed(&seen->runner->task) == seen->on.target
                            ? filch__load_relaxed(&seen->runner->label)
                            : NULL;
    void *address;
    memcpy(&address, &seen->fn, sizeof address);
    fprintf(out, ", for %s", kind_of(seen));
    if (label)
        fprintf(out, " \"%s\"", label);
    if (address)
        fprintf(out, " (function %p%s)", address, seen->runner ? "" : ", not begun");
}

struct dump {
    struct filch_pool *pool;
    FILE *out;
};

static void print_waiting(struct filch__strand *strand, void *ctx)
{
    const struct dump *dump = ctx;
    struct wait_seen seen;
    if (!look_at_wait(strand, &seen))
        return;
    if (strand->thread)
        fprintf(dump->out, "  waiting on a thread: ");
    else
        fprintf(dump->out, "  waiting on strand %u: ", strand->id);
    print_task(dump->out, strand);
    print_target(dump->out, dump->pool, &seen);
    fprintf(dump->out, "\n");
}

const char *filch__pool_phase_name(const struct filch_pool *pool)
{
    static const char *const names[] = {"open", "draining", "cancelling", "closed"};
    return names[filch__load_relaxed(&pool->phase)];
}

int filch_pool_dump(const struct filch_pool *pool, FILE *out)
{
    struct filch_pool *it = filch__pool_resolve(pool);
    if (!it || !out)
        return -EINVAL;
    if (filch__pool_stale(it))
        return -ESTALE;
    struct filch_pool_stats stats;
    collect(it, &stats);
    fprintf(out, "pool \"%s\" (%s): %u running of at most %u, %u workers (at least %u kept)\n", it->name,
            filch__pool_phase_name(it), stats.running, stats.max_concurrency, stats.workers, stats.min_workers);
    fprintf(out, "  %llu submitted, %llu run, %llu dropped, %llu queued, %llu waiting on %llu stacks\n",
            (unsigned long long)stats.submitted, (unsigned long long)stats.run, (unsigned long long)stats.dropped,
            (unsigned long long)stats.queue_depth, (unsigned long long)stats.suspended,
            (unsigned long long)stats.strands);
    fprintf(out, "  %llu stolen, %llu failed steals, %llu parks, %llu wakes, %llu suspensions, %llu blocked waits\n",
            (unsigned long long)stats.stolen, (unsigned long long)stats.failed_steals, (unsigned long long)stats.parks,
            (unsigned long long)stats.wakes, (unsigned long long)stats.suspensions,
            (unsigned long long)stats.blocked_waits);
    fprintf(out, "  %llu stolen children, %llu of them taken back, %llu opened by force%s\n",
            (unsigned long long)stats.stolen_children, (unsigned long long)stats.taken_back,
            (unsigned long long)stats.forced, stats.has_barrier ? "" : " (membarrier is refused)");
    print_spells(out, &stats);
    if (it->config.stuck_after_ns)
        fprintf(out, "  %llu ran for too long, %llu deadlocks\n", (unsigned long long)stats.long_running,
                (unsigned long long)stats.deadlocks);
    struct filch__worker *worker;
    for (size_t i = 0; (worker = filch__pool_worker(it, i)) != NULL; i++)
        print_worker(out, worker);
    filch__pool_visit(it, print_waiting, &(struct dump){it, out});
    return ferror(out) ? -EIO : 0;
}
