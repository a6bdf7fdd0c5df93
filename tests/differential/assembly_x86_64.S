// SPDX-License-Identifier: BSL-1.0
//
// Hand-written calls: without unwind tables, with unusual ones, across stacks. Each function calls its first argument's target
// and returns. scenarios_contexts.cc and fast_walk_test.cc use them.

        .text

// No tables, a frame pointer.
        .globl  call_without_tables
        .type   call_without_tables, @function
call_without_tables:
        push    %rbp
        mov     %rsp, %rbp
        call    *%rdi
        pop     %rbp
        ret
        .size   call_without_tables, . - call_without_tables

// No tables, and rbp holds anything.
        .globl  call_with_wild_fp
        .type   call_with_wild_fp, @function
call_with_wild_fp:
        push    %rbp
        mov     $0x123456789abcdef1, %rbp
        call    *%rdi
        pop     %rbp
        ret
        .size   call_with_wild_fp, . - call_with_wild_fp

// The table says so, too: rbp is saved, and holds anything.
        .globl  call_with_known_wild_fp
        .type   call_with_known_wild_fp, @function
call_with_known_wild_fp:
        .cfi_startproc
        push    %rbp
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbp, 0
        mov     $0x123456789abcdef1, %rbp
        call    *%rdi
        pop     %rbp
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbp
        ret
        .cfi_endproc
        .size   call_with_known_wild_fp, . - call_with_known_wild_fp

// A wrong table: the frame is said to begin at rbp, which holds no address.
        .globl  call_with_wrong_table
        .type   call_with_wrong_table, @function
call_with_wrong_table:
        .cfi_startproc
        push    %rbp
        .cfi_def_cfa %rbp, 16
        .cfi_offset %rbp, -16
        mov     $0x0000123456789ab0, %rbp
        call    *%rdi
        pop     %rbp
        .cfi_def_cfa %rsp, 8
        ret
        .cfi_endproc
        .size   call_with_wrong_table, . - call_with_wrong_table

// The frame begins at an offset from rbx.
        .globl  call_with_frame_in_another
        .type   call_with_frame_in_another, @function
call_with_frame_in_another:
        .cfi_startproc
        push    %rbx
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbx, 0
        mov     %rsp, %rbx
        .cfi_def_cfa_register %rbx
        sub     $16, %rsp
        call    *%rdi
        mov     %rbx, %rsp
        .cfi_def_cfa_register %rsp
        pop     %rbx
        .cfi_adjust_cfa_offset -8
        ret
        .cfi_endproc
        .size   call_with_frame_in_another, . - call_with_frame_in_another

// rbp rests in another register.
        .globl  call_with_fp_in_another
        .type   call_with_fp_in_another, @function
call_with_fp_in_another:
        .cfi_startproc
        push    %rbx
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbx, 0
        mov     %rbp, %rbx
        .cfi_register %rbp, %rbx
        xor     %ebp, %ebp
        call    *%rdi
        mov     %rbx, %rbp
        .cfi_same_value %rbp
        pop     %rbx
        .cfi_adjust_cfa_offset -8
        ret
        .cfi_endproc
        .size   call_with_fp_in_another, . - call_with_fp_in_another

// As a compiler makes them: so many frames, which are found by the stack pointer, of one that is the outermost. Each has
// an address of its own: chance cuts stacks at addresses, and could pick one that is in a stack many times.
        .set    frame, 0
        .balign 16
call_deep:
        .rept   32
        .balign 16
1:      .cfi_startproc
        sub     $8, %rsp
        .cfi_adjust_cfa_offset 8
        .if     frame == 0
        call    *%rdi
        .else
        call    1b - 16
        .endif
        add     $8, %rsp
        .cfi_adjust_cfa_offset -8
        ret
        .cfi_endproc
        .set    frame, frame + 1
        .endr
        .type   call_deep, @function
        .size   call_deep, . - call_deep

        .globl  call_from_outermost
        .type   call_from_outermost, @function
call_from_outermost:
        .cfi_startproc
        .cfi_undefined %rip
        sub     $8, %rsp
        .cfi_adjust_cfa_offset 8
        mov     %esi, %esi
        shl     $4, %rsi
        lea     call_deep(%rip), %rax
        add     %rsi, %rax
        call    *%rax
        add     $8, %rsp
        .cfi_adjust_cfa_offset -8
        ret
        .cfi_endproc
        .size   call_from_outermost, . - call_from_outermost

// The outermost frame, by its table.
        .globl  call_outermost
        .type   call_outermost, @function
call_outermost:
        .cfi_startproc
        .cfi_undefined %rip
        sub     $8, %rsp
        .cfi_adjust_cfa_offset 8
        call    *%rdi
        add     $8, %rsp
        .cfi_adjust_cfa_offset -8
        ret
        .cfi_endproc
        .size   call_outermost, . - call_outermost

// call_on_stack(target, top): on another stack, with a table that leads back to this one.
        .globl  call_on_stack
        .type   call_on_stack, @function
call_on_stack:
        .cfi_startproc
        push    %rbp
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbp, 0
        mov     %rsp, %rbp
        .cfi_def_cfa_register %rbp
        mov     %rsi, %rsp
        call    *%rdi
        leave
        .cfi_def_cfa %rsp, 8
        ret
        .cfi_endproc
        .size   call_on_stack, . - call_on_stack

// start_on_stack(target, top): on another stack, whose first frame returns to address 0 by the look of it.
        .globl  start_on_stack
        .type   start_on_stack, @function
start_on_stack:
        .cfi_startproc
        push    %rbp
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbp, 0
        mov     %rsp, -16(%rsi)
        movq    $0, -24(%rsi)
        lea     -24(%rsi), %rsp
        xor     %ebp, %ebp
        jmp     start_on_stack_there
        .cfi_endproc
        .size   start_on_stack, . - start_on_stack

        .type   start_on_stack_there, @function
start_on_stack_there:
        .cfi_startproc
        sub     $8, %rsp
        .cfi_adjust_cfa_offset 8
        call    *%rdi
        add     $8, %rsp
        .cfi_adjust_cfa_offset -8
        mov     8(%rsp), %rsp
        pop     %rbp
        ret
        .cfi_endproc
        .size   start_on_stack_there, . - start_on_stack_there

// What the C library gives the kernel to return from a handler, without its table. The address before it is looked up, and must
// not lie in another function.
        nop
        .globl  return_from_signal
        .type   return_from_signal, @function
return_from_signal:
        mov     $15, %rax
        syscall
        .size   return_from_signal, . - return_from_signal

        .section .note.GNU-stack, "", @progbits
