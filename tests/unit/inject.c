/* SPDX-License-Identifier: MIT */
/* inject.c - the entry queue: first in, first out; any number of producers; takers that never wait for one another. */
#include "inject.h"

#include "support/tasks.h"
#include "support/test.h"

struct item {
    struct filch__link link;
    int producer, number;
    atomic_int seen;
};

static struct item *item_of(struct filch__link *link)
{
    return (struct item *)link;
}

Test(inject, smoke, .timeout = TEST_TIMEOUT)
{
    struct filch__inject queue;
    struct filch__link *taken[4];
    struct item items[10] = {{{0}, 0, 0, 0}};
    filch__inject_init(&queue);
    cr_assert_not(filch__inject_has_items(&queue));
    cr_assert_eq(filch__inject_take(&queue, taken, 4), 0);
    for (int i = 0; i < 10; i++) {
        items[i].number = i;
        filch__inject_push(&queue, &items[i].link);
        cr_assert_eq((int)filch__inject_size(&queue), i + 1);
        cr_assert(filch__inject_has_items(&queue));
    }
    for (int next = 0; next < 10;) {
        size_t count = filch__inject_take(&queue, taken, 4);
        cr_assert_eq((int)count, next < 8 ? 4 : 2);
        for (size_t i = 0; i < count; i++)
            cr_assert_eq(item_of(taken[i])->number, next++);
    }
    cr_assert_not(filch__inject_has_items(&queue));
    cr_assert_eq(filch__inject_size(&queue), 0);
    cr_assert_eq(filch__inject_pushed(&queue), 10);
}

Test(inject, a_chain_goes_in_as_one_and_in_order, .timeout = TEST_TIMEOUT)
{
    struct filch__inject queue;
    struct filch__chain chain;
    struct filch__link *taken[64];
    struct item items[40] = {{{0}, 0, 0, 0}};
    filch__inject_init(&queue);
    filch__chain_init(&chain);
    filch__inject_push_chain(&queue, &chain); /* empty: nothing happens */
    cr_assert_not(filch__inject_has_items(&queue));
    for (int round = 0; round < 20; round++) {
        int number = 0;
        filch__inject_push(&queue, &items[number++].link);
        while (number < 30)
            filch__chain_add(&chain, &items[number++].link);
        filch__inject_push_chain(&queue, &chain);
        filch__inject_push(&queue, &items[number++].link);
        for (int i = 0; i < 5; i++)
            filch__chain_add(&chain, &items[number++].link); /* the chain is empty and usable again */
        filch__inject_push_chain(&queue, &chain);
        cr_assert_eq((int)filch__inject_size(&queue), number);
        cr_assert_eq((int)filch__inject_take(&queue, taken, 64), number);
        for (int i = 0; i < number; i++)
            cr_assert_eq(item_of(taken[i]), &items[i]);
    }
}

struct traffic {
    struct filch__inject queue;
    struct item *items;
    int producers, each;
    atomic_int producer, taken;
    bool chains;
    bool single_taker;
};

static void *produce(void *data)
{
    struct traffic *traffic = data;
    int producer = atomic_fetch_add(&traffic->producer, 1);
    struct item *items = traffic->items + producer * traffic->each;
    struct filch__chain chain;
    filch__chain_init(&chain);
    for (int i = 0; i < traffic->each; i++) {
        items[i].producer = producer;
        items[i].number = i;
        if (traffic->chains && i % 7 != 0) {
            filch__chain_add(&chain, &items[i].link);
            continue;
        }
        filch__inject_push_chain(&traffic->queue, &chain);
        filch__inject_push(&traffic->queue, &items[i].link);
    }
    filch__inject_push_chain(&traffic->queue, &chain);
    return NULL;
}

static void *consume(void *data)
{
    struct traffic *traffic = data;
    struct filch__link *taken[32];
    int last[8], total = traffic->producers * traffic->each;
    memset(last, -1, sizeof last);
    for (size_t limit = 1; atomic_load(&traffic->taken) < total; limit = limit % 32 + 1) {
        /* As a worker does: what has_items does not tell of is not looked for, and would be lost. */
        size_t count = filch__inject_has_items(&traffic->queue) ? filch__inject_take(&traffic->queue, taken, limit) : 0;
        must(count <= limit);
        for (size_t i = 0; i < count; i++) {
            struct item *item = item_of(taken[i]);
            must(atomic_fetch_add(&item->seen, 1) == 0);
            must(item->number > last[item->producer]); /* one producer's items never overtake one another */
            must(!traffic->single_taker || item->number == last[item->producer] + 1);
            last[item->producer] = item->number;
        }
        atomic_fetch_add(&traffic->taken, (int)count);
        if (count == 0)
            sched_yield();
    }
    return NULL;
}

static void run_traffic(int producers, int takers, bool chains)
{
    struct traffic traffic = {
        .producers = producers, .each = TEST_SHARE(30000), .chains = chains, .single_taker = takers == 1};
    pthread_t threads[16];
    int total = producers * traffic.each;
    traffic.items = calloc((size_t)total, sizeof *traffic.items);
    must(traffic.items != NULL);
    filch__inject_init(&traffic.queue);
    for (int i = 0; i < producers; i++)
        threads[i] = thread_start(produce, &traffic);
    for (int i = 0; i < takers; i++)
        threads[producers + i] = thread_start(consume, &traffic);
    for (int i = 0; i < producers + takers; i++)
        thread_join(threads[i]);
    for (int i = 0; i < total; i++)
        cr_assert_eq(atomic_load(&traffic.items[i].seen), 1);
    cr_assert_not(filch__inject_has_items(&traffic.queue));
    cr_assert_eq(filch__inject_size(&traffic.queue), 0);
    cr_assert_eq(filch__inject_pushed(&traffic.queue), (uint64_t)total);
    free(traffic.items);
}

Test(inject, spsc, .timeout = TEST_TIMEOUT)
{
    run_traffic(1, 1, false);
    run_traffic(1, 1, true);
}

Test(inject, stampede, .timeout = TEST_TIMEOUT)
{
    run_traffic(6, 1, false);
    run_traffic(4, 3, true);
    run_traffic(2, 4, false);
}
