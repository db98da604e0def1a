/* SPDX-License-Identifier: MIT */
/* usergate.c - user gates under everything at once: threads and tasks of two pools that enter with and without deadlines,
 * one gate within another, permits that are held across waits and given back by somebody else, cancels, and limits that
 * move at random, also to 0. Never more inside than the limit; in the end all permits are there and nobody is in line.
 */
#include "support/gates.h"
#include "support/stress.h"

enum { gates = 2, pools = 2, threads = 2, tasks = 8, moves = 300, victims = 60 };

struct field {
    struct filch_gate *gate[gates];
    unsigned most[gates]; /* inside at any time; main holds one permit more, so that the gate cannot be closed */
    struct meter meter[gates];
    long guarded[gates]; /* where that is one: a lock */
    struct filch_pool *pool[pools];
    atomic_long entered[gates], refused, cancelled;
    atomic_int stop;
};

struct player {
    struct field *field;
    struct filch_future future;
    uint64_t random;
    bool may_be_cancelled;
};

/* ---- inside ---- */

static void come_in(struct field *field, int i)
{
    meter_enter(&field->meter[i]);
    claim(atomic_load(&field->meter[i].now) <= (int)field->most[i]);
    if (field->most[i] == 1)
        field->guarded[i]++;
    atomic_fetch_add(&field->entered[i], 1);
}

static void go_out(struct field *field, int i)
{
    meter_leave(&field->meter[i]);
    filch_gate_leave(field->gate[i]);
}

struct errand {
    struct field *field;
    int gate;
};

static int go_out_for(void *data)
{
    struct errand *errand = data;
    go_out(errand->field, errand->gate);
    return 0;
}

static bool try_to_enter(struct player *player, int i)
{
    struct field *field = player->field;
    uint64_t *random = &player->random;
    uint64_t deadline_ns = FILCH_NO_DEADLINE;
    switch (random_below(random, 4)) {
    case 0:
        deadline_ns = 0;
        break;
    case 1:
        deadline_ns = filch_in_ns(random_below(random, 200000));
        break;
    default:
        break;
    }
    int result = filch_gate_enter(field->gate[i], deadline_ns);
    claim(result == 0 || (result == -ETIMEDOUT && deadline_ns != FILCH_NO_DEADLINE) ||
          (result == -ECANCELED && player->may_be_cancelled));
    if (result)
        atomic_fetch_add(result == -ECANCELED ? &field->cancelled : &field->refused, 1);
    else
        come_in(field, i);
    return result == 0;
}

/* What is done inside, and how the permit goes back. */
static void stay(struct player *player, int i)
{
    struct field *field = player->field;
    uint64_t *random = &player->random;
    struct filch_future other = {0};
    struct errand errand = {field, i};
    struct filch_pool *pool = field->pool[random_below(random, pools)];
    switch (random_below(random, 16)) {
    case 0: /* across a wait */
        claim(filch_submit(pool, &other, nothing, NULL) == 0);
        (void)filch_wait(&other);
        break;
    case 1: /* by a task that was sent; it may not be cancelled through the wait, for it has to run */
        if (player->may_be_cancelled)
            break;
        claim(filch_submit(pool, &other, go_out_for, &errand) == 0);
        claim(filch_wait(&other) == 0);
        return;
    case 2: /* one within another, always in this order */
        if (i == 0 && try_to_enter(player, 1))
            go_out(field, 1);
        break;
    default:
        dawdle((int)random_below(random, 30));
        break;
    }
    go_out(field, i);
}

static int play(void *data)
{
    struct player *player = data;
    for (int m = 0; m < TEST_SHARE(moves) && !filch_cancelled(); m++) {
        int i = (int)random_below(&player->random, gates);
        if (try_to_enter(player, i))
            stay(player, i);
        if (random_below(&player->random, 8) == 0)
            dawdle((int)random_below(&player->random, 100));
    }
    return 0;
}

static void *play_thread(void *data)
{
    play(data);
    return NULL;
}

/* ---- what disturbs ---- */

