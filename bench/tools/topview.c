/* SPDX-License-Identifier: MIT */
#include "topview.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

/* ---- lines ---- */

/* Three digits that say something. */
static void write_short(FILE *out, double value)
{
    static const char units[] = " kMGTPE";
    size_t unit = 0;
    for (; value >= 9999.5 && units[unit + 1]; unit++)
        value /= 1000;
    if (unit)
        fprintf(out, "%.*f%c", value < 99.95, value, units[unit]);
    else
        fprintf(out, "%.*f", value < 9.95 && value != (double)(int)value, value);
}

static void write_time(FILE *out, unsigned long long ns)
{
    char text[32];
    unsigned long long seconds = ns / 1000000000;
    if (!ns)
        snprintf(text, sizeof text, "-");
    else if (ns < 1000000)
        snprintf(text, sizeof text, "%.1f us", (double)ns / 1e3);
    else if (ns < 1000000000)
        snprintf(text, sizeof text, "%.1f ms", (double)ns / 1e6);
    else if (seconds < 60)
        snprintf(text, sizeof text, "%.1f s", (double)ns / 1e9);
    else if (seconds < 3600)
        snprintf(text, sizeof text, "%llu m %llu s", seconds / 60, seconds % 60);
    else
        snprintf(text, sizeof text, "%llu h %llu m", seconds / 3600, seconds / 60 % 60);
    fprintf(out, "%11s", text);
}

static void write_rates(FILE *out, const struct top_pool *pool, const struct top_pool *before, double seconds)
{
    static const char *const names[RATES] = {"submitted", "run", "dropped", "stolen", "parks", "wakes", "suspensions"};
    fputs(before ? "  per second:" : "  in all:", out);
    for (size_t i = 0; i < RATES; i++) {
        unsigned long long now = pool->figure[i], then = before ? before->figure[i] : 0;
        fputc(' ', out);
        write_short(out, now > then ? (double)(now - then) / seconds : 0);
        fprintf(out, " %s%s", names[i], i + 1 < RATES ? "," : "\n");
    }
}

static void write_times(FILE *out, const struct top_pool *pool, const struct top_pool *before)
{
    static const char *const names[] = {"busy", "searching", "parked", "waiting for a permit", "blocked"};
    double spent[TIMES - RATES], all = 0;
    for (size_t i = 0; i < TIMES - RATES; i++) {
        unsigned long long now = pool->figure[RATES + i], then = before ? before->figure[RATES + i] : 0;
        spent[i] = now > then ? (double)(now - then) : 0;
        all += spent[i];
    }
    if (!all)
        return;
    fprintf(out, "  workers%s:", before ? "" : ", in all");
    for (size_t i = 0; i < TIMES - RATES; i++)
        fprintf(out, " %.0f %% %s%s", 100 * spent[i] / all, names[i], i + 1 < TIMES - RATES ? "," : "\n");
}

static void write_workers(FILE *out, const struct top_pool *pool)
{
    size_t idle = 0;
    bool titled = false;
    for (size_t i = 0; i < pool->workers; i++) {
        const struct top_worker *worker = &pool->worker[i];
        idle += !worker->busy;
        if (!worker->busy && !worker->queued)
            continue;
        if (!titled)
            fputs("\2  worker  queued     at least  task\n", out);
        titled = true;
        fprintf(out, "  %6u  %6llu  ", worker->id, worker->queued);
        if (worker->busy)
            write_time(out, worker->for_ns);
        else
            fprintf(out, "%11s", "");
        fprintf(out, "  %s%s\n", worker->blocked ? "(blocked) " : "", worker->busy ? worker->task : "(idle)");
    }
    fprintf(out, "\2  idle: %zu of %zu workers\n", idle, pool->workers);
}

static void write_pool(FILE *out, const struct top_pool *pool, const struct top_pool *before, double seconds)
{
    const unsigned long long *figure = pool->figure;
    fprintf(out, "\n\1%s (pool %llu, %s)\n", pool->name, pool->number, pool->phase);
    fprintf(out, "  permits %llu of %llu, threads %llu (%llu kept, %llu parked, %llu searching)\n", figure[PERMITS],
            figure[LIMIT], figure[THREADS], figure[KEPT], figure[PARKED], figure[SEARCHING]);
    fprintf(out, "  queued %llu, held %llu, suspended %llu\n", figure[QUEUED], figure[HELD], figure[SUSPENDED]);
    write_rates(out, pool, NULL, 1);
    if (before)
        write_rates(out, pool, before, seconds);
    write_times(out, pool, before);
    if (figure[STUCK]) {
        fprintf(out, "\3  stuck: %llu; the last: %s, noticed after ", figure[STUCK], pool->last_stuck);
        write_time(out, pool->last_stuck_ns);
        fputc('\n', out);
    }
    write_workers(out, pool);
}

