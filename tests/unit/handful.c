/* SPDX-License-Identifier: MIT */
/* handful.c - tasks that their owner takes in order, and that thieves open by force: nothing lost, nothing doubled. */
#include "handful.h"
#include "os.h"

#include "support/tasks.h"
#include "support/test.h"

static struct filch__handful *handful_new(uint32_t start)
{
    struct filch__handful *handful = aligned_alloc(FILCH_CACHELINE, sizeof *handful);
    must(handful != NULL);
    memset(handful, 0, sizeof *handful);
    handful->next = start;
    handful->word = start;
    filch__os_barrier_init();
    return handful;
}

static void fill(struct filch__handful *handful, uintptr_t first, size_t count)
{
    uintptr_t items[FILCH__HANDFUL];
    for (size_t i = 0; i < count; i++)
        items[i] = first + i;
    filch__handful_fill(handful, items, count);
}

Test(handful, the_owner_takes_in_order, .timeout = TEST_TIMEOUT)
{
    struct filch__handful *handful = handful_new(UINT32_MAX - 100); /* the indices wrap on the way */
    uintptr_t next = 1;
    cr_assert_eq(filch__handful_take(handful), 0);
    for (size_t count = 1; count <= FILCH__HANDFUL; count++) {
        cr_assert_not(filch__handful_has_items(handful));
        fill(handful, next, count);
        for (size_t i = 0; i < count; i++) {
            cr_assert(filch__handful_has_items(handful));
            cr_assert_eq(filch__handful_size(handful), count - i);
            cr_assert_eq(filch__handful_take(handful), next);
            next++;
        }
        cr_assert_eq(filch__handful_take(handful), 0);
    }
    free(handful);
}

Test(handful, a_thief_takes_the_later_half_in_order, .timeout = TEST_TIMEOUT)
{
    struct filch__handful *handful = handful_new(0);
    uintptr_t items[FILCH__HANDFUL];
    if (!filch__os_has_barrier())
        return free(handful);
    cr_assert_eq(filch__handful_open(handful, items), 0);
    fill(handful, 1, 7);
    cr_assert_eq(filch__handful_take(handful), 1);
    cr_assert_eq(filch__handful_open(handful, items), 3);
    for (size_t i = 0; i < 3; i++)
        cr_assert_eq(items[i], 5 + i);
    for (uintptr_t i = 2; i <= 4; i++)
        cr_assert_eq(filch__handful_take(handful), i);
    cr_assert_eq(filch__handful_take(handful), 0);
    fill(handful, 9, 1);
    cr_assert_eq(filch__handful_open(handful, items), 1, "the last one as well");
    cr_assert_eq(items[0], 9);
    cr_assert_eq(filch__handful_take(handful), 0);
    free(handful);
}

struct robbery {
    struct filch__handful *handful;
    atomic_char *got;
    atomic_bool over;
    atomic_long stolen;
};

static void *rob(void *data)
{
    struct robbery *robbery = data;
    uintptr_t items[FILCH__HANDFUL];
    while (!atomic_load(&robbery->over)) {
        size_t count = filch__handful_open(robbery->handful, items);
        for (size_t i = 0; i < count; i++)
            must(atomic_fetch_add(&robbery->got[items[i]], 1) == 0);
        atomic_fetch_add(&robbery->stolen, (long)count);
        if (!count)
            sched_yield();
    }
    return NULL;
}

Test(handful, stampede_loses_and_doubles_nothing, .timeout = TEST_TIMEOUT)
{
    size_t total = (size_t)TEST_SHARE(400000);
    struct robbery robbery = {.handful = handful_new(UINT32_MAX - 50000), .got = calloc(total + 1 + FILCH__HANDFUL, 1)};
    pthread_t thieves[3];
    if (!filch__os_has_barrier())
        return free(robbery.handful), free(robbery.got);
    for (int i = 0; i < 3; i++)
        thieves[i] = thread_start(rob, &robbery);
    size_t next = 1;
    for (size_t round = 0; next <= total; round++) {
        size_t count = 1 + round % FILCH__HANDFUL;
        fill(robbery.handful, next, count);
        next += count;
        for (uintptr_t item; (item = filch__handful_take(robbery.handful));) {
            must(atomic_fetch_add(&robbery.got[item], 1) == 0);
            if (item % 64 == round % 64)
                dawdle((int)(round % 20));
        }
    }
    atomic_store(&robbery.over, true);
    for (int i = 0; i < 3; i++)
        thread_join(thieves[i]);
    for (size_t i = 1; i < next; i++)
        cr_assert_eq(atomic_load(&robbery.got[i]), 1, "item %zu", i);
    free(robbery.handful);
    free(robbery.got);
}