static void *resize_at_random(void *data)
{
    struct player *player = data;
    struct field *field = player->field;
    uint64_t *random = &player->random;
    while (!atomic_load(&field->stop)) {
        int i = (int)random_below(random, gates);
        claim(filch_gate_resize(field->gate[i], random_below(random, field->most[i] + 2)) == 0);
        claim(filch_gate_available(field->gate[i]) <= field->most[i]);
        claim(filch_gate_close(field->gate[i]) == -EBUSY);
        dawdle((int)random_below(random, 300));
    }
    for (int i = 0; i < gates; i++)
        claim(filch_gate_resize(field->gate[i], field->most[i] + 1) == 0);
    return NULL;
}

/* Tasks that are cancelled while they stand in line, or somewhere else. */
static void cancel_some(struct field *field, uint64_t *random)
{
    for (int round = 0; round < TEST_SHARE(victims); round++) {
        struct player victim = {.field = field, .random = random_next(random), .may_be_cancelled = true};
        claim(filch_submit(field->pool[round % pools], &victim.future, play, &victim) == 0);
        dawdle((int)random_below(random, 400));
        (void)filch_cancel(&victim.future);
        int result = filch_wait(&victim.future);
        claim(result == 0 || result == -ECANCELED);
    }
}

static struct field *field_new(uint64_t *random)
{
    struct field *field = calloc(1, sizeof *field);
    must(field != NULL);
    for (int i = 0; i < gates; i++) {
        field->most[i] = 1 + random_below(random, 3);
        field->gate[i] = gate_of(field->most[i] + 1);
        claim(filch_gate_enter(field->gate[i], 0) == 0);
    }
    for (int i = 0; i < pools; i++)
        field->pool[i] = pool_of(1 + random_below(random, 3));
    return field;
}

static void field_free(struct field *field)
{
    for (int i = 0; i < gates; i++) {
        claim(atomic_load(&field->meter[i].now) == 0 && gate_waiting(field->gate[i]) == 0);
        claim(filch_gate_available(field->gate[i]) == field->most[i]);
        claim(field->most[i] > 1 || field->guarded[i] == atomic_load(&field->entered[i]));
        filch_gate_leave(field->gate[i]);
        claim(filch_gate_close(field->gate[i]) == 0);
    }
    for (int i = 0; i < pools; i++)
        pool_end(field->pool[i]);
    free(field);
}

struct total {
    long entered, refused, cancelled;
};

static void round_of(uint64_t seed, struct total *total)
{
    uint64_t random = seed;
    struct field *field = field_new(&random);
    struct player thread[threads], task[tasks], resizer = {.field = field, .random = random_next(&random)};
    pthread_t id[threads], resizer_id = thread_start(resize_at_random, &resizer);
    for (int i = 0; i < tasks; i++) {
        task[i] = (struct player){.field = field, .random = random_next(&random)};
        claim(filch_submit(field->pool[i % pools], &task[i].future, play, &task[i]) == 0);
    }
    for (int i = 0; i < threads; i++) {
        thread[i] = (struct player){.field = field, .random = random_next(&random)};
        id[i] = thread_start(play_thread, &thread[i]);
    }
    cancel_some(field, &random);
    for (int i = 0; i < threads; i++)
        thread_join(id[i]);
    for (int i = 0; i < tasks; i++)
        claim(filch_wait(&task[i].future) == 0);
    atomic_store(&field->stop, 1);
    thread_join(resizer_id);
    for (int i = 0; i < gates; i++)
        total->entered += atomic_load(&field->entered[i]);
    total->refused += atomic_load(&field->refused);
    total->cancelled += atomic_load(&field->cancelled);
    field_free(field);
}

int main(int argc, char **argv)
{
    struct total total = {0, 0, 0};
    (void)argc;
    stress_begin(argv, "usergate", 5000, 2000);
    while (stress_next())
        round_of(stress.seed, &total);
    printf("figure: P3 P4 %ld times through gates whose limits moved at random (%ld deadlines, %ld cancels in line): "
           "never "
           "above, all permits back\n",
           total.entered, total.refused, total.cancelled);
    return 0;
}
