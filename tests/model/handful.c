/* SPDX-License-Identifier: MIT */
/* handful.c - models of the entry queue and of the handful that takes from it: each task is handed over to exactly one.
 *
 * liburcu's queue is a stand-in here (urcu/wfcqueue.h).
 */
#include "model.h"

enum { TASKS = 4 };

static struct filch__inject *queue;
static struct filch__handful *handful;
static struct {
    struct filch__link link;
    uint64_t payload; /* plain */
} * task;
static int had[TASKS];

static unseen void count(int i)
{
    had[i]++;
}

static unseen int times_had(int i)
{
    return had[i];
}

static unseen void forget(void)
{
    for (int i = 0; i < TASKS; i++)
        had[i] = 0;
}

static void begin(void)
{
    forget();
    model_begin(0, FILCH__IDLE);
    task = mc_zalloc(TASKS * sizeof *task);
    queue = mc_zalloc(sizeof *queue);
    handful = mc_zalloc(sizeof *handful);
    filch__inject_init(queue);
    mc_name(&queue->tail, sizeof queue->tail, "tail");
    mc_name(&queue->pushed, sizeof queue->pushed, "pushed");
    mc_name(&handful->next, sizeof handful->next, "next");
    mc_name(&handful->word, sizeof handful->word, "word");
    mc_name(&handful->guard, sizeof handful->guard, "guard");
}

static void have(struct filch__link *link)
{
    for (int i = 0; i < TASKS; i++)
        if (link == &task[i].link) {
            mc_assert(task[i].payload == 10u + (unsigned)i);
            count(i);
            return;
        }
    mc_fail("what was taken is no task");
}

static void end(int tasks)
{
    for (int i = 0; i < TASKS; i++)
        mc_assert(times_had(i) == (i < tasks));
}

/* ---- the entry queue ---- */

static void *pusher(void *arg)
{
    uintptr_t i = (uintptr_t)arg;
    task[i].payload = 10 + i;
    filch__inject_push(queue, &task[i].link);
    return NULL;
}

static size_t take_some(void)
{
    struct filch__link *links[2];
    size_t count_taken = filch__inject_has_items(queue) ? filch__inject_take(queue, links, 2) : 0;
    for (size_t i = 0; i < count_taken; i++)
        have(links[i]);
    mc_reached((int)count_taken);
    return count_taken;
}

static void *taker(void *times)
{
    for (uintptr_t i = (uintptr_t)times; i-- > 0;)
        take_some();
    return NULL;
}

/* Everybody else is done: what is left can be had. */
static void end_entry(int tasks)
{
    while (filch__inject_has_items(queue))
        mc_assert(take_some() > 0);
    mc_assert(!filch__inject_size(queue));
    end(tasks);
}

MC_MODEL(entry_two_in,
         "two producers || a taker: what a producer that is between exchange and link hides is there afterwards",
         .preemptions = 3, .stale = 2)
{
    begin();
    int a = mc_spawn(pusher, MODEL_ARG(0)), b = mc_spawn(pusher, MODEL_ARG(1));
    taker(MODEL_ARG(2));
    mc_join(a);
    mc_join(b);
    end_entry(2);
}

MC_MODEL(entry_two_out, "a producer of two || two takers, of whom one at a time takes", .preemptions = 4, .stale = 2)
{
    begin();
    int a = mc_spawn(taker, MODEL_ARG(2)), b = mc_spawn(taker, MODEL_ARG(1));
    pusher(MODEL_ARG(0));
    pusher(MODEL_ARG(1));
    mc_join(a);
    mc_join(b);
    end_entry(2);
}

MC_MODEL(entry_chain, "a chain of two is pushed in one step || a single one || a taker", .preemptions = 3, .stale = 2)
{
    begin();
    int a = mc_spawn(pusher, MODEL_ARG(0)), b = mc_spawn(taker, MODEL_ARG(2));
    struct filch__chain chain;
    filch__chain_init(&chain);
    for (uintptr_t i = 1; i < 3; i++) {
        task[i].payload = 10 + i;
        filch__chain_add(&chain, &task[i].link);
    }
    filch__inject_push_chain(queue, &chain);
    mc_join(a);
    mc_join(b);
    end_entry(3);
}

