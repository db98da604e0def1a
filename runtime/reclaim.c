/* SPDX-License-Identifier: MIT */
#include "reclaim.h"

#include "compiler.h"

#include <pthread.h>
#include <urcu/static/urcu-memb.h> /* for the layout of a reader's record, which is part of the library's ABI */
#include <urcu/urcu-memb.h>

/* Held by who changes or reads liburcu's list of readers, so that fork finds it whole. */
static pthread_mutex_t registry = PTHREAD_MUTEX_INITIALIZER;

#ifdef FILCH_TSAN
static char grace; /* names the edge R1 for ThreadSanitizer */
#endif

void filch__reclaim_register(void **reader)
{
    pthread_mutex_lock(&registry);
    urcu_memb_register_thread();
    *reader = &URCU_TLS(urcu_memb_reader);
    pthread_mutex_unlock(&registry);
}

void filch__reclaim_unregister(void **reader)
{
    pthread_mutex_lock(&registry);
    urcu_memb_unregister_thread();
    *reader = NULL;
    pthread_mutex_unlock(&registry);
}

void filch__reclaim_enter(void)
{
    urcu_memb_read_lock();
}

void filch__reclaim_leave(void)
{
#ifdef FILCH_TSAN
    __tsan_release(&grace);
#endif
    urcu_memb_read_unlock();
}

int filch__reclaim_inside(void)
{
    return urcu_memb_read_ongoing();
}

void filch__reclaim_synchronize(void)
{
    pthread_mutex_lock(&registry);
    urcu_memb_synchronize_rcu();
    pthread_mutex_unlock(&registry);
#ifdef FILCH_TSAN
    __tsan_acquire(&grace);
#endif
}

void filch__reclaim_before_fork(void)
{
    pthread_mutex_lock(&registry);
    urcu_memb_call_rcu_before_fork();
}

void filch__reclaim_after_fork_parent(void)
{
    urcu_memb_call_rcu_after_fork_parent();
    pthread_mutex_unlock(&registry);
}

void filch__reclaim_after_fork_child(void)
{
    urcu_memb_call_rcu_after_fork_child();
    pthread_mutex_unlock(&registry);
}

void filch__reclaim_bury(void *reader)
{
    struct urcu_reader *record = reader;
    if (!record->registered) /* it had left just before the fork */
        return;
    cds_list_del(&record->node);
    record->registered = 0;
    record->ctr = 0;
}
