/* SPDX-License-Identifier: MIT */
/* freed.c - a future's memory is the caller's as soon as its wait returns: it is overwritten and freed right then,
 * while the one who completed it may still be on its way out.
 *
 * Futures of tasks, of copies, of batches and of promises; waited for by threads and tasks, alone and several at once,
 * with deadlines, in all-of and any-of, and through completions. AddressSanitizer sees what is touched too late;
 * without it the pattern that is written does.
 */
#include "support/stress.h"

enum { batch_of = 16 };

static void release(struct filch_future *future)
{
    memset(future, 0xdd, sizeof *future);
    free(future);
}

static struct filch_future *make(void)
{
    struct filch_future *future = calloc(1, sizeof *future);
    must(future != NULL);
    return future;
}

static int work(void *data)
{
    dawdle((int)(uintptr_t)data % 16);
    return 5;
}

/* Wait in one of the ways that end with "done". */
static void wait_somehow(struct filch_future *future, uint64_t *random)
{
    struct filch_future *list[] = {future, future};
    size_t index;
    switch (random_below(random, 6)) {
    case 0:
        claim(filch_wait_until(future, FILCH_NO_DEADLINE) == 0);
        break;
    case 1:
        while (filch_wait_until(future, filch_in_ns(random_below(random, 30000))) != 0)
            ;
        break;
    case 2:
        claim(filch_wait_all(list, 2, FILCH_NO_DEADLINE) == 0);
        break;
    case 3:
        while (filch_wait_any(list, 2, filch_in_ns(random_below(random, 30000)), &index) != 0)
            ;
        break;
    case 4:
        while (!filch_done(future)) /* in a task it would keep its worker from running what it waits for */
            if (filch_pool_current() == NULL)
                dawdle(8);
            else
                claim(filch_wait(future) == 5);
        break;
    default:
        claim(filch_wait(future) == 5);
        break;
    }
    claim(filch_status(future) == 5);
}

/* One waiter, who frees. */
static void alone(struct filch_pool *pool, uint64_t *random)
{
    struct filch_future *future = make();
    claim(filch_submit(pool, future, work, (void *)(uintptr_t)random_below(random, 16)) == 0);
    dawdle((int)random_below(random, 60));
    wait_somehow(future, random);
    release(future);
}

/* Several waiters, of which the last frees. */
struct shared {
    struct filch_future *future;
    atomic_int left, waiters;
    uint64_t random;
};

static void leave(struct shared *shared)
{
    if (atomic_fetch_sub(&shared->left, 1) == 1) {
        release(shared->future);
        free(shared);
    }
}

static int wait_shared(void *data)
{
    struct shared *shared = data;
    uint64_t random = shared->random + (uint64_t)atomic_fetch_add(&shared->waiters, 1);
    wait_somehow(shared->future, &random);
    leave(shared);
    return 0;
}

static void several(struct filch_pool *pool, uint64_t *random)
{
    struct shared *shared = malloc(sizeof *shared);
    struct filch_future tasks[3] = {{{0}}};
    bool promise = random_below(random, 2);
    must(shared != NULL);
    *shared = (struct shared){make(), 4 + promise, 0, random_next(random)};
    if (promise)
        filch_promise_init(shared->future);
    else
        claim(filch_submit(pool, shared->future, work, NULL) == 0);
    for (int i = 0; i < 3; i++)
        claim(filch_submit(pool, &tasks[i], wait_shared, shared) == 0);
    if (promise) {
        dawdle((int)random_below(random, 200));
        claim(filch_complete(shared->future, 5) == 0);
        leave(shared);
    }
    (void)wait_shared(shared);
    for (int i = 0; i < 3; i++)
        claim(filch_wait(&tasks[i]) == 0);
}

/* Promises on the stack of a thread or task, completed elsewhere: the frame is gone right after. */
static int complete_it(void *data)
{
    return filch_complete(data, 5);
}

