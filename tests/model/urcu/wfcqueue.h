/* SPDX-License-Identifier: MIT */
/* urcu/wfcqueue.h - a stand-in for liburcu's wait-free concurrent queue, for the model checker only.
 *
 * The library is compiled code, which the checker cannot see into. This is the algorithm written anew from its
 * description (Desnoyers and Jiangshan: a singly linked list; a producer exchanges the tail, then links the node
 * before to its own; the one consumer follows the links from a dummy head). A model that passes has shown the runtime
 * right on top of this queue, not the library itself.
 *
 * Orderings that it assumes of the library, no stronger than what its documentation promises:
 *   enqueue, splice   the exchange of the tail is a full barrier (here: sequentially consistent), the store of the
 *                     link a release
 *   dequeue           links are read with acquire; taking the last node compares and exchanges the tail, a full barrier
 *                     when it succeeds
 *   emptiness         read without ordering
 * A consumer that finds the link behind a node missing, while the tail says that there is one, reports WOULDBLOCK.
 */
#ifndef TESTS_MODEL_URCU_WFCQUEUE_H
#define TESTS_MODEL_URCU_WFCQUEUE_H

#include <stddef.h>

struct cds_wfcq_node {
    struct cds_wfcq_node *next;
};
struct __cds_wfcq_head {
    struct cds_wfcq_node node;
};
struct cds_wfcq_tail {
    struct cds_wfcq_node *p;
};
#define CDS_WFCQ_WOULDBLOCK ((struct cds_wfcq_node *)-1L)

static inline void __cds_wfcq_init(struct __cds_wfcq_head *head, struct cds_wfcq_tail *tail)
{
    head->node.next = NULL;
    tail->p = &head->node;
}

/* Hang the list first..last behind whatever the tail is now. */
static inline void model_wfcq_append(struct cds_wfcq_tail *tail, struct cds_wfcq_node *first,
                                     struct cds_wfcq_node *last)
{
    struct cds_wfcq_node *before = __atomic_exchange_n(&tail->p, last, __ATOMIC_SEQ_CST);
    __atomic_store_n(&before->next, first, __ATOMIC_RELEASE);
}

static inline void cds_wfcq_enqueue(struct __cds_wfcq_head *head, struct cds_wfcq_tail *tail,
                                    struct cds_wfcq_node *node)
{
    (void)head;
    model_wfcq_append(tail, node, node);
}

/* `from` is private to the caller. */
static inline void __cds_wfcq_splice_blocking(struct __cds_wfcq_head *to, struct cds_wfcq_tail *to_tail,
                                              struct __cds_wfcq_head *from, struct cds_wfcq_tail *from_tail)
{
    (void)to;
    model_wfcq_append(to_tail, from->node.next, from_tail->p);
}

static inline struct cds_wfcq_node *__cds_wfcq_dequeue_nonblocking(struct __cds_wfcq_head *head,
                                                                   struct cds_wfcq_tail *tail)
{
    struct cds_wfcq_node *node = __atomic_load_n(&head->node.next, __ATOMIC_ACQUIRE), *next;
    if (!node)
        return __atomic_load_n(&tail->p, __ATOMIC_RELAXED) == &head->node ? NULL : CDS_WFCQ_WOULDBLOCK;
    next = __atomic_load_n(&node->next, __ATOMIC_ACQUIRE);
    if (!next) { /* perhaps the last: then the head becomes the tail again, unless a producer was faster */
        struct cds_wfcq_node *last = node;
        __atomic_store_n(&head->node.next, NULL, __ATOMIC_RELAXED);
        if (__atomic_compare_exchange_n(&tail->p, &last, &head->node, 0, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
            return node;
        next = __atomic_load_n(&node->next, __ATOMIC_ACQUIRE);
        if (!next) { /* it has not linked yet: as if nothing had happened */
            __atomic_store_n(&head->node.next, node, __ATOMIC_RELAXED);
            return CDS_WFCQ_WOULDBLOCK;
        }
    }
    __atomic_store_n(&head->node.next, next, __ATOMIC_RELAXED);
    return node;
}

#endif
