/* SPDX-License-Identifier: MIT */
#define TEST_FURTHER_SOURCE
#include "scenario.h"

enum { entries_most = 512, plain = 60, batched = 40, promises = 12, children = 8 };

struct entry {
    struct filch_future future;
    atomic_int runs, drops;
    int accepted; /* -1: not submitted */
    bool told, copied;
    filch_fn *body;
    void *data;
};

/* Static, so that the scenario itself obtains nothing. */
static struct {
    struct entry entry[entries_most];
    atomic_int used;
    struct filch_pool *pool;
    struct filch_completions *completions;
    struct filch_future promise[promises];
    struct filch_future gone; /* a promise that nobody keeps in time */
    struct filch_task_options own;
    bool cancels; /* the pool is closed by a cancel: what comes later is refused, waits are interrupted */
} run;

/* ---- tasks with an entry each ---- */

static int run_entry(void *data)
{
    struct entry *entry = data;
    must(atomic_fetch_add(&entry->runs, 1) == 0);
    return entry->body(entry->data);
}

static int run_copy(void *data)
{
    return run_entry(*(struct entry **)data);
}

/* Cancelled; or there is no thread to run it, nor will there be one. */
static bool is_drop(int status)
{
    return status == -ECANCELED || status == -ENOMEM || status == -EAGAIN;
}

static void drop_entry(void *data, int status)
{
    struct entry *entry = data;
    must(is_drop(status));
    atomic_fetch_add(&entry->drops, 1);
}

static void drop_copy(void *data, int status)
{
    drop_entry(*(struct entry **)data, status);
}

static struct entry *take_entries(filch_fn *body, void *data, int count)
{
    int first = atomic_fetch_add(&run.used, count);
    must(first + count <= entries_most);
    for (int i = 0; i < count; i++)
        run.entry[first + i] = (struct entry){.accepted = -1, .body = body, .data = data};
    return &run.entry[first];
}

/* A task that waits for room when its pool is cancelled is told so. */
static bool is_refusal(int result)
{
    return result == -ENOMEM || result == -EAGAIN || (run.cancels && (result == -ESHUTDOWN || result == -ECANCELED));
}

/* A submit is accepted, or refused for want of memory or of a thread; then its future is done with the same error. */
static void note_submit(struct entry *entry, int result)
{
    must(result == 0 || is_refusal(result));
    if (!entry->copied && result != 0)
        must(filch_done(&entry->future) && filch_status(&entry->future) == result);
    entry->accepted = result == 0;
}

static struct entry *submit(filch_fn *body, void *data)
{
    struct entry *entry = take_entries(body, data, 1);
    note_submit(entry, filch_submit(run.pool, &entry->future, run_entry, entry));
    return entry;
}

static struct entry *submit_with(filch_fn *body, void *data, const struct filch_task_options *given)
{
    struct filch_task_options options = *given;
    struct entry *entry = take_entries(body, data, 1);
    options.dropped = drop_entry;
    entry->told = true;
    note_submit(entry, filch_submit_with(run.pool, &entry->future, run_entry, entry, &options));
    return entry;
}

static void submit_copied(filch_fn *body, void *data, bool detached)
{
    struct filch_task_options options = {.name = "copied", .dropped = drop_copy};
    struct entry *entry = take_entries(body, data, 1);
    struct filch_future *future = NULL;
    entry->told = entry->copied = true;
    int result = filch_submit_copy(run.pool, run_copy, &entry, sizeof entry, &options, detached ? NULL : &future);
    must(result == 0 || future == NULL);
    note_submit(entry, result);
    if (future) {
        must(*(struct entry **)filch_future_data(future) == entry);
        (void)filch_wait(future);
    }
    filch_future_release(future);
}

