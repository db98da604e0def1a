/* SPDX-License-Identifier: MIT */
/* progress.c - counting from everywhere, the figures, and what appears on a terminal: a pseudo-terminal whose other end is
 * read as a terminal would show it.
 */
#include "support/tasks.h"
#include "support/test.h"

#include <fcntl.h>
#include <sys/ioctl.h>

static struct filch_progress *progress_open(const struct filch_progress_config *config)
{
    struct filch_progress *progress = NULL;
    must(filch_progress_open(&progress, config) == 0 && progress != NULL);
    return progress;
}

static struct filch_progress_state state_of(struct filch_progress *progress)
{
    struct filch_progress_state state;
    must(filch_progress_get(progress, &state) == 0);
    return state;
}

/* ---- figures ---- */

static int add_range(void *ctx, size_t begin, size_t end, unsigned slot)
{
    (void)slot;
    for (size_t i = begin; i < end; i++)
        filch_progress_add(ctx, i);
    return 0;
}

Test(progress, counts_what_all_tasks_add, .timeout = TEST_TIMEOUT)
{
    enum { range = TEST_SHARE(200000) };
    const uint64_t sum = (uint64_t)range * (range - 1) / 2;
    struct filch_pool *pool = pool_of(4);
    struct filch_progress *progress = progress_open(&(struct filch_progress_config){.total = sum});
    cr_assert_eq(filch_for(pool, 0, range, &(struct filch_for_options){.grain = 64}, add_range, progress), 0);
    struct filch_progress_state state = state_of(progress);
    cr_assert(state.done == sum && state.total == sum && state.eta_ns == 0 && state.elapsed_ns > 0);
    filch_progress_close(progress);
    pool_end(pool);
}

Test(progress, rate_and_time_left_follow_from_what_is_known, .timeout = TEST_TIMEOUT)
{
    struct filch_progress *progress = progress_open(NULL);
    struct filch_progress_state state = state_of(progress);
    cr_assert(state.done == 0 && state.total == 0 && state.rate_per_s == 0 && state.eta_ns == UINT64_MAX);
    filch_progress_add(progress, 1000);
    wait_until((state = state_of(progress)).rate_per_s > 0);
    cr_assert(state.done == 1000 && state.eta_ns == UINT64_MAX, "there is no end to be seen");
    filch_progress_add_total(progress, 1500);
    filch_progress_add_total(progress, 500);
    state = state_of(progress);
    cr_assert(state.total == 2000 && state.eta_ns != UINT64_MAX);
    double left_ns = 1000 / state.rate_per_s * 1e9;
    cr_assert((double)state.eta_ns >= left_ns - 1 && (double)state.eta_ns <= left_ns + 1);
    double before = state.rate_per_s;
    wait_until(state_of(progress).rate_per_s < before); /* nothing more comes, and the rate falls */
    filch_progress_set_total(progress, 900);
    cr_assert_eq(state_of(progress).eta_ns, 0, "more than all is done");
    filch_progress_close(progress);
}

/* ---- a terminal ---- */

enum { screen_columns = 400 };

/* What the terminal shows: the line that the cursor is in, and the one above. */
struct terminal {
    int master, slave;
    pthread_t reader;
    pthread_mutex_t lock;
    unsigned columns;
    char line[screen_columns + 1], above[screen_columns + 1];
    size_t column;
    size_t lines;   /* ended */
    size_t returns; /* to the first column */
    size_t bytes;
    bool wrapped;
    size_t escape; /* bytes of an escape sequence that have come */
};

static void terminal_take(struct terminal *terminal, char byte)
{
    static const char erase[] = "\033[K"; /* the only one there is */
    terminal->bytes++;
    if (byte == erase[terminal->escape]) {
        if (++terminal->escape == 3) {
            terminal->escape = 0;
            memset(terminal->line + terminal->column, 0, sizeof terminal->line - terminal->column);
        }
        return;
    }
    must(terminal->escape == 0);
    if (byte == '\r') {
        terminal->column = 0;
        terminal->returns++;
    } else if (byte == '\n') {
        memcpy(terminal->above, terminal->line, sizeof terminal->line);
        memset(terminal->line, 0, sizeof terminal->line);
        terminal->lines++;
    } else {
        must((unsigned char)byte >= ' ' && terminal->column < screen_columns);
        terminal->line[terminal->column++] = byte;
        terminal->wrapped |= terminal->column >= terminal->columns;
    }
}

