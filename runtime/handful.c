/* SPDX-License-Identifier: MIT */
#include "handful.h"

#include "os.h"

#include <filch/detail/atomic.h>

static uint32_t end_of(uint64_t word)
{
    return (uint32_t)word;
}

/* The word after `word`, with another end. */
static uint64_t succeed(uint64_t word, uint32_t end)
{
    return ((word >> 32) + 1) << 32 | end;
}

static bool is_before(uint32_t i, uint32_t end)
{
    return (int32_t)(end - i) > 0;
}

static uintptr_t *slot_at(struct filch__handful *handful, uint32_t i)
{
    return &handful->slot[i % FILCH__HANDFUL];
}

void filch__handful_fill(struct filch__handful *handful, const uintptr_t *items, size_t count)
{
    uint64_t word = filch__load_relaxed(&handful->word);
    uint32_t end = end_of(word); /* empty, so next is end, and no thief's CAS can succeed */
    for (size_t i = 0; i < count; i++)
        filch__store_relaxed(slot_at(handful, end + (uint32_t)i), items[i]);
    filch__store_seq_cst(&handful->word, succeed(word, end + (uint32_t)count)); /* H4 */
}

/* A thief is at work: claim item i by a CAS that makes its CAS fail, or find that it was taken. */
static filch__cold bool claim_slow(struct filch__handful *handful, uint32_t i)
{
    uint64_t word = filch__load_acquire(&handful->word);
    do {
        if (!is_before(i, end_of(word)))
            return false;
    } while (!filch__cas_acq_rel(&handful->word, &word, succeed(word, end_of(word)))); /* H3: pairs with open() */
    return true;
}

uintptr_t filch__handful_take(struct filch__handful *handful)
{
    uint32_t i = handful->next;
    if (!is_before(i, end_of(filch__load_relaxed(&handful->word))))
        return 0;
    filch__store_release(&handful->next, i + 1);
    filch__os_barrier_light();                                          /* H1: pairs with open() */
    bool claimed = filch__likely(!filch__load_acquire(&handful->guard)) /* H2 */
                       ? is_before(i, end_of(filch__load_relaxed(&handful->word)))
                       : claim_slow(handful, i);
    if (!claimed) {
        filch__store_relaxed(&handful->next, i);
        return 0;
    }
    return filch__load_relaxed(slot_at(handful, i));
}

size_t filch__handful_open(struct filch__handful *handful, uintptr_t items[FILCH__HANDFUL])
{
    if (!filch__handful_has_items(handful) || filch__load_relaxed(&handful->opening) ||
        filch__exchange_acquire(&handful->opening, 1))
        return 0;
    size_t count = 0;
    filch__store_relaxed(&handful->guard, 1);
    filch__os_barrier(); /* H1: pairs with take() */
    uint64_t word = filch__load_acquire(&handful->word);
    for (;;) {
        uint32_t next = filch__load_acquire(&handful->next), end = end_of(word);
        if (!is_before(next, end))
            break;
        uint32_t from = next + (end - next) / 2;
        for (uint32_t i = from; i != end; i++)
            items[i - from] = filch__load_relaxed(slot_at(handful, i));
        if (filch__cas_acq_rel(&handful->word, &word, succeed(word, from))) { /* H2, H3 */
            count = end - from;
            break;
        }
    }
    filch__store_release(&handful->guard, 0); /* H2 */
    filch__store_release(&handful->opening, 0);
    return count;
}

bool filch__handful_has_items(const struct filch__handful *handful)
{
    uint32_t next = filch__load_acquire(&handful->next);
    return is_before(next, end_of(filch__load_seq_cst(&handful->word))); /* H4 */
}

size_t filch__handful_size(const struct filch__handful *handful)
{
    uint32_t next = filch__load_acquire(&handful->next);
    int32_t size = (int32_t)(end_of(filch__load_acquire(&handful->word)) - next);
    return size > 0 ? (size_t)size : 0;
}
