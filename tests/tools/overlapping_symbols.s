/* SPDX-License-Identifier: BSL-1.0

   Symbols that lie upon each other in all ways: local, weak and global ones, with a size and without, in two sections,
   many at one address; by numbers that look like chance and are the same in each build. symbols_test.cc asks for each
   address whose it is. Directives alone, for any processor; linked with .data at 0x200000. */

        .altmacro

        .macro place number, binding, base, at, bytes
        .\binding number_\number
        .set number_\number, \base + \at
        .type number_\number, STT_OBJECT
        .size number_\number, \bytes
        .endm

        .set seed, 7
        .set count, 0
        .macro some times, binding, base, reach, unit
        .rept \times
        .set seed, (seed * 1103 + 12345) % 1000003
        place %count, \binding, \base, %(((seed / 7) % \reach) & -8), %(((seed / 1021) % 9) * \unit)
        .set count, count + 1
        .endr
        .endm

        .data
first:  .zero 4096
        .section .neighbour, "aw"
second: .zero 512

        some 40, local, first, 2048, 4
        some 40, weak, first, 2048, 4
        some 40, global, first, 2048, 4
        some 20, local, first, 2048, 0
        some 20, weak, first, 2048, 0
        some 20, global, first, 2048, 0
        some 6, weak, first, 2048, 24
        some 3, local, second, 512, 2
        some 3, global, second, 512, 0

        /* The last one of a section reaches into the next; a label is the last but one. */
        place last, global, first, 4080, 48
        place label, local, first, 4000, 0

        /* In no section, among the others. */
        .set absolute_label, 0x200000 + 2600
        .set absolute_object, 0x200000 + 2700
        .size absolute_object, 16
