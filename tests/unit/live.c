/* SPDX-License-Identifier: MIT */
/* live.c - FILCH_LIVE: a process that says what its pools do, seen from another one. */
#include "support/observed.h"
#include "support/tasks.h"
#include "support/test.h"

static bool exists(const char *path)
{
    struct stat found;
    return stat(path, &found) == 0;
}

static void end_well(struct observed *observed)
{
    observed_do(observed, "release -");
    cr_assert_eq(observed_end(observed, NULL), 0);
    cr_assert(!exists(observed->path), "the socket goes with its process");
    observed_forget(observed);
}

/* Is this a whole line of the text? */
static bool has_line(const char *text, const char *line)
{
    size_t length = strlen(line);
    for (const char *at = text; (at = strstr(at, line)); at++)
        if ((at == text || at[-1] == '\n') && (at[length] == '\n' || at[length] == '\0'))
            return true;
    return false;
}

#define cr_assert_line(text_, line_) cr_assert(has_line(text_, line_), "no line \"%s\" in:\n%s", line_, text_)

/* ---- answers ---- */

static void start_busy(struct observed *observed)
{
    observed_start(observed, "1", 0700);
    observed_do(observed, "open batch 2");
    observed_do(observed, "hold first");
    observed_do(observed, "hold -");
    observed_do(observed, "queue - 3");
}

Test(live, tells_the_figures, .timeout = TEST_TIMEOUT)
{
    static const char *const lines[] = {"pool 1",    "name batch",    "phase open",  "permits 2", "searching 0",
                                        "parked 0",  "submitted 5",   "run 0",       "running 2", "max_concurrency 2",
                                        "workers 2", "queue_depth 3", "suspended 0", "held 0",    "stuck 0"};
    struct observed observed;
    start_busy(&observed);
    int fd = observed_open(&observed);
    const char *stats = observed_ask(fd, "stats");
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        cr_assert_line(stats, lines[i]);
    cr_assert_eq(strncmp(stats, "now_ns ", 7), 0);
    observed_do(&observed, "open other 5");
    stats = observed_ask(fd, "stats");
    const char *second = strstr(stats, "\npool 2\n");
    cr_assert(second && strstr(stats, "\npool 1\n") < second);
    cr_assert_line(second, "name other");
    cr_assert_line(second, "max_concurrency 5");
    close(fd);
    end_well(&observed);
}

/* The nanoseconds of the worker whose line has `task` in it. */
static long long runs_ns(const char *workers, const char *task)
{
    const char *line = strstr(workers, task);
    must(line);
    while (strncmp(line, "runs ", 5) != 0)
        must(line-- > workers);
    return atoll(line + 5);
}

Test(live, tells_what_each_worker_runs, .timeout = TEST_TIMEOUT)
{
    struct observed observed;
    start_busy(&observed);
    observed_do(&observed, "open other 1");
    int fd = observed_open(&observed);
    const char *workers = observed_ask(fd, "workers");
    cr_assert(strstr(workers, "pool 1\nworker 0 queued "));
    cr_assert(strstr(workers, "\nworker 1 queued "));
    cr_assert(strstr(workers, "\npool 2\nworker 0 queued 0 idle\n"), "%s", workers);
    cr_assert_eq(runs_ns(workers, " first\n"), 0, "nobody has asked before");
    cr_assert_eq(runs_ns(workers, " hold\n"), 0);
    long long before = runs_ns(observed_ask(fd, "workers"), " first\n");
    long long after = runs_ns(observed_ask(fd, "workers"), " first\n");
    cr_assert(before > 0 && after > before, "%lld, %lld", before, after);
    close(fd);
    end_well(&observed);
}

Test(live, another_task_is_not_taken_for_the_same, .timeout = TEST_TIMEOUT)
{
    struct observed observed;
    observed_start(&observed, "1", 0700);
    observed_do(&observed, "open batch 1");
    observed_do(&observed, "hold task");
    int fd = observed_open(&observed);
    cr_assert_eq(runs_ns(observed_ask(fd, "workers"), " task\n"), 0);
    cr_assert(runs_ns(observed_ask(fd, "workers"), " task\n") > 0);
    observed_do(&observed, "release -");
    observed_do(&observed, "hold task"); /* in the same future */
    cr_assert_eq(runs_ns(observed_ask(fd, "workers"), " task\n"), 0);
    close(fd);
    end_well(&observed);
}

