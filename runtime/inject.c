/* SPDX-License-Identifier: MIT */
#include "inject.h"

#include <filch/detail/atomic.h>

#include <urcu/wfcqueue.h>

_Static_assert(sizeof(struct filch__link) == sizeof(struct cds_wfcq_node), "a link is liburcu's node");
_Static_assert(sizeof(struct filch__link) == sizeof(struct __cds_wfcq_head), "a head is liburcu's head");
_Static_assert(sizeof(void *) == sizeof(struct cds_wfcq_tail), "a tail is liburcu's tail");

static struct cds_wfcq_node *node_of(struct filch__link *link)
{
    return (struct cds_wfcq_node *)link;
}

static struct __cds_wfcq_head *head_of(struct filch__link *head)
{
    return (struct __cds_wfcq_head *)head;
}

static struct cds_wfcq_tail *tail_of(void **tail)
{
    return (struct cds_wfcq_tail *)tail;
}

void filch__inject_init(struct filch__inject *queue)
{
    *queue = (struct filch__inject){0};
    __cds_wfcq_init(head_of(&queue->head), tail_of(&queue->tail));
}

void filch__inject_push(struct filch__inject *queue, struct filch__link *link)
{
    link->next = NULL;
    filch__tsan_release(link); /* N1 */
    cds_wfcq_enqueue(head_of(&queue->head), tail_of(&queue->tail), node_of(link));
    filch__add_seq_cst(&queue->pushed, 1); /* N2: announces the item; pairs with has_items() */
}

void filch__chain_init(struct filch__chain *chain)
{
    chain->count = 0;
    __cds_wfcq_init(head_of(&chain->head), tail_of(&chain->tail));
}

void filch__chain_add(struct filch__chain *chain, struct filch__link *link)
{
    /* Private until spliced: the tail is moved without an exchange. */
    struct filch__link *last = chain->tail;
    link->next = NULL;
    last->next = link;
    chain->tail = link;
    chain->count++;
    filch__tsan_release(link); /* N1 */
}

void filch__inject_push_chain(struct filch__inject *queue, struct filch__chain *chain)
{
    if (!chain->count)
        return;
    __cds_wfcq_splice_blocking(head_of(&queue->head), tail_of(&queue->tail), head_of(&chain->head),
                               tail_of(&chain->tail));
    filch__add_seq_cst(&queue->pushed, chain->count); /* N2 */
    filch__chain_init(chain);
}

bool filch__inject_has_items(const struct filch__inject *queue)
{
    uint64_t taken = filch__load_acquire(&queue->taken);
    return (int64_t)(filch__load_seq_cst(&queue->pushed) - taken) > 0; /* N2: pairs with push() */
}

size_t filch__inject_size(const struct filch__inject *queue)
{
    uint64_t taken = filch__load_acquire(&queue->taken);
    int64_t size = (int64_t)(filch__load_acquire(&queue->pushed) - taken);
    return size > 0 ? (size_t)size : 0;
}

uint64_t filch__inject_pushed(const struct filch__inject *queue)
{
    return filch__load_relaxed(&queue->pushed);
}

size_t filch__inject_take(struct filch__inject *queue, struct filch__link *items[], size_t limit)
{
    if (filch__load_relaxed(&queue->taking) || filch__exchange_acquire(&queue->taking, 1)) /* N3 */
        return 0;
    size_t count = 0;
    while (count < limit) {
        struct cds_wfcq_node *node = __cds_wfcq_dequeue_nonblocking(head_of(&queue->head), tail_of(&queue->tail));
        if (!node || node == CDS_WFCQ_WOULDBLOCK)
            break; /* empty, or the next one's producer is between exchange and link */
        items[count] = (struct filch__link *)node;
        filch__tsan_acquire(node); /* N1 */
        __builtin_prefetch(filch__load_relaxed(&queue->head.next), 1);
        count++;
    }
    if (count)
        filch__store_release(&queue->taken, queue->taken + count);
    filch__store_release(&queue->taking, 0); /* N3 */
    return count;
}
