/* SPDX-License-Identifier: MIT */
/* chaos.c - everything with everything: tasks that come out of completions queues, time out, are cancelled, are waited
 * for by any-of and all-of with deadlines, complete one another's promises, keep their own thread, submit and cancel
 * further ones, from threads and from tasks of two pools that wait on each other.
 *
 * Each player owns a small table of slots, and plays random moves on them; a slot's future is in flight, or it is not.
 * In the end every slot is waited for, and what started must have ended: the counters say so.
 */
#include "support/stress.h"

enum { slots = 12, moves = 400, threads = 2, tasks = 3, pools = 2 };

struct player;

struct slot {
    struct filch_future future;
    struct player *player;
    uint64_t random;
    bool promise, queued; /* queued: it will come out of the player's completions queue */
};

struct tally {
    atomic_int accepted, ran, dropped;
};

struct player {
    struct filch_pool *pool[pools];
    struct tally *tally;
    struct filch_completions *queue;
    struct slot slot[slots];
    int queued; /* slots that are to come out of the queue */
    uint64_t random;
    int depth;
};

static void dropped(void *data, int status)
{
    struct slot *slot = data;
    claim(status == -ECANCELED);
    atomic_fetch_add(&slot->player->tally->dropped, 1);
}

static void play(struct player *player, int count);

/* Some compute, some wait with a deadline, some play on with a table of their own. */
static int body(void *data)
{
    struct slot *slot = data;
    uint64_t random = slot->random;
    struct player *player = slot->player;
    struct filch_future promise = {0};
    atomic_fetch_add(&player->tally->ran, 1);
    switch (random_below(&random, 8)) {
    case 0: {
        filch_promise_init(&promise);
        int result = filch_wait_until(&promise, filch_in_ns(random_below(&random, 200000)));
        claim(result == -ETIMEDOUT || result == -ECANCELED);
        claim(filch_complete(&promise, 0) == 0);
        break;
    }
    case 1:
        for (int i = 0; i < 200 && !filch_cancelled(); i++)
            dawdle(20);
        break;
    case 2:
        if (player->depth > 0) {
            struct player *mine = calloc(1, sizeof *mine);
            must(mine != NULL);
            *mine = (struct player){.tally = player->tally, .random = random_next(&random), .depth = player->depth - 1};
            memcpy(mine->pool, player->pool, sizeof mine->pool);
            play(mine, moves / 40);
            free(mine);
        }
        break;
    case 3:
        return -EIO;
    default:
        dawdle((int)random_below(&random, 50));
        break;
    }
    return 1;
}

static bool in_flight(const struct slot *slot)
{
    int status = filch_status(&slot->future);
    return status == -EINPROGRESS;
}

static void submit_slot(struct player *player, struct slot *slot)
{
    uint64_t *random = &player->random;
    struct filch_task_options options = {
        .name = "chaos",
        .flags = random_below(random, 8) ? 0 : FILCH_TASK_OWN_THREAD,
        .priority = random_below(random, 4) ? 0 : (int)random_below(random, 3) - 1,
        .timeout_ns = random_below(random, 3) ? 0 : 1 + random_below(random, 300000),
        .completions = random_below(random, 2) ? player->queue : NULL,
        .dropped = dropped,
    };
    slot->player = player;
    slot->random = random_next(random);
    slot->queued = options.completions != NULL;
    player->queued += slot->queued;
    struct filch_pool *pool = player->pool[random_below(random, pools)];
    claim(filch_submit_with(pool, &slot->future, body, slot, &options) == 0);
    atomic_fetch_add(&player->tally->accepted, 1);
}

/* Take one that has finished out of the queue. */
static void take_finished(struct player *player, uint64_t deadline_ns)
{
    struct filch_future *future = NULL;
    int result = filch_completions_next(player->queue, deadline_ns, &future);
    claim(result == 0 || result == -ETIMEDOUT || result == -ECANCELED);
    if (result != 0)
        return;
    struct slot *slot = (struct slot *)future;
    claim(filch_done(future) && slot->queued);
    slot->queued = false;
    player->queued--;
}

static void wait_for_some(struct player *player)
{
    uint64_t *random = &player->random;
    struct filch_future *list[slots];
    size_t count = 0, index = SIZE_MAX;
    for (int i = 0; i < slots; i++)
        if (filch_status(&player->slot[i].future) != -EINVAL && random_below(random, 2))
            list[count++] = &player->slot[i].future;
    if (count == 0)
        return;
    uint64_t deadline_ns = filch_in_ns(random_below(random, 200000));
    int result = random_below(random, 2) ? filch_wait_any(list, count, deadline_ns, &index)
                                         : filch_wait_all(list, count, deadline_ns);
    claim(result == 0 || result == -ETIMEDOUT || result == -ECANCELED);
    claim(index == SIZE_MAX || (index < count && filch_done(list[index])));
}

