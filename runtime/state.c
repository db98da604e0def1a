/* SPDX-License-Identifier: MIT */
#include "state.h"

#include "os.h"

#include <filch/detail/atomic.h>

#include <errno.h>

#define PHASE ((uint64_t)7)
#define DIRECT ((uint64_t)1 << 48)
#define LOCK ((uint64_t)1 << 49)
#define CANCEL ((uint64_t)1 << 50)
#define TIMED_OUT ((uint64_t)1 << 51)
#define PASSING ((uint64_t)1 << 52)
#define POINTER (((uint64_t)1 << 48) - 8)

_Static_assert(sizeof(struct filch_future) == 64, "a future is 64 bytes");
_Static_assert(_Alignof(struct filch_future) == 8, "a future lies in callers' malloc'ed structures");
_Static_assert(sizeof(void *) == 8, "words are 64 bits");
_Static_assert((POINTER & (PHASE | DIRECT | LOCK | CANCEL | TIMED_OUT | PASSING)) == 0,
               "the word's parts do not overlap");

static enum filch__phase phase_of(uint64_t word)
{
    return (enum filch__phase)(word & PHASE);
}

static int status_of(uint64_t word)
{
    return (int)(uint32_t)(word >> 32);
}

static uint64_t done_word(int status)
{
    return (uint64_t)(uint32_t)status << 32 | FILCH__DONE;
}

static uint64_t pointer_word(const void *pointer)
{
    uint64_t word = (uint64_t)(uintptr_t)pointer;
    if (filch__unlikely(word & ~POINTER))
        filch__os_die("an address does not fit a future's word: more than 48 bits, or tagged");
    return word;
}

enum filch__phase filch__future_phase(const struct filch_future *future)
{
    return phase_of(filch__load_acquire(&future->priv.state)); /* F1 */
}

bool filch__future_in_flight(const struct filch_future *future)
{
    enum filch__phase phase = filch__future_phase(future);
    return phase != FILCH__IDLE && phase != FILCH__DONE;
}

int filch__future_status(const struct filch_future *future)
{
    return status_of(filch__load_acquire(&future->priv.state)); /* F1 */
}

void filch__future_begin(struct filch_future *future, enum filch__phase phase, struct filch__waiter *sink)
{
    filch__store_relaxed(&future->priv.runner, NULL); /* F5: not started */
    filch__store_relaxed(&future->priv.state, phase | (sink ? pointer_word(sink) | DIRECT : 0));
}

void filch__future_fail(struct filch_future *future, int status)
{
    filch__store_release(&future->priv.state, done_word(status)); /* F1 */
}

void filch__future_drop(struct filch_future *future)
{
    uint64_t word = filch__load_relaxed(&future->priv.state);
    while (phase_of(word) == FILCH__QUEUED &&
           !filch__cas_acq_rel(&future->priv.state, &word, (word & ~PHASE) | FILCH__DROPPED))
        ;
}

/* A cancel is on its way, or there are no asymmetric barriers. */
static filch__cold bool start_slow(struct filch_future *future)
{
    uint64_t word = filch__load_acquire(&future->priv.state);
    while (phase_of(word) == FILCH__QUEUED) {
        uint64_t next = (word & ~PHASE) | (word & CANCEL ? FILCH__DROPPED : FILCH__RUNNING);
        if (filch__cas_acq_rel(&future->priv.state, &word, next))
            word = next;
    }
    if (phase_of(word) == FILCH__RUNNING)
        return true;
    filch__store_relaxed(&future->priv.runner, NULL); /* for a canceller that comes to see only the end */
    return false;
}

bool filch__future_start(struct filch_future *future, void *runner)
{
    filch__store_release(&future->priv.runner, runner); /* F4 */
    filch__os_barrier_light();                          /* F5: pairs with filch__future_ask_stop() */
    uint64_t word = filch__load_relaxed(&future->priv.state);
    if (filch__likely(filch__os_has_barrier() && phase_of(word) == FILCH__QUEUED && !(word & CANCEL)))
        return true;
    return start_slow(future);
}

/* The first entry of a word's list (see struct filch__waiter_node), and the word's part that stands for an entry. */
static uintptr_t entry_of(uint64_t word)
{
    return (uintptr_t)(word & POINTER) | (word & DIRECT ? 1 : 0);
}

