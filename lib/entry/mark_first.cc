// SPDX-License-Identifier: BSL-1.0
//
// The mark of leakdir.o (shared/mark.h). This part comes first when the object is joined and mark_last.cc last, so
// that code and data of all others lie in between, whatever their files are called. One for each section that a
// compiler puts functions into: cold ones have gcc's, or clang's.

#include "shared/mark.h"

static_assert(static_cast<int>(leakdir::kMarkOfObject) == 1);

#define BEGINS(section, begin, end, hooks)                                 \
  __asm__(".section " section ",\"ax\",%progbits\n" begin ":\n.previous"); \
  LEAKDIR_MARK(1, begin, end, hooks)

BEGINS(".text", ".Lbegin", "leakdir_code_end", "leakdir_hooks_on_behalf");
BEGINS(".text.unlikely", ".Lbegin_cold", "leakdir_cold_end", ".");
BEGINS(".text.unlikely.", ".Lbegin_cold_of_clang", "leakdir_cold_end_of_clang", ".");

// Each section of variables (system/own_data_object.cc).
#define DATA ",\"aw\",%progbits"
#define ZEROS ",\"aw\",%nobits"
#define DATA_BEGINS(section, begin) \
  __asm__(".section " section "\n.globl " begin "\n.hidden " begin "\n" begin ":\n.previous")

DATA_BEGINS(".data" DATA, "leakdir_data_begin");
DATA_BEGINS(".data.rel.local" DATA, "leakdir_data_with_addresses_begin");
DATA_BEGINS(".bss" ZEROS, "leakdir_zeros_begin");
DATA_BEGINS(".bss.leakdir_large" ZEROS, "leakdir_large_begin");
