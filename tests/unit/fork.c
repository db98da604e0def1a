/* SPDX-License-Identifier: MIT */
/* fork.c - fork(2): the child's old pools answer, new ones work; the parent notices nothing. */
#include "support/child.h"
#include "support/tasks.h"
#include "support/test.h"

#include <poll.h>
#include <sys/mman.h>

/* In a child, where a failed assertion must not end in the test framework. */
#define child_must(condition)                                                                                          \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: in the child: %s\n", __FILE__, __LINE__, #condition);                              \
            _exit(99);                                                                                                 \
        }                                                                                                              \
    } while (0)

static int old_pool_answers(void *data)
{
    struct filch_pool *pool = data;
    struct filch_future future = {0}, futures[2] = {{{0}}}, *copied = NULL;
    struct filch_batch batch = {futures, 0, NULL, 0, 2};
    struct filch_task_options options = {.name = "in the child"};
    struct filch_pool_stats stats;
    child_must(filch_pool_current() == NULL);
    child_must(filch_submit(pool, &future, nothing, NULL) == -ESTALE);
    child_must(filch_wait(&future) == -ESTALE);
    child_must(filch_submit_with(pool, &future, nothing, NULL, &options) == -ESTALE);
    child_must(filch_submit_copy(pool, nothing, NULL, 0, NULL, &copied) == -ESTALE && copied == NULL);
    child_must(filch_submit_many(pool, &batch, nothing, NULL) == -ESTALE);
    child_must(filch_status(&futures[0]) == -ESTALE && filch_status(&futures[1]) == -ESTALE);
    child_must(filch_pool_resize(pool, 1, 1) == -ESTALE);
    child_must(filch_pool_available(pool) == 0);
    child_must(filch_pool_get_stats(pool, &stats, sizeof stats) == -ESTALE);
    child_must(filch_pool_dump(pool, stderr) == -ESTALE);
    child_must(filch_pool_close(pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE) == -ESTALE);
    filch_pool_free(pool);
    return 0;
}

static int new_pool_works(void *data)
{
    (void)data;
    static struct filch_future futures[1000];
    memset(futures, 0, sizeof futures);
    atomic_int runs = 0;
    struct filch_pool *pool = pool_of(2);
    for (int i = 0; i < 1000; i++)
        child_must(filch_submit(pool, &futures[i], count_up, &runs) == 0);
    for (int i = 0; i < 1000; i++)
        child_must(filch_wait(&futures[i]) == 0);
    child_must(atomic_load(&runs) == 1000);
    struct filch_future promise = {0}, waiting = {0};
    filch_promise_init(&promise);
    struct filch_task_options timed = {.timeout_ns = FILCH_MS(1)}; /* the timekeeper is new, too */
    child_must(filch_submit_with(pool, &waiting, wait_for, &promise, &timed) == 0);
    child_must(filch_wait(&waiting) == -ETIMEDOUT);
    pool_end(pool);
    return 0;
}

static int default_pool_reopens(void *data)
{
    atomic_int runs = 0;
    struct filch_future future = {0};
    child_must(filch_submit(NULL, &future, count_up, &runs) == 0);
    child_must(filch_wait(&future) == 0 && atomic_load(&runs) == 1);
    child_must(filch_pool_default() != NULL && filch_pool_default() != data);
    child_must(stats_of(NULL).submitted == 1);
    return 0;
}

static int generations(void *data)
{
    struct child grandchild;
    child_must(old_pool_answers(data) == 0);
    child_must(new_pool_works(NULL) == 0);
    struct filch_pool *mine = pool_of(1);
    struct filch_future future = {0};
    child_must(filch_submit(mine, &future, nothing, NULL) == 0 && filch_wait(&future) == 0);
    child_fork(&grandchild, old_pool_answers, mine);
    child_must(child_exited(&grandchild, 0));
    child_fork(&grandchild, new_pool_works, NULL);
    child_must(child_exited(&grandchild, 0));
    pool_end(mine);
    return 0;
}

/* ThreadSanitizer takes strands for threads, and dies in a fork beside those of other threads. */
#define skip_under_tsan()                                                                                              \
    do {                                                                                                               \
        if (TEST_TSAN)                                                                                                 \
            test_skip("ThreadSanitizer cannot fork beside fibers");                                                    \
    } while (0)

#define skip_where_children_have_no_threads()                                                                          \
    do {                                                                                                               \
        skip_under_tsan();                                                                                             \
        if (child_emulator())                                                                                          \
            test_skip("the emulator dies when the child of a process with threads starts a thread");                   \
    } while (0)

