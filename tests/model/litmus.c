/* SPDX-License-Identifier: MIT */
/* litmus.c - the checker's own tests: the classic small programs with the outcomes that C11 forbids and allows.
 *
 * A model (MC_MODEL) never shows the forbidden outcome; its weaker twin (MC_FAULT) does show it. Names: SB store buffering,
 * MP message passing, CoRR coherence of two reads, 2+2W two threads that write two objects, IRIW independent reads of
 * independent writes, WRC write to read causality, LB load buffering (Maranget, Sarkar, Sewell; Alglave et al., TOPLAS 2014).
 */
#include "engine.h"

enum { X, Y, RELAXED = MC_RELAXED, ACQUIRE = MC_ACQUIRE, RELEASE = MC_RELEASE, SC = MC_SEQ_CST };
#define ALL_OF_IT .preemptions = MC_ANY, .stale = MC_ANY

static uint64_t *object[2];
static uint64_t result[4];
static int store_order, load_order, other_order;
static bool fences, anything_goes;

void __tsan_atomic_thread_fence(int order);

static void set(int i, uint64_t value, int order)
{
    mc__store(object[i], 8, value, order, __builtin_return_address(0));
}

static uint64_t get(int i, int order)
{
    return mc__load(object[i], 8, order, __builtin_return_address(0));
}

static void fence(void)
{
    if (fences)
        __tsan_atomic_thread_fence(SC);
}

static void begin(int stores, int loads)
{
    for (int i = 0; i < 2; i++) {
        object[i] = mc_zalloc(sizeof *object[i]);
        mc_name(object[i], sizeof *object[i], i == X ? "x" : "y");
    }
    for (int i = 0; i < 4; i++)
        result[i] = 9;
    store_order = stores;
    load_order = loads;
    fences = anything_goes = false;
}

/* What C11 forbids. Where anything goes, the outcomes are only counted, to compare one way of searching with another. */
#define forbid(condition)                                                                                              \
    do {                                                                                                               \
        if (!anything_goes)                                                                                            \
            mc_assert(!(condition));                                                                                   \
    } while (0)

static void run_all(void *(*first)(void *), void *(*second)(void *), void *(*third)(void *), void *(*fourth)(void *))
{
    void *(*const run[])(void *) = {first, second, third, fourth};
    int thread[4];
    for (int i = 0; i < 4; i++)
        thread[i] = run[i] ? mc_spawn(run[i], NULL) : 0;
    for (int i = 0; i < 4; i++)
        if (thread[i])
            mc_join(thread[i]);
    mc_outcome(((result[0] * 10 + result[1]) * 10 + result[2]) * 10 + result[3]);
}

/* ---- SB: x = 1; r0 = y || y = 1; r1 = x; both 0 ---- */

static void *sb_first(void *arg)
{
    set(X, 1, store_order);
    fence();
    result[0] = get(Y, load_order);
    return arg;
}

static void *sb_second(void *arg)
{
    set(Y, 1, store_order);
    fence();
    result[1] = get(X, load_order);
    return arg;
}

static void sb(void)
{
    run_all(sb_first, sb_second, NULL, NULL);
    forbid(result[0] == 0 && result[1] == 0);
}

MC_MODEL(litmus_sb_sc, "all accesses sc: not both 0", ALL_OF_IT)
{
    begin(SC, SC);
    sb();
}

MC_MODEL(litmus_sb_fences, "relaxed accesses with sc fences between: not both 0", ALL_OF_IT)
{
    begin(RELAXED, RELAXED);
    fences = true;
    sb();
}

MC_FAULT(litmus_sb_release, "release and acquire: both 0 is allowed", ALL_OF_IT)
{
    begin(RELEASE, ACQUIRE);
    sb();
}

MC_FAULT(litmus_sb_sc_stores, "sc stores, acquire loads: both 0 is allowed", ALL_OF_IT)
{
    begin(SC, ACQUIRE);
    sb();
}

MC_FAULT(litmus_sb_sc_loads, "release stores, sc loads: both 0 is allowed", ALL_OF_IT)
{
    begin(RELEASE, SC);
    sb();
}

/* ---- MP: x = 1; y = 1 || r0 = y; r1 = x; 1 and 0 ---- */

static void *mp_first(void *arg)
{
    set(X, 1, RELAXED);
    set(Y, 1, store_order);
    return arg;
}

static void *mp_second(void *arg)
{
    result[0] = get(Y, load_order);
    result[1] = get(X, RELAXED);
    return arg;
}