Test(live, nodes_of_a_graph_are_told_apart, .timeout = TEST_TIMEOUT)
{
    struct observed observed;
    observed_start(&observed, "1", 0700);
    observed_do(&observed, "open batch 1");
    observed_do(&observed, "steps task");
    int fd = observed_open(&observed);
    cr_assert_eq(runs_ns(observed_ask(fd, "workers"), " task\n"), 0);
    cr_assert(runs_ns(observed_ask(fd, "workers"), " task\n") > 0);
    observed_do(&observed, "step -");
    cr_assert_eq(runs_ns(observed_ask(fd, "workers"), " task\n"), 0);
    close(fd);
    end_well(&observed);
}

Test(live, tells_of_stuck_tasks, .timeout = TEST_TIMEOUT)
{
    struct observed observed;
    observed_start(&observed, "1", 0700);
    observed_do(&observed, "open batch 2");
    int fd = observed_open(&observed);
    cr_assert_str_eq(observed_ask(fd, "stuck"), "pool 1\nstuck 0\n");
    observed_do(&observed, "stick hanging");
    const char *stuck = observed_ask(fd, "stuck");
    cr_assert(strncmp(stuck, "pool 1\nstuck 1\nlast 2000000 hanging\n", 36) == 0, "%s", stuck);
    close(fd);
    end_well(&observed);
}

Test(live, dumps_metrics_and_errors, .timeout = TEST_TIMEOUT)
{
    struct observed observed;
    char version[64];
    start_busy(&observed);
    snprintf(version, sizeof version, "filch-live 1 %d.%d.%d\n", FILCH_VERSION_MAJOR, FILCH_VERSION_MINOR,
             FILCH_VERSION_PATCH);
    int fd = observed_open(&observed);
    cr_assert(strstr(observed_ask(fd, "dump"), "pool \"batch\" (open): 2 running of at most 2"));
    cr_assert_line(observed_ask(fd, "metrics"), "filch_tasks_submitted_total{pool=\"batch\",pool_id=\"1\"} 5");
    cr_assert_str_eq(observed_ask(fd, "version"), version);
    cr_assert_eq(strncmp(observed_ask(fd, "statistics"), "error: ", 7), 0);
    cr_assert_eq(strncmp(observed_ask(fd, ""), "error: ", 7), 0);
    cr_assert_eq(write(fd, "version\nversion\nver", 19), 19);
    for (int i = 0; i < 2; i++) {
        char *answer = observed_read(fd);
        cr_assert_str_eq(answer, version);
        free(answer);
    }
    cr_assert_str_eq(observed_ask(fd, "sion"), version);
    close(fd);
    end_well(&observed);
}

Test(live, names_with_anything_in_them_keep_to_their_line, .timeout = TEST_TIMEOUT)
{
    struct observed observed;
    observed_start(&observed, "1", 0700);
    observed_do(&observed, "open \033[2Jpool 1");
    observed_do(&observed, "hold \a\002name");
    int fd = observed_open(&observed);
    cr_assert_line(observed_ask(fd, "stats"), "name ?[2Jpool");
    cr_assert(strstr(observed_ask(fd, "workers"), " ??name\n"));
    close(fd);
    end_well(&observed);
}

/* ---- pools that come and go, clients that do not read ---- */

static void *churn(void *data)
{
    observed_do(data, TEST_SANITIZED ? "churn guest 100" : "churn guest 500");
    return NULL;
}

Test(live, pools_may_be_closed_meanwhile, .timeout = TEST_TIMEOUT)
{
    static const char *const commands[] = {"stats", "workers", "stuck", "dump", "metrics"};
    struct observed observed;
    observed_start(&observed, "1", 0700);
    observed_do(&observed, "open host 1");
    int fd = observed_open(&observed);
    pthread_t guests = thread_start(churn, &observed);
    for (int i = 0; i < TEST_SHARE(2000); i++) {
        const char *command = commands[i % 5], *answer = observed_ask(fd, command);
        cr_assert(strstr(answer, "host") || strcmp(command, "workers") == 0 || strcmp(command, "stuck") == 0);
    }
    thread_join(guests);
    cr_assert_null(strstr(observed_ask(fd, "stats"), "guest"));
    close(fd);
    end_well(&observed);
}

