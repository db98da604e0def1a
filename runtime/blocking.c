/* SPDX-License-Identifier: MIT */
#include "lend.h"
#include "pool.h"
#include "watch.h"

#include <filch/blocking.h>

#include <errno.h>

/* The strand of the calling task, if its permit is its own to give. */
static struct filch__strand *task_strand(void)
{
    struct filch__strand *strand = filch__strand_current();
    return strand && strand->task && !strand->blocking && !filch__pool_stale(strand->pool) ? strand : NULL;
}

static void begin(struct filch__strand *strand)
{
    filch__body_pause(strand);
    filch__watch_pause(strand, FILCH__PAUSE_BLOCK);
    filch__permit_lend(strand);
    strand->blocking = true;
}

/* Runs when the scope is left: by unwinding, too, so that what ends the task then finds it with a permit. */
static void end(struct filch__strand **lent)
{
    struct filch__strand *strand = *lent;
    strand->blocking = false;
    if (filch__pool_stale(strand->pool))
        return; /* fn has forked, and this is the child: nobody is there who could give a permit back */
    filch__permit_regain(strand);
    filch__watch_resume(strand, FILCH__PAUSE_BLOCK);
    filch__body_resume(strand);
}

int filch_blocking(filch_fn *fn, void *data)
{
    if (!fn)
        return -EINVAL;
    struct filch__strand *strand = task_strand();
    if (!strand)
        return fn(data);
    begin(strand);
    struct filch__strand *lent __attribute__((cleanup(end), unused)) = strand;
    return fn(data);
}

int filch_sleep_until(uint64_t deadline_ns)
{
    struct filch__wait wait;
    if (filch__deadline_past(deadline_ns))
        return 0;
    wait.on = (struct filch__wait_on){.kind = FILCH__ON_CLOCK};
    int r = filch__wait_begin(&wait, 0, 0, deadline_ns, NULL);
    if (r)
        return r;
    filch__wait_block(&wait);
    return filch__wait_end(&wait, 0) & FILCH__WAITER_CANCELLED ? -ECANCELED : 0;
}

/* On a thread's own stack nothing else can run: it gives its permit to who is in line, or above whom the limit fell. */
static void step_aside(struct filch__strand *strand)
{
    if (!filch__gate_must_yield(filch__load_relaxed(&strand->pool->gate)))
        return;
    filch__body_pause(strand);
    filch__permit_lend(strand);
    filch__permit_regain(strand);
    filch__body_resume(strand);
}

void filch_yield(void)
{
    struct filch__strand *strand = task_strand();
    if (!strand)
        filch__os_yield();
    else if (strand->thread || !filch__crew_reserve_strand(strand->worker))
        step_aside(strand);
    else if (filch__gate_must_yield(filch__load_relaxed(&strand->pool->gate)) || filch__pool_has_work(strand->pool))
        filch__strand_yield(strand);
}
