/* SPDX-License-Identifier: MIT */
/* fork_storm.c - fork(2) at random points of a load: the child finds its old pool stale, and a new one works; the
 * parent loses nothing.
 *
 * The load never stops: threads submit and wait, tasks submit, wait and time out, workers retire and start. The forking
 * thread waits a random while, forks, and goes on while the child is still at it; several children live at once.
 */
#include "support/child.h"
#include "support/stress.h"

enum { submitters = 2, children_at_once = 4, ci_forks = 100, full_forks = 1000 };

/* In a child, whose parent must learn of it. */
#define child_must(condition)                                                                                          \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: in the child: %s\n", __FILE__, __LINE__, #condition);                              \
            _exit(99);                                                                                                 \
        }                                                                                                              \
    } while (0)

struct load {
    struct filch_pool *pool;
    struct filch_gate *gate;
    struct filch_scope scope; /* open while children are made */
    atomic_int stop;
    atomic_long submitted, ran, batches;
};

static int count_run(void *data)
{
    atomic_fetch_add((atomic_long *)data, 1);
    return 0;
}

/* Submits two and waits for them, by a deadline that mostly holds. */
static int have_two(void *data)
{
    struct load *load = data;
    struct filch_future below[2] = {{{0}}};
    for (int i = 0; i < 2; i++)
        must(filch_submit(NULL, &below[i], count_run, &load->ran) == 0);
    (void)filch_wait_until(&below[0], filch_in_ns(FILCH_US(50)));
    for (int i = 0; i < 2; i++)
        must(filch_wait(&below[i]) == 0);
    atomic_fetch_add(&load->submitted, 2);
    return count_run(&load->ran);
}

static void *submit_without_end(void *data)
{
    struct load *load = data;
    uint64_t random = stress.seed * 17;
    while (!atomic_load(&load->stop)) {
        struct filch_future futures[8] = {{{0}}};
        struct filch_task_options options = {.name = "loaded", .timeout_ns = FILCH_S(3600)};
        for (int i = 0; i < 8; i++) {
            bool own = random_below(&random, 8) == 0;
            options.flags = own ? FILCH_TASK_OWN_THREAD : 0;
            options.gate = i == 4 ? load->gate : NULL;
            options.scope = i == 0 ? &load->scope : NULL;
            must(filch_submit_with(load->pool, &futures[i], have_two, load, i % 4 ? NULL : &options) == 0);
        }
        for (int i = 0; i < 8; i++)
            must(filch_wait(&futures[i]) == 0);
        atomic_fetch_add(&load->submitted, 8);
        atomic_fetch_add(&load->batches, 1);
    }
    return NULL;
}

/* Of what was open in the parent nothing is of use, and nothing blocks: also not what other threads had locked. */
static void try_what_was_open(struct load *load)
{
    struct filch_future future = {0};
    struct filch_task_options gated = {.gate = load->gate};
    child_must(filch_scope_submit(&load->scope, &future, nothing, NULL, NULL) == -ESTALE);
    filch_scope_cancel(&load->scope);
    child_must(filch_scope_close(&load->scope) == -ESTALE);
    child_must(filch_submit_with(NULL, &future, nothing, NULL, &gated) == -ESTALE && filch_wait(&future) == -ESTALE);
    child_must(filch_gate_enter(load->gate, FILCH_NO_DEADLINE) == -ESTALE);
    child_must(filch_gate_resize(load->gate, 7) == -ESTALE && filch_gate_available(load->gate) == 0);
    filch_gate_leave(load->gate);
    child_must(filch_gate_close(load->gate) == 0);
}

