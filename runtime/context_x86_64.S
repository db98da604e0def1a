/* SPDX-License-Identifier: MIT */
/* context_x86_64.S - see context.h; the frame is `struct frame` in context.c. */
#ifdef __x86_64__
    .text
    .globl filch__context_switch
    .hidden filch__context_switch
    .type filch__context_switch, @function
    .p2align 4
filch__context_switch: /* rdi: void **ret_saved, rsi: to, rdx: argument */
    .cfi_startproc
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    subq $8, %rsp
    stmxcsr (%rsp)
    fnstcw 4(%rsp)
    movq %rsp, (%rdi)
    movq (%rsp), %rcx
    movq %rsi, %rsp
    cmpq %rcx, (%rsp) /* loading the control words drains the pipeline: only where they differ */
    jne 2f
1:  addq $8, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    popq %rcx
    movq %rdx, %rax
    jmpq *%rcx /* not ret: the return predictor knows only the stack that was left */
2:  ldmxcsr (%rsp)
    fldcw 4(%rsp)
    jmp 1b
    .cfi_endproc
    .size filch__context_switch, . - filch__context_switch

    .globl filch__context_start
    .hidden filch__context_start
    .type filch__context_start, @function
    .p2align 4
filch__context_start:
    .cfi_startproc
    .cfi_undefined rip /* the outermost frame: unwinding ends here */
    xorl %ebp, %ebp
    movq %rax, %rdi
    callq *%rbx
    ud2
    .cfi_endproc
    .size filch__context_start, . - filch__context_start
#endif
    .section .note.GNU-stack, "", %progbits