static void *terminal_read(void *data)
{
    struct terminal *terminal = data;
    char bytes[256];
    ssize_t got;
    while ((got = read(terminal->master, bytes, sizeof bytes)) > 0 || (got < 0 && errno == EINTR)) {
        pthread_mutex_lock(&terminal->lock);
        for (ssize_t i = 0; i < got; i++)
            terminal_take(terminal, bytes[i]);
        pthread_mutex_unlock(&terminal->lock);
    }
    return NULL;
}

static void terminal_resize(struct terminal *terminal, unsigned columns)
{
    const struct winsize size = {.ws_row = 24, .ws_col = (unsigned short)columns};
    pthread_mutex_lock(&terminal->lock);
    must(ioctl(terminal->slave, TIOCSWINSZ, &size) == 0);
    if (columns > terminal->columns) /* what comes may still be meant for the wider one */
        terminal->columns = columns;
    pthread_mutex_unlock(&terminal->lock);
}

static void terminal_open(struct terminal *terminal, unsigned columns)
{
    memset(terminal, 0, sizeof *terminal);
    setenv("TERM", "xterm", 1);
    terminal->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    must(terminal->master >= 0 && grantpt(terminal->master) == 0 && unlockpt(terminal->master) == 0);
    terminal->slave = open(ptsname(terminal->master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    must(terminal->slave >= 0);
    pthread_mutex_init(&terminal->lock, NULL);
    terminal_resize(terminal, columns);
    terminal->reader = thread_start(terminal_read, terminal);
}

/* Afterwards all that was written is there. */
static void terminal_end(struct terminal *terminal)
{
    close(terminal->slave);
    thread_join(terminal->reader);
    close(terminal->master);
    must(!terminal->wrapped);
}

static bool terminal_says(struct terminal *terminal, const char *text)
{
    pthread_mutex_lock(&terminal->lock);
    bool says = strstr(terminal->line, text) != NULL;
    pthread_mutex_unlock(&terminal->lock);
    return says;
}

static size_t terminal_bytes(struct terminal *terminal)
{
    pthread_mutex_lock(&terminal->lock);
    size_t bytes = terminal->bytes;
    pthread_mutex_unlock(&terminal->lock);
    return bytes;
}

Test(progress, a_bar_follows_and_ends_with_100_percent, .timeout = TEST_TIMEOUT)
{
    struct terminal terminal;
    terminal_open(&terminal, 80);
    struct filch_progress *progress = progress_open(
        &(struct filch_progress_config){.total = 2000, .label = "work", .unit = "steps", .fd = terminal.slave});
    wait_until(terminal_says(&terminal, "  0%  work: 0 of 2,000 steps"));
    filch_progress_add(progress, 1000);
    wait_until(terminal_says(&terminal, "]  50%  work: 1,000 of 2,000 steps"));
    filch_progress_set_total(progress, 4000);
    wait_until(terminal_says(&terminal, "]  25%  work: 1,000 of 4,000 steps"));
    filch_progress_add(progress, 3000);
    filch_progress_close(progress);
    terminal_end(&terminal);
    cr_assert_eq(terminal.lines, 1);
    cr_assert_str_eq(terminal.line, "", "a new line has begun");
    cr_assert(terminal.above[0] == '[' && strstr(terminal.above, "=] 100%  work: 4,000 of 4,000 steps  "), "%s",
              terminal.above);
    cr_assert_not_null(strstr(terminal.above, "  in 0:"));
}

Test(progress, a_bar_fits_every_terminal_and_follows_its_width, .timeout = TEST_TIMEOUT)
{
    static const unsigned widths[] = {1, 2, 12, 40, 41, 79, 80, 200};
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        struct terminal terminal;
        terminal_open(&terminal, widths[i]);
        struct filch_progress *progress = progress_open(&(struct filch_progress_config){
            .total = 100, .unit = "things", .fd = terminal.slave, .flags = FILCH_PROGRESS_BYTES});
        for (int step = 0; step < 3; step++) {
            filch_progress_add(progress, 33);
            if (widths[i] >= 12)
                wait_until(terminal_says(&terminal, step == 0 ? "33 B of" : step == 1 ? "66 B of" : "99 B of"));
        }
        if (widths[i] < 200) {
            terminal_resize(&terminal, 200);
            filch_progress_add(progress, 1);
            wait_until(terminal_says(&terminal, "[============================================================] 100%"));
        }
        filch_progress_close(progress);
        terminal_end(&terminal);
    }
}

static long voluntary_switches(long thread)
{
    char path[64], line[128];
    long count = -1;
    snprintf(path, sizeof path, "/proc/self/task/%ld/status", thread);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "voluntary_ctxt_switches: %ld", &count) == 1)
            break;
    if (file)
        fclose(file);
    return count;
}

