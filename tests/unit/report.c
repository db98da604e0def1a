/* SPDX-License-Identifier: MIT */
/* report.c - what tasks report: kept with the future in order and complete, or given to the pool's function. */
#include "support/ledger.h"
#include "support/tasks.h"
#include "support/test.h"

#include <filch/trace.h>

static const struct filch_task_options keep = {.flags = FILCH_TASK_KEEP_REPORTS};

static int count_lines(const struct filch_future *future)
{
    int count = 0;
    for (const struct filch_report_line *line = NULL; (line = filch_reports_next(future, line));)
        count++;
    return count;
}

/* Says `count` lines, which are numbers from `from` on. */
struct speaker {
    struct filch_future future;
    int from, count;
    struct filch_future *pause; /* waited for before the last line; NULL: none */
};

static int speak(void *data)
{
    const struct speaker *speaker = data;
    for (int i = 0; i < speaker->count; i++) {
        char text[32];
        snprintf(text, sizeof text, "%d", speaker->from + i);
        if (speaker->pause && i == speaker->count - 1)
            must(filch_wait(speaker->pause) == 0);
        must(filch_report((enum filch_level)((speaker->from + i) % (FILCH_DEBUG + 1)), text) == 0);
        memset(text, 'x', sizeof text - 1);
    }
    return 0;
}

static void check_lines(const struct filch_future *future, int count)
{
    const struct filch_report_line *line = NULL;
    for (int i = 0; i < count; i++) {
        line = filch_reports_next(future, line);
        cr_assert_not_null(line, "line %d", i);
        cr_assert_eq(atoi(line->text), i);
        cr_assert_eq((int)line->level, i % (FILCH_DEBUG + 1));
    }
    cr_assert_null(filch_reports_next(future, line));
}

Test(report, lines_are_kept_in_order_from_run_to_run, .timeout = TEST_TIMEOUT)
{
    enum { tasks = 40 };
    struct filch_pool *pool = pool_of(3);
    static struct speaker speakers[tasks];
    memset(speakers, 0, sizeof speakers);
    for (int run = 0; run < 3; run++) { /* the second run says nothing */
        for (int i = 0; i < tasks; i++) {
            speakers[i].from += speakers[i].count;
            speakers[i].count = run == 1 ? 0 : 1 + i * 3;
            cr_assert_eq(filch_submit_with(pool, &speakers[i].future, speak, &speakers[i], &keep), 0);
        }
        for (int i = 0; i < tasks; i++) {
            cr_assert_eq(filch_wait(&speakers[i].future), 0);
            check_lines(&speakers[i].future, speakers[i].from + speakers[i].count);
        }
    }
    for (int i = 0; i < tasks; i++) {
        filch_reports_free(&speakers[i].future);
        cr_assert_null(filch_reports_next(&speakers[i].future, NULL));
        filch_reports_free(&speakers[i].future);
    }
    pool_end(pool);
}

Test(report, a_running_tasks_lines_can_be_read, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    struct filch_future pause = {{0}};
    struct speaker speaker = {.count = 5, .pause = &pause};
    filch_promise_init(&pause);
    cr_assert_eq(filch_submit_with(pool, &speaker.future, speak, &speaker, &keep), 0);
    wait_until(count_lines(&speaker.future) == 4);
    check_lines(&speaker.future, 4);
    filch_reports_free(&speaker.future);
    cr_assert_eq(count_lines(&speaker.future), 4, "not while it is in flight");
    cr_assert_eq(filch_complete(&pause, 0), 0);
    cr_assert_eq(filch_wait(&speaker.future), 0);
    check_lines(&speaker.future, 5);
    filch_reports_free(&speaker.future);
    pool_end(pool);
}

