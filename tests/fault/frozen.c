/* SPDX-License-Identifier: MIT */
/* frozen.c - a worker that stands still does not hold up the others.
 *
 * A signal handler keeps it where it is until it is told to go on. In the body of a task that is nobody's concern: what
 * lies in its deque and its handful is taken by others, and they come to an end of all other work. Elsewhere others may
 * rely on it: a submit wakes nobody while a worker searches, so one that is stopped as it searches, or was woken and
 * has not moved since, holds up what was submitted until it goes on; and so, for a few instructions, does one that
 * holds a lock. Then the claim is that nothing is lost, and how often the others went on meanwhile is counted.
 */
#include "ice.h"
#include "support/test.h"

enum { tasks_count = 3000, workers = 3 };

/* ---- in a body ---- */

struct victim {
    atomic_long thread;
    atomic_int go;
    struct filch_future below[tasks_count];
    atomic_int runs;
    bool submits;
};

/* Fills its own deque, says who runs it, and goes on in small steps, so that the signal meets it in user code. */
static int be_victim(void *data)
{
    struct victim *victim = data;
    for (int i = 0; victim->submits && i < tasks_count; i++)
        must(filch_submit(NULL, &victim->below[i], count_up, &victim->runs) == 0);
    atomic_store(&victim->thread, thread_id());
    while (!atomic_load(&victim->go))
        ;
    return 0;
}

/* Tasks that submit and wait: their strands become ready on the other workers. */
static int submit_and_wait(void *data)
{
    struct filch_future future = {0};
    must(filch_submit(NULL, &future, count_up, data) == 0);
    return filch_wait(&future);
}

static void work_outside(struct filch_pool *pool, int count)
{
    struct filch_future *futures = calloc((size_t)count, sizeof *futures);
    atomic_int runs = 0;
    must(futures != NULL);
    for (int i = 0; i < count; i++)
        must(filch_submit(pool, &futures[i], i % 3 ? count_up : submit_and_wait, &runs) == 0);
    for (int i = 0; i < count; i++)
        must(filch_wait(&futures[i]) == 0);
    must(atomic_load(&runs) == count);
    free(futures);
}

static void freeze_in_body(unsigned limit, bool submits)
{
    struct victim *victim = calloc(1, sizeof *victim);
    must(victim != NULL);
    struct filch_pool *pool = pool_of(limit);
    struct filch_future future = {0};
    victim->submits = submits;
    cr_assert_eq(filch_submit(pool, &future, be_victim, victim), 0);
    wait_until(atomic_load(&victim->thread) != 0);
    freeze(atomic_load(&victim->thread));
    for (int i = 0; submits && i < tasks_count; i++) /* in the deque of the one that stands still, mostly */
        cr_assert_eq(filch_wait(&victim->below[i]), 0);
    work_outside(pool, TEST_SHARE(tasks_count));
    cr_assert_not(filch_done(&future));
    atomic_store(&victim->go, 1);
    thaw();
    cr_assert_eq(filch_wait(&future), 0);
    cr_assert_eq(atomic_load(&victim->runs), submits ? tasks_count : 0);
    pool_end(pool);
    free(victim);
}

Test(frozen, in_a_body_leaves_all_other_work_to_others, .timeout = TEST_TIMEOUT)
{
    for (unsigned limit = 2; limit <= 4; limit++) {
        freeze_in_body(limit, false);
        freeze_in_body(limit, true);
    }
    printf("figure: P11 frozen in a body 6 times: %d other tasks, all done meanwhile\n",
           3 * (tasks_count + 2 * TEST_SHARE(tasks_count)));
}

/* Tasks with a gate in their options go through it one by one while a worker stands still; when that one holds the
 * gate's permit, those in line wait for it, hold no worker, and all others go on. */