/* The thread of that name; 0: there is none. */
static long find_thread(const char *name)
{
    DIR *tasks = opendir("/proc/self/task");
    long found = 0;
    must(tasks != NULL);
    for (struct dirent *entry; (entry = readdir(tasks));) {
        char path[300], comm[32] = "";
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
        FILE *file = fopen(path, "r");
        if (file && fgets(comm, sizeof comm, file) && strncmp(comm, name, strlen(name)) == 0)
            found = atol(entry->d_name);
        if (file)
            fclose(file);
    }
    closedir(tasks);
    return found;
}

/* A thread that looks at intervals never comes to rest, and the watchdog ends the test. */
Test(progress, the_bars_thread_sleeps_while_nothing_changes, .timeout = TEST_TIMEOUT)
{
    struct terminal terminal;
    terminal_open(&terminal, 80);
    struct filch_progress *progress = progress_open(&(struct filch_progress_config){.total = 10, .fd = terminal.slave});
    for (unsigned i = 1; i <= 3; i++) { /* and wakes up for each step */
        char want[16];
        filch_progress_add(progress, 1);
        snprintf(want, sizeof want, " %u of 10", i);
        wait_until(terminal_says(&terminal, want));
        long thread, before;
        wait_until((thread = find_thread("filch-progress")) != 0);
        do {
            before = voluntary_switches(thread);
            usleep(400000);
        } while (voluntary_switches(thread) != before);
        cr_assert_geq(before, 0);
    }
    filch_progress_close(progress);
    wait_until(find_thread("filch-progress") == 0); /* it was joined, and /proc forgets it a little later */
    terminal_end(&terminal);
}

Test(progress, hidden_it_leaves_the_terminal_alone, .timeout = TEST_TIMEOUT)
{
    struct terminal terminal;
    terminal_open(&terminal, 80);
    struct filch_progress *progress = progress_open(
        &(struct filch_progress_config){.total = 10, .fd = terminal.slave, .flags = FILCH_PROGRESS_CLEAR});
    wait_until(terminal_says(&terminal, "0 of 10"));
    filch_progress_hide(progress);
    filch_progress_hide(progress);
    wait_until(!terminal_says(&terminal, "0 of 10"));
    filch_progress_add(progress, 5);
    must(write(terminal.slave, "a line\n", 7) == 7);
    filch_progress_show(progress);
    wait_until(terminal_bytes(&terminal) > 0);
    cr_assert_not(terminal_says(&terminal, "5 of 10"), "it is hidden twice");
    filch_progress_show(progress);
    wait_until(terminal_says(&terminal, "5 of 10"));
    filch_progress_show(progress); /* one too many changes nothing */
    filch_progress_close(progress);
    terminal_end(&terminal);
    cr_assert_str_eq(terminal.line, "", "it has been taken away");
    cr_assert_str_eq(terminal.above, "a line");
    cr_assert_eq(terminal.lines, 1);
}

static void write_text(void *ctx, const struct filch_progress_state *state, unsigned columns, char *ret_text,
                       size_t size)
{
    snprintf(ret_text, size, "%s %d in %u", (const char *)ctx, (int)state->done, columns);
}

Test(progress, the_text_can_be_the_users, .timeout = TEST_TIMEOUT)
{
    static char own[] = "own text";
    struct terminal terminal;
    terminal_open(&terminal, 80);
    struct filch_progress *progress = progress_open(&(struct filch_progress_config){
        .total = 4, .label = "unused", .fd = terminal.slave, .text = write_text, .ctx = own});
    filch_progress_add(progress, 3);
    wait_until(terminal_says(&terminal, "]  75%  own text 3 in 80"));
    filch_progress_close(progress);
    terminal_end(&terminal);
    cr_assert_not_null(strstr(terminal.above, "75%  own text 3 in 80"), "it ended early, and says so");
}

/* ---- where there is no terminal ---- */

/* What is written to a pipe by a job of two steps. */
static void run_on_pipe(struct filch_progress_config config, bool threaded, char *ret_text, size_t size)
{
    int ends[2];
    must(pipe(ends) == 0);
    config.total = 2;
    config.fd = ends[1];
    config.interval_ns = 1;
    struct filch_progress *progress = progress_open(&config);
    cr_assert_eq(find_thread("filch-progress") != 0 || threaded, threaded);
    filch_progress_add(progress, 2);
    filch_progress_close(progress);
    close(ends[1]);
    size_t used = 0;
    ssize_t got;
    while (used < size - 1 && (got = read(ends[0], ret_text + used, size - 1 - used)) > 0)
        used += (size_t)got;
    ret_text[used] = '\0';
    close(ends[0]);
}

