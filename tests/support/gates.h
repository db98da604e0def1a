/* SPDX-License-Identifier: MIT */
/* gates.h - for the tests of user gates: who stands in line, and threads and tasks that enter. */
#ifndef TESTS_GATES_H
#define TESTS_GATES_H

#include "permits.h"

#include "tasks.h"

static inline struct filch_gate *gate_of(unsigned permits)
{
    struct filch_gate *gate = NULL;
    must(filch_gate_open(&gate, permits) == 0 && gate != NULL);
    return gate;
}

static inline size_t gate_waiting(struct filch_gate *gate)
{
    filch__lock(&gate->permits.lock);
    size_t waiting = gate->permits.waiting;
    filch__unlock(&gate->permits.lock);
    return waiting;
}

/* One that enters: a thread, or a task of a pool. It notes its turn, stays until it is told, and leaves. */
struct guest {
    struct filch_gate *gate;
    uint64_t deadline_ns;
    atomic_int *turns; /* how many have entered before; NULL: not counted */
    int turn;
    bool stays; /* until `go` */
    sem_t go;
    atomic_int inside;
    int result;
    struct filch_future future;
    pthread_t thread;
    bool is_thread;
};

static inline int guest_enter(void *data)
{
    struct guest *guest = data;
    guest->result = filch_gate_enter(guest->gate, guest->deadline_ns);
    if (guest->result)
        return guest->result;
    if (guest->turns)
        guest->turn = atomic_fetch_add(guest->turns, 1);
    atomic_store(&guest->inside, 1);
    if (guest->stays)
        sem_take(&guest->go);
    atomic_store(&guest->inside, 0);
    filch_gate_leave(guest->gate);
    return 0;
}

static inline void *guest_thread(void *data)
{
    guest_enter(data);
    return NULL;
}

/* `pool` NULL: a thread. The guest's other fields are set before. */
static inline void guest_send(struct guest *guest, struct filch_pool *pool)
{
    must(sem_init(&guest->go, 0, 0) == 0);
    guest->is_thread = !pool;
    if (pool)
        must(filch_submit(pool, &guest->future, guest_enter, guest) == 0);
    else
        guest->thread = thread_start(guest_thread, guest);
}

static inline int guest_await(struct guest *guest)
{
    if (guest->is_thread)
        thread_join(guest->thread);
    else
        must(filch_wait(&guest->future) == guest->result);
    sem_destroy(&guest->go);
    return guest->result;
}

#endif
