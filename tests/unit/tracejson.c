/* SPDX-License-Identifier: MIT */
/* tracejson.c - the file that becomes of events that were put by hand: those of a whole session, and of one with gaps. */
#include "support/test.h"

#include "tracejson.h"

#include <stdarg.h>

enum { LINE_MOST = 400, FIRST_KEY = 0x1000 };

/* ---- events ---- */

static uint64_t begin_ticks;

/* A session whose first ten thousand moments are over: events may be put there. */
static void session_begin(bool wraps)
{
    must(filch__trace_begin(1 << 20, 1 << 26, wraps) == 0);
    begin_ticks = filch__trace_times().begin_ticks;
    while (filch__os_ticks() < begin_ticks + 10000 * 100)
        ;
}

static uint64_t moment(uint64_t n)
{
    return begin_ticks + n * 100;
}

static struct filch__track *track_of(uint64_t pool, uint32_t worker)
{
    struct filch__track *track = NULL;
    char name[32];
    snprintf(name, sizeof name, "track %u", worker);
    must(filch__trace_attach(&track, pool, worker, name));
    return track;
}

static void put(struct filch__track *track, uint64_t n, enum filch__event_kind kind, unsigned detail, uint64_t a,
                uint64_t b)
{
    filch__trace_put(track, moment(n), kind, detail, 0, a, b);
}

static void put_start(struct filch__track *track, uint64_t n, uint64_t key, const char *label)
{
    put(track, n, FILCH__EVENT_START, 0, key, (uintptr_t)label);
}

static void put_end(struct filch__track *track, uint64_t n, uint64_t key, int status)
{
    put(track, n, FILCH__EVENT_WORK, 0, 0, 0);
    put(track, n, FILCH__EVENT_END, 0, key, (uint64_t)(int64_t)status);
}

/* ---- the file ---- */

static char *text; /* of the last session */

static void session_write(uint64_t last_ns)
{
    size_t size = 0;
    free(text);
    text = NULL;
    FILE *out = open_memstream(&text, &size);
    const struct filch__trace_info info = {.command = "test", .program = "test", .cpus = 1, .last_ns = last_ns};
    must(out != NULL);
    cr_assert_eq(filch__trace_json(out, &info), 0);
    fclose(out);
}

static void session_end(struct filch__track *const *tracks, int count)
{
    if (filch__trace_on())
        must(filch__trace_end() == 0);
    for (int i = 0; i < count; i++)
        filch__trace_detach(tracks[i], true);
    filch__trace_forget();
    free(text);
    text = NULL;
}

/* Lines that hold all of the words, which | separates. */
__attribute__((format(printf, 1, 2))) static int count_lines(const char *format, ...)
{
    char words[LINE_MOST];
    int count = 0;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    for (const char *line = text, *end; *line; line = end) {
        char cut[LINE_MOST], each[LINE_MOST], *rest = each, *word;
        end = strchr(line, '\n') ? strchr(line, '\n') + 1 : line + strlen(line);
        snprintf(cut, sizeof cut, "%.*s", (int)(end - line), line);
        snprintf(each, sizeof each, "%s", words);
        bool all = true;
        while ((word = strsep(&rest, "|")))
            all &= strstr(cut, word) != NULL;
        count += all;
    }
    return count;
}

struct slice {
    uint64_t from, to;
    bool child;
    unsigned track;
};

/* Slices of the tracks lie behind or in each other. */
static void check_nesting(void)
{
    static struct slice slices[1000];
    int count = 0;
    for (const char *line = text; (line = strstr(line, "{\"ph\":\"X\"")); line++) {
        unsigned long long ts, ts_ns, ts_tenth, dur, dur_ns, dur_tenth;
        struct slice *slice = &slices[count++];
        must(count < 1000);
        must(sscanf(strstr(line, "\"tid\":"), "\"tid\":%u,\"ts\":%llu.%3llu%1llu,\"dur\":%llu.%3llu%1llu",
                    &slice->track, &ts, &ts_ns, &ts_tenth, &dur, &dur_ns, &dur_tenth) == 7);
        cr_assert(ts_tenth == 2 && (dur_tenth == 9 || dur + dur_ns + dur_tenth == 0)); /* filch__scribe_duration */
        slice->from = ts * 1000 + ts_ns;
        slice->to = slice->from + dur * 1000 + dur_ns + dur_tenth / 9;
        slice->child = !strncmp(line + 9, ",\"cat\":\"child\"", 14);
    }
    for (int i = 0; i < count; i++)
        for (int j = 0; j < count; j++) {
            const struct slice *a = &slices[i], *b = &slices[j];
            if (i == j || a->track != b->track || a->to <= b->from || b->to <= a->from)
                continue;
            const struct slice *inner = a->from >= b->from && a->to <= b->to ? a : b, *outer = inner == a ? b : a;
            cr_assert(inner->from > outer->from && inner->to <= outer->to && inner->child);
        }
}

