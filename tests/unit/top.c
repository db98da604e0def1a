/* SPDX-License-Identifier: MIT */
/* top.c - filch-top beside a running process: what it prints, on a terminal and without one, and how it fails. */
#include "support/observed.h"
#include "support/tasks.h"
#include "support/test.h"

#include <sys/ioctl.h>
#include <termios.h>

static int run_shell(void *command)
{
    execl("/bin/sh", "sh", "-c", (char *)command, (char *)NULL);
    return 127;
}

/* Run filch-top with this line of arguments. */
static void run_top(struct child *child, const char *format, ...)
{
    char command[512], arguments[256];
    va_list values;
    va_start(values, format);
    vsnprintf(arguments, sizeof arguments, format, values);
    va_end(values);
    snprintf(command, sizeof command, "%s %s %s", child_emulator() ? child_emulator() : "", FILCH_TOP, arguments);
    child_fork(child, run_shell, command);
}

static void start_busy(struct observed *observed)
{
    observed_start(observed, "1", 0700);
    observed_do(observed, "open other 4");
    observed_do(observed, "open batch 2");
    observed_do(observed, "hold first");
    observed_do(observed, "hold -");
    observed_do(observed, "queue - 3");
}

static void end_well(struct observed *observed)
{
    observed_do(observed, "release -");
    cr_assert_eq(observed_end(observed, NULL), 0);
    observed_forget(observed);
}

#define cr_assert_says(text_, what_) cr_assert(strstr(text_, what_), "\"%s\" is not in:\n%s", what_, text_)

Test(top, shows_pools_and_their_workers_once, .timeout = TEST_TIMEOUT)
{
    struct observed observed;
    struct child child;
    char title[64];
    start_busy(&observed);
    run_top(&child, "--once -d 0.001 %ld", (long)observed.pid);
    cr_assert(child_exited(&child, 0));
    snprintf(title, sizeof title, "filch-top: process %ld (%s", (long)observed.pid,
             child_emulator() ? "" : "observed), "); /* an emulator has a name of its own */
    cr_assert_eq(strncmp(child.output, title, strlen(title)), 0, "%s", child.output);
    cr_assert_says(child.output, "\nother (pool 1, open)\n  permits ");
    cr_assert_says(child.output, "\nbatch (pool 2, open)\n  permits 2 of 2, threads 2 (1 kept, 0 parked, 0 searching)\n"
                                 "  queued 3, held 0, suspended 0\n"
                                 "  in all: 5 submitted, 0 run, 0 dropped, ");
    cr_assert_says(child.output, "  per second: 0 submitted, 0 run, ");
    cr_assert_says(child.output, "  first\n");
    cr_assert_says(child.output, "  idle: 0 of 2 workers\n");
    cr_assert_says(child.output, "  idle: 1 of 1 workers\n");
    cr_assert_null(strchr(child.output, '\033'));
    cr_assert_null(strstr(child.output, "stuck"));
    end_well(&observed);
}

Test(top, shows_stuck_tasks, .timeout = TEST_TIMEOUT)
{
    struct observed observed;
    struct child child;
    observed_start(&observed, "1", 0700);
    observed_do(&observed, "open batch 2");
    observed_do(&observed, "stick hanging");
    run_top(&child, "--once -d 0.001 %ld", (long)observed.pid);
    cr_assert(child_exited(&child, 0));
    cr_assert_says(child.output, "  stuck: 1; the last: hanging, noticed after ");
    end_well(&observed);
}

Test(top, repeats_as_often_as_it_is_told, .timeout = TEST_TIMEOUT)
{
    struct observed observed;
    struct child child;
    start_busy(&observed);
    run_top(&child, "-n 3 -d 0.001 %ld", (long)observed.pid);
    cr_assert(child_exited(&child, 0));
    cr_assert_eq(occurrences(child.output, "filch-top: process "), 3);
    cr_assert_eq(occurrences(child.output, "  first\n"), 3);
    end_well(&observed);
}

Test(top, says_what_is_wrong, .timeout = TEST_TIMEOUT)
{
    struct observed observed;
    struct child child;
    observed_start(&observed, NULL, 0700);
    observed_do(&observed, "open batch 1");
    run_top(&child, "--once %ld", (long)observed.pid);
    cr_assert(child_exited(&child, 1));
    cr_assert_says(child.output, "start it with FILCH_LIVE=1");
    end_well(&observed);
    run_top(&child, "--once %ld", (long)observed.pid);
    cr_assert(child_exited(&child, 1));
    cr_assert_says(child.output, "there is no process");
    run_top(&child, "--once");
    cr_assert(child_exited(&child, 2));
    cr_assert_says(child.output, "usage: filch-top");
    run_top(&child, "-d 0 %ld", (long)getpid());
    cr_assert(child_exited(&child, 2));
    run_top(&child, "-n many %ld", (long)getpid());
    cr_assert(child_exited(&child, 2));
    run_top(&child, "1x");
    cr_assert(child_exited(&child, 2));
    run_top(&child, "--help");
    cr_assert(child_exited(&child, 0));
    cr_assert_says(child.output, "usage: filch-top");
}