/* What a child does; it has no other threads and no watchdog, only its alarm. */
static int be_child(struct load *parent)
{
    struct filch_pool *old = parent->pool;
    struct filch_future future = {0}, promise = {0}, futures[50] = {{{0}}};
    struct filch_task_options timed = {.timeout_ns = FILCH_US(100)};
    struct filch_pool *pool = NULL;
    struct filch_pool_stats stats;
    struct load load = {0};
    child_must(filch_submit(old, &future, nothing, NULL) == -ESTALE && filch_wait(&future) == -ESTALE);
    try_what_was_open(parent);
    child_must(filch_pool_get_stats(old, &stats, sizeof stats) == -ESTALE);
    child_must(filch_pool_resize(old, 1, 2) == -ESTALE);
    child_must(filch_pool_close(old, FILCH_CLOSE_CANCEL, 0) == -ESTALE);
    child_must(filch_pool_open(&pool, &(struct filch_pool_config){.max_concurrency = 2}) == 0);
    for (int i = 0; i < 50; i++)
        child_must(filch_submit(pool, &futures[i], have_two, &load) == 0);
    filch_promise_init(&promise);
    child_must(filch_submit_with(pool, &future, wait_for, &promise, &timed) == 0);
    child_must(filch_wait(&future) == -ETIMEDOUT);
    for (int i = 0; i < 50; i++)
        child_must(filch_wait(&futures[i]) == 0);
    child_must(atomic_load(&load.ran) == 150);
    child_must(filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE) == 0);
    filch_pool_free(pool);
    filch_pool_free(old); /* which in a child frees the copy */
    return 0;
}

static void reap(pid_t child)
{
    int status = -1;
    while (waitpid(child, &status, 0) != child)
        claim(errno == EINTR);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fprintf(stderr, "a child ended with status %#x\n", (unsigned)status);
    claim(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static pid_t fork_child(struct load *load)
{
    pid_t child = fork();
    claim(child >= 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGALRM, SIG_DFL);
        alarm(TEST_TIMEOUT / 2);
        _exit(be_child(load));
    }
    return child;
}

static long round_of(uint64_t seed, int forks)
{
    struct filch_pool_config config = {.max_concurrency = 3, .idle_timeout_ns = FILCH_US(20)};
    struct load load = {.pool = pool_open(&config)};
    pthread_t threads[submitters];
    pid_t child[children_at_once] = {0};
    uint64_t random = seed;
    claim(filch_gate_open(&load.gate, 1) == 0 && filch_scope_open(&load.scope, load.pool, NULL) == 0);
    for (int i = 0; i < submitters; i++)
        threads[i] = thread_start(submit_without_end, &load);
    for (int i = 0; i < forks; i++) {
        if (child[i % children_at_once])
            reap(child[i % children_at_once]);
        usleep(random_below(&random, 2000));
        dawdle((int)random_below(&random, 500));
        child[i % children_at_once] = fork_child(&load);
    }
    for (int i = 0; i < children_at_once; i++)
        if (child[i])
            reap(child[i]);
    atomic_store(&load.stop, 1);
    for (int i = 0; i < submitters; i++)
        thread_join(threads[i]);
    claim(filch_scope_close(&load.scope) == 0);
    claim(filch_gate_available(load.gate) == 1 && filch_gate_close(load.gate) == 0);
    claim(atomic_load(&load.ran) == atomic_load(&load.submitted) && atomic_load(&load.batches) > 0);
    meet_all(load.pool, 3);
    pool_end(load.pool);
    return atomic_load(&load.ran);
}

int main(int argc, char **argv)
{
    long tasks = 0, forks = 0;
    (void)argc;
    if (TEST_SANITIZED) {
        printf("skipped: a sanitizer's allocator does not survive a fork beside threads that start and allocate\n");
        return 77;
    }
    stress_begin(argv, "fork_storm", 0, 1);
    while (stress_next()) {
        int count = stress.full ? full_forks : ci_forks;
        tasks += round_of(stress.seed, count);
        forks += count;
    }
    printf("figure: P13 %ld forks, each child with a new pool; %ld tasks of the parent, none lost\n", forks, tasks);
    return 0;
}
