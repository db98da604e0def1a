/* SPDX-License-Identifier: MIT */
/* metrics.c - the statistics as Prometheus reads them: the format's rules, and that the figures are those of get_stats. */
#include "support/tasks.h"
#include "support/test.h"

#include <ctype.h>

/* What filch_metrics_write gives; free it. */
static char *metrics(void)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    must(stream && filch_metrics_write(stream) == 0 && fclose(stream) == 0);
    return text;
}

/* The sample of a metric with this text in its labels; UINT64_MAX: there is none. */
static uint64_t sample(const char *text, const char *metric, const char *labels)
{
    size_t length = strlen(metric);
    for (const char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        const char *end = strchr(line, '\n'), *found = strstr(line, labels);
        if (strncmp(line, metric, length) == 0 && line[length] == '{' && found && found < end) {
            while (*end != ' ')
                end--;
            return strtoull(end, NULL, 10);
        }
    }
    return UINT64_MAX;
}

static struct filch_pool *named_pool(const char *name, unsigned max_concurrency)
{
    struct filch_pool_config config = {.name = name, .max_concurrency = max_concurrency};
    return pool_open(&config);
}

/* ---- figures ---- */

static void check_count(const char *text, const char *metric, const char *pool, uint64_t before, uint64_t after)
{
    char labels[64];
    snprintf(labels, sizeof labels, "pool=\"%s\",", pool);
    uint64_t value = sample(text, metric, labels);
    cr_assert(value >= before && value <= after, "%s: %llu, not between %llu and %llu", metric,
              (unsigned long long)value, (unsigned long long)before, (unsigned long long)after);
}

static void check_figures(struct filch_pool *pool, const char *name)
{
    struct filch_pool_stats before, after;
    char *text = NULL;
    do { /* a worker that has just come may still be on its way to its parking place */
        free(text);
        before = stats_of(pool);
        text = metrics();
        after = stats_of(pool);
    } while (before.running != after.running || before.workers != after.workers);
#define CHECK(metric, field) check_count(text, metric, name, before.field, after.field)
    CHECK("filch_tasks_submitted_total", submitted);
    CHECK("filch_tasks_run_total", run);
    CHECK("filch_tasks_dropped_total", dropped);
    CHECK("filch_tasks_stuck_total", stuck);
    CHECK("filch_steals_total", stolen);
    CHECK("filch_failed_steals_total", failed_steals);
    CHECK("filch_stolen_children_total", stolen_children);
    CHECK("filch_taken_back_total", taken_back);
    CHECK("filch_forced_total", forced);
    CHECK("filch_parks_total", parks);
    CHECK("filch_wakes_total", wakes);
    CHECK("filch_suspensions_total", suspensions);
    CHECK("filch_blocked_waits_total", blocked_waits);
    CHECK("filch_gate_waits_total", gate_waits);
    CHECK("filch_tasks_long_running_total", long_running);
    CHECK("filch_deadlocks_total", deadlocks);
    CHECK("filch_failed_starts_total", failed_starts);
    CHECK("filch_stacks_total", strands);
    CHECK("filch_unguarded_stacks_total", unguarded_stacks);
    CHECK("filch_parked_nanoseconds_total", parked_ns);
    CHECK("filch_search_nanoseconds_total", search_ns);
    CHECK("filch_permit_nanoseconds_total", permit_ns);
    CHECK("filch_blocked_nanoseconds_total", blocked_ns);
    CHECK("filch_lifetime_nanoseconds_total", lifetime_ns);
    CHECK("filch_queued_tasks", queue_depth);
    CHECK("filch_held_tasks", held);
    CHECK("filch_suspended_tasks", suspended);
    CHECK("filch_workers", workers);
    CHECK("filch_running_workers", running);
    CHECK("filch_max_concurrency", max_concurrency);
    CHECK("filch_min_workers", min_workers);
    CHECK("filch_has_barrier", has_barrier);
    free(text);
}

static int wait_and_count(void *data)
{
    struct filch_future **waits_for = data;
    return filch_wait(*waits_for);
}

