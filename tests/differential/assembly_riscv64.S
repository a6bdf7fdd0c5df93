// SPDX-License-Identifier: BSL-1.0
//
// Hand-written calls: without unwind tables, with unusual ones, across stacks. Each function calls its first argument's target
// and returns. scenarios_contexts.cc uses them.

        .text
        .option norelax
        .option norvc

// No tables, a frame pointer.
        .globl  call_without_tables
        .type   call_without_tables, @function
call_without_tables:
        addi    sp, sp, -16
        sd      ra, 8(sp)
        sd      s0, 0(sp)
        addi    s0, sp, 16
        jalr    a0
        ld      ra, 8(sp)
        ld      s0, 0(sp)
        addi    sp, sp, 16
        ret
        .size   call_without_tables, . - call_without_tables

// No tables, and s0 holds anything.
        .globl  call_with_wild_fp
        .type   call_with_wild_fp, @function
call_with_wild_fp:
        addi    sp, sp, -16
        sd      ra, 8(sp)
        sd      s0, 0(sp)
        li      s0, 0x123456789abcdef1
        jalr    a0
        ld      ra, 8(sp)
        ld      s0, 0(sp)
        addi    sp, sp, 16
        ret
        .size   call_with_wild_fp, . - call_with_wild_fp

// The table says so, too: s0 is saved, and holds anything.
        .globl  call_with_known_wild_fp
        .type   call_with_known_wild_fp, @function
call_with_known_wild_fp:
        .cfi_startproc
        addi    sp, sp, -16
        sd      ra, 8(sp)
        sd      s0, 0(sp)
        .cfi_def_cfa_offset 16
        .cfi_offset ra, -8
        .cfi_offset s0, -16
        li      s0, 0x123456789abcdef1
        jalr    a0
        ld      ra, 8(sp)
        ld      s0, 0(sp)
        addi    sp, sp, 16
        .cfi_restore ra
        .cfi_restore s0
        .cfi_def_cfa_offset 0
        ret
        .cfi_endproc
        .size   call_with_known_wild_fp, . - call_with_known_wild_fp

// A wrong table: the frame is said to begin at s0, which holds no address.
        .globl  call_with_wrong_table
        .type   call_with_wrong_table, @function
call_with_wrong_table:
        .cfi_startproc
        addi    sp, sp, -16
        sd      ra, 8(sp)
        sd      s0, 0(sp)
        .cfi_def_cfa_offset 16
        .cfi_offset ra, -8
        .cfi_offset s0, -16
        .cfi_def_cfa s0, 0
        li      s0, 0x123456789ab0
        jalr    a0
        .cfi_def_cfa sp, 16
        ld      ra, 8(sp)
        ld      s0, 0(sp)
        addi    sp, sp, 16
        .cfi_restore ra
        .cfi_restore s0
        .cfi_def_cfa_offset 0
        ret
        .cfi_endproc
        .size   call_with_wrong_table, . - call_with_wrong_table

// Another wrong table: the return address is said to lie below the stack pointer.
        .globl  call_with_address_below
        .type   call_with_address_below, @function
call_with_address_below:
        .cfi_startproc
        addi    sp, sp, -16
        sd      ra, 8(sp)
        sd      s0, 0(sp)
        .cfi_def_cfa_offset 16
        .cfi_offset s0, -16
        .cfi_offset ra, -24
        jalr    a0
        ld      ra, 8(sp)
        ld      s0, 0(sp)
        addi    sp, sp, 16
        .cfi_restore ra
        .cfi_restore s0
        .cfi_def_cfa_offset 0
        ret
        .cfi_endproc
        .size   call_with_address_below, . - call_with_address_below

// The return address and s0 lie far from each other.
        .globl  call_with_address_apart
        .type   call_with_address_apart, @function
call_with_address_apart:
        .cfi_startproc
        addi    sp, sp, -64
        .cfi_def_cfa_offset 64
        sd      ra, 56(sp)
        sd      s0, 0(sp)
        .cfi_offset ra, -8
        .cfi_offset s0, -64
        jalr    a0
        ld      ra, 56(sp)
        ld      s0, 0(sp)
        addi    sp, sp, 64
        .cfi_restore ra
        .cfi_restore s0
        .cfi_def_cfa_offset 0
        ret
        .cfi_endproc
        .size   call_with_address_apart, . - call_with_address_apart

// The frame begins at an offset from s1.
        .globl  call_with_frame_in_another
        .type   call_with_frame_in_another, @function
call_with_frame_in_another:
        .cfi_startproc
        addi    sp, sp, -16
        .cfi_def_cfa_offset 16
        sd      ra, 8(sp)
        sd      s1, 0(sp)
        .cfi_offset ra, -8
        .cfi_offset s1, -16
        mv      s1, sp
        .cfi_def_cfa_register s1
        addi    sp, sp, -16
        jalr    a0
        mv      sp, s1
        .cfi_def_cfa_register sp
        ld      ra, 8(sp)
        ld      s1, 0(sp)
        addi    sp, sp, 16
        .cfi_restore ra
        .cfi_restore s1
        .cfi_def_cfa_offset 0
        ret
        .cfi_endproc
        .size   call_with_frame_in_another, . - call_with_frame_in_another