static void freeze_beside_gate(bool holds_permit)
{
    struct victim *victim = calloc(1, sizeof *victim);
    struct filch_future future = {0}, *gated = calloc(tasks_count, sizeof *gated);
    atomic_int runs = 0;
    must(victim != NULL && gated != NULL);
    struct filch_pool *pool = pool_of(2);
    struct filch_gate *gate = NULL;
    cr_assert_eq(filch_gate_open(&gate, 1), 0);
    struct filch_task_options options = {.gate = gate};
    cr_assert_eq(filch_submit_with(pool, &future, be_victim, victim, holds_permit ? &options : NULL), 0);
    wait_until(atomic_load(&victim->thread) != 0);
    freeze(atomic_load(&victim->thread));
    for (int i = 0; i < TEST_SHARE(tasks_count); i++)
        cr_assert_eq(filch_submit_with(pool, &gated[i], count_up, &runs, &options), 0);
    work_outside(pool, TEST_SHARE(tasks_count));
    for (int i = 0; !holds_permit && i < TEST_SHARE(tasks_count); i++)
        cr_assert_eq(filch_wait(&gated[i]), 0);
    cr_assert_eq(atomic_load(&runs), holds_permit ? 0 : TEST_SHARE(tasks_count));
    atomic_store(&victim->go, 1);
    thaw();
    cr_assert_eq(filch_wait(&future), 0);
    for (int i = 0; i < TEST_SHARE(tasks_count); i++)
        cr_assert_eq(filch_wait(&gated[i]), 0);
    cr_assert_eq(atomic_load(&runs), TEST_SHARE(tasks_count));
    pool_end(pool);
    cr_assert_eq(filch_gate_available(gate), 1);
    cr_assert_eq(filch_gate_close(gate), 0);
    free(gated);
    free(victim);
}

Test(frozen, in_a_body_leaves_a_gate_to_others, .timeout = TEST_TIMEOUT)
{
    freeze_beside_gate(false);
}

Test(frozen, with_the_permit_of_a_gate_holds_up_those_in_line_only, .timeout = TEST_TIMEOUT)
{
    freeze_beside_gate(true);
}

/* A handful: what a worker took from the entry queue along with the body in which it is stopped. */
Test(frozen, with_its_hands_full, .timeout = TEST_TIMEOUT)
{
    struct filch_pool *pool = pool_of(2);
    struct held held;
    struct victim *victim = calloc(1, sizeof *victim);
    must(victim != NULL);
    struct filch_future future = {0}, *rest = calloc(tasks_count, sizeof *rest);
    atomic_int runs = 0;
    must(rest != NULL);
    held_begin(&held, pool);
    cr_assert_eq(filch_submit(pool, &future, be_victim, victim), 0);
    for (int i = 0; i < tasks_count; i++)
        cr_assert_eq(filch_submit(pool, &rest[i], count_up, &runs), 0);
    wait_until(atomic_load(&victim->thread) != 0);
    freeze(atomic_load(&victim->thread));
    held_end(&held);
    for (int i = 0; i < tasks_count; i++)
        cr_assert_eq(filch_wait(&rest[i]), 0);
    atomic_store(&victim->go, 1);
    thaw();
    cr_assert_eq(filch_wait(&future), 0);
    pool_end(pool);
    free(rest);
    free(victim);
}

/* ---- anywhere ---- */

static void *keep_busy(void *data)
{
    struct load *load = data;
    for (; !atomic_load(&load->stop); atomic_fetch_add(&load->rounds, 1))
        work_outside(load->pool, 20);
    return NULL;
}

Test(frozen, at_any_instruction_for_a_while_loses_nothing, .timeout = TEST_TIMEOUT)
{
    struct filch_pool_config config = {.min_workers = workers, .max_concurrency = workers, .worker_init = note_thread};
    struct load load = {pool_open(&config), 0, 0};
    pthread_t thread = thread_start(keep_busy, &load);
    int rounds = TEST_SHARE(100), went_on = freeze_at_random(&load, workers, rounds);
    atomic_store(&load.stop, 1);
    thread_join(thread);
    pool_end(load.pool);
    printf("figure: P11 frozen at random %d times: nothing lost; the others went on meanwhile in %d\n", rounds,
           went_on);
}

/* Whichever of them is woken, the one that stands still as well: all is done once it goes on. */
Test(frozen, in_its_sleep_loses_nothing, .timeout = TEST_TIMEOUT)
{
    struct filch_pool_config config = {.min_workers = workers, .max_concurrency = workers, .worker_init = note_thread};
    struct filch_pool *pool = pool_open(&config);
    for (int i = 0; i < TEST_SHARE(300); i++) {
        struct filch_future futures[10] = {{{0}}};
        atomic_int runs = 0;
        wait_until(stats_of(pool).running == 0);
        freeze(atomic_load(&worker_thread[i % workers]));
        for (int k = 0; k < 10; k++)
            cr_assert_eq(filch_submit(pool, &futures[k], k % 2 ? submit_and_wait : count_up, &runs), 0);
        dawdle(i % 500);
        thaw();
        for (int k = 0; k < 10; k++)
            cr_assert_eq(filch_wait(&futures[k]), 0);
        cr_assert_eq(atomic_load(&runs), 10);
    }
    meet_all(pool, workers);
    pool_end(pool);
}