static void mp(void)
{
    run_all(mp_first, mp_second, NULL, NULL);
    forbid(result[0] == 1 && result[1] == 0);
}

MC_MODEL(litmus_mp_release, "release and acquire: who sees y sees x", ALL_OF_IT)
{
    begin(RELEASE, ACQUIRE);
    mp();
}

MC_FAULT(litmus_mp_relaxed_store, "a relaxed store of y carries nothing", ALL_OF_IT)
{
    begin(RELAXED, ACQUIRE);
    mp();
}

MC_FAULT(litmus_mp_relaxed_load, "a relaxed load of y takes nothing", ALL_OF_IT)
{
    begin(RELEASE, RELAXED);
    mp();
}

/* ---- CoRR: x = 1 || x = 2 || two reads || two reads: one order for all ---- */

static void *corr_one(void *arg)
{
    set(X, 1, RELAXED);
    return arg;
}

static void *corr_two(void *arg)
{
    set(X, 2, RELAXED);
    return arg;
}

static void *corr_reads(void *arg)
{
    result[0] = get(X, RELAXED);
    result[1] = get(X, RELAXED);
    return arg;
}

static void *corr_others(void *arg)
{
    result[2] = get(X, RELAXED);
    result[3] = get(X, RELAXED);
    return arg;
}

MC_MODEL(litmus_corr, "relaxed: two reads of one object never go back", ALL_OF_IT)
{
    begin(RELAXED, RELAXED);
    run_all(corr_one, corr_reads, NULL, NULL);
    forbid(result[0] > result[1]);
}

MC_MODEL(litmus_corr_two, "relaxed: two threads see two stores in one order", ALL_OF_IT)
{
    begin(RELAXED, RELAXED);
    run_all(corr_one, corr_two, corr_reads, corr_others);
    forbid(result[0] == 1 && result[1] == 2 && result[2] == 2 && result[3] == 1);
    forbid(result[0] == 2 && result[1] == 1 && result[2] == 1 && result[3] == 2);
}

/* ---- 2+2W: x = 1; y = 2 || y = 1; x = 2; at the end both are 1 ---- */

static void *w22_first(void *arg)
{
    set(X, 1, store_order);
    set(Y, 2, store_order);
    return arg;
}

static void *w22_second(void *arg)
{
    set(Y, 1, store_order);
    set(X, 2, store_order);
    return arg;
}

static void w22(void)
{
    run_all(w22_first, w22_second, NULL, NULL);
    uint64_t x = get(X, RELAXED), y = get(Y, RELAXED);
    mc_outcome(x * 10 + y);
    forbid(x == 1 && y == 1);
}

MC_MODEL(litmus_2_2w_sc, "sc: not both first stores are the last", ALL_OF_IT)
{
    begin(SC, SC);
    w22();
}

MC_FAULT(litmus_2_2w_release, "release: both first stores may be the last", ALL_OF_IT)
{
    begin(RELEASE, ACQUIRE);
    w22();
}

/* ---- IRIW: x = 1 || y = 1 || r0 = x; r1 = y || r2 = y; r3 = x; each reader sees another one first ---- */

static void *iriw_x(void *arg)
{
    set(X, 1, store_order);
    return arg;
}

static void *iriw_y(void *arg)
{
    set(Y, 1, store_order);
    return arg;
}

static void *iriw_reads(void *arg)
{
    result[0] = get(X, load_order);
    result[1] = get(Y, load_order);
    return arg;
}

static void *iriw_others(void *arg)
{
    result[2] = get(Y, load_order);
    result[3] = get(X, load_order);
    return arg;
}

static void iriw(void)
{
    run_all(iriw_x, iriw_y, iriw_reads, iriw_others);
    forbid(result[0] == 1 && result[1] == 0 && result[2] == 1 && result[3] == 0);
}

MC_MODEL(litmus_iriw_sc, "sc: the readers agree on which store came first", ALL_OF_IT)
{
    begin(SC, SC);
    iriw();
}

MC_FAULT(litmus_iriw_acquire, "acquire loads: they need not agree", ALL_OF_IT)
{
    begin(SC, ACQUIRE);
    iriw();
}

/* ---- WRC: x = 1 || r0 = x; y = 1 || r1 = y; r2 = x; 1, 1, 0 ---- */

static void *wrc_second(void *arg)
{
    result[0] = get(X, load_order);
    set(Y, 1, store_order);
    return arg;
}