// s0 rests in another register.
        .globl  call_with_fp_in_another
        .type   call_with_fp_in_another, @function
call_with_fp_in_another:
        .cfi_startproc
        addi    sp, sp, -16
        .cfi_def_cfa_offset 16
        sd      ra, 8(sp)
        sd      s1, 0(sp)
        .cfi_offset ra, -8
        .cfi_offset s1, -16
        mv      s1, s0
        .cfi_register s0, s1
        li      s0, 0
        jalr    a0
        mv      s0, s1
        .cfi_same_value s0
        ld      ra, 8(sp)
        ld      s1, 0(sp)
        addi    sp, sp, 16
        .cfi_restore ra
        .cfi_restore s1
        .cfi_def_cfa_offset 0
        ret
        .cfi_endproc
        .size   call_with_fp_in_another, . - call_with_fp_in_another

// As a compiler makes them: so many frames, which are found by the stack pointer, of one that is the outermost. Each has
// an address of its own: chance cuts stacks at addresses, and could pick one that is in a stack many times.
        .set    frame, 0
        .balign 32
call_deep:
        .rept   32
        .balign 32
1:      .cfi_startproc
        addi    sp, sp, -16
        .cfi_def_cfa_offset 16
        sd      ra, 8(sp)
        .cfi_offset ra, -8
        .if     frame == 0
        jalr    a0
        .else
        jal     1b - 32
        .endif
        ld      ra, 8(sp)
        addi    sp, sp, 16
        .cfi_restore ra
        .cfi_def_cfa_offset 0
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
        .cfi_undefined ra
        addi    sp, sp, -16
        .cfi_def_cfa_offset 16
        sd      ra, 8(sp)
        slli    a1, a1, 5
        la      a2, call_deep
        add     a2, a2, a1
        jalr    a2
        ld      ra, 8(sp)
        addi    sp, sp, 16
        .cfi_def_cfa_offset 0
        ret
        .cfi_endproc
        .size   call_from_outermost, . - call_from_outermost

// The outermost frame, by its table.
        .globl  call_outermost
        .type   call_outermost, @function
call_outermost:
        .cfi_startproc
        .cfi_undefined ra
        addi    sp, sp, -16
        .cfi_def_cfa_offset 16
        sd      ra, 8(sp)
        jalr    a0
        ld      ra, 8(sp)
        addi    sp, sp, 16
        .cfi_def_cfa_offset 0
        ret
        .cfi_endproc
        .size   call_outermost, . - call_outermost

// call_on_stack(target, top): on another stack, with a table that leads back to this one.
        .globl  call_on_stack
        .type   call_on_stack, @function
call_on_stack:
        .cfi_startproc
        addi    sp, sp, -16
        sd      ra, 8(sp)
        sd      s0, 0(sp)
        .cfi_def_cfa_offset 16
        .cfi_offset ra, -8
        .cfi_offset s0, -16
        mv      s0, sp
        .cfi_def_cfa_register s0
        mv      sp, a1
        jalr    a0
        mv      sp, s0
        .cfi_def_cfa_register sp
        ld      ra, 8(sp)
        ld      s0, 0(sp)
        addi    sp, sp, 16
        .cfi_restore ra
        .cfi_restore s0
        .cfi_def_cfa_offset 0
        ret
        .cfi_endproc
        .size   call_on_stack, . - call_on_stack

// start_on_stack(target, top): on another stack, whose first frame returns to address 0 by the look of it.
        .globl  start_on_stack
        .type   start_on_stack, @function
start_on_stack:
        .cfi_startproc
        addi    sp, sp, -16
        sd      ra, 8(sp)
        sd      s0, 0(sp)
        .cfi_def_cfa_offset 16
        .cfi_offset ra, -8
        .cfi_offset s0, -16
        sd      sp, -16(a1)
        addi    sp, a1, -16
        li      s0, 0
        li      ra, 0
        j       start_on_stack_there
        .cfi_endproc
        .size   start_on_stack, . - start_on_stack

        .type   start_on_stack_there, @function
start_on_stack_there:
        .cfi_startproc
        addi    sp, sp, -16
        .cfi_def_cfa_offset 16
        sd      ra, 8(sp)
        .cfi_offset ra, -8
        jalr    a0
        ld      sp, 16(sp)
        ld      ra, 8(sp)
        ld      s0, 0(sp)
        addi    sp, sp, 16
        ret
        .cfi_endproc
        .size   start_on_stack_there, . - start_on_stack_there

        .section .note.GNU-stack, "", @progbits