Test(report, lines_outlive_the_pool_and_all_memory_goes_back, .timeout = TEST_TIMEOUT)
{
    struct ledger ledger = {.blocks = 0};
    struct filch_allocator allocator = ledger_allocator(&ledger);
    struct filch_pool *pool = pool_open(&(struct filch_pool_config){.max_concurrency = 2, .allocator = &allocator});
    struct speaker speaker = {.count = 12};
    struct filch_future *copies[8];
    struct filch_task_options options = keep;
    for (int i = 0; i < 8; i++) { /* some have an option that needs a record, some are released early */
        options.name = i % 2 ? "copy" : NULL;
        cr_assert_eq(filch_submit_copy(pool, speak, &speaker, sizeof speaker, &options, &copies[i]), 0);
        if (i % 4 > 1)
            filch_future_release(copies[i]);
    }
    cr_assert_eq(filch_submit_with(pool, &speaker.future, speak, &speaker, &options), 0);
    pool_end(pool);
    for (int i = 0; i < 8; i++) {
        if (i % 4 > 1)
            continue;
        check_lines(copies[i], 12);
        filch_future_release(copies[i]);
    }
    check_lines(&speaker.future, 12);
    cr_assert_gt(atomic_load(&ledger.blocks), 0);
    filch_reports_free(&speaker.future);
    ledger_check(&ledger);
}

/* ---- parts of a task ---- */

FILCH_VOID_TASK(speak_tree, (int, depth), (int, number))
{
    char text[32];
    snprintf(text, sizeof text, "%d", number);
    must(filch_report(FILCH_INFO, text) == 0);
    if (!depth)
        return;
    FILCH_SPAWN(speak_tree, depth - 1, 2 * number);
    FILCH_CALL(speak_tree, depth - 1, 2 * number + 1);
    FILCH_SYNC(speak_tree);
}

enum { tree_depth = 7, tree_lines = (2 << tree_depth) - 1 };

static int run_tree(void *data)
{
    (void)data;
    FILCH_RUN(NULL, speak_tree, tree_depth, 1);
    return 0;
}

/* Each number once, and the parent's before its children's. */
static void check_tree(const struct filch_future *future)
{
    bool seen[tree_lines + 1] = {true};
    int count = 0;
    for (const struct filch_report_line *line = NULL; (line = filch_reports_next(future, line)); count++) {
        int number = atoi(line->text);
        cr_assert(number >= 1 && number <= tree_lines && !seen[number] && seen[number / 2]);
        seen[number] = true;
    }
    cr_assert_eq(count, tree_lines);
}

Test(report, spawned_children_report_to_the_task_they_are_part_of, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(4);
    meet_all(pool, 4);
    for (int round = 0; round < 20; round++) {
        struct filch_future futures[2] = {{{0}}};
        for (int i = 0; i < 2; i++)
            cr_assert_eq(filch_submit_with(pool, &futures[i], run_tree, NULL, &keep), 0);
        for (int i = 0; i < 2; i++) {
            cr_assert_eq(filch_wait(&futures[i]), 0);
            check_tree(&futures[i]);
            filch_reports_free(&futures[i]);
        }
    }
    pool_end(pool);
}

FILCH_VOID_TASK(child, (atomic_int *, said))
{
    must(filch_report(FILCH_INFO, "0") == 0);
    atomic_store(said, 1);
}

FILCH_VOID_TASK(parent, (atomic_int *, said))
{
    FILCH_SPAWN(child, said);
    wait_until(atomic_load(said)); /* so it must be stolen */
    must(filch_report(FILCH_WARNING, "1") == 0);
    FILCH_SYNC(child);
}

static int run_parent(void *said)
{
    FILCH_RUN(NULL, parent, said);
    return 0;
}

Test(report, a_stolen_child_reports_to_its_parents_task, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    for (int round = 0; round < 20; round++) {
        struct filch_future future = {{0}};
        atomic_int said = 0;
        cr_assert_eq(filch_submit_with(pool, &future, run_parent, &said, &keep), 0);
        cr_assert_eq(filch_wait(&future), 0);
        const struct filch_report_line *line = filch_reports_next(&future, NULL);
        cr_assert_str_eq(line->text, "0");
        cr_assert_str_eq(filch_reports_next(&future, line)->text, "1");
        cr_assert_eq(count_lines(&future), 2);
        filch_reports_free(&future);
    }
    cr_assert_eq(stats_of(pool).stolen_children, 20);
    pool_end(pool);
}