static void *wrc_third(void *arg)
{
    result[1] = get(Y, load_order);
    result[2] = get(X, RELAXED);
    return arg;
}

static void wrc(void)
{
    run_all(iriw_x, wrc_second, wrc_third, NULL);
    forbid(result[0] == 1 && result[1] == 1 && result[2] == 0);
}

MC_MODEL(litmus_wrc_release, "release and acquire: causality goes through the second thread", ALL_OF_IT)
{
    begin(RELEASE, ACQUIRE);
    wrc();
}

MC_FAULT(litmus_wrc_relaxed, "relaxed: it does not", ALL_OF_IT)
{
    begin(RELAXED, RELAXED);
    wrc();
}

/* ---- release sequence: x = 1; y = 1 (release) || y becomes 2 || r0 = y; r1 = x ---- */

static void *sequence_change(void *arg)
{
    if (other_order < 0)
        set(Y, 2, RELAXED);
    else
        mc__rmw(object[Y], 8, 1, MC_ADD, RELAXED, __builtin_return_address(0));
    return arg;
}

static void sequence(void)
{
    run_all(mp_first, sequence_change, mp_second, NULL);
    forbid(result[0] == 2 && result[1] == 0);
}

MC_MODEL(litmus_sequence_rmw, "a relaxed addition continues the release sequence", ALL_OF_IT)
{
    begin(RELEASE, ACQUIRE);
    other_order = RELAXED;
    sequence();
}

MC_FAULT(litmus_sequence_store, "another thread's relaxed store ends it", ALL_OF_IT)
{
    begin(RELEASE, ACQUIRE);
    other_order = -1;
    sequence();
}

/* ---- sc without happens-before's help: an acquire load does not take part in the order ---- */

/* The shape of a deque: the owner stores y and loads x; one thief changes x; another sees that and loads y. */
static void *owner(void *arg)
{
    set(Y, 1, SC);
    result[0] = get(X, SC);
    return arg;
}

static void *thief(void *arg)
{
    mc__rmw(object[X], 8, 1, MC_ADD, SC, __builtin_return_address(0));
    return arg;
}

static void *second_thief(void *arg)
{
    result[1] = get(X, load_order);
    result[2] = get(Y, SC);
    return arg;
}

static void two_thieves(int loads)
{
    begin(SC, loads);
    run_all(owner, thief, second_thief, NULL);
    forbid(result[0] == 0 && result[1] == 1 && result[2] == 0);
}

MC_MODEL(litmus_thieves_sc, "x is loaded sc: who sees the change sees what was ordered before it", ALL_OF_IT)
{
    two_thieves(SC);
}

MC_FAULT(litmus_thieves_acquire, "x is loaded with acquire: that is not enough (RC11, C++20)", ALL_OF_IT)
{
    two_thieves(ACQUIRE);
}

/* ---- a limit: LB, r0 = x; y = 1 || r1 = y; x = 1; both 1 is allowed by C11 and not shown ---- */

static void *lb_first(void *arg)
{
    result[0] = get(X, RELAXED);
    set(Y, 1, RELAXED);
    return arg;
}

static void *lb_second(void *arg)
{
    result[1] = get(Y, RELAXED);
    set(X, 1, RELAXED);
    return arg;
}

MC_MODEL(litmus_lb_is_not_shown, "a limit of the checker: C11 allows both 1 for relaxed accesses", ALL_OF_IT)
{
    begin(RELAXED, RELAXED);
    run_all(lb_first, lb_second, NULL, NULL);
    forbid(result[0] == 1 && result[1] == 1);
}

/* ---- the same shapes, counted: tests/model/reduction.sh compares the outcomes ---- */