static void move_slot(struct player *player, struct slot *slot)
{
    uint64_t *random = &player->random;
    bool flying = in_flight(slot);
    if (!flying && !slot->queued && random_below(random, 4) == 0) {
        filch_promise_init(&slot->future);
        slot->promise = true;
    } else if (!flying && !slot->queued) {
        slot->promise = false;
        submit_slot(player, slot);
    } else if (flying && slot->promise) {
        int result = random_below(random, 2) ? filch_complete(&slot->future, 2) : filch_cancel(&slot->future);
        claim(result == 0 || result == -EALREADY); /* -EALREADY: a cancel came through a wait */
    } else if (flying && random_below(random, 2)) {
        int result = filch_cancel(&slot->future);
        claim(result == 0 || result == -EINPROGRESS || result == -EALREADY);
    } else if (flying) {
        int result = filch_wait_until(&slot->future, filch_in_ns(random_below(random, 100000)));
        claim(result == 0 || result == -ETIMEDOUT || result == -ECANCELED);
    }
}

static void play(struct player *player, int count)
{
    claim(filch_completions_open(&player->queue) == 0);
    for (int i = 0; i < count; i++) {
        unsigned move = random_below(&player->random, 8);
        if (move == 0)
            wait_for_some(player);
        else if (move == 1)
            take_finished(player, filch_in_ns(random_below(&player->random, 50000)));
        else
            move_slot(player, &player->slot[random_below(&player->random, slots)]);
    }
    for (int i = 0; i < slots; i++) {
        struct slot *slot = &player->slot[i];
        if (slot->promise)
            (void)filch_complete(&slot->future, 0);
        else if (filch_status(&slot->future) != -EINVAL)
            (void)filch_wait(&slot->future);
    }
    /* Some queues are emptied, the others are closed with finished futures in them. */
    if (random_below(&player->random, 2))
        while (player->queued > 0 && !filch_cancelled())
            take_finished(player, FILCH_NO_DEADLINE);
    filch_completions_close(player->queue);
}

static void *play_in_thread(void *data)
{
    play(data, TEST_SHARE(moves));
    return NULL;
}

static int play_in_task(void *data)
{
    play(data, TEST_SHARE(moves));
    return 0;
}

/* Cancels whole players, and resizes, while they play. */
static void disturb(struct filch_future *futures, struct filch_pool *const pool[], uint64_t *random)
{
    for (int i = 0; i < 20; i++) {
        dawdle((int)random_below(random, 2000));
        (void)filch_pool_resize(pool[random_below(random, pools)], 0, 1 + random_below(random, 4));
        if (random_below(random, 10) == 0)
            (void)filch_cancel(&futures[random_below(random, tasks)]);
    }
}

static int round_of(uint64_t seed)
{
    uint64_t random = seed;
    struct tally tally = {0, 0, 0};
    struct player *players = calloc(threads + tasks, sizeof *players);
    struct filch_pool *pool[pools];
    struct filch_future futures[tasks] = {{{0}}};
    pthread_t ids[threads];
    must(players != NULL);
    for (int i = 0; i < pools; i++)
        pool[i] = pool_of(1 + random_below(&random, 4));
    for (int i = 0; i < threads + tasks; i++) {
        players[i] = (struct player){.tally = &tally, .random = random_next(&random), .depth = 2};
        memcpy(players[i].pool, pool, sizeof pool);
    }
    for (int i = 0; i < threads; i++)
        ids[i] = thread_start(play_in_thread, &players[i]);
    for (int i = 0; i < tasks; i++)
        claim(filch_submit(pool[i % pools], &futures[i], play_in_task, &players[threads + i]) == 0);
    disturb(futures, pool, &random);
    for (int i = 0; i < threads; i++)
        thread_join(ids[i]);
    for (int i = 0; i < tasks; i++)
        (void)filch_wait(&futures[i]);
    for (int i = 0; i < pools; i++)
        pool_end(pool[i]);
    claim(atomic_load(&tally.accepted) == atomic_load(&tally.ran) + atomic_load(&tally.dropped));
    free(players);
    return atomic_load(&tally.accepted);
}

int main(int argc, char **argv)
{
    uint64_t total = 0;
    (void)argc;
    stress_begin(argv, "chaos", 6000, 5000);
    while (stress_next())
        total += (uint64_t)round_of(stress.seed);
    printf("figure: P1 %" PRIu64
           " tasks with cancel, time-outs, resize and close at random: each run or dropped once\n",
           total);
    return 0;
}
