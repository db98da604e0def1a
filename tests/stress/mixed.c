/* SPDX-License-Identifier: MIT */
/* mixed.c - all that may hold a task back or end it early, mixed at random over two pools: edges (from tasks that fail,
 * too), gates in the options and entered, scopes of every policy in one another, time-outs, cancels, priorities,
 * blocking calls, sleep, threads of their own, and limits of pools and gates that move.
 *
 * Players (threads, and tasks inside tasks) submit batches and judge each when it has ended: every task ran once or was
 * dropped once or was refused, for a reason that its batch gives. Metered meanwhile: bodies that run, and holders of
 * gates. So that nothing waits in a circle, who holds a gate waits only for what needs later gates.
 */
#include "deadlock.h"

#include "mixed.h"
#include "mixed_judge.h"

/* ---- a batch begins ---- */

static void pick_edges(struct batch *batch, struct task *task)
{
    unsigned before = (unsigned)(task - batch->task);
    unsigned wanted = random_below(&batch->random, 3) ? 0 : 1 + random_below(&batch->random, edges_most);
    for (unsigned i = 0; i < wanted; i++) {
        struct task *other = &batch->task[before ? random_below(&batch->random, before) : 0];
        if (before == 0 || random_below(&batch->random, 8) == 0)
            task->after[task->edges++] = &batch->promise;
        else if (!other->owned)
            task->after[task->edges++] = &other->future;
    }
}

static struct filch_task_options pick_options(struct batch *batch, struct task *task)
{
    struct field *field = batch->field;
    uint64_t *random = &batch->random;
    if (batch->first_gate < gates && random_below(random, 6) == 0)
        task->gate = batch->first_gate + (int)random_below(random, (unsigned)(gates - batch->first_gate));
    task->always = random_below(random, 8) == 0;
    task->timed = random_below(random, 16) == 0;
    if (random_below(random, 200) == 0) {
        task->own_thread = atomic_fetch_add(&field->own_threads, 1) < own_threads_most;
        if (!task->own_thread)
            atomic_fetch_sub(&field->own_threads, 1);
    }
    return (struct filch_task_options){
        .name = random_below(random, 4) ? NULL : "mixed",
        .flags = (task->always ? FILCH_TASK_RUN_ALWAYS : 0) | (task->own_thread ? FILCH_TASK_OWN_THREAD : 0),
        .priority = random_below(random, 4) ? 0 : (int)random_below(random, 3) - 1,
        .timeout_ns = task->timed ? 1 + random_below(random, 200000) : 0,
        .scope = batch->in_scope,
        .gate = task->gate >= 0 ? field->gate[task->gate] : NULL,
        .after = task->after,
        .after_count = task->edges,
        .dropped = drop_task,
    };
}

static void submit_task(struct batch *batch, struct task *task, int pool)
{
    task->batch = batch;
    task->random = random_next(&batch->random);
    task->gate = -1;
    task->pool = batch->in_scope ? pool : (int)random_below(&batch->random, pools);
    task->owned = batch->in_scope && random_below(&batch->random, 8) == 0;
    pick_edges(batch, task);
    struct filch_task_options options = pick_options(batch, task);
    if (batch->in_scope && (task->owned || random_below(&batch->random, 2)))
        task->refused =
            filch_scope_submit(batch->in_scope, task->owned ? NULL : &task->future, run_task, task, &options);
    else
        task->refused = filch_submit_with(batch->field->pool[task->pool], &task->future, run_task, task, &options);
    claim(task->refused == 0 || (task->refused == -ECANCELED && batch->in_scope));
    if (task->refused)
        leave_thread(task);
}

/* The scope of one in three has a time-out, and a policy at random. */
static void open_scope(struct batch *batch, struct filch_scope *parent, int pool)
{
    uint64_t *random = &batch->random;
    batch->policy = (enum filch_policy)random_below(random, 4);
    batch->need = batch->policy == FILCH_SCOPE_FIRST_SUCCESS ? 1 : 0;
    if (batch->policy == FILCH_SCOPE_COUNT)
        batch->need = 1 + random_below(random, batch->count);
    struct filch_scope_config config = {
        .policy = batch->policy,
        .need = batch->policy == FILCH_SCOPE_COUNT ? batch->need : 0,
        .timeout_ns = random_below(random, 3) ? 0 : 1 + random_below(random, 500000),
        .parent = parent,
        .on_error = count_error,
        .ctx = &batch->errors,
    };
    int result = filch_scope_open(&batch->scope, batch->field->pool[pool], &config);
    claim(result == 0 || (result == -ECANCELED && parent));
    if (result == 0)
        batch->in_scope = &batch->scope;
    batch->may_cancel_scope = config.policy != FILCH_SCOPE_ALL || config.timeout_ns || parent || batch->depth > 0;
}

/* ---- players ---- */

static void disturb(struct batch *batch)
{
    uint64_t *random = &batch->random;
    for (unsigned i = random_below(random, 4) ? 0 : 1 + random_below(random, 3); i > 0; i--)
        cancel_task(&batch->task[random_below(random, batch->count)]);
    if (random_below(random, 12) == 0)
        cancel_scope(batch);
}