Test(top, says_when_the_process_has_ended, .timeout = TEST_TIMEOUT)
{
    struct observed observed;
    struct child child;
    start_busy(&observed);
    cr_assert_eq(kill(observed.pid, SIGSTOP), 0);
    pid_t killer = fork();
    if (killer == 0) {
        usleep(200000); /* most likely the other one waits for an answer by then; nothing depends on it */
        kill(observed.pid, SIGKILL);
        _exit(0);
    }
    run_top(&child, "-b -d 0.001 %ld", (long)observed.pid);
    cr_assert(child_exited(&child, 1));
    cr_assert_says(child.output, "filch-top: ");
    cr_assert_eq(waitpid(killer, NULL, 0), killer);
    cr_assert_eq(observed_end(&observed, NULL), -SIGKILL);
    observed_forget(&observed);
}

/* ---- on a terminal ---- */

struct terminal {
    int fd, inner;
    pid_t pid;
    char seen[1 << 16];
    size_t length;
};

static void resize(struct terminal *terminal, unsigned short rows)
{
    must(ioctl(terminal->fd, TIOCSWINSZ, &(struct winsize){.ws_row = rows, .ws_col = 40}) == 0);
}

static void terminal_start(struct terminal *terminal, const struct observed *observed)
{
    char pid[32];
    *terminal = (struct terminal){.fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)};
    must(terminal->fd >= 0 && grantpt(terminal->fd) == 0 && unlockpt(terminal->fd) == 0);
    terminal->inner = open(ptsname(terminal->fd), O_RDWR | O_NOCTTY | O_CLOEXEC); /* stays when the program has ended */
    must(terminal->inner >= 0);
    resize(terminal, 24);
    snprintf(pid, sizeof pid, "%ld", (long)observed->pid);
    terminal->pid = fork();
    must(terminal->pid >= 0);
    if (terminal->pid == 0) {
        setsid();
        ioctl(terminal->inner, TIOCSCTTY, 0);
        for (int i = 0; i < 3; i++)
            dup2(terminal->inner, i);
        child_exec(FILCH_TOP, "-d", "0.02", pid);
    }
}

/* Read on until this is seen; what came before it is forgotten. */
static void terminal_await(struct terminal *terminal, const char *what)
{
    for (char *at; !(at = strstr(terminal->seen, what));) {
        if (terminal->length > sizeof terminal->seen / 2) {
            size_t half = terminal->length / 2;
            terminal->length -= half;
            memmove(terminal->seen, terminal->seen + half, terminal->length);
        }
        ssize_t got = read(terminal->fd, terminal->seen + terminal->length, 4096);
        must(got > 0);
        terminal->length += (size_t)got;
        terminal->seen[terminal->length] = '\0';
    }
    terminal->length = 0;
    terminal->seen[0] = '\0';
}

/* After this key, or signal, it leaves the terminal as it was. */
static void check_end(struct terminal *terminal, const char *key, int signal_number, const struct termios *before)
{
    struct termios after;
    int status;
    if (key)
        cr_assert_eq(write(terminal->fd, key, 1), 1);
    else
        cr_assert_eq(kill(terminal->pid, signal_number), 0);
    terminal_await(terminal, "\033[?25h\033[?1049l");
    cr_assert_eq(waitpid(terminal->pid, &status, 0), terminal->pid);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    cr_assert_eq(tcgetattr(terminal->inner, &after), 0);
    cr_assert(after.c_lflag == before->c_lflag && memcmp(after.c_cc, before->c_cc, sizeof after.c_cc) == 0);
    close(terminal->fd);
    close(terminal->inner);
}

Test(top, uses_the_terminal_and_gives_it_back, .timeout = TEST_TIMEOUT)
{
    static const struct {
        const char *key;
        int signal_number;
    } ends[] = {{"q", 0}, {"\003", 0}, {NULL, SIGTERM}, {NULL, SIGHUP}};
    struct observed observed;
    struct termios before, during;
    static struct terminal terminal;
    start_busy(&observed);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        terminal_start(&terminal, &observed);
        cr_assert_eq(tcgetattr(terminal.inner, &before), 0);
        before.c_lflag |= ICANON | ECHO; /* as it was, if the other one was faster */
        before.c_cc[VSUSP] = 'Z' & 0x1f;
        terminal_await(&terminal, "\033[?1049h\033[?25l");
        terminal_await(&terminal, "  first\033[K\r\n");
        cr_assert_eq(tcgetattr(terminal.inner, &during), 0);
        cr_assert(!(during.c_lflag & (ICANON | ECHO)));
        check_end(&terminal, ends[i].key, ends[i].signal_number, &before);
    }
    end_well(&observed);
}

Test(top, keeps_to_the_terminals_size, .timeout = TEST_TIMEOUT)
{
    struct observed observed;
    struct termios before;
    static struct terminal terminal;
    start_busy(&observed);
    terminal_start(&terminal, &observed);
    cr_assert_eq(tcgetattr(terminal.inner, &before), 0);
    before.c_lflag |= ICANON | ECHO;
    before.c_cc[VSUSP] = 'Z' & 0x1f;
    terminal_await(&terminal,
                   "\033[1mbatch (pool 2, open)\033[0m\033[K\r\n  permits 2 of 2, threads 2 (1 kept, 0 p\033[K\r\n");
    resize(&terminal, 5);
    terminal_await(&terminal, "\033[H");
    terminal_await(&terminal, "\r\n\033[2m...\033[0m\033[K\033[J");
    resize(&terminal, 24);
    terminal_await(&terminal, "\033[1mbatch (pool 2, open)\033[0m\033[K\r\n");
    check_end(&terminal, "q", 0, &before);
    end_well(&observed);
}