static uint64_t entry_word(uintptr_t entry)
{
    return pointer_word((void *)(entry & ~(uintptr_t)1)) | (entry & 1 ? DIRECT : 0);
}

static void complete_entries(uintptr_t entry, struct filch_future *future, int status)
{
    while (entry) {
        struct filch__waiter_node *node = (struct filch__waiter_node *)entry;
        uintptr_t next = entry & 1 ? 0 : node->next; /* before: the node is its waiter's again afterwards */
        filch__waiter_complete_with(entry & 1 ? (struct filch__waiter *)(entry - 1) : node->waiter, future, status);
        entry = next;
    }
}

/* Complete who waits in a word that was replaced; to waiters the future is an address from here on. */
static void complete_all(uint64_t word, struct filch_future *future, int status)
{
    if (filch__unlikely(word & POINTER) && !(word & LOCK))
        complete_entries(entry_of(word), future, status);
}

void filch__future_finish(struct filch_future *future, int status)
{
    uint64_t word = filch__load_acquire(&future->priv.state);
    do {
        while (filch__unlikely(word & PASSING)) { /* F6: a canceller looks at this task's strand */
            filch__os_yield();
            word = filch__load_acquire(&future->priv.state);
        }
    } while (!filch__cas_acq_rel(&future->priv.state, &word, done_word(status))); /* F1, F2 */
    complete_all(word, future, status);
}

void filch__future_passed(struct filch_future *future)
{
    filch__sub_acq_rel(&future->priv.state, PASSING); /* F6 */
}

int filch__future_complete(struct filch_future *future, int status)
{
    uint64_t word = filch__load_acquire(&future->priv.state);
    do {
        if (phase_of(word) == FILCH__DONE)
            return -EALREADY;
        if (phase_of(word) != FILCH__PROMISE)
            return -EINVAL;
    } while (!filch__cas_acq_rel(&future->priv.state, &word, done_word(status))); /* F1, F2 */
    complete_all(word, future, status);
    return 0;
}

/* The word is QUEUED and marked: has the task started? */
static uint64_t decide(struct filch_future *future, uint64_t word)
{
    bool started = false;
    if (filch__os_has_barrier()) {
        filch__os_barrier(); /* F5: pairs with filch__future_start() */
        started = filch__load_acquire(&future->priv.runner);
    }
    if (started)
        return (word & ~PHASE) | FILCH__RUNNING | PASSING;
    return (word & ~PHASE) | FILCH__DROPPED | (future->priv.flags & FILCH__FUTURE_HELD ? PASSING : 0);
}

int filch__future_ask_stop(struct filch_future *future, bool timed_out, bool *ret_first)
{
    const uint64_t marks = CANCEL | (timed_out ? TIMED_OUT : 0);
    bool marked = false; /* by this call */
    uint64_t word = filch__load_acquire(&future->priv.state), next;
    for (;;) {
        switch (phase_of(word)) {
        case FILCH__QUEUED:
            next = word & CANCEL ? decide(future, word | marks) : word | marks;
            break;
        case FILCH__RUNNING:
            next = word | marks | (word & CANCEL ? 0 : PASSING);
            break;
        case FILCH__DROPPED:
            return 0;
        case FILCH__DONE: /* dropped because of this call, and already ended? */
            return marked && !filch__load_relaxed(&future->priv.runner) ? 0 : -EALREADY;
        case FILCH__PROMISE:
            return -ENOENT;
        default:
            return -EINVAL;
        }
        if (next != word && !filch__cas_seq_cst(&future->priv.state, &word, next)) /* F7 */
            continue;
        if (phase_of(next) == FILCH__DROPPED) {
            *ret_first = next & PASSING;
            return 0;
        }
        if (phase_of(next) == FILCH__RUNNING) {
            *ret_first = phase_of(word) == FILCH__QUEUED || !(word & CANCEL); /* whoever decided, or marked it first */
            return -EINPROGRESS;
        }
        word = next;
        marked = true; /* now decide */
    }
}

