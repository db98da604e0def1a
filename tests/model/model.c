/* SPDX-License-Identifier: MIT */
#include "model.h"

#include <errno.h>

struct filch_future *future[FUTURES];
uint64_t *written;
uint32_t *counter, *signals;
struct filch_pool *model_pool;

static uint32_t *running; /* atomic, so that the order of bodies is the model's */
static struct {
    int highest, ran[BODIES], count[BODIES];
} books;

static unseen void clear_books(void)
{
    books.highest = 0;
    for (int i = 0; i < BODIES; i++)
        books.ran[i] = books.count[i] = 0;
}

void model_begin(int count, enum filch__phase phase)
{
    clear_books();
    written = mc_zalloc(BODIES * sizeof *written);
    running = mc_zalloc(sizeof *running);
    counter = mc_zalloc(sizeof *counter);
    signals = mc_zalloc(2 * sizeof *signals);
    mc_name(written, BODIES * sizeof *written, "written");
    mc_name(running, sizeof *running, "running");
    mc_name(counter, sizeof *counter, "counter");
    mc_name(signals, 2 * sizeof *signals, "signals");
    static const char *const names[] = {"future[0]", "future[1]", "future[2]", "future[3]"};
    for (int i = 0; i < count; i++) {
        future[i] = mc_zalloc(sizeof *future[i]);
        mc_name(future[i], sizeof *future[i], names[i]);
        if (phase != FILCH__IDLE)
            filch__future_begin(future[i], phase, NULL);
    }
}

void *model_finisher(void *arg)
{
    uintptr_t i = (uintptr_t)arg;
    struct filch_future *mine = future[i];
    bool starts = filch__future_start(mine, mine);
    if (starts)
        written[i] = 7;
    filch__future_finish(mine, starts ? 7 : -ECANCELED);
    return NULL;
}

void *model_completer(void *arg)
{
    uintptr_t i = (uintptr_t)arg;
    written[i] = 7;
    mc_assert(filch_complete(future[i], 7) == 0);
    return NULL;
}

/* ---- books ---- */

static unseen void note(int i, int bodies)
{
    if (bodies > books.highest)
        books.highest = bodies;
    books.ran[i]++;
}

void model_enter(int i)
{
    note(i, 1 + (int)filch__add_relaxed(running, 1));
}

void model_leave(void)
{
    filch__sub_relaxed(running, 1);
}

unseen int model_ran(int i)
{
    return books.ran[i];
}

unseen int model_highest(void)
{
    return books.highest;
}

unseen void model_add(int i)
{
    books.count[i]++;
}

unseen int model_count(int i)
{
    return books.count[i];
}

/* ---- pools ---- */

void model_await_parked(unsigned workers)
{
    while (filch__gate_parked(filch__load_acquire(&model_pool->gate)) < workers)
        mc_yield();
    for (int i = 0; i < 4; i++) /* from parked to asleep */
        mc_yield();
}

void model_open(unsigned least, unsigned limit, unsigned flags)
{
    mc_quiet(true);
    struct filch_pool_config config = {.min_workers = least, .max_concurrency = limit, .flags = flags};
    mc_assert(filch_pool_open(&model_pool, &config) == 0);
    mc_name(&model_pool->gate, sizeof model_pool->gate, "gate");
    mc_name(&model_pool->idle, sizeof model_pool->idle, "idle");
    mc_name(&model_pool->entry, sizeof model_pool->entry, "entry");
    mc_name(&model_pool->ready, sizeof model_pool->ready, "ready");
    model_await_parked(least);
    mc_quiet(false);
}

void model_close(void)
{
    mc_quiet(true);
    mc_assert(filch_pool_close(model_pool, FILCH_CLOSE_DRAIN, FILCH_NO_DEADLINE) == 0);
    mc_assert(filch__gate_admitted(model_pool->gate) == 0); /* no permit was lost, none was made */
    filch_pool_free(model_pool);
}

void model_submit(int i, filch_fn *fn)
{
    mc_assert(filch_submit(model_pool, future[i], fn, MODEL_ARG(i)) == 0);
}

int model_body(void *arg)
{
    int i = (int)(uintptr_t)arg;
    model_enter(i);
    written[i] = 7;
    model_leave();
    return 7;
}

void model_start_race(void)
{
    filch__store_seq_cst(&signals[0], 1);
    mc_futex_wake(&signals[0], MC_THREADS);
    mc_quiet(false);
}

void model_await_race(void)
{
    while (!filch__load_acquire(&signals[0]))
        mc_futex_wait(&signals[0], 0, false);
}

void model_run(int count)
{
    for (int i = 0; i < count; i++)
        model_submit(i, model_body);
    for (int i = 0; i < count; i++)
        mc_assert(filch_wait(future[i]) == 7);
}

int model_needs_other(void *arg)
{
    uintptr_t i = (uintptr_t)arg;
    model_enter((int)i);
    filch__store_seq_cst(&signals[i], 1);
    while (!filch__load_acquire(&signals[!i]))
        mc_yield();
    model_leave();
    return 7;
}

void model_run_both(void)
{
    for (int i = 0; i < 2; i++)
        model_submit(i, model_needs_other);
    for (int i = 0; i < 2; i++)
        mc_assert(filch_wait(future[i]) == 7);
}

unseen void model_let_starts_fail(void)
{
    model_starts_fail = true;
}

unseen int model_init_fails(void *ctx, unsigned worker, void **ret_local)
{
    (void)ctx, (void)worker, (void)ret_local;
    model_let_starts_fail(); /* from then on, so that an execution has few threads */
    return -1;
}