/* ---- tests ---- */

Test(tracejson, a_task_that_waits_has_two_stretches, .timeout = TEST_TIMEOUT)
{
    session_begin(false);
    struct filch__track *tracks[] = {track_of(7, 0), track_of(7, 1), track_of(0, UINT32_MAX)};
    put(tracks[2], 5, FILCH__EVENT_SUBMIT, 0, FIRST_KEY, 0);
    put_start(tracks[0], 10, FIRST_KEY, "waits");
    put(tracks[0], 20, FILCH__EVENT_PAUSE, FILCH__PAUSE_WAIT, FIRST_KEY, 0);
    put(tracks[0], 20, FILCH__EVENT_SEARCH, 0, 0, 0);
    put(tracks[0], 30, FILCH__EVENT_PARK, 0, 0, 0);
    put(tracks[0], 35, FILCH__EVENT_READY, 0, FIRST_KEY, 0);
    put(tracks[1], 40, FILCH__EVENT_RESUME, 0, FIRST_KEY, (uintptr_t) "waits");
    put_end(tracks[1], 50, FIRST_KEY, -5);
    session_write(0);
    check_nesting();
    cr_assert_eq(count_lines("\"cat\":\"task\",\"name\":\"waits\"|\"id\":2,\"n\":0,\"end\":\"wait\",\"queue_us\":"), 1);
    cr_assert_eq(count_lines("\"cat\":\"task\"|\"id\":2,\"n\":1,\"end\":\"done\",\"status\":-5}"), 1);
    cr_assert_eq(count_lines("\"cat\":\"task\""), 2);
    cr_assert_eq(count_lines("\"ph\":\"b\",\"cat\":\"suspended\",\"id\":\"2.1\",\"name\":\"waits\"|{\"for\":\"wait\"}"),
                 1);
    cr_assert_eq(count_lines("\"ph\":\"e\",\"cat\":\"suspended\",\"id\":\"2.1\",\"name\":\"waits\""), 1);
    cr_assert_eq(count_lines("\"ph\":\"s\",\"cat\":\"flow\",\"name\":\"submit\""), 1);
    cr_assert_eq(count_lines("\"ph\":\"f\",\"bp\":\"e\",\"cat\":\"flow\",\"name\":\"wake\""), 1);
    cr_assert_eq(count_lines("\"cat\":\"worker\",\"name\":\"search\""), 1);
    cr_assert_eq(count_lines("\"cat\":\"worker\",\"name\":\"park\""), 1);
    session_end(tracks, 3);
}

Test(tracejson, what_began_before_the_first_event_begins_with_it, .timeout = TEST_TIMEOUT)
{
    session_begin(false);
    struct filch__track *tracks[] = {track_of(7, 0)};
    put(tracks[0], 10, FILCH__EVENT_SUBMIT, 0, FIRST_KEY + 64, 0);
    put_end(tracks[0], 20, FIRST_KEY, 0);
    put_start(tracks[0], 30, FIRST_KEY + 64, "goes on");
    session_write(0);
    check_nesting();
    cr_assert_eq(count_lines("\"cat\":\"task\",\"name\":\"?\"|\"n\":0,\"end\":\"done\""), 1);
    cr_assert_eq(count_lines("\"cat\":\"task\",\"name\":\"goes on\"|\"end\":\"gone\",\"queue_us\""), 1);
    session_end(tracks, 1);
}