Test(live, who_does_not_read_holds_up_nobody_and_is_dropped, .timeout = TEST_TIMEOUT)
{
    struct observed observed;
    start_busy(&observed);
    int deaf = observed_open(&observed), fd = observed_open(&observed);
    char many[64 * 8 + 1] = "";
    for (int i = 0; i < 64; i++)
        strcat(many, "metrics\n");
    cr_assert_eq(fcntl(deaf, F_SETFL, O_NONBLOCK), 0);
    struct pollfd ended = {.fd = deaf};
    while (!(ended.revents & POLLHUP)) { /* more and more, of which it takes nothing */
        (void)!send(deaf, many, sizeof many - 1, MSG_NOSIGNAL);
        cr_assert_line(observed_ask(fd, "stats"), "name batch");
        cr_assert(poll(&ended, 1, 1) >= 0);
    }
    close(deaf);
    observed_do(&observed, "queue - 1");
    cr_assert_line(observed_ask(fd, "stats"), "queue_depth 4");
    close(fd);
    end_well(&observed);
}

Test(live, serves_sixteen, .timeout = TEST_TIMEOUT)
{
    struct observed observed;
    int fds[16];
    start_busy(&observed);
    for (int i = 0; i < 16; i++)
        fds[i] = observed_open(&observed);
    int more = observed_connect(observed.path);
    cr_assert(more >= 0);
    cr_assert_null(observed_read(more), "sent away");
    close(more);
    for (int i = 0; i < 16; i++)
        cr_assert_line(observed_ask(fds[i], "stats"), "name batch");
    close(fds[7]);
    char *greeting = NULL;
    while (!greeting) { /* it has seen the place become free */
        more = observed_connect(observed.path);
        cr_assert(more >= 0);
        greeting = observed_read(more);
        if (!greeting)
            close(more);
    }
    free(greeting);
    cr_assert_line(observed_ask(more, "stats"), "name batch");
    close(more);
    for (int i = 0; i < 16; i++)
        if (i != 7)
            close(fds[i]);
    end_well(&observed);
}

Test(live, a_line_without_end_is_cut_off, .timeout = TEST_TIMEOUT)
{
    struct observed observed;
    char line[200];
    memset(line, 'x', sizeof line);
    observed_start(&observed, "1", 0700);
    observed_do(&observed, "open batch 1");
    int fd = observed_open(&observed), other = observed_open(&observed);
    cr_assert_eq(send(fd, line, sizeof line, MSG_NOSIGNAL), (ssize_t)sizeof line);
    cr_assert_null(observed_read(fd));
    cr_assert_line(observed_ask(other, "stats"), "name batch");
    close(fd);
    close(other);
    end_well(&observed);
}

/* ---- whose socket it is ---- */