#define COUNTED(name, shape, stores, loads)                                                                            \
    MC_MODEL(counted_##name, "outcomes with and without reduction", ALL_OF_IT)                                         \
    {                                                                                                                  \
        begin(stores, loads);                                                                                          \
        anything_goes = true;                                                                                          \
        other_order = RELAXED;                                                                                         \
        shape();                                                                                                       \
    }
COUNTED(sb_release, sb, RELEASE, ACQUIRE)
COUNTED(sb_sc_stores, sb, SC, ACQUIRE)
COUNTED(mp_relaxed, mp, RELAXED, RELAXED)
COUNTED(w22_release, w22, RELEASE, ACQUIRE)
COUNTED(iriw_acquire, iriw, RELEASE, ACQUIRE)
COUNTED(wrc_relaxed, wrc, RELAXED, RELAXED)
COUNTED(wrc_sc, wrc, SC, SC)
COUNTED(sequence, sequence, RELEASE, ACQUIRE)

/* ---- what else it must report ---- */

static void *writes_plainly(void *arg)
{
    mc__plain(object[X], 8, true, __builtin_return_address(0));
    if (arg)
        set(Y, 1, RELEASE);
    return arg;
}

MC_FAULT(finds_data_race, "two plain writes, unordered", .preemptions = 1)
{
    begin(RELAXED, RELAXED);
    int other = mc_spawn(writes_plainly, NULL);
    mc__plain(object[X], 8, true, NULL);
    mc_join(other);
}

MC_MODEL(finds_no_race_when_ordered, "a plain write, released and acquired", ALL_OF_IT)
{
    begin(RELAXED, RELAXED);
    int other = mc_spawn(writes_plainly, object);
    if (get(Y, ACQUIRE))
        mc__plain(object[X], 8, true, NULL);
    mc_join(other);
    mc__plain(object[X], 8, false, NULL);
}

static void *adds(void *arg)
{
    mc__rmw(arg, 8, 1, MC_ADD, RELAXED, __builtin_return_address(0));
    return arg;
}

MC_FAULT(finds_use_after_free, "freed, while another thread adds", .preemptions = 1)
{
    begin(RELAXED, RELAXED);
    mc_spawn(adds, object[X]);
    mc_free(object[X]);
}

MC_FAULT(finds_free_that_races, "freed after the access, which did not happen before", .preemptions = 1)
{
    begin(RELAXED, RELAXED);
    mc_spawn(adds, object[X]);
    if (get(X, RELAXED) == 1)
        mc_free(object[X]);
}

MC_FAULT(finds_double_free, "freed twice", .preemptions = 0)
{
    begin(RELAXED, RELAXED);
    mc_free(object[X]);
    mc_free(object[X]);
}

MC_FAULT(finds_unwritten_atomic, "allocated, and loaded at once", .preemptions = 0)
{
    mc__load(mc_alloc(8), 8, RELAXED, NULL);
}

static void *locks_backwards(void *arg)
{
    mc_lock(object[Y]);
    mc_lock(object[X]);
    mc_unlock(object[X]);
    mc_unlock(object[Y]);
    return arg;
}

MC_FAULT(finds_deadlock, "two locks in two orders", .preemptions = 1)
{
    begin(RELAXED, RELAXED);
    int other = mc_spawn(locks_backwards, NULL);
    mc_lock(object[X]);
    mc_lock(object[Y]);
    mc_unlock(object[Y]);
    mc_unlock(object[X]);
    mc_join(other);
}

static uint32_t *word;

static void *sets_without_waking(void *arg)
{
    mc__store(word, 4, 1, RELEASE, __builtin_return_address(0));
    return arg;
}

static void *sets_and_wakes(void *arg)
{
    mc__store(word, 4, 1, RELEASE, __builtin_return_address(0));
    mc_futex_wake(word, 1);
    return arg;
}

static void wait_for(void *(*run)(void *))
{
    word = mc_zalloc(sizeof *word);
    mc_spawn(run, NULL);
    while (mc__load(word, 4, ACQUIRE, NULL) == 0)
        mc_futex_wait(word, 0, false);
}

MC_FAULT(finds_lost_wake_up, "the word is set, and nobody is woken", .preemptions = 1)
{
    wait_for(sets_without_waking);
}

MC_MODEL(finds_no_lost_wake_up, "set, then woken", ALL_OF_IT, .spurious = 2)
{
    wait_for(sets_and_wakes);
}

MC_FAULT(finds_livelock, "a spin loop that nobody ends", .preemptions = 0)
{
    begin(RELAXED, RELAXED);
    while (get(X, RELAXED) == 0)
        mc_yield();
}

static uint64_t **kept;

static __attribute__((noinline)) void keeps_a_pointer_into_its_frame(void)
{
    volatile uint64_t local[8] = {0};
    *kept = (uint64_t *)(uintptr_t)&local[0];
}

MC_FAULT(finds_frame_left, "another thread writes through a pointer into a frame that is gone", .preemptions = 0)
{
    static uint64_t *pointer;
    kept = &pointer;
    keeps_a_pointer_into_its_frame();
    mc_frames_are_dead();
    mc_join(mc_spawn(adds, pointer));
}