Test(tracejson, what_is_suspended_for_ever_is_so_until_the_end, .timeout = TEST_TIMEOUT)
{
    session_begin(false);
    struct filch__track *tracks[] = {track_of(7, 0)};
    put_start(tracks[0], 10, FIRST_KEY, "waits");
    put(tracks[0], 20, FILCH__EVENT_PAUSE, FILCH__PAUSE_JOIN, FIRST_KEY, 0);
    session_write(0);
    cr_assert_eq(count_lines("\"ph\":\"b\"|{\"for\":\"sync\"}"), 1);
    cr_assert_eq(count_lines("\"ph\":\"e\""), 1);
    session_end(tracks, 1);
}

Test(tracejson, a_key_means_the_task_that_had_it_last, .timeout = TEST_TIMEOUT)
{
    session_begin(false);
    struct filch__track *tracks[] = {track_of(7, 0)};
    for (uint64_t round = 0; round < 3; round++) {
        put(tracks[0], 100 * round + 10, FILCH__EVENT_SUBMIT, 0, FIRST_KEY, 0);
        put_start(tracks[0], 100 * round + 20, FIRST_KEY, "again");
        put_end(tracks[0], 100 * round + 30, FIRST_KEY, 0);
        put_start(tracks[0], 100 * round + 40, FIRST_KEY + 64, "waiter");
        put(tracks[0], 100 * round + 50, FILCH__EVENT_AWAITED, 0, FIRST_KEY, 0);
        put_end(tracks[0], 100 * round + 60, FIRST_KEY + 64, 0);
    }
    session_write(0);
    cr_assert_eq(count_lines("\"name\":\"again\"|\"id\":1,"), 1);
    cr_assert_eq(count_lines("\"name\":\"again\"|\"id\":3,"), 1);
    cr_assert_eq(count_lines("\"name\":\"again\"|\"id\":5,"), 1);
    cr_assert_eq(count_lines("[3,|,2,0.000,1]"), 1);
    cr_assert_eq(count_lines("[3,|,4,0.000,3]"), 1);
    cr_assert_eq(count_lines("[3,|,6,0.000,5]"), 1);
    session_end(tracks, 1);
}

Test(tracejson, what_is_told_in_one_tick_has_an_order, .timeout = TEST_TIMEOUT)
{
    session_begin(false);
    struct filch__track *tracks[] = {track_of(7, 0), track_of(7, 1)};
    put_start(tracks[1], 1, FIRST_KEY + 64, "giver");
    put_start(tracks[0], 10, FIRST_KEY, "task"); /* its track comes first */
    put_end(tracks[0], 10, FIRST_KEY, 0);
    put(tracks[1], 10, FILCH__EVENT_SUBMIT, 0, FIRST_KEY, 0);
    put(tracks[1], 10, FILCH__EVENT_AWAITED, 0, FIRST_KEY, 0);
    put_end(tracks[1], 20, FIRST_KEY + 64, 0);
    session_write(0);
    cr_assert_eq(count_lines("\"name\":\"task\"|\"id\":2,|\"queue_us\":0.000"), 1);
    cr_assert_eq(count_lines("[0,|,1,0.000,2,"), 1);
    cr_assert_eq(count_lines("[3,|,1,0.000,2]"), 1);
    session_end(tracks, 2);
}

Test(tracejson, submissions_without_a_start_are_tasks_each, .timeout = TEST_TIMEOUT)
{
    session_begin(false);
    struct filch__track *tracks[] = {track_of(7, 0)};
    for (uint64_t i = 0; i < 1000; i++)
        put(tracks[0], i, FILCH__EVENT_SUBMIT, 0, FIRST_KEY, 0);
    put_start(tracks[0], 1000, FIRST_KEY, "last");
    put_end(tracks[0], 1001, FIRST_KEY, 0);
    session_write(0);
    cr_assert_eq(count_lines("[0,"), 1000);
    cr_assert_eq(count_lines("\"name\":\"last\"|\"id\":1000,"), 1);
    session_end(tracks, 1);
}

