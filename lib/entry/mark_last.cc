// SPDX-License-Identifier: BSL-1.0
//
// Where the code of leakdir.o ends: see mark_first.cc. The byte keeps the name from standing where the program's next
// function begins, which tools would then call by it.

__asm__(".text\n.globl leakdir_code_end\n.hidden leakdir_code_end\nleakdir_code_end: .skip 1");