static int wait_for_batch(struct batch *batch)
{
    uint64_t *random = &batch->random;
    struct task *some = &batch->task[random_below(random, batch->count)];
    if (!some->owned && random_below(random, 4) == 0)
        (void)filch_wait_until(&some->future, filch_in_ns(random_below(random, 50000)));
    int result = batch->in_scope ? filch_scope_close(batch->in_scope) : 0;
    for (unsigned i = 0; i < batch->count; i++) {
        struct task *task = &batch->task[i];
        claim(!batch->in_scope || task->owned || filch_done(&task->future));
        if (!task->owned)
            (void)filch_wait(&task->future);
    }
    return result;
}

/* One batch, from submit to judgement. Until its promise is kept, whoever plays waits for nothing. */
static void play(struct field *field, struct filch_scope *parent, int first_gate, int depth, uint64_t seed)
{
    struct batch *batch = calloc(1, sizeof *batch);
    must(batch != NULL);
    *batch = (struct batch){.field = field, .random = seed, .first_gate = first_gate, .depth = depth};
    batch->count = 1 + random_below(&batch->random, depth ? 4 : batch_most);
    batch->may_cancel_tasks = depth > 0; /* a cancel of who waits is passed on */
    int pool = (int)random_below(&batch->random, pools);
    filch_promise_init(&batch->promise);
    if (random_below(&batch->random, 2))
        open_scope(batch, parent, pool);
    for (unsigned i = 0; i < batch->count; i++)
        submit_task(batch, &batch->task[i], pool);
    disturb(batch);
    claim(filch_complete(&batch->promise, random_below(&batch->random, 8) ? 0 : -EPERM) == 0);
    disturb(batch);
    judge(batch, wait_for_batch(batch));
    free(batch);
}

/* Bodies that end when as many run as the limit allows, in the middle of everything: no permit may idle. */
struct gathering {
    struct field *field;
    int pool;
    struct meeting meeting;
};

static int gather(void *data)
{
    struct gathering *gathering = data;
    struct field *field = gathering->field;
    meter_enter(&field->all_bodies[gathering->pool]);
    meter_enter(&field->bodies[gathering->pool]);
    meet(&gathering->meeting);
    meter_leave(&field->bodies[gathering->pool]);
    meter_leave(&field->all_bodies[gathering->pool]);
    return 0;
}

static void gather_all(struct field *field, int pool)
{
    struct gathering gathering = {field, pool, {.count = field->limit[pool]}};
    struct filch_future *futures = calloc(field->limit[pool], sizeof *futures);
    must(futures != NULL);
    if (!atomic_flag_test_and_set(&field->meeting[pool])) { /* two at once would wait for each other's permits */
        for (unsigned i = 0; i < field->limit[pool]; i++)
            claim(filch_submit(field->pool[pool], &futures[i], gather, &gathering) == 0);
        for (unsigned i = 0; i < field->limit[pool]; i++)
            claim(filch_wait(&futures[i]) == 0);
        atomic_flag_clear(&field->meeting[pool]);
    }
    free(futures);
}

struct player {
    struct field *field;
    uint64_t random;
    int plays;
};

static void *play_thread(void *data)
{
    struct player *player = data;
    struct field *field = player->field;
    uint64_t *random = &player->random;
    struct filch_scope outer;
    for (int i = 0; i < player->plays; i++) {
        struct filch_scope_config config = {.timeout_ns = random_below(random, 3) ? 0 : random_below(random, 2000000)};
        claim(filch_scope_open(&outer, field->pool[random_below(random, pools)], &config) == 0);
        for (int n = 0; n < 8; n++) {
            play(field, random_below(random, 2) ? &outer : NULL, 0, 0, random_next(random));
            if (random_below(random, 16) == 0)
                filch_scope_cancel(&outer);
            if (field->steady && random_below(random, 32) == 0)
                gather_all(field, (int)random_below(random, pools));
            int gate = (int)random_below(random, gates);
            if (random_below(random, 8) == 0 && enter_gate(field, gate, random) == 0)
                leave_gate(field, gate);
        }
        int result = filch_scope_close(&outer);
        claim(result == 0 || result == -ECANCELED || (result == -ETIMEDOUT && config.timeout_ns));
    }
    atomic_fetch_sub(&field->players, 1);
    return NULL;
}

/* ---- a round ---- */

/* Nothing waits in a circle, however it may look at any moment. */
static void find_deadlock(void *ctx, const struct filch_deadlock *deadlock)
{
    (void)ctx;
    fprintf(stderr, "%zu tasks are said to wait for each other\n", deadlock->count);
    claim(deadlock->count == 0);
}

