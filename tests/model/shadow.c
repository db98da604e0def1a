/* SPDX-License-Identifier: MIT */
/* shadow.c - plain memory: who accessed each byte last, whether it may be accessed at all; and the heap.
 *
 * Two accesses to one byte, one of them a write and at most one of them atomic, race unless one happens before the other
 * (C11 5.1.2.4). Each byte keeps the clock of its last write and of each thread's last read, as FastTrack does (Flanagan,
 * Freund, PLDI 2009). The heap never gives memory out twice in one execution, so that what was freed is known as such.
 */
#include "engine.h"

#include <string.h>
#include <sys/mman.h>

enum { LINE = 64, LINES = 16384, HEAP = 8 << 20, BLOCKS = 512, BELOW = 1536 };
enum lives { LIVES, UNWRITTEN, FREED, FRAME_LEFT };

static struct line {
    uintptr_t number;
    uint32_t execution;
    int16_t atomic[LINE]; /* the atomic object that begins here, plus 1 */
    uint8_t state[LINE];
    int8_t writer[LINE];
    int16_t written[LINE];
    int16_t read[LINE][MC_THREADS];
} * lines;
static uint32_t execution;
static char *heap;
static size_t heap_used;
static struct block {
    char *memory;
    size_t size;
    bool freed;
} blocks[BLOCKS];
static int block_count;
struct mc__accesses mc__accesses[MC_LOCATIONS];