static void *looker(void *ret_seen)
{
    filch__add_seq_cst(counter, 1);
    *(bool *)ret_seen = filch__inject_has_items(queue);
    return NULL;
}

MC_MODEL(entry_notice,
         "a push, then a read of a word || a change of the word, then a look for items: one sees the other (N2; "
         "so do notify and a worker that parks)",
         .preemptions = 3, .stale = 3)
{
    begin();
    bool seen;
    int a = mc_spawn(looker, &seen);
    pusher(MODEL_ARG(0));
    bool looked = filch__load_seq_cst(counter);
    mc_join(a);
    mc_assert(seen || looked);
}

/* ---- the handful ---- */

static void fill(uintptr_t from, size_t tasks)
{
    uintptr_t items[TASKS];
    for (size_t i = 0; i < tasks; i++) {
        task[from + i].payload = 10 + from + i;
        items[i] = (uintptr_t)&task[from + i].link;
    }
    filch__handful_fill(handful, items, tasks);
}

static bool take(void)
{
    uintptr_t item = filch__handful_take(handful);
    if (item)
        have((struct filch__link *)item);
    return item;
}

static void *opener(void *times)
{
    for (uintptr_t i = (uintptr_t)times; i-- > 0;) {
        uintptr_t items[FILCH__HANDFUL];
        size_t count_taken = filch__handful_open(handful, items);
        mc_reached((int)count_taken);
        for (size_t k = 0; k < count_taken; k++)
            have((struct filch__link *)items[k]);
    }
    return NULL;
}

MC_MODEL(handful_open, "the owner takes two || a thief opens the handful twice", .preemptions = 4, .stale = 3)
{
    begin();
    fill(0, 2);
    int a = mc_spawn(opener, MODEL_ARG(2));
    take();
    take();
    mc_join(a);
    while (take())
        ;
    end(2);
}

MC_MODEL(handful_two_thieves, "the owner takes || two thieves open, of whom one at a time is at it", .preemptions = 3,
         .stale = 1)
{
    begin();
    fill(0, 3);
    int a = mc_spawn(opener, MODEL_ARG(1)), b = mc_spawn(opener, MODEL_ARG(1));
    take();
    take();
    mc_join(a);
    mc_join(b);
    while (take())
        ;
    end(3);
}

MC_MODEL(handful_refill,
         "the owner takes, finds it empty and fills it again || a thief opens: slots and versions of two "
         "fillings are told apart",
         .preemptions = 4, .stale = 2)
{
    begin();
    fill(0, 1);
    int a = mc_spawn(opener, MODEL_ARG(1));
    while (take())
        ;
    fill(1, 2);
    take();
    mc_join(a);
    while (take())
        ;
    end(3);
}

MC_MODEL(handful_refill_two,
         "the owner takes, fills again and takes || two thieves open: the guard of one is not lowered by the "
         "other",
         .preemptions = 4, .stale = 0)
{
    begin();
    fill(0, 1);
    int a = mc_spawn(opener, MODEL_ARG(1)), b = mc_spawn(opener, MODEL_ARG(1));
    while (take())
        ;
    fill(1, 2);
    take();
    take();
    mc_join(a);
    mc_join(b);
    while (take())
        ;
    end(3);
}

static void *handful_looker(void *ret_seen)
{
    filch__add_seq_cst(counter, 1);
    *(bool *)ret_seen = filch__handful_has_items(handful);
    return NULL;
}

MC_MODEL(handful_notice, "a fill, then a read of a word || a change of the word, then a look: one sees the other (H4)",
         .preemptions = 3, .stale = 3)
{
    begin();
    bool seen;
    int a = mc_spawn(handful_looker, &seen);
    fill(0, 1);
    bool looked = filch__load_seq_cst(counter);
    mc_join(a);
    mc_assert(seen || looked);
}