/* While one worker is busy and tasks are queued, held and suspended: nothing moves meanwhile. */
Test(metrics, are_the_statistics, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = named_pool("batch", 1), *other = named_pool("other", 3);
    struct filch_future promise = {{0}}, waiting = {{0}}, held_back = {{0}}, queued[7] = {{{0}}};
    struct filch_future *after[] = {&promise}, *waits_for = &promise;
    const struct filch_task_options options = {.after = after, .after_count = 1};
    struct held held;
    filch_promise_init(&promise);
    cr_assert_eq(filch_submit(pool, &waiting, wait_and_count, &waits_for), 0);
    wait_until(stats_of(pool).suspended == 1);
    cr_assert_eq(filch_submit_with(pool, &held_back, nothing, NULL, &options), 0);
    held_begin(&held, pool);
    for (int i = 0; i < 7; i++)
        cr_assert_eq(filch_submit(pool, &queued[i], nothing, NULL), 0);
    struct filch_pool_stats stats = stats_of(pool);
    cr_assert(stats.queue_depth == 7 && stats.held == 1 && stats.suspended == 1 && stats.running == 1);
    check_figures(pool, "batch");
    cr_assert_eq(filch_complete(&promise, 0), 0);
    held_end(&held);
    cr_assert_eq(filch_wait(&waiting) | filch_wait(&held_back), 0);
    for (int i = 0; i < 7; i++)
        cr_assert_eq(filch_wait(&queued[i]), 0);
    check_figures(pool, "batch");
    char *text = metrics();
    cr_assert_eq(sample(text, "filch_tasks_run_total", "pool=\"batch\""), 10);
    cr_assert_eq(sample(text, "filch_tasks_run_total", "pool=\"other\""), 0);
    cr_assert_eq(sample(text, "filch_max_concurrency", "pool=\"other\""), 3);
    free(text);
    pool_end(other);
    pool_end(pool);
}

/* ---- latencies ---- */

static void run_many(struct filch_pool *pool, int count)
{
    struct filch_future future = {{0}};
    for (int i = 0; i < count; i++) {
        cr_assert_eq(filch_submit(pool, &future, nothing, NULL), 0);
        cr_assert_eq(filch_wait(&future), 0);
    }
}

static uint64_t latencies(const struct filch_pool *pool, enum filch_latency latency, uint64_t below_ns)
{
    static struct filch_histogram histogram;
    uint64_t count = 0;
    must(filch_pool_get_histogram(pool, latency, &histogram, sizeof histogram) == 0);
    for (struct filch_bucket bucket = {0}; filch_histogram_next(&histogram, &bucket);)
        count += bucket.high_ns <= below_ns ? bucket.count : 0;
    return count;
}

Test(metrics, are_the_latencies, .timeout = TEST_TIMEOUT)
{
    static const struct {
        const char *le;
        uint64_t below_ns;
    } steps[] = {{"0.000001024", 1 << 10}, {"0.001048576", 1 << 20}, {"1.073741824", 1 << 30}, {"+Inf", UINT64_MAX}};
    static const char *const metrics_of[] = {
        [FILCH_LATENCY_QUEUE] = "filch_queue_latency_seconds_bucket",
        [FILCH_LATENCY_RUN] = "filch_run_seconds_bucket",
        [FILCH_LATENCY_GATE] = "filch_gate_wait_seconds_bucket",
        [FILCH_LATENCY_SUSPENSION] = "filch_suspension_seconds_bucket",
        [FILCH_LATENCY_WAKE] = "filch_wake_latency_seconds_bucket",
    };
    struct filch_pool *pool = named_pool("batch", 1);
    run_many(pool, 2000);
    cr_assert(latencies(pool, FILCH_LATENCY_QUEUE, UINT64_MAX) > 0);
    for (int i = 0; i < FILCH_LATENCIES; i++)
        for (size_t k = 0; k < sizeof steps / sizeof steps[0]; k++) {
            char labels[64];
            snprintf(labels, sizeof labels, "le=\"%s\"", steps[k].le);
            uint64_t before = latencies(pool, (enum filch_latency)i, steps[k].below_ns);
            char *text = metrics();
            uint64_t value = sample(text, metrics_of[i], labels);
            cr_assert(value >= before && value <= latencies(pool, (enum filch_latency)i, steps[k].below_ns), "%s %s",
                      metrics_of[i], labels);
            free(text);
        }
    pool_end(pool);
}

/* ---- the format ---- */

static const char *next_line(const char *at)
{
    return strchr(at, '\n') + 1;
}

/* Reads this name and an open brace. */
static bool is_sample(const char *at, const char *name, const char *ending)
{
    size_t length = strlen(name), end = strlen(ending);
    return strncmp(at, name, length) == 0 && strncmp(at + length, ending, end) == 0 && at[length + end] == '{';
}

/* The lines of one pool's histogram; gives what follows. */
static const char *check_histogram(const char *at, const char *name)
{
    unsigned long long last = 0, value;
    double bound = 0, next;
    for (; is_sample(at, name, "_bucket"); at = next_line(at)) {
        const char *bounded = strstr(at, "le=\"");
        if (sscanf(bounded + 4, "%lf\"} %llu", &next, &value) == 2 && bounded[4] != '+') {
            cr_assert(next > bound && value >= last, "%.200s", at);
            bound = next;
        } else {
            cr_assert(sscanf(bounded + 4, "+Inf\"} %llu", &value) == 1 && value >= last);
        }
        last = value;
    }
    cr_assert(is_sample(at, name, "_sum"));
    at = next_line(at);
    cr_assert(is_sample(at, name, "_count") && sscanf(strstr(at, "} "), "} %llu", &value) == 1 && value == last);
    return next_line(at);
}