Test(tracejson, a_task_inside_another_comes_between_its_stretches, .timeout = TEST_TIMEOUT)
{
    session_begin(false);
    struct filch__track *tracks[] = {track_of(7, 0)};
    put_start(tracks[0], 10, FIRST_KEY, "outer");
    put(tracks[0], 20, FILCH__EVENT_PAUSE, FILCH__PAUSE_NESTED, FIRST_KEY, 0);
    put_start(tracks[0], 20, FIRST_KEY + 64, "inner");
    put_end(tracks[0], 30, FIRST_KEY + 64, 0);
    put(tracks[0], 30, FILCH__EVENT_RESUME, 0, FIRST_KEY, (uintptr_t) "outer");
    put(tracks[0], 35, FILCH__EVENT_PAUSE, FILCH__PAUSE_BLOCK, FIRST_KEY, 0);
    put(tracks[0], 38, FILCH__EVENT_RESUME, 0, FIRST_KEY, (uintptr_t) "outer");
    put_end(tracks[0], 40, FIRST_KEY, 0);
    session_write(0);
    check_nesting();
    cr_assert_eq(count_lines("\"name\":\"outer\"|\"n\":0,\"end\":\"nested\""), 1);
    cr_assert_eq(count_lines("\"name\":\"inner\"|\"n\":0,\"end\":\"done\""), 1);
    cr_assert_eq(count_lines("\"name\":\"outer\"|\"n\":1,\"end\":\"block\""), 1);
    cr_assert_eq(count_lines("\"cat\":\"block\",\"name\":\"blocked\""), 1);
    cr_assert_eq(count_lines("\"name\":\"outer\"|\"n\":2,\"end\":\"done\""), 1);
    cr_assert_eq(count_lines("\"ph\":\"b\""), 0);
    session_end(tracks, 1);
}

/* Ends of children in the order of time, each with how long it took. */
Test(tracejson, children_lie_in_their_stretch_and_in_each_other, .timeout = TEST_TIMEOUT)
{
    session_begin(false);
    struct filch__track *tracks[] = {track_of(7, 0)};
    put_start(tracks[0], 100, FIRST_KEY, "parent");
    put(tracks[0], 120, FILCH__EVENT_CHILD, 0, 1000, 0x10); /* 110..120 */
    put(tracks[0], 140, FILCH__EVENT_CHILD, 0, 1000, 0x10); /* 130..140 */
    put(tracks[0], 150, FILCH__EVENT_CHILD, 0, 4500, 0x20); /* 105..150: around both */
    put(tracks[0], 160, FILCH__EVENT_CHILD, 0, 3500, 0x30); /* 125..160: across the last one */
    put(tracks[0], 170, FILCH__EVENT_CHILD, 0, 9000, 0x40); /* out of the stretch */
    put(tracks[0], 180, FILCH__EVENT_CHILD, 0, 500, 0x50);
    put_end(tracks[0], 200, FIRST_KEY, 0);
    put(tracks[0], 210, FILCH__EVENT_CHILD, 0, 500, 0x60); /* in no task */
    session_write(0);
    check_nesting();
    cr_assert_eq(count_lines("\"cat\":\"child\",\"name\":\"0x10\""), 2);
    cr_assert_eq(count_lines("\"cat\":\"child\",\"name\":\"0x20\""), 1);
    cr_assert_eq(count_lines("\"cat\":\"child\",\"name\":\"0x50\""), 1);
    cr_assert_eq(count_lines("\"cat\":\"child\""), 4);
    session_end(tracks, 1);
}

/* The ring of the first track was full: the task went on elsewhere, unseen. */
Test(tracejson, a_task_that_left_its_track_unseen_does_not_stay_there, .timeout = TEST_TIMEOUT)
{
    session_begin(false);
    struct filch__track *tracks[] = {track_of(7, 0), track_of(7, 1)};
    put_start(tracks[0], 10, FIRST_KEY, "left");
    put(tracks[0], 15, FILCH__EVENT_SUBMIT, 0, FIRST_KEY + 64, 0);
    put(tracks[1], 40, FILCH__EVENT_RESUME, 0, FIRST_KEY, (uintptr_t) "left");
    put_end(tracks[1], 50, FIRST_KEY, 0);
    put_start(tracks[1], 60, FIRST_KEY, "another");
    put_end(tracks[1], 70, FIRST_KEY, 0);
    put_start(tracks[0], 80, FIRST_KEY + 128, "next");
    put_start(tracks[0], 90, FIRST_KEY + 128, "over it");
    session_write(0);
    check_nesting();
    cr_assert_eq(count_lines("\"name\":\"left\"|\"n\":0,\"end\":\"gone\""), 1);
    cr_assert_eq(count_lines("\"name\":\"left\"|\"n\":1,\"end\":\"done\""), 1);
    cr_assert_eq(count_lines("\"name\":\"another\"|\"end\":\"done\""), 1);
    cr_assert_eq(count_lines("\"name\":\"next\"|\"end\":\"gone\""), 1);
    cr_assert_eq(count_lines("\"name\":\"over it\"|\"end\":\"gone\""), 1);
    session_end(tracks, 2);
}

