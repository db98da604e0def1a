/* SPDX-License-Identifier: MIT */
#include "permits.h"
#include "pool.h"
#include "watch.h"

#include <filch/gate.h>

#include <errno.h>
#include <stdlib.h>

_Static_assert(FILCH_GATE_PERMITS_MAX == FILCH__PERMITS_MAX, "the word holds what the header promises");

int filch_gate_open(struct filch_gate **ret_gate, unsigned permits)
{
    if (!ret_gate || permits > FILCH_GATE_PERMITS_MAX)
        return -EINVAL;
    filch__process_watch();
    struct filch_gate *gate = aligned_alloc(FILCH_CACHELINE, sizeof *gate);
    if (!gate)
        return -ENOMEM;
    gate->generation = filch__load_relaxed(&filch__generation);
    filch__permits_init(&gate->permits, permits);
    *ret_gate = gate;
    return 0;
}

int filch_gate_close(struct filch_gate *gate)
{
    if (!gate)
        return 0;
    /* A stale gate's lock may have been held by a thread that is no more. */
    if (!filch__gate_stale(gate) && !filch__permits_destroy(&gate->permits))
        return -EBUSY;
    free(gate);
    return 0;
}

int filch_gate_resize(struct filch_gate *gate, unsigned permits)
{
    if (!gate || permits > FILCH_GATE_PERMITS_MAX)
        return -EINVAL;
    if (filch__gate_stale(gate))
        return -ESTALE;
    filch__permits_resize(&gate->permits, permits);
    return 0;
}

unsigned filch_gate_available(const struct filch_gate *gate)
{
    if (!gate || filch__gate_stale(gate))
        return 0;
    uint64_t word = filch__load_relaxed(&gate->permits.word);
    uint32_t limit = filch__permits_limit(word), held = filch__permits_held(word);
    return limit > held ? limit - held : 0;
}

/* Nobody is overtaken, so who came to wait joins the line, even if a permit has come free. */
static filch__noinline int enter_line(struct filch_gate *gate, uint64_t deadline_ns)
{
    struct filch__wait wait;
    struct filch__permit_node node;
    if (filch__deadline_past(deadline_ns))
        return -ETIMEDOUT;
    uint64_t since_ns = filch__watch_now();
    wait.on = (struct filch__wait_on){.kind = FILCH__ON_GATE, .target = gate};
    int r = filch__wait_begin(&wait, 1, 0, deadline_ns, NULL);
    if (r)
        return r;
    bool taken = filch__permits_join(&gate->permits, &node, &wait.waiter), abandoned = false;
    if (!taken) {
        filch__wait_block(&wait);
        abandoned = filch__waiter_reasons(&wait.waiter) && filch__permits_abandon(&gate->permits, &node);
    }
    uint32_t reasons = filch__wait_end(&wait, taken || abandoned);
    FILCH__PROBE3(gate, wait.strand ? wait.strand->pool : NULL, wait.strand, gate);
    filch__watch_gate(since_ns);
    if (!abandoned)
        return 0;
    return reasons & FILCH__WAITER_CANCELLED ? -ECANCELED : -ETIMEDOUT;
}

int filch_gate_enter(struct filch_gate *gate, uint64_t deadline_ns)
{
    if (filch__unlikely(!gate))
        return -EINVAL;
    if (filch__gate_stale(gate))
        return -ESTALE;
    if (filch__likely(filch__permits_try(&gate->permits)))
        return 0;
    return enter_line(gate, deadline_ns);
}

void filch_gate_leave(struct filch_gate *gate)
{
    if (gate && !filch__gate_stale(gate))
        filch__permits_leave(&gate->permits);
}
