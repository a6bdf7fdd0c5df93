// SPDX-License-Identifier: BSL-1.0
//
// Hand-written calls: without unwind tables, with unusual ones, across stacks. Each function calls its first argument's target
// and returns. scenarios_contexts.cc uses them.

        .text

// No tables, a frame pointer.
        .globl  call_without_tables
        .type   call_without_tables, %function
call_without_tables:
        stp     x29, x30, [sp, #-16]!
        mov     x29, sp
        blr     x0
        ldp     x29, x30, [sp], #16
        ret
        .size   call_without_tables, . - call_without_tables

// No tables, and x29 holds anything.
        .globl  call_with_wild_fp
        .type   call_with_wild_fp, %function
call_with_wild_fp:
        stp     x29, x30, [sp, #-16]!
        mov     x29, #0xdef1
        movk    x29, #0x89ab, lsl #16
        movk    x29, #0x0123, lsl #48
        blr     x0
        ldp     x29, x30, [sp], #16
        ret
        .size   call_with_wild_fp, . - call_with_wild_fp

// The table says so, too: x29 is saved, and holds anything.
        .globl  call_with_known_wild_fp
        .type   call_with_known_wild_fp, %function
call_with_known_wild_fp:
        .cfi_startproc
        stp     x29, x30, [sp, #-16]!
        .cfi_def_cfa_offset 16
        .cfi_offset x29, -16
        .cfi_offset x30, -8
        mov     x29, #0xdef1
        movk    x29, #0x89ab, lsl #16
        movk    x29, #0x0123, lsl #48
        blr     x0
        ldp     x29, x30, [sp], #16
        .cfi_restore x29
        .cfi_restore x30
        .cfi_def_cfa_offset 0
        ret
        .cfi_endproc
        .size   call_with_known_wild_fp, . - call_with_known_wild_fp

// A wrong table: the frame is said to begin at x29, which holds no address.
        .globl  call_with_wrong_table
        .type   call_with_wrong_table, %function
call_with_wrong_table:
        .cfi_startproc
        stp     x29, x30, [sp, #-16]!
        .cfi_def_cfa x29, 16
        .cfi_offset x29, -16
        .cfi_offset x30, -8
        mov     x29, #0x9ab0
        movk    x29, #0x5678, lsl #16
        movk    x29, #0x1234, lsl #32
        blr     x0
        ldp     x29, x30, [sp], #16
        .cfi_def_cfa sp, 0
        ret
        .cfi_endproc
        .size   call_with_wrong_table, . - call_with_wrong_table

// Another wrong table: the return address is said to lie below the stack pointer.
        .globl  call_with_address_below
        .type   call_with_address_below, %function
call_with_address_below:
        .cfi_startproc
        stp     x29, x30, [sp, #-16]!
        .cfi_def_cfa_offset 16
        .cfi_offset x29, -16
        .cfi_offset x30, -24
        blr     x0
        ldp     x29, x30, [sp], #16
        .cfi_def_cfa_offset 0
        ret
        .cfi_endproc
        .size   call_with_address_below, . - call_with_address_below

// The return address and x29 lie far from each other.
        .globl  call_with_address_apart
        .type   call_with_address_apart, %function
call_with_address_apart:
        .cfi_startproc
        sub     sp, sp, #64
        .cfi_def_cfa_offset 64
        str     x29, [sp]
        str     x30, [sp, #56]
        .cfi_offset x29, -64
        .cfi_offset x30, -8
        blr     x0
        ldr     x29, [sp]
        ldr     x30, [sp, #56]
        add     sp, sp, #64
        .cfi_restore x29
        .cfi_restore x30
        .cfi_def_cfa_offset 0
        ret
        .cfi_endproc
        .size   call_with_address_apart, . - call_with_address_apart

// The frame begins at an offset from x19.
        .globl  call_with_frame_in_another
        .type   call_with_frame_in_another, %function
call_with_frame_in_another:
        .cfi_startproc
        stp     x19, x30, [sp, #-16]!
        .cfi_def_cfa_offset 16
        .cfi_offset x19, -16
        .cfi_offset x30, -8
        mov     x19, sp
        .cfi_def_cfa_register x19
        sub     sp, sp, #16
        blr     x0
        mov     sp, x19
        .cfi_def_cfa_register sp
        ldp     x19, x30, [sp], #16
        .cfi_restore x19
        .cfi_restore x30
        .cfi_def_cfa_offset 0
        ret
        .cfi_endproc
        .size   call_with_frame_in_another, . - call_with_frame_in_another

// x29 rests in another register.
        .globl  call_with_fp_in_another
        .type   call_with_fp_in_another, %function
call_with_fp_in_another:
        .cfi_startproc
        stp     x19, x30, [sp, #-16]!
        .cfi_def_cfa_offset 16
        .cfi_offset x19, -16
        .cfi_offset x30, -8
        mov     x19, x29
        .cfi_register x29, x19
        mov     x29, #0
        blr     x0
        mov     x29, x19
        .cfi_same_value x29
        ldp     x19, x30, [sp], #16
        .cfi_restore x19
        .cfi_restore x30
        .cfi_def_cfa_offset 0
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
        str     x30, [sp, #-16]!
        .cfi_def_cfa_offset 16
        .cfi_offset x30, -16
        .if     frame == 0
        blr     x0
        .else
        bl      1b - 16
        .endif
        ldr     x30, [sp], #16
        .cfi_restore x30
        .cfi_def_cfa_offset 0
        ret
        .cfi_endproc
        .set    frame, frame + 1
        .endr
        .type   call_deep, %function
        .size   call_deep, . - call_deep

        .globl  call_from_outermost
        .type   call_from_outermost, %function
call_from_outermost:
        .cfi_startproc
        .cfi_undefined x30
        str     x30, [sp, #-16]!
        .cfi_def_cfa_offset 16
        adr     x2, call_deep
        add     x2, x2, w1, uxtw #4
        blr     x2
        ldr     x30, [sp], #16
        .cfi_def_cfa_offset 0
        ret
        .cfi_endproc
        .size   call_from_outermost, . - call_from_outermost

// The outermost frame, by its table.
        .globl  call_outermost
        .type   call_outermost, %function
call_outermost:
        .cfi_startproc
        .cfi_undefined x30
        str     x30, [sp, #-16]!
        .cfi_def_cfa_offset 16
        blr     x0
        ldr     x30, [sp], #16
        .cfi_def_cfa_offset 0
        ret
        .cfi_endproc
        .size   call_outermost, . - call_outermost

// call_on_stack(target, top): on another stack, with a table that leads back to this one.
        .globl  call_on_stack
        .type   call_on_stack, %function
call_on_stack:
        .cfi_startproc
        stp     x29, x30, [sp, #-16]!
        .cfi_def_cfa_offset 16
        .cfi_offset x29, -16
        .cfi_offset x30, -8
        mov     x29, sp
        .cfi_def_cfa_register x29
        mov     sp, x1
        blr     x0
        mov     sp, x29
        .cfi_def_cfa_register sp
        ldp     x29, x30, [sp], #16
        .cfi_restore x29
        .cfi_restore x30
        .cfi_def_cfa_offset 0
        ret
        .cfi_endproc
        .size   call_on_stack, . - call_on_stack

// start_on_stack(target, top): on another stack, whose first frame returns to address 0 by the look of it.
        .globl  start_on_stack
        .type   start_on_stack, %function
start_on_stack:
        .cfi_startproc
        stp     x29, x30, [sp, #-16]!
        .cfi_def_cfa_offset 16
        .cfi_offset x29, -16
        .cfi_offset x30, -8
        mov     x2, sp
        str     x2, [x1, #-16]!
        mov     sp, x1
        mov     x29, #0
        mov     x30, #0
        b       start_on_stack_there
        .cfi_endproc
        .size   start_on_stack, . - start_on_stack

        .type   start_on_stack_there, %function
start_on_stack_there:
        .cfi_startproc
        sub     sp, sp, #16
        .cfi_def_cfa_offset 16
        str     x30, [sp, #8]
        .cfi_offset x30, -8
        blr     x0
        ldr     x2, [sp, #16]
        mov     sp, x2
        ldp     x29, x30, [sp], #16
        ret
        .cfi_endproc
        .size   start_on_stack_there, . - start_on_stack_there

// What the kernel returns to from a handler, without a table. The address before it is looked up, and must not lie in another
// function.
        nop
        .globl  return_from_signal
        .type   return_from_signal, %function
return_from_signal:
        mov     x8, #139
        svc     #0
        .size   return_from_signal, . - return_from_signal

        .section .note.GNU-stack, "", %progbits
