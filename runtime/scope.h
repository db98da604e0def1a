/* SPDX-License-Identifier: MIT */
/* scope.h - a scope: tasks that are waited for, counted and cancelled together.
 *
 *   word   63 CANCELLED   62 TIMED_OUT, 61 SATISFIED: why   60 CLOSING
 *          59..0 members: 1 of who opened it, until close; tasks, scopes inside it, and a cancel that is under way
 *   0: there is no scope; closed, or never opened.
 *
 *   step      by                               does, in one CAS or subtraction
 *   open      who opens                        members = 1
 *   join      submit, open of one inside       members + 1, unless CANCELLED, or CLOSING and not from inside
 *   note      a task's end, before its future  counts a success, or keeps the first failure; by the policy: ask
 *             is done
 *   leave     a task's end, after it; close    members - 1; the last one completes `ended`, its last access
 *             of one inside; the cancel
 *   ask       anybody, signal handlers too     CANCELLED + why, members + 1; the errand is sent to the pool's timekeeper
 *   errand    the timekeeper                   asks the scopes inside; cancels the waits of the scope's tasks; pulls what
 *                                              is held (hold.h); leaves
 *   close     who opened it, once              CLOSING, leaves, waits for `ended`, leaves the parent
 *
 * Tasks that run ask the word whether they are to stop (filch_cancelled), tasks that start as well, so an ask needs to
 * visit only those that wait.
 * May run together? all of it; ask also after close has returned, as long as the memory is there and zero.
 * Invariants
 *   I1 who touches the scope is a member, but for an ask, whose first access is the CAS that makes its errand one.
 *   I2 CANCELLED is never taken back, and sent once.
 * Orderings
 *   P1 ask: CANCELLED (sc), later the strand's lock  ||  a wait begins: the strand's lock, then the word is read.
 *      The errand finds the wait, or the wait finds the mark. The same with the list's lock: hold.h, K1.
 *   P2 leave: what a member did (release) -> close: `ended` is done (acquire).
 *   P3 ask: CANCELLED, then the lock of `inside`  ||  open of one inside: into the list under that lock, then look at the
 *      parent's word. The errand finds it, or it is born cancelled.
 *   P4 ask: errand sent (sc), load phase (sc)  ||  pool close: phase CLOSED (sc), run errands (sc). One of them runs it.
 *   P5 ask: pool->wakers + 1, errand sent; the pool; wakers - 1 (release)  ||  pool close, free: wakers 0 (acquire).
 *      The errand may be the scope's last member, and the pool be closed and freed before the asker has done with it.
 * Checked: tests/model/scope.c.
 */
#ifndef FILCH_SCOPE_H
#define FILCH_SCOPE_H

#include "work.h"

#include <filch/scope.h>

#define FILCH__SCOPE_CANCELLED ((uint64_t)1 << 63)
#define FILCH__SCOPE_TIMED_OUT ((uint64_t)1 << 62)
#define FILCH__SCOPE_SATISFIED ((uint64_t)1 << 61)
#define FILCH__SCOPE_CLOSING ((uint64_t)1 << 60)
#define FILCH__SCOPE_MEMBERS (FILCH__SCOPE_CLOSING - 1)

struct filch__scope {
    uint64_t word;
    struct filch_pool *pool;
    struct filch__scope *parent;
    enum filch_policy policy;
    uint32_t generation; /* of the process: counts forks */
    uint32_t lock;       /* of `inside` and its links */
    uint64_t need;       /* successes that satisfy it; 0: none do */
    uint64_t successes;  /* added to by tasks that end */
    int32_t first;       /* the first failure */
    bool timed;
    void (*on_error)(void *ctx, struct filch_future *future, int status);
    void *ctx;
    struct filch_future ended; /* a promise: all members have left */
    struct filch__errand errand;
    struct filch__timer timer;
    struct filch__scope *inside, *next, **at; /* scopes whose parent this is; among its siblings */
};

/* 0, -ESHUTDOWN (closed, or closing and `from` is no member), -ECANCELED. */
int filch__scope_join(struct filch__scope *scope, const struct filch__strand *from);
void filch__scope_leave(struct filch__scope *scope);
void filch__scope_note(struct filch__scope *scope, struct filch_future *task, int status);
void filch__scope_ask(struct filch__scope *scope, uint64_t why);
void filch__scope_init_errand(struct filch__scope *scope);

/* Is it the strand's task's scope, or one around that? */
bool filch__scope_has(const struct filch__scope *scope, const struct filch__strand *strand);

/* Under the parent's lock: in or out of its list. */
void filch__scope_enter_parent(struct filch__scope *scope);
void filch__scope_leave_parent(struct filch__scope *scope);

static inline struct filch__scope *filch__scope_in(const struct filch_scope *scope)
{
    return (struct filch__scope *)(uintptr_t)scope;
}

/* The scope whose `ended` this is. */
static inline struct filch__scope *filch__scope_of(struct filch_future *ended)
{
    return filch__container_of(ended, struct filch__scope, ended);
}

#endif