static void check_parent(struct filch_pool *pool)
{
    struct filch_future future = {0};
    int value = 6;
    cr_assert_eq(filch_submit(pool, &future, give, &value), 0);
    cr_assert_eq(filch_wait(&future), 6);
    meet_all(pool, stats_of(pool).max_concurrency);
}

Test(fork, the_old_pool_answers_in_the_child, .timeout = TEST_TIMEOUT)
{
    skip_under_tsan();
    struct filch_pool *pool = pool_of(2);
    struct child child;
    meet_all(pool, 2);
    child_fork(&child, old_pool_answers, pool);
    cr_assert(child_exited(&child, 0));
    check_parent(pool);
    pool_end(pool);
}

static int a_scope_answers(void *data)
{
    struct filch_scope inside;
    struct filch_future future = {0};
    if (filch_scope_open(&inside, NULL, &(struct filch_scope_config){.parent = data}) != -ESTALE)
        return 1;
    if (filch_scope_submit(data, &future, nothing, NULL, NULL) != -ESTALE)
        return 2;
    filch_scope_cancel(data);
    return filch_scope_close(data) == -ESTALE ? 0 : 3;
}

static int sleep_a_little(void *data)
{
    (void)data;
    return filch_sleep_until(filch_in_ns(FILCH_MS(1)));
}

Test(fork, a_scope_of_the_parent_answers_in_the_child, .timeout = TEST_TIMEOUT)
{
    skip_where_children_have_no_threads();
    struct filch_pool *pool = pool_of(1);
    struct filch_scope scope;
    struct child child;
    struct filch_future slept = {0};
    cr_assert_eq(filch_scope_open(&scope, pool, NULL), 0);
    /* No thread is just starting, and neither is the timekeeper: AddressSanitizer's allocator does not survive a fork in it. */
    cr_assert_eq(filch_submit(pool, &slept, sleep_a_little, NULL), 0);
    cr_assert_eq(filch_wait(&slept), 0);
    child_fork(&child, a_scope_answers, &scope);
    cr_assert(child_exited(&child, 0));
    cr_assert_eq(filch_scope_close(&scope), 0);
    pool_end(pool);
}

Test(fork, a_new_pool_works_in_the_child, .timeout = TEST_TIMEOUT)
{
    skip_where_children_have_no_threads();
    struct filch_pool *pool = pool_of(2);
    struct child child;
    meet_all(pool, 2);
    child_fork(&child, new_pool_works, NULL);
    cr_assert(child_exited(&child, 0));
    check_parent(pool);
    pool_end(pool);
}

Test(fork, the_default_pool_reopens_in_the_child, .timeout = TEST_TIMEOUT)
{
    skip_where_children_have_no_threads();
    struct filch_pool *pool = filch_pool_default();
    struct filch_future future = {0};
    struct child child;
    cr_assert_eq(filch_submit(NULL, &future, nothing, NULL), 0);
    cr_assert_eq(filch_wait(&future), 0);
    child_fork(&child, default_pool_reopens, pool);
    cr_assert(child_exited(&child, 0));
    cr_assert_eq(filch_pool_default(), pool);
    check_parent(pool);
}

Test(fork, children_of_children_as_well, .timeout = TEST_TIMEOUT)
{
    skip_where_children_have_no_threads();
    struct filch_pool *pool = pool_of(2);
    struct child child;
    check_parent(pool);
    child_fork(&child, generations, pool);
    cr_assert(child_exited(&child, 0));
    check_parent(pool);
    pool_end(pool);
}

/* Futures that were in flight at the fork belong to the parent; its copies in the child are only memory. */
Test(fork, while_tasks_run_wait_and_are_queued, .timeout = TEST_TIMEOUT)
{
    skip_where_children_have_no_threads();
    for (int round = 0; round < TEST_SHARE(50); round++) {
        struct filch_pool *pool = pool_of(1);
        struct filch_future promise = {0}, waiting = {0}, queued[50] = {{{0}}};
        struct held held;
        struct child child;
        atomic_int runs = 0;
        filch_promise_init(&promise);
        cr_assert_eq(filch_submit(pool, &waiting, wait_for, &promise), 0);
        wait_until(stats_of(pool).suspended == 1);
        held_begin(&held, pool);
        for (int i = 0; i < 50; i++)
            cr_assert_eq(filch_submit(pool, &queued[i], count_up, &runs), 0);
        child_fork(&child, round % 2 ? old_pool_answers : new_pool_works, pool);
        cr_assert(child_exited(&child, 0));
        cr_assert_eq(filch_complete(&promise, 2), 0);
        held_end(&held);
        cr_assert_eq(filch_wait(&waiting), 2);
        for (int i = 0; i < 50; i++)
            cr_assert_eq(filch_wait(&queued[i]), 0);
        cr_assert_eq(atomic_load(&runs), 50);
        pool_end(pool);
    }
}