static void on_the_stack(struct filch_pool *pool, uint64_t *random)
{
    struct filch_future *task = make(), promise = {0};
    filch_promise_init(&promise);
    claim(filch_submit(pool, task, complete_it, &promise) == 0);
    wait_somehow(&promise, random);
    memset(&promise, 0xdd, sizeof promise);
    claim(filch_wait(task) == 0);
    release(task);
}

static void copies(struct filch_pool *pool, uint64_t *random)
{
    struct filch_future *future;
    uint64_t data[4] = {1, 2, 3, 4};
    claim(filch_submit_copy(pool, work, data, sizeof data, NULL, &future) == 0);
    dawdle((int)random_below(random, 60));
    if (random_below(random, 3))
        wait_somehow(future, random);
    filch_future_release(future); /* running, ending or done */
}

static void batches(struct filch_pool *pool, uint64_t *random)
{
    struct filch_future *futures = calloc(batch_of, sizeof *futures);
    struct filch_batch batch = {futures, 0, NULL, 0, batch_of};
    must(futures != NULL);
    claim(filch_submit_many(pool, &batch, work, NULL) == 0);
    dawdle((int)random_below(random, 60));
    while (filch_wait_many(&batch, random_below(random, 2) ? FILCH_NO_DEADLINE : filch_in_ns(20000)) != 0)
        ;
    memset(futures, 0xdd, batch_of * sizeof *futures);
    free(futures);
}

static void through_completions(struct filch_pool *pool, uint64_t *random)
{
    struct filch_completions *queue;
    claim(filch_completions_open(&queue) == 0);
    struct filch_task_options options = {.completions = queue};
    unsigned count = 1 + random_below(random, 8), taken = 0;
    if (random_below(random, 2))
        claim(filch_completions_fd(queue) >= 0);
    for (unsigned i = 0; i < count; i++)
        claim(filch_submit_with(pool, make(), work, NULL, &options) == 0);
    while (taken < count) {
        struct filch_future *future;
        if (filch_completions_next(queue, filch_in_ns(random_below(random, 50000)), &future) == 0) {
            claim(filch_status(future) == 5);
            release(future);
            taken++;
        }
    }
    filch_completions_close(queue); /* at once: the last to report may still be in it */
}

struct player {
    struct filch_pool *pool;
    uint64_t random;
    int cycles;
};

static int play(void *data)
{
    struct player *player = data;
    for (int i = 0; i < player->cycles; i++) {
        switch (random_below(&player->random, 8)) {
        case 0:
            several(player->pool, &player->random);
            break;
        case 1:
            on_the_stack(player->pool, &player->random);
            break;
        case 2:
            copies(player->pool, &player->random);
            break;
        case 3:
            batches(player->pool, &player->random);
            break;
        case 4:
            through_completions(player->pool, &player->random);
            break;
        default:
            alone(player->pool, &player->random);
            break;
        }
    }
    return 0;
}

static void *play_in_thread(void *data)
{
    (void)play(data);
    return NULL;
}

int main(int argc, char **argv)
{
    enum { threads = 2, tasks = 3, cycles = 1000 };
    uint64_t total = 0;
    (void)argc;
    stress_begin(argv, "freed", 6000, 1000);
    while (stress_next()) {
        uint64_t random = stress.seed;
        struct filch_pool *pool = pool_of(1 + random_below(&random, 3));
        struct player players[threads + tasks];
        pthread_t ids[threads];
        struct filch_future futures[tasks] = {{{0}}};
        for (int i = 0; i < threads + tasks; i++)
            players[i] = (struct player){pool, random_next(&random), TEST_SHARE(cycles)};
        for (int i = 0; i < threads; i++)
            ids[i] = thread_start(play_in_thread, &players[i]);
        for (int i = 0; i < tasks; i++)
            claim(filch_submit(pool, &futures[i], play, &players[threads + i]) == 0);
        for (int i = 0; i < threads; i++)
            thread_join(ids[i]);
        for (int i = 0; i < tasks; i++)
            claim(filch_wait(&futures[i]) == 0);
        pool_end(pool);
        total += (uint64_t)(threads + tasks) * TEST_SHARE(cycles);
    }
    printf("figure: P5 %" PRIu64 " futures freed as their waits returned\n", total);
    return 0;
}
