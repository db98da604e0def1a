/* SPDX-License-Identifier: MIT */
#include "watch.h"
#include "watchdog.h"

void filch__pool_tell_closer(struct filch_pool *pool)
{
    filch__add_seq_cst(&pool->quiet, 1);
    filch__os_futex_wake(&pool->quiet, INT32_MAX);
}

/* Parked, and counted so: look once more before sleeping. */
static void last_look(struct filch_pool *pool)
{
    if (filch__unlikely(filch__load_seq_cst(&pool->phase) != FILCH__POOL_OPEN)) {
        filch__pool_tell_closer(pool);
        if (filch__load_seq_cst(&pool->stopping))
            filch__idle_tell_one(pool, FILCH__TOKEN_RETIRE);
    }
    filch__pool_look(pool);
}

void filch__worker_rest(struct filch__worker *worker)
{
    filch__idle_push(worker);
    filch__gate_rest(&worker->pool->gate);
    last_look(worker->pool);
}

void filch__worker_park(struct filch__worker *worker)
{
    struct filch_pool *pool = worker->pool;
    bool searching = worker->searching;
    worker->searching = worker->permit = false;
    filch__count(&worker->count.parks);
    filch__pool_ran_out(pool);
    FILCH__PROBE2(park, pool, worker);
    filch__watch_worker(worker, FILCH__EVENT_PARK);
    if (filch__unlikely(filch__victims_has_retired(worker))) {
        /* A grace period may take long: without the permit, so that nobody waits for it. */
        filch__permit_pass(pool, searching ? filch__gate_leave_search(&pool->gate) : filch__gate_leave(&pool->gate));
        filch__victims_reclaim(worker);
        filch__worker_rest(worker);
        return;
    }
    filch__idle_push(worker);
    filch__permit_pass(pool, filch__gate_park(&pool->gate, searching));
    last_look(pool);
}

/* Sleep until told to run: then the worker holds a permit and searches. False: it is to end. */
bool filch__worker_sleep_until_told(struct filch__worker *worker)
{
    struct filch_pool *pool = worker->pool;
    for (;;) {
        switch (filch__load_acquire(&worker->token)) {
        case FILCH__TOKEN_RUN:
            filch__store_relaxed(&worker->token, FILCH__TOKEN_NONE);
            filch__worker_turn(worker, FILCH__SPELL_BUSY);
            worker->searching = worker->permit = true;
            filch__watch_worker(worker, FILCH__EVENT_FOUND);
            filch__watchdog_rouse(pool);
            return true;
        case FILCH__TOKEN_RETIRE:
            filch__store_relaxed(&worker->token, FILCH__TOKEN_NONE);
            if (filch__crew_try_retire(worker)) {
                filch__watch_worker(worker, FILCH__EVENT_FOUND);
                if (filch__load_relaxed(&pool->threads) > filch__crew_least(pool))
                    filch__idle_tell_one(pool, FILCH__TOKEN_LOOK); /* the rest may all have gone to sleep for good */
                /* G1: between its being told and its being uncounted, nobody could be woken or started. */
                filch__pool_look(pool);
                return false;
            }
            filch__worker_rest(worker);
            break;
        case FILCH__TOKEN_LOOK:
            filch__store_relaxed(&worker->token, FILCH__TOKEN_NONE);
            filch__worker_rest(worker);
            break;
        default: {
            filch__worker_turn_to_rest(worker);
            bool surplus = filch__load_relaxed(&pool->threads) > filch__crew_least(pool);
            uint64_t until = surplus ? filch_in_ns(pool->config.idle_timeout_ns) : FILCH_NO_DEADLINE;
            if (filch__os_futex_wait(&worker->token, FILCH__TOKEN_NONE, until))
                filch__idle_tell_one(pool, FILCH__TOKEN_RETIRE); /* perhaps this one: who sleeps is all alike */
        }
        }
    }
}

/* Surplus, or somebody is in line: lay the permit down and rest, the deque in sight of others. */
filch__cold bool filch__worker_yield_permit(struct filch__worker *worker)
{
    struct filch_pool *pool = worker->pool;
    enum filch__gate_park how = filch__gate_yield(&pool->gate);
    if (how == FILCH__PARK_NO)
        return false;
    worker->permit = false;
    if (worker->heir)
        filch__ready_here(worker, worker->heir);
    worker->heir = NULL;
    filch__count(&worker->count.gate_waits);
    filch__worker_turn_kept(worker);
    filch__watch_worker(worker, FILCH__EVENT_PERMIT);
    filch__permit_pass(pool, how);
    filch__worker_rest(worker);
    return true;
}

/* ---- what a worker has, given to others ---- */

void filch__requeue(struct filch_pool *pool, uintptr_t item)
{
    if (item & 1) {
        filch__inject_push(&pool->ready, &((struct filch__strand *)(item - 1))->link);
        return;
    }
    filch__add_relaxed(&pool->requeued, 1); /* the queue counts it as submitted once more */
    filch__entry_push(pool, (struct filch_future *)item);
}

/* The lock stands for the read section that a thread outside cannot have: what is retired is freed under it. */
void filch__pool_gather(struct filch_pool *pool)
{
    uintptr_t items[FILCH__HANDFUL];
    filch__lock(&pool->lock);
    for (size_t i = 0; i < FILCH_WORKERS_MAX && pool->worker[i]; i++) {
        enum filch__steal how;
        while ((how = filch__deque_steal(&pool->worker[i]->deque, items)) != FILCH__STEAL_EMPTY)
            if (how == FILCH__STEAL_OK)
                filch__requeue(pool, items[0]);
        for (size_t count; (count = filch__handful_open(&pool->worker[i]->handful, items)) > 0;)
            for (size_t k = 0; k < count; k++)
                filch__requeue(pool, items[k]);
    }
    filch__unlock(&pool->lock);
}

void filch__worker_flush(struct filch__worker *worker)
{
    struct filch_pool *pool = worker->pool;
    bool more;
    if (worker->heir)
        filch__requeue(pool, (uintptr_t)worker->heir | 1);
    worker->heir = NULL;
    for (uintptr_t item; (item = filch__deque_take(&worker->deque, &more));)
        filch__requeue(pool, item);
    for (uintptr_t item; (item = filch__handful_take(&worker->handful));)
        filch__requeue(pool, item);
    filch__pool_notify(pool);
}
