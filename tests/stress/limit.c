/* SPDX-License-Identifier: MIT */
/* limit.c - never more bodies than the limit, and no permit lost: trees of waiting tasks, nested to four times the
 * limit, with errors, cancels, deadlines and bodies that keep their own thread; then under a limit that moves at
 * random.
 */
#include "support/stress.h"

struct load {
    struct filch_pool *pool;
    struct meter meter;
    unsigned own_thread_one_in, cancel_one_in; /* 0: none */
    atomic_int own_threads;                    /* bodies on threads of their own, each of which may block one */
};

enum { most_own_threads = 100 }; /* a pool has FILCH_WORKERS_MAX threads at most */

struct node {
    struct load *load;
    struct filch_future future;
    unsigned level;
    uint64_t random;
    bool own_thread;
};

static int run_node(void *data);

static void leave_thread(struct node *node)
{
    if (node->own_thread)
        atomic_fetch_sub(&node->load->own_threads, 1);
}

static void drop_node(void *data, int status)
{
    (void)status;
    leave_thread(data);
}

static void submit_node(struct node *node)
{
    struct load *load = node->load;
    if (load->own_thread_one_in && random_below(&node->random, load->own_thread_one_in) == 0) {
        node->own_thread = atomic_fetch_add(&load->own_threads, 1) < most_own_threads;
        if (!node->own_thread)
            atomic_fetch_sub(&load->own_threads, 1);
    }
    struct filch_task_options options = {.flags = node->own_thread ? FILCH_TASK_OWN_THREAD : 0, .dropped = drop_node};
    must(filch_submit_with(load->pool, &node->future, run_node, node, node->own_thread ? &options : NULL) == 0);
}

/* The meter is left around the wait, for a task that waits does not run. */
static void wait_outside(struct load *load, struct filch_future *future, uint64_t *random)
{
    meter_leave(&load->meter);
    if (random_below(random, 4) == 0)
        (void)filch_wait_until(future, filch_in_ns(random_below(random, 20000)));
    (void)filch_wait(future);
    meter_enter(&load->meter);
}

static int run_node(void *data)
{
    struct node *node = data;
    struct load *load = node->load;
    uint64_t random = node->random;
    unsigned children = node->level == 0 ? 0 : random_below(&random, 8) ? 1 : 3;
    struct node below[3];
    meter_enter(&load->meter);
    dawdle((int)random_below(&random, 10));
    for (unsigned i = 0; i < children; i++) {
        below[i] = (struct node){.load = load, .level = node->level - 1, .random = random_next(&random)};
        submit_node(&below[i]);
    }
    if (children && load->cancel_one_in && random_below(&random, load->cancel_one_in) == 0)
        (void)filch_cancel(&below[0].future);
    for (unsigned i = 0; i < children; i++)
        wait_outside(load, &below[i].future, &random);
    dawdle((int)random_below(&random, 10));
    meter_leave(&load->meter);
    leave_thread(node);
    return random_below(&random, 8) ? 0 : -EIO;
}

static int high_water(struct load *load, unsigned roots, unsigned nested, uint64_t *random)
{
    struct node *nodes = calloc(roots, sizeof *nodes);
    must(nodes != NULL);
    atomic_store(&load->meter.high, 0);
    for (unsigned i = 0; i < roots; i++) {
        nodes[i] = (struct node){.load = load, .level = nested, .random = random_next(random)};
        submit_node(&nodes[i]);
        if (load->cancel_one_in && random_below(random, 4 * load->cancel_one_in) == 0)
            (void)filch_cancel(&nodes[i].future);
    }
    for (unsigned i = 0; i < roots; i++)
        (void)filch_wait(&nodes[i].future);
    claim(atomic_load(&load->meter.now) == 0);
    free(nodes);
    return atomic_load(&load->meter.high);
}

struct resizer {
    struct filch_pool *pool;
    unsigned most;
    uint64_t random;
    atomic_int stop;
};

static void *resize_at_random(void *data)
{
    struct resizer *resizer = data;
    while (!atomic_load(&resizer->stop)) {
        unsigned limit = 1 + random_below(&resizer->random, resizer->most);
        claim(filch_pool_resize(resizer->pool, random_below(&resizer->random, 2) ? limit : 0, limit) == 0);
        claim(filch_pool_available(resizer->pool) <= resizer->most);
        dawdle((int)random_below(&resizer->random, 500));
    }
    return NULL;
}

static void round_at(unsigned limit, uint64_t *random)
{
    struct filch_pool_config config = {.max_concurrency = limit,
                                       .idle_timeout_ns = random_below(random, 2) ? FILCH_US(50) : 0,
                                       .flags = random_below(random, 2) ? FILCH_POOL_NO_IDLE_WORKERS : 0};
    struct load load = {.pool = pool_open(&config),
                        .own_thread_one_in = random_below(random, 2) * 5,
                        .cancel_one_in = random_below(random, 2) * 6};
    unsigned nested = limit > 8 ? 8 : 4 * limit, roots = TEST_SHARE(60);
    claim(high_water(&load, roots, nested, random) <= (int)limit);
    meet_all(load.pool, limit);
    struct resizer resizer = {.pool = load.pool, .most = limit + 2, .random = random_next(random)};
    pthread_t thread = thread_start(resize_at_random, &resizer);
    claim(high_water(&load, roots, nested, random) <= (int)limit + 2);
    atomic_store(&resizer.stop, 1);
    thread_join(thread);
    claim(filch_pool_resize(load.pool, 1, limit) == 0);
    claim(high_water(&load, roots, 2, random) <= (int)limit);
    meet_all(load.pool, limit);
    pool_end(load.pool);
}

int main(int argc, char **argv)
{
    (void)argc;
    stress_begin(argv, "limit", 6000, 2000);
    while (stress_next()) {
        uint64_t random = stress.seed;
        round_at(1, &random);
        round_at(2, &random);
        round_at(3, &random);
        round_at(4 + random_below(&random, 20), &random);
    }
    printf("figure: P4 %" PRIu64 " rounds at limits of 1, 2, 3 and more: never above, all permits back\n", stress.done);
    return 0;
}
