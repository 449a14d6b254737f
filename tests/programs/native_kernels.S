/* Hand-written code without call-frame information. */
    .intel_syntax noprefix
    .text

/* As OpenBLAS writes its kernels: registers are saved, the old stack pointer goes to rbx, the new one is
   aligned to a page far below. */
    .globl burn_kernel
    .type burn_kernel, @function
burn_kernel:
    sub rsp, 96
    mov [rsp], rbx
    mov [rsp + 8], rbp
    mov [rsp + 16], r12
    mov [rsp + 24], r13
    mov [rsp + 32], r14
    mov [rsp + 40], r15
    mov rbx, rsp
    sub rsp, 32896
    and rsp, -4096
    mov rax, rdi
    xor ebp, ebp
    mov r12, rdi
    mov r13, rdi
1:  imul r12, r13
    dec rax
    jnz 1b
    mov rsp, rbx
    mov rbx, [rsp]
    mov rbp, [rsp + 8]
    mov r12, [rsp + 16]
    mov r13, [rsp + 24]
    mov r14, [rsp + 32]
    mov r15, [rsp + 40]
    add rsp, 96
    ret
    .size burn_kernel, . - burn_kernel

/* Frame pointers that lead back to themselves. */
    .globl burn_circle
    .type burn_circle, @function
burn_circle:
    push rbp
    sub rsp, 64
    mov [rsp], rsp
    lea rax, [rip + 1f]
    mov [rsp + 8], rax
    mov rbp, rsp
    mov rax, rdi
1:  imul rdi, rdi
    dec rax
    jnz 1b
    add rsp, 64
    pop rbp
    ret
    .size burn_circle, . - burn_circle

/* (n, stack): runs on that stack, and puts nothing there. */
    .globl burn_at
    .type burn_at, @function
burn_at:
    push rbx
    mov rbx, rsp
    mov rsp, rsi
    mov rax, rdi
1:  imul rdi, rdi
    dec rax
    jnz 1b
    mov rsp, rbx
    pop rbx
    ret
    .size burn_at, . - burn_at

    .section .note.GNU-stack, "", @progbits
