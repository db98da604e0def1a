/* SPDX-License-Identifier: MIT */
#include "permits.h"

#define LINE FILCH__PERMITS_LINE
#define HELD FILCH__PERMITS_HELD

_Static_assert((uint64_t)FILCH__PERMITS_MAX *HELD + HELD == LINE, "held reaches up to LINE");

void filch__permits_init(struct filch__permits *permits, uint32_t limit)
{
    filch__store_relaxed(&permits->word, limit);
    filch__lock_init(&permits->lock);
    permits->line = (struct filch__permit_node){.next = &permits->line, .previous = &permits->line};
    permits->waiting = 0;
}

bool filch__permits_destroy(struct filch__permits *permits)
{
    filch__lock(&permits->lock);                         /* P3 */
    uint64_t word = filch__load_acquire(&permits->word); /* P1 */
    filch__unlock(&permits->lock);
    if (word >= HELD)
        return false;
    filch__lock_destroy(&permits->lock);
    return true;
}

static void link_locked(struct filch__permits *permits, struct filch__permit_node *node, struct filch__waiter *waiter)
{
    *node = (struct filch__permit_node){
        .next = &permits->line, .previous = permits->line.previous, .waiter = waiter, .linked = true};
    node->previous->next = node;
    permits->line.previous = node;
    permits->waiting++;
}

static void unlink_locked(struct filch__permits *permits, struct filch__permit_node *node)
{
    node->previous->next = node->next;
    node->next->previous = node->previous;
    node->linked = false;
    permits->waiting--;
}

static void take_out_locked(struct filch__permits *permits, struct filch__permit_node *node)
{
    unlink_locked(permits, node);
    if (!permits->waiting)
        filch__sub_acq_rel(&permits->word, LINE); /* P1: no break in the chain */
}

bool filch__permits_join(struct filch__permits *permits, struct filch__permit_node *node, struct filch__waiter *waiter)
{
    bool taken = false;
    filch__lock(&permits->lock);
    uint64_t word = filch__load_relaxed(&permits->word);
    while (!(word & LINE)) {
        taken = filch__permits_held(word) < filch__permits_limit(word);
        if (filch__cas_acquire(&permits->word, &word, taken ? word + HELD : word + LINE)) /* P1 */
            break;
    }
    if (!taken)
        link_locked(permits, node, waiter);
    filch__unlock(&permits->lock);
    return taken;
}

bool filch__permits_abandon(struct filch__permits *permits, struct filch__permit_node *node)
{
    filch__lock(&permits->lock);
    bool linked = node->linked;
    if (linked)
        take_out_locked(permits, node);
    filch__unlock(&permits->lock);
    return linked;
}

void filch__permits_leave_slow(struct filch__permits *permits)
{
    struct filch__waiter *first = NULL;
    filch__lock(&permits->lock);
    uint64_t word = filch__load_relaxed(&permits->word);
    if (!filch__permits_held(word))
        filch__os_die("a gate is left that nobody has entered");
    if (word & LINE && filch__permits_held(word) <= filch__permits_limit(word)) {
        first = permits->line.next->waiter;
        take_out_locked(permits, permits->line.next);
    } else {
        filch__sub_acq_rel(&permits->word, HELD); /* P1 */
    }
    filch__unlock(&permits->lock);
    if (first)
        filch__waiter_complete(first, permits); /* P2 */
}

/* The first `count` of the line: unlinked, and chained by `next` up to NULL. LINE is the caller's. */
static struct filch__permit_node *cut_locked(struct filch__permits *permits, uint32_t count)
{
    struct filch__permit_node *first = NULL, **tail = &first;
    for (; count; count--) {
        struct filch__permit_node *node = permits->line.next;
        unlink_locked(permits, node);
        node->next = NULL;
        *tail = node;
        tail = &node->next;
    }
    return first;
}

void filch__permits_resize(struct filch__permits *permits, uint32_t limit)
{
    filch__lock(&permits->lock);
    uint64_t word = filch__load_relaxed(&permits->word), next;
    uint32_t served;
    do {
        uint32_t held = filch__permits_held(word), free = limit > held ? limit - held : 0;
        served = permits->waiting < free ? (uint32_t)permits->waiting : free;
        next = limit + (held + served) * HELD + (permits->waiting > served ? LINE : 0);
    } while (!filch__cas_acq_rel(&permits->word, &word, next)); /* P1 */
    struct filch__permit_node *node = cut_locked(permits, served);
    filch__unlock(&permits->lock);
    while (node) {
        struct filch__permit_node *rest = node->next;  /* before: the node is its waiter's again afterwards */
        filch__waiter_complete(node->waiter, permits); /* P2 */
        node = rest;
    }
}
