// SPDX-License-Identifier: BSL-1.0
//
// Where code and data of leakdir.o end: see mark_first.cc. The byte keeps the name from standing where the program's
// next function begins, which tools would then call by it.

#define CODE ",\"ax\",%progbits"
#define DATA ",\"aw\",%progbits"
#define ZEROS ",\"aw\",%nobits"
#define ENDS(section, end) __asm__(".section " section "\n.globl " end "\n.hidden " end "\n" end ": .skip 1\n.previous")

ENDS(".text" CODE, "leakdir_code_end");
ENDS(".text.unlikely" CODE, "leakdir_cold_end");
ENDS(".text.unlikely." CODE, "leakdir_cold_end_of_clang");
ENDS(".data" DATA, "leakdir_data_end");
ENDS(".data.rel.local" DATA, "leakdir_data_with_addresses_end");
ENDS(".bss" ZEROS, "leakdir_zeros_end");
ENDS(".bss.leakdir_large" ZEROS, "leakdir_large_end");
