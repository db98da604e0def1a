/* SPDX-License-Identifier: MIT */
#include "reclaim.h"

#include "compiler.h"

#include <urcu/urcu-memb.h>

/* The first word of a thread's reader record: nesting and phase. Programs that inline read sections share its layout with
 * the library, so it is part of liburcu's ABI. */
extern __thread unsigned long urcu_memb_reader;

#ifdef FILCH_TSAN
static char grace; /* names the edge R1 for ThreadSanitizer */
#endif

unsigned long *filch__reclaim_register(void)
{
    urcu_memb_register_thread();
    return &urcu_memb_reader;
}

void filch__reclaim_unregister(void)
{
    urcu_memb_unregister_thread();
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
    urcu_memb_synchronize_rcu();
#ifdef FILCH_TSAN
    __tsan_acquire(&grace);
#endif
}

void filch__reclaim_before_fork(void)
{
    urcu_memb_call_rcu_before_fork();
}

void filch__reclaim_after_fork_parent(void)
{
    urcu_memb_call_rcu_after_fork_parent();
}

void filch__reclaim_after_fork_child(void)
{
    urcu_memb_call_rcu_after_fork_child();
}

void filch__reclaim_bury(unsigned long *reader)
{
    *reader = 0;
}