Test(live, the_socket_is_the_users_alone, .timeout = TEST_TIMEOUT)
{
    struct observed observed;
    struct stat found;
    observed_start(&observed, "1", 0700);
    cr_assert(!exists(observed.path), "not before the first pool");
    observed_do(&observed, "open batch 1");
    cr_assert_eq(stat(observed.path, &found), 0);
    cr_assert(S_ISSOCK(found.st_mode) && (found.st_mode & 07777) == 0600 && found.st_uid == geteuid());
    if (geteuid() == 0) { /* somebody else gets in by the directory and the mode, and is still refused */
        cr_assert(chmod(observed.directory, 0711) == 0 && chmod(observed.path, 0666) == 0);
        pid_t stranger = fork();
        if (stranger == 0) {
            int fd = setresuid(65534, 65534, 65534) == 0 ? observed_connect(observed.path) : -1;
            _exit(fd >= 0 && !observed_read(fd) ? 0 : 1);
        }
        int status = -1;
        cr_assert(waitpid(stranger, &status, 0) == stranger && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    int fd = observed_open(&observed);
    close(fd);
    end_well(&observed);
}

static void check_no_socket(const char *live, mode_t mode)
{
    struct observed observed;
    observed_start(&observed, live, mode);
    observed_do(&observed, "open batch 1");
    cr_assert(!exists(observed.path));
    end_well(&observed);
}

Test(live, there_is_none_unless_it_is_asked_for_and_safe, .timeout = TEST_TIMEOUT)
{
    check_no_socket(NULL, 0700);
    check_no_socket("0", 0700);
    check_no_socket("", 0700);
    check_no_socket("1", 0770);
    check_no_socket("1", 0705);
}

/* A socket of that name, as another process would have left it; or still has it, when the descriptor stays open. */
static int occupy(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memcpy(address.sun_path, path, strlen(path) + 1);
    must(fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 1) == 0);
    return fd;
}

Test(live, what_a_dead_process_left_is_replaced, .timeout = TEST_TIMEOUT)
{
    struct observed observed;
    observed_start(&observed, "1", 0700);
    close(occupy(observed.path));
    observed_do(&observed, "open batch 1");
    int fd = observed_open(&observed);
    close(fd);
    end_well(&observed);
}

Test(live, what_a_living_process_has_is_left_alone, .timeout = TEST_TIMEOUT)
{
    struct observed observed;
    observed_start(&observed, "1", 0700);
    int listener = occupy(observed.path);
    observed_do(&observed, "open batch 1");
    int fd = observed_connect(observed.path);
    cr_assert(fd >= 0);
    close(fd);
    cr_assert_eq(observed_end(&observed, NULL), 0);
    cr_assert(exists(observed.path));
    close(listener);
    observed_forget(&observed);
}

/* ---- ends and forks ---- */

Test(live, is_gone_after_an_exit_inside_a_task, .timeout = TEST_TIMEOUT)
{
    struct observed observed;
    start_busy(&observed);
    observed_do(&observed, "open other 1");
    int fd = observed_open(&observed);
    cr_assert_eq(observed_end(&observed, "exit in_task 0"), 0);
    cr_assert(!exists(observed.path));
    cr_assert_null(observed_read(fd));
    close(fd);
    observed_forget(&observed);
}

#define skip_where_children_cannot_start_threads()                                                                     \
    do {                                                                                                               \
        if (TEST_TSAN || child_emulator())                                                                             \
            test_skip("the child of a process with threads cannot start one here");                                    \
    } while (0)

Test(live, a_forked_child_has_its_own, .timeout = TEST_TIMEOUT)
{
    struct observed observed;
    char path[108];
    skip_where_children_cannot_start_threads();
    observed_start(&observed, "1", 0700);
    observed_do(&observed, "open parent 1");
    int fd = observed_open(&observed);
    observed_do(&observed, "fork -");
    cr_assert_neq(observed.answered, observed.pid);
    observed_path(&observed, observed.answered, path);
    cr_assert(!exists(path), "it has no pool");
    cr_assert_line(observed_ask(fd, "stats"), "name parent");
    observed_do(&observed, "open child 1");
    int child = observed_connect(path);
    cr_assert(child >= 0);
    free(observed_read(child));
    cr_assert_line(observed_ask(child, "stats"), "name child");
    cr_assert_null(strstr(observed_ask(child, "stats"), "name parent"));
    cr_assert_line(observed_ask(fd, "stats"), "name parent");
    cr_assert_eq(fprintf(observed.tell, "exit - 0\n"), 9);
    observed_do(&observed, "queue - 1"); /* the parent goes on when the child has exited */
    cr_assert_eq(observed.answered, observed.pid);
    cr_assert(!exists(path));
    cr_assert_null(observed_read(child));
    cr_assert_line(observed_ask(fd, "stats"), "name parent");
    close(child);
    close(fd);
    end_well(&observed);
}

static bool refuses(const char *path)
{
    int fd = observed_connect(path);
    if (fd >= 0)
        close(fd);
    return fd == -ECONNREFUSED;
}

/* Connections of a dead process end, though a child of it lives. */
Test(live, a_forked_child_does_not_keep_its_parents, .timeout = TEST_TIMEOUT)
{
    struct observed observed;
    skip_where_children_cannot_start_threads();
    observed_start(&observed, "1", 0700);
    observed_do(&observed, "open parent 1");
    int fd = observed_open(&observed);
    observed_do(&observed, "fork -");
    cr_assert_eq(kill(observed.pid, SIGKILL), 0);
    cr_assert_null(observed_read(fd));
    close(fd);
    wait_until(refuses(observed.path));     /* descriptors of a killed process end in any order */
    observed_do(&observed, "open child 1"); /* it lives */
    cr_assert_neq(observed.answered, observed.pid);
    char path[108];
    observed_path(&observed, observed.answered, path);
    cr_assert(exists(path));
    cr_assert_eq(fprintf(observed.tell, "exit - 0\n"), 9);
    cr_assert_eq(observed_end(&observed, NULL), -SIGKILL);
    wait_until(!exists(path));
    observed_forget(&observed);
}