void top_write(FILE *out, const struct top_facts *facts, const struct top_facts *before)
{
    double seconds = before ? (double)(facts->now_ns - before->now_ns) / 1e9 : 0;
    for (size_t i = 0; i < facts->pools; i++) {
        const struct top_pool *pool = &facts->pool[i];
        write_pool(out, pool, seconds > 0 ? top_find(before, pool->number) : NULL, seconds);
    }
    if (!facts->pools)
        fputs("\nno pool is open\n", out);
}

void top_print(FILE *out, const char *lines)
{
    for (; *lines; lines++)
        if (!strchr(TOP_STYLES, *lines))
            fputc(*lines, out);
}

/* ---- the terminal ---- */

static struct termios cooked;
static bool has_keys;
static volatile sig_atomic_t ended;
static sigset_t before_us;

static void note_end(int signal_number)
{
    (void)signal_number;
    ended = 1;
}

static void note_resize(int signal_number)
{
    (void)signal_number; /* ends the pause, and what follows is drawn for the new size */
}

static void say(const char *text)
{
    fputs(text, stdout);
    fflush(stdout);
}

/* Signals come only in the pause, so that none is missed before it. */
static void catch_signals(void)
{
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    sigset_t ours;
    sigemptyset(&ours);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        sigaction(ends[i], &(struct sigaction){.sa_handler = note_end}, NULL);
        sigaddset(&ours, ends[i]);
    }
    sigaction(SIGWINCH, &(struct sigaction){.sa_handler = note_resize}, NULL);
    sigaddset(&ours, SIGWINCH);
    sigprocmask(SIG_BLOCK, &ours, &before_us);
}

bool top_enter(void)
{
    if (!isatty(STDOUT_FILENO))
        return false;
    catch_signals();
    has_keys = isatty(STDIN_FILENO) && !tcgetattr(STDIN_FILENO, &cooked);
    if (has_keys) {
        struct termios raw = cooked;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        raw.c_cc[VSUSP] = _POSIX_VDISABLE; /* stopped, it would leave the terminal as it is */
        tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    say("\033[?1049h\033[?25l"); /* the other screen, no cursor */
    return true;
}

void top_leave(void)
{
    say("\033[?25h\033[?1049l");
    if (has_keys)
        tcsetattr(STDIN_FILENO, TCSANOW, &cooked);
    sigprocmask(SIG_SETMASK, &before_us, NULL);
}

/* One line, cut to the columns there are. */
static const char *show_line(const char *line, unsigned columns)
{
    static const char *const styles[] = {"\033[1m", "\033[2m", "\033[31m"};
    const char *style = *line ? strchr(TOP_STYLES, *line) : NULL;
    if (style) {
        fputs(styles[style - TOP_STYLES], stdout);
        line++;
    }
    for (unsigned used = 0; *line && *line != '\n'; line++) {
        used += ((unsigned char)*line & 0xc0) != 0x80; /* characters, not bytes */
        if (used <= columns)
            fputc(*line, stdout);
    }
    fputs(style ? "\033[0m\033[K" : "\033[K", stdout);
    return *line ? line + 1 : line;
}

void top_show(const char *lines)
{
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_row || !size.ws_col)
        size = (struct winsize){.ws_row = 24, .ws_col = 80};
    fputs("\033[H", stdout);
    for (unsigned row = 1; *lines && row <= size.ws_row; row++) {
        if (row == size.ws_row && strchr(lines, '\n') && strchr(lines, '\n')[1])
            lines = "\2...";
        lines = show_line(lines, size.ws_col);
        if (*lines && row < size.ws_row)
            fputc('\n', stdout);
    }
    say("\033[J");
}

bool top_pause(double seconds)
{
    struct timespec left = {.tv_sec = (time_t)seconds, .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
    struct pollfd keys = {.fd = has_keys ? STDIN_FILENO : -1, .events = POLLIN};
    sigset_t none;
    char key[16];
    sigemptyset(&none);
    int ready = ppoll(&keys, 1, &left, &none);
    if (ready > 0) {
        ssize_t got = read(STDIN_FILENO, key, sizeof key);
        if (got <= 0)
            return false; /* the terminal is gone */
        ended = ended || memchr(key, 'q', (size_t)got) || memchr(key, 'Q', (size_t)got);
    }
    return !ended;
}