static int speak_range(void *ctx, size_t begin, size_t end, unsigned slot)
{
    (void)ctx;
    (void)slot;
    for (size_t i = begin; i < end; i++)
        must(filch_report(FILCH_DEBUG, "in a loop") == 0);
    return 0;
}

static int run_loop(void *data)
{
    return filch_for(NULL, 0, *(const size_t *)data, NULL, speak_range, NULL);
}

Test(report, bodies_of_loops_report_to_the_task_they_are_part_of, .timeout = TEST_TIMEOUT)
{
    size_t range = 500;
    struct filch_pool *pool = pool_of(3);
    struct filch_future future = {{0}};
    cr_assert_eq(filch_submit_with(pool, &future, run_loop, &range, &keep), 0);
    cr_assert_eq(filch_wait(&future), 0);
    cr_assert_eq(count_lines(&future), 500);
    filch_reports_free(&future);
    pool_end(pool);
}

/* A task that runs inside another one, because its queue is full, keeps its own. */
static int submit_inside(void *data)
{
    struct speaker *inner = data;
    must(filch_report(FILCH_INFO, "before") == 0);
    for (int i = 0; i < 2; i++)
        must(filch_submit_with(NULL, &inner[i].future, speak, &inner[i], &keep) == 0);
    must(filch_report(FILCH_INFO, "after") == 0);
    return 0;
}

Test(report, a_task_inside_another_keeps_its_own, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool =
        pool_open(&(struct filch_pool_config){.max_concurrency = 1, .queue_limit = 1, .when_full = FILCH_FULL_RUN});
    struct speaker inner[2] = {{.count = 3}, {.count = 6}};
    struct filch_future outer = {{0}};
    cr_assert_eq(filch_submit_with(pool, &outer, submit_inside, inner, &keep), 0);
    cr_assert_eq(filch_wait(&outer), 0);
    cr_assert_eq(count_lines(&outer), 2);
    filch_reports_free(&outer);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(filch_wait(&inner[i].future), 0);
        check_lines(&inner[i].future, inner[i].count);
        filch_reports_free(&inner[i].future);
    }
    pool_end(pool);
}

/* While a trace is taken the time of each submission is kept in the lines' place, where there are none. */
Test(report, only_lines_are_taken_for_lines, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct speaker speaker = {.count = 3};
    struct filch_future queued = {{0}};
    struct held held;
    cr_assert_eq(filch_trace_start(NULL), 0);
    cr_assert_eq(filch_submit_with(pool, &speaker.future, speak, &speaker, &keep), 0);
    cr_assert_eq(filch_wait(&speaker.future), 0);
    held_begin(&held, pool);
    cr_assert_eq(filch_submit(pool, &queued, nothing, NULL), 0);
    cr_assert_eq(filch_submit(pool, &speaker.future, nothing, NULL), 0);
    cr_assert_null(filch_reports_next(&queued, NULL));
    check_lines(&speaker.future, 3);
    held_end(&held);
    cr_assert_eq(filch_wait(&queued), 0);
    cr_assert_eq(filch_wait(&speaker.future), 0);
    cr_assert_null(filch_reports_next(&queued, NULL));
    check_lines(&speaker.future, 3);
    filch_reports_free(&speaker.future);
    cr_assert_eq(filch_trace_stop(), 0);
    pool_end(pool);
}

/* ---- the pool's function ---- */

struct listener {
    atomic_int lines, named;
    struct meeting meeting;
};

static void listen(void *ctx, const char *task, enum filch_level level, const char *text)
{
    struct listener *listener = ctx;
    must(level == FILCH_WARNING && strcmp(text, "heard") == 0 && filch_pool_current());
    must(!task || strcmp(task, "named") == 0);
    atomic_fetch_add(&listener->named, task != NULL);
    atomic_fetch_add(&listener->lines, 1);
    (void)meet(&listener->meeting); /* as many must be in here at once */
}

static int say(void *text)
{
    return filch_report(FILCH_WARNING, text);
}

