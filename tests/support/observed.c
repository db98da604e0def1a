/* SPDX-License-Identifier: MIT */
/* observed.c - a program with pools, for tests that look at it from outside. It does what each line of its input says and
 * answers `ok` and a number when that is so.
 */
#include "support/tasks.h"

enum { MOST = 64 };

static struct filch_pool *pools[MOST];
static unsigned pool_count;
static struct held held[MOST];
static unsigned held_count;
static struct filch_future queued[MOST];
static unsigned queued_count;
static atomic_int hang_on = 1, stuck_reports;

static void note_stuck(void *ctx, const struct filch_stuck *stuck)
{
    (void)ctx;
    (void)stuck;
    atomic_fetch_add(&stuck_reports, 1);
}

static struct filch_pool *newest(void)
{
    must(pool_count > 0);
    return pools[pool_count - 1];
}

static void do_open(const char *name, long limit)
{
    must(pool_count < MOST);
    struct filch_pool_config config = {.name = name, .max_concurrency = (unsigned)limit, .stuck = note_stuck};
    pools[pool_count++] = pool_open(&config);
}

static void do_close(const char *name, long count)
{
    (void)name;
    for (; count > 0; count--) {
        pool_end(newest());
        pool_count--;
    }
}

/* A task's name is a static string. NULL for "-". */
static const char *static_name(const char *word)
{
    static const char *const names[] = {"first", "second", "task", "hanging", "\a\002name"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(word, names[i]) == 0)
            return names[i];
    must(strcmp(word, "-") == 0);
    return NULL;
}

/* A task of this name runs. */
static void do_hold(const char *name, long unused)
{
    (void)unused;
    must(held_count < MOST);
    struct held *one = &held[held_count++];
    const struct filch_task_options options = {.name = static_name(name)};
    held_init(one);
    must(filch_submit_with(newest(), &one->future, hold, one, &options) == 0);
    sem_take(&one->began);
}

static void do_queue(const char *name, long count)
{
    (void)name;
    for (; count > 0; count--) {
        must(queued_count < MOST);
        must(filch_submit(newest(), &queued[queued_count++], nothing, NULL) == 0);
    }
}

/* A graph of two tasks of the same name, one after the other. */
static struct held steps[2];
static struct filch_future walk;
static const char *step_name;

static int run_steps(void *data)
{
    struct filch_graph *graph;
    size_t nodes[2];
    (void)data;
    must(filch_graph_open(&graph, NULL) == 0);
    for (int i = 0; i < 2; i++)
        must(filch_graph_add(graph, hold, &steps[i], &(struct filch_graph_task){.name = step_name}, &nodes[i]) == 0);
    must(filch_graph_edge(graph, nodes[0], nodes[1]) == 0 && filch_graph_run(NULL, graph) == 0);
    return filch_graph_close(graph);
}

/* The first one runs. */
static void do_steps(const char *name, long unused)
{
    (void)unused;
    step_name = static_name(name);
    for (int i = 0; i < 2; i++)
        held_init(&steps[i]);
    must(filch_submit(newest(), &walk, run_steps, NULL) == 0);
    sem_take(&steps[0].began);
}

/* The second one does. */
static void do_step(const char *name, long unused)
{
    (void)name, (void)unused;
    sem_post(&steps[0].go);
    sem_take(&steps[1].began);
}

static void do_release(const char *name, long unused)
{
    (void)name, (void)unused;
    while (held_count > 0)
        held_end(&held[--held_count]);
    while (queued_count > 0)
        must(filch_wait(&queued[--queued_count]) == 0);
    if (step_name) {
        sem_post(&steps[1].go);
        must(filch_wait(&walk) == 0);
    }
    atomic_store(&hang_on, 0);
}

static int hang(void *data)
{
    (void)data;
    while (atomic_load(&hang_on))
        usleep(100);
    return 0;
}

/* A task of this name has not returned when it was timed out. */
static void do_stick(const char *name, long unused)
{
    (void)unused;
    const struct filch_task_options options = {.name = static_name(name), .timeout_ns = FILCH_MS(1)};
    int before = atomic_load(&stuck_reports);
    must(filch_submit_copy(newest(), hang, NULL, 0, &options, NULL) == 0);
    wait_until(atomic_load(&stuck_reports) > before);
}

/* Pools come and go. */
static void do_churn(const char *name, long count)
{
    for (; count > 0; count--) {
        struct filch_future future = {{0}};
        do_open(name, 2);
        must(filch_submit(newest(), &future, nothing, NULL) == 0 && filch_wait(&future) == 0);
        do_close("", 1);
    }
}

static int leave(void *data)
{
    (void)data;
    exit(0);
}

static void do_exit(const char *how, long status)
{
    if (strcmp(how, "in_task") == 0) {
        struct filch_future future = {{0}};
        must(filch_submit(newest(), &future, leave, NULL) == 0);
        filch_wait(&future);
    }
    exit((int)status);
}

/* Goes on in a child, which has none of the pools; the parent waits for its end. The answer's number is the child's. */
static void do_fork(const char *name, long unused)
{
    (void)name, (void)unused;
    fflush(NULL);
    pid_t child = fork();
    must(child >= 0);
    if (child > 0) {
        int status;
        must(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
        return;
    }
    prctl(PR_SET_PDEATHSIG, 0);
    pool_count = held_count = queued_count = 0;
}

static const struct {
    const char *name;
    void (*run)(const char *word, long number);
} commands[] = {{"open", do_open},       {"close", do_close}, {"hold", do_hold},   {"queue", do_queue},
                {"release", do_release}, {"stick", do_stick}, {"churn", do_churn}, {"exit", do_exit},
                {"fork", do_fork},       {"steps", do_steps}, {"step", do_step}};

int main(void)
{
    char line[256], command[16], word[128];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(TEST_TIMEOUT);
    setvbuf(stdin, NULL, _IONBF, 0); /* a forked child reads on where its parent did */
    while (fgets(line, sizeof line, stdin)) {
        long number = 1;
        bool known = false;
        must(sscanf(line, "%15s %127s %ld", command, word, &number) >= 2);
        for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
            if (strcmp(command, commands[i].name) == 0) {
                known = true;
                commands[i].run(word, number);
            }
        must(known);
        printf("ok %ld\n", (long)getpid());
        fflush(stdout);
    }
    return 0;
}