static void put_note(struct filch__track *track, uint64_t n, const char *note)
{
    size_t length = strlen(note), done = 0;
    do {
        uint64_t words[2] = {0};
        size_t part = length - done < sizeof words ? length - done : sizeof words;
        memcpy(words, note + done, part);
        put(track, n, FILCH__EVENT_NOTE, (unsigned)part, words[0], words[1]);
        done += part;
    } while (done < length);
}

Test(tracejson, notes_are_put_together_and_the_last_one_stays, .timeout = TEST_TIMEOUT)
{
    char longest[FILCH__NOTE_MOST + 1];
    memset(longest, 'n', FILCH__NOTE_MOST);
    longest[FILCH__NOTE_MOST] = '\0';
    session_begin(false);
    struct filch__track *tracks[] = {track_of(7, 0)};
    put_start(tracks[0], 10, FIRST_KEY, "a \"name\" with \xff");
    put_note(tracks[0], 11, "exactly 16 bytes");
    put(tracks[0], 12, FILCH__EVENT_PAUSE, FILCH__PAUSE_YIELD, FIRST_KEY, 0);
    put(tracks[0], 13, FILCH__EVENT_RESUME, 0, FIRST_KEY, 0);
    put_note(tracks[0], 14, "a path/that is \"longer\" than that");
    put_end(tracks[0], 20, FIRST_KEY, 0);
    put_start(tracks[0], 30, FIRST_KEY, "other");
    put_note(tracks[0], 31, longest);
    put_end(tracks[0], 40, FIRST_KEY, 0);
    put_note(tracks[0], 41, "nobody's");
    session_write(0);
    cr_assert_eq(count_lines("\"name\":\"a \\\"name\\\" with \\ufffd\"|\"yield\",\"note\":\"exactly 16 bytes\"}"), 1);
    cr_assert_eq(count_lines("\"n\":1|\"note\":\"a path/that is \\\"longer\\\" than that\"}"), 1);
    char all[FILCH__NOTE_MOST + 16];
    snprintf(all, sizeof all, "\"note\":\"%s\"}", longest);
    cr_assert_eq(count_lines("%s", all), 1);
    cr_assert_eq(count_lines("nobody's"), 0);
    session_end(tracks, 1);
}

/* A name that is known after the start, and at once, is the task's in the graph as well. */
Test(tracejson, a_label_renames, .timeout = TEST_TIMEOUT)
{
    session_begin(false);
    struct filch__track *tracks[] = {track_of(7, 0)};
    put_start(tracks[0], 10, FIRST_KEY, "before");
    put(tracks[0], 10, FILCH__EVENT_LABEL, 0, FIRST_KEY, (uintptr_t) "after");
    put_end(tracks[0], 20, FIRST_KEY, 0);
    session_write(0);
    cr_assert_eq(count_lines("\"cat\":\"task\",\"name\":\"after\""), 1);
    cr_assert_eq(count_lines("before"), 0);
    cr_assert_eq(count_lines("[1,|,1,%u,7,1]", tracks[0]->number), 1, "the names are that of the track, and this one");
    session_end(tracks, 1);
}