bool filch__future_asked_stop(const struct filch_future *future)
{
    uint64_t word = filch__load_seq_cst(&future->priv.state); /* F7 */
    return phase_of(word) == FILCH__RUNNING && word & CANCEL; /* not before it is decided that it runs */
}

bool filch__future_timed_out(const struct filch_future *future)
{
    uint64_t word = filch__load_relaxed(&future->priv.state);
    return phase_of(word) == FILCH__RUNNING && word & TIMED_OUT;
}

enum filch__register filch__future_register(struct filch_future *future, struct filch__waiter *waiter,
                                            struct filch__waiter_node *node)
{
    uint64_t word = filch__load_acquire(&future->priv.state), next;
    for (;;) {
        if (phase_of(word) == FILCH__DONE)
            return FILCH__REGISTER_DONE;
        if (word & LOCK) {
            filch__os_yield();
            word = filch__load_acquire(&future->priv.state);
            continue;
        }
        if (!(word & POINTER)) {
            next = word | DIRECT | pointer_word(waiter);
        } else if (!node) {
            return FILCH__REGISTER_NEEDS_NODE;
        } else {
            *node = (struct filch__waiter_node){.next = entry_of(word), .waiter = waiter};
            next = (word & ~(POINTER | DIRECT)) | pointer_word(node);
        }
        if (filch__cas_acq_rel(&future->priv.state, &word, next)) /* F2 */
            return FILCH__REGISTERED;
    }
}

/* Unlink one entry of the waiter from a list that only the caller can reach; false when there is none. */
static bool unlink_entry(uintptr_t *first, struct filch__waiter *waiter)
{
    for (uintptr_t *at = first; *at;) {
        struct filch__waiter_node *node = (struct filch__waiter_node *)*at;
        if (*at & 1) {
            if (*at - 1 != (uintptr_t)waiter)
                return false;
            *at = 0;
            return true;
        }
        if (node->waiter == waiter) {
            *at = node->next;
            return true;
        }
        at = &node->next;
    }
    return false;
}

/* False: it is done. Else nobody comes or goes until unlock_list(); the word as it is then. */
static bool lock_list(struct filch_future *future, uint64_t *ret_word)
{
    uint64_t word = filch__load_acquire(&future->priv.state);
    for (;;) {
        if (phase_of(word) == FILCH__DONE)
            return false;
        if (word & LOCK) {
            filch__os_yield();
            word = filch__load_acquire(&future->priv.state);
        } else if (filch__cas_acq_rel(&future->priv.state, &word, word | LOCK)) { /* F2, F3 */
            break;
        }
    }
    *ret_word = word | LOCK;
    return true;
}

static void unlock_list(struct filch_future *future, uint64_t word, uintptr_t first)
{
    do {
        if (phase_of(word) == FILCH__DONE) { /* finish left the list to the holder of LOCK */
            complete_entries(first, future, status_of(word));
            break;
        }
    } while (!filch__cas_acq_rel(&future->priv.state, &word,
                                 (word & ~(POINTER | DIRECT | LOCK)) | entry_word(first))); /* F3 */
}

bool filch__future_unregister(struct filch_future *future, struct filch__waiter *waiter)
{
    uint64_t word;
    if (!lock_list(future, &word))
        return false;
    uintptr_t first = entry_of(word);
    bool undone = unlink_entry(&first, waiter);
    unlock_list(future, word, first);
    return undone;
}

void filch__future_visit(struct filch_future *future, void (*visit)(struct filch__waiter *waiter, void *ctx), void *ctx)
{
    uint64_t word;
    if (!lock_list(future, &word))
        return;
    for (uintptr_t entry = entry_of(word); entry;) {
        const struct filch__waiter_node *node = (const struct filch__waiter_node *)entry;
        visit(entry & 1 ? (struct filch__waiter *)(entry - 1) : node->waiter, ctx);
        entry = entry & 1 ? 0 : node->next;
    }
    unlock_list(future, word, entry_of(word));
}

void *filch__future_runner(const struct filch_future *future)
{
    void *runner = filch__load_acquire(&future->priv.runner); /* F4 */
    enum filch__phase phase = filch__future_phase(future);
    return phase == FILCH__QUEUED || phase == FILCH__RUNNING ? runner : NULL;
}