Test(progress, where_there_is_no_terminal_it_is_silent_unless_asked, .timeout = TEST_TIMEOUT)
{
    char text[4096];
    setenv("TERM", "xterm", 1);
    run_on_pipe((struct filch_progress_config){.label = "job"}, false, text, sizeof text);
    cr_assert_str_eq(text, "");
    run_on_pipe((struct filch_progress_config){.label = "job", .flags = FILCH_PROGRESS_LINES}, true, text, sizeof text);
    cr_assert_null(strchr(text, '\r'));
    cr_assert_null(strchr(text, '\033'));
    const char *last = strstr(text, "job: 2 of 2  ");
    cr_assert(last && text[strlen(text) - 1] == '\n', "%s", text);
    run_on_pipe((struct filch_progress_config){.flags = FILCH_PROGRESS_LINES | FILCH_PROGRESS_CLEAR}, true, text,
                sizeof text);
    cr_assert_null(strstr(text, "  in 0:"), "no last line");
    static char own[] = "own";
    run_on_pipe((struct filch_progress_config){.flags = FILCH_PROGRESS_LINES, .text = write_text, .ctx = own}, true,
                text, sizeof text);
    cr_assert_not_null(strstr(text, "own 2 in 0\n"));
    run_on_pipe((struct filch_progress_config){.flags = FILCH_PROGRESS_ALWAYS}, true, text, sizeof text);
    cr_assert_not_null(strstr(text, "] 100%  2 of 2  "));
    cr_assert_eq(text[0], '\r');
}

Test(progress, a_dumb_terminal_has_no_bar, .timeout = TEST_TIMEOUT)
{
    struct terminal terminal;
    terminal_open(&terminal, 80);
    setenv("TERM", "dumb", 1);
    struct filch_progress *progress = progress_open(&(struct filch_progress_config){.fd = terminal.slave});
    wait_until(find_thread("filch-progress") == 0); /* it was joined, and /proc forgets it a little later */
    filch_progress_close(progress);
    terminal_end(&terminal);
    cr_assert_eq(terminal.bytes, 0);
    setenv("TERM", "xterm", 1);
}

/* ---- fork, errors ---- */

Test(progress, a_forked_child_may_count_and_close_it, .timeout = TEST_TIMEOUT)
{
    struct terminal terminal;
    terminal_open(&terminal, 80);
    struct filch_progress *progress = progress_open(&(struct filch_progress_config){.fd = terminal.slave});
    wait_until(terminal_says(&terminal, "0  0/s"));
    pid_t child = fork();
    if (child == 0) {
        struct filch_progress_state state;
        alarm(60);
        filch_progress_add(progress, 1);
        filch_progress_hide(progress);
        filch_progress_show(progress);
        filch_progress_set_total(progress, 2);
        must(filch_progress_get(progress, &state) == -ESTALE);
        filch_progress_close(progress);
        _exit(0);
    }
    int status = -1;
    cr_assert(waitpid(child, &status, 0) == child && status == 0);
    cr_assert_eq(state_of(progress).done, 0);
    filch_progress_close(progress);
    terminal_end(&terminal);
}

Test(progress, misuse_is_refused, .timeout = TEST_TIMEOUT)
{
    struct filch_progress *progress = NULL;
    struct filch_progress_state state;
    const struct filch_progress_config wrong[] = {{.fd = -1}, {.flags = 16}, {.reserved = {0, 0, 0, 1}}};
    cr_assert_eq(filch_progress_open(NULL, NULL), -EINVAL);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        cr_assert_eq(filch_progress_open(&progress, &wrong[i]), -EINVAL);
    cr_assert_null(progress, "untouched");
    progress = progress_open(NULL);
    cr_assert_eq(filch_progress_get(progress, NULL), -EINVAL);
    cr_assert_eq(filch_progress_get(NULL, &state), -EINVAL);
    filch_progress_close(progress);
    filch_progress_add(NULL, 1);
    filch_progress_add_total(NULL, 1);
    filch_progress_set_total(NULL, 1);
    filch_progress_hide(NULL);
    filch_progress_show(NULL);
    filch_progress_close(NULL);
}