/* ---- a task that forks ---- */

struct forking {
    pid_t parent;
    atomic_int *runs_elsewhere; /* shared with the child: tasks that ran in another process than the parent */
    int mode;
    int child_status;
};

static int note_process(void *data)
{
    struct forking *forking = data;
    if (getpid() != forking->parent)
        atomic_fetch_add(forking->runs_elsewhere, 1);
    return 0;
}

/* mode 0: the child leaves by _exit; 1: it uses filch first; 2: fn returns in the child. */
static int fork_inside(void *data)
{
    struct forking *forking = data;
    pid_t child = fork();
    must(child >= 0);
    if (child == 0) {
        alarm(TEST_TIMEOUT - 30);
        prctl(PR_SET_PDEATHSIG, 0);
        if (forking->mode == 1)
            _exit(new_pool_works(NULL));
        if (forking->mode == 0)
            _exit(0);
        return 5;
    }
    while (waitpid(child, &forking->child_status, 0) != child)
        must(errno == EINTR);
    return 6;
}

Test(fork, inside_a_task, .timeout = TEST_TIMEOUT)
{
    skip_where_children_have_no_threads();
    atomic_int *elsewhere = mmap(NULL, sizeof *elsewhere, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(elsewhere, MAP_FAILED);
    for (int round = 0; round < 12; round++) {
        struct filch_pool *pool = pool_of(2);
        struct filch_task_options own = {.flags = round >= 6 ? FILCH_TASK_OWN_THREAD : 0};
        struct forking forking = {getpid(), elsewhere, round % 3, -1};
        struct filch_future future = {0}, queued[50] = {{{0}}};
        meet_all(pool, 2); /* no thread is just starting: AddressSanitizer's allocator does not survive a fork in it */
        cr_assert_eq(filch_submit_with(pool, &future, fork_inside, &forking, &own), 0);
        for (int i = 0; i < 50; i++)
            cr_assert_eq(filch_submit(pool, &queued[i], note_process, &forking), 0);
        cr_assert_eq(filch_wait(&future), 6);
        cr_assert(WIFEXITED(forking.child_status), "round %d: status %x", round, (unsigned)forking.child_status);
        cr_assert_eq(WEXITSTATUS(forking.child_status), 0);
        for (int i = 0; i < 50; i++)
            cr_assert_eq(filch_wait(&queued[i]), 0);
        cr_assert_eq(atomic_load(elsewhere), 0, "the child runs no task of the parent's");
        pool_end(pool);
    }
    munmap(elsewhere, sizeof *elsewhere);
}

/* The child ends its thread in the body; 0 if nobody was told there that the task has ended. */
static int end_the_thread_of_a_child(void *data)
{
    struct pollfd poll_for = {.fd = *(int *)data, .events = POLLIN};
    int status;
    pid_t child = fork();
    must(child >= 0);
    if (!child) {
        prctl(PR_SET_PDEATHSIG, 0);
        pthread_exit(NULL);
    }
    while (waitpid(child, &status, 0) != child)
        must(errno == EINTR);
    must(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return poll(&poll_for, 1, 0);
}

Test(fork, a_thread_that_ends_in_the_child_ends_no_task_of_the_parent, .timeout = TEST_TIMEOUT)
{
    skip_where_children_have_no_threads();
    if (TEST_ASAN)
        test_skip("AddressSanitizer takes what unwinding leaves of a strand's frames in the child for live ones");
    struct filch_pool *pool = pool_of(1);
    struct filch_completions *completions;
    struct filch_future future = {0}, *ended;
    cr_assert_eq(filch_completions_open(&completions), 0);
    int fd = filch_completions_fd(completions);
    struct filch_task_options options = {.completions = completions};
    cr_assert_eq(filch_completions_next(completions, 0, &ended), -ETIMEDOUT, "the descriptor is cleared");
    meet_all(pool, 1);
    cr_assert_eq(filch_submit_with(pool, &future, end_the_thread_of_a_child, &fd, &options), 0);
    cr_assert_eq(filch_wait(&future), 0);
    cr_assert_eq(filch_completions_next(completions, filch_in_ns(FILCH_S(10)), &ended), 0);
    cr_assert_eq(ended, &future);
    filch_completions_close(completions);
    pool_end(pool);
}
