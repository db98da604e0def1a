/* SPDX-License-Identifier: MIT */
#include "context.h"

#include <stdint.h>
#include <string.h>

/* In the .S files: where a new stack begins. */
void filch__context_start(void);

/* The frame that filch__context_switch pops, lowest address first; the .S files say the same in offsets. */
#if defined(__x86_64__)
struct frame {
    uint32_t mxcsr;
    uint32_t x87_control;
    uint64_t r15, r14, r13, r12, rbx, rbp;
    uint64_t rip;
};
#elif defined(__aarch64__)
struct frame {
    uint64_t x19_x28[10];
    uint64_t x29, x30;
    uint64_t d8_d15[8];
    uint64_t fpcr, unused;
};
#else
#error "filch has no context switch for this processor"
#endif

void *filch__context_make(void *top, void (*entry)(void *argument))
{
    /* Two words above the frame end the chain of frames for debuggers and unwinders. */
    uint64_t *end = (uint64_t *)top - 2;
    end[0] = end[1] = 0;
    struct frame *frame = (struct frame *)(void *)end - 1;
    memset(frame, 0, sizeof *frame);
#if defined(__x86_64__)
    frame->mxcsr = 0x1f80; /* as a process starts: round to nearest, no traps */
    frame->x87_control = 0x37f;
    frame->rbx = (uint64_t)(uintptr_t)entry;
    frame->rip = (uint64_t)(uintptr_t)filch__context_start;
#else
    frame->x19_x28[0] = (uint64_t)(uintptr_t)entry;
    frame->x30 = (uint64_t)(uintptr_t)filch__context_start;
#endif
    return frame;
}
