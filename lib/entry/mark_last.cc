// SPDX-License-Identifier: BSL-1.0
//
// Where the code of leakdir.o ends: see mark_first.cc. The byte keeps the name from standing where the program's next
// function begins, which tools would then call by it.

#define ENDS(section, end) \
  __asm__(".section " section ",\"ax\",%progbits\n.globl " end "\n.hidden " end "\n" end ": .skip 1\n.previous")

ENDS(".text", "leakdir_code_end");
ENDS(".text.unlikely", "leakdir_cold_end");
ENDS(".text.unlikely.", "leakdir_cold_end_of_clang");