static const char *check_number(const char *at)
{
    const char *value = strstr(at, "} ") + 2;
    cr_assert(isdigit((unsigned char)*value) && strchr(at, '\n') == value + strspn(value, "0123456789"));
    return next_line(at);
}

/* One family's lines, as the format wants them: help, type, then all its samples; gives what follows. */
static const char *check_family(const char *at, unsigned *ret_samples)
{
    char name[64], again[64], type[16];
    int used = 0;
    cr_assert(sscanf(at, "# HELP %63[a-z_] %*[^\n]\n%n", name, &used) == 1 && used > 0, "help: %.80s", at);
    at += used;
    used = 0;
    cr_assert(sscanf(at, "# TYPE %63[a-z_] %15[a-z]\n%n", again, type, &used) == 2 && used > 0, "type: %.80s", at);
    at += used;
    bool counts = strcmp(type, "counter") == 0, spreads = strcmp(type, "histogram") == 0;
    cr_assert_str_eq(name, again);
    cr_assert(counts || spreads || strcmp(type, "gauge") == 0);
    size_t length = strlen(name);
    cr_assert_eq(counts, length > 6 && strcmp(name + length - 6, "_total") == 0, "%s", name);
    for (; is_sample(at, name, spreads ? "_bucket" : ""); (*ret_samples)++)
        at = spreads ? check_histogram(at, name) : check_number(at);
    return at;
}

Test(metrics, keep_the_formats_rules, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pools[] = {named_pool("one", 1), named_pool("two", 2), named_pool("one", 1)};
    char *text = metrics();
    unsigned families = 0, samples = 0;
    for (const char *at = text; *at; families++)
        at = check_family(at, &samples);
    cr_assert_eq(occurrences(text, "# TYPE "), families);
    cr_assert_eq(samples, 1 + 3 * (families - 1), "the version, and each figure of three pools");
    cr_assert_eq(occurrences(text, "# TYPE filch_workers gauge\n"), 1);
    free(text);
    for (int i = 0; i < 3; i++)
        pool_end(pools[i]);
}

Test(metrics, labels_are_escaped, .timeout = TEST_TIMEOUT)
{
    static const struct {
        const char *name, *label;
    } names[] = {
        {"a\"b\\c\nd", "pool=\"a\\\"b\\\\c\\nd\","},
        {"gr\xc3\xb6\xc3\x9f"
         "e \xe2\x82\xac",
         "pool=\"gr\xc3\xb6\xc3\x9f"
         "e \xe2\x82\xac\","},
        {"0123456789012\xe2\x82\xac", "pool=\"0123456789012??\","},           /* cut within a character */
        {"\xc0\xaf\xed\xa0\x80\xf5\x80\x80\x80\xff", "pool=\"??????????\","}, /* no characters */
        {"\xf0\x9f\x90\xbf", "pool=\"\xf0\x9f\x90\xbf\","},
        {"", "pool=\"\","},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct filch_pool *pool = named_pool(names[i].name, 1);
        char *text = metrics();
        cr_assert_eq(sample(text, "filch_max_concurrency", names[i].label), 1, "name %zu", i);
        free(text);
        pool_end(pool);
    }
}

/* ---- pools that come and go ---- */

static void *open_and_close(void *data)
{
    const atomic_bool *enough = data;
    do {
        struct filch_pool *pool = NULL;
        struct filch_future future = {{0}};
        must(filch_pool_open(&pool, &(struct filch_pool_config){.name = "guest", .max_concurrency = 2}) == 0);
        must(filch_submit(pool, &future, nothing, NULL) == 0);
        must(filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE) == 0);
        filch_pool_free(pool);
    } while (!atomic_load(enough));
    return NULL;
}

Test(metrics, pools_may_be_closed_meanwhile, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = named_pool("host", 1);
    atomic_bool enough = false;
    pthread_t guests = thread_start(open_and_close, &enough);
    bool met = false;
    uint64_t begun_ns = watchdog_now_ns();
    for (int i = 0; i < TEST_SHARE(2000) || (!met && !watchdog_enough(begun_ns)); i++) {
        char *text = metrics();
        cr_assert_eq(sample(text, "filch_max_concurrency", "pool=\"host\""), 1);
        met = met || sample(text, "filch_max_concurrency", "pool=\"guest\"") == 2;
        free(text);
    }
    atomic_store(&enough, true);
    thread_join(guests);
    char *text = metrics();
    cr_assert_null(strstr(text, "guest"), "none is open");
    cr_assert(strstr(text, "host"));
    free(text);
    pool_end(pool);
}

Test(metrics, misuse_is_refused, .timeout = TEST_TIMEOUT)
{
    cr_assert_eq(filch_metrics_write(NULL), -EINVAL);
    FILE *full = fopen("/dev/full", "w");
    cr_assert_not_null(full);
    setvbuf(full, NULL, _IONBF, 0);
    cr_assert_eq(filch_metrics_write(full), -EIO);
    fclose(full);
}
