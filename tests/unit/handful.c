/* SPDX-License-Identifier: MIT */
/* handful.c - the tasks that a worker took over: in order for their owner, half for a thief, nothing twice. */
#include "handful.h"

#include "os.h"
#include "support/tasks.h"
#include "support/test.h"

static const uint32_t starts[] = {0, UINT32_MAX - 3, (uint32_t)INT32_MAX - 3, UINT32_MAX - 100};

static void handful_init(struct filch__handful *handful, uint32_t start)
{
    memset(handful, 0, sizeof *handful);
    handful->next = start;
    handful->word = start;
}

static bool barrier_works(void)
{
    filch__os_barrier_init();
    return filch__os_has_barrier();
}

Test(handful, smoke, .timeout = TEST_TIMEOUT)
{
    static struct filch__handful handful;
    uintptr_t items[FILCH__HANDFUL];
    for (size_t s = 0; s < sizeof starts / sizeof starts[0]; s++) {
        handful_init(&handful, starts[s]);
        for (size_t count = 1; count <= FILCH__HANDFUL; count++) {
            cr_assert_eq(filch__handful_take(&handful), 0);
            cr_assert_not(filch__handful_has_items(&handful));
            for (size_t i = 0; i < count; i++)
                items[i] = i + 1;
            filch__handful_fill(&handful, items, count);
            cr_assert_eq(filch__handful_size(&handful), count);
            for (size_t i = 0; i < count; i++) {
                cr_assert(filch__handful_has_items(&handful));
                cr_assert_eq(filch__handful_take(&handful), i + 1);
            }
        }
        cr_assert_eq(filch__handful_size(&handful), 0);
    }
}

Test(handful, a_thief_takes_the_later_half, .timeout = TEST_TIMEOUT)
{
    static struct filch__handful handful;
    uintptr_t items[FILCH__HANDFUL], stolen[FILCH__HANDFUL];
    if (!barrier_works())
        test_skip("membarrier(2) is refused here");
    for (size_t s = 0; s < sizeof starts / sizeof starts[0]; s++) {
        handful_init(&handful, starts[s]);
        cr_assert_eq(filch__handful_open(&handful, stolen), 0);
        for (size_t count = 1; count <= FILCH__HANDFUL; count++) {
            for (size_t i = 0; i < count; i++)
                items[i] = i + 1;
            filch__handful_fill(&handful, items, count);
            size_t got = filch__handful_open(&handful, stolen);
            cr_assert_eq(got, count - count / 2);
            for (size_t i = 0; i < got; i++)
                cr_assert_eq(stolen[i], count / 2 + i + 1);
            for (size_t i = 0; i < count / 2; i++)
                cr_assert_eq(filch__handful_take(&handful), i + 1);
            cr_assert_eq(filch__handful_take(&handful), 0);
            cr_assert_eq(filch__handful_open(&handful, stolen), 0);
        }
    }
}

struct robbery {
    struct filch__handful handful;
    atomic_uchar *seen;
    atomic_int done, thieves;
    atomic_long stolen;
};

static void *rob(void *data)
{
    struct robbery *robbery = data;
    uintptr_t items[FILCH__HANDFUL];
    atomic_fetch_add(&robbery->thieves, 1);
    while (!atomic_load(&robbery->done)) {
        size_t count = filch__handful_open(&robbery->handful, items);
        for (size_t i = 0; i < count; i++) {
            must(i == 0 || items[i] == items[i - 1] + 1);
            must(atomic_fetch_add(&robbery->seen[items[i]], 1) == 0);
        }
        atomic_fetch_add(&robbery->stolen, (long)count);
        if (count == 0)
            sched_yield();
    }
    return NULL;
}

static void race(int thieves, int fills, uint32_t start, uint64_t begun_ns)
{
    struct robbery *robbery = aligned_alloc(256, (sizeof *robbery + 255) / 256 * 256);
    pthread_t threads[4];
    uintptr_t items[FILCH__HANDFUL], next = 1;
    must(robbery != NULL);
    memset(robbery, 0, sizeof *robbery);
    handful_init(&robbery->handful, start);
    robbery->seen = calloc((size_t)fills * FILCH__HANDFUL + 1, sizeof *robbery->seen);
    must(robbery->seen != NULL);
    for (int i = 0; i < thieves; i++)
        threads[i] = thread_start(rob, robbery);
    wait_until(atomic_load(&robbery->thieves) == thieves);
    for (int fill = 0; fill < fills && (fill < 100 || !watchdog_enough(begun_ns)); fill++) {
        size_t count = 1 + (size_t)(fill * 7 % FILCH__HANDFUL);
        uintptr_t last = 0, item;
        for (size_t i = 0; i < count; i++)
            items[i] = next++;
        filch__handful_fill(&robbery->handful, items, count);
        dawdle(fill % 8);
        while ((item = filch__handful_take(&robbery->handful))) {
            must(item > last); /* in order */
            last = item;
            must(atomic_fetch_add(&robbery->seen[item], 1) == 0);
            dawdle(fill % 3);
        }
        must(!filch__handful_has_items(&robbery->handful)); /* the owner leaves none behind */
    }
    atomic_store(&robbery->done, 1);
    for (int i = 0; i < thieves; i++)
        thread_join(threads[i]);
    for (uintptr_t i = 1; i < next; i++)
        cr_assert_eq(atomic_load(&robbery->seen[i]), 1, "item %ld", (long)i);
    free(robbery->seen);
    free(robbery);
}

Test(handful, stampede, .timeout = TEST_TIMEOUT)
{
    if (!barrier_works())
        test_skip("membarrier(2) is refused here");
    uint64_t begun_ns = watchdog_now_ns();
    for (size_t s = 0; s < sizeof starts / sizeof starts[0]; s++)
        for (int thieves = 1; thieves <= 3; thieves++)
            race(thieves, TEST_SHARE(10000), starts[s], begun_ns);
}