void mc__shadow_begin(void)
{
    if (!lines) {
        lines = mmap(NULL, LINES * sizeof *lines, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        heap = mmap(NULL, HEAP, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (lines == MAP_FAILED || heap == MAP_FAILED)
            mc__fail_limit("memory");
    }
    execution++;
    heap_used = 0;
    block_count = 0;
}

static struct line *line_of(uintptr_t address)
{
    uintptr_t number = address / LINE;
    for (size_t i = number * 0x9e3779b97f4a7c15u >> 50, tries = 0; tries < LINES; i++, tries++) {
        struct line *line = &lines[i % LINES];
        if (line->execution == execution && line->number == number)
            return line;
        if (line->execution != execution) {
            memset(line, 0, sizeof *line);
            line->execution = execution;
            line->number = number;
            return line;
        }
    }
    mc__fail_limit("memory that is watched");
    return NULL;
}

static bool on_own_stack(uintptr_t address)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    return address / MC_STACK_SIZE == here / MC_STACK_SIZE; /* stacks are aligned to their size */
}

static void check_lives(struct line *line, int at, uintptr_t address, bool write)
{
    switch ((enum lives)line->state[at]) {
    case LIVES:
        return;
    case UNWRITTEN:
        if (write)
            line->state[at] = LIVES;
        return;
    case FREED:
        mc_fail("use after free");
    case FRAME_LEFT:
        if (!on_own_stack(address))
            mc_fail("use of a frame that its function has left");
        if (write)
            line->state[at] = LIVES; /* a new frame of the thread */
    }
}

bool mc__after_all(const struct mc__accesses *accesses, bool reads)
{
    for (int i = 0; i < mc__run.threads; i++)
        if (i != mc__run.me &&
            (mc__me->now.clock[i] < accesses->written[i] || (reads && mc__me->now.clock[i] < accesses->read[i])))
            return false;
    return true;
}

static bool after_last_write(const struct line *line, int at)
{
    int writer = line->writer[at];
    return writer == mc__run.me || mc__me->now.clock[writer] >= line->written[at];
}

static bool after_all_reads(const struct line *line, int at)
{
    for (int i = 0; i < mc__run.threads; i++)
        if (i != mc__run.me && mc__me->now.clock[i] < line->read[at][i])
            return false;
    return true;
}

void mc__plain(const void *memory, size_t size, bool write, void *pc)
{
    uintptr_t address = (uintptr_t)memory;
    struct line *line = NULL;
    if (mc__run.bug || !lines)
        return;
    for (size_t i = 0; i < size; i++, address++) {
        int at = (int)(address % LINE);
        if (!line || at == 0)
            line = line_of(address);
        check_lives(line, at, address, write);
        if (line->atomic[at] && !mc__after_all(&mc__accesses[line->atomic[at] - 1], write)) {
            mc__trace(pc, "plain %s of %s", write ? "write" : "read", mc__name_of(address));
            mc_fail("data race between a plain and an atomic access");
        }
        if (!after_last_write(line, at) || (write && !after_all_reads(line, at))) {
            mc__trace(pc, "plain %s of %s, last written by thread %d", write ? "write" : "read", mc__name_of(address),
                      line->writer[at]);
            mc_fail("data race");
        }
        if (!write) {
            line->read[at][mc__run.me] = mc__me->now.clock[mc__run.me];
            continue;
        }
        if (line->atomic[at]) /* it begins anew */
            mc__forget(line->atomic[at] - 1);
        line->atomic[at] = 0;
        line->writer[at] = (int8_t)mc__run.me;
        line->written[at] = mc__me->now.clock[mc__run.me];
    }
}

int mc__atomic_at(const void *object, int size, bool read, bool write, int16_t **place)
{
    uintptr_t address = (uintptr_t)object;
    struct line *line = line_of(address);
    for (int i = 0; i < size; i++) {
        int at = (int)(address % LINE) + i;
        if (read && line->state[at] == UNWRITTEN)
            mc_fail("an atomic is read before it is written");
        check_lives(line, at, address, true);
        if (!after_last_write(line, at) || (write && !after_all_reads(line, at)))
            mc_fail("data race between an atomic and a plain access");
    }
    *place = &line->atomic[address % LINE];
    return **place - 1;
}

/* ---- the heap ---- */

void *mc_alloc(size_t size)
{
    if (mc__may(mc__run.used.failures, mc__bounds.failures) && mc__bounds.failures && mc__choose(2, 8)) {
        mc__run.used.failures++;
        return NULL;
    }
    size_t rounded = (size + LINE - 1) / LINE * LINE;
    if (block_count == BLOCKS || heap_used + rounded > HEAP)
        mc__fail_limit("heap");
    char *memory = heap + heap_used;
    heap_used += rounded + LINE;
    blocks[block_count++] = (struct block){memory, size, false};
    for (size_t i = 0; i < size; i++)
        line_of((uintptr_t)memory + i)->state[i % LINE] = UNWRITTEN;
    return memory;
}

void *mc_zalloc(size_t size)
{
    void *memory = mc_alloc(size);
    if (memory) {
        memset(memory, 0, size);
        mc__plain(memory, size, true, NULL);
    }
    return memory;
}

/* Nothing may be accessed there any more, and what was accessed must have happened before. */
static void end_of(uintptr_t address, size_t size, enum lives state, const char *race)
{
    struct line *line = NULL;
    for (size_t i = 0; i < size; i++, address++) {
        int at = (int)(address % LINE);
        if (!line || at == 0)
            line = line_of(address);
        if (line->atomic[at]) {
            if (!mc__after_all(&mc__accesses[line->atomic[at] - 1], true))
                mc_fail(race);
            mc__forget(line->atomic[at] - 1);
            line->atomic[at] = 0;
        }
        if (!after_last_write(line, at) || !after_all_reads(line, at))
            mc_fail(race);
        memset(line->read[at], 0, sizeof line->read[at]);
        line->written[at] = 0;
        line->state[at] = (uint8_t)state;
    }
}

void mc_free(void *memory)
{
    if (!memory)
        return;
    mc__step(MC_WRITE, memory);
    mc__trace(__builtin_return_address(0), "free %s", mc__name_of((uintptr_t)memory));
    for (int i = 0; i < block_count; i++) {
        if (blocks[i].memory != memory)
            continue;
        if (blocks[i].freed)
            mc_fail("double free");
        blocks[i].freed = true;
        end_of((uintptr_t)memory, blocks[i].size, FREED, "a free races with an access");
        return;
    }
    mc_fail("free of what was not allocated");
}

__attribute__((noinline)) void mc_frames_are_dead(void)
{
    uintptr_t top = (uintptr_t)__builtin_frame_address(0);
    mc__me->now.clock[mc__run.me]++;
    end_of(top - BELOW, BELOW, FRAME_LEFT, "a frame is left while it is accessed");
}