Test(tracejson, promises_and_meetings_are_instances, .timeout = TEST_TIMEOUT)
{
    enum { PROMISE = FIRST_KEY + 640, SCOPE = FIRST_KEY + 1280 };
    session_begin(false);
    struct filch__track *tracks[] = {track_of(7, 0)};
    put_start(tracks[0], 10, FIRST_KEY, "member");            /* 1 */
    put(tracks[0], 11, FILCH__EVENT_COMPLETE, 0, PROMISE, 0); /* 2 */
    put_end(tracks[0], 20, FIRST_KEY, 0);
    put(tracks[0], 20, FILCH__EVENT_AFTER, 0, SCOPE, FIRST_KEY); /* 3 */
    put_start(tracks[0], 30, FIRST_KEY + 64, "closer");          /* 4 */
    put(tracks[0], 31, FILCH__EVENT_AWAITED, 0, PROMISE, 0);
    put(tracks[0], 32, FILCH__EVENT_AWAITED, 0, SCOPE, 0);
    put(tracks[0], 33, FILCH__EVENT_AWAITED, 0, 0x999999, 0); /* of before the session */
    put_end(tracks[0], 40, FIRST_KEY + 64, 0);
    put(tracks[0], 50, FILCH__EVENT_AFTER, 0, SCOPE, FIRST_KEY + 64); /* 5: the scope was opened again */
    session_write(0);
    cr_assert_eq(count_lines("[6,|,1,0.000,2]"), 1);
    cr_assert_eq(count_lines("[4,|,3,1]"), 1);
    cr_assert_eq(count_lines("[3,|,4,0.000,2]"), 1);
    cr_assert_eq(count_lines("[1,|,3,%u,7,-1]", tracks[0]->number), 1);
    cr_assert_eq(count_lines("[2,|,3,0.000,0.000,0]"), 1);
    cr_assert_eq(count_lines("[3,|,4,0.000,3]"), 1);
    cr_assert_eq(count_lines("[3,"), 2);
    cr_assert_eq(count_lines("[4,|,5,4]"), 1);
    session_end(tracks, 1);
}

Test(tracejson, a_stolen_child_is_joined_by_its_parent, .timeout = TEST_TIMEOUT)
{
    enum { SLOT = FIRST_KEY + 640 };
    session_begin(false);
    struct filch__track *tracks[] = {track_of(7, 0), track_of(7, 1)};
    put_start(tracks[0], 10, FIRST_KEY, "parent");
    put(tracks[1], 20, FILCH__EVENT_STEAL, 0, 0, FIRST_KEY);
    put(tracks[1], 21, FILCH__EVENT_STOLEN, FILCH__EVENT_CODE, SLOT, 0x77);
    put(tracks[0], 22, FILCH__EVENT_PAUSE, FILCH__PAUSE_JOIN, FIRST_KEY, 0);
    put_end(tracks[1], 30, SLOT, 0);
    put(tracks[0], 31, FILCH__EVENT_SPAWNED, 0, SLOT, 0);
    put(tracks[0], 31, FILCH__EVENT_JOIN, 0, SLOT, 0);
    put(tracks[0], 31, FILCH__EVENT_RESUME, 0, FIRST_KEY, (uintptr_t) "parent");
    put_end(tracks[0], 40, FIRST_KEY, 0);
    session_write(0);
    check_nesting();
    cr_assert_eq(
        count_lines("\"name\":\"0x77\"|\"id\":2,\"n\":0,\"end\":\"done\",\"status\":0,\"stolen\":true,\"parent\":1}"),
        1);
    cr_assert_eq(count_lines("\"cat\":\"flow\",\"name\":\"steal\""), 2);
    cr_assert_eq(count_lines("[5,|,1,0.000,2,0.000]"), 1);
    session_end(tracks, 2);
}

Test(tracejson, a_child_that_was_not_stolen_is_told_of_where_somebody_waited, .timeout = TEST_TIMEOUT)
{
    session_begin(false);
    struct filch__track *track = track_of(7, 0);
    put_start(track, 10, FIRST_KEY, "parent");
    put(track, 30, FILCH__EVENT_FORKED, 0, 0, 0);
    put(track, 30, FILCH__EVENT_MERGED, 0, 0, 0);
    put_end(track, 40, FIRST_KEY, 0);
    put(track, 50, FILCH__EVENT_FORKED, 0, 0, 0); /* of a task whose beginning is lost */
    put(track, 50, FILCH__EVENT_MERGED, 0, 0, 0);
    session_write(0);
    cr_assert_eq(count_lines("[7,|,1,0.000,0.000,0.000,0.000]"), 1);
    cr_assert_eq(count_lines("[7,"), 1);
    session_end(&track, 1);
}

