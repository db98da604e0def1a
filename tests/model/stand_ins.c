/* SPDX-License-Identifier: MIT */
/* stand_ins.c - in a model, what the runtime's lowest files are elsewhere: os.c, reclaim.c, overflow.c, process.c; spells.c, traces.c.
 *
 * Futexes, locks, threads and membarrier are the checker's. The clock stands still, until a timed wait ends: then it
 * is at that deadline; but a model may let it run (model_clock). A read section is a count per thread; a grace period
 * waits for each, and then all that was done before it has happened before what follows. Such a clock and the sections are
 * no steps of the model: what is done between two steps is done at once.
 */
#include "model.h"

#include "overflow.h"
#include "traces.h"

#include <errno.h>

enum { THREADS = 32, LARGE = 4096 };

uint32_t filch__generation;
const char *filch__os_cgroup_root;
bool filch__os_barrier_works = true;
bool model_starts_fail;
uint64_t *model_clock;

static uint64_t clock_ns;
static int sections[THREADS];

static unseen void reset(void)
{
    clock_ns = 1000;
    model_starts_fail = false;
    model_clock = NULL;
    for (int i = 0; i < THREADS; i++)
        sections[i] = 0;
}

__attribute__((constructor)) static void begin(void)
{
    mc_on_reset(reset);
}

/* Each thread of a model has its own errno, as elsewhere. */
static int errors[THREADS];

unseen int *model_errno_location(void)
{
    return &errors[mc_self()];
}

/* ---- memory ---- */

/* The array of a pool's workers has room for thousands, is cleared by memset, and is used at its beginning only: the
 * checker would spend most of its time on it. It is not watched. */
static _Alignas(64) char large[64 << 10];

void *model_malloc(size_t size)
{
    if (size < LARGE)
        return mc_alloc(size);
    mc_assert(size <= sizeof large);
    return large;
}

void model_free(void *memory)
{
    if (memory != large)
        mc_free(memory);
}

#undef memset
void *model_memset(void *memory, int value, size_t size)
{
    return memory == large ? memset(memory, value, size) : mc_memset(memory, value, size);
}

/* Alignment keeps writers apart, and nothing relies on more than mc_alloc gives. */
void *model_aligned_alloc(size_t alignment, size_t size)
{
    (void)alignment;
    return mc_alloc(size);
}

/* ---- os.c ---- */

static unseen uint64_t still_clock(void)
{
    return clock_ns;
}

uint64_t filch__os_now_ns(void)
{
    return model_clock ? filch__add_seq_cst(model_clock, 1) : still_clock();
}

uint64_t filch__os_ticks_slow(void)
{
    return 1;
}

void filch__os_read_clocks(uint64_t *ret_ticks, uint64_t *ret_ns)
{
    *ret_ticks = 1;
    *ret_ns = filch__os_now_ns();
}

unseen int filch__os_futex_wait(uint32_t *word, uint32_t expected, uint64_t deadline_ns)
{
    bool timed = deadline_ns != UINT64_MAX;
    if (timed && deadline_ns <= clock_ns) {
        mc_yield();
        return -ETIMEDOUT;
    }
    if (mc_futex_wait(word, expected, timed) != MC_TIMED_OUT)
        return 0;
    if (deadline_ns > clock_ns)
        clock_ns = deadline_ns;
    return -ETIMEDOUT;
}

void filch__os_futex_wake(uint32_t *word, int count)
{
    mc_futex_wake(word, count);
}

void filch__os_barrier_init(void)
{
}

void filch__os_barrier(void)
{
    mc_barrier();
}

void filch__os_yield(void)
{
    mc_yield();
}

/* The writes let the checker find a lock that is used before it is made, or after it was destroyed with its memory. */
void filch__lock_init(struct filch__lock *lock)
{
    *(uint64_t *)(void *)lock = 0;
}

void filch__lock_destroy(struct filch__lock *lock)
{
    *(uint64_t *)(void *)lock = 0;
}

void filch__lock(struct filch__lock *lock)
{
    mc_lock(lock);
}

void filch__unlock(struct filch__lock *lock)
{
    mc_unlock(lock);
}

static unseen bool start_fails(void)
{
    return model_starts_fail;
}

int filch__os_thread_start(pthread_t *ret_thread, void *(*run)(void *arg), void *arg)
{
    if (start_fails())
        return -EAGAIN;
    *ret_thread = (pthread_t)mc_spawn(run, arg);
    return 0;
}

int model_pthread_join(pthread_t thread, void **ret_value)
{
    (void)ret_value;
    mc_join((int)thread);
    return 0;
}

/* The key that tells the end of a thread is not made: no body of a model calls pthread_exit. */
int model_pthread_once(pthread_once_t *once, void (*run)(void))
{
    (void)once, (void)run;
    return 0;
}

