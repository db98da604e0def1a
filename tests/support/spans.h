/* SPDX-License-Identifier: MIT */
/* spans.h - what the kernels of spans.c share: costs, and leaves that spin and say how long each of them really took. So the
 * form is that of the kernel, and what a processor that was taken away adds to a leaf is in both.
 */
#ifndef TESTS_SPANS_H
#define TESTS_SPANS_H

#include "support/tasks.h"

#include <filch/filch.h>

enum { LEAF_US = 200, CHILDREN = 6, CHAIN = 12, SIDE = 6 };

/* Of a part of the program. */
struct cost {
    uint64_t work, span;
};

static inline struct cost then(struct cost first, struct cost second)
{
    return (struct cost){first.work + second.work, first.span + second.span};
}

static inline struct cost beside(struct cost one, struct cost other)
{
    return (struct cost){one.work + other.work, one.span > other.span ? one.span : other.span};
}

static inline struct cost spin(unsigned us)
{
    uint64_t begin = filch_now_ns(), now;
    do
        now = filch_now_ns();
    while (now - begin < (uint64_t)us * 1000);
    return (struct cost){now - begin, now - begin};
}

static inline struct cost spin_until(atomic_bool *flag)
{
    uint64_t begin = filch_now_ns();
    while (!atomic_load(flag))
        ;
    uint64_t took = filch_now_ns() - begin;
    return (struct cost){took, took};
}

/* What has been done since *last, which is now. */
static inline struct cost lap(uint64_t *last)
{
    uint64_t now = filch_now_ns(), took = now - *last;
    *last = now;
    return (struct cost){took, took};
}

struct job {
    unsigned us;
    struct cost cost; /* its own */
    struct filch_future future;
};

static inline int work_off(void *data)
{
    struct job *job = data;
    job->cost = spin(job->us);
    return 0;
}

static inline void wait_for_it(struct job *job)
{
    must(filch_wait(&job->future) == 0);
}

/* The kernels. */
struct cost run_tree(struct filch_pool *pool);
struct cost run_unequal(struct filch_pool *pool);
struct cost run_stolen(struct filch_pool *pool);
struct cost run_below(struct filch_pool *pool);
struct cost run_back(struct filch_pool *pool);
struct cost run_loop(struct filch_pool *pool);
struct cost run_inner(struct filch_pool *pool);

struct cost run_chain(struct filch_pool *pool);
struct cost run_diamond(struct filch_pool *pool);
struct cost run_wavefront(struct filch_pool *pool);
struct cost run_fan(struct filch_pool *pool);
struct cost run_any(struct filch_pool *pool);
struct cost run_promise(struct filch_pool *pool);
struct cost run_scope(struct filch_pool *pool);
struct cost run_completions(struct filch_pool *pool);

#endif