static void submit_batch(int count, const struct filch_task_options *given)
{
    struct filch_task_options options = given ? *given : (struct filch_task_options){0};
    struct entry *entries = take_entries(nothing, NULL, count);
    struct filch_batch batch = {&entries->future, sizeof *entries, entries, sizeof *entries, (size_t)count};
    options.dropped = drop_entry;
    int result = filch_submit_many(run.pool, &batch, run_entry, &options);
    if (!(result == 0 || is_refusal(result)))
        fprintf(stderr, "a submit answered %d\n", result);
    must(result == 0 || is_refusal(result));
    int waited = filch_wait_many(&batch, FILCH_NO_DEADLINE);
    must(waited == 0);
    for (int i = 0; i < count; i++) {
        int status = filch_status(&entries[i].future);
        bool refused = is_refusal(status) && atomic_load(&entries[i].drops) == 0;
        entries[i].told = true;
        entries[i].accepted = !refused;
        must(!refused || result != 0);
    }
}

/* ---- bodies ---- */

/* A wait that may need memory or the timekeeper's thread says so, or does what it is for. */
static void must_be_wait(int result, bool may_time_out)
{
    must(result == 0 || result == -ENOMEM || result == -EAGAIN || (may_time_out && result == -ETIMEDOUT) ||
         (run.cancels && result == -ECANCELED));
}

static int wait_for_any_promise(void *data)
{
    struct filch_future *list[promises];
    size_t index = 99;
    (void)data;
    for (int i = 0; i < promises; i++)
        list[i] = &run.promise[i];
    int result = filch_wait_any(list, promises, filch_in_ns(FILCH_S(3600)), &index);
    must_be_wait(result, false);
    must(result != 0 || (index < promises && filch_done(list[index])));
    result = filch_wait_all(list, promises, FILCH_NO_DEADLINE);
    must_be_wait(result, false);
    for (int i = 0; i < promises; i++)
        must(filch_wait(list[i]) == i); /* they are kept before the pool is closed */
    return 0;
}

static int wait_until_it_is_over(void *data)
{
    (void)data;
    must_be_wait(filch_wait_until(&run.gone, filch_in_ns(FILCH_US(100))), true);
    return 0;
}

/* A gate that cannot be opened is not there; one that is, loses no permit by a wait that fails. */
static int wait_at_a_gate(void *data)
{
    struct filch_gate *gate = NULL;
    (void)data;
    int result = filch_gate_open(&gate, 0);
    must((result == 0 && gate) || (result == -ENOMEM && !gate));
    if (result != 0)
        return result;
    must_be_wait(filch_gate_enter(gate, filch_in_ns(FILCH_US(100))), true);
    must(filch_gate_resize(gate, 1) == 0);
    must(filch_gate_enter(gate, filch_in_ns(FILCH_S(3600))) == 0);
    filch_gate_leave(gate);
    must(filch_gate_close(gate) == 0);
    return 0;
}

/* Submits more than its deque holds at first, in all ways, and waits for them one way or the other. */
static int have_children(void *data)
{
    struct filch_task_options timed = {.timeout_ns = FILCH_S(3600)};
    struct entry *below[children];
    struct filch_future *list[children];
    (void)data;
    for (int i = 0; i < children; i++) {
        below[i] = i % 2 ? submit(nothing, NULL) : submit_with(nothing, NULL, i % 4 ? &timed : &run.own);
        list[i] = &below[i]->future;
    }
    submit_copied(nothing, NULL, false);
    submit_copied(nothing, NULL, true);
    must_be_wait(filch_wait_all(list, children, filch_in_ns(FILCH_S(3600))), false);
    for (int i = 0; i < children; i++)
        (void)filch_wait(list[i]);
    return 0;
}

/* ---- the run ---- */

static void submit_everything(void)
{
    struct filch_task_options timed = {.name = "timed", .timeout_ns = FILCH_US(200)};
    struct filch_task_options told = {.completions = run.completions};
    submit(wait_for_any_promise, NULL);
    submit(wait_for_any_promise, NULL);
    submit_with(wait_for_any_promise, NULL, &run.own);
    submit(wait_until_it_is_over, NULL);
    submit(wait_at_a_gate, NULL);
    submit_with(until_cancelled, NULL, &timed);
    for (int i = 0; i < plain; i++)
        submit(nothing, NULL);
    submit(have_children, NULL);
    submit_with(have_children, NULL, &run.own);
    submit_copied(nothing, NULL, true);
    submit_batch(batched, NULL);
    submit_batch(batched, &told);
    struct entry *unwanted = submit(nothing, NULL);
    int result = filch_cancel(&unwanted->future);
    must(result == 0 || result == -EINPROGRESS || result == -EALREADY);
}