static struct field *field_new(struct tally *tally, uint64_t *random)
{
    struct field *field = calloc(1, sizeof *field);
    must(field != NULL);
    field->tally = tally;
    field->steady = random_below(random, 2);
    atomic_store(&field->players, threads);
    for (int i = 0; i < pools; i++) {
        field->limit[i] = 1 + random_below(random, random_below(random, 4) ? 4 : 16);
        struct filch_pool_config config = {.max_concurrency = field->limit[i],
                                           .idle_timeout_ns = random_below(random, 2) ? FILCH_US(50) : 0,
                                           .stuck_after_ns = random_below(random, 4) ? FILCH_MS(1) : 0,
                                           .deadlock = find_deadlock,
                                           .flags = random_below(random, 2) ? FILCH_POOL_NO_IDLE_WORKERS : 0};
        field->pool[i] = pool_open(&config);
    }
    for (int i = 0; i < gates; i++) {
        field->permits[i] = 1 + random_below(random, 4);
        field->gate[i] = gate_of(field->permits[i]);
    }
    return field;
}

/* In the middle of everything, where the pool itself looks only when nothing runs. */
static void look_for_circles(struct field *field, int pool)
{
    struct filch_deadlock deadlock;
    enum filch__deadlock found = filch__deadlock_find(field->pool[pool], &deadlock);
    claim(found != FILCH__DEADLOCK_FOUND);
    field->tally->searches++;
    field->tally->clear += found == FILCH__DEADLOCK_NONE;
}

static void move_limits(struct field *field, uint64_t *random)
{
    while (atomic_load(&field->players) > 0) {
        look_for_circles(field, (int)random_below(random, pools));
        int pool = (int)random_below(random, pools), gate = (int)random_below(random, gates);
        unsigned limit = 1 + random_below(random, field->limit[pool]);
        claim(filch_pool_resize(field->pool[pool], random_below(random, 2) ? limit : 0, limit) == 0);
        claim(filch_pool_available(field->pool[pool]) <= field->limit[pool]);
        claim(filch_gate_resize(field->gate[gate], random_below(random, field->permits[gate] + 1)) == 0);
        claim(filch_gate_available(field->gate[gate]) <= field->permits[gate]);
        dawdle((int)random_below(random, 500));
        for (int i = 0; i < gates; i++) /* or little would get through */
            if (random_below(random, 2))
                claim(filch_gate_resize(field->gate[i], field->permits[i]) == 0);
    }
    for (int i = 0; i < pools; i++)
        claim(filch_pool_resize(field->pool[i], 1, field->limit[i]) == 0);
    for (int i = 0; i < gates; i++)
        claim(filch_gate_resize(field->gate[i], field->permits[i]) == 0);
}

/* Everything has ended: each permit is there, and a stuck task's was lent once at most. */
static void field_free(struct field *field)
{
    for (int i = 0; i < pools; i++) {
        meet_all(field->pool[i], field->limit[i]);
        wait_until(filch_pool_available(field->pool[i]) == field->limit[i]);
        int stuck = (int)stats_of(field->pool[i]).stuck;
        claim(atomic_load(&field->bodies[i].now) == 0 && atomic_load(&field->all_bodies[i].now) == 0);
        claim(atomic_load(&field->bodies[i].high) <= (int)field->limit[i]);
        claim(atomic_load(&field->all_bodies[i].high) <= (int)field->limit[i] + stuck);
        pool_end(field->pool[i]);
    }
    for (int i = 0; i < gates; i++) {
        claim(atomic_load(&field->holders[i].now) == 0 && gate_waiting(field->gate[i]) == 0);
        claim(filch_gate_available(field->gate[i]) == field->permits[i]);
        claim(field->permits[i] > 1 || field->guarded[i] == atomic_load(&field->entered[i]));
        claim(filch_gate_close(field->gate[i]) == 0);
    }
    free(field);
}

static void round_of(uint64_t seed, struct tally *tally)
{
    uint64_t random = seed;
    struct field *field = field_new(tally, &random);
    struct player player[threads];
    pthread_t id[threads];
    for (int i = 0; i < threads; i++) {
        player[i] = (struct player){field, random_next(&random), TEST_SHARE(40)};
        id[i] = thread_start(play_thread, &player[i]);
    }
    if (!field->steady)
        move_limits(field, &random);
    for (int i = 0; i < threads; i++)
        thread_join(id[i]);
    field_free(field);
}

int main(int argc, char **argv)
{
    static struct tally tally;
    (void)argc;
    stress_begin(argv, "mixed", 5000, 1300);
    while (stress_next())
        round_of(stress.seed, &tally);
    long ran = atomic_load(&tally.ran), dropped = atomic_load(&tally.dropped);
    claim(atomic_load(&tally.submitted) == ran + dropped);
    printf("figure: P1 P4 %ld tasks with edges, gates, scopes, time-outs, cancels and moving limits: %ld run (%ld "
           "timed out), %ld "
           "dropped, %ld refused, each once and with reason; never above a limit, all permits back\n",
           ran + dropped + atomic_load(&tally.refused), ran, atomic_load(&tally.timed_out), dropped,
           atomic_load(&tally.refused));
    printf("figure: P21 no deadlock seen in %ld looks at who waits for whom, %ld of them undisturbed\n", tally.searches,
           tally.clear);
    return 0;
}
