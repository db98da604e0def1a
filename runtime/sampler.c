/* SPDX-License-Identifier: MIT */
#include "sampler.h"

#include "peek.h"
#include "pool.h"

#include <stdlib.h>
#include <string.h>

enum {
    ROOM_FIRST = 1 << 12,
    ROOM_MOST = 1 << 20, /* half an hour of two workers */
    SHARE = 100,         /* at most one part in so many of a processor */
};

/* ---- samples ---- */

static bool grow_locked(struct filch__sampler *sampler)
{
    size_t room = sampler->room ? 2 * sampler->room : ROOM_FIRST;
    struct filch__sample *larger = room <= ROOM_MOST ? realloc(sampler->samples, room * sizeof *larger) : NULL;
    if (!larger)
        return false;
    sampler->samples = larger;
    sampler->room = room;
    return true;
}

static void add(struct filch__sampler *sampler, const struct filch__sample *sample)
{
    filch__lock(&sampler->lock);
    if (sampler->count < sampler->room || grow_locked(sampler)) {
        sampler->samples[sampler->count++] = *sample;
    } else {
        sampler->lost++;
        if (sampler->wraps && sampler->room)
            sampler->samples[sampler->wrapped++ % sampler->room] = *sample;
    }
    filch__unlock(&sampler->lock);
}

struct filch__sample *filch__sampler_copy(struct filch__sampler *sampler, size_t *ret_count, uint64_t *ret_lost)
{
    filch__lock(&sampler->lock);
    size_t count = sampler->count, first = sampler->room ? sampler->wrapped % sampler->room : 0;
    struct filch__sample *copy = count ? malloc(count * sizeof *copy) : NULL;
    for (size_t i = 0; copy && i < count; i++)
        copy[i] = sampler->samples[(first + i) % count];
    *ret_count = copy ? count : 0;
    *ret_lost = sampler->lost + (copy ? 0 : count);
    filch__unlock(&sampler->lock);
    return copy;
}

/* ---- looking ---- */

static void look_at_pool(struct filch_pool *pool, void *ctx)
{
    struct filch_pool_stats stats;
    if (filch_pool_get_stats(pool, &stats, sizeof stats))
        return;
    add(ctx, &(struct filch__sample){.ticks = filch__os_ticks(),
                                     .kind = FILCH__SAMPLE_POOL,
                                     .of = pool->number,
                                     .value = stats.queue_depth,
                                     .permits = filch__gate_admitted(filch__load_relaxed(&pool->gate)),
                                     .running = stats.running,
                                     .suspended = (uint32_t)stats.suspended});
}

/* Where the kernel does not tell what a thread is in, its CPU time does: it has run most of the time since the last look, or not.
 */
static bool has_run(struct filch__sampler *sampler, uint32_t track, uint64_t cpu_ns)
{
    filch__lock(&sampler->lock);
    uint64_t *known = filch__map_get(&sampler->cpu_ns, track);
    uint64_t before_ns = known ? *known : 0;
    if (known)
        *known = cpu_ns;
    filch__unlock(&sampler->lock);
    return before_ns && cpu_ns >= before_ns + FILCH__SAMPLE_EVERY_NS / 2; /* less: it is another thread */
}

static void look_at_track(struct filch__track *track, void *ctx)
{
    int32_t tid = filch__load_relaxed(&track->tid);
    if (!track->pool || !tid)
        return;
    uint64_t cpu_ns = filch__peek_cpu_ns(tid);
    int32_t call = filch__peek_call(tid);
    bool ran = has_run(ctx, track->number, cpu_ns);
    if (!cpu_ns) /* it has just ended */
        return;
    add(ctx, &(struct filch__sample){.ticks = filch__os_ticks(),
                                     .kind = FILCH__SAMPLE_THREAD,
                                     .of = track->number,
                                     .value = cpu_ns,
                                     .call = call,
                                     .on_cpu = call == FILCH__CALL_UNKNOWN ? ran : call == FILCH__CALL_RUNNING});
}

/* When the next look is due. */
static uint64_t look(struct filch__sampler *sampler)
{
    uint64_t now_ns = filch__os_now_ns(), before_ns = filch__peek_cpu_ns(filch__os_thread_id());
    filch__process_visit(look_at_pool, sampler);
    filch__trace_visit(look_at_track, sampler);
    sampler->spent_ns += filch__peek_cpu_ns(filch__os_thread_id()) - before_ns;
    sampler->looks++;
    uint64_t pause_ns = sampler->spent_ns / sampler->looks * SHARE;
    return now_ns + (pause_ns > FILCH__SAMPLE_EVERY_NS ? pause_ns : FILCH__SAMPLE_EVERY_NS);
}

/* ---- the thread ---- */

static void *run(void *arg)
{
    struct filch__sampler *sampler = arg;
    uint64_t due_ns = 0;
    filch__os_thread_name("filch-sampler");
    for (;;) {
        uint32_t looked = filch__bell_look(&sampler->bell);
        if (looked != sampler->looked)
            sampler->asked();
        sampler->looked = looked;
        if (filch__load_relaxed(&sampler->stop))
            return NULL;
        if (filch__os_now_ns() >= due_ns)
            due_ns = look(sampler);
        filch__bell_wait(&sampler->bell, looked, due_ns);
    }
}

int filch__sampler_start(struct filch__sampler *sampler, bool wraps, void (*asked)(void))
{
    filch__sampler_free(sampler);
    sampler->wraps = wraps;
    sampler->asked = asked;
    sampler->spent_ns = sampler->looks = 0;
    sampler->looked = filch__bell_look(&sampler->bell);
    filch__store_relaxed(&sampler->stop, 0);
    int r = filch__os_thread_start(&sampler->thread, run, sampler);
    sampler->started = !r;
    return r;
}

void filch__sampler_ask(struct filch__sampler *sampler)
{
    filch__bell_ring(&sampler->bell);
}

void filch__sampler_stop(struct filch__sampler *sampler)
{
    if (!sampler->started)
        return;
    filch__store_relaxed(&sampler->stop, 1);
    filch__sampler_ask(sampler);
    pthread_join(sampler->thread, NULL);
    sampler->started = false;
}

void filch__sampler_free(struct filch__sampler *sampler)
{
    filch__lock(&sampler->lock);
    free(sampler->samples);
    filch__map_free(&sampler->cpu_ns);
    sampler->samples = NULL;
    sampler->count = sampler->room = 0;
    sampler->wrapped = sampler->lost = 0;
    filch__unlock(&sampler->lock);
}

void filch__sampler_abandon(struct filch__sampler *sampler)
{
    sampler->started = false;
    filch__sampler_free(sampler);
}