void filch__os_thread_name(const char *name)
{
    (void)name;
}

int32_t filch__os_thread_id(void)
{
    return mc_self() + 1;
}

void *filch__os_map_data(size_t size, bool dense)
{
    (void)dense;
    return mc_zalloc(size);
}

void filch__os_unmap_data(void *base, size_t size)
{
    (void)size;
    mc_free(base);
}

/* For fork stacks: a strand's own stack is strands.c's. Nothing commits them page by page, and nothing is given back. */
void *filch__os_map_stacks(size_t size)
{
    return mc_zalloc(size);
}

void filch__os_unmap_stacks(void *base, size_t size)
{
    (void)size;
    mc_free(base);
}

bool filch__os_space_is_limited(void)
{
    return false;
}

void filch__os_release_pages(void *from, size_t size)
{
    mc_memset(from, 0, size);
}

size_t filch__os_page_size(void)
{
    return 4096;
}

unsigned filch__os_cpu_count(void)
{
    return 2;
}

void filch__os_thread_end(void)
{
    mc_fail("a body forked");
}

void filch__os_die(const char *message)
{
    mc_fail(message);
}

/* ---- the event descriptor: a number that is open or not, and a count that is read and cleared in one step ---- */

enum { EVENT_FD = 5 };
static uint32_t event_count;
static bool event_open;

unseen int filch__os_event_open(void)
{
    event_open = true;
    event_count = 0;
    return EVENT_FD;
}

static unseen void check_open(int fd)
{
    if (fd != EVENT_FD || !event_open)
        mc_fail("an event descriptor is used that is not open");
}

void filch__os_event_signal(int fd)
{
    check_open(fd);
    filch__add_seq_cst(&event_count, 1);
    mc_futex_wake(&event_count, 1);
}

void filch__os_event_clear(int fd)
{
    check_open(fd);
    (void)__atomic_exchange_n(&event_count, 0, __ATOMIC_SEQ_CST);
}

unseen void filch__os_event_close(int fd)
{
    check_open(fd);
    event_open = false;
}

void model_event_poll(int fd)
{
    check_open(fd);
    while (!filch__load_seq_cst(&event_count))
        mc_futex_wait(&event_count, 0, false);
}

/* ---- reclaim.c ---- */

static unsigned long record; /* every reader's: nobody forks */

void filch__reclaim_register(void **reader)
{
    *reader = &record;
}

void filch__reclaim_unregister(void **reader)
{
    *reader = NULL;
}

unseen void filch__reclaim_enter(void)
{
    sections[mc_self()]++;
}

unseen void filch__reclaim_leave(void)
{
    sections[mc_self()]--;
}

unseen int filch__reclaim_inside(void)
{
    return sections[mc_self()];
}

unseen void filch__reclaim_synchronize(void)
{
    mc_barrier();
    for (int i = 0; i < THREADS; i++)
        while (i != mc_self() && sections[i])
            mc_yield();
    mc_grace();
}

/* ---- overflow.c, process.c, traces.c ---- */

void filch__overflow_install(void)
{
}

void filch__trace_environment(void)
{
}

void filch__trace_stuck(void)
{
}

void filch__trace_pool_closes(struct filch_pool *pool)
{
    (void)pool;
}

void *filch__overflow_enter(void)
{
    return NULL;
}

void filch__overflow_leave(void *signal_stack)
{
    (void)signal_stack;
}

uint64_t filch_now_ns(void)
{
    return filch__os_now_ns();
}

uint64_t filch_in_ns(uint64_t duration_ns)
{
    uint64_t now = filch__os_now_ns();
    return duration_ns > FILCH_NO_DEADLINE - now ? FILCH_NO_DEADLINE : now + duration_ns;
}

unsigned filch_cpu_count(void)
{
    return filch__os_cpu_count();
}

struct filch_pool *filch_pool_default(void)
{
    mc_fail("a model uses the default pool");
}

void filch__process_watch(void)
{
}

void filch__process_add(struct filch_pool *pool)
{
    (void)pool;
}

void filch__process_remove(struct filch_pool *pool)
{
    (void)pool;
}

/* ---- spells.c ---- */

/* Where a worker's time goes is no part of any protocol but its own, which has a model (meters.c). */
void filch__worker_turn_slow(struct filch__worker *worker, enum filch__spell spell)
{
    (void)worker, (void)spell;
}

void filch__worker_turn_to_rest(struct filch__worker *worker)
{
    (void)worker;
}

void filch__worker_turn_kept(struct filch__worker *worker)
{
    (void)worker;
}

void filch__pool_ran_out(struct filch_pool *pool)
{
    (void)pool;
}