Test(report, the_pools_function_gets_what_nobody_keeps, .timeout = TEST_TIMEOUT)
{
    struct listener listener = {.meeting = {.count = 3}};
    struct filch_pool *pool =
        pool_open(&(struct filch_pool_config){.max_concurrency = 3, .report = listen, .report_ctx = &listener});
    struct filch_future futures[4] = {{{0}}};
    const struct filch_task_options named = {.name = "named"};
    for (int i = 0; i < 3; i++)
        cr_assert_eq(filch_submit_with(pool, &futures[i], say, "heard", i ? &named : NULL), 0);
    cr_assert_eq(filch_submit_with(pool, &futures[3], say, "kept", &keep), 0);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(filch_wait(&futures[i]), 0);
    cr_assert_eq(atomic_load(&listener.lines), 3);
    cr_assert_eq(atomic_load(&listener.named), 2);
    cr_assert_eq(count_lines(&futures[0]), 0);
    cr_assert_eq(count_lines(&futures[3]), 1);
    filch_reports_free(&futures[3]);
    pool_end(pool);
}

/* ---- errors ---- */

static int say_nothing(void *data)
{
    (void)data;
    must(filch_report(FILCH_INFO, NULL) == -EINVAL);
    must(filch_report((enum filch_level)(FILCH_DEBUG + 1), "text") == -EINVAL);
    must(filch_report((enum filch_level) - 1, "text") == -EINVAL);
    return 0;
}

Test(report, misuse_is_refused, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(1);
    struct filch_future future = {{0}};
    cr_assert_eq(filch_report(FILCH_INFO, "outside"), -ENOENT);
    cr_assert_eq(filch_report(FILCH_INFO, NULL), -EINVAL);
    cr_assert_eq(filch_submit(pool, &future, say, "nobody listens"), 0);
    cr_assert_eq(filch_wait(&future), -ENOENT);
    cr_assert_eq(filch_submit_with(pool, &future, say_nothing, NULL, &keep), 0);
    cr_assert_eq(filch_wait(&future), 0);
    cr_assert_null(filch_reports_next(&future, NULL));
    cr_assert_null(filch_reports_next(NULL, NULL));
    filch_reports_free(&future);
    filch_reports_free(NULL);
    cr_assert_eq(filch_submit_copy(pool, say_nothing, NULL, 0, &keep, NULL), -EINVAL, "nobody could read");
    cr_assert_null(filch_level_name((enum filch_level)(FILCH_DEBUG + 1)));
    cr_assert_str_eq(filch_level_name(FILCH_ERROR), "error");
    cr_assert_str_eq(filch_level_name(FILCH_DEBUG), "debug");
    pool_end(pool);
}

static int say_three(void *data)
{
    struct ledger *ledger = data;
    ledger_fail(ledger, 2, false);
    int r[3];
    for (int i = 0; i < 3; i++)
        r[i] = filch_report(FILCH_INFO, i == 2 ? "2" : "0");
    ledger_fail(ledger, 0, false);
    must(r[0] == 0 && r[1] == -ENOMEM && r[2] == 0);
    return 0;
}

Test(report, without_memory_only_that_line_is_lost, .timeout = TEST_TIMEOUT)
{
    struct ledger ledger = {.blocks = 0};
    struct filch_allocator allocator = ledger_allocator(&ledger);
    struct filch_pool *pool = pool_open(&(struct filch_pool_config){.max_concurrency = 1, .allocator = &allocator});
    struct filch_future future = {{0}};
    cr_assert_eq(filch_submit_with(pool, &future, say_three, &ledger, &keep), 0);
    cr_assert_eq(filch_wait(&future), 0);
    const struct filch_report_line *line = filch_reports_next(&future, NULL);
    cr_assert_str_eq(line->text, "0");
    cr_assert_str_eq(filch_reports_next(&future, line)->text, "2");
    cr_assert_eq(count_lines(&future), 2);
    filch_reports_free(&future);
    pool_end(pool);
    ledger_check(&ledger);
}
