/* SPDX-License-Identifier: MIT */
/* context_aarch64.S - see context.h; the frame is `struct frame` in context.c. */
#ifdef __aarch64__
    .text
    .globl filch__context_switch
    .hidden filch__context_switch
    .type filch__context_switch, %function
    .p2align 4
filch__context_switch: /* x0: void **ret_saved, x1: to, x2: argument */
    .cfi_startproc
    hint #34 /* bti c */
    sub sp, sp, #176
    stp x19, x20, [sp, #0]
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mrs x9, fpcr
    str x9, [sp, #160]
    mov x10, sp
    str x10, [x0]
    mov sp, x1
    ldr x10, [sp, #160]
    cmp x9, x10
    b.eq 1f
    msr fpcr, x10
1:  ldp x19, x20, [sp, #0]
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    add sp, sp, #176
    mov x0, x2
    ret x30
    .cfi_endproc
    .size filch__context_switch, . - filch__context_switch

    .globl filch__context_start
    .hidden filch__context_start
    .type filch__context_start, %function
    .p2align 4
filch__context_start:
    .cfi_startproc
    .cfi_undefined x30 /* the outermost frame: unwinding ends here */
    hint #36 /* bti j */
    mov x29, xzr
    blr x19
    brk #1
    .cfi_endproc
    .size filch__context_start, . - filch__context_start
#endif
    .section .note.GNU-stack, "", %progbits
