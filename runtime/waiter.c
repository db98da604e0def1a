/* SPDX-License-Identifier: MIT */
#include "waiter.h"

#include "os.h"

#include <filch/detail/atomic.h>

#include <errno.h>

static uint32_t state_of(uint32_t word)
{
    return word & FILCH__WAITER_STATE;
}

static uint32_t refs_of(uint32_t word)
{
    return word / FILCH__WAITER_REF;
}

static uint32_t with_state(uint32_t word, uint32_t state)
{
    return (word & ~(uint32_t)FILCH__WAITER_STATE) | state;
}

static void wake_thread(void *target)
{
    filch__os_futex_wake(target, 1);
}

void filch__waiter_init(struct filch__waiter *waiter, uint32_t refs, uint32_t mode, void (*wake)(void *), void *target)
{
    *waiter = (struct filch__waiter){.word = refs * FILCH__WAITER_REF | mode, .wake = wake, .target = target};
}

void filch__waiter_init_thread(struct filch__waiter *waiter, uint32_t refs, uint32_t mode)
{
    filch__waiter_init(waiter, refs, mode, wake_thread, &waiter->word);
}

static void drop_refs(struct filch__waiter *waiter, uint32_t count)
{
    struct filch__wakeup wakeup = {waiter->wake, waiter->target}; /* W2: read before the CAS */
    uint32_t word = filch__load_relaxed(&waiter->word), next;
    do {
        next = word - count * FILCH__WAITER_REF;
        if (!(word & FILCH__WAITER_ALL) || !refs_of(next))
            next = with_state(next, FILCH__WAITER_FIRED);
    } while (!filch__cas_acq_rel(&waiter->word, &word, next)); /* W1, W2; pairs with commit() and who waits */
    if (state_of(word) == FILCH__WAITER_WAITING && state_of(next) == FILCH__WAITER_FIRED)
        filch__wake(wakeup);
}

void filch__waiter_complete_with(struct filch__waiter *waiter, void *source, int status)
{
    if (waiter->tell)
        waiter->tell(waiter->target, source, status);
    else
        drop_refs(waiter, 1);
}

void filch__waiter_discount(struct filch__waiter *waiter, uint32_t count)
{
    if (count)
        drop_refs(waiter, count);
}

struct filch__wakeup filch__waiter_interrupt(struct filch__waiter *waiter, uint32_t reason)
{
    struct filch__wakeup wakeup = {waiter->wake, waiter->target};
    uint32_t word = filch__load_relaxed(&waiter->word);
    do {
        if (state_of(word) == FILCH__WAITER_FIRED)
            return (struct filch__wakeup){0};
    } while (!filch__cas_acq_rel(&waiter->word, &word, with_state(word | reason, FILCH__WAITER_FIRED))); /* W1 */
    return state_of(word) == FILCH__WAITER_WAITING ? wakeup : (struct filch__wakeup){0};
}

bool filch__waiter_commit(struct filch__waiter *waiter)
{
    uint32_t word = filch__load_relaxed(&waiter->word);
    do {
        if (state_of(word) == FILCH__WAITER_FIRED)
            return false;
    } while (!filch__cas_acq_rel(&waiter->word, &word, with_state(word, FILCH__WAITER_WAITING))); /* W3 */
    return true;
}

bool filch__waiter_fired(const struct filch__waiter *waiter)
{
    return state_of(filch__load_acquire(&waiter->word)) == FILCH__WAITER_FIRED; /* W1 */
}

uint32_t filch__waiter_reasons(const struct filch__waiter *waiter)
{
    return filch__load_acquire(&waiter->word) & (FILCH__WAITER_TIMED_OUT | FILCH__WAITER_CANCELLED);
}

bool filch__waiter_release(struct filch__waiter *waiter, uint32_t undone)
{
    uint32_t word = filch__load_acquire(&waiter->word), next;
    if (!refs_of(word))
        return true;
    do {
        next = word - undone * FILCH__WAITER_REF;
        if (refs_of(next))
            next = with_state(next, FILCH__WAITER_PREPARING) | FILCH__WAITER_ALL;
    } while (!filch__cas_acq_rel(&waiter->word, &word, next)); /* W1 */
    return !refs_of(next);
}

void filch__waiter_sleep(struct filch__waiter *waiter, uint64_t deadline_ns)
{
    if (!filch__waiter_commit(waiter))
        return;
    for (;;) {
        uint32_t word = filch__load_acquire(&waiter->word); /* W1 */
        if (state_of(word) == FILCH__WAITER_FIRED)
            return;
        if (filch__os_futex_wait(&waiter->word, word, deadline_ns) == -ETIMEDOUT)
            filch__waiter_interrupt(waiter, FILCH__WAITER_TIMED_OUT);
    }
}
