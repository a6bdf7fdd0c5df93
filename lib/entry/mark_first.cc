// SPDX-License-Identifier: BSL-1.0
//
// The mark of leakdir.o (shared/mark.hh). This part comes first when the object is joined and mark_last.cc last, so
// that the code of all others lies in between, whatever their files are called.

#include "shared/mark.hh"

static_assert(static_cast<int>(leakdir::MarkKind::kObject) == 1);

__asm__(".text\n.Lleakdir_code_begin:");
LEAKDIR_MARK(1, ".Lleakdir_code_begin", "leakdir_code_end", "leakdir_hooks_on_behalf");