static double depth_of(const char *row)
{
    double ts, depth = -1;
    int by;
    const char *at = strstr(text, row);
    must(at && sscanf(at + 3, "%lf,%d,%lf", &ts, &by, &depth) == 3);
    return depth;
}

/* The waits of a thread outside do not count. */
Test(tracejson, a_thread_outside_has_a_time_of_its_own, .timeout = TEST_TIMEOUT)
{
    session_begin(false);
    struct filch__track *tracks[] = {track_of(0, UINT32_MAX)};
    put(tracks[0], 1000, FILCH__EVENT_SUBMIT, 0, FIRST_KEY, 0);
    put(tracks[0], 2000, FILCH__EVENT_OUTSIDE, 0, 0, 0);
    put(tracks[0], 8000, FILCH__EVENT_OUTSIDE, 0, 1, 0);
    put(tracks[0], 9000, FILCH__EVENT_COMPLETE, 0, FIRST_KEY + 64, 0);
    session_write(0);
    cr_assert_eq(count_lines("[1,|,1,%u,null,0]", tracks[0]->number), 1);
    cr_assert_eq(count_lines("\"cat\":\"outside\",\"name\":\"own time\""), 2);
    cr_assert_eq(count_lines("\"cat\":\"outside\",\"name\":\"wait\""), 1);
    const struct filch__trace_times times = filch__trace_times();
    double us = 100e-3 * (double)(times.end_ns - times.begin_ns) / (double)(times.end_ticks - times.begin_ticks);
    double depth = depth_of("[6,");
    cr_assert(depth_of("[0,") < 1 * us);
    cr_assert(depth > 1900 * us && depth < 2100 * us, "%f is not 2000 moments", depth / us);
    session_end(tracks, 1);
}

/* Ring of 2^15 events that runs round: the last ones are there, and the others are counted. */
Test(tracejson, a_flight_recorder_keeps_the_last_and_counts_the_rest, .timeout = TEST_TIMEOUT)
{
    enum { TASKS = 20000 };
    session_begin(true);
    struct filch__track *tracks[] = {track_of(7, 0)};
    for (uint64_t i = 0; i < TASKS; i++) {
        put(tracks[0], i / 4, FILCH__EVENT_START, 0, FIRST_KEY, (uintptr_t)(i == TASKS - 1 ? "last" : "task"));
        put_end(tracks[0], i / 4, FIRST_KEY, 0);
    }
    session_write(UINT64_MAX);
    unsigned long long dropped = 0;
    must(sscanf(strstr(text, "\"dropped\":"), "\"dropped\":%llu", &dropped) == 1);
    cr_assert_eq(dropped, 3 * TASKS - ((1 << 15) - 1));
    cr_assert_eq(count_lines("\"cat\":\"task\",\"name\":\"last\""), 1);
    cr_assert_eq(count_lines("\"cat\":\"task\""), ((1 << 15) - 1) / 3 + 1, "the first of them has lost its start");
    session_write(1); /* nanosecond */
    must(sscanf(strstr(text, "\"dropped\":"), "\"dropped\":%llu", &dropped) == 1);
    cr_assert_eq(dropped, 3 * TASKS);
    cr_assert_eq(count_lines("\"cat\":\"task\""), 0);
    session_end(tracks, 1);
}

Test(tracejson, a_running_session_is_written_as_it_is, .timeout = TEST_TIMEOUT)
{
    session_begin(false);
    struct filch__track *tracks[] = {track_of(7, 0)};
    put_start(tracks[0], 10, FIRST_KEY, "seen");
    filch__trace_put(tracks[0], filch__os_ticks() + ((uint64_t)1 << 50), FILCH__EVENT_START, 0, 0, FIRST_KEY + 64,
                     (uintptr_t) "of the future");
    session_write(0);
    cr_assert_eq(count_lines("\"name\":\"seen\"|\"end\":\"gone\""), 1);
    cr_assert_eq(count_lines("of the future"), 0);
    session_end(tracks, 1);
}