/* Take what was reported to the queue; a future comes out once, and done. */
static void take_completions(void)
{
    struct filch_future *future;
    int result, taken = 0;
    if (!run.completions)
        return;
    while ((result = filch_completions_next(run.completions, 0, &future)) == 0)
        taken += filch_done(future);
    must(result == -ETIMEDOUT && taken <= batched);
    must_be_wait(filch_completions_next(run.completions, filch_in_ns(FILCH_US(50)), &future), true);
}

static void open_completions(void)
{
    run.completions = NULL;
    int result = filch_completions_open(&run.completions);
    must(result == 0 ? run.completions != NULL : result == -ENOMEM && run.completions == NULL);
    int fd = filch_completions_fd(run.completions);
    must(fd >= 0 || fd == -EMFILE || (fd == -EINVAL && !run.completions));
}

static struct outcome add_up(void)
{
    struct outcome outcome = {0};
    for (int i = 0; i < atomic_load(&run.used); i++) {
        struct entry *entry = &run.entry[i];
        int runs = atomic_load(&entry->runs), drops = atomic_load(&entry->drops);
        must(entry->accepted >= 0);
        if (entry->accepted && !entry->told) { /* its future tells */
            int status = filch_status(&entry->future);
            must(filch_done(&entry->future) && (runs || is_drop(status)));
            drops = !runs;
        }
        must(runs + drops == entry->accepted);
        outcome.accepted += entry->accepted;
        outcome.refused += !entry->accepted;
        outcome.ran += runs;
        outcome.dropped += drops;
    }
    return outcome;
}

static void prepare(const struct scenario *scenario)
{
    run.cancels = scenario->mode == FILCH_CLOSE_CANCEL;
    run.own = (struct filch_task_options){.flags = scenario->keep_threads ? FILCH_TASK_OWN_THREAD : 0};
    atomic_store(&run.used, 0);
    for (int i = 0; i < promises; i++)
        filch_promise_init(&run.promise[i]);
    filch_promise_init(&run.gone);
}

struct outcome scenario_run(const struct scenario *scenario)
{
    struct filch_pool *const untouched = (struct filch_pool *)&run;
    prepare(scenario);
    run.pool = untouched;
    int opened = filch_pool_open(&run.pool, &scenario->config);
    must(opened == 0 || opened == -ENOMEM || opened == -EAGAIN);
    if (opened != 0) {
        must(run.pool == untouched);
        for (int i = 0; i < promises; i++)
            (void)filch_complete(&run.promise[i], i);
        (void)filch_complete(&run.gone, 0);
        return (struct outcome){.open = opened};
    }
    watchdog_pool(run.pool);
    must(stats_of(run.pool).workers >= scenario->config.min_workers); /* whole */
    open_completions();
    must(filch_pool_resize(run.pool, 0, scenario->config.max_concurrency + 2) == 0);
    submit_everything();
    must(filch_pool_resize(run.pool, 0, scenario->config.max_concurrency) == 0);
    for (int i = 0; i < promises; i++)
        must(filch_complete(&run.promise[i], i) == 0);
    int closed = filch_pool_close(run.pool, scenario->mode, FILCH_NO_DEADLINE);
    must(closed == 0);
    take_completions();
    filch_completions_close(run.completions);
    (void)filch_complete(&run.gone, 0);
    struct filch_pool_stats stats = stats_of(run.pool);
    struct outcome outcome = add_up();
    must(stats.submitted == (uint64_t)outcome.accepted && stats.run == (uint64_t)outcome.ran);
    must(stats.dropped == (uint64_t)outcome.dropped);
    watchdog_pool(NULL);
    filch_pool_free(run.pool);
    return outcome;
}
