/* SPDX-License-Identifier: MIT */
/* target.c - one input: a sequence of calls, then an orderly end, then the books. */
#include "fuzz.h"

#include <stdlib.h>

struct world world;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void (*const calls[])(void) = {
    call_pool_open,  call_submit,      call_submit_many,  call_wait_until,       call_cancel,       call_submit,
    call_pool_close, call_let_go,      call_promise_init, call_complete,         call_wait_any,     call_wait_all,
    call_status,     call_submit_copy, call_release,      call_queue_open,       call_queue_next,   call_queue_fd,
    call_wait,       call_wait_many,   call_pool_free,    call_pool_resize,      call_pool_look,    call_queue_close,
    call_outside,    call_submit,      call_block,        call_pool_close_twice, call_gate_open,    call_gate_enter,
    call_gate_leave, call_gate_resize, call_gate_close,   call_scope_open,       call_scope_cancel, call_scope_close,
    call_submit,     call_submit_copy,
};

enum { CALLS = sizeof calls / sizeof calls[0], CALLS_MOST = 120 };

static void begin(const uint8_t *data, size_t size)
{
    static struct filch_pool *shared;
    FILE *null = world.null, *full = world.full;
    if (!null) {
        must((null = fopen("/dev/null", "w")) != NULL);
        if ((full = fopen("/dev/full", "w")))
            setvbuf(full, NULL, _IONBF, 0);
    }
    if (!shared)
        must((shared = filch_pool_default()) != NULL);
    memset(&world, 0, sizeof world);
    world.input = (struct input){data, data + size};
    world.null = null;
    world.full = full;
    world.trace = getenv("FILCH_FUZZ_TRACE");
    must((world.lives = calloc(LIVES, sizeof *world.lives)) != NULL);
    must((world.embedded = calloc(EMBEDDED, sizeof *world.embedded)) != NULL);
    for (unsigned i = 0; i <= SLOTS; i++)
        world.slots[i] = (struct slot){.future = i < EMBEDDED ? &world.embedded[i] : NULL, .queue = -1};
    struct filch_pool_stats stats = stats_of(shared);
    world.pools[POOLS - 1] = (struct pool_slot){.pool = shared, .phase = OPEN, .accepted = stats.submitted};
    world.pools[POOLS - 1].limit = world.pools[POOLS - 1].high = stats.max_concurrency;
    world.pools[POOLS - 1].least = stats.min_workers;
}

/* Everything that waits for the driver is let go; then everything ends by itself. */
static void end_futures(void)
{
    for (unsigned i = 0; i < world.lives_used; i++)
        if (!world.lives[i].gone)
            life_let_go(&world.lives[i]);
    end_gates();
    for (unsigned i = 0; i < SLOTS; i++) {
        struct slot *slot = &world.slots[i];
        struct codes codes = {{0, -EALREADY}, slot->may_cancel ? 2 : 1};
        slot_look(slot);
        if (slot->state != PROMISE)
            continue;
        int r = filch_complete(slot->future, 0);
        check("filch_complete", r, &codes);
        slot->may_cancel = true;
        slot->status = filch_status(slot->future);
        slot->state = DONE;
    }
    for (unsigned i = 0; i < SLOTS; i++) {
        if (world.slots[i].state != FLIGHT)
            continue;
        check_one("filch_wait_until", filch_wait_until(world.slots[i].future, FILCH_NO_DEADLINE), 0);
        slot_look(&world.slots[i]);
        must(world.slots[i].state == DONE);
    }
}

/* The default pool stays open: it is quiet when its counters say so, and its workers have let go of their tasks. */
static void end_pools(enum filch_close mode)
{
    struct pool_slot *shared = &world.pools[POOLS - 1];
    for (unsigned i = 0; i < POOLS - 1; i++) {
        struct pool_slot *slot = &world.pools[i];
        if (slot->phase != NONE && slot->phase != CLOSED && !pool_end_now(slot, mode))
            deviate("the model does not know whether pool %u ends", i);
        filch_pool_free(slot->pool);
    }
    for (;;) {
        struct filch_pool_stats stats = stats_of(shared->pool);
        if (stats.submitted == stats.run + stats.dropped && stats.suspended == 0 && stats.running == 0)
            break;
        usleep(20);
    }
    uint64_t accepted = shared->accepted + atomic_load(&shared->children), submitted = stats_of(shared->pool).submitted;
    if (submitted != accepted)
        deviate("the default pool accepted %llu tasks, and counts %llu", (unsigned long long)accepted,
                (unsigned long long)submitted);
}

static void end_books(void)
{
    for (unsigned i = 0; i < world.lives_used; i++) {
        struct life *life = &world.lives[i];
        int begun = atomic_load(&life->begun), drops = atomic_load(&life->drops);
        wait_until(begun == atomic_load(&life->ended)); /* a detached one has nothing else to wait for */
        if (begun + drops > (life->accepted ? 1 : 0))
            deviate("a task that was %s ran %d times and was dropped %d times", life->accepted ? "accepted" : "refused",
                    begun, drops);
        if (life->accepted && begun + drops == 0 &&
            (life->has_dropped || !(life->cancelled || life->may_drop || life->edges)))
            deviate("an accepted task neither ran nor was dropped");
        sem_destroy(&life->go);
    }
    for (unsigned i = EMBEDDED; i < SLOTS; i++)
        filch_future_release(world.slots[i].future);
    for (unsigned i = 0; i < QUEUES; i++)
        filch_completions_close(world.queues[i]);
    if (atomic_load(&fuzz_allocated) != 0)
        deviate("pools leaked %ld bytes of their allocator's", atomic_load(&fuzz_allocated));
    free(world.embedded);
    free(world.lives);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    watchdog_set("a fuzzed sequence of calls", TEST_TIMEOUT);
    begin(data, size);
    enum filch_close mode = (enum filch_close)input_below(&world.input, 2);
    for (unsigned i = 0; i < CALLS_MOST && !input_is_empty(&world.input); i++)
        calls[input_below(&world.input, CALLS)]();
    end_futures();
    end_scopes();
    end_pools(mode);
    close_gates();
    end_books();
    watchdog_set("a fuzzed sequence of calls", 0);
    return 0;
}
